//! Where a loss enters the backward pass: the gradient of the loss with respect to the features of one layer.

use crate::{
    gemm::{self, Panels},
    kernels::Kernels,
    scalar,
    workers::Workers,
};

/// The gradient of a loss at one layer, in the forms that style and content losses have. Parts that are absent add nothing.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    pub layer: crate::Layer,
    /// S, C x C: adds `F * S` (a loss of the Gram matrix).
    pub gram: Option<&'a [f32]>,
    /// v, C: adds v to every pixel (a loss of the channel means).
    pub mean: Option<&'a [f32]>,
    /// (P, k): adds `k * (F - P)` (a squared distance to features P).
    pub target: Option<(&'a [f32], f32)>,
}

/// Pixels of one piece of work: the rows of the product stay in the nearest caches.
const PIXELS: usize = 4 * gemm::STRIP;

/// Floats of scratch that a thread needs for a layer.
pub(crate) fn scratch_floats(channels: usize) -> usize {
    2 * PIXELS * channels
}

/// Adds the seed, through the ReLU that made `features`, to the layer's gradient.
pub(crate) fn add(
    workers: &mut Workers,
    kernels: Option<&Kernels>,
    seed: &Seed<'_>,
    features: &[f32],
    gradient: &mut [f32],
    channels: usize,
) {
    let factor = seed.gram.map(|factor| {
        assert_eq!(factor.len(), channels * channels, "a seed's gram is C x C at {:?}", seed.layer);
        match kernels {
            Some(kernels) if channels.is_multiple_of(gemm::BLOCK) => {
                Factor::Panels(kernels, Panels::new(channels, channels, kernels.panel, |i, j| factor[i * channels + j]))
            }
            _ => Factor::Plain(factor),
        }
    });
    if let Some(mean) = seed.mean {
        assert_eq!(mean.len(), channels, "a seed's mean has C values at {:?}", seed.layer);
    }
    if let Some((target, _)) = seed.target {
        assert_eq!(target.len(), features.len(), "a seed's target has the size of the features at {:?}", seed.layer);
    }
    workers.each_piece(gradient, PIXELS * channels, |index, gradient, scratch| {
        let start = index * PIXELS * channels;
        let features = &features[start..][..gradient.len()];
        let (sums, rest) = scratch.split_at_mut(PIXELS * channels);
        match &factor {
            None => sums[..gradient.len()].fill(0.0),
            Some(Factor::Plain(factor)) => scalar::product(features, factor, channels, sums),
            Some(Factor::Panels(kernels, panels)) => {
                let rows = gradient.len() / channels;
                gemm::pack_rows(features, channels, PIXELS, rest);
                kernels.product(rest, rows.next_multiple_of(gemm::STRIP), PIXELS, panels, sums);
            }
        }
        let sums = &mut sums[..gradient.len()];
        if let Some(mean) = seed.mean {
            for sums in sums.chunks_exact_mut(channels) {
                sums.iter_mut().zip(mean).for_each(|(sum, mean)| *sum += mean);
            }
        }
        if let Some((target, weight)) = seed.target {
            let target = &target[start..][..sums.len()];
            sums.iter_mut().zip(features).zip(target).for_each(|((sum, feature), target)| *sum += weight * (feature - target));
        }
        for ((gradient, sum), feature) in gradient.iter_mut().zip(sums).zip(features) {
            *gradient += if *feature > 0.0 { *sum } else { 0.0 };
        }
    });
}

/// The gram part, prepared for the level.
enum Factor<'a> {
    Plain(&'a [f32]),
    Panels(&'a Kernels, Panels),
}
