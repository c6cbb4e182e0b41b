//! From a DDS file to a picture.

use impasto_types::ContainerFormat;

use super::fields::Fields;
use crate::dds_layout::DdsLayout;
use crate::texels::most_mips;
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture};

/// Looks at every pixel, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let (fields, stored) = open(bytes, limits)?;
    match fields.faces().not_finite(&stored, fields.layout.pixels) {
        Some((x, y)) => Err(AssetErrorKind::NotFinite { x, y }),
        None => Ok(()),
    }
}

/// Decodes the first picture of a file, or all of its faces or layers.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let (fields, stored) = open(bytes, limits)?;
    let (layout, faces) = (fields.layout, fields.faces());
    // Known before memory is allocated for it.
    let has_alpha = fields.has_alpha().unwrap_or_else(|| faces.have_alpha(&stored, layout.pixels));
    let (rgb, alpha) = faces.read(&stored, layout.pixels, has_alpha);
    let (width, height) = faces.whole;
    let origin = Origin {
        color: fields.color(),
        depth: fields.depth(),
        alpha_kind: fields.alpha_kind(),
        dds: Some(DdsLayout { mips: wanted_mips(&fields), ..layout }),
        sheet: fields.sheet,
        ..Origin::synthetic(name, ContainerFormat::Dds)
    };
    let mut picture = Picture { width, height, rgb, alpha, extra: Vec::new(), origin };
    if picture.origin.alpha_kind == AlphaKind::Associated {
        picture.divide_by_alpha();
    }
    picture.check()?;
    Ok(picture)
}

/// How many mips a result has: all of them, at any size, if the asset has all.
fn wanted_mips(fields: &Fields) -> u32 {
    let mips = fields.layout.mips;
    let has_all = mips > 1 && mips == most_mips((fields.width, fields.height));
    if has_all { u32::MAX } else { mips }
}

/// The header, and the bytes of the first picture of each face. The mips have to be there too.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Fields, Vec<&'a [u8]>), AssetErrorKind> {
    let fields = Fields::parse(bytes, limits)?;
    if fields.file_bytes() > bytes.len() as u64 {
        return Err(AssetErrorKind::Truncated);
    }
    let part = |(start, size): (u64, u64)| bytes.get(start as usize..(start + size) as usize);
    let stored: Option<_> = fields.pictures().map(part).collect();
    Ok((fields, stored.ok_or(AssetErrorKind::Truncated)?))
}
