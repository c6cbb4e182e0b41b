//! A 3x3 convolution of each channel by itself: nine weights and a bias a channel, then ReLU up to
//! six. Channels last, in whole blocks of 16; vectors hold channels, and a block's weights stay in
//! registers along a row.

use crate::fp32::{gemm::BLOCK, lanes::Lanes};

/// Where a row of outputs reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depthwise<'a> {
    /// The three rows that the kernel reads, each from the first output's upper left tap on.
    pub(crate) rows: [&'a [f32]; 3],
    pub(crate) channels: usize,
    /// Pixels from one output's taps to the next one's.
    pub(crate) stride: usize,
    /// `[tap][channel]`.
    pub(crate) weights: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl Depthwise<'_> {
    /// That the rows hold what `outputs` pixels read.
    pub(crate) fn check(&self, outputs: usize) {
        let Self { rows, channels, stride, weights, bias } = self;
        let pixels = outputs.saturating_sub(1) * stride + 3;
        assert!(channels.is_multiple_of(BLOCK), "whole blocks of channels");
        assert!(rows.iter().all(|row| row.len() >= pixels * channels), "rows of all taps");
        assert!(weights.len() == 9 * channels && bias.len() == *channels, "weights and bias");
    }
}

/// The outputs of a row.
///
/// # Safety
/// The processor has the instruction set of `L`, and the row was checked.
#[inline(always)]
pub(crate) unsafe fn row<L: Lanes>(row: &Depthwise<'_>, output: &mut [f32]) {
    let Depthwise { rows, channels, stride, weights, bias } = *row;
    let pixels = output.len() / channels;
    let mut channel = 0;
    while channel < channels {
        let mut taps = [L::splat(0.0); 9];
        for (tap, lanes) in taps.iter_mut().enumerate() {
            *lanes = L::load(weights.as_ptr().add(tap * channels + channel));
        }
        let bias = L::load(bias.as_ptr().add(channel));
        for pixel in 0..pixels {
            let mut sum = bias;
            for (row, taps) in rows.iter().zip(taps.as_chunks::<3>().0) {
                let from = row.as_ptr().add(pixel * stride * channels + channel);
                for (x, tap) in taps.iter().enumerate() {
                    sum = L::load(from.add(x * channels)).mul_add(*tap, sum);
                }
            }
            sum.rectify().at_most(6.0).store(output.as_mut_ptr().add(pixel * channels + channel));
        }
        channel += L::WIDTH;
    }
}

/// The specification of [`row`].
pub(crate) fn plain(row: &Depthwise<'_>, output: &mut [f32]) {
    let Depthwise { rows, channels, stride, weights, bias } = *row;
    for (pixel, output) in output.chunks_exact_mut(channels).enumerate() {
        for (channel, value) in output.iter_mut().enumerate() {
            let mut sum = bias[channel];
            for tap in 0..9 {
                let place = (pixel * stride + tap % 3) * channels + channel;
                sum += rows[tap / 3][place] * weights[tap * channels + channel];
            }
            *value = sum.clamp(0.0, 6.0);
        }
    }
}
