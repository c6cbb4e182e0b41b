//! The reduced copy of a canvas on which deep layers are evaluated.
//!
//! The copy wraps where the canvas does, and its sides are multiples of 16 pixels: the whole canvas
//! is resampled to it, so it is half of its size or a little more or less. What the network sees of
//! the copy is a linear function of the canvas, and the gradient there comes back by its adjoint.

use std::sync::Arc;

use impasto_kernels::Mask;

use super::blend::{Masked, weights_bytes};
use super::work::Work;
use crate::Image;
use crate::resize::{Axis, Resampling};

/// How a canvas becomes its reduced copy.
#[derive(Debug)]
pub(super) struct Reduction {
    canvas: (usize, usize),
    /// The copy's width and height.
    size: (usize, usize),
    there: Resampling,
    back: Resampling,
}

impl Reduction {
    /// `None` where no layer is evaluated on a copy.
    pub(super) fn of(work: &Work<'_>) -> Option<Self> {
        let size = work.copy()?.size;
        let canvas = (work.width(), work.height());
        let (wraps_across, wraps_down) = work.wraps();
        let there = Resampling::new(
            &Axis::whole(canvas.0, size.0, wraps_across),
            &Axis::whole(canvas.1, size.1, wraps_down),
        );
        Some(Self { canvas, size, back: there.adjoint(), there })
    }

    /// What the network sees of a canvas.
    pub(super) fn reduced(&self, canvas: &Image) -> Image {
        let (width, height) = self.size;
        Image { width, height, rgb: self.there.apply(&canvas.rgb, 3) }
    }

    /// Adds the gradient at a canvas, from that at its copy.
    pub(super) fn add_back(&self, slope: &[f32], gradient: &mut [f32]) {
        self.back.add(slope, 3, gradient);
    }

    /// The weights of the copy's pixels, where a mask counts.
    pub(super) fn mask(&self, masked: Option<&Masked>) -> Option<Arc<Mask>> {
        let weights = self.there.apply(masked?.weights(), 1);
        let weights: Vec<f32> = weights.into_iter().map(|weight| weight.clamp(0.0, 1.0)).collect();
        Some(Arc::new(Mask::new(self.size.0, self.size.1, &weights)))
    }

    /// There and back.
    pub(super) fn resamplings(&self) -> (&Resampling, &Resampling) {
        (&self.there, &self.back)
    }

    /// Memory of the copy, its gradient and its weights, and of what is halfway between it and the
    /// canvas.
    pub(super) fn bytes(&self, masked: bool) -> u64 {
        let px = |width: usize, height: usize| (width * height) as u64;
        let (width, height) = self.size;
        let between = px(width, self.canvas.1).max(px(self.canvas.0, height));
        let weights = if masked { weights_bytes(width, height) } else { 0 };
        3 * 4 * (2 * px(width, height) + between) + weights
    }
}
