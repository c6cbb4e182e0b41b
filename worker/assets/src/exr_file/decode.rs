//! From an EXR file to a picture.

use exr::meta::attribute::SampleType;
use half::f16;
use impasto_types::{ContainerFormat, Depth};

use super::chunks::{Area, each_chunk};
use super::fields::Fields;
use super::unsupported;
use crate::exr_layout::{ExrChannel, ExrRole};
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture};

/// Looks at every sample, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let fields = Fields::read(bytes, bytes.len() as u64, limits)?;
    let mut wrong = None;
    each_chunk(bytes, &fields, |area, samples| {
        each_row(&fields.layout.channels, area, samples, |channel, y, row| {
            let is_extra = matches!(channel.role, ExrRole::Extra(_));
            for (x, value) in values(channel, row)?.enumerate() {
                if !is_extra && !value.is_finite() && wrong.is_none() {
                    wrong = Some((area.left + x as u32, y));
                }
            }
            Ok(())
        })
    })?;
    wrong.map_or(Ok(()), |(x, y)| Err(AssetErrorKind::NotFinite { x, y }))
}

/// Decodes the pixels of the data window.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let fields = Fields::read(bytes, bytes.len() as u64, limits)?;
    let (width, height) = fields.size();
    let pixels = width as usize * height as usize;
    let mut planes: Option<Planes> = None;
    each_chunk(bytes, &fields, |area, samples| {
        // Not before all chunks are known to be there.
        let planes = planes.get_or_insert_with(|| Planes {
            rgb: vec![0.0; 3 * pixels],
            alpha: fields.has_alpha().then(|| vec![0.0; pixels]),
            extra: (0..fields.extra()).map(|_| vec![0.0; pixels]).collect(),
        });
        each_row(&fields.layout.channels, area, samples, |channel, y, row| {
            let start = y as usize * width as usize + area.left as usize;
            planes.put(channel.role, start, values(channel, row)?);
            Ok(())
        })
    })?;
    let Planes { rgb, alpha, extra } = planes.unwrap_or_default();
    let origin = Origin {
        color: fields.color(),
        depth: Depth::Float,
        alpha_kind: if alpha.is_some() { AlphaKind::Associated } else { AlphaKind::Straight },
        exr: Some(fields.layout),
        ..Origin::synthetic(name, ContainerFormat::Exr)
    };
    let mut picture = Picture { width, height, rgb, alpha, extra, origin };
    // Before the division, which makes infinity of a finite number only where alpha is tiny.
    picture.check()?;
    picture.divide_by_alpha();
    picture.check()?;
    Ok(picture)
}

#[derive(Debug, Default)]
struct Planes {
    rgb: Vec<f32>,
    alpha: Option<Vec<f32>>,
    extra: Vec<Vec<f32>>,
}

impl Planes {
    /// Puts a row of samples where their channel belongs; `start` is the place of the first.
    fn put(&mut self, role: ExrRole, start: usize, values: impl Iterator<Item = f32>) {
        match role {
            ExrRole::Gray => {
                for (pixel, value) in self.rgb[3 * start..].chunks_exact_mut(3).zip(values) {
                    pixel.fill(value * 255.0);
                }
            }
            ExrRole::Color(color) => {
                for (pixel, value) in self.rgb[3 * start..].chunks_exact_mut(3).zip(values) {
                    pixel[color] = value * 255.0;
                }
            }
            ExrRole::Alpha | ExrRole::Extra(_) => {
                let plane = match role {
                    ExrRole::Extra(number) => self.extra.get_mut(number),
                    _ => self.alpha.as_mut(),
                };
                for (sample, value) in plane.into_iter().flat_map(|it| &mut it[start..]).zip(values)
                {
                    *sample = value;
                }
            }
        }
    }
}

/// Gives each row of each channel to `see`, with its place from the top of the picture.
fn each_row(
    channels: &[ExrChannel],
    area: Area,
    mut samples: &[u8],
    mut see: impl FnMut(&ExrChannel, u32, &[u8]) -> Result<(), AssetErrorKind>,
) -> Result<(), AssetErrorKind> {
    for y in area.top..area.top + area.height {
        for channel in channels {
            let bytes = area.width as usize * channel.sample.bytes_per_sample();
            let (row, rest) = samples.split_at_checked(bytes).ok_or(AssetErrorKind::Truncated)?;
            samples = rest;
            see(channel, y, row)?;
        }
    }
    Ok(())
}

/// The values of a row. Integers that single precision cannot hold are refused.
fn values<'a>(
    channel: &ExrChannel,
    row: &'a [u8],
) -> Result<Box<dyn Iterator<Item = f32> + 'a>, AssetErrorKind> {
    Ok(match channel.sample {
        SampleType::F16 => {
            Box::new(row.as_chunks().0.iter().map(|two| f16::from_ne_bytes(*two).to_f32()))
        }
        SampleType::F32 => Box::new(row.as_chunks().0.iter().map(|four| f32::from_ne_bytes(*four))),
        SampleType::U32 => {
            let numbers = || row.as_chunks().0.iter().map(|four| u32::from_ne_bytes(*four));
            if let Some(number) =
                numbers().find(|number| f64::from(*number as f32) != f64::from(*number))
            {
                let name = channel.name.escape_ascii();
                return Err(unsupported(format!("the number {number} in the channel `{name}`")));
            }
            Box::new(numbers().map(|number| number as f32))
        }
    })
}
