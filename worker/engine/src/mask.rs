//! Where a view is painted.

use impasto_types::Optimize;
use rayon::prelude::*;

use crate::resize::resize_plane;
use crate::{EngineError, Image, Joins};

/// A weight for each pixel of a view, from 0 to 1: the pixel is painted so far, and stays so far
/// its own.
///
/// The loss, its content part and its statistics alike, counts pixels by weights too, reduced to
/// each layer's resolution: see [`impasto_kernels::Mask`]. So what is painted has the style's
/// statistics by itself, whatever lies around it. A margin of 8 pixels around the mask is painted
/// and counted with it, and left out of the result, so that its edge is no border to the optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    width: usize,
    height: usize,
    weights: Vec<f32>,
}

/// How far beyond its mask a picture is painted, at every scale; as wide as the strip around a
/// picture without borders, and for the same reason.
const MARGIN_PX: usize = Optimize::STRIP_PX as usize;

/// A resized weight that is closer to one than this is one: it differs by the rounding of a
/// filter's weights.
const ROUNDING: f32 = 1e-6;

impl Mask {
    /// From the weights of all pixels, row by row.
    ///
    /// # Errors
    /// Where there is not one weight for each pixel, a weight is outside 0 to 1, or all are 0.
    pub fn new(width: usize, height: usize, weights: Vec<f32>) -> Result<Self, EngineError> {
        if weights.len() != width * height {
            let values = weights.len();
            return Err(EngineError::MaskValues { width, height, values });
        }
        if let Some(&weight) = weights.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
            return Err(EngineError::MaskWeight { weight });
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return Err(EngineError::EmptyMask);
        }
        Ok(Self { width, height, weights })
    }

    /// From weights of another mask, some of which are not zero.
    pub(crate) fn of_counted(width: usize, height: usize, weights: Vec<f32>) -> Self {
        Self { width, height, weights }
    }

    /// Checks that there is a weight for each pixel of a picture, the `what`.
    pub(crate) fn check_size(&self, what: &'static str, image: &Image) -> Result<(), EngineError> {
        let Self { width, height, .. } = *self;
        let size = (image.width, image.height);
        if (width, height) == size {
            Ok(())
        } else {
            Err(EngineError::MaskSize { width, height, what, size })
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// Row by row.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub(crate) fn into_weights(self) -> Vec<f32> {
        self.weights
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        4 * self.weights.len() as u64
    }

    /// The mask in another size of the view, whose borders are joined so.
    pub fn resized(&self, width: usize, height: usize, joins: &Joins) -> Self {
        let wraps = (joins.repeats_across(), joins.repeats_down());
        let from = (self.width, self.height);
        let mut weights = resize_plane(&self.weights, 1, from, (width, height), wraps);
        for weight in &mut weights {
            let held = weight.clamp(0.0, 1.0);
            *weight = if held > 1.0 - ROUNDING { 1.0 } else { held };
        }
        Self { width, height, weights }
    }

    /// The weights by which a run paints and its loss counts: for each pixel the largest of the
    /// mask within [`MARGIN_PX`] along both axes.
    ///
    /// Features beyond a mask do not count, so an optimiser could bend those at its edge for less
    /// than inside, and left a thin rim of stray colours there, as it does at a picture's border.
    /// The rim is now at the margin's edge, and the margin is not shown.
    pub(crate) fn with_margin(&self, joins: &Joins) -> Self {
        let Self { width, height, ref weights } = *self;
        let (across, down) = (joins.repeats_across(), joins.repeats_down());
        let mut widened = vec![0.0; weights.len()];
        widened.par_chunks_mut(width).zip(weights.par_chunks(width)).for_each(|(to, row)| {
            let near = |at: isize| place(at, width, across).map_or(0.0, |at| row[at]);
            let (reach, width) = (MARGIN_PX as isize, width as isize);
            let around: Vec<f32> = (-reach..width + reach).map(near).collect();
            (0..=2 * MARGIN_PX).for_each(|start| raise(to, &around[start..]));
        });
        let mut weights = vec![0.0; weights.len()];
        weights.par_chunks_mut(width).enumerate().for_each(|(y, to)| {
            let (y, reach) = (y as isize, MARGIN_PX as isize);
            for y in (y - reach..=y + reach).filter_map(|y| place(y, height, down)) {
                raise(to, &widened[y * width..]);
            }
        });
        Self { width, height, weights }
    }
}

/// Where a position lies on an axis of this length, if it does; beyond an end on the other side,
/// where the axis wraps.
fn place(at: isize, len: usize, wraps: bool) -> Option<usize> {
    let len = len as isize;
    (wraps || (0..len).contains(&at)).then(|| at.rem_euclid(len) as usize)
}

/// Each weight, or that beside it if it is larger.
fn raise(weights: &mut [f32], others: &[f32]) {
    weights.iter_mut().zip(others).for_each(|(weight, other)| *weight = other.max(*weight));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_out_of_range_are_refused() {
        let refused = |weights: &[f32]| {
            Mask::new(2, 1, weights.to_vec()).expect_err("it cannot be used").to_string()
        };
        assert!(refused(&[1.0]).contains("1 weights"));
        assert!(refused(&[1.0, 1.5]).contains("1.5"));
        assert!(refused(&[f32::NAN, 1.0]).contains("NaN"));
        assert!(refused(&[0.0, 0.0]).contains("no pixel"));
    }

    #[test]
    fn a_margin_reaches_as_far_along_both_axes_and_around_a_picture_that_repeats() {
        let margin = |joins: &Joins, at: (usize, usize)| {
            let mut weights = vec![0.0; 40 * 30];
            weights[at.1 * 40 + at.0] = 0.5;
            let mask = Mask::new(40, 30, weights).expect("it can be used").with_margin(joins);
            let painted = |pixel: &usize| mask.weights()[*pixel] == 0.5;
            let pixels: Vec<usize> = (0..40 * 30).filter(painted).collect();
            assert!(mask.weights().iter().all(|weight| [0.0, 0.5].contains(weight)));
            (pixels.len(), pixels.first().map(|pixel| (pixel % 40, pixel / 40)))
        };
        let (ends, repeats) = (Joins::default(), Joins::repeating(true, false));
        for (joins, at, expected) in [
            (&ends, (20, 15), (17 * 17, Some((12, 7)))),
            (&ends, (0, 29), (9 * 9, Some((0, 21)))),
            (&repeats, (20, 15), (17 * 17, Some((12, 7)))),
            (&repeats, (0, 29), (17 * 9, Some((0, 21)))),
        ] {
            assert_eq!(margin(joins, at), expected, "{joins:?} {at:?}");
        }
        let all = Mask::new(5, 3, vec![1.0; 15]).expect("it can be used");
        assert_eq!(all.with_margin(&repeats), all);
    }

    #[test]
    fn all_and_nothing_stay_so_in_any_size() {
        let mut weights = vec![1.0; 12 * 9];
        weights.iter_mut().step_by(12).for_each(|weight| *weight = 0.0);
        let mask = Mask::new(12, 9, weights).expect("it can be used");
        for (width, height) in [(5, 4), (12, 9), (31, 40)] {
            let resized = mask.resized(width, height, &Joins::default());
            let row = &resized.weights()[..width];
            assert_eq!(row[width - 1], 1.0, "{width}");
            assert!(row[0] < 1.0 && row.iter().all(|weight| (0.0..=1.0).contains(weight)));
            let all = Mask::new(12, 9, vec![1.0; 12 * 9]).expect("it can be used");
            let all = all.resized(width, height, &Joins::repeating(true, false));
            assert!(all.weights().iter().all(|&weight| weight == 1.0), "{width}");
        }
    }
}
