//! 3x3 convolution as Winograd F(4x4, 3x3): a quarter of the multiplications.
//!
//! An output tile of 4x4 pixels is `Y = A^T [ (G g G^T) . (B^T d B) ] A`, where d is the 6x6 input
//! window, g the 3x3 kernel and the product in the middle is element by element, so over channels
//! it is 36 matrix products: tiles x in times in x out. The interpolation points are 0, 1, -1, 2,
//! -2 and infinity; the transforms amplify rounding, so a value differs from the direct sum by
//! about 1e-5 of the layer's scale, 1e-4 after all layers.
//!
//! A block of up to [`MOST_TILES`] tiles is one unit of work, computed from start to end in one
//! thread's scratch:
//! 1. the input windows are gathered (the edge is applied here, pixel by pixel) and transformed to
//!    V, `[36][tile / 12][in / 16][tile % 12][16]`;
//! 2. for each chunk of [`CHUNK`] output channels, 36 products with the packed weights give M,
//!    `[36][tile][chunk]`;
//! 3. M is transformed back, and on the way to memory come bias, ReLU and pooling (a tile is 2x2
//!    windows), or the gate of a gradient.
//!
//! Behind a pool, the backward's windows are gathered from the pooled gradient and the routes, so
//! no unpooled gradient is written.
//!
//! More tiles per block make better use of the weights (at 512 channels they are 38 MB and are read
//! once per block), fewer keep V and M in the nearest caches; on a Zen 4 core, 24 to 96 tiles and
//! 32 to 512 channels per chunk are within 4 % of each other. There the products take four fifths
//! of the time; that V lies in the order in which they read it saves 4 % of a forward. The 36 parts
//! of V and M lie one cache line further apart than their size, or they would all share the same
//! few cache sets.
//!
//! What a product reads next is asked for while the one before computes (see [`gemm::Ahead`]): on a
//! Xeon with a slow and shared third cache that saves a sixth of an iteration; on Zen 4 it gained
//! nothing.
//!
//! Tried without gain: prefetching the places of M from the product, or the next window from
//! [`gather`]; huge pages (1 to 3 %); sums in two or four parts of k, so that a panel fits half of
//! the nearest cache. F(6x6, 3x3) up to 256 channels saves a sixth of the products, but its
//! transforms take most of that back (2 to 6 % of an iteration with AVX2, a loss with AVX-512); it
//! rounds 2.4 times as much, and tiles of six lie on no grid of 64 pixels, so a picture's tiles
//! would no longer have the bits of the whole.
//!
//! A tile's values do not depend on its block, so the cut is free to follow the size of the map.

mod targets;
mod transforms;
mod window;

use std::ops::Range;

use targets::scatter;
use transforms::{POINTS, TILE, transform_kernels};
use window::gather;

use crate::{
    edge::Axis,
    fp32::{
        bits::{self, Gate},
        gemm::{self, Ahead, BLOCK, Operands, STRIP},
        job::{Convolution, Destination, Epilogue, Input},
        lanes::Lanes,
    },
    plane::Plane,
    threads::Output,
};

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
    /// What a window reads where there is nothing: values, and bits.
    zeros: Vec<f32>,
}

impl Transformed {
    /// From a function of (out, in, tap), for products with panels of this width.
    pub(crate) fn new(
        in_channels: usize,
        out_channels: usize,
        panel: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let size = in_channels * out_channels;
        let mut values = vec![0.0; POINTS * size];
        for (start, width) in gemm::panels(out_channels, panel) {
            for input in 0..in_channels {
                for first in (0..width).step_by(BLOCK) {
                    let points =
                        transform_kernels(|lane, tap| weight(start + first + lane, input, tap));
                    for (values, points) in values.chunks_exact_mut(size).zip(points) {
                        values[start * in_channels + input * width + first..][..BLOCK]
                            .copy_from_slice(&points);
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

/// One convolution, cut into blocks of tiles.
pub(crate) struct Tiles<'a> {
    weights: &'a Transformed,
    job: Convolution<'a>,
    values: Output<'a>,
    bits: Output<'a, u8>,
    cut: Cut,
}

/// How the output is cut into tiles, and how many make a block.
struct Cut {
    /// The output pixels of each tile along an axis.
    columns: Vec<Range<isize>>,
    rows: Vec<Range<isize>>,
    block: usize,
}

impl Cut {
    fn new(plane: &Plane) -> Self {
        let (columns, rows) = (along(plane.columns()), along(plane.rows()));
        let tiles = columns.len() * rows.len();
        // An even number of blocks, so that two threads share a small map evenly.
        let blocks = tiles.div_ceil(MOST_TILES).next_multiple_of(2);
        Self { columns, rows, block: tiles.div_ceil(blocks).next_multiple_of(STRIP) }
    }

    fn tiles(&self) -> usize {
        self.columns.len() * self.rows.len()
    }

    /// Floats of a part of V, and of M.
    fn parts(&self, in_channels: usize) -> (usize, usize) {
        (in_channels * self.block + GAP, self.block * CHUNK + GAP)
    }
}

/// The tiles along an axis. They begin anew at a seam, so that pooling windows never straddle two,
/// and so that what lies beyond it is cut as in the whole picture.
fn along(axis: &Axis) -> Vec<Range<isize>> {
    let tiles = |part: Range<isize>| {
        part.clone().step_by(TILE).map(move |start| start..part.end.min(start + TILE as isize))
    };
    axis.parts().into_iter().flat_map(tiles).collect()
}

pub(crate) fn scratch_floats(weights: &Transformed, plane: &Plane) -> usize {
    let (input, product) = Cut::new(plane).parts(weights.in_channels);
    POINTS * (input + product)
}

impl<'a> Tiles<'a> {
    pub(crate) fn new(
        weights: &'a Transformed,
        job: &Convolution<'a>,
        to: Destination<'a>,
    ) -> Self {
        let tiles = Self {
            weights,
            job: *job,
            values: Output::new(to.values),
            bits: Output::new(to.bits),
            cut: Cut::new(job.plane),
        };
        tiles.check();
        tiles
    }

    /// How many blocks there are to compute.
    pub(crate) fn blocks(&self) -> usize {
        self.cut.tiles().div_ceil(self.cut.block)
    }

    /// That every place which the kernels read or write by pointer is within its slice.
    fn check(&self) {
        let Self {
            weights: Transformed { in_channels, out_channels, .. }, job, values, bits, ..
        } = self;
        let (area, bytes) = (job.plane.area(), bits::bytes(*out_channels));
        match job.input {
            Input::Map(values) => {
                assert!(values.len() >= area * in_channels, "an input of the plane's size")
            }
            Input::Unpooled(unpooled) => {
                let pooled = unpooled.pooling.pooled_width() * unpooled.pooling.pooled_height();
                assert!(
                    unpooled.pooled.len() >= pooled * in_channels,
                    "a gradient of the pooled map's size"
                );
                assert!(
                    unpooled.routes.len() >= area * bits::bytes(*in_channels),
                    "a route for each value of the plane"
                );
            }
        }
        let pixels = match job.epilogue {
            Epilogue::Rectify { .. }
            | Epilogue::Mark { .. }
            | Epilogue::Gate(_)
            | Epilogue::Plain => job.plane.pixels(),
            Epilogue::Pool { pooling, .. } => pooling.pooled_width() * pooling.pooled_height(),
        };
        assert!(
            values.len() >= pixels * out_channels,
            "an output of the plane's size, frame included"
        );
        match job.epilogue {
            Epilogue::Rectify { bias } => {
                assert_eq!(bias.len(), *out_channels, "a bias for each channel")
            }
            Epilogue::Mark { bias } | Epilogue::Pool { bias, .. } => {
                assert_eq!(bias.len(), *out_channels, "a bias for each channel");
                assert!(
                    job.plane.is_bare() && bits.len() >= area * bytes,
                    "a bit for each feature"
                );
            }
            Epilogue::Gate(Gate::Features(features)) => {
                assert!(features.len() >= area * out_channels, "features to gate by")
            }
            Epilogue::Gate(Gate::Bits(bits)) => {
                assert!(bits.len() >= area * bytes, "bits to gate by")
            }
            Epilogue::Plain => {}
        }
    }

    /// The output pixels of a tile: columns and rows.
    fn pixels(&self, tile: usize) -> (Range<isize>, Range<isize>) {
        let across = self.cut.columns.len();
        (self.cut.columns[tile % across].clone(), self.cut.rows[tile / across].clone())
    }
}

/// Computes one block of tiles.
///
/// # Safety
/// The processor has the instruction set of `L`, `tiles` passed its check, and no other thread
/// computes this block.
#[inline(always)]
pub(crate) unsafe fn block<L: Lanes, const MR: usize, const NV: usize>(
    tiles: &Tiles<'_>,
    block: usize,
    scratch: &mut [f32],
) {
    let Tiles { weights: Transformed { in_channels, out_channels, values, .. }, cut, .. } = tiles;
    let (in_channels, out_channels) = (*in_channels, *out_channels);
    let first = block * cut.block;
    let count = cut.block.min(cut.tiles() - first);
    let rows = count.next_multiple_of(STRIP);
    let (input_part, product_part) = cut.parts(in_channels);
    assert!(scratch.len() >= POINTS * (input_part + product_part), "scratch for a block of tiles");
    let inputs = scratch.as_mut_ptr();
    let products = inputs.add(POINTS * input_part);

    for tile in 0..count {
        let row = tile / STRIP * STRIP * in_channels + tile % STRIP * BLOCK;
        gather::<L>(tiles, first + tile, inputs.add(row), input_part);
    }
    let (v, w) = (
        |point: usize| inputs.add(point * input_part).cast_const(),
        |point: usize, start: usize| {
            values.as_ptr().add((point * out_channels + start) * in_channels)
        },
    );
    let mut start = 0;
    while start < out_channels {
        let columns = CHUNK.min(out_channels - start);
        // After the last product of the last chunk comes the next block.
        let next_chunk = if start + columns < out_channels { start + columns } else { 0 };
        for point in 0..POINTS {
            let ahead = match point + 1 {
                POINTS => Ahead { a: v(0), b: w(0, next_chunk) },
                next => Ahead { a: v(next), b: w(next, start) },
            };
            gemm::product::<L, MR, NV>(&Operands {
                a: v(point),
                rows,
                blocks: in_channels / BLOCK,
                b: w(point, start),
                columns,
                c: products.add(point * product_part),
                c_stride: CHUNK,
                ahead: Some(ahead),
            });
        }
        for tile in 0..count {
            scatter::<L>(
                tiles,
                first + tile,
                start,
                columns,
                products.add(tile * CHUNK),
                product_part,
            );
        }
        start += columns;
    }
}
