//! From a TGA file to a picture.

use std::io::Cursor;

use impasto_types::{ContainerFormat, Depth};

use super::areas::Footer;
use super::fields::{Attribute, Fields};
use super::pixels::Pixels;
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture, TgaLayout};

/// Looks at every pixel, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let fields = Fields::parse(bytes)?;
    limits.check(fields.width.into(), fields.height.into())?;
    Pixels::read(bytes, &fields)?.check()
}

/// Decodes a file. Palettes become RGB, and the rows of every origin run down.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let fields = Fields::parse(bytes)?;
    let (width, height) = (u32::from(fields.width), u32::from(fields.height));
    limits.check(width, height)?;
    let (mut reader, length) = (Cursor::new(bytes), bytes.len() as u64);
    let footer = Footer::read(&mut reader, length);
    let attribute = fields.attribute(footer.attributes_type)?;
    let pixels = Pixels::read(bytes, &fields)?;

    let has_attribute = attribute != Attribute::None;
    let mut rgb = Vec::with_capacity(3 * fields.pixels());
    let mut plane = Vec::with_capacity(if has_attribute { fields.pixels() } else { 0 });
    for y in 0..height as usize {
        for x in 0..width as usize {
            let pixel = pixels.at(x, y)?;
            rgb.extend(pixel.rgb);
            if has_attribute {
                plane.push(pixel.attribute);
            }
        }
    }
    // Bits that are all zero are written again without being kept.
    let plane = Some(plane).filter(|plane| {
        matches!(attribute, Attribute::Alpha(_)) || plane.iter().any(|&value| value != 0.0)
    });
    let (alpha, extra, alpha_kind) = match attribute {
        Attribute::None => (None, Vec::new(), AlphaKind::Straight),
        Attribute::Alpha(kind) => (plane, Vec::new(), kind),
        Attribute::AlphaIfAny => (plane, Vec::new(), AlphaKind::Straight),
        Attribute::Data => (None, plane.into_iter().collect(), AlphaKind::Straight),
    };
    let layout = TgaLayout {
        top_down: fields.top_down,
        right_to_left: fields.right_to_left,
        run_length: fields.run_length,
        color_bits: match (fields.is_gray(), fields.color_bits()) {
            (true, 8) => 24,
            (true, _) => 32,
            // The same bits, which more programs read.
            (false, 15) => 16,
            (false, bits) => bits,
        },
        attribute_bits: fields.attribute_bits,
        screen: fields.screen,
        areas: footer.areas(&mut reader, length, &fields),
    };
    let origin = Origin {
        color: fields.color(),
        depth: Depth::Eight,
        alpha_kind,
        tga: Some(layout),
        ..Origin::synthetic(name, ContainerFormat::Tga)
    };
    let mut picture = Picture { width, height, rgb, alpha, extra, origin };
    if alpha_kind == AlphaKind::Associated {
        picture.divide_by_alpha();
    }
    picture.check()?;
    Ok(picture)
}
