//! The Gram matrix and the channel means of a layer.
//!
//! Pixels are cut into at most [`CHUNKS`] chunks, and those into blocks of [`BLOCK_PIXELS`]. A block's products are summed in f32
//! (256 terms: relative error below 256 * 2^-24 = 1.5e-5, in practice 1e-6), blocks and chunks in f64, in order. The number of
//! chunks depends on the size of the map alone, so the result does not depend on the number of threads.

use rayon::prelude::*;

use crate::{
    fp32::{gemm, kernels::Kernels, scalar},
    moments::Moments,
};

/// Pixels whose products are summed in f32.
pub(crate) const BLOCK_PIXELS: usize = 256;

/// At most this many partial sums, of C * C doubles each.
const CHUNKS: usize = 16;

/// The sums of `F` and `F F^T` over all rows of `features`.
pub(crate) fn moments(pool: &rayon::ThreadPool, kernels: Option<&Kernels>, features: &[f32], channels: usize) -> Moments {
    let pixels = features.len() / channels;
    let blocks = pixels.div_ceil(BLOCK_PIXELS);
    let chunk_blocks = blocks.div_ceil(CHUNKS.min(blocks.div_ceil(2)));
    let partial: Vec<Sums> = pool
        .install(|| features.par_chunks(chunk_blocks * BLOCK_PIXELS * channels).map(|chunk| Sums::of(kernels, chunk, channels)).collect());
    let mut moments = Moments::empty(channels);
    moments.pixels = pixels as u64;
    for part in &partial {
        moments.add_square(&part.gram);
        moments.sum.iter_mut().zip(&part.mean).for_each(|(sum, part)| *sum += part);
    }
    moments
}

/// Sums over a chunk of pixels; of the Gram matrix, only the upper triangle means anything.
struct Sums {
    gram: Vec<f64>,
    mean: Vec<f64>,
}

impl Sums {
    fn of(kernels: Option<&Kernels>, features: &[f32], channels: usize) -> Self {
        let mut sums = Self { gram: vec![0.0; channels * channels], mean: vec![0.0; channels] };
        match kernels {
            Some(kernels) if channels.is_multiple_of(gemm::BLOCK) => {
                let mut packed = vec![0.0; BLOCK_PIXELS * channels];
                for block in features.chunks(BLOCK_PIXELS * channels) {
                    kernels.gram(block, channels, &mut packed, &mut sums.gram, &mut sums.mean);
                }
            }
            _ => scalar::gram(features, channels, &mut sums.gram, &mut sums.mean),
        }
        sums
    }
}
