//! The 18 bytes that start a TGA file.

use impasto_types::ContainerFormat;

use crate::{AlphaKind, AssetErrorKind, Color};

pub(super) const HEADER_BYTES: usize = 18;

/// The fields of the header, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub id_bytes: usize,
    pub base: Base,
    pub run_length: bool,
    /// The palette, which a file may have without using it.
    pub palette: Palette,
    pub screen: [u16; 2],
    pub width: u16,
    pub height: u16,
    /// Bits of a pixel, or of an index.
    pub bits: u8,
    /// How many bits beside the colour the file declares.
    pub attribute_bits: u8,
    pub right_to_left: bool,
    pub top_down: bool,
}

/// What pixels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Index,
    Color,
    Gray,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Palette {
    /// The index of the first colour.
    pub first: u16,
    pub colors: u16,
    pub color_bits: u8,
}

/// What the bits beside the colour are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    /// There are none.
    None,
    Alpha(AlphaKind),
    /// No alpha: they are kept and have no effect.
    Data,
    /// Alpha if they are not all zero: the file declares no such bits, but has room for 8. Many
    /// programs write alpha so, and engines read it as alpha.
    AlphaIfAny,
}

impl Fields {
    /// `head` has at least [`HEADER_BYTES`] bytes.
    pub(super) fn parse(head: &[u8]) -> Result<Self, AssetErrorKind> {
        let Some(
            &[
                id_bytes,
                _,
                kind,
                first0,
                first1,
                colors0,
                colors1,
                color_bits,
                x0,
                x1,
                y0,
                y1,
                width0,
                width1,
                height0,
                height1,
                bits,
                descriptor,
            ],
        ) = head.first_chunk::<HEADER_BYTES>()
        else {
            return Err(AssetErrorKind::Truncated);
        };
        let word = |low, high| u16::from_le_bytes([low, high]);
        let base = match kind & !8 {
            1 => Base::Index,
            2 => Base::Color,
            3 => Base::Gray,
            _ => return Err(unsupported(format!("image type {kind}"))),
        };
        let palette =
            Palette { first: word(first0, first1), colors: word(colors0, colors1), color_bits };
        if descriptor >> 6 != 0 {
            return Err(unsupported("interleaved rows"));
        }
        let fields = Self {
            id_bytes: id_bytes.into(),
            base,
            run_length: kind & 8 != 0,
            palette,
            screen: [word(x0, x1), word(y0, y1)],
            width: word(width0, width1),
            height: word(height0, height1),
            bits,
            attribute_bits: descriptor & 15,
            right_to_left: descriptor & 16 != 0,
            top_down: descriptor & 32 != 0,
        };
        match (base, bits, color_bits) {
            (Base::Index, 8 | 16, 15 | 16 | 24 | 32)
            | (Base::Color, 15 | 16 | 24 | 32, _)
            | (Base::Gray, 8 | 16, _) => Ok(fields),
            (Base::Index, 8 | 16, _) => {
                Err(unsupported(format!("a palette of {color_bits}-bit colours")))
            }
            (Base::Index, ..) => Err(unsupported(format!("{bits}-bit palette indices"))),
            (Base::Color, ..) => Err(unsupported(format!("{bits}-bit colours"))),
            (Base::Gray, ..) => Err(unsupported(format!("{bits}-bit grey"))),
        }
    }

    pub(super) fn is_gray(&self) -> bool {
        self.base == Base::Gray
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.base == Base::Index
    }

    pub(super) fn color(&self) -> Color {
        if self.is_gray() { Color::Gray } else { Color::Rgb }
    }

    /// Bits of a pixel after palettes are resolved.
    pub(super) fn color_bits(&self) -> u8 {
        if self.is_mapped() { self.palette.color_bits } else { self.bits }
    }

    /// Bytes of a pixel, or of an index.
    pub(super) fn pixel_bytes(&self) -> usize {
        usize::from(self.bits.div_ceil(8))
    }

    pub(super) fn pixels(&self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }

    /// Where the palette is in the file.
    pub(super) fn palette_at(&self) -> usize {
        HEADER_BYTES + self.id_bytes
    }

    pub(super) fn palette_bytes(&self) -> usize {
        usize::from(self.palette.colors) * usize::from(self.palette.color_bits.div_ceil(8))
    }

    /// What the bits beside the colour are, by the attributes type of the extension area, if there
    /// is one.
    pub(super) fn attribute(
        &self,
        attributes_type: Option<u8>,
    ) -> Result<Attribute, AssetErrorKind> {
        let room = match (self.is_gray(), self.color_bits()) {
            (true, 16) | (false, 32) => 8,
            (false, 15 | 16) => 1,
            _ => return Ok(Attribute::None),
        };
        match (attributes_type, self.attribute_bits) {
            // No alpha; undefined; undefined but to be kept.
            (Some(0..=2), _) => Ok(Attribute::Data),
            (Some(3), _) => Ok(Attribute::Alpha(AlphaKind::Straight)),
            (Some(4), _) => Ok(Attribute::Alpha(AlphaKind::Associated)),
            (_, 0) if room == 8 => Ok(Attribute::AlphaIfAny),
            (_, 0) => Ok(Attribute::Data),
            (_, bits) if bits == room => Ok(Attribute::Alpha(AlphaKind::Straight)),
            (_, bits) => Err(unsupported(format!(
                "{bits} attribute bits in {}-bit pixels",
                self.color_bits()
            ))),
        }
    }
}

pub(super) fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Tga, what: what.into() }
}

pub(super) fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Tga, what)
}
