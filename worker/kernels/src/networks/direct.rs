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

use super::{
    border::Border,
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

/// Source rows, or output rows if they are fewer, of a band at most.
const BAND: usize = 8;

/// Bands of a low map, so that threads share it evenly.
const BANDS: usize = 8;

/// A map of features: `height * width * channels`, and perhaps more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map<'a> {
    pub(super) values: &'a [f32],
    pub(super) width: usize,
    pub(super) height: usize,
    /// How its values are meant; as they are, if `None`.
    pub(super) affine: Option<&'a Affine>,
}

impl Map<'_> {
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
        let Some(y) = border_y.source(y, self.height) else { return row.fill(0.0) };
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
    in_channels: usize,
    out_channels: usize,
    /// Rows, and columns, of the source that an output reads.
    window: usize,
    /// How many of them lie before it.
    before: usize,
    stride: usize,
    enlarge: usize,
    activation: Activation,
    parts: Vec<Part>,
}

/// The outputs of one product.
#[derive(Debug)]
struct Part {
    /// Which of the output rows of a source row.
    row: usize,
    /// The rows of the window that it reads.
    first_row: usize,
    rows: usize,
    /// The first column of the window.
    first_column: usize,
    run: usize,
    step: usize,
    /// Source pixels, or outputs if there is a stride, that one pixel of the product stands for.
    group: usize,
    panels: Panels,
    bias: Vec<f32>,
    output_start: usize,
    output_step: usize,
}

/// A convolution as it is written in a model file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel<'a> {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// Taps along a side.
    pub(super) side: usize,
    /// `[out][in][row][column]`.
    pub(super) weights: &'a [f32],
    /// `[out]`, or nothing.
    pub(super) bias: &'a [f32],
}

impl Kernel<'_> {
    pub(super) fn weight(&self, output: usize, input: usize, row: usize, column: usize) -> f32 {
        self.weights[((output * self.in_channels + input) * self.side + row) * self.side + column]
    }

    /// The bias of columns that repeat the output channels.
    fn bias(&self, columns: usize) -> Vec<f32> {
        let repeated = self.bias.iter().copied().cycle().take(columns);
        repeated.chain(std::iter::repeat(0.0)).take(columns).collect()
    }
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
        let &Kernel { in_channels, out_channels, side, .. } = kernel;
        let group = (BLOCK / out_channels).max(1);
        let columns = (group * out_channels).next_multiple_of(BLOCK);
        assert!(columns == BLOCK || columns == out_channels, "whole vectors of features");
        let run = ((group - 1) * stride + side) * in_channels;
        let panels = pack(side * run, columns, kernels, |k, column| {
            let (row, place) = (k / run, k % run);
            let (member, output) = (column / out_channels, column % out_channels);
            let tap = (place / in_channels).wrapping_sub(member * stride);
            if member < group && tap < side {
                kernel.weight(output, place % in_channels, row, tap)
            } else {
                0.0
            }
        });
        let part = Part {
            row: 0,
            first_row: 0,
            rows: side,
            first_column: 0,
            run,
            step: group * stride * in_channels,
            group,
            panels,
            bias: kernel.bias(columns),
            output_start: 0,
            output_step: group * out_channels,
        };
        Self {
            in_channels,
            out_channels,
            window: side,
            before,
            stride,
            enlarge: 1,
            activation,
            parts: vec![part],
        }
    }

    /// A 3x3 convolution, without bias, of the map enlarged twofold by repeating its pixels.
    pub(super) fn enlarging(kernel: &Kernel<'_>, kernels: Option<&Kernels>) -> Self {
        let &Kernel { in_channels, out_channels, side, .. } = kernel;
        assert_eq!(side, 3, "an enlarging kernel has three rows");
        let mut parts = Vec::new();
        for row in 0..2 {
            if out_channels.is_multiple_of(BLOCK) {
                // One product for each of the two columns.
                parts.extend(
                    (0..2).map(|column| Part::enlarging(kernel, kernels, row, 2, column, 1)),
                );
            } else {
                // One product for the columns of a few source pixels.
                let group = (BLOCK / (2 * out_channels)).max(1);
                parts.push(Part::enlarging(kernel, kernels, row, group + 2, 0, 2 * group));
            }
        }
        Self {
            in_channels,
            out_channels,
            window: 3,
            before: 1,
            stride: 1,
            enlarge: 2,
            activation: Activation::Linear,
            parts,
        }
    }

    pub(super) fn out_channels(&self) -> usize {
        self.out_channels
    }

    /// The length of an output's axis.
    pub(super) fn out_len(&self, len: usize) -> usize {
        len.div_ceil(self.stride) * self.enlarge
    }

    /// Floats of scratch that a thread needs for a map of this width.
    pub(super) fn scratch_floats(&self, width: usize) -> usize {
        let layout = self.layout(width);
        layout.rows * layout.row_floats + layout.line_floats + layout.spare_floats
    }

    fn layout(&self, width: usize) -> Layout {
        let steps = width.div_ceil(self.stride);
        let line = |part: &Part| {
            let pixels = steps.div_ceil(part.group);
            part.output_start + (pixels - 1) * part.output_step + part.panels.columns
        };
        let row = |part: &Part| {
            let pixels = steps.div_ceil(part.group).next_multiple_of(STRIP);
            part.first_column * self.in_channels + (pixels - 1) * part.step + part.run
        };
        let bordered =
            (self.before + width.max((steps - 1) * self.stride + self.window)) * self.in_channels;
        let most =
            |floats: &dyn Fn(&Part) -> usize| self.parts.iter().map(floats).max().unwrap_or(0);
        Layout {
            steps,
            rows: (BAND - 1) * self.stride + self.window,
            // Whole cache lines.
            row_floats: most(&row).max(bordered).next_multiple_of(16),
            line_floats: most(&line).next_multiple_of(16),
            spare_floats: STRIP * most(&|part| part.panels.columns),
        }
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
        let layout = self.layout(map.width);
        threads.reserve(self.scratch_floats(map.width));
        let row_floats = self.out_len(map.width) * self.out_channels;
        let steps = map.height.div_ceil(self.stride);
        assert_eq!(output.len(), steps * self.enlarge * row_floats, "an output of the map's size");
        let before = self.before as isize;
        let end = ((layout.steps - 1) * self.stride + self.window) as isize - before;
        let band = steps.div_ceil(BANDS).min(BAND);
        let count = steps.div_ceil(band);
        let mut bands = vec![Band::EMPTY; count];
        let (values, moments) = (Output::new(output), Output::new(&mut bands));
        threads.each(count, |index, scratch| {
            let steps = index * band..steps.min((index + 1) * band);
            let start = steps.start * self.enlarge * row_floats;
            // SAFETY: bands do not overlap, and every index is taken once.
            let (output, moments) = unsafe {
                let len = steps.len() * self.enlarge * row_floats;
                (values.slice(start, len), &mut moments.slice(index, 1)[0])
            };
            let (rows, rest) = scratch.split_at_mut(layout.rows * layout.row_floats);
            // A kernel of one pixel reads the map where it is, if its last strip lies within it.
            let start_of = |step: usize| step * map.width * self.in_channels;
            let last = start_of(steps.end - 1) + layout.row_floats;
            let in_place = self.window == 1 && map.affine.is_none() && last <= map.values.len();
            if !in_place {
                let top = (steps.start * self.stride) as isize - before;
                let needed = (steps.len() - 1) * self.stride + self.window;
                for (y, row) in (top..).zip(rows.chunks_exact_mut(layout.row_floats)).take(needed) {
                    map.read_row(kernels, self.in_channels, borders, y, before, end, row);
                }
            }
            let (line, spare) = rest.split_at_mut(layout.line_floats);
            for (step, outputs) in output.chunks_exact_mut(self.enlarge * row_floats).enumerate() {
                let window = if in_place {
                    &map.values[start_of(steps.start + step)..]
                } else {
                    &rows[step * self.stride * layout.row_floats..]
                };
                for (row, output) in outputs.chunks_exact_mut(row_floats).enumerate() {
                    self.write_row(kernels, row, window, &layout, output, line, spare);
                    if measure {
                        moments.add(kernels, self.out_channels, output);
                    }
                }
            }
        });
        Moments::merged(self.out_channels, &bands)
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
        for part in self.parts.iter().filter(|part| part.row == row) {
            let mut rows = [&window[..0]; crate::fp32::kernels::MOST_ROWS];
            for (row, place) in (part.first_row..).zip(&mut rows[..part.rows]) {
                *place = &window[row * layout.row_floats..][..layout.row_floats]
                    [part.first_column * self.in_channels..];
            }
            let taps = Taps {
                run: part.run,
                step: part.step,
                panels: &part.panels,
                bias: &part.bias,
                activation: self.activation,
                output_step: part.output_step,
            };
            let pixels = layout.steps.div_ceil(part.group);
            dispatch::thin(
                kernels,
                &rows[..part.rows],
                &taps,
                pixels,
                &mut to[part.output_start..],
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
struct Layout {
    /// Pixels of an output row, before enlarging.
    steps: usize,
    rows: usize,
    row_floats: usize,
    line_floats: usize,
    spare_floats: usize,
}

impl Part {
    /// Outputs `first..first + columns` of the columns that a group of source pixels has, in one of
    /// the two rows; `reach` source pixels are read.
    fn enlarging(
        kernel: &Kernel<'_>,
        kernels: Option<&Kernels>,
        row: usize,
        reach: usize,
        first: usize,
        columns: usize,
    ) -> Self {
        let &Kernel { in_channels, out_channels, .. } = kernel;
        let group = columns.div_ceil(2);
        let run = reach * in_channels;
        assert!((columns * out_channels).is_multiple_of(BLOCK), "whole vectors of features");
        let panels = pack(2 * run, columns * out_channels, kernels, |k, column| {
            let (source_row, place) = (k / run, k % run);
            let (phase, output) = (first + column / out_channels, column % out_channels);
            // Of the window's columns, those of this pixel begin at its place in the group.
            let source_column = (first + place / in_channels).wrapping_sub(phase / 2);
            let mut sum = 0.0;
            for tap_row in repeated_taps(row, row + source_row) {
                for tap_column in repeated_taps(phase % 2, source_column) {
                    sum +=
                        f64::from(kernel.weight(output, place % in_channels, tap_row, tap_column));
                }
            }
            sum as f32
        });
        Self {
            row,
            first_row: row,
            rows: 2,
            first_column: first,
            run,
            step: group * in_channels,
            group,
            bias: kernel.bias(panels.columns),
            panels,
            output_start: first * out_channels,
            output_step: 2 * group * out_channels,
        }
    }
}

/// The taps of three that read a pixel of the source, if one of the two repeats of the middle pixel
/// is where the kernel stands: the window's pixels are the one before, the middle and the one
/// after.
fn repeated_taps(repeat: usize, pixel: usize) -> std::ops::Range<usize> {
    match (repeat, pixel) {
        (0, 0) => 0..1,
        (0, 1) => 1..3,
        (1, 1) => 0..2,
        (1, 2) => 2..3,
        _ => 0..0,
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
