//! Where a picture has holes.

use super::window::Extent;
use crate::{EngineError, Image, Joins, Mask};

/// What may become of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// It stays as it is.
    Kept,
    /// It may be covered, if that joins better.
    Free,
    /// It has to be covered.
    Missing,
}

/// Where a picture is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holes {
    width: usize,
    height: usize,
    /// Row by row.
    places: Vec<Place>,
}

/// A mask's weight from which a pixel has to be covered.
const MISSING: f32 = 0.5;

/// How wide a border is missing where opposite ones are to meet: cameras and editors leave pixels
/// there that are darker than the rest.
const BORDER_PX: usize = 2;
/// Joins need a pixel beside it.
const LEAST_BAND_PX: usize = BORDER_PX + 1;

impl Holes {
    /// A picture without holes.
    pub fn none(width: usize, height: usize) -> Self {
        Self { width, height, places: vec![Place::Kept; width * height] }
    }

    /// Adds what a mask of the picture covers by half or more. What it covers by less, and what
    /// lies up to `join_px` pixels around, may be covered too, where that joins better. `joins` are
    /// those of the picture.
    ///
    /// # Errors
    /// Where the mask has another size.
    pub fn masked(
        mut self,
        mask: &Mask,
        join_px: usize,
        joins: &Joins,
    ) -> Result<Self, EngineError> {
        let Self { width, height, .. } = self;
        if (mask.width(), mask.height()) != (width, height) {
            let (size, what) = ((width, height), "asset");
            let (width, height) = (mask.width(), mask.height());
            return Err(EngineError::MaskSize { width, height, what, size });
        }
        let wraps = (joins.repeats_across(), joins.repeats_down());
        let missing: Vec<bool> = mask.weights().iter().map(|weight| *weight >= MISSING).collect();
        let near = Extent { width, height, wraps }.around(&missing, join_px);
        for ((place, &weight), is_near) in self.places.iter_mut().zip(mask.weights()).zip(near) {
            *place = (*place).max(match weight {
                _ if weight >= MISSING => Place::Missing,
                _ if weight > 0.0 || is_near => Place::Free,
                _ => Place::Kept,
            });
        }
        Ok(self)
    }

    /// Adds the borders of a picture that does not tile, so that it does: at the left and right if
    /// `across`, at the top and bottom if `down`. The outermost pixels are filled, and joins lie in
    /// the outermost `band_px`, at least three.
    #[must_use]
    pub fn bordered(mut self, across: bool, down: bool, band_px: usize) -> Self {
        let Self { width, height, .. } = self;
        let from_border = |at: usize, len: usize| at.min(len - 1 - at);
        let band_px = band_px.max(LEAST_BAND_PX);
        for (at, place) in self.places.iter_mut().enumerate() {
            let x = across.then(|| from_border(at % width, width));
            let y = down.then(|| from_border(at / width, height));
            *place = (*place).max(match x.into_iter().chain(y).min() {
                Some(depth) if depth < BORDER_PX => Place::Missing,
                Some(depth) if depth < band_px => Place::Free,
                Some(_) | None => Place::Kept,
            });
        }
        self
    }

    /// How many pixels have to be covered.
    pub fn missing(&self) -> usize {
        self.places.iter().filter(|place| **place == Place::Missing).count()
    }

    /// The holes as a mask, from which [`masked`](Self::masked) makes the same again: what has to
    /// be covered has weight one, what may be less than half. `None` if there are none.
    pub fn mask(&self) -> Option<Mask> {
        let weight = |place: &Place| match place {
            Place::Kept => 0.0,
            Place::Free => MISSING / 2.0,
            Place::Missing => 1.0,
        };
        Mask::new(self.width, self.height, self.places.iter().map(weight).collect()).ok()
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(super) fn check_size(&self, image: &Image) -> Result<(), EngineError> {
        let Self { width, height, .. } = *self;
        let size = (image.width, image.height);
        if (width, height) == size {
            return Ok(());
        }
        Err(EngineError::MaskSize { width, height, what: "asset", size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `.` for kept, `o` for free, `x` for missing.
    fn drawn(holes: &Holes) -> Vec<String> {
        let letter = |place: &Place| match place {
            Place::Kept => '.',
            Place::Free => 'o',
            Place::Missing => 'x',
        };
        let rows = holes.places.chunks_exact(holes.width);
        rows.map(|row| row.iter().map(letter).collect()).collect()
    }

    #[test]
    fn joins_lie_around_what_a_mask_covers() {
        let mut weights = vec![0.0; 6 * 4];
        (weights[0], weights[3], weights[16]) = (1.0, 0.2, 0.5);
        let mask = Mask::new(6, 4, weights).expect("it is a mask");
        let holes = |joins: &Joins| {
            drawn(&Holes::none(6, 4).masked(&mask, 1, joins).expect("they have a size"))
        };
        assert_eq!(holes(&Joins::default()), ["xo.o..", "oo.ooo", "...oxo", "...ooo"]);
        let around = ["xo.o.o", "oo.ooo", "...oxo", "oo.ooo"];
        assert_eq!(holes(&Joins::repeating(true, true)), around);
        let other = Holes::none(4, 6).masked(&mask, 1, &Joins::default());
        assert!(matches!(other, Err(EngineError::MaskSize { .. })));
    }

    #[test]
    fn borders_that_are_to_meet_are_holes() {
        let holes = Holes::none(9, 3).bordered(true, false, 3);
        assert_eq!(drawn(&holes), ["xxo...oxx"; 3]);
        assert_eq!(holes.missing(), 12);
        let holes = Holes::none(7, 8).bordered(false, true, 3);
        assert_eq!(drawn(&holes)[..4], ["xxxxxxx", "xxxxxxx", "ooooooo", "......."]);
        let all = Holes::none(6, 6).bordered(true, true, 3);
        assert_eq!(drawn(&all)[2], "xxooxx");
        let again = all.mask().map(|mask| Holes::none(6, 6).masked(&mask, 0, &Joins::default()));
        assert_eq!(again.and_then(Result::ok), Some(all));
        assert_eq!(Holes::none(2, 2).mask(), None);
    }
}
