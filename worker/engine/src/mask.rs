//! Where a view is painted.

use crate::resize::resize_plane;
use crate::{EngineError, Joins};

/// A weight for each pixel of a view, from 0 to 1: the pixel is painted so far, and stays so far
/// its own.
///
/// The loss, its content part and its statistics alike, counts pixels by these weights too, reduced
/// to each layer's resolution: see [`impasto_kernels::Mask`]. So what is painted has the style's
/// statistics by itself, whatever lies around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    width: usize,
    height: usize,
    weights: Vec<f32>,
}

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
