//! The specification: the shortest correct loops, for every machine and every channel count.
//!
//! The innermost loop of each runs over output channels, which are contiguous, so that a compiler can vectorise it for whatever
//! the target has.

use crate::fp32::convolution::{Convolution, Epilogue};

/// The weights of a 3x3 convolution as `[tap][in][out]`, tap 0 being the upper left neighbour.
#[derive(Debug)]
pub(crate) struct Taps {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) weights: Vec<f32>,
}

impl Taps {
    /// From a function of (out, in, tap).
    pub(crate) fn new(in_channels: usize, out_channels: usize, weight: impl Fn(usize, usize, usize) -> f32) -> Self {
        let mut weights = Vec::with_capacity(9 * in_channels * out_channels);
        for tap in 0..9 {
            for input in 0..in_channels {
                weights.extend((0..out_channels).map(|output| weight(output, input, tap)));
            }
        }
        Self { in_channels, out_channels, weights }
    }
}

/// Computes the stored pixels `first..` of a convolution into `output`.
pub(crate) fn convolve(taps: &Taps, job: &Convolution<'_>, first: usize, output: &mut [f32]) {
    let Taps { in_channels, out_channels, weights } = taps;
    for (pixel, sums) in (first..).zip(output.chunks_exact_mut(*out_channels)) {
        let (x, y) = job.plane.position(pixel);
        match job.epilogue {
            Epilogue::Rectify { bias } => sums.copy_from_slice(bias),
            Epilogue::Gate { .. } | Epilogue::Plain => sums.fill(0.0),
        }
        for tap in 0..9 {
            let Some(source) = job.plane.source(x + (tap % 3) as isize - 1, y + (tap / 3) as isize - 1) else { continue };
            let inputs = &job.input[source * in_channels..][..*in_channels];
            let rows = weights[tap * in_channels * out_channels..].chunks_exact(*out_channels);
            for (input, row) in inputs.iter().zip(rows) {
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += input * weight);
            }
        }
        match job.epilogue {
            // Written so that a NaN stays one: the caller looks for it in the loss.
            Epilogue::Rectify { .. } => sums.iter_mut().for_each(|sum| *sum = if *sum < 0.0 { 0.0 } else { *sum }),
            // The frame beyond the border is gated where it is folded to.
            Epilogue::Gate { features } if pixel < job.plane.area() => {
                gate(sums, &features[pixel * out_channels..][..*out_channels]);
            }
            Epilogue::Gate { .. } | Epilogue::Plain => {}
        }
    }
}

/// Passes a gradient through the ReLU that made `features`.
pub(crate) fn gate(gradient: &mut [f32], features: &[f32]) {
    gradient.iter_mut().zip(features).for_each(|(value, feature)| *value = if *feature > 0.0 { *value } else { 0.0 });
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
            gram[i * channels + i..(i + 1) * channels].iter_mut().zip(&row[i..]).for_each(|(g, other)| *g += value * f64::from(*other));
        }
    }
}
