//! From a document to a picture.

use std::io::Cursor;

use impasto_types::{ContainerFormat, Depth};

use super::document::{Document, PALETTE_BYTES, Transparency};
use super::fields::{Fields, Mode};
use super::samples::Samples;
use crate::{AssetErrorKind, Limits, Origin, Picture, PsdLayout};

/// Unpacks every sample, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let document = Document::read(&mut Cursor::new(bytes), bytes.len() as u64, limits)?;
    let is_channel = document.transparency() == Transparency::Channel;
    let seen = document.fields.mode.colors() + usize::from(is_channel);
    match samples(bytes, &document)?.not_finite(seen) {
        Some((x, y)) => Err(AssetErrorKind::NotFinite { x, y }),
        None => Ok(()),
    }
}

/// Decodes the merged image. Bits become grey; palettes and CMYK become RGB.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let document = Document::read(&mut Cursor::new(bytes), bytes.len() as u64, limits)?;
    let samples = samples(bytes, &document)?;
    let transparency = document.transparency();
    let fields = &document.fields;
    let unit = |channel: usize| samples.plane(channel, |value| value / fields.most());

    let colors = fields.mode.colors();
    let is_channel = transparency == Transparency::Channel;
    let alpha = match transparency {
        Transparency::None => None,
        Transparency::Channel => Some(unit(colors)),
        Transparency::Index(clear) => {
            let opacity = |index| if index == f32::from(clear) { 0.0 } else { 1.0 };
            Some(samples.plane(0, opacity))
        }
    };
    let blended =
        alpha.as_deref().filter(|alpha| is_channel && is_blended(&samples, fields, alpha));
    let rgb = rgb(&samples, fields, document.palette.as_ref(), blended);
    let extra: Vec<_> = (colors + usize::from(is_channel)..fields.channels).map(unit).collect();
    drop(samples);

    let layout = PsdLayout {
        large: fields.large,
        packing: document.packing,
        is_blended: !is_channel || blended.is_some(),
        size: (fields.width, fields.height),
        channels: (is_channel, extra.len()),
        resolution: document.resources.resolution,
        resources: document.resources.kept,
        layer: document.layers.name,
    };
    let mut metadata = document.resources.metadata;
    let origin = Origin {
        color: fields.mode.color(),
        depth: fields.depth(),
        icc: metadata.icc.take(),
        psd: Some(layout),
        ..Origin::synthetic(name, ContainerFormat::Psd)
    };
    let origin = metadata.origin(origin);
    let picture = Picture { width: fields.width, height: fields.height, rgb, alpha, extra, origin };
    picture.check()?;
    Ok(picture)
}

fn samples<'a>(bytes: &'a [u8], document: &'a Document) -> Result<Samples<'a>, AssetErrorKind> {
    let data = usize::try_from(document.samples_at).ok().and_then(|at| bytes.get(at..));
    Samples::read(data.ok_or(AssetErrorKind::Truncated)?, document.packing, &document.fields)
}

/// Whether colours can be blended with white: then none is darker than the white that is in it.
///
/// Photoshop blends them. Others write them as they are, which shows where there is nothing to be
/// seen: there it is white in Photoshop's files.
fn is_blended(samples: &Samples<'_>, fields: &Fields, alpha: &[f32]) -> bool {
    /// Programs round differently.
    const TOLERANCE: f32 = 1.0;
    let level = levels(fields);
    (0..fields.mode.colors()).all(|channel| {
        samples.channel(channel).map(level).zip(alpha).all(|(value, &alpha)| {
            let white = 255.0 * (1.0 - alpha);
            value >= if alpha > 0.0 { white - TOLERANCE } else { white }
        })
    })
}

/// A level without the white that is blended with it. Where there is nothing but white it stays.
fn without_white(level: f32, alpha: f32) -> f32 {
    if alpha > 0.0 { (level - 255.0 * (1.0 - alpha)) / alpha } else { level }
}

/// From a sample to a level.
fn levels(fields: &Fields) -> impl Fn(f32) -> f32 + Copy {
    let most = fields.most();
    let depth = fields.depth();
    // 65535 is 257 * 255, so this is `v * 255 / 65535` with one rounding.
    move |value| if depth == Depth::Sixteen { value / 257.0 } else { value * (255.0 / most) }
}

/// Red, green and blue as levels; `blended` is the alpha by which white has to be taken out.
fn rgb(
    samples: &Samples<'_>,
    fields: &Fields,
    palette: Option<&[u8; PALETTE_BYTES]>,
    blended: Option<&[f32]>,
) -> Vec<f32> {
    let level = levels(fields);
    let channel = |channel: usize| {
        let levels = samples.channel(channel).map(level).enumerate();
        levels.map(|(at, level)| match blended {
            Some(alpha) => without_white(level, alpha[at]),
            None => level,
        })
    };
    let mut rgb = vec![0.0; 3 * fields.pixels()];
    let pixels = rgb.as_chunks_mut::<3>().0.iter_mut();
    match (fields.mode, palette) {
        (Mode::Bitmap, _) => pixels.zip(channel(0)).for_each(|(pixel, black)| {
            *pixel = [255.0 - black; 3];
        }),
        (Mode::Indexed, Some(palette)) => {
            pixels.zip(samples.channel(0)).for_each(|(pixel, index)| {
                *pixel = [0, 256, 512].map(|at| f32::from(palette[at + index as usize]));
            });
        }
        (Mode::Gray | Mode::Indexed, _) => {
            pixels.zip(channel(0)).for_each(|(pixel, level)| *pixel = [level; 3]);
        }
        (Mode::Rgb | Mode::Cmyk, _) => {
            for color in 0..3 {
                let places = rgb.iter_mut().skip(color).step_by(3);
                places.zip(channel(color)).for_each(|(place, level)| *place = level);
            }
        }
    }
    if fields.mode == Mode::Cmyk {
        for (pixel, light) in rgb.chunks_exact_mut(3).zip(channel(3)) {
            pixel.iter_mut().for_each(|level| *level *= light / 255.0);
        }
    }
    rgb
}
