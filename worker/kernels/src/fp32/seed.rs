//! A seed added to the gradient of its layer.

use crate::{
    fp32::{
        gemm::{self, Panels},
        kernels::Kernels,
        scalar,
    },
    seed::Seed,
    shape::Shape,
    workers::Workers,
};

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
    shape: &Shape,
    features: &[f32],
    gradient: &mut [f32],
    channels: usize,
) {
    let factor = seed.gram.map(|factor| match kernels {
        Some(kernels) if channels.is_multiple_of(gemm::BLOCK) => {
            Factor::Panels(kernels, Panels::new(channels, channels, kernels.panel, |i, j| factor[i * channels + j]))
        }
        _ => Factor::Plain(factor),
    });
    let width = shape.at_convolution(seed.layer.convolution()).width;
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
        if let Some(target) = seed.target {
            let row = &mut rest[..channels];
            for (pixel, (sums, features)) in sums.chunks_exact_mut(channels).zip(features.chunks_exact(channels)).enumerate() {
                let pixel = index * PIXELS + pixel;
                target.map.read(target.map.pixel(shape, target.origin, pixel % width, pixel / width), row);
                sums.iter_mut().zip(features).zip(&*row).for_each(|((sum, feature), target_value)| {
                    *sum += target.factor * (feature - target_value);
                });
            }
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
