//! A picture that is painted inside a mask only.
//!
//! What the network sees, and what a canvas gives, is `w x + (1 - w) own` at each pixel: the
//! painted pixel x by its weight, and the asset's own. The loss is that of this picture, so the
//! gradient at x is `w` times the gradient at what is shown: pixels of weight zero never move. The
//! weights are those of the run's mask with its margin, which the result leaves out.

use std::sync::Arc;

use impasto_kernels::{Layer, Mask};

use crate::Image;

/// What of a canvas is painted, and what it is where it is not.
#[derive(Debug, Clone)]
pub struct Masked {
    /// Of the canvas.
    pub mask: Arc<Mask>,
    /// The asset's own pixels: a canvas.
    pub own: Image,
}

impl Masked {
    /// The weights of the canvas's pixels.
    pub(crate) fn weights(&self) -> &[f32] {
        self.mask.at(Layer::Relu1_1)
    }

    /// `(1 - w) own`, three values a pixel: what is added to the painted part.
    pub(crate) fn rest(&self) -> Vec<f32> {
        let pixels = self.own.rgb.chunks_exact(3).zip(self.weights());
        pixels.flat_map(|(own, weight)| [0, 1, 2].map(|c| (1.0 - weight) * own[c])).collect()
    }

    /// Memory that masked painting takes beside the picture and its gradient: the weights at all
    /// layers for the picture and for a tile, what is added, and what is shown.
    pub(crate) fn bytes(width: usize, height: usize) -> u64 {
        weights_bytes(width, height) + (2 * 3 * 4 * width * height) as u64
    }
}

/// The weights of a picture's pixels, at all layers.
pub(super) fn at_layers(weights: &crate::Mask) -> Mask {
    Mask::new(weights.width(), weights.height(), weights.weights())
}

/// Memory that the weights of a picture take at all layers, for itself and for a tile of it.
pub(super) fn weights_bytes(width: usize, height: usize) -> u64 {
    2 * Mask::bytes(width, height) as u64
}

/// The blend of a picture in the host's memory.
#[derive(Debug)]
pub(super) struct Blend {
    mask: Arc<Mask>,
    rest: Vec<f32>,
}

impl Blend {
    pub(super) fn new(masked: &Masked) -> Self {
        Self { mask: masked.mask.clone(), rest: masked.rest() }
    }

    /// What is shown of painted pixels.
    pub(super) fn shown(&self, painted: &[f32]) -> Vec<f32> {
        let pixels = painted.chunks_exact(3).zip(self.rest.chunks_exact(3)).zip(self.weights());
        pixels.flat_map(|((x, rest), weight)| [0, 1, 2].map(|c| weight * x[c] + rest[c])).collect()
    }

    /// Makes the gradient at the painted pixels of that at what is shown.
    pub(super) fn pull_back(&self, gradient: &mut [f32]) {
        for (slope, weight) in gradient.chunks_exact_mut(3).zip(self.weights()) {
            slope.iter_mut().for_each(|value| *value *= weight);
        }
    }

    fn weights(&self) -> &[f32] {
        self.mask.at(Layer::Relu1_1)
    }
}
