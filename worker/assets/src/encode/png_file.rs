//! PNG, with its own crate: the general interface cannot write pixel density or gamma.

use std::borrow::Cow;

use impasto_types::ContainerFormat;

use super::{Plan, level8, level16};
use crate::exif::Exif;
use crate::notes::Note;
use crate::{Color, Depth, Picture};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>) -> Result<Vec<u8>, png::EncodingError> {
    let mut info = png::Info::with_size(picture.width, picture.height);
    info.color_type = match (plan.color, plan.alpha) {
        (Color::Gray, None) => png::ColorType::Grayscale,
        (Color::Gray, Some(_)) => png::ColorType::GrayscaleAlpha,
        (Color::Rgb, None) => png::ColorType::Rgb,
        (Color::Rgb, Some(_)) => png::ColorType::Rgba,
    };
    let samples = match plan.depth {
        Depth::Eight => {
            info.bit_depth = png::BitDepth::Eight;
            plan.samples(level8)
        }
        Depth::Sixteen | Depth::Float => {
            info.bit_depth = png::BitDepth::Sixteen;
            plan.samples(|level| level16(level).to_be_bytes()).into_flattened()
        }
    };
    info.icc_profile = plan.icc.map(Cow::Borrowed);
    info.pixel_dims = dimensions(picture);
    let notes = picture.notes_in(ContainerFormat::Png);
    let exif = Exif::written(picture.origin.orientation, notes.map(|notes| &notes.exif));
    info.exif_metadata = exif.map(Cow::Owned);

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info)?;
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    if let Some(color) = &picture.origin.png_color {
        for (name, content) in color.chunks(plan.icc.is_some()) {
            writer.write_chunk(png::chunk::ChunkType(name), content)?;
        }
    }
    for note in notes.into_iter().flat_map(|notes| &notes.parts) {
        if let Note::Chunk { name, content } = note {
            writer.write_chunk(png::chunk::ChunkType(*name), content)?;
        }
    }
    writer.write_image_data(&samples)?;
    writer.finish()?;
    Ok(bytes)
}

/// Pixels of a metre; or, of a PNG that tells only their shape, that.
fn dimensions(picture: &Picture) -> Option<png::PixelDimensions> {
    let of = |x: f64, y: f64, unit| {
        Some(png::PixelDimensions { xppu: x.round() as u32, yppu: y.round() as u32, unit })
    };
    match (picture.origin.density, picture.aspect_in(ContainerFormat::Png)) {
        (Some(density), _) => of(density.x, density.y, png::Unit::Meter),
        (None, Some(aspect)) => of(aspect.x, aspect.y, png::Unit::Unspecified),
        (None, None) => None,
    }
}
