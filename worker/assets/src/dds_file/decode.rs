//! From a DDS file to a picture.

use impasto_types::ContainerFormat;

use super::fields::Fields;
use crate::dds_layout::DdsLayout;
use crate::texels::{each_pixel, has_alpha, most_mips};
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture};

/// Looks at every pixel, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let (fields, picture) = open(bytes, limits)?;
    let size = (fields.width as usize, fields.height as usize);
    let mut wrong = None;
    each_pixel(picture, fields.layout.pixels, size, |x, y, pixel| {
        if pixel.iter().any(|sample| !sample.is_finite()) {
            wrong = Some((x as u32, y as u32));
        }
        wrong.is_none()
    });
    wrong.map_or(Ok(()), |(x, y)| Err(AssetErrorKind::NotFinite { x, y }))
}

/// Decodes the first picture of a file.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let (fields, stored) = open(bytes, limits)?;
    let Fields { width, height, layout, .. } = fields;
    // Known before memory is allocated for it.
    let has_alpha =
        fields.has_alpha().unwrap_or_else(|| has_alpha(stored, layout.pixels, (width, height)));
    let pixels = width as usize * height as usize;
    let mut rgb = vec![0.0; 3 * pixels];
    let mut alpha = has_alpha.then(|| vec![0.0; pixels]);
    each_pixel(stored, layout.pixels, (width as usize, height as usize), |x, y, pixel| {
        let at = y * width as usize + x;
        rgb[3 * at..][..3].copy_from_slice(&pixel[..3]);
        if let Some(alpha) = &mut alpha {
            alpha[at] = pixel[3];
        }
        true
    });
    let origin = Origin {
        color: fields.color(),
        depth: fields.depth(),
        alpha_kind: fields.alpha_kind(),
        dds: Some(DdsLayout { mips: wanted_mips(&fields), ..layout }),
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

/// The header, and the bytes of the first picture. The mips have to be there too.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Fields, &'a [u8]), AssetErrorKind> {
    let fields = Fields::parse(bytes, limits)?;
    if fields.file_bytes() > bytes.len() as u64 {
        return Err(AssetErrorKind::Truncated);
    }
    let picture = bytes[fields.start..].get(..fields.picture_bytes() as usize);
    Ok((fields, picture.ok_or(AssetErrorKind::Truncated)?))
}
