//! The first 26 bytes of a document.

use impasto_types::{ContainerFormat, Depth};

use crate::psd_layout::{MOST_CHANNELS, PSD_SIDE};
use crate::{AssetErrorKind, Color, Limits};

pub(super) const HEADER_BYTES: usize = 26;

/// What the merged image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    /// A large document (PSB), which has longer lengths.
    pub large: bool,
    pub channels: usize,
    pub width: u32,
    pub height: u32,
    /// Of a sample: 1, 8, 16, or 32 of a float.
    pub bits: u16,
    pub mode: Mode,
}

/// What the colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One bit, of which 1 is black.
    Bitmap,
    Gray,
    Indexed,
    Rgb,
    /// What is left of the paper's light by each ink.
    Cmyk,
}

impl Fields {
    pub(super) fn parse(
        head: &[u8; HEADER_BYTES],
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let long =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let large = match word(4) {
            1 => false,
            2 => true,
            other => return Err(unsupported(format!("the version {other}"))),
        };
        let (height, width) = (long(14), long(18));
        limits.check(width, height)?;
        if !large && width.max(height) > PSD_SIDE {
            return Err(unsupported(format!(
                "{width} x {height} pixels, where only a large document (psb) has more than \
                 {PSD_SIDE} a side"
            )));
        }
        let bits = word(22);
        let mode = Mode::of(word(24), bits)?;
        let channels = usize::from(word(12));
        if channels > MOST_CHANNELS {
            return Err(unsupported(format!("{channels} channels")));
        }
        if channels < mode.colors() {
            return Err(damaged("there are fewer channels than colours"));
        }
        Ok(Self { large, channels, width, height, bits, mode })
    }

    pub(super) fn depth(&self) -> Depth {
        match self.bits {
            16 => Depth::Sixteen,
            32 => Depth::Float,
            _ => Depth::Eight,
        }
    }

    /// How many channels are no colours.
    pub(super) fn beside_colors(&self) -> usize {
        self.channels - self.mode.colors()
    }

    /// How many bytes lengths have that are longer in a large document.
    pub(super) fn length_bytes(&self) -> usize {
        if self.large { 8 } else { 4 }
    }
}

impl Mode {
    fn of(code: u16, bits: u16) -> Result<Self, AssetErrorKind> {
        let (mode, name, depths): (_, _, &[u16]) = match code {
            0 => (Self::Bitmap, "bitmaps", &[1]),
            1 => (Self::Gray, "grey", &[8, 16, 32]),
            2 => (Self::Indexed, "palette indices", &[8]),
            3 => (Self::Rgb, "RGB", &[8, 16, 32]),
            4 => (Self::Cmyk, "CMYK colours", &[8, 16]),
            7 => return Err(unsupported("channels without colours of their own (multichannel)")),
            8 => return Err(unsupported("duotone inks")),
            9 => return Err(unsupported("CIE L*a*b* colours")),
            other => return Err(unsupported(format!("colours of the unknown mode {other}"))),
        };
        match depths.contains(&bits) {
            true => Ok(mode),
            false => Err(unsupported(format!("{name} of {bits} bits"))),
        }
    }

    /// How many channels colours have.
    pub(super) fn colors(self) -> usize {
        match self {
            Self::Bitmap | Self::Gray | Self::Indexed => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }

    pub(super) fn color(self) -> Color {
        match self {
            Self::Bitmap | Self::Gray => Color::Gray,
            Self::Indexed | Self::Rgb | Self::Cmyk => Color::Rgb,
        }
    }
}

pub(super) fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Psd, what: what.into() }
}

pub(super) fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Psd, what)
}
