//! A convolution of few channels, pixel by pixel, on bands of rows.
//!
//! A band's input rows are copied to a thread's scratch with what lies beyond the border; on the
//! way they are normalised, so that no normalised map is ever stored. Every output row is then a
//! product of `fp32/thin.rs`. A vector holds 16 features: where a pixel has fewer, one row of B
//! stands for a few neighbouring pixels (with zeros where a tap reaches only some of them), and
//! their features lie side by side, as they are stored.
//!
//! **Enlarging.** A 3x3 convolution of a picture that was enlarged twofold by repeating its pixels
//! reads the same pixel several times. Each of the four outputs of a source pixel is a 2x2
//! convolution of the source whose weights are sums of those: four products instead of nine, and
//! the enlarged map is never stored. Beyond a mirrored border of the enlarged picture lies the
//! border pixel of the source.

use std::ops::Range;

use super::{
    border::Border,
    geometry::{Geometry, Kind, Product},
    kernel::Kernel,
    normalization::{Affine, Band, Moments},
};
use crate::{
    fp32::{
        dispatch,
        gemm::{BLOCK, Panels, STRIP},
        kernels::{Kernels, MOST_ROWS, Taps},
        rows::Rows,
        thin::Activation,
    },
    threads::{Output, Threads},
};

/// Source rows, or output rows if they are fewer, of a band at most.
pub(super) const BAND: usize = 8;

/// Bands of a low map, so that threads share it evenly.
const BANDS: usize = 8;

/// A map of features: `height * width * channels`, and perhaps more, or some of its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map<'a> {
    pub(super) values: &'a [f32],
    pub(super) width: usize,
    pub(super) height: usize,
    /// How its values are meant; as they are, if `None`.
    pub(super) affine: Option<&'a Affine>,
    /// The row that is there first, where not all are. It may lie before the map, and the last one
    /// after it; then what a border asks for is there.
    pub(super) first: Option<isize>,
}

impl<'a> Map<'a> {
    /// All rows of a map.
    pub(super) fn new(
        values: &'a [f32],
        width: usize,
        height: usize,
        affine: Option<&'a Affine>,
    ) -> Self {
        Self { values, width, height, affine, first: None }
    }

    /// Which of the rows that are there is read at a position; none if it reads zero.
    fn place(&self, y: isize, border: Border) -> Option<usize> {
        match self.first {
            Some(first) => border.source(y, self.height).map(|_| (y - first) as usize),
            None => border.source(y, self.height),
        }
    }

    /// Copies the pixels from `-before` to `end` of a row, normalised, with what lies beyond the
    /// border. There is room for the whole row.
    #[expect(clippy::too_many_arguments, reason = "what is read, and where it goes")]
    pub(super) fn read_row(
        &self,
        kernels: Option<&Kernels>,
        channels: usize,
        [border_x, border_y]: [Border; 2],
        y: isize,
        before: isize,
        end: isize,
        row: &mut [f32],
    ) {
        let Some(y) = self.place(y, border_y) else { return row.fill(0.0) };
        let len = self.width * channels;
        let input = &self.values[y * len..][..len];
        let output = &mut row[before as usize * channels..][..len];
        match self.affine {
            Some(Affine { scale, shift, rectify }) => {
                let rectify = *rectify;
                dispatch::rows(kernels, Rows::Normalize { input, scale, shift, rectify, output });
            }
            None => output.copy_from_slice(input),
        }
        for x in (-before..0).chain(self.width as isize..end) {
            let to = (before + x) as usize * channels;
            match border_x.source(x, self.width) {
                Some(source) => {
                    let from = (before as usize + source) * channels;
                    row.copy_within(from..from + channels, to);
                }
                None => row[to..to + channels].fill(0.0),
            }
        }
    }
}

/// A convolution with its weights packed.
#[derive(Debug)]
pub(super) struct Direct {
    geometry: Geometry,
    activation: Activation,
    parts: Vec<Part>,
}

/// The outputs of one product.
#[derive(Debug)]
struct Part {
    product: Product,
    panels: Panels,
    bias: Vec<f32>,
}

impl Direct {
    /// A convolution that reads `before` pixels above and to the left of each output.
    pub(super) fn new(
        kernel: &Kernel<'_>,
        kernels: Option<&Kernels>,
        before: usize,
        stride: usize,
        activation: Activation,
    ) -> Self {
        Self::of(kernel, kernels, Kind::Plain { before, stride }, activation)
    }

    /// A 3x3 convolution, without bias, of the map enlarged twofold by repeating its pixels.
    pub(super) fn enlarging(kernel: &Kernel<'_>, kernels: Option<&Kernels>) -> Self {
        Self::of(kernel, kernels, Kind::Repeated, Activation::Linear)
    }

    /// A convolution of any kind.
    pub(super) fn of(
        kernel: &Kernel<'_>,
        kernels: Option<&Kernels>,
        kind: Kind,
        activation: Activation,
    ) -> Self {
        let &Kernel { in_channels, out_channels, side, .. } = kernel;
        let geometry = Geometry { in_channels, out_channels, side, kind };
        let part = |product: Product| {
            let Product { rows, run, columns, .. } = product;
            let panels = pack(rows * run, columns, kernels, |k, column| {
                geometry.summed(&product, k, column).map_or(0.0, |summed| summed.of(kernel))
            });
            Part { product, panels, bias: kernel.bias(columns) }
        };
        let parts = geometry.products().into_iter().map(part).collect();
        Self { geometry, activation, parts }
    }

    pub(super) fn out_channels(&self) -> usize {
        self.geometry.out_channels
    }

    /// The length of an output's axis.
    pub(super) fn out_len(&self, len: usize) -> usize {
        self.geometry.out_len(len)
    }

    /// Floats of scratch that a thread needs for a map of this width.
    pub(super) fn scratch_floats(&self, width: usize) -> usize {
        let layout = self.layout(width);
        layout.rows * layout.row_floats + layout.line_floats + layout.spare_floats
    }

    fn layout(&self, width: usize) -> Layout {
        Layout::new(&self.geometry, self.parts.iter().map(|part| &part.product), width)
    }

    /// Output rows of a band of a map of this height.
    pub(super) fn band_rows(&self, height: usize) -> usize {
        self.band_steps(height) * self.geometry.enlarge()
    }

    /// Steps of a band: source rows, or output rows if they are fewer.
    fn band_steps(&self, height: usize) -> usize {
        height.div_ceil(self.geometry.stride()).div_ceil(BANDS).min(BAND)
    }

    /// The rows of a map that output rows are made of; they may lie beyond its borders.
    pub(super) fn reads(&self, rows: &Range<usize>) -> Range<isize> {
        let [stride, enlarge] = [self.geometry.stride(), self.geometry.enlarge()];
        let steps = rows.start / enlarge..rows.end.div_ceil(enlarge);
        let first = (steps.start * stride) as isize - self.geometry.before() as isize;
        let count = (steps.len() - 1) * stride + self.geometry.window();
        first..first + count as isize
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
        let rows = self.out_len(map.height);
        let mut bands = vec![Band::EMPTY; rows.div_ceil(self.band_rows(map.height))];
        let measured = measure.then_some(&mut bands[..]);
        self.run_rows(threads, kernels, map, borders, 0..rows, output, measured);
        Moments::merged(self.geometry.out_channels, &bands)
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
        threads.reserve(self.scratch_floats(map.width));
        let Geometry { in_channels, out_channels, .. } = self.geometry;
        let [stride, enlarge] = [self.geometry.stride(), self.geometry.enlarge()];
        let [window, before] = [self.geometry.window(), self.geometry.before()];
        let row_floats = self.out_len(map.width) * out_channels;
        assert_eq!(output.len(), rows.len() * row_floats, "an output of the rows' size");
        let before = before as isize;
        let end = ((layout.steps - 1) * stride + window) as isize - before;
        let band = self.band_steps(map.height);
        let all = rows.start / enlarge..rows.end / enlarge;
        assert!(all.start.is_multiple_of(band), "rows begin with a band");
        let count = all.len().div_ceil(band);
        let (values, moments) = (Output::new(output), bands.map(Output::new));
        threads.each(count, |index, scratch| {
            let first = all.start + index * band;
            let steps = first..all.end.min(first + band);
            let start = index * band * enlarge * row_floats;
            // SAFETY: bands do not overlap, and every index is taken once.
            let (output, mut moments) = unsafe {
                let len = steps.len() * enlarge * row_floats;
                let moments = moments.as_ref().map(|moments| &mut moments.slice(index, 1)[0]);
                (values.slice(start, len), moments)
            };
            let (read, rest) = scratch.split_at_mut(layout.rows * layout.row_floats);
            // A kernel of one pixel reads the map where it is, if its last strip lies within it.
            let start_of = |step: usize| step * map.width * in_channels;
            let last = start_of(steps.end - 1) + layout.row_floats;
            let is_plain = map.affine.is_none() && map.first.is_none();
            let in_place = window == 1 && is_plain && last <= map.values.len();
            if !in_place {
                let top = (steps.start * stride) as isize - before;
                let needed = (steps.len() - 1) * stride + window;
                for (y, row) in (top..).zip(read.chunks_exact_mut(layout.row_floats)).take(needed) {
                    map.read_row(kernels, in_channels, borders, y, before, end, row);
                }
            }
            let (line, spare) = rest.split_at_mut(layout.line_floats);
            for (step, outputs) in output.chunks_exact_mut(enlarge * row_floats).enumerate() {
                let rows = if in_place {
                    &map.values[start_of(steps.start + step)..]
                } else {
                    &read[step * stride * layout.row_floats..]
                };
                for (row, output) in outputs.chunks_exact_mut(row_floats).enumerate() {
                    self.write_row(kernels, row, rows, &layout, output, line, spare);
                    if let Some(moments) = &mut moments {
                        moments.add(kernels, out_channels, output);
                    }
                }
            }
        });
    }

    /// Computes an output row from the window's rows.
    #[expect(clippy::too_many_arguments, reason = "the pieces of a thread's scratch")]
    fn write_row(
        &self,
        kernels: Option<&Kernels>,
        row: usize,
        window: &[f32],
        layout: &Layout,
        output: &mut [f32],
        line: &mut [f32],
        spare: &mut [f32],
    ) {
        // The last pixel of a product may have features that belong to none of the map's.
        let spills = layout.line_floats > output.len();
        let to = if spills { &mut line[..] } else { &mut output[..] };
        let parts = self.parts.iter().filter(|part| part.product.row == row);
        for Part { product, panels, bias } in parts {
            let mut rows = [&window[..0]; MOST_ROWS];
            product.rows(window, layout, self.geometry.in_channels, &mut rows);
            let taps = Taps {
                run: product.run,
                step: product.step,
                panels,
                bias,
                activation: self.activation,
                output_step: product.output_step,
            };
            let pixels = layout.steps.div_ceil(product.group);
            dispatch::thin(
                kernels,
                &rows[..product.rows],
                &taps,
                pixels,
                &mut to[product.output_start..],
                spare,
            );
        }
        if spills {
            let len = output.len();
            output.copy_from_slice(&line[..len]);
        }
    }
}

/// The parts of a thread's scratch for one width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Pixels of an output row, before enlarging.
    pub(super) steps: usize,
    /// Rows of the source that a band reads.
    pub(super) rows: usize,
    pub(super) row_floats: usize,
    pub(super) line_floats: usize,
    spare_floats: usize,
}

impl Layout {
    pub(super) fn new<'a>(
        geometry: &Geometry,
        products: impl Iterator<Item = &'a Product> + Clone,
        width: usize,
    ) -> Self {
        let (in_channels, stride) = (geometry.in_channels, geometry.stride());
        let [window, before] = [geometry.window(), geometry.before()];
        let steps = width.div_ceil(stride);
        let line = |product: &Product| {
            let pixels = steps.div_ceil(product.group);
            product.output_start + (pixels - 1) * product.output_step + product.columns
        };
        let row = |product: &Product| {
            let pixels = steps.div_ceil(product.group).next_multiple_of(STRIP);
            product.first_column * in_channels + (pixels - 1) * product.step + product.run
        };
        let bordered = (before + width.max((steps - 1) * stride + window)) * in_channels;
        let most =
            |floats: &dyn Fn(&Product) -> usize| products.clone().map(floats).max().unwrap_or(0);
        Self {
            steps,
            rows: (BAND - 1) * stride + window,
            // Whole cache lines.
            row_floats: most(&row).max(bordered).next_multiple_of(16),
            line_floats: most(&line).next_multiple_of(16),
            spare_floats: STRIP * most(&|product| product.columns),
        }
    }
}

impl Product {
    /// The rows that it reads of a window's, each from what the first pixel reads on.
    pub(super) fn rows<'a>(
        &self,
        window: &'a [f32],
        layout: &Layout,
        in_channels: usize,
        rows: &mut [&'a [f32]; MOST_ROWS],
    ) {
        for (row, place) in (self.first_row..).zip(&mut rows[..self.rows]) {
            *place = &window[row * layout.row_floats..][..layout.row_floats]
                [self.first_column * in_channels..];
        }
    }
}

pub(super) fn pack(
    depth: usize,
    columns: usize,
    kernels: Option<&Kernels>,
    value: impl Fn(usize, usize) -> f32,
) -> Panels {
    Panels::new(depth, columns, kernels.map_or(BLOCK, |kernels| kernels.panel), value)
}
