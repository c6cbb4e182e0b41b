//! From a KTX2 file to a picture.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use flate2::read::ZlibDecoder;
use impasto_types::ContainerFormat;

use super::fields::Fields;
use crate::ktx2_layout::{Ktx2Layout, Packing};
use crate::texels::{each_pixel, most_mips};
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture};

/// Looks at every pixel, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let (fields, texels) = open(bytes, limits)?;
    let size = (fields.width as usize, fields.height as usize);
    let mut wrong = None;
    each_pixel(&texels, fields.layout.texels, size, |x, y, pixel| {
        if pixel.iter().any(|sample| !sample.is_finite()) {
            wrong = Some((x as u32, y as u32));
        }
        wrong.is_none()
    });
    wrong.map_or(Ok(()), |(x, y)| Err(AssetErrorKind::NotFinite { x, y }))
}

/// Decodes the first picture of a file.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let (fields, texels) = open(bytes, limits)?;
    let (width, height) = (fields.width, fields.height);
    let pixels = width as usize * height as usize;
    let mut rgb = vec![0.0; 3 * pixels];
    let mut alpha = fields.layout.has_alpha.then(|| vec![0.0; pixels]);
    each_pixel(&texels, fields.layout.texels, (width as usize, height as usize), |x, y, pixel| {
        let at = y * width as usize + x;
        rgb[3 * at..][..3].copy_from_slice(&pixel[..3]);
        if let Some(alpha) = &mut alpha {
            alpha[at] = pixel[3];
        }
        true
    });
    drop(texels);
    let origin = Origin {
        color: fields.color(),
        depth: fields.layout.texels.depth(),
        alpha_kind: fields.alpha_kind(),
        orientation: fields.orientation,
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

/// The header, and the texels of the first picture. The other levels have to be there too.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Fields, Cow<'a, [u8]>), AssetErrorKind> {
    let fields = Fields::read(Cursor::new(bytes), bytes.len() as u64, limits)?;
    let (offset, length) = fields.first;
    let end = offset.saturating_add(length) as usize;
    let packed = bytes.get(offset as usize..end).ok_or(AssetErrorKind::Truncated)?;
    let size = fields.layout.texels.picture_bytes((fields.width, fields.height)) as usize;
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
