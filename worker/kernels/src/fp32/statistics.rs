//! The Gram matrix and the channel means of a part of a layer.
//!
//! The part's pixels, in reading order, are cut into chunks, and those into blocks of
//! [`BLOCK_PIXELS`]. A block's products are summed in f32 (256 terms: relative error below 256 *
//! 2^-24 = 1.5e-5, in practice 1e-6), blocks and chunks in f64, in order. The number of chunks
//! depends on the number of pixels and channels alone, so the result does not depend on the number
//! of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    fp32::{features::Part, gemm, kernels::Kernels, scalar},
    moments::Moments,
};

/// Pixels whose products are summed in f32.
pub(crate) const BLOCK_PIXELS: usize = 256;

/// Bytes of all partial sums, at most: each is C * C doubles.
const PARTIAL_BYTES: usize = 16 << 20;

/// At most this many partial sums, however small.
const CHUNKS: usize = 16;

/// Bytes that [`moments`] takes while it runs.
pub(crate) fn bytes(pixels: usize, channels: usize, threads: usize) -> usize {
    let blocks = pixels.div_ceil(BLOCK_PIXELS);
    let chunks = blocks.div_ceil(chunk_blocks(blocks, channels));
    let rows = 2 * BLOCK_PIXELS * channels * size_of::<f32>();
    chunks * channels * (channels + 1) * size_of::<f64>() + threads.min(chunks) * rows
}

/// The sums of `F` and `F F^T` over a part of a layer, each pixel by its weight; `weights` has one
/// for each pixel of the whole layer.
pub(crate) fn moments(
    pool: &rayon::ThreadPool,
    kernels: Option<&Kernels>,
    part: &Part<'_>,
    weights: Option<&[f32]>,
) -> Moments {
    let channels = part.channels;
    let pixels = part.pixels();
    let blocks = pixels.div_ceil(BLOCK_PIXELS);
    let chunk_blocks = chunk_blocks(blocks, channels);
    let sums = |chunk: usize| {
        let blocks = chunk * chunk_blocks..blocks.min((chunk + 1) * chunk_blocks);
        match weights {
            None => Sums::of(kernels, part, blocks),
            Some(weights) => Sums::weighted(kernels, part, weights, blocks),
        }
    };
    let partial: Vec<Sums> =
        pool.install(|| (0..blocks.div_ceil(chunk_blocks)).into_par_iter().map(sums).collect());
    let mut moments = Moments::empty(channels);
    for part in &partial {
        moments.weight += part.weight;
        moments.add_square(&part.gram);
        moments.sum.iter_mut().zip(&part.mean).for_each(|(sum, part)| *sum += part);
    }
    moments
}

/// Blocks of a chunk.
fn chunk_blocks(blocks: usize, channels: usize) -> usize {
    let most = (PARTIAL_BYTES / (channels * channels * size_of::<f64>())).clamp(1, CHUNKS);
    blocks.div_ceil(most.min(blocks.div_ceil(2)))
}

/// Sums over a chunk of pixels; of the Gram matrix, only the upper triangle means anything.
struct Sums {
    weight: f64,
    gram: Vec<f64>,
    mean: Vec<f64>,
}

impl Sums {
    /// Of nothing yet.
    fn empty(channels: usize) -> Self {
        Self { weight: 0.0, gram: vec![0.0; channels * channels], mean: vec![0.0; channels] }
    }

    fn of(kernels: Option<&Kernels>, part: &Part<'_>, blocks: Range<usize>) -> Self {
        let channels = part.channels;
        let mut sums = Self::empty(channels);
        let mut rows = vec![0.0; part.room(BLOCK_PIXELS)];
        let mut packed = vec![0.0; BLOCK_PIXELS * channels];
        for block in blocks {
            let pixels = block * BLOCK_PIXELS..part.pixels().min((block + 1) * BLOCK_PIXELS);
            let count = pixels.len();
            sums.weight += count as f64;
            match kernels {
                Some(kernels) if channels.is_multiple_of(gemm::BLOCK) => {
                    let mut row = 0;
                    part.each_run(pixels, &mut rows, |run| {
                        gemm::pack_rows(run, channels, count, row, &mut packed);
                        row += run.len() / channels;
                    });
                    kernels.gram(
                        &packed[..count * channels],
                        channels,
                        &mut sums.gram,
                        &mut sums.mean,
                    );
                }
                _ => part.each_run(pixels, &mut rows, |run| {
                    scalar::gram(run, channels, &mut sums.gram, &mut sums.mean)
                }),
            }
        }
        sums
    }

    /// The same, each pixel by its weight. Both factors of a product take the weight's root, so
    /// that the kernels' product serves; its sums of rows are not the weighted ones, which are
    /// taken here.
    fn weighted(
        kernels: Option<&Kernels>,
        part: &Part<'_>,
        weights: &[f32],
        blocks: Range<usize>,
    ) -> Self {
        let channels = part.channels;
        let mut sums = Self::empty(channels);
        let mut rows = vec![0.0; part.room(BLOCK_PIXELS)];
        let (mut block_rows, mut own) = (vec![0.0; BLOCK_PIXELS * channels], Vec::new());
        let mut packed = vec![0.0; BLOCK_PIXELS * channels];
        let mut of_rows = vec![0.0; channels];
        for block in blocks {
            let pixels = block * BLOCK_PIXELS..part.pixels().min((block + 1) * BLOCK_PIXELS);
            own.clear();
            own.extend(pixels.clone().map(|pixel| weights[part.in_layer(pixel)]));
            sums.weight += own.iter().copied().map(f64::from).sum::<f64>();
            let block_rows = &mut block_rows[..pixels.len() * channels];
            let mut filled = 0;
            part.each_run(pixels, &mut rows, |run| {
                block_rows[filled..filled + run.len()].copy_from_slice(run);
                filled += run.len();
            });
            let Some(kernels) = kernels.filter(|_| channels.is_multiple_of(gemm::BLOCK)) else {
                scalar::weighted_gram(block_rows, &own, &mut sums.gram, &mut sums.mean);
                continue;
            };
            let mut mean = vec![0.0; channels];
            for (row, weight) in block_rows.chunks_exact_mut(channels).zip(&own) {
                mean.iter_mut().zip(&*row).for_each(|(sum, value)| *sum += weight * value);
                row.iter_mut().for_each(|value| *value *= weight.sqrt());
            }
            sums.mean.iter_mut().zip(mean).for_each(|(sum, part)| *sum += f64::from(part));
            gemm::pack_rows(block_rows, channels, own.len(), 0, &mut packed);
            let packed = &packed[..block_rows.len()];
            kernels.gram(packed, channels, &mut sums.gram, &mut of_rows);
        }
        sums
    }
}
