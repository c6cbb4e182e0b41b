//! Metadata beside pixels, as each format stores it.

use impasto_types::{FileTrait, FileTraits};

use crate::density::{Density, PixelAspect};
use crate::exif::Exif;
use crate::notes::{Note, Notes};
use crate::png_color::PngColor;
use crate::{Orientation, Origin};

/// What a file says beside its pixels, and what kind of file it is.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub density: Option<Density>,
    pub aspect: Option<PixelAspect>,
    pub orientation: Orientation,
    pub png_color: Option<PngColor>,
    pub notes: Notes,
    /// Where the general decoder gives no profile, or refuses one.
    pub icc: Option<Vec<u8>>,
    traits: FileTraits,
}

impl Metadata {
    pub(crate) fn add(&mut self, one: FileTrait, present: bool) {
        self.traits = self.traits.with(one, present);
    }

    pub(crate) fn add_note(&mut self, note: Note) {
        let is_kept = self.notes.add(note);
        self.add(FileTrait::Rights, !is_kept);
    }

    pub(crate) fn add_exif(&mut self, exif: Exif) {
        self.orientation = exif.orientation;
        self.notes.exif = exif.text;
        self.add(FileTrait::Rights, exif.lost);
    }

    /// An origin with all of it, but for the profile.
    pub(crate) fn origin(self, origin: Origin) -> Origin {
        let Self { density, aspect, orientation, png_color, notes, .. } = self;
        Origin { density, aspect, orientation, png_color, notes, ..origin }
    }

    /// What a painted file may lack.
    pub(crate) fn traits(&self) -> FileTraits {
        self.traits
            .with(FileTrait::Density, self.density.is_some())
            .with(FileTrait::PixelAspect, self.aspect.is_some_and(|aspect| !aspect.is_square()))
            .with(FileTrait::Text, !self.notes.is_empty())
            .with(FileTrait::Orientation, self.orientation != Orientation::Normal)
    }
}
