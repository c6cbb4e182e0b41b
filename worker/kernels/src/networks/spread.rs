//! A 3x3 convolution of each channel by itself, on bands of rows of a square map: see
//! `fp32/depthwise.rs`. What lies beyond the border is zero. With stride 2 an output reads its own
//! pixel and those after it, so the border before the picture is never read.

use crate::{
    fp32::{depthwise::Depthwise, dispatch, kernels::Kernels},
    threads::Threads,
};

/// Output rows of a band.
const BAND: usize = 4;

#[derive(Debug)]
pub(super) struct Spread {
    channels: usize,
    stride: usize,
    /// `[tap][channel]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Spread {
    /// From weights of `[channel][row][column]`.
    pub(super) fn new(weights: &[f32], bias: &[f32], stride: usize) -> Self {
        let taps = (0..9).flat_map(|tap| weights.iter().skip(tap).step_by(9).copied());
        Self { channels: bias.len(), stride, weights: taps.collect(), bias: bias.to_vec() }
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    pub(super) fn out_len(&self, side: usize) -> usize {
        side.div_ceil(self.stride)
    }

    pub(super) fn run(
        &self,
        threads: &mut Threads,
        kernels: Option<&Kernels>,
        side: usize,
        map: &[f32],
        output: &mut [f32],
    ) {
        let Self { channels, stride, .. } = *self;
        let before = usize::from(stride == 1);
        let row_floats = side * channels;
        let out_floats = self.out_len(side) * channels;
        threads.reserve(row_floats + 9 * channels);
        threads.each_piece(output, BAND * out_floats, |index, output, scratch| {
            let (zeros, corner) = scratch.split_at_mut(row_floats);
            zeros.fill(0.0);
            let zeros = &*zeros;
            for (y, output) in output.chunks_exact_mut(out_floats).enumerate() {
                let top = (index * BAND + y) * stride;
                let rows = [0, 1, 2].map(|tap| {
                    let y = (top + tap).checked_sub(before).filter(|y| *y < side);
                    y.map_or(zeros, |y| &map[y * row_floats..][..row_floats])
                });
                // Outputs that read pixels of the map alone read it where it is.
                let inside = (side - 3) / stride + 1;
                let (left, rest) = output.split_at_mut(before * channels);
                let (middle, right) = rest.split_at_mut(inside * channels);
                self.convolve(kernels, rows, middle);
                if !left.is_empty() {
                    self.at_end(kernels, rows, [None, Some(0), Some(1)], corner, left);
                }
                let last = inside * stride;
                let ends = [Some(last), Some(last + 1), None];
                self.at_end(kernels, rows, ends, corner, right);
            }
        });
    }

    /// One output, of pixels some of which lie beyond an end of the rows.
    fn at_end(
        &self,
        kernels: Option<&Kernels>,
        rows: [&[f32]; 3],
        pixels: [Option<usize>; 3],
        scratch: &mut [f32],
        output: &mut [f32],
    ) {
        let channels = self.channels;
        let copies = scratch[..9 * channels].chunks_exact_mut(channels);
        let sources = rows.iter().flat_map(|row| pixels.map(|pixel| (row, pixel)));
        for (copy, (row, pixel)) in copies.zip(sources) {
            match pixel {
                Some(pixel) => copy.copy_from_slice(&row[pixel * channels..][..channels]),
                None => copy.fill(0.0),
            }
        }
        let row = |tap: usize| &scratch[3 * tap * channels..][..3 * channels];
        self.convolve(kernels, [row(0), row(1), row(2)], output);
    }

    fn convolve(&self, kernels: Option<&Kernels>, rows: [&[f32]; 3], output: &mut [f32]) {
        let Self { channels, stride, weights, bias } = self;
        let row = Depthwise { rows, channels: *channels, stride: *stride, weights, bias };
        dispatch::depthwise(kernels, &row, output);
    }
}
