//! The specification: the shortest correct loops, for every machine and every channel count.
//!
//! The innermost loop of each runs over output channels, which are contiguous, so that a compiler
//! can vectorise it for whatever the target has.

use crate::{
    fp32::{
        bits,
        gemm::BLOCK,
        job::{Convolution, Destination, Epilogue, Input},
        kernels,
        pool::{self, Pooling},
    },
    threads::{Output, Threads},
};

/// The weights of a 3x3 convolution as `[tap][in][out]`, tap 0 being the upper left neighbour.
#[derive(Debug)]
pub(crate) struct Taps {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) weights: Vec<f32>,
}

impl Taps {
    /// From a function of (out, in, tap).
    pub(crate) fn new(
        in_channels: usize,
        out_channels: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let mut weights = Vec::with_capacity(9 * in_channels * out_channels);
        for tap in 0..9 {
            for input in 0..in_channels {
                weights.extend((0..out_channels).map(|output| weight(output, input, tap)));
            }
        }
        Self { in_channels, out_channels, weights }
    }
}

/// Floats of scratch that a thread needs: the pixels of a pooling window.
pub(crate) fn scratch_floats(taps: &Taps) -> usize {
    4 * taps.out_channels
}

/// Computes a whole convolution.
pub(crate) fn run(taps: &Taps, threads: &mut Threads, job: &Convolution<'_>, to: Destination<'_>) {
    let channels = taps.out_channels;
    let row = job.plane.framed_width();
    match job.epilogue {
        Epilogue::Pool { pooling, .. } => return run_pooled(taps, threads, job, pooling, to),
        Epilogue::Rectify { .. } | Epilogue::Mark { .. } | Epilogue::Gate(_) | Epilogue::Plain => {
            let values = &mut to.values[..job.plane.pixels() * channels];
            threads.each_piece(values, row * channels, |index, values, _| {
                convolve(taps, job, index * row, values)
            });
        }
    }
    if let Epilogue::Mark { .. } = job.epilogue {
        let values = &*to.values;
        threads.each_piece(
            &mut to.bits[..job.plane.area() * bits::bytes(channels)],
            bits::bytes(channels),
            |pixel, bits, _| {
                bits::set(bits, channels, |channel| values[pixel * channels + channel] > 0.0);
            },
        );
    }
}

/// Computes a convolution whose pooled map is stored.
fn run_pooled(
    taps: &Taps,
    threads: &mut Threads,
    job: &Convolution<'_>,
    pooling: &Pooling,
    to: Destination<'_>,
) {
    let channels = taps.out_channels;
    let width = pooling.pooled_width();
    let routes = Output::new(to.bits);
    threads.each_piece(
        &mut to.values[..width * pooling.pooled_height() * channels],
        width * channels,
        |y, row, scratch| {
            for (x, pooled) in row.chunks_exact_mut(channels).enumerate() {
                let (columns, rows) = pooling.window(x, y);
                let pixels = || {
                    rows.clone()
                        .flat_map(|y| columns.clone().map(move |x| y * pooling.width() + x))
                        .enumerate()
                };
                for (index, pixel) in pixels() {
                    convolve(taps, job, pixel, &mut scratch[index * channels..][..channels]);
                }
                let count = rows.len() * columns.len();
                let pooled_at = |channel: usize| {
                    let mut window = [0.0; 4];
                    window
                        .iter_mut()
                        .zip(scratch[channel..].iter().step_by(channels))
                        .for_each(|(to, value)| *to = *value);
                    pool::pool(pooling.pool, &window[..count])
                };
                pooled
                    .iter_mut()
                    .enumerate()
                    .for_each(|(channel, pooled)| *pooled = pooled_at(channel).0);
                for (index, pixel) in pixels() {
                    // SAFETY: windows share no pixel, and each is computed once.
                    let routes = unsafe {
                        routes.slice(pixel * bits::bytes(channels), bits::bytes(channels))
                    };
                    bits::set(routes, channels, |channel| pooled_at(channel).1[index]);
                }
            }
        },
    );
}

/// Computes the stored pixels `first..` of a convolution into `output`.
pub(crate) fn convolve(taps: &Taps, job: &Convolution<'_>, first: usize, output: &mut [f32]) {
    let Taps { in_channels, out_channels, weights } = taps;
    for (pixel, sums) in (first..).zip(output.chunks_exact_mut(*out_channels)) {
        let (x, y) = job.plane.position(pixel);
        match job.epilogue {
            Epilogue::Rectify { bias } | Epilogue::Mark { bias } | Epilogue::Pool { bias, .. } => {
                sums.copy_from_slice(bias)
            }
            Epilogue::Gate(_) | Epilogue::Plain => sums.fill(0.0),
        }
        for tap in 0..9 {
            let (x, y) = (
                job.plane.column(x + (tap % 3) as isize - 1),
                job.plane.row(y + (tap / 3) as isize - 1),
            );
            let (Some(x), Some(y)) = (x, y) else { continue };
            let rows = weights[tap * in_channels * out_channels..].chunks_exact(*out_channels);
            for (channel, row) in rows.take(*in_channels).enumerate() {
                let input = match job.input {
                    Input::Map(values) => {
                        values[(y * job.plane.width() + x) * in_channels + channel]
                    }
                    Input::Unpooled(unpooled) => unpooled.value(x, y, channel, *in_channels),
                };
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += input * weight);
            }
        }
        match job.epilogue {
            // Written so that a NaN stays one: the caller looks for it in the loss.
            Epilogue::Rectify { .. } | Epilogue::Mark { .. } | Epilogue::Pool { .. } => {
                sums.iter_mut().for_each(|sum| *sum = if *sum < 0.0 { 0.0 } else { *sum });
            }
            // The frame beyond the border is gated where it is folded to.
            Epilogue::Gate(gate) if pixel < job.plane.area() => {
                for (place, sum) in (pixel * out_channels..).zip(sums) {
                    *sum = if gate.is_open(place, *out_channels) { *sum } else { 0.0 };
                }
            }
            Epilogue::Gate(_) | Epilogue::Plain => {}
        }
    }
}

/// A gradient through the ReLU that made a feature. Without a branch, for what is open and what is
/// closed are in no order.
pub(crate) fn gate(gradient: f32, feature: f32) -> f32 {
    f32::from_bits(gradient.to_bits() & u32::from(feature > 0.0).wrapping_neg())
}

/// `output = rows * factor` for rows of `channels` and a square factor.
pub(crate) fn product(rows: &[f32], factor: &[f32], channels: usize, output: &mut [f32]) {
    for (row, sums) in rows.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
        sums.fill(0.0);
        for (value, factors) in row.iter().zip(factor.chunks_exact(channels)) {
            sums.iter_mut().zip(factors).for_each(|(sum, factor)| *sum += value * factor);
        }
    }
}

/// Adds the upper triangle of `rows^T * rows` and the sum of the rows.
pub(crate) fn gram(rows: &[f32], channels: usize, gram: &mut [f64], sum: &mut [f64]) {
    for row in rows.chunks_exact(channels) {
        for (i, value) in row.iter().enumerate() {
            let value = f64::from(*value);
            sum[i] += value;
            gram[i * channels + i..(i + 1) * channels]
                .iter_mut()
                .zip(&row[i..])
                .for_each(|(g, other)| *g += value * f64::from(*other));
        }
    }
}

/// The same, each row by its weight. The number of channels is the length of `sum`.
pub(crate) fn weighted_gram(rows: &[f32], weights: &[f32], gram: &mut [f64], sum: &mut [f64]) {
    let channels = sum.len();
    for (row, weight) in rows.chunks_exact(channels).zip(weights) {
        for (i, value) in row.iter().enumerate() {
            let value = f64::from(*weight) * f64::from(*value);
            sum[i] += value;
            gram[i * channels + i..(i + 1) * channels]
                .iter_mut()
                .zip(&row[i..])
                .for_each(|(g, other)| *g += value * f64::from(*other));
        }
    }
}

/// The features of pixels that lie side by side: the specification of the product in `thin.rs`,
/// for panels of [`BLOCK`] columns.
pub(crate) fn thin(rows: &[&[f32]], taps: &kernels::Taps<'_>, pixels: usize, output: &mut [f32]) {
    let &kernels::Taps { run, step, panels, bias, activation, output_step } = taps;
    taps.check(rows, pixels, output);
    for pixel in 0..pixels {
        for (column, panel) in (0..panels.columns)
            .step_by(BLOCK)
            .zip(panels.values.chunks(panels.blocks * BLOCK * BLOCK))
        {
            let mut sums = [0.0; BLOCK];
            let inputs = rows.iter().flat_map(|row| &row[pixel * step..][..run]);
            for (input, weights) in inputs.zip(panel.chunks_exact(BLOCK)) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += input * weight);
            }
            let output = &mut output[pixel * output_step + column..][..BLOCK];
            for ((output, sum), bias) in output.iter_mut().zip(sums).zip(&bias[column..]) {
                *output = activation.of(sum + bias);
            }
        }
    }
}

/// Adds products of a row and a gradient, summed over pixels: see [`crate::fp32::correlation`].
pub(crate) fn correlate(pairs: &kernels::Pairs<'_>, sums: &mut [f32]) {
    pairs.check(sums);
    let &kernels::Pairs { input, run, step, gradient, columns, gradient_step, pixels } = pairs;
    for (place, sums) in sums.chunks_exact_mut(columns).take(run).enumerate() {
        let mut own = vec![0.0_f32; columns];
        for pixel in 0..pixels {
            let (value, gradient) =
                (input[pixel * step + place], &gradient[pixel * gradient_step..]);
            own.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += value * gradient);
        }
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
}
