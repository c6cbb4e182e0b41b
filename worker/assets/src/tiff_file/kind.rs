//! What the samples of a TIFF page mean.

use std::io::{Read, Seek};

use super::directory::{Directory, File, damaged, tag, unsupported};
use crate::{AlphaKind, AssetErrorKind, Color, Depth, Limits};

/// The samples of a page, of a kind that can be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kind {
    pub width: u32,
    pub height: u32,
    /// 1, 2, 4, 8 or 16 for integers, 16 or 32 for floating point.
    pub bits: u8,
    pub float: bool,
    /// Samples of a pixel: the colours', then the extra ones.
    pub samples: usize,
    pub model: Model,
    /// What each extra sample is, as in the tag `ExtraSamples`.
    pub extra: Vec<u16>,
    /// Which of the extra samples is alpha.
    pub alpha: Option<(usize, AlphaKind)>,
    pub compression: u16,
    /// Each sample has its own strips or tiles.
    pub planar: bool,
    pub subsampled: bool,
    /// The picture is stored in tiles, not strips.
    pub tiled: bool,
    /// Width and height of a tile, or of a strip.
    pub chunk: (u32, u32),
}

/// How colours are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Gray { white_is_zero: bool },
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

/// Codes of the tag `ExtraSamples`.
pub(super) const UNSPECIFIED: u16 = 0;
const ASSOCIATED: u16 = 1;
const STRAIGHT: u16 = 2;

pub(super) const JPEG: u16 = 7;

/// Tiles of common programs have 1024 pixels a side at most.
const LARGE_TILE: u32 = 4096;

/// Huffman and quantisation tables together have some 600 bytes.
const MAX_JPEG_TABLES: u64 = 1 << 16;

/// As many as the widest common pixel has; see [`Limits::max_pixels`].
const COMMON_SAMPLES: u64 = 4;

impl Model {
    pub(super) fn samples(self) -> usize {
        match self {
            Self::Gray { .. } | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

impl AlphaKind {
    /// The code in the tag `ExtraSamples`.
    pub(crate) fn tiff_code(self) -> u16 {
        match self {
            Self::Straight => STRAIGHT,
            Self::Associated => ASSOCIATED,
            Self::Unspecified => UNSPECIFIED,
        }
    }
}

impl Kind {
    /// # Errors
    /// Names what cannot be read.
    pub(super) fn of<R: Read + Seek>(
        file: &mut File<R>,
        page: &Directory,
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let mut side = |tag| match file.first(page, tag)? {
            Some(side) => u32::try_from(side).map_err(|_| damaged("a side is too large")),
            None => Err(damaged("the size is missing")),
        };
        let (width, height) = (side(tag::WIDTH)?, side(tag::HEIGHT)?);
        limits.check(width, height)?;

        let samples = file.first(page, tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        let pixels = u64::from(width) * u64::from(height);
        if pixels.saturating_mul(samples) > limits.max_pixels.saturating_mul(COMMON_SAMPLES) {
            return Err(unsupported(format!(
                "{samples} samples in each of {width} x {height} pixels"
            )));
        }
        let samples = samples as usize;
        let (bits, float) = depth(file, page)?;
        let model = model(file, page, bits, float)?;
        let Some(extra) = samples.checked_sub(model.samples()) else {
            return Err(damaged("there are too few samples"));
        };
        let (extra, alpha) = extra_samples(file, page, extra)?;
        if model == Model::Cmyk && matches!(alpha, Some((_, AlphaKind::Associated))) {
            return Err(unsupported("CMYK that is multiplied by alpha"));
        }
        let compression = compression(file, page)?;
        let factors = file.numbers(page, tag::YCBCR_SUBSAMPLING)?;
        let subsampled = model == Model::YCbCr
            && (factors.is_empty() || factors.iter().any(|&factor| factor > 1));
        if subsampled && compression != JPEG {
            return Err(unsupported("YCbCr colours of reduced resolution"));
        }
        if let Some(layers @ 2..) = file.first(page, tag::IMAGE_DEPTH)? {
            return Err(unsupported(format!("{layers} layers, a volume")));
        }
        if file.first(page, tag::FILL_ORDER)?.unwrap_or(1) != 1 {
            return Err(unsupported("bits in reversed order (FillOrder 2)"));
        }
        let planar = match file.first(page, tag::PLANAR_CONFIGURATION)?.unwrap_or(1) {
            1 => false,
            2 => samples > 1,
            _ => return Err(damaged("the planar configuration is unknown")),
        };
        let chunk = chunk_size(file, page, (width, height))?;
        let kind = Self {
            width,
            height,
            bits,
            float,
            samples,
            model,
            extra,
            alpha,
            compression,
            planar,
            subsampled,
            tiled: page.entry(tag::TILE_OFFSETS).is_some(),
            chunk,
        };
        kind.check_tables(page)?;
        Ok(kind)
    }

    /// Refuses tables that are longer than the picture needs, which would be read whole.
    fn check_tables(&self, page: &Directory) -> Result<(), AssetErrorKind> {
        if self.chunk.0 == 0 || self.chunk.1 == 0 {
            return Err(damaged("a strip or tile is empty"));
        }
        let fits = |tag: u16, most: u64| page.entry(tag).is_none_or(|entry| entry.count <= most);
        let (at, sizes) = self.chunk_tags();
        let chunks = self.chunks() as u64;
        if fits(at, chunks) && fits(sizes, chunks) && fits(tag::JPEG_TABLES, MAX_JPEG_TABLES) {
            Ok(())
        } else {
            Err(damaged("there are more strips or tiles than the picture has"))
        }
    }

    /// The tags of the positions and the sizes of strips or tiles.
    pub(super) fn chunk_tags(&self) -> (u16, u16) {
        if self.tiled {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        }
    }

    /// How many strips or tiles there are, of all planes.
    pub(super) fn chunks(&self) -> usize {
        let (across, down) =
            (self.width.div_ceil(self.chunk.0), self.height.div_ceil(self.chunk.1));
        across as usize * down as usize * self.planes()
    }

    /// How many planes the samples are stored in: one, or one for each sample.
    pub(super) fn planes(&self) -> usize {
        if self.planar { self.samples } else { 1 }
    }

    pub(super) fn color(&self) -> Color {
        match self.model {
            Model::Gray { .. } => Color::Gray,
            Model::Rgb | Model::Palette | Model::Cmyk | Model::YCbCr => Color::Rgb,
        }
    }

    pub(super) fn depth(&self) -> Depth {
        match (self.float, self.bits, self.model) {
            (true, ..) => Depth::Float,
            (false, 16, _) => Depth::Sixteen,
            _ => Depth::Eight,
        }
    }
}

/// Bits of a sample, and whether it is a floating-point number.
fn depth<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
) -> Result<(u8, bool), AssetErrorKind> {
    const UNSIGNED: u64 = 1;
    const SIGNED: u64 = 2;
    const FLOAT: u64 = 3;
    const UNDEFINED: u64 = 4;
    let one = |values: Vec<u64>, default: u64, what: &str| match values[..] {
        [] => Ok(default),
        [first, ..] if values.iter().all(|&value| value == first) => Ok(first),
        _ => Err(unsupported(format!("samples of different {what}"))),
    };
    let bits = one(file.numbers(page, tag::BITS_PER_SAMPLE)?, 1, "depths")?;
    let format = one(file.numbers(page, tag::SAMPLE_FORMAT)?, UNSIGNED, "formats")?;
    match (format, bits) {
        (UNSIGNED | UNDEFINED, 1 | 2 | 4 | 8 | 16) => Ok((bits as u8, false)),
        (FLOAT, 16 | 32) => Ok((bits as u8, true)),
        (UNSIGNED | UNDEFINED, 24 | 32 | 64) => {
            Err(unsupported(format!("{bits}-bit integer samples")))
        }
        (UNSIGNED | UNDEFINED, _) => Err(unsupported(format!("{bits}-bit samples"))),
        (SIGNED, _) => Err(unsupported(format!("{bits}-bit signed integer samples"))),
        (FLOAT, _) => Err(unsupported(format!("{bits}-bit floating-point samples"))),
        _ => Err(unsupported("complex numbers as samples")),
    }
}

fn model<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
    bits: u8,
    float: bool,
) -> Result<Model, AssetErrorKind> {
    const INKS_THAT_ARE_NOT_CMYK: u64 = 2;
    let Some(code) = file.first(page, tag::PHOTOMETRIC)? else {
        return Err(damaged("the kind of colours is missing"));
    };
    let named = |what: &str| {
        let numbers = if float { " floating-point" } else { "" };
        Err(unsupported(format!("{bits}-bit{numbers} {what}")))
    };
    match code {
        0 | 1 => Ok(Model::Gray { white_is_zero: code == 0 }),
        2 => Ok(Model::Rgb),
        3 if float || bits > 8 => named("palette indices"),
        3 => Ok(Model::Palette),
        4 => named("transparency mask and no picture"),
        5 if file.first(page, tag::INK_SET)? == Some(INKS_THAT_ARE_NOT_CMYK) => {
            named("inks other than CMYK")
        }
        5 if float || bits < 8 => named("CMYK colours"),
        5 => Ok(Model::Cmyk),
        6 if float || bits != 8 => named("YCbCr colours"),
        6 => Ok(Model::YCbCr),
        8..=10 => named("CIE L*a*b* colours"),
        32_803 | 34_892 => named("raw data of a camera's sensor"),
        32_844 | 32_845 => named("LogLuv colours"),
        other => named(&format!("colours of the unknown kind {other}")),
    }
}

/// What each extra sample is, and which of them is alpha.
type ExtraSamples = (Vec<u16>, Option<(usize, AlphaKind)>);

/// What the extra samples are, and which of them is alpha.
///
/// Without a declared alpha, the first sample of unspecified meaning is treated as alpha that is
/// data, so that other formats keep it too. A single sample that no tag describes is straight
/// alpha: old programs write it so. A code that the standard does not have means nothing, and is
/// written so.
fn extra_samples<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
    count: usize,
) -> Result<ExtraSamples, AssetErrorKind> {
    let told = file.numbers(page, tag::EXTRA_SAMPLES)?;
    if told.len() > count {
        return Err(damaged("there are fewer extra samples than the file says"));
    }
    let known = |code: u64| match u16::try_from(code) {
        Ok(own @ (ASSOCIATED | STRAIGHT)) => own,
        _ => UNSPECIFIED,
    };
    let mut codes: Vec<u16> = match told[..] {
        [] if count == 1 => vec![STRAIGHT],
        _ => told.iter().map(|&code| known(code)).collect(),
    };
    codes.resize(count, UNSPECIFIED);
    let alpha = |code: u16, kind| Some((codes.iter().position(|&other| other == code)?, kind));
    let declared = [alpha(ASSOCIATED, AlphaKind::Associated), alpha(STRAIGHT, AlphaKind::Straight)];
    let first = declared.into_iter().flatten().min_by_key(|(at, _)| *at);
    let alpha = first.or_else(|| alpha(UNSPECIFIED, AlphaKind::Unspecified));
    Ok((codes, alpha))
}

fn compression<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
) -> Result<u16, AssetErrorKind> {
    let code = file.first(page, tag::COMPRESSION)?.unwrap_or(1);
    let name = match code {
        1 | 4 | 5 | 7 | 8 | 32_773 | 32_946 => return Ok(code as u16),
        2 | 32_771 => "CCITT run-length",
        3 => "CCITT group 3 fax",
        6 => "old-style JPEG",
        9 | 10 => "JBIG",
        32_766 => "NeXT",
        32_809 => "ThunderScan",
        33_003 | 33_004 | 33_005 | 34_712 => "JPEG 2000",
        34_676 | 34_677 => "SGI LogLuv",
        34_887 => "LERC",
        34_925 => "LZMA",
        50_000 => "zstd",
        50_001 => "WebP",
        50_002 | 52_546 => "JPEG XL",
        other => return Err(unsupported(format!("the unknown compression {other}"))),
    };
    Err(unsupported(format!("{name} compression")))
}

/// Width and height of a tile, or of a strip.
fn chunk_size<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
    (width, height): (u32, u32),
) -> Result<(u32, u32), AssetErrorKind> {
    if page.entry(tag::TILE_OFFSETS).is_none() {
        let rows = file.first(page, tag::ROWS_PER_STRIP)?.unwrap_or(u64::from(u32::MAX));
        return Ok((width, u32::try_from(rows).unwrap_or(u32::MAX).min(height)));
    }
    let mut side = |tag| file.first(page, tag).map(Option::unwrap_or_default);
    let sides = (side(tag::TILE_WIDTH)?, side(tag::TILE_HEIGHT)?);
    // A tile may be larger than the picture, but not by much.
    let most = |side: u32| u64::from(side.next_multiple_of(16).max(LARGE_TILE));
    match sides {
        (wide, high) if wide <= most(width) && high <= most(height) => {
            Ok((wide as u32, high as u32))
        }
        _ => Err(damaged("the tiles are too large")),
    }
}
