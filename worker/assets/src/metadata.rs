//! Metadata beside pixels and profiles, as each format stores it.

use std::io::Cursor;

use impasto_types::ContainerFormat;

use crate::Color;
use crate::container::jpeg_segments;
use crate::density::Density;

/// The metadata that the `image` crate does not expose.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub density: Option<Density>,
    pub png_color: Option<PngColor>,
}

/// PNG's own description of its colours (sRGB, gamma, primaries), for files without an ICC profile.
/// It is copied without being interpreted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PngColor {
    pub(crate) srgb: Option<png::SrgbRenderingIntent>,
    pub(crate) gamma: Option<png::ScaledFloat>,
    pub(crate) chromaticities: Option<png::SourceChromaticities>,
}

/// Reads the metadata. Unreadable metadata counts as absent, because the picture does not depend on
/// it.
pub(crate) fn read_metadata(format: ContainerFormat, bytes: &[u8]) -> Metadata {
    match format {
        ContainerFormat::Png => from_png(bytes).unwrap_or_default(),
        ContainerFormat::Jpeg => Metadata { density: jpeg_density(bytes), ..Metadata::default() },
        ContainerFormat::Bmp => Metadata { density: bmp_density(bytes), ..Metadata::default() },
        ContainerFormat::Tga | ContainerFormat::Tiff | ContainerFormat::Webp => Metadata::default(),
    }
}

/// Whether an ICC profile describes pixels of this colour; a CMYK profile does not describe the RGB
/// pixels that the decoder returns.
pub(crate) fn describes(icc: &[u8], color: Color) -> bool {
    let space: &[u8] = match color {
        Color::Gray => b"GRAY",
        Color::Rgb => b"RGB ",
    };
    icc.get(16..20) == Some(space)
}

fn from_png(bytes: &[u8]) -> Option<Metadata> {
    let reader = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 16 << 20 })
        .read_info()
        .ok()?;
    let info = reader.info();
    let density = info.pixel_dims.and_then(|dims| match dims.unit {
        png::Unit::Meter => Density { x: f64::from(dims.xppu), y: f64::from(dims.yppu) }.checked(),
        png::Unit::Unspecified => None,
    });
    let color =
        PngColor { srgb: info.srgb, gamma: info.gama_chunk, chromaticities: info.chrm_chunk };
    let says_something =
        color.srgb.is_some() || color.gamma.is_some() || color.chromaticities.is_some();
    Some(Metadata { density, png_color: says_something.then_some(color), ..Metadata::default() })
}

fn jpeg_density(bytes: &[u8]) -> Option<Density> {
    const APP0: u8 = 0xe0;
    let jfif = jpeg_segments(bytes)
        .take(16)
        .find(|segment| segment.marker == APP0 && segment.payload.starts_with(b"JFIF\0"))?;
    let [unit, x0, x1, y0, y1] = *jfif.payload.get(7..12)?.first_chunk()?;
    let (x, y) = (f64::from(u16::from_be_bytes([x0, x1])), f64::from(u16::from_be_bytes([y0, y1])));
    match unit {
        1 => Density::from_dpi(x, y).checked(),
        2 => Density { x: x * 100.0, y: y * 100.0 }.checked(),
        // An aspect ratio only.
        _ => None,
    }
}

/// The position of a BMP file's pixels per metre: two little-endian 32-bit numbers.
pub(crate) const BMP_DENSITY: std::ops::Range<usize> = 38..46;

fn bmp_density(bytes: &[u8]) -> Option<Density> {
    const INFO_HEADER_BYTES: u32 = 40;
    let header_bytes = u32::from_le_bytes(*bytes.get(14..18)?.first_chunk()?);
    let field: [u8; 8] = *bytes.get(BMP_DENSITY)?.first_chunk()?;
    let [x0, x1, x2, x3, y0, y1, y2, y3] = field;
    let (x, y) = (u32::from_le_bytes([x0, x1, x2, x3]), u32::from_le_bytes([y0, y1, y2, y3]));
    if header_bytes < INFO_HEADER_BYTES {
        None
    } else {
        Density { x: f64::from(x), y: f64::from(y) }.checked()
    }
}
