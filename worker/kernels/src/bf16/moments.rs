//! The sums of `F` and `F F^T` over a region, by the same product as everything else.
//!
//! A block of 32 channels of 32 pixels is turned, so that its channels are the positions of a product and its pixels the channels; the other factor
//! is pixels in pairs, which is how the product wants its weights. [`CHUNK`] pixels are summed in fp32 (512 terms: a relative error below 2^-15, in practice
//! 2^-20; the factors themselves are exact), chunks in f64, in order. Only blocks that touch the upper triangle are computed.
//!
//! A piece of work is one row of blocks over one group of chunks. Groups depend on the size of the region alone, so the result does not depend on the
//! number of threads. Pairing the pixels of a block again in every row costs a third of the products, and no memory.

use rayon::prelude::*;

use crate::{
    bf16::{
        kernels::{Kernels, Product, Ready, Tiles},
        layout::Layout,
        line::{CHANNELS, Line, POSITIONS, Sums},
    },
    moments::Moments,
    shape::Region,
};

/// Pixels whose products are summed in fp32.
const CHUNK: usize = 512;

/// Pixels of a group.
const GROUP: usize = 64 * CHUNK;

/// Sums of a block of channels with another.
const BLOCK: usize = CHANNELS * CHANNELS;

/// The pixels that the last tile of a chunk lacks.
static ZERO: Line = Line::ZERO;

/// The moments of a region of a map, the region in the map's own pixels.
pub(crate) fn moments(
    pool: &rayon::ThreadPool,
    kernels: &'static Kernels,
    layout: &Layout,
    map: &[Line],
    channels: usize,
    region: &Region,
) -> Moments {
    let pixels: Vec<usize> =
        region.y.clone().flat_map(|y| region.x.clone().map(move |x| (x, y))).map(|(x, y)| layout.at(x as isize, y as isize)).collect();
    let blocks = channels / CHANNELS;
    let pieces: Vec<Row> = pool.install(|| {
        let groups = pixels.par_chunks(GROUP).flat_map_iter(|group| (0..blocks).map(move |block| (group, block)));
        groups.map(|(group, block)| Row::of(kernels, layout, map, group, block..blocks)).collect()
    });
    let mut moments = Moments::empty(channels);
    moments.pixels = pixels.len() as u64;
    for (index, row) in pieces.iter().enumerate() {
        row.add_to(&mut moments, index % blocks);
    }
    moments
}

/// The sums of one block of channels, and of its products with itself and the blocks behind it.
struct Row {
    sum: [f64; CHANNELS],
    products: Vec<f64>,
}

impl Row {
    fn of(kernels: &'static Kernels, layout: &Layout, map: &[Line], pixels: &[usize], blocks: std::ops::Range<usize>) -> Self {
        let ready = kernels.ready();
        let mut row = Self { sum: [0.0; CHANNELS], products: vec![0.0; blocks.len() * BLOCK] };
        let mut turned = vec![[Line::ZERO; 32]; CHUNK / POSITIONS];
        let mut pairs = turned.clone();
        let mut sums = Sums::ZERO;
        for chunk in pixels.chunks(CHUNK) {
            let tiles = chunk.len().div_ceil(POSITIONS);
            let mut sum = [0.0; CHANNELS];
            for (index, (block, products)) in blocks.clone().zip(row.products.chunks_exact_mut(BLOCK)).enumerate() {
                let plane = &map[block * layout.plane()..][..layout.plane()];
                for (pixels, pairs) in chunk.chunks(POSITIONS).zip(&mut pairs) {
                    let lines = std::array::from_fn(|i| pixels.get(i).map_or(&raw const ZERO, |place| &raw const plane[*place]));
                    // SAFETY: the processor has the kernels' instructions, and all the lines exist.
                    unsafe { (kernels.pair)(&lines, pairs) };
                }
                if index == 0 {
                    for (pairs, turned) in pairs[..tiles].iter().zip(&mut turned) {
                        // SAFETY: the processor has the kernels' instructions.
                        unsafe { (kernels.turn)(pairs, turned, &mut sum) };
                    }
                }
                multiply(&ready, &turned[..tiles], &pairs[..tiles], &mut sums);
                // SAFETY: the processor has the kernels' instructions.
                unsafe { (kernels.total)(&sums, products) };
            }
            row.sum.iter_mut().zip(sum).for_each(|(total, sum)| *total += f64::from(sum));
        }
        row
    }

    fn add_to(&self, moments: &mut Moments, block: usize) {
        let (channels, first) = (moments.channels(), block * CHANNELS);
        moments.sum[first..].iter_mut().zip(self.sum).for_each(|(total, sum)| *total += sum);
        for row in 0..CHANNELS {
            let channel = first + row;
            // The triangle's rows before this one have `channels`, `channels - 1` and so on.
            let start = channel * channels - channel * channel.saturating_sub(1) / 2;
            let triangle = &mut moments.products[start..][..channels - channel];
            // Of the block on the diagonal, this row begins at its own column.
            let values = self.products.chunks_exact(BLOCK).flat_map(|block| &block[row * CHANNELS..][..CHANNELS]).skip(row);
            triangle.iter_mut().zip(values).for_each(|(total, value)| *total += value);
        }
    }
}

fn multiply(ready: &Ready, turned: &[Tiles], pairs: &[Tiles], sums: &mut Sums) {
    debug_assert!(turned.len() == pairs.len());
    let product = Product {
        lines: turned.as_ptr().cast(),
        position: size_of::<Line>(),
        row: 0,
        block: size_of::<Tiles>(),
        blocks: turned.len(),
        weights: pairs.as_ptr().cast(),
    };
    // SAFETY: the thread is ready; the product reads as many tiles as both slices have.
    unsafe { (ready.kernels().multiply)(&product, sums) }
}
