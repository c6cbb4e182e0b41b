//! From a KTX2 file to a picture.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use flate2::read::ZlibDecoder;
use impasto_types::ContainerFormat;

use super::fields::Fields;
use crate::ktx2_layout::{Ktx2Layout, Packing};
use crate::texels::most_mips;
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture};

/// Looks at every pixel, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let (fields, texels) = open(bytes, limits)?;
    match fields.faces().not_finite(&fields.split(&texels), fields.layout.texels) {
        Some((x, y)) => Err(AssetErrorKind::NotFinite { x, y }),
        None => Ok(()),
    }
}

/// Decodes the first picture of a file, or all of its faces or layers.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let (fields, texels) = open(bytes, limits)?;
    let faces = fields.faces();
    let (width, height) = faces.whole;
    let stored = fields.split(&texels);
    let (rgb, alpha) = faces.read(&stored, fields.layout.texels, fields.layout.has_alpha);
    drop(texels);
    let origin = Origin {
        color: fields.color(),
        depth: fields.layout.texels.depth(),
        alpha_kind: fields.alpha_kind(),
        orientation: fields.orientation,
        sheet: fields.sheet,
        ktx2: Some(Ktx2Layout { levels: wanted_levels(&fields), ..fields.layout }),
        ..Origin::synthetic(name, ContainerFormat::Ktx2)
    };
    let mut picture = Picture { width, height, rgb, alpha, extra: Vec::new(), origin };
    picture.check()?;
    if picture.origin.alpha_kind == AlphaKind::Associated {
        picture.divide_by_alpha();
        picture.check()?;
    }
    Ok(picture)
}

/// How many levels a result has: all of them, at any size, if the asset has all.
fn wanted_levels(fields: &Fields) -> u32 {
    let levels = fields.layout.levels;
    let has_all = levels > 1 && levels == most_mips((fields.width, fields.height));
    if has_all { u32::MAX } else { levels }
}

/// The header, and the texels of the first picture, or of those of all faces or layers. The other
/// levels have to be there too.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Fields, Cow<'a, [u8]>), AssetErrorKind> {
    let fields = Fields::read(Cursor::new(bytes), bytes.len() as u64, limits)?;
    let (offset, length) = fields.first;
    let end = offset.saturating_add(length) as usize;
    let packed = bytes.get(offset as usize..end).ok_or(AssetErrorKind::Truncated)?;
    let size = fields.first_bytes() as usize;
    let texels = unpack(packed, fields.layout.packing, size)?;
    Ok((fields, texels))
}

/// Exactly `size` bytes. No more are unpacked, whatever the packed ones hold.
fn unpack(packed: &[u8], packing: Packing, size: usize) -> Result<Cow<'_, [u8]>, AssetErrorKind> {
    let refuse = |error: std::io::Error| AssetErrorKind::damaged(ContainerFormat::Ktx2, error);
    let bytes = match packing {
        Packing::Plain => return Ok(Cow::Borrowed(packed)),
        Packing::Zstandard => zstd::bulk::decompress(packed, size).map_err(refuse)?,
        Packing::Zlib => {
            let mut bytes = Vec::new();
            let mut decoder = ZlibDecoder::new(packed).take(size as u64 + 1);
            decoder.read_to_end(&mut bytes).map_err(refuse)?;
            bytes
        }
    };
    if bytes.len() == size {
        Ok(Cow::Owned(bytes))
    } else {
        Err(super::damaged("a level has another size than its texels"))
    }
}
