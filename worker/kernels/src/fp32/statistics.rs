//! The Gram matrix and the channel means of a part of a layer.
//!
//! The part's pixels, in reading order, are cut into chunks, and those into blocks of
//! [`BLOCK_PIXELS`]. A block's products are summed in f32 (256 terms: relative error below 256 *
//! 2^-24 = 1.5e-5, in practice 1e-6), blocks and chunks in f64, in order. The number of chunks
//! depends on the number of pixels and channels alone, so the result does not depend on the number
//! of threads.

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

/// The sums of `F` and `F F^T` over a part of a layer.
pub(crate) fn moments(
    pool: &rayon::ThreadPool,
    kernels: Option<&Kernels>,
    part: &Part<'_>,
    channels: usize,
) -> Moments {
    let pixels = part.pixels();
    let blocks = pixels.div_ceil(BLOCK_PIXELS);
    let chunk_blocks = chunk_blocks(blocks, channels);
    let sums = |chunk: usize| {
        Sums::of(
            kernels,
            part,
            chunk * chunk_blocks..blocks.min((chunk + 1) * chunk_blocks),
            channels,
        )
    };
    let partial: Vec<Sums> =
        pool.install(|| (0..blocks.div_ceil(chunk_blocks)).into_par_iter().map(sums).collect());
    let mut moments = Moments::empty(channels);
    moments.pixels = pixels as u64;
    for part in &partial {
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
    gram: Vec<f64>,
    mean: Vec<f64>,
}

impl Sums {
    fn of(
        kernels: Option<&Kernels>,
        part: &Part<'_>,
        blocks: std::ops::Range<usize>,
        channels: usize,
    ) -> Self {
        let mut sums = Self { gram: vec![0.0; channels * channels], mean: vec![0.0; channels] };
        let mut rows = vec![0.0; part.room(BLOCK_PIXELS)];
        let mut packed = vec![0.0; BLOCK_PIXELS * channels];
        for block in blocks {
            let pixels = block * BLOCK_PIXELS..part.pixels().min((block + 1) * BLOCK_PIXELS);
            let count = pixels.len();
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
}
