//! 3x3 convolution as Winograd F(4x4, 3x3): a quarter of the multiplications.
//!
//! An output tile of 4x4 pixels is `Y = A^T [ (G g G^T) . (B^T d B) ] A`, where d is the 6x6 input
//! window, g the 3x3 kernel and the product in the middle is element by element, so over channels
//! it is 36 matrix products: tiles x in times in x out. The interpolation points are 0, 1, -1, 2,
//! -2 and infinity; the transforms amplify rounding, so a value differs from the direct sum by
//! about 1e-5 of the layer's scale, 1e-4 after all layers.
//!
//! A block of up to [`MOST_TILES`] tiles is one piece of work, start to end, in one thread's
//! scratch:
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
//! Tried without gain: prefetching the panel, the next strip of V or the places of M from the
//! product; huge pages (1 to 3 %).
//!
//! A tile's values do not depend on its block, so the cut is free to follow the size of the map.

use std::ops::Range;

use crate::{
    edge::Axis,
    fp32::{
        bits::{self, Gate},
        convolution::{Convolution, Destination, Epilogue, Input},
        gemm::{self, BLOCK, Operands, STRIP},
        kernels::Kernels,
        lanes::Lanes,
        pool::Pooling,
    },
    plane::Plane,
    shape::Pool,
    threads::{Output, Threads},
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
    /// What a window reads where there is nothing: values, and bits.
    zeros: Vec<f32>,
}

impl Transformed {
    /// From a function of (out, in, tap).
    pub(crate) fn new(
        in_channels: usize,
        out_channels: usize,
        kernels: &Kernels,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let size = in_channels * out_channels;
        let mut values = vec![0.0; POINTS * size];
        for (start, width) in gemm::panels(out_channels, kernels.panel) {
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
                *value = g[0] * taps[column][lane]
                    + g[1] * taps[3 + column][lane]
                    + g[2] * taps[6 + column][lane];
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

pub(crate) fn run(
    weights: &Transformed,
    threads: &mut Threads,
    kernels: &Kernels,
    job: &Convolution<'_>,
    to: Destination<'_>,
) {
    let tiles = Tiles {
        weights,
        job: *job,
        values: Output::new(to.values),
        bits: Output::new(to.bits),
        cut: Cut::new(job.plane),
    };
    tiles.check();
    threads.each(tiles.cut.tiles().div_ceil(tiles.cut.block), |block, scratch| {
        kernels.tiles(&tiles, block, scratch)
    });
}

impl Tiles<'_> {
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
    let mut start = 0;
    while start < out_channels {
        let columns = CHUNK.min(out_channels - start);
        for point in 0..POINTS {
            gemm::product::<L, MR, NV>(&Operands {
                a: inputs.add(point * input_part),
                rows,
                blocks: in_channels / BLOCK,
                b: values.as_ptr().add((point * out_channels + start) * in_channels),
                columns,
                c: products.add(point * product_part),
                c_stride: CHUNK,
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

/// Transforms one input window, channels of a vector at a time, to its place in each part of V.
#[inline(always)]
unsafe fn gather<L: Lanes>(tiles: &Tiles<'_>, tile: usize, to: *mut f32, part: usize) {
    let Tiles { weights: Transformed { in_channels, zeros, .. }, job, .. } = tiles;
    let (columns, rows) = tiles.pixels(tile);
    let mut x = [None; WINDOW];
    for (column, x) in (columns.start - 1..).zip(&mut x) {
        *x = job.plane.column(column);
    }
    let width = job.plane.width();
    let mut window = Window {
        values: [zeros.as_ptr(); POINTS],
        bits: [zeros.as_ptr().cast(); POINTS],
        shares: [0.0; POINTS],
    };
    for (y, row) in (rows.start - 1..).take(WINDOW).enumerate() {
        let Some(row) = job.plane.row(row) else { continue };
        for (x, column) in x.iter().enumerate() {
            let (Some(column), place) = (*column, y * WINDOW + x) else { continue };
            match job.input {
                Input::Map(values) => {
                    window.values[place] = values.as_ptr().add((row * width + column) * in_channels)
                }
                Input::Unpooled(unpooled) => {
                    window.values[place] = unpooled
                        .pooled
                        .as_ptr()
                        .add(unpooled.pooling.pooled(column, row) * in_channels);
                    window.bits[place] = unpooled
                        .routes
                        .as_ptr()
                        .add((row * width + column) * bits::bytes(*in_channels));
                    window.shares[place] = unpooled.pooling.share(column, row);
                }
            }
        }
    }
    match job.input {
        Input::Map(_) => window.transform::<L, MAP>(*in_channels, to, part),
        Input::Unpooled(unpooled) => match unpooled.pooling.pool {
            Pool::Max => window.transform::<L, LARGEST>(*in_channels, to, part),
            Pool::Average => window.transform::<L, SHARED>(*in_channels, to, part),
        },
    }
}

/// Where a window's 36 pixels are.
struct Window {
    values: [*const f32; POINTS],
    bits: [*const u8; POINTS],
    shares: [f32; POINTS],
}

/// What a window reads: a map, the gradient of one before max pooling, or of one before average
/// pooling.
const MAP: u8 = 0;
const LARGEST: u8 = 1;
const SHARED: u8 = 2;

impl Window {
    #[inline(always)]
    unsafe fn transform<L: Lanes, const INPUT: u8>(
        &self,
        channels: usize,
        to: *mut f32,
        part: usize,
    ) {
        let mut channel = 0;
        while channel < channels {
            let mut rows = [[L::splat(0.0); WINDOW]; WINDOW];
            for (y, row) in rows.iter_mut().enumerate() {
                let mut window = [L::splat(0.0); WINDOW];
                for (x, lanes) in window.iter_mut().enumerate() {
                    let place = y * WINDOW + x;
                    *lanes = L::load(self.values[place].add(channel));
                    if INPUT != MAP {
                        *lanes = lanes.keep(L::load_bits(self.bits[place].add(channel / 8)));
                    }
                    if INPUT == SHARED {
                        *lanes = lanes.mul_add(L::splat(self.shares[place]), L::splat(0.0));
                    }
                }
                *row = transform_input(window);
            }
            let to = to.add(channel / BLOCK * STRIP * BLOCK + channel % BLOCK);
            for x in 0..WINDOW {
                let values = transform_input(column(&rows, x));
                for (y, lanes) in values.iter().enumerate() {
                    lanes.store(to.add((y * WINDOW + x) * part));
                }
            }
            channel += L::WIDTH;
        }
    }
}

/// Transforms the products of one tile back and stores its pixels.
#[inline(always)]
unsafe fn scatter<L: Lanes>(
    tiles: &Tiles<'_>,
    tile: usize,
    start: usize,
    columns: usize,
    from: *const f32,
    part: usize,
) {
    let targets = Targets::new(tiles, tile);
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
        let mut values = [[L::splat(0.0); TILE]; TILE];
        for x in 0..TILE {
            let column = transform_output(column(&rows, x));
            for (row, value) in values.iter_mut().zip(column) {
                row[x] = value;
            }
        }
        targets.store(tiles, start + offset, values);
        offset += L::WIDTH;
    }
}

/// Where the pixels of one output tile go.
struct Targets {
    /// How many columns and rows the tile has.
    across: usize,
    down: usize,
    /// The places of its pixels; where the epilogue makes bits or reads any, inside the picture
    /// only.
    pixels: [usize; TILE * TILE],
    /// The first pooled pixel, if the tile is pooled.
    pooled: usize,
}

impl Targets {
    fn new(tiles: &Tiles<'_>, tile: usize) -> Self {
        let plane = tiles.job.plane;
        let (columns, rows) = tiles.pixels(tile);
        let (across, down) = (columns.len(), rows.len());
        let mut pixels = [0; TILE * TILE];
        for (y, row) in rows.clone().enumerate() {
            for (x, column) in columns.clone().enumerate() {
                pixels[y * TILE + x] = if plane.is_bare() {
                    row as usize * plane.width() + column as usize
                } else {
                    plane.target(column, row).unwrap_or(0)
                };
            }
        }
        let pooled = match tiles.job.epilogue {
            Epilogue::Pool { pooling, .. } => {
                pooling.pooled(columns.start as usize, rows.start as usize)
            }
            Epilogue::Rectify { .. }
            | Epilogue::Mark { .. }
            | Epilogue::Gate(_)
            | Epilogue::Plain => 0,
        };
        Self { across, down, pixels, pooled }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(
        &self,
        tiles: &Tiles<'_>,
        channel: usize,
        mut values: [[L; TILE]; TILE],
    ) {
        let Tiles {
            weights: Transformed { out_channels, .. },
            job,
            values: output,
            bits: marks,
            ..
        } = tiles;
        let (channels, bytes) = (*out_channels, bits::bytes(*out_channels));
        if let Epilogue::Rectify { bias } | Epilogue::Mark { bias } | Epilogue::Pool { bias, .. } =
            job.epilogue
        {
            let bias = L::load(bias.as_ptr().add(channel));
            for row in &mut values {
                for value in row {
                    *value = value.add(bias).rectify();
                }
            }
        }
        if let Epilogue::Pool { pooling, .. } = job.epilogue {
            return self.pool(tiles, pooling, channel, &values);
        }
        let area = job.plane.area();
        for (y, row) in values.iter().enumerate().take(self.down) {
            for (x, value) in row.iter().enumerate().take(self.across) {
                let pixel = self.pixels[y * TILE + x];
                let (place, bit) = (pixel * channels + channel, pixel * bytes + channel / 8);
                let value = match job.epilogue {
                    // The frame beyond the border is gated where it is folded to.
                    Epilogue::Gate(_) if pixel >= area => *value,
                    Epilogue::Gate(Gate::Features(features)) => {
                        value.keep(L::load(features.as_ptr().add(place)).positive())
                    }
                    Epilogue::Gate(Gate::Bits(bits)) => {
                        value.keep(L::load_bits(bits.as_ptr().add(bit)))
                    }
                    Epilogue::Mark { .. } => {
                        L::store_bits(value.positive(), marks.at(bit));
                        *value
                    }
                    Epilogue::Rectify { .. } | Epilogue::Pool { .. } | Epilogue::Plain => *value,
                };
                value.store(output.at(place));
            }
        }
    }

    /// Stores the pooled pixels of a tile and their routes: see [`crate::fp32::pool::pool`].
    #[inline(always)]
    unsafe fn pool<L: Lanes>(
        &self,
        tiles: &Tiles<'_>,
        pooling: &Pooling,
        channel: usize,
        values: &[[L; TILE]; TILE],
    ) {
        let Tiles {
            weights: Transformed { out_channels, .. }, values: output, bits: marks, ..
        } = tiles;
        let (channels, bytes) = (*out_channels, bits::bytes(*out_channels));
        let mut y = 0;
        while y < self.down {
            let mut x = 0;
            while x < self.across {
                // The one row or column of an odd window is read twice: that changes neither the
                // maximum nor the mean.
                let (right, below) = ((x + 1).min(self.across - 1), (y + 1).min(self.down - 1));
                let window =
                    [values[y][x], values[y][right], values[below][x], values[below][right]];
                let [a, b, c, d] = window;
                let mut routes = [0; 4];
                let pooled = match pooling.pool {
                    Pool::Max => {
                        let largest = a.larger(b).larger(c.larger(d));
                        let mut free = largest.positive();
                        for (route, value) in routes.iter_mut().zip(window) {
                            *route = free & value.equal(largest);
                            free &= !*route;
                        }
                        largest
                    }
                    Pool::Average => {
                        for (route, value) in routes.iter_mut().zip(window) {
                            *route = value.positive();
                        }
                        a.add(b).add(c.add(d)).mul_add(L::splat(0.5), L::splat(0.0))
                    }
                };
                // In reverse, so that of a pixel read twice the first route counts.
                for (place, (y, x)) in
                    [(y, x), (y, right), (below, x), (below, right)].into_iter().enumerate().rev()
                {
                    L::store_bits(
                        routes[place],
                        marks.at(self.pixels[y * TILE + x] * bytes + channel / 8),
                    );
                }
                pooled.store(output.at((self.pooled + y / 2 * pooling.pooled_width() + x / 2)
                    * channels
                    + channel));
                x += 2;
            }
            y += 2;
        }
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
    let (two, four, minus_four, minus_five) =
        (L::splat(2.0), L::splat(4.0), L::splat(-4.0), L::splat(-5.0));
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
