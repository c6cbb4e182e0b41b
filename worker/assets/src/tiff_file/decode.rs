//! From samples to a picture.

use std::io::{Cursor, Read, Seek};

use impasto_types::ContainerFormat;

use super::directory::{Directory, File, damaged, tag};
use super::kind::{Kind, Model};
use super::metadata::Metadata;
use super::pages;
use super::samples::Samples;
use crate::{AlphaKind, AssetErrorKind, Limits, Origin, Picture, TiffLayout};

/// Decodes the page that is painted. Palettes, CMYK and YCbCr become RGB.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let mut file = File::open(Cursor::new(bytes), bytes.len() as u64)?;
    let page = pages::painted(&mut file)?;
    let kind = Kind::of(&mut file, &page, limits)?;
    let metadata = Metadata::of(&mut file, &page, &kind);
    let samples = Samples::read(bytes, &mut file, &page, &kind)?;

    let rgb = colors(&mut file, &page, &kind, &samples)?;
    let unit = |extra: usize| {
        let mut plane = samples.plane(kind.model.samples() + extra);
        plane.iter_mut().for_each(|value| *value /= kind.most());
        plane
    };
    let alpha_at = kind.alpha.map(|(at, _)| at);
    let alpha = alpha_at.map(unit);
    let extra = (0..kind.extra.len()).filter(|&at| Some(at) != alpha_at).map(unit).collect();
    drop(samples);

    let mut origin = Origin {
        color: kind.color(),
        depth: kind.depth(),
        icc: metadata.icc,
        density: metadata.density,
        aspect: metadata.aspect,
        orientation: metadata.orientation,
        notes: metadata.notes,
        alpha_kind: kind.alpha.map(|(_, alpha)| alpha).unwrap_or_default(),
        ..Origin::synthetic(name, ContainerFormat::Tiff)
    };
    origin.tiff = Some(TiffLayout {
        extra_samples: kind.extra,
        alpha_at,
        is_half: kind.float && kind.bits == 16,
    });
    let (width, height) = (kind.width, kind.height);
    let mut picture = Picture { width, height, rgb, alpha, extra, origin };
    if picture.origin.alpha_kind == AlphaKind::Associated {
        picture.divide_by_alpha();
    }
    picture.check()?;
    Ok(picture)
}

/// Unpacks every sample, without a picture.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let mut file = File::open(Cursor::new(bytes), bytes.len() as u64)?;
    let page = pages::painted(&mut file)?;
    let kind = Kind::of(&mut file, &page, limits)?;
    let samples = Samples::read(bytes, &mut file, &page, &kind)?;
    match samples.not_finite() {
        Some((x, y)) => Err(AssetErrorKind::NotFinite { x, y }),
        None => Ok(()),
    }
}

/// Red, green and blue as levels from 0 to 255.
fn colors<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
    kind: &Kind,
    samples: &Samples<'_>,
) -> Result<Vec<f32>, AssetErrorKind> {
    let most = kind.most();
    // 65535 is 257 * 255, so this is `v * 255 / 65535` with one rounding.
    let level = |value: f32| {
        if kind.bits == 16 && !kind.float { value / 257.0 } else { value * (255.0 / most) }
    };
    match kind.model {
        Model::Gray { white_is_zero } => {
            let gray = samples.plane(0).into_iter();
            let gray = gray.map(|value| level(if white_is_zero { most - value } else { value }));
            Ok(gray.flat_map(|level| [level; 3]).collect())
        }
        Model::Palette => {
            let palette = palette(&file.numbers(page, tag::COLOR_MAP)?, kind)?;
            let indices = samples.plane(0).into_iter();
            Ok(indices.flat_map(|index| palette[index as usize]).collect())
        }
        Model::Rgb => {
            let mut rgb = together(samples);
            rgb.iter_mut().for_each(|value| *value = level(*value));
            Ok(rgb)
        }
        Model::Cmyk => {
            let mut rgb = together(samples);
            for (pixel, black) in rgb.chunks_exact_mut(3).zip(samples.plane(3)) {
                let light = 1.0 - black / most;
                pixel.iter_mut().for_each(|ink| *ink = level(most - *ink) * light);
            }
            Ok(rgb)
        }
        Model::YCbCr => {
            let mut rgb = together(samples);
            let coding = YCbCr::of(file, page)?;
            for pixel in rgb.chunks_exact_mut(3) {
                pixel.copy_from_slice(&coding.rgb([pixel[0], pixel[1], pixel[2]]));
            }
            Ok(rgb)
        }
    }
}

/// The first three samples of each pixel, interleaved.
fn together(samples: &Samples<'_>) -> Vec<f32> {
    let planes = [samples.plane(0), samples.plane(1), samples.plane(2)];
    let mut pixels = vec![0.0; 3 * planes[0].len()];
    for (channel, plane) in planes.into_iter().enumerate() {
        for (pixel, value) in pixels.chunks_exact_mut(3).zip(plane) {
            pixel[channel] = value;
        }
    }
    pixels
}

/// The colours of a palette, which holds all reds, then all greens, then all blues.
fn palette(map: &[u64], kind: &Kind) -> Result<Vec<[f32; 3]>, AssetErrorKind> {
    let colors = 1_usize << kind.bits;
    if map.len() != 3 * colors {
        return Err(damaged("the palette has the wrong size"));
    }
    // The values have 16 bits, but old programs write 8.
    let shift = if map.iter().all(|&value| value < 256) { 0 } else { 8 };
    let level = |at: usize| f32::from((map[at] >> shift) as u8);
    Ok((0..colors).map(|at| [level(at), level(at + colors), level(at + 2 * colors)]).collect())
}

/// How brightness and two differences of colour code red, green and blue.
struct YCbCr {
    /// Shares of red, green and blue in brightness.
    luma: [f32; 3],
    /// The codes of black and white, of brightness and both differences.
    black: [f32; 3],
    white: [f32; 3],
}

impl YCbCr {
    fn of<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> Result<Self, AssetErrorKind> {
        let luma = match file.fractions(page, tag::YCBCR_COEFFICIENTS)?[..] {
            [] => [0.299, 0.587, 0.114],
            [red, green, blue] if green > 0.0 => [red as f32, green as f32, blue as f32],
            _ => return Err(damaged("the coefficients of YCbCr are wrong")),
        };
        let (black, white) = match file.fractions(page, tag::REFERENCE_BLACK_WHITE)?[..] {
            [] => ([0.0, 128.0, 128.0], [255.0; 3]),
            [y0, y1, cb0, cb1, cr0, cr1] if y0 != y1 && cb0 != cb1 && cr0 != cr1 => {
                ([y0 as f32, cb0 as f32, cr0 as f32], [y1 as f32, cb1 as f32, cr1 as f32])
            }
            _ => return Err(damaged("the reference values of YCbCr are wrong")),
        };
        Ok(Self { luma, black, white })
    }

    /// Whole levels, as all decoders give them.
    fn rgb(&self, codes: [f32; 3]) -> [f32; 3] {
        let spread = |at: usize, range: f32| {
            (codes[at] - self.black[at]) * range / (self.white[at] - self.black[at])
        };
        let (y, cb, cr) = (spread(0, 255.0), spread(1, 127.0), spread(2, 127.0));
        let [red_share, green_share, blue_share] = self.luma;
        let red = y + cr * (2.0 - 2.0 * red_share);
        let blue = y + cb * (2.0 - 2.0 * blue_share);
        let green = (y - red_share * red - blue_share * blue) / green_share;
        [red, green, blue].map(|level| level.round().clamp(0.0, 255.0))
    }
}
