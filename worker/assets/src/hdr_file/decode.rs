//! From a Radiance file to a picture.

use impasto_types::{ContainerFormat, Depth};

use super::header::Head;
use super::rows::Rows;
use crate::hdr_layout::{HdrLayout, HdrRows, Rgbe, light, nearest};
use crate::{AssetErrorKind, Limits, Origin, Picture};

/// Looks at every pixel, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let head = Head::read(bytes, limits)?;
    look(bytes, &head).map(drop)
}

/// Decodes a file. An exponent of 0 is black, whatever numbers stand with it.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let head = Head::read(bytes, limits)?;
    // Before memory is allocated for it.
    let Kind { rows, is_plain } = look(bytes, &head)?;
    let pixels = head.width as usize * head.height as usize;
    let mut rgb = Vec::with_capacity(3 * pixels);
    let mut exponents = (!is_plain).then(|| Vec::with_capacity(pixels));
    each_row(bytes, &head, |_, row, _| {
        rgb.extend(row.iter().flat_map(|pixel| levels(*pixel)));
        if let Some(exponents) = &mut exponents {
            exponents.extend(row.iter().map(|pixel| pixel[3]));
        }
        Ok(())
    })?;
    let Head { lines, width, height, orientation, .. } = head;
    let origin = Origin {
        depth: Depth::Float,
        orientation,
        hdr: Some(HdrLayout { lines, rows, exponents }),
        ..Origin::synthetic(name, ContainerFormat::Hdr)
    };
    let picture = Picture { width, height, rgb, alpha: None, extra: Vec::new(), origin };
    picture.check()?;
    Ok(picture)
}

/// What all rows together show.
struct Kind {
    rows: HdrRows,
    /// Every pixel has the exponent that the same colour gets anew.
    is_plain: bool,
}

fn look(bytes: &[u8], head: &Head) -> Result<Kind, AssetErrorKind> {
    let mut kind = Kind { rows: HdrRows::Flat, is_plain: true };
    each_row(bytes, head, |y, row, rows| {
        kind.rows = kind.rows.max(rows);
        for (x, pixel) in row.iter().enumerate() {
            if levels(*pixel).iter().any(|level| !level.is_finite()) {
                return Err(AssetErrorKind::NotFinite { x: x as u32, y });
            }
            kind.is_plain &= nearest(light(*pixel))[3] == pixel[3];
        }
        Ok(())
    })?;
    Ok(kind)
}

fn levels(pixel: Rgbe) -> [f32; 3] {
    light(pixel).map(|light| light * 255.0)
}

/// Gives each row to `see`, with its number and how it was packed.
fn each_row(
    bytes: &[u8],
    head: &Head,
    mut see: impl FnMut(u32, &[Rgbe], HdrRows) -> Result<(), AssetErrorKind>,
) -> Result<(), AssetErrorKind> {
    let start = usize::try_from(head.bytes).unwrap_or(usize::MAX);
    let mut rows = Rows::new(bytes.get(start..).unwrap_or_default());
    let mut row = vec![[0; 4]; head.width as usize];
    for y in 0..head.height {
        let packed = rows.read(&mut row)?;
        see(y, &row, packed)?;
    }
    Ok(())
}
