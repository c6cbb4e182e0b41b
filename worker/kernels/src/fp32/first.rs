//! The first convolution: three channels in, so too thin for Winograd. It is a product with
//! gathered columns instead.
//!
//! Forward, the 27 values around each pixel (9 taps of 3 channels, padded to 32) are a row of A,
//! and the product with the `[27][out]` weights is the layer. Backward, the product of a pixel's
//! gradient with `[out][27]` weights is what the pixel gives to each of its 27 inputs; each output
//! pixel then collects its 9 shares. Collecting needs the shares of a row above and below, so a
//! piece of work is [`ROWS`] output rows, and computes the shares of `ROWS + 2`.

use crate::{
    fp32::{
        gemm::{self, BLOCK, Panels, STRIP},
        job::{Convolution, Epilogue, Input},
        kernels::Kernels,
        scalar::{self, Taps},
    },
    plane::Plane,
    threads::Threads,
};

/// Pixels of one product.
pub(crate) const PIXELS: usize = 4 * STRIP;

/// Output rows of one piece of the backward.
const ROWS: usize = 8;

/// The weights, forward.
#[derive(Debug)]
pub(crate) struct Columns {
    in_channels: usize,
    panels: Panels,
}

impl Columns {
    pub(crate) fn new(
        in_channels: usize,
        out_channels: usize,
        kernels: &Kernels,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let panels = Panels::new(9 * in_channels, out_channels, kernels.panel, |k, column| {
            weight(column, k % in_channels, k / in_channels)
        });
        Self { in_channels, panels }
    }

    pub(crate) fn floats(&self) -> usize {
        self.panels.values.len()
    }

    fn depth(&self) -> usize {
        self.panels.blocks * BLOCK
    }
}

pub(crate) fn columns_scratch_floats(weights: &Columns) -> usize {
    PIXELS * (weights.depth() + weights.panels.columns)
}

pub(crate) fn run_columns(
    weights: &Columns,
    threads: &mut Threads,
    kernels: &Kernels,
    job: &Convolution<'_>,
    output: &mut [f32],
) {
    let channels = weights.panels.columns;
    threads.each_piece(
        &mut output[..job.plane.area() * channels],
        PIXELS * channels,
        |index, output, scratch| {
            columns(weights, kernels, job, index * PIXELS, output, scratch);
        },
    );
}

/// Computes the pixels `first..` of the first layer, at most [`PIXELS`].
pub(crate) fn columns(
    weights: &Columns,
    kernels: &Kernels,
    job: &Convolution<'_>,
    first: usize,
    output: &mut [f32],
    scratch: &mut [f32],
) {
    let Columns { in_channels, panels } = weights;
    let (channels, out_channels) = (*in_channels, panels.columns);
    let (Epilogue::Rectify { bias }, Input::Map(input)) = (job.epilogue, job.input) else {
        unreachable!("columns are the forward form")
    };
    let (columns, sums) = scratch.split_at_mut(PIXELS * weights.depth());
    let count = output.len() / out_channels;
    for row in 0..count {
        let (x, y) = job.plane.position(first + row);
        let mut values = [0.0; 2 * BLOCK];
        for (tap, values) in values.chunks_exact_mut(channels).take(9).enumerate() {
            if let Some(source) =
                job.plane.source(x + (tap % 3) as isize - 1, y + (tap / 3) as isize - 1)
            {
                values.copy_from_slice(&input[source * channels..][..channels]);
            }
        }
        for (block, values) in values.chunks_exact(BLOCK).enumerate() {
            let start =
                row / STRIP * STRIP * weights.depth() + (block * STRIP + row % STRIP) * BLOCK;
            columns[start..][..BLOCK].copy_from_slice(values);
        }
    }
    kernels.product(columns, count.next_multiple_of(STRIP), panels, sums);
    for (output, sums) in output.chunks_exact_mut(out_channels).zip(sums.chunks_exact(out_channels))
    {
        for ((output, sum), bias) in output.iter_mut().zip(sums).zip(bias) {
            let sum = sum + bias;
            *output = if sum < 0.0 { 0.0 } else { sum };
        }
    }
}

/// The weights, backward.
#[derive(Debug)]
pub(crate) struct Spread {
    panels: Panels,
    /// For the frame of the gradient, which is thin.
    taps: Taps,
}

impl Spread {
    /// `weight` is that of the forward direction: a share goes to the place that the tap read.
    pub(crate) fn new(
        in_channels: usize,
        out_channels: usize,
        kernels: &Kernels,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let shares = (9 * in_channels).next_multiple_of(BLOCK);
        let panels = Panels::new(out_channels, shares, kernels.panel, |k, column| {
            if column < 9 * in_channels {
                weight(k, column % in_channels, column / in_channels)
            } else {
                0.0
            }
        });
        Self {
            panels,
            taps: Taps::new(out_channels, in_channels, |output, input, tap| {
                weight(input, output, 8 - tap)
            }),
        }
    }

    pub(crate) fn floats(&self) -> usize {
        self.panels.values.len()
    }

    fn depth(&self) -> usize {
        self.panels.blocks * BLOCK
    }
}

pub(crate) fn spread_scratch_floats(weights: &Spread, plane: &Plane) -> usize {
    // A product writes whole strips, so the last row needs room for one more.
    PIXELS * weights.depth() + ((ROWS + 2) * plane.width() + STRIP) * weights.panels.columns
}

pub(crate) fn run_spread(
    weights: &Spread,
    threads: &mut Threads,
    kernels: &Kernels,
    job: &Convolution<'_>,
    output: &mut [f32],
) {
    let channels = weights.taps.out_channels;
    let plane = job.plane;
    let (picture, frame) =
        output[..plane.pixels() * channels].split_at_mut(plane.area() * channels);
    let row_floats = plane.width() * channels;
    threads.each_piece(picture, ROWS * row_floats, |index, output, scratch| {
        let (packed, shares) = scratch.split_at_mut(PIXELS * weights.depth());
        let top = (index * ROWS) as isize;
        let height = output.len() / row_floats;
        for row in 0..height + 2 {
            if let Some(source) = plane.source(0, top - 1 + row as isize) {
                spread_row(
                    weights,
                    kernels,
                    job,
                    source,
                    packed,
                    &mut shares[row * plane.width() * weights.panels.columns..],
                );
            }
        }
        for (y, output) in output.chunks_exact_mut(row_floats).enumerate() {
            // The rows above, at and below, where there are any.
            let rows = [0, 1, 2].map(|row| {
                plane.source(0, top + (y + row) as isize - 1).map(|_| (y + row) * plane.width())
            });
            for (x, output) in output.chunks_exact_mut(channels).enumerate() {
                collect(weights, plane, shares, rows, x, output);
            }
        }
    });
    threads.each_piece(frame, STRIP * channels, |index, output, _| {
        scalar::convolve(&weights.taps, job, plane.area() + index * STRIP, output)
    });
}

/// Computes the shares of one row of pixels, the first of which is `source`.
fn spread_row(
    weights: &Spread,
    kernels: &Kernels,
    job: &Convolution<'_>,
    source: usize,
    packed: &mut [f32],
    shares: &mut [f32],
) {
    let (width, depth) = (job.plane.width(), weights.depth());
    let Input::Map(input) = job.input else {
        unreachable!("nothing is pooled before the first features")
    };
    for x in (0..width).step_by(PIXELS) {
        let count = PIXELS.min(width - x);
        gemm::pack_rows(&input[(source + x) * depth..][..count * depth], depth, STRIP, 0, packed);
        kernels.product(
            packed,
            count.next_multiple_of(STRIP),
            &weights.panels,
            &mut shares[x * weights.panels.columns..],
        );
    }
}

/// Sums what the pixels around column `x` give to it. What a pixel read at a tap comes back from
/// the opposite side.
fn collect(
    weights: &Spread,
    plane: &Plane,
    shares: &[f32],
    rows: [Option<usize>; 3],
    x: usize,
    output: &mut [f32],
) {
    let channels = output.len();
    output.fill(0.0);
    for (above, row) in rows.into_iter().enumerate() {
        let Some(row) = row else { continue };
        for left in 0..3 {
            let Some(column) = plane.column(x as isize + left as isize - 1) else { continue };
            let tap = 3 * (2 - above) + 2 - left;
            let share =
                &shares[(row + column) * weights.panels.columns + tap * channels..][..channels];
            output.iter_mut().zip(share).for_each(|(sum, share)| *sum += share);
        }
    }
}
