//! The sums of `F` and `F F^T` over a region, by the same product as everything else.
//!
//! A block of 32 channels of 32 pixels is transposed, so that its channels are the positions of a
//! product and its pixels the channels; the other factor is pixels in pairs, the layout that the
//! product reads weights in. 512 pixels are summed in fp32 (a relative error below 2^-15, in
//! practice 2^-20; the factors themselves are exact), such chunks in f64, in order. Only blocks
//! that touch the upper triangle are computed.
//!
//! A piece of work is one row of blocks over one group of chunks, or all rows where features have
//! to be computed. Groups depend on the size of the region alone, so the result does not depend on
//! the number of threads. Pairing the pixels of a block again in every row costs a third of the
//! products, and no memory.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    bf16::{
        features::Source,
        first::Room,
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
    source: Source<'_>,
    channels: usize,
    (region, weights): (&Region, Option<&[f32]>),
) -> Moments {
    let planes = channels / CHANNELS;
    let part = Part { layout, source, planes, region, weights };
    let groups = part.blocks().div_ceil(GROUP);
    let rows = if matches!(source, Source::First(_)) { planes } else { 1 };
    let of_group = planes.div_ceil(rows);
    let pieces = (0..groups * of_group).into_par_iter().map(|piece| {
        let (blocks, row) = (piece / of_group * GROUP, piece % of_group * rows);
        Row::of(
            &kernels.ready(),
            &part,
            blocks..part.blocks().min(blocks + GROUP),
            row..planes.min(row + rows),
        )
    });
    let pieces: Vec<Vec<Row>> = pool.install(|| pieces.collect());
    let mut moments = Moments::empty(channels);
    moments.weight = part.weight();
    for (index, row) in pieces.iter().flatten().enumerate() {
        row.add_to(&mut moments, index % planes);
    }
    moments
}

/// Bytes that the moments of a whole map take while they are summed: what each group gives, the
/// result, and the features of a chunk on each thread that computes them.
pub(crate) fn bytes(layout: &Layout, channels: usize, computing_threads: usize) -> usize {
    let planes = channels / CHANNELS;
    let blocks = layout.width().div_ceil(POSITIONS) * layout.height();
    let squares = planes * (planes + 1) / 2;
    (blocks.div_ceil(GROUP) + 1) * squares * SQUARE * size_of::<f64>()
        + computing_threads * CHUNK * POSITIONS * planes * size_of::<Line>()
}

/// A region of a map, in blocks of up to 32 pixels of one row.
struct Part<'a> {
    layout: &'a Layout,
    source: Source<'a>,
    /// Blocks of channels.
    planes: usize,
    region: &'a Region,
    /// Of the map's pixels, where they are masked.
    weights: Option<&'a [f32]>,
}

/// The features of a chunk: of each block of 32 pixels where its lines begin, and lines from one
/// block of channels to the next.
struct Chunk<'a> {
    lines: &'a [Line],
    starts: [usize; CHUNK],
    plane: usize,
}

impl Chunk<'_> {
    /// The lines of a block of channels, from the `index`th block of pixels on.
    fn lines(&self, plane: usize, index: usize) -> &[Line] {
        &self.lines[plane * self.plane + self.starts[index]..]
    }
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

    /// How many pixels a block has.
    fn count(&self, block: usize) -> usize {
        POSITIONS.min(self.region.x.end - self.start(block).0)
    }

    /// The features of some blocks; `room` is for those that are computed.
    fn chunk<'b>(
        &'b self,
        ready: &Ready,
        blocks: Range<usize>,
        room: &'b mut Vec<Line>,
    ) -> Chunk<'b> {
        match self.source {
            Source::Kept(map) => {
                let start = |index: usize| {
                    let (x, y) = self.start(blocks.end.min(blocks.start + index + 1) - 1);
                    self.layout.at(x as isize, y as isize)
                };
                Chunk { lines: map, starts: std::array::from_fn(start), plane: self.layout.plane() }
            }
            Source::First(first) => {
                let plane = CHUNK * POSITIONS;
                room.resize(self.planes * plane, Line::ZERO);
                let mut first_room = Room::new();
                for (index, block) in blocks.enumerate() {
                    let to = &mut room[index * POSITIONS..];
                    first.run(
                        (ready, &mut first_room),
                        self.start(block),
                        self.count(block),
                        to,
                        plane,
                    );
                }
                Chunk { lines: room, starts: std::array::from_fn(|index| index * POSITIONS), plane }
            }
        }
    }

    /// The pixels of a block, in pairs; those that it lacks are zero.
    fn pair(&self, kernels: &Kernels, block: usize, lines: &[Line], pairs: &mut Tiles) {
        let count = self.count(block);
        match lines.first_chunk() {
            // SAFETY: the processor has the kernels' instructions.
            Some(lines) if count == POSITIONS => unsafe { (kernels.pair)(lines, pairs) },
            _ => {
                let mut padded = [Line::ZERO; POSITIONS];
                padded[..count].copy_from_slice(&lines[..count]);
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
        block: usize,
        lines: &[Line],
        pairs: &mut Tiles,
    ) {
        let (column, row) = self.start(block);
        let weights = &weights[row * self.layout.width() + column..][..self.count(block)];
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
    /// Some rows of blocks of channels, over some blocks of pixels.
    fn of(ready: &Ready, part: &Part<'_>, blocks: Range<usize>, rows: Range<usize>) -> Vec<Self> {
        let of_row = |row| vec![0.0; (part.planes - row) * SQUARE];
        let mut sums: Vec<_> =
            rows.clone().map(|row| Self { sum: [0.0; CHANNELS], products: of_row(row) }).collect();
        let mut room = Vec::new();
        let (mut turned, mut pairs) = ([[Line::ZERO; 32]; CHUNK], [[Line::ZERO; 32]; CHUNK]);
        for first in blocks.clone().step_by(CHUNK) {
            let blocks = first..blocks.end.min(first + CHUNK);
            let chunk = part.chunk(ready, blocks.clone(), &mut room);
            for (plane, row) in rows.clone().zip(&mut sums) {
                row.add(ready, part, (plane, blocks.clone()), &chunk, &mut turned, &mut pairs);
            }
        }
        sums
    }

    /// Adds a chunk to the row of a block of channels.
    fn add(
        &mut self,
        ready: &Ready,
        part: &Part<'_>,
        (first_plane, blocks): (usize, Range<usize>),
        chunk: &Chunk<'_>,
        turned: &mut [Tiles; CHUNK],
        pairs: &mut [Tiles; CHUNK],
    ) {
        let kernels = ready.kernels();
        let (count, mut sum, mut sums) = (blocks.len(), [0.0; CHANNELS], Sums::ZERO);
        for (plane, products) in
            (first_plane..part.planes).zip(self.products.chunks_exact_mut(SQUARE))
        {
            for (index, (block, pairs)) in blocks.clone().zip(pairs.iter_mut()).enumerate() {
                part.pair(kernels, block, chunk.lines(plane, index), pairs);
            }
            if plane == first_plane {
                for (index, (block, turned)) in blocks.clone().zip(turned.iter_mut()).enumerate() {
                    let mut weighted = [Line::ZERO; 32];
                    let pairs = match part.weights {
                        None => &pairs[index],
                        Some(weights) => {
                            let lines = chunk.lines(plane, index);
                            part.pair_weighted(kernels, weights, block, lines, &mut weighted);
                            &weighted
                        }
                    };
                    // SAFETY: the processor has the kernels' instructions.
                    unsafe { (kernels.turn)(pairs, turned, &mut sum) }
                }
            }
            multiply(ready, &turned[..count], &pairs[..count], &mut sums);
            // SAFETY: the processor has the kernels' instructions.
            unsafe { (kernels.total)(&sums, products) };
        }
        self.sum.iter_mut().zip(sum).for_each(|(total, sum)| *total += f64::from(sum));
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
