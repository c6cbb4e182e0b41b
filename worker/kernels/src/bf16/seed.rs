//! The seeds of a layer, added to the sums of its gradient before they are gated and rounded.
//!
//! The matrix of a seed is rounded to bf16 like any weights; its mean and its target are added in
//! fp32.

use std::ops::Range;

use crate::{
    bf16::{
        features::Features,
        kernels::{Product, Ready},
        layout::Layout,
        line::{CHANNELS, Line, POSITIONS, Sums},
        weights::Weights,
    },
    seed::{Seed, Target},
    shape::Shape,
    vgg::Layer,
};

/// All seeds of one layer.
#[derive(Debug)]
pub(crate) struct Seeds<'a> {
    shape: &'a Shape,
    /// Of the layer's pixels, where they are masked.
    weights: Option<&'a [f32]>,
    gram: Option<Weights>,
    mean: Option<Vec<f32>>,
    targets: Vec<Target<'a>>,
}

impl<'a> Seeds<'a> {
    /// Those of `seeds` that are of the layer; `None` if there is none.
    pub(crate) fn of(
        seeds: &[Seed<'a>],
        layer: Layer,
        weights: Option<&'a [f32]>,
        channels: usize,
        shape: &'a Shape,
    ) -> Option<Self> {
        let seeds = || seeds.iter().filter(|seed| seed.layer == layer);
        seeds().next()?;
        Some(Self {
            shape,
            weights,
            gram: sum(seeds().filter_map(|seed| seed.gram))
                .map(|gram| Weights::square(&gram, channels)),
            mean: sum(seeds().filter_map(|seed| seed.mean)),
            targets: seeds().filter_map(|seed| seed.target).collect(),
        })
    }

    /// Adds what the seeds give to some places of a plane, for one block of channels. `seeded` is
    /// room for their own sums: zeros, or what this left there.
    pub(crate) fn add(
        &self,
        ready: &Ready,
        layout: &Layout,
        (block, places): (usize, Range<usize>),
        features: Features<'_>,
        seeded: &mut Sums,
        sums: &mut Sums,
    ) {
        if let Some(gram) = &self.gram {
            debug_assert!(
                (gram.in_blocks() - 1) * features.block + POSITIONS <= features.lines.len()
            );
            let product = Product {
                lines: features.lines.as_ptr(),
                position: size_of::<Line>(),
                row: 0,
                block: features.block * size_of::<Line>(),
                blocks: gram.in_blocks(),
                weights: gram.of(block).as_ptr(),
            };
            // SAFETY: the thread is ready, and the product reads the features of 32 places in each
            // block, as asserted above.
            unsafe { (ready.kernels().multiply)(&product, seeded) }
        }
        let mean = self.mean.as_ref().map_or(&[0.0; CHANNELS], |mean| &mean.as_chunks().0[block]);
        if self.targets.is_empty() && self.weights.is_none() && layout.frame() == (0, 0) {
            // Nothing depends on the pixel, and the border needs no care: it is overwritten.
            // SAFETY: the processor has the kernels' instructions.
            return unsafe { (ready.kernels().add)(sums, seeded, mean) };
        }
        for (index, (place, (sums, seeded))) in
            places.zip(sums.0.iter_mut().zip(&seeded.0)).enumerate()
        {
            // The frame is folded back to pixels that have their seed already.
            let Some(pixel) = layout.pixel(place) else { continue };
            let weight =
                self.weights.map_or(1.0, |weights| weights[pixel.1 * layout.width() + pixel.0]);
            for ((sum, value), mean) in sums.iter_mut().zip(seeded).zip(mean) {
                *sum += weight * (value + mean);
            }
            let features = &features.lines[block * features.block + index];
            self.add_targets(block, pixel, weight, features, sums);
        }
    }

    fn add_targets(
        &self,
        block: usize,
        (x, y): (usize, usize),
        weight: f32,
        features: &Line,
        sums: &mut [f32; CHANNELS],
    ) {
        for target in &self.targets {
            let mut wanted = [0.0; CHANNELS];
            target.map.read_part(
                target.map.pixel(self.shape, target.origin, x, y),
                block * CHANNELS,
                &mut wanted,
            );
            for ((sum, feature), wanted) in sums.iter_mut().zip(features.widened()).zip(wanted) {
                *sum += weight * (target.factor * (feature - wanted));
            }
        }
    }
}

/// The sum of slices of one length, if there is any.
fn sum<'a>(mut slices: impl Iterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    let first = slices.next()?.to_vec();
    Some(slices.fold(first, |mut total, slice| {
        total.iter_mut().zip(slice).for_each(|(total, value)| *total += value);
        total
    }))
}
