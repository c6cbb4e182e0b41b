//! The first convolution: three channels in, so too thin for Winograd. It is a product instead.
//!
//! Forward, the 27 values around each pixel (9 taps of 3 channels) are a row of A, and the product
//! with the `[27][out]` weights is the layer: see `thin.rs`. Backward, the product of a pixel's
//! gradient with `[out][27]` weights is what the pixel gives to each of its 27 inputs; each output
//! pixel then collects its 9 shares. Collecting needs the shares of a row above and below, so a
//! piece of work is [`ROWS`] output rows, and computes the shares of `ROWS + 2`.

use std::ops::Range;

use crate::{
    fp32::{
        gemm::{self, BLOCK, Panels, STRIP},
        job::{Convolution, Epilogue, Input},
        kernels::{Kernels, Taps},
        scalar::{self, Taps as PlainTaps},
        thin::Activation,
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

    /// Floats of a row that [`PIXELS`] pixels read, and a strip beyond them.
    fn row_floats(&self) -> usize {
        (PIXELS + STRIP + 2) * self.in_channels
    }
}

/// Three rows of pixels, and a strip of features.
pub(crate) fn columns_scratch_floats(weights: &Columns) -> usize {
    3 * weights.row_floats() + STRIP * weights.panels.columns
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
    let Epilogue::Rectify { bias } = job.epilogue else {
        unreachable!("columns are the forward form")
    };
    let row_floats = weights.row_floats();
    let (rows, spare) = scratch.split_at_mut(3 * row_floats);
    let (mut output, mut next) = (output, first);
    while !output.is_empty() {
        let (x, y) = job.plane.position(next);
        let count = (output.len() / panels.columns).min(job.plane.width() - x as usize);
        for (row, y) in rows.chunks_exact_mut(row_floats).zip(y - 1..) {
            read_row(job, *in_channels, y, x - 1..x + count as isize + 1, row);
        }
        let (run, rest) = output.split_at_mut(count * panels.columns);
        let taps = Taps {
            run: 3 * in_channels,
            step: *in_channels,
            panels,
            bias,
            activation: Activation::Rectify,
            output_step: panels.columns,
        };
        let rows = [0, 1, 2].map(|row| &rows[row * row_floats..][..row_floats]);
        kernels.thin(&rows, &taps, count, run, spare);
        (output, next) = (rest, next + count);
    }
}

/// Copies the pixels of a row that positions read, and zeros where they read none.
fn read_row(
    job: &Convolution<'_>,
    channels: usize,
    y: isize,
    columns: Range<isize>,
    row: &mut [f32],
) {
    let Input::Map(input) = job.input else { unreachable!("nothing lies before the first layer") };
    let Some(y) = job.plane.row(y) else { return row.fill(0.0) };
    let width = job.plane.width();
    let pixel = |column: usize| (y * width + column) * channels;
    for (value, x) in row.chunks_exact_mut(channels).zip(columns) {
        match job.plane.column(x) {
            Some(column) => value.copy_from_slice(&input[pixel(column)..][..channels]),
            None => value.fill(0.0),
        }
    }
}

/// The weights, backward.
#[derive(Debug)]
pub(crate) struct Spread {
    panels: Panels,
    /// For the frame of the gradient, which is thin.
    taps: PlainTaps,
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
            taps: PlainTaps::new(out_channels, in_channels, |output, input, tap| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        edge::Edge,
        fp32::dispatch,
        level::Level,
        shape::{Pool, Shape},
    };

    /// A plain sequence of values in -1..1.
    fn values(len: usize, step: usize) -> Vec<f32> {
        (0..len).map(|i| (i * step % 199) as f32 / 99.0 - 1.0).collect()
    }

    /// 27 terms of at most 1 and a bias: 28 roundings at most of a sum below 28.
    const ERROR: f64 = 28.0 * 28.0 / (1 << 24) as f64;

    fn check(level: Level, kernels: &Kernels, (width, height): (usize, usize), outputs: usize) {
        let [edge_x, edge_y] = if width % 2 == 0 {
            [Edge::Wrap, Edge::Reflect]
        } else {
            [Edge::Zero, Edge::Replicate]
        };
        let pool = Pool::Max;
        let shape = Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 };
        let plane = Plane::forward(&shape);
        let (pixels, bias) = (values(width * height * 3, 37), values(outputs, 61));
        let taps = values(27 * outputs, 53);
        let weight = |output: usize, input: usize, tap: usize| taps[output * 27 + input * 9 + tap];
        let weights = Columns::new(3, outputs, kernels, weight);
        let job = Convolution {
            input: Input::Map(&pixels),
            plane: &plane,
            epilogue: Epilogue::Rectify { bias: &bias },
        };
        let mut scratch = vec![0.0; columns_scratch_floats(&weights)];
        let mut features = |piece: usize| {
            let mut features = vec![f32::NAN; plane.area() * outputs];
            for (index, output) in features.chunks_mut(piece * outputs).enumerate() {
                columns(&weights, kernels, &job, index * piece, output, &mut scratch);
            }
            features
        };
        let found = features(PIXELS);
        for (pixel, found) in found.chunks_exact(outputs).enumerate() {
            let (x, y) = plane.position(pixel);
            for (output, found) in found.iter().enumerate() {
                let mut sum = f64::from(bias[output]);
                for tap in 0..9 {
                    let (across, down) = (tap as isize % 3 - 1, tap as isize / 3 - 1);
                    let Some(source) = plane.source(x + across, y + down) else { continue };
                    for channel in 0..3 {
                        sum += f64::from(pixels[source * 3 + channel])
                            * f64::from(weight(output, channel, tap));
                    }
                }
                let error = (f64::from(*found) - sum.max(0.0)).abs();
                assert!(error < ERROR, "{level} {shape:?} {outputs}: {error} at {x}, {y}");
            }
        }
        for piece in [1, 7] {
            assert!(features(piece) == found, "{level} {shape:?} {outputs}: in runs of {piece}");
        }
    }

    #[test]
    fn features_are_the_sums_of_nine_taps_however_pixels_are_cut_into_runs() {
        for level in Level::available() {
            let Some(kernels) = dispatch::kernels(level) else { continue };
            for size in [(1, 1), (2, 3), (5, 7), (12, 4), (61, 5), (110, 2)] {
                for outputs in [16, 48, 64, 80] {
                    check(level, kernels, size, outputs);
                }
            }
        }
    }
}
