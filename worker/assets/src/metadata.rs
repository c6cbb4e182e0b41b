//! Metadata beside pixels, as each format stores it.

use impasto_types::{FileTrait, FileTraits};

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
