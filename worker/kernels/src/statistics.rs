//! The Gram matrix and the channel means of a layer.
//!
//! Pixels are cut into at most [`CHUNKS`] chunks, and those into blocks of [`BLOCK_PIXELS`]. A block's products are summed in f32
//! (256 terms: relative error below 256 * 2^-24 = 1.5e-5, in practice 1e-6), blocks and chunks in f64, in order. The number of
//! chunks depends on the size of the map alone, so the result does not depend on the number of threads.

use rayon::prelude::*;

use crate::{gemm, kernels::Kernels, scalar};

/// Pixels whose products are summed in f32.
pub(crate) const BLOCK_PIXELS: usize = 256;

/// At most this many partial sums, of C * C doubles each.
const CHUNKS: usize = 16;

/// Writes `F^T F / pixels` and the channel means of `features`.
pub(crate) fn statistics(
    pool: &rayon::ThreadPool,
    kernels: Option<&Kernels>,
    features: &[f32],
    channels: usize,
    gram: &mut [f32],
    mean: &mut [f32],
) {
    assert_eq!((gram.len(), mean.len()), (channels * channels, channels), "gram is C x C and mean has C values");
    let pixels = features.len() / channels;
    let blocks = pixels.div_ceil(BLOCK_PIXELS);
    let chunk_blocks = blocks.div_ceil(CHUNKS.min(blocks.div_ceil(2)));
    let mut partial: Vec<Sums> = pool
        .install(|| features.par_chunks(chunk_blocks * BLOCK_PIXELS * channels).map(|chunk| Sums::of(kernels, chunk, channels)).collect());
    let (total, others) = partial.split_first_mut().expect("a map has pixels");
    for other in others {
        total.gram.iter_mut().zip(&other.gram).for_each(|(sum, part)| *sum += part);
        total.mean.iter_mut().zip(&other.mean).for_each(|(sum, part)| *sum += part);
    }
    let scale = 1.0 / pixels as f64;
    mean.iter_mut().zip(&total.mean).for_each(|(mean, sum)| *mean = (sum * scale) as f32);
    for i in 0..channels {
        for j in i..channels {
            let value = (total.gram[i * channels + j] * scale) as f32;
            gram[i * channels + j] = value;
            gram[j * channels + i] = value;
        }
    }
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
