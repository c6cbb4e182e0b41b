//! Where a picture is filled, instead of painted.

use impasto_engine::fill::Holes;
use impasto_engine::{Joins, Mask};
use impasto_types::Tileable;

use super::AdapterError;

/// What is filled, and how far around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filling {
    /// How far around its holes a picture may change, in pixels, where that joins better.
    pub join_px: u32,
    /// Along which axes it tiles already.
    pub tileable: Tileable,
    /// Along which axes it is made to tile, by filling its borders.
    pub seamless: Tileable,
    /// How far from these borders joins lie, in pixels; without a number, an eighth of the shorter
    /// side.
    pub band_px: Option<u32>,
}

impl Filling {
    /// Whether it tiles in the end, and along which axes.
    pub(crate) fn joins(self) -> Joins {
        let wraps = |wraps: fn(Tileable) -> bool| wraps(self.tileable) || wraps(self.seamless);
        Joins::repeating(wraps(Tileable::wraps_x), wraps(Tileable::wraps_y))
    }

    /// The holes of a picture of this size, which has such a mask.
    pub(super) fn holes(
        self,
        (width, height): (usize, usize),
        mask: Option<Mask>,
        joins: &Joins,
    ) -> Result<Holes, AdapterError> {
        let band = self.band_px.map_or(width.min(height) / 8, |band| band as usize);
        let (across, down) = (self.seamless.wraps_x(), self.seamless.wraps_y());
        let holes = Holes::none(width, height).bordered(across, down, band);
        match mask {
            None => Ok(holes),
            Some(mask) => holes
                .masked(&mask, self.join_px as usize, joins)
                .map_err(|error| AdapterError::Other(Box::new(error))),
        }
    }
}
