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
        let row_floats = (side + 2) * channels;
        let out_floats = self.out_len(side) * channels;
        let needed = |rows: usize| (rows - 1) * stride + 3;
        threads.reserve(needed(BAND) * row_floats);
        threads.each_piece(output, BAND * out_floats, |index, output, scratch| {
            let top = (index * BAND * stride) as isize - before as isize;
            let rows = output.len() / out_floats;
            for (y, row) in (top..).zip(scratch.chunks_exact_mut(row_floats)).take(needed(rows)) {
                match usize::try_from(y).ok().filter(|y| *y < side) {
                    Some(y) => {
                        let (left, rest) = row.split_at_mut(before * channels);
                        let (own, right) = rest.split_at_mut(side * channels);
                        left.fill(0.0);
                        own.copy_from_slice(&map[y * own.len()..][..own.len()]);
                        right.fill(0.0);
                    }
                    None => row.fill(0.0),
                }
            }
            for (y, output) in output.chunks_exact_mut(out_floats).enumerate() {
                let row = |tap: usize| &scratch[(y * stride + tap) * row_floats..][..row_floats];
                let work = Depthwise {
                    rows: [row(0), row(1), row(2)],
                    channels,
                    stride,
                    weights: &self.weights,
                    bias: &self.bias,
                };
                dispatch::depthwise(kernels, &work, output);
            }
        });
    }
}
