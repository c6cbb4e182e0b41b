//! A 9x9 convolution of few channels as Winograd F(3x3, 3x3): a third of the multiplications.
//!
//! A kernel of 9x9 taps is 3x3 kernels of 3x3 taps, each as far from the next as a tile of three
//! outputs is. So once an input window of 5x5 pixels is transformed to its 25 points, nine output
//! tiles share it, and at each point what is left is a 3x3 convolution of tiles, with few channels
//! as before: the product of `fp32/thin.rs`. The interpolation points are 0, 1, -1, 2 and infinity.
//! Against a direct sum that costs about one digit: results differ by 1e-6 of their scale.
//!
//! Along a row, every third pixel lies side by side, so that both transforms are plain additions of
//! rows, whatever the channels. A band of rows is computed in one thread's scratch, a segment of
//! tiles after the other:
//! 1. the input rows are read and normalised, once for the whole band;
//! 2. a segment's windows are transformed, for two rows of tiles more than are computed;
//! 3. for each row of tiles, 25 products, and three rows of outputs.

use std::ops::Range;

use super::{
    border::Border,
    direct::{Map, pack},
    kernel::Kernel,
    normalization::{Affine, Band, Moments},
};
use crate::{
    fp32::{
        dispatch,
        gemm::{BLOCK, Panels, STRIP},
        kernels::{Kernels, Taps},
        rows::Rows,
        thin::Activation,
    },
    threads::{Output, Threads},
};

/// Outputs of a tile along a side, and taps of a small kernel.
const TILE: usize = 3;

/// Input pixels of a window along a side, and points.
const WINDOW: usize = 5;
const POINTS: usize = WINDOW * WINDOW;

/// Taps of the kernel, and how many of them lie before the middle.
pub(super) const SIDE: usize = TILE * TILE;
const BEFORE: usize = SIDE / 2;

/// Rows of tiles in a band.
const BAND: usize = 4;

/// Tiles of a segment, about: its windows and products stay in the nearer caches.
const SEGMENT: usize = 60;

/// A convolution with its weights transformed and packed.
#[derive(Debug)]
pub(super) struct Outer {
    in_channels: usize,
    out_channels: usize,
    /// Tiles that one pixel of the product stands for.
    group: usize,
    /// For each point.
    panels: Vec<Panels>,
    no_bias: Vec<f32>,
    /// What follows the sums, if it is not nothing.
    finish: Option<Affine>,
}

impl Outer {
    /// A convolution, perhaps with a bias and a ReLU.
    pub(super) fn new(
        kernel: &Kernel<'_>,
        kernels: Option<&Kernels>,
        activation: Activation,
    ) -> Self {
        let &Kernel { in_channels, out_channels, side, bias, .. } = kernel;
        assert_eq!(side, SIDE, "an outer kernel has nine rows");
        let group = (BLOCK / out_channels).max(1);
        let columns = (group * out_channels).next_multiple_of(BLOCK);
        assert!(columns == BLOCK || columns == out_channels, "whole vectors of features");
        let run = (group + 2) * in_channels;
        let panels = (0..POINTS).map(|point| {
            pack(3 * run, columns, kernels, |k, column| {
                let (row, place) = (k / run, k % run);
                let (member, output) = (column / out_channels, column % out_channels);
                let tile = (place / in_channels).wrapping_sub(member);
                if member < group && tile < 3 {
                    transformed(kernel, point, output, place % in_channels, row, tile)
                } else {
                    0.0
                }
            })
        });
        let rectify = match activation {
            Activation::Linear => false,
            Activation::Rectify => true,
            Activation::RectifyToSix => unreachable!("no outer layer ends at six"),
        };
        let finish = (rectify || !bias.is_empty()).then(|| Affine::biased(bias, rectify));
        let panels = panels.collect();
        Self { in_channels, out_channels, group, panels, no_bias: vec![0.0; columns], finish }
    }

    pub(super) fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn layout(&self, width: usize) -> Layout {
        let tiles = width.div_ceil(TILE);
        // Segments of one length, in whole strips of products.
        let strip = STRIP * self.group;
        let segments = tiles.div_ceil(SEGMENT);
        let segment = tiles.div_ceil(segments).next_multiple_of(strip);
        let channels = self.in_channels;
        let columns = self.no_bias.len();
        Layout {
            segment,
            tiles,
            phase: (segments * segment + 3) * channels,
            line: (BEFORE + width.max(TILE * tiles + BEFORE)) * channels,
            // What the last pixel of a strip reads.
            window: ((segment / self.group - 1) * self.group + self.group + 2) * channels,
            product: segment * self.out_channels + columns,
        }
    }

    /// Output rows of a band.
    pub(super) const BAND_ROWS: usize = BAND * TILE;

    /// The rows of a map that output rows, in whole tiles, are made of; they may lie beyond its
    /// borders.
    pub(super) fn reads(rows: &Range<usize>) -> Range<isize> {
        let end = rows.start + rows.len().next_multiple_of(TILE) + BEFORE;
        rows.start as isize - BEFORE as isize..end as isize
    }

    /// Computes the convolution of a map into `output`, and the moments of the result.
    pub(super) fn run(
        &self,
        threads: &mut Threads,
        kernels: Option<&Kernels>,
        map: &Map<'_>,
        borders: [Border; 2],
        output: &mut [f32],
        measure: bool,
    ) -> Moments {
        let mut bands = vec![Band::EMPTY; map.height.div_ceil(Self::BAND_ROWS)];
        let measured = measure.then_some(&mut bands[..]);
        self.run_rows(threads, kernels, map, borders, 0..map.height, output, measured);
        Moments::merged(self.out_channels, &bands)
    }

    /// Computes some rows of it, which begin with a band, and measures their bands.
    #[expect(clippy::too_many_arguments, reason = "what is computed, and where it goes")]
    pub(super) fn run_rows(
        &self,
        threads: &mut Threads,
        kernels: Option<&Kernels>,
        map: &Map<'_>,
        borders: [Border; 2],
        rows: Range<usize>,
        output: &mut [f32],
        bands: Option<&mut [Band]>,
    ) {
        let layout = self.layout(map.width);
        threads.reserve(layout.floats());
        let row_floats = map.width * self.out_channels;
        assert_eq!(output.len(), rows.len() * row_floats, "an output of the rows' size");
        assert!(rows.start.is_multiple_of(Self::BAND_ROWS), "rows begin with a band");
        let count = rows.len().div_ceil(Self::BAND_ROWS);
        let (values, moments) = (Output::new(output), bands.map(Output::new));
        threads.each(count, |index, scratch| {
            let from = index * Self::BAND_ROWS;
            let len = (rows.len() - from).min(Self::BAND_ROWS);
            // SAFETY: bands do not overlap, and every index is taken once.
            let (output, moments) = unsafe {
                let moments = moments.as_ref().map(|moments| &mut moments.slice(index, 1)[0]);
                (values.slice(from * row_floats, len * row_floats), moments)
            };
            self.band(kernels, map, borders, &layout, rows.start + from, output, scratch);
            if let Some(Affine { scale, shift, rectify }) = &self.finish {
                let rectify = *rectify;
                let values = &mut *output;
                dispatch::rows(kernels, Rows::NormalizeInPlace { values, scale, shift, rectify });
            }
            if let Some(moments) = moments {
                moments.add(kernels, self.out_channels, output);
            }
        });
    }

    /// Computes the sums of the rows from `top` on.
    #[expect(clippy::too_many_arguments, reason = "a band of a map, and where it is computed")]
    fn band(
        &self,
        kernels: Option<&Kernels>,
        map: &Map<'_>,
        borders: [Border; 2],
        layout: &Layout,
        top: usize,
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let row_floats = map.width * self.out_channels;
        let tile_rows = (output.len() / row_floats).div_ceil(TILE);
        let mut scratch = layout.cut(scratch);
        let needed = TILE * tile_rows + 2 * BEFORE;
        for (y, row) in (0..needed).zip(scratch.rows.chunks_exact_mut(TILE * layout.phase)) {
            let y = (top + y) as isize - BEFORE as isize;
            self.read_row(kernels, map, borders, layout, y, scratch.line, row);
        }
        for first in (0..layout.tiles).step_by(layout.segment) {
            for row in 0..tile_rows + 2 {
                self.transform(kernels, layout, first, row, &mut scratch);
            }
            for (row, output) in output.chunks_mut(TILE * row_floats).enumerate() {
                self.multiply(kernels, layout, row, &mut scratch);
                self.write(kernels, layout, first, map.width, output, &mut scratch);
            }
        }
    }

    /// Reads a row of the map, normalised and with what lies beyond its ends, every third pixel
    /// side by side.
    #[expect(clippy::too_many_arguments, reason = "a row of a map, and where it goes")]
    fn read_row(
        &self,
        kernels: Option<&Kernels>,
        map: &Map<'_>,
        [border_x, border_y]: [Border; 2],
        layout: &Layout,
        y: isize,
        line: &mut [f32],
        row: &mut [f32],
    ) {
        let channels = self.in_channels;
        let (before, end) = (BEFORE as isize, (TILE * layout.tiles + BEFORE) as isize);
        map.read_row(kernels, channels, [border_x, border_y], y, before, end, line);
        let line = &line[..(TILE * layout.tiles + 2 * BEFORE) * channels];
        match channels {
            3 => fold::<3>(line, row, layout.phase),
            4 => fold::<4>(line, row, layout.phase),
            8 => fold::<8>(line, row, layout.phase),
            16 => fold::<16>(line, row, layout.phase),
            other => unreachable!("no outer layer reads {other} channels"),
        }
    }

    /// Transforms the windows of a row of tiles to their points.
    fn transform(
        &self,
        kernels: Option<&Kernels>,
        layout: &Layout,
        first: usize,
        row: usize,
        scratch: &mut Scratch<'_>,
    ) {
        let channels = self.in_channels;
        let (len, wide) = (layout.window, layout.window + channels);
        let (start, row_floats) = (first * channels, TILE * layout.phase);
        // Along columns, every phase by itself; the first two have the next tile's pixel as well.
        for phase in 0..TILE {
            let inputs = [0, 1, 2, 3, 4].map(|y| {
                &scratch.rows[(TILE * row + y) * row_floats + phase * layout.phase + start..]
                    [..wide]
            });
            let (folded, _) = scratch.folded[phase * WINDOW * wide..].split_at_mut(WINDOW * wide);
            dispatch::rows(kernels, Rows::Points { inputs, outputs: cut(folded, wide) });
        }
        let points = &mut scratch.windows[row * POINTS * len..][..POINTS * len];
        for (y, points) in points.chunks_exact_mut(WINDOW * len).enumerate() {
            let pixel = |x: usize| {
                let place = (x % TILE * WINDOW + y) * wide + x / TILE * channels;
                &scratch.folded[place..place + len]
            };
            let inputs = [0, 1, 2, 3, 4].map(pixel);
            dispatch::rows(kernels, Rows::Points { inputs, outputs: cut(points, len) });
        }
    }

    /// The products of a row of tiles.
    fn multiply(
        &self,
        kernels: Option<&Kernels>,
        layout: &Layout,
        row: usize,
        scratch: &mut Scratch<'_>,
    ) {
        let len = layout.window;
        let products = scratch.products.chunks_exact_mut(layout.product);
        for (point, (panels, product)) in self.panels.iter().zip(products).enumerate() {
            let taps = Taps {
                run: (self.group + 2) * self.in_channels,
                step: self.group * self.in_channels,
                panels,
                bias: &self.no_bias,
                activation: Activation::Linear,
                output_step: self.group * self.out_channels,
            };
            let rows =
                [0, 1, 2].map(|y| &scratch.windows[((row + y) * POINTS + point) * len..][..len]);
            let pixels = layout.segment / self.group;
            dispatch::thin(kernels, &rows, &taps, pixels, product, scratch.spare);
        }
    }

    /// Transforms the products of a row of tiles back, and writes those of its three rows of
    /// outputs that the map has.
    fn write(
        &self,
        kernels: Option<&Kernels>,
        layout: &Layout,
        first: usize,
        width: usize,
        output: &mut [f32],
        scratch: &mut Scratch<'_>,
    ) {
        let channels = self.out_channels;
        let len = layout.segment * channels;
        for column in 0..WINDOW {
            let inputs = [0, 1, 2, 3, 4]
                .map(|y| &scratch.products[(y * WINDOW + column) * layout.product..][..len]);
            let (unfolded, _) = scratch.unfolded[column * TILE * len..].split_at_mut(TILE * len);
            dispatch::rows(kernels, Rows::Outputs { inputs, outputs: cut(unfolded, len) });
        }
        for (y, row) in output.chunks_exact_mut(width * channels).enumerate() {
            let inputs =
                [0, 1, 2, 3, 4].map(|column| &scratch.unfolded[(column * TILE + y) * len..][..len]);
            let outputs = cut(&mut scratch.outputs[..TILE * len], len);
            dispatch::rows(kernels, Rows::Outputs { inputs, outputs });
            let row = &mut row[TILE * first * channels..];
            match channels {
                3 => unfold::<3>(scratch.outputs, len, row),
                8 => unfold::<8>(scratch.outputs, len, row),
                16 => unfold::<16>(scratch.outputs, len, row),
                32 => unfold::<32>(scratch.outputs, len, row),
                other => unreachable!("no outer layer makes {other} channels"),
            }
        }
    }
}

/// Copies the pixels of a line so that every third lies side by side.
fn fold<const C: usize>(line: &[f32], row: &mut [f32], phase: usize) {
    let (pixels, _) = line.as_chunks::<C>();
    for (first, row) in row.chunks_exact_mut(phase).enumerate() {
        let (row, _) = row.as_chunks_mut::<C>();
        let pixels = pixels[first.min(pixels.len())..].iter().step_by(TILE);
        row.iter_mut().zip(pixels).for_each(|(to, from)| *to = *from);
    }
}

/// The inverse: from phases of this length.
fn unfold<const C: usize>(phases: &[f32], len: usize, row: &mut [f32]) {
    let (row, _) = row.as_chunks_mut::<C>();
    for (first, pixels) in phases.chunks_exact(len).take(TILE).enumerate() {
        let (pixels, _) = pixels.as_chunks::<C>();
        let row = row.iter_mut().skip(first).step_by(TILE);
        row.zip(pixels).for_each(|(to, from)| *to = *from);
    }
}

/// Cuts a slice into pieces of one length.
fn cut<const N: usize>(mut slice: &mut [f32], len: usize) -> [&mut [f32]; N] {
    std::array::from_fn(|_| slice.split_off_mut(..len).expect("a piece for each"))
}

/// A weight of a small kernel at a point: `G g G^T`.
fn transformed(
    kernel: &Kernel<'_>,
    point: usize,
    output: usize,
    input: usize,
    row: usize,
    column: usize,
) -> f32 {
    const G: [[f64; 3]; WINDOW] = [
        [0.5, 0.0, 0.0],
        [-0.5, -0.5, -0.5],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 6.0, 1.0 / 3.0, 2.0 / 3.0],
        [0.0, 0.0, 1.0],
    ];
    let mut sum = 0.0;
    for (y, down) in G[point / WINDOW].iter().enumerate() {
        for (x, across) in G[point % WINDOW].iter().enumerate() {
            let weight = kernel.weight(output, input, TILE * row + y, TILE * column + x);
            sum += down * across * f64::from(weight);
        }
    }
    sum as f32
}

/// The parts of a thread's scratch for one width, in floats.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Tiles of a segment, and of a row.
    segment: usize,
    tiles: usize,
    /// Every third pixel of an input row.
    phase: usize,
    /// An input row.
    line: usize,
    /// One point of a segment's windows.
    window: usize,
    /// One point of a segment's products.
    product: usize,
}

/// A thread's scratch.
struct Scratch<'a> {
    rows: &'a mut [f32],
    line: &'a mut [f32],
    folded: &'a mut [f32],
    windows: &'a mut [f32],
    products: &'a mut [f32],
    unfolded: &'a mut [f32],
    outputs: &'a mut [f32],
    spare: &'a mut [f32],
}

impl Layout {
    /// Whole cache lines for each part.
    fn parts(&self) -> [usize; 8] {
        let parts = [
            (BAND * TILE + 2 * BEFORE) * TILE * self.phase,
            self.line,
            // The window of the next tile adds less than another window.
            TILE * WINDOW * 2 * self.window,
            (BAND + 2) * POINTS * self.window,
            POINTS * self.product,
            WINDOW * TILE * self.product,
            TILE * self.product,
            STRIP * self.product,
        ];
        parts.map(|floats| floats.next_multiple_of(16))
    }

    fn floats(&self) -> usize {
        self.parts().iter().sum()
    }

    fn cut<'a>(&self, mut scratch: &'a mut [f32]) -> Scratch<'a> {
        let [rows, line, folded, windows, products, unfolded, outputs, spare] = self
            .parts()
            .map(|floats| scratch.split_off_mut(..floats).expect("scratch for all parts"));
        Scratch { rows, line, folded, windows, products, unfolded, outputs, spare }
    }
}
