//! A seed added to the gradient of its layer.

use crate::{
    fp32::{
        gemm::{self, Panels},
        kernels::Kernels,
        scalar,
    },
    seed::Seed,
    shape::Shape,
};

/// Pixels that a seed is added to at a time: the rows of the product stay in the nearest caches.
pub(crate) const PIXELS: usize = 4 * gemm::STRIP;

/// Floats of scratch that a thread needs for a layer.
pub(crate) fn scratch_floats(channels: usize) -> usize {
    2 * PIXELS * channels
}

/// Bytes that a seed takes while it is prepared.
pub(crate) fn bytes(channels: usize) -> usize {
    channels * channels * size_of::<f32>()
}

/// A seed, prepared for the level.
pub(crate) struct Prepared<'a> {
    seed: &'a Seed<'a>,
    factor: Option<Factor<'a>>,
    /// Of the layer's pixels, where they are masked.
    weights: Option<&'a [f32]>,
    shape: &'a Shape,
    width: usize,
    channels: usize,
}

/// The gram part.
enum Factor<'a> {
    Plain(&'a [f32]),
    Panels(&'a Kernels, Panels),
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(
        kernels: Option<&'a Kernels>,
        seed: &'a Seed<'a>,
        weights: Option<&'a [f32]>,
        shape: &'a Shape,
        channels: usize,
    ) -> Self {
        let factor = seed.gram.map(|factor| match kernels {
            Some(kernels) if channels.is_multiple_of(gemm::BLOCK) => Factor::Panels(
                kernels,
                Panels::new(channels, channels, kernels.panel, |i, j| factor[i * channels + j]),
            ),
            _ => Factor::Plain(factor),
        });
        let width = shape.at_convolution(seed.layer.convolution()).width;
        Self { seed, factor, weights, shape, width, channels }
    }

    /// Adds the seed, through the ReLU that made `features`, to the gradient of the layer's pixels
    /// `first..`, at most [`PIXELS`].
    pub(crate) fn add(
        &self,
        first: usize,
        features: &[f32],
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) {
        let channels = self.channels;
        let (sums, rest) = scratch.split_at_mut(PIXELS * channels);
        match &self.factor {
            None => sums[..gradient.len()].fill(0.0),
            Some(Factor::Plain(factor)) => scalar::product(features, factor, channels, sums),
            Some(Factor::Panels(kernels, panels)) => {
                let rows = gradient.len() / channels;
                gemm::pack_rows(features, channels, gemm::STRIP, 0, rest);
                kernels.product(rest, rows.next_multiple_of(gemm::STRIP), panels, sums);
            }
        }
        let sums = &mut sums[..gradient.len()];
        if let Some(mean) = self.seed.mean {
            for sums in sums.chunks_exact_mut(channels) {
                sums.iter_mut().zip(mean).for_each(|(sum, mean)| *sum += mean);
            }
        }
        if let Some(target) = self.seed.target {
            let row = &mut rest[..channels];
            for (pixel, (sums, features)) in
                (first..).zip(sums.chunks_exact_mut(channels).zip(features.chunks_exact(channels)))
            {
                target.map.read(
                    target.map.pixel(
                        self.shape,
                        target.origin,
                        pixel % self.width,
                        pixel / self.width,
                    ),
                    row,
                );
                sums.iter_mut().zip(features).zip(&*row).for_each(
                    |((sum, feature), target_value)| {
                        *sum += target.factor * (feature - target_value);
                    },
                );
            }
        }
        if let Some(weights) = self.weights {
            for (sums, weight) in sums.chunks_exact_mut(channels).zip(&weights[first..]) {
                sums.iter_mut().for_each(|sum| *sum *= weight);
            }
        }
        for ((gradient, sum), feature) in gradient.iter_mut().zip(sums).zip(features) {
            *gradient += scalar::gate(*sum, *feature);
        }
    }
}
