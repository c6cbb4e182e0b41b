//! Metadata beside pixels, as each format stores it.

use std::io::{BufRead, Seek};

use impasto_types::{FileTrait, FileTraits};
use tiff::tags::Tag;

use crate::Orientation;
use crate::density::Density;
use crate::png_color::PngColor;

/// What a file says beside its pixels, and what kind of file it is.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub density: Option<Density>,
    pub orientation: Orientation,
    pub png_color: Option<PngColor>,
    /// Where the general decoder gives no profile, or refuses one.
    pub icc: Option<Vec<u8>>,
    /// Whether the colours are premultiplied by alpha, as in some TIFF files.
    pub premultiplied: bool,
    traits: FileTraits,
}

impl Metadata {
    pub(crate) fn add(&mut self, one: FileTrait, present: bool) {
        self.traits = self.traits.with(one, present);
    }

    /// What a painted file may lack.
    pub(crate) fn traits(&self) -> FileTraits {
        self.traits
            .with(FileTrait::Density, self.density.is_some())
            .with(FileTrait::Orientation, self.orientation != Orientation::Normal)
    }
}

/// `None` if a tag cannot be read.
pub(crate) fn from_tiff<R: BufRead + Seek>(reader: &mut R) -> Option<Metadata> {
    const INCH: u16 = 2;
    const CENTIMETRE: u16 = 3;
    const ASSOCIATED_ALPHA: u16 = 1;
    // A profile of 2 MiB, at the 32 bytes that the decoder takes for each.
    const TAG_BYTES: usize = 64 << 20;
    let mut limits = tiff::decoder::Limits::default();
    limits.decoding_buffer_size = TAG_BYTES;
    let mut decoder = tiff::decoder::Decoder::new(reader).ok()?.with_limits(limits);
    let icc = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()?.unwrap_or_default();
    let premultiplied = extra.first() == Some(&ASSOCIATED_ALPHA);
    let mut resolution = |tag| match decoder.find_tag(tag) {
        Ok(Some(tiff::decoder::ifd::Value::Rational(over, under))) if under != 0 => {
            Some(f64::from(over) / f64::from(under))
        }
        _ => None,
    };
    let (x, y) = (resolution(Tag::XResolution), resolution(Tag::YResolution));
    let unit = decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok()?.unwrap_or(INCH);
    let density = match (x, y, unit) {
        (Some(x), Some(y), INCH) => Density::from_dpi(x, y).checked(),
        (Some(x), Some(y), CENTIMETRE) => Density { x: x * 100.0, y: y * 100.0 }.checked(),
        _ => None,
    };
    Some(Metadata { density, icc, premultiplied, ..Metadata::default() })
}
