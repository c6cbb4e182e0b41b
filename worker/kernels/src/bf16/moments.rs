//! The sums of `F` and `F F^T` over a region, by the same product as everything else.
//!
//! A block of 32 channels of 32 pixels is transposed, so that its channels are the positions of a
//! product and its pixels the channels; the other factor is pixels in pairs, the layout that the
//! product reads weights in. 512 pixels are summed in fp32 (a relative error below 2^-15, in
//! practice 2^-20; the factors themselves are exact), such chunks in f64, in order. Only blocks
//! that touch the upper triangle are computed.
//!
//! A piece of work is one row of blocks over one group of chunks. Groups depend on the size of the
//! region alone, so the result does not depend on the number of threads. Pairing the pixels of a
//! block again in every row costs a third of the products, and no memory.

use std::ops::Range;

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

/// Blocks of 32 pixels whose products are summed in fp32.
const CHUNK: usize = 16;

/// Blocks of a group.
const GROUP: usize = 64 * CHUNK;

/// Sums of a block of channels with another.
const SQUARE: usize = CHANNELS * CHANNELS;

/// The moments of a region of a map, the region in the map's own pixels, each pixel by its weight;
/// weights are of all pixels of the map.
pub(crate) fn moments(
    pool: &rayon::ThreadPool,
    kernels: &'static Kernels,
    layout: &Layout,
    map: &[Line],
    channels: usize,
    (region, weights): (&Region, Option<&[f32]>),
) -> Moments {
    let part = Part { layout, map, region, weights };
    let (groups, planes) = (part.blocks().div_ceil(GROUP), channels / CHANNELS);
    let pieces = (0..groups * planes).into_par_iter().map(|piece| {
        let first = piece / planes * GROUP;
        Row::of(kernels, &part, first..part.blocks().min(first + GROUP), piece % planes..planes)
    });
    let rows: Vec<Row> = pool.install(|| pieces.collect());
    let mut moments = Moments::empty(channels);
    moments.weight = part.weight();
    for (piece, row) in rows.iter().enumerate() {
        row.add_to(&mut moments, piece % planes);
    }
    moments
}

/// A region of a map, in blocks of up to 32 pixels of one row.
struct Part<'a> {
    layout: &'a Layout,
    map: &'a [Line],
    region: &'a Region,
    /// Of the map's pixels, where they are masked.
    weights: Option<&'a [f32]>,
}

impl Part<'_> {
    fn across(&self) -> usize {
        self.region.x.len().div_ceil(POSITIONS)
    }

    fn blocks(&self) -> usize {
        self.across() * self.region.y.len()
    }

    /// The sum of the weights.
    fn weight(&self) -> f64 {
        let Region { x, y } = self.region;
        let Some(weights) = self.weights else { return (x.len() * y.len()) as f64 };
        let row = |y: usize| &weights[y * self.layout.width()..][x.clone()];
        y.clone().flat_map(row).copied().map(f64::from).sum()
    }

    /// Where a block begins: its column and row.
    fn start(&self, block: usize) -> (usize, usize) {
        let Region { x, y } = self.region;
        (x.start + block % self.across() * POSITIONS, y.start + block / self.across())
    }

    /// The pixels of a block in a plane, in pairs; those that it lacks are zero.
    fn pair(&self, kernels: &Kernels, plane: usize, block: usize, pairs: &mut Tiles) {
        let x = &self.region.x;
        let (column, row) = self.start(block);
        let lines = &self.map
            [plane * self.layout.plane() + self.layout.at(column as isize, row as isize)..];
        match lines.first_chunk() {
            // SAFETY: the processor has the kernels' instructions.
            Some(lines) if column + POSITIONS <= x.end => unsafe { (kernels.pair)(lines, pairs) },
            _ => {
                let mut padded = [Line::ZERO; POSITIONS];
                padded[..x.end - column].copy_from_slice(&lines[..x.end - column]);
                // SAFETY: as above.
                unsafe { (kernels.pair)(&padded, pairs) }
            }
        }
    }

    /// The same, each pixel multiplied by its weight and rounded again. One factor of a product is
    /// enough: a value's rounding, 2^-9 of it, is another one for each pixel.
    fn pair_weighted(
        &self,
        kernels: &Kernels,
        weights: &[f32],
        (plane, block): (usize, usize),
        pairs: &mut Tiles,
    ) {
        let (column, row) = self.start(block);
        let count = POSITIONS.min(self.region.x.end - column);
        let lines = &self.map
            [plane * self.layout.plane() + self.layout.at(column as isize, row as isize)..];
        let weights = &weights[row * self.layout.width() + column..][..count];
        let mut weighted = [Line::ZERO; POSITIONS];
        for ((to, line), weight) in weighted.iter_mut().zip(lines).zip(weights) {
            *to = Line::narrowed(&line.widened().map(|value| value * weight));
        }
        // SAFETY: the processor has the kernels' instructions.
        unsafe { (kernels.pair)(&weighted, pairs) }
    }
}

/// The sums of one block of channels, and of its products with itself and the blocks behind it.
struct Row {
    sum: [f64; CHANNELS],
    products: Vec<f64>,
}

impl Row {
    fn of(
        kernels: &'static Kernels,
        part: &Part<'_>,
        blocks: Range<usize>,
        planes: Range<usize>,
    ) -> Self {
        let ready = kernels.ready();
        let mut row = Self { sum: [0.0; CHANNELS], products: vec![0.0; planes.len() * SQUARE] };
        let mut turned = [[Line::ZERO; 32]; CHUNK];
        let mut pairs = [[Line::ZERO; 32]; CHUNK];
        let mut sums = Sums::ZERO;
        for first in blocks.clone().step_by(CHUNK) {
            let count = CHUNK.min(blocks.end - first);
            let mut sum = [0.0; CHANNELS];
            for (plane, products) in planes.clone().zip(row.products.chunks_exact_mut(SQUARE)) {
                for (block, pairs) in (first..first + count).zip(&mut pairs) {
                    part.pair(kernels, plane, block, pairs);
                }
                if plane == planes.start {
                    for (index, turned) in turned[..count].iter_mut().enumerate() {
                        let turn =
                            |pairs: &Tiles, turned: &mut Tiles, sum: &mut [f32; CHANNELS]| {
                                // SAFETY: the processor has the kernels' instructions.
                                unsafe { (kernels.turn)(pairs, turned, sum) }
                            };
                        let Some(weights) = part.weights else {
                            turn(&pairs[index], turned, &mut sum);
                            continue;
                        };
                        let mut weighted = [Line::ZERO; 32];
                        let place = (plane, first + index);
                        part.pair_weighted(kernels, weights, place, &mut weighted);
                        turn(&weighted, turned, &mut sum);
                    }
                }
                multiply(&ready, &turned[..count], &pairs[..count], &mut sums);
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
            let values = self
                .products
                .chunks_exact(SQUARE)
                .flat_map(|block| &block[row * CHANNELS..][..CHANNELS])
                .skip(row);
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
