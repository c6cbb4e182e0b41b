//! The features of a part of a layer, as whoever sums over them reads them: in runs of pixels,
//! without a copy of the whole part.
//!
//! A pass keeps the features of every layer that others look at but the first: relu1_1 alone would
//! be as much as all others together, and costs half a percent of the pass to compute again.

use std::ops::Range;

use crate::{
    fp32::{
        convolution::{FIRST_PIXELS, Weights},
        job::Convolution,
        kernels::Kernels,
    },
    shape::Region,
};

/// The features of a layer.
#[derive(Clone, Copy)]
pub(crate) enum Features<'a> {
    Kept(&'a [f32]),
    /// The first layer's, computed anew from the pixels.
    First {
        weights: &'a Weights,
        kernels: Option<&'a Kernels>,
        job: Convolution<'a>,
    },
}

/// A rectangle of a layer's pixels, numbered in reading order.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) features: Features<'a>,
    pub(crate) channels: usize,
    /// Pixels along a row of the layer.
    pub(crate) width: usize,
    /// In the layer's pixels.
    pub(crate) region: Region,
}

impl Part<'_> {
    pub(crate) fn pixels(&self) -> usize {
        self.region.x.len() * self.region.y.len()
    }

    /// The number of a pixel of the part among the layer's pixels.
    pub(crate) fn in_layer(&self, pixel: usize) -> usize {
        let across = self.region.x.len();
        let (x, y) = (self.region.x.start + pixel % across, self.region.y.start + pixel / across);
        y * self.width + x
    }

    /// Floats of memory that [`Part::each_run`] asks for, for ranges of at most `pixels`.
    pub(crate) fn room(&self, pixels: usize) -> usize {
        match &self.features {
            Features::Kept(_) => 0,
            Features::First { weights, job, .. } => {
                pixels * self.channels + weights.scratch_floats(job.plane)
            }
        }
    }

    /// Visits the features of a range of the part's pixels, in order, in runs that lie side by side
    /// in the layer.
    pub(crate) fn each_run(
        &self,
        pixels: Range<usize>,
        room: &mut [f32],
        mut visit: impl FnMut(&[f32]),
    ) {
        let across = self.region.x.len();
        let mut next = pixels.start;
        while next < pixels.end {
            let x = next % across;
            let count = (across - x).min(pixels.end - next);
            let start = self.in_layer(next);
            match &self.features {
                Features::Kept(features) => {
                    visit(&features[start * self.channels..][..count * self.channels])
                }
                Features::First { weights, kernels, job } => {
                    let (run, scratch) = room.split_at_mut(count * self.channels);
                    for (index, piece) in run.chunks_mut(FIRST_PIXELS * self.channels).enumerate() {
                        weights.first(*kernels, job, start + index * FIRST_PIXELS, piece, scratch);
                    }
                    visit(run);
                }
            }
            next += count;
        }
    }
}
