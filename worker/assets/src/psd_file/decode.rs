//! From a document to a picture.

use std::io::Cursor;

use impasto_types::ContainerFormat;

use super::document::{Document, PALETTE_BYTES, Transparency};
use super::fields::{Fields, Mode};
use super::samples::Samples;
use super::white::{self, has_levels, levels};
use crate::psd_layout::without_white;
use crate::{AssetErrorKind, Depth, Limits, Origin, Picture, PsdLayout};

/// Unpacks every sample, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let document = Document::read(&mut Cursor::new(bytes), bytes.len() as u64, limits)?;
    samples(bytes, &document).map(drop)
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
    let white = alpha
        .as_deref()
        .filter(|alpha| is_channel && white::is_there(bytes, &document, &samples, alpha));
    let rgb = rgb(&samples, fields, document.palette.as_ref(), white);
    let extra: Vec<_> = (colors + usize::from(is_channel)..fields.channels).map(unit).collect();
    drop(samples);

    let layout = PsdLayout {
        large: fields.large,
        packing: document.packing,
        is_blended: !is_channel || !has_levels(fields.mode) || white.is_some(),
        has_lost_white: white.is_some(),
        size: (fields.width, fields.height),
        channels: (is_channel, extra.len()),
        resolution: document.resources.resolution,
        resources: document.resources.kept,
        layer: document.layers.plain.map(|plain| plain.name),
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

/// The samples, of which those of the picture are numbers.
fn samples<'a>(bytes: &'a [u8], document: &'a Document) -> Result<Samples<'a>, AssetErrorKind> {
    let data = usize::try_from(document.samples_at).ok().and_then(|at| bytes.get(at..));
    let data = data.ok_or(AssetErrorKind::Truncated)?;
    let samples = Samples::read(data, document.packing, &document.fields)?;
    let is_channel = document.transparency() == Transparency::Channel;
    let seen = document.fields.mode.colors() + usize::from(is_channel);
    match samples.not_finite(seen) {
        Some((x, y)) => Err(AssetErrorKind::NotFinite { x, y }),
        None => Ok(samples),
    }
}

/// Red, green and blue as levels; `white` is the alpha by which white has to be taken out.
///
/// What was rounded below the white that is in it is black: less would be darker than black.
fn rgb(
    samples: &Samples<'_>,
    fields: &Fields,
    palette: Option<&[u8; PALETTE_BYTES]>,
    white: Option<&[f32]>,
) -> Vec<f32> {
    let level = levels(fields);
    let channel = |channel: usize| {
        let levels = samples.channel(channel).map(level).enumerate();
        levels.map(|(at, level)| match white {
            Some(alpha) if fields.depth() == Depth::Float => without_white(level, alpha[at]),
            Some(alpha) => without_white(level, alpha[at]).clamp(0.0, 255.0),
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
