//! A picture in memory, and the properties of its file.

use impasto_types::ContainerFormat;

use crate::density::Density;
use crate::metadata::PngColor;
use crate::{Color, Depth, Orientation, TgaLayout, TiffLayout};

/// A picture: colours as the file encodes them (gamma is unchanged), as levels from 0 to 255.
///
/// 16-bit samples keep their fractions (`v * 255 / 65535`); floating-point samples are `v * 255`
/// and may be outside that range.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// `height * width * 3`, red, green, blue, row by row from the top.
    pub rgb: Vec<f32>,
    /// `height * width`, from 0 (transparent) to 1, if the file has alpha. Colours are not
    /// premultiplied.
    pub alpha: Option<Vec<f32>>,
    /// Samples that are neither colour nor alpha, each `height * width`, from 0 to 1 as alpha is;
    /// floating-point samples may be outside that range. Only TIFF and some TGA files have them.
    pub extra: Vec<Vec<f32>>,
    pub origin: Origin,
}

/// The properties of a picture's file, which the result's file is to have too.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The name of the picture in errors.
    pub name: String,
    pub format: ContainerFormat,
    pub color: Color,
    pub depth: Depth,
    /// The ICC profile of the picture's pixels.
    pub icc: Option<Vec<u8>>,
    pub density: Option<Density>,
    pub png_color: Option<PngColor>,
    /// How the stored grid is turned to be looked at. [`Picture::upright`] turns it.
    pub orientation: Orientation,
    /// How the file stores alpha.
    pub alpha_kind: AlphaKind,
    /// Whether a file with associated alpha has colours where alpha is 0, which add light. Then such
    /// pixels are written as they are; otherwise they are written as black.
    pub additive: bool,
    /// What only TIFF can hold, if the file is one.
    pub tiff: Option<TiffLayout>,
    /// How the file is stored, if it is TGA.
    pub tga: Option<TgaLayout>,
}

/// What a file's fourth sample means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlphaKind {
    /// Opacity; the colours are not multiplied by it.
    #[default]
    Straight,
    /// Opacity; the file's colours are multiplied by it, the [`Picture`]'s are not.
    Associated,
    /// Nothing that the file names: as a rule data, such as smoothness. It is kept as alpha, so
    /// that formats which have nothing but alpha keep it too.
    Unspecified,
}

impl Picture {
    pub fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl Origin {
    /// The origin of a picture without a file: 8-bit RGB without a profile.
    pub fn synthetic(name: &str, format: ContainerFormat) -> Self {
        Self {
            name: name.to_owned(),
            format,
            color: Color::Rgb,
            depth: Depth::Eight,
            icc: None,
            density: None,
            png_color: None,
            orientation: Orientation::Normal,
            alpha_kind: AlphaKind::Straight,
            additive: false,
            tiff: None,
            tga: None,
        }
    }
}
