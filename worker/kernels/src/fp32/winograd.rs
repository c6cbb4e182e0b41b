//! 3x3 convolution as Winograd F(4x4, 3x3): a quarter of the multiplications.
//!
//! An output tile of 4x4 pixels is `Y = A^T [ (G g G^T) . (B^T d B) ] A`, where d is the 6x6 input window, g the 3x3 kernel and the
//! product in the middle is element by element, so over channels it is 36 matrix products: tiles x in times in x out. The
//! interpolation points are 0, 1, -1, 2, -2 and infinity; the transforms amplify rounding, so a value differs from the direct sum by
//! about 1e-5 of the layer's scale, 1e-4 after all layers.
//!
//! A block of up to [`MOST_TILES`] tiles is one piece of work, start to end, in one thread's scratch:
//! 1. the input windows are gathered (the edge is applied here, pixel by pixel) and transformed to V, `[36][in / 16][tile][16]`;
//! 2. for each chunk of [`CHUNK`] output channels, 36 products with the packed weights give M, `[36][tile][chunk]`;
//! 3. M is transformed back, and bias and ReLU or the gate of a gradient are applied on the way to memory.
//!
//! More tiles per block make better use of the weights (at 512 channels they are 38 MB and are read once per block), fewer keep V
//! and M in the nearest caches; on a Zen 4 core, 24 to 96 tiles and 32 to 128 channels per chunk are within 3 % of each other. There
//! the products run at three quarters of the core's peak and take four fifths of the time. The 36 parts of V and M lie one cache line
//! further apart than their size, or they would all share the same few cache sets.
//!
//! Tried without gain: prefetching the panel, the next strip of V or the places of M from the product; huge pages (1 to 3 %).
//!
//! A tile's values do not depend on its block, so the cut is free to follow the size of the map.

use crate::{
    fp32::{
        convolution::{Convolution, Epilogue},
        gemm::{self, BLOCK, Operands, STRIP},
        kernels::Kernels,
        lanes::Lanes,
    },
    plane::Plane,
    workers::{Output, Workers},
};

/// Output pixels along a tile's side.
const TILE: usize = 4;

/// Input pixels along a tile's side.
const WINDOW: usize = 6;

/// Products of one tile.
const POINTS: usize = WINDOW * WINDOW;

/// Tiles in a block, at most.
const MOST_TILES: usize = 48;

/// Output channels whose products are kept at a time; a multiple of every level's panel.
const CHUNK: usize = 64;

/// One cache line, between the parts of V and M.
const GAP: usize = 16;

/// The weights of one direction, transformed and packed: 36 panels.
#[derive(Debug)]
pub(crate) struct Transformed {
    in_channels: usize,
    out_channels: usize,
    values: Vec<f32>,
    /// What a window reads where there is nothing.
    zeros: Vec<f32>,
}

impl Transformed {
    /// From a function of (out, in, tap).
    pub(crate) fn new(in_channels: usize, out_channels: usize, kernels: &Kernels, weight: impl Fn(usize, usize, usize) -> f32) -> Self {
        let size = in_channels * out_channels;
        let mut values = vec![0.0; POINTS * size];
        for (start, width) in gemm::panels(out_channels, kernels.panel) {
            for input in 0..in_channels {
                for first in (0..width).step_by(BLOCK) {
                    let points = transform_kernels(|lane, tap| weight(start + first + lane, input, tap));
                    for (values, points) in values.chunks_exact_mut(size).zip(points) {
                        values[start * in_channels + input * width + first..][..BLOCK].copy_from_slice(&points);
                    }
                }
            }
        }
        Self { in_channels, out_channels, values, zeros: vec![0.0; in_channels] }
    }

    pub(crate) fn floats(&self) -> usize {
        self.values.len()
    }
}

/// `G g G^T` of 16 kernels at once, in f64, so that only the result is rounded.
fn transform_kernels(weight: impl Fn(usize, usize) -> f32) -> [[f32; BLOCK]; POINTS] {
    const G: [[f64; 3]; WINDOW] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let mut taps = [[0.0f64; BLOCK]; 9];
    for (tap, lanes) in taps.iter_mut().enumerate() {
        for (lane, value) in lanes.iter_mut().enumerate() {
            *value = f64::from(weight(lane, tap));
        }
    }
    let mut points = [[0.0; BLOCK]; POINTS];
    for (i, g) in G.iter().enumerate() {
        let mut row = [[0.0f64; BLOCK]; 3];
        for (column, row) in row.iter_mut().enumerate() {
            for (lane, value) in row.iter_mut().enumerate() {
                *value = g[0] * taps[column][lane] + g[1] * taps[3 + column][lane] + g[2] * taps[6 + column][lane];
            }
        }
        for (j, g) in G.iter().enumerate() {
            for (lane, value) in points[i * WINDOW + j].iter_mut().enumerate() {
                *value = (g[0] * row[0][lane] + g[1] * row[1][lane] + g[2] * row[2][lane]) as f32;
            }
        }
    }
    points
}

/// One convolution, cut into blocks of tiles.
pub(crate) struct Tiles<'a> {
    weights: &'a Transformed,
    job: Convolution<'a>,
    output: Output<'a>,
    cut: Cut,
}

/// How many tiles there are and how many make a block.
#[derive(Clone, Copy)]
struct Cut {
    across: usize,
    tiles: usize,
    block: usize,
}

impl Cut {
    fn new(plane: &Plane) -> Self {
        let across = plane.framed_width().div_ceil(TILE);
        let tiles = across * plane.framed_height().div_ceil(TILE);
        // An even number of blocks, so that two threads share a small map evenly.
        let blocks = tiles.div_ceil(MOST_TILES).next_multiple_of(2);
        Self { across, tiles, block: tiles.div_ceil(blocks).next_multiple_of(STRIP) }
    }

    /// Floats of a part of V, and of M.
    fn parts(&self, in_channels: usize) -> (usize, usize) {
        (in_channels * self.block + GAP, self.block * CHUNK + GAP)
    }
}

pub(crate) fn scratch_floats(weights: &Transformed, plane: &Plane) -> usize {
    let (input, product) = Cut::new(plane).parts(weights.in_channels);
    POINTS * (input + product)
}

pub(crate) fn run(weights: &Transformed, workers: &mut Workers, kernels: &Kernels, job: &Convolution<'_>, output: &mut [f32]) {
    let tiles = Tiles { weights, job: *job, output: Output::new(output), cut: Cut::new(job.plane) };
    tiles.check();
    workers.each(tiles.cut.tiles.div_ceil(tiles.cut.block), |block, scratch| kernels.tiles(&tiles, block, scratch));
}

impl Tiles<'_> {
    /// That every place which the kernels read or write by pointer is within its slice.
    fn check(&self) {
        let Self { weights, job, output, .. } = self;
        assert!(job.input.len() >= job.plane.area() * weights.in_channels, "an input of the plane's size");
        assert!(output.len() >= job.plane.pixels() * weights.out_channels, "an output of the plane's size, frame included");
        match job.epilogue {
            Epilogue::Rectify { bias } => assert_eq!(bias.len(), weights.out_channels, "a bias for each channel"),
            Epilogue::Gate { features } => assert!(features.len() >= job.plane.area() * weights.out_channels, "features to gate by"),
            Epilogue::Plain => {}
        }
    }

    /// The upper left output pixel of a tile.
    fn corner(&self, tile: usize) -> (isize, isize) {
        let (left, top) = self.job.plane.origin();
        (left + (tile % self.cut.across * TILE) as isize, top + (tile / self.cut.across * TILE) as isize)
    }
}

/// Computes one block of tiles.
///
/// # Safety
/// The processor has the instruction set of `L`, `tiles` passed its check, and no other thread computes this block.
#[inline(always)]
pub(crate) unsafe fn block<L: Lanes, const MR: usize, const NV: usize>(tiles: &Tiles<'_>, block: usize, scratch: &mut [f32]) {
    let Tiles { weights: Transformed { in_channels, out_channels, values, .. }, cut, .. } = tiles;
    let (in_channels, out_channels) = (*in_channels, *out_channels);
    let first = block * cut.block;
    let count = cut.block.min(cut.tiles - first);
    let rows = count.next_multiple_of(STRIP);
    let (input_part, product_part) = cut.parts(in_channels);
    assert!(scratch.len() >= POINTS * (input_part + product_part), "scratch for a block of tiles");
    let inputs = scratch.as_mut_ptr();
    let products = inputs.add(POINTS * input_part);

    for tile in 0..count {
        gather::<L>(tiles, first + tile, inputs.add(tile * BLOCK), input_part, cut.block * BLOCK);
    }
    let mut start = 0;
    while start < out_channels {
        let columns = CHUNK.min(out_channels - start);
        for point in 0..POINTS {
            gemm::product::<L, MR, NV>(&Operands {
                a: inputs.add(point * input_part),
                rows,
                blocks: in_channels / BLOCK,
                block_stride: cut.block * BLOCK,
                b: values.as_ptr().add((point * out_channels + start) * in_channels),
                columns,
                c: products.add(point * product_part),
                c_stride: CHUNK,
            });
        }
        for tile in 0..count {
            scatter::<L>(tiles, first + tile, start, columns, products.add(tile * CHUNK), product_part);
        }
        start += columns;
    }
}

/// Transforms one input window, channels of a vector at a time, to its place in each part of V.
#[inline(always)]
unsafe fn gather<L: Lanes>(tiles: &Tiles<'_>, tile: usize, to: *mut f32, part: usize, block_stride: usize) {
    let Tiles { weights, job, .. } = tiles;
    let (left, top) = tiles.corner(tile);
    let mut pixels = [weights.zeros.as_ptr(); POINTS];
    for (place, pixel) in pixels.iter_mut().enumerate() {
        if let Some(source) = job.plane.source(left - 1 + (place % WINDOW) as isize, top - 1 + (place / WINDOW) as isize) {
            debug_assert!((source + 1) * weights.in_channels <= job.input.len());
            *pixel = job.input.as_ptr().add(source * weights.in_channels);
        }
    }
    let mut channel = 0;
    while channel < weights.in_channels {
        let mut rows = [[L::splat(0.0); WINDOW]; WINDOW];
        for (y, row) in rows.iter_mut().enumerate() {
            let mut window = [L::splat(0.0); WINDOW];
            for (x, lanes) in window.iter_mut().enumerate() {
                *lanes = L::load(pixels[y * WINDOW + x].add(channel));
            }
            *row = transform_input(window);
        }
        let to = to.add(channel / BLOCK * block_stride + channel % BLOCK);
        for x in 0..WINDOW {
            let values = transform_input(column(&rows, x));
            for (y, lanes) in values.iter().enumerate() {
                lanes.store(to.add((y * WINDOW + x) * part));
            }
        }
        channel += L::WIDTH;
    }
}

/// Transforms the products of one tile back and stores its pixels.
#[inline(always)]
unsafe fn scatter<L: Lanes>(tiles: &Tiles<'_>, tile: usize, start: usize, columns: usize, from: *const f32, part: usize) {
    let Tiles { weights, job, output, .. } = tiles;
    let (left, top) = tiles.corner(tile);
    let mut targets = [None; TILE * TILE];
    for (place, target) in targets.iter_mut().enumerate() {
        *target = job.plane.target(left + (place % TILE) as isize, top + (place / TILE) as isize);
    }
    let area = job.plane.area();
    let mut offset = 0;
    while offset < columns {
        let mut rows = [[L::splat(0.0); TILE]; WINDOW];
        for (y, row) in rows.iter_mut().enumerate() {
            let mut window = [L::splat(0.0); WINDOW];
            for (x, lanes) in window.iter_mut().enumerate() {
                *lanes = L::load(from.add((y * WINDOW + x) * part + offset));
            }
            *row = transform_output(window);
        }
        let channel = start + offset;
        for x in 0..TILE {
            let values = transform_output(column(&rows, x));
            for (y, value) in values.iter().enumerate() {
                let Some(pixel) = targets[y * TILE + x] else { continue };
                let place = pixel * weights.out_channels + channel;
                let value = match job.epilogue {
                    Epilogue::Rectify { bias } => value.add(L::load(bias.as_ptr().add(channel))).rectify(),
                    // The frame beyond the border is gated where it is folded to.
                    Epilogue::Gate { features } if pixel < area => value.gate(L::load(features.as_ptr().add(place))),
                    Epilogue::Gate { .. } | Epilogue::Plain => *value,
                };
                value.store(output.at(place));
            }
        }
        offset += L::WIDTH;
    }
}

/// One column of a window whose rows are transformed.
#[inline(always)]
fn column<L: Lanes, const N: usize>(rows: &[[L; N]; WINDOW], x: usize) -> [L; WINDOW] {
    [rows[0][x], rows[1][x], rows[2][x], rows[3][x], rows[4][x], rows[5][x]]
}

/// `B^T d` along one axis.
#[inline(always)]
unsafe fn transform_input<L: Lanes>(d: [L; WINDOW]) -> [L; WINDOW] {
    let (two, four, minus_four, minus_five) = (L::splat(2.0), L::splat(4.0), L::splat(-4.0), L::splat(-5.0));
    let (a, b) = (d[2].mul_add(minus_four, d[4]), d[1].mul_add(minus_four, d[3]));
    let (c, e) = (d[4].sub(d[2]), d[3].sub(d[1]));
    [
        d[0].mul_add(four, d[2].mul_add(minus_five, d[4])),
        a.add(b),
        a.sub(b),
        e.mul_add(two, c),
        e.mul_add(L::splat(-2.0), c),
        d[1].mul_add(four, d[3].mul_add(minus_five, d[5])),
    ]
}

/// `A^T m` along one axis.
#[inline(always)]
unsafe fn transform_output<L: Lanes>(m: [L; WINDOW]) -> [L; TILE] {
    let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
    let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
    [
        m[0].add(sum).add(sum2),
        difference2.mul_add(L::splat(2.0), difference),
        sum2.mul_add(L::splat(4.0), sum),
        difference2.mul_add(L::splat(8.0), difference).add(m[5]),
    ]
}
