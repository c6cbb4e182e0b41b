//! One convolution of the schedule, in whichever form its weights were prepared.

use crate::{
    fp32::{
        first::{self, Columns, Spread},
        kernels::Kernels,
        scalar::{self, Taps},
        winograd::{self, Transformed},
    },
    plane::Plane,
    workers::Workers,
};

/// What to compute: the input and its geometry, and what happens to a sum before it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution<'a> {
    pub(crate) input: &'a [f32],
    pub(crate) plane: &'a Plane,
    pub(crate) epilogue: Epilogue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Epilogue<'a> {
    /// Forward: add the bias, then ReLU.
    Rectify { bias: &'a [f32] },
    /// Backward, into features: only where they are positive. This is the ReLU's gradient; doing it where the gradient is written
    /// means that every gradient buffer holds a gradient before the ReLU, and none has to be masked when it is read.
    Gate { features: &'a [f32] },
    /// Backward, into a pooled map or the picture.
    Plain,
}

/// The weights of one direction of one convolution.
#[derive(Debug)]
pub(crate) enum Weights {
    /// Plain loops: every layer of the scalar level, and channel counts that vectors do not divide.
    Taps(Taps),
    /// Winograd F(4x4, 3x3): every real layer but the first.
    Transformed(Transformed),
    /// The first layer, forward: three channels in.
    Columns(Columns),
    /// The first layer, backward: three channels out.
    Spread(Spread),
}

impl Weights {
    /// Floats of scratch that a thread needs to run this on a plane.
    pub(crate) fn scratch_floats(&self, plane: &Plane) -> usize {
        match self {
            Self::Taps(_) => 0,
            Self::Transformed(weights) => winograd::scratch_floats(weights, plane),
            Self::Columns(weights) => first::columns_scratch_floats(weights),
            Self::Spread(weights) => first::spread_scratch_floats(weights, plane),
        }
    }

    /// Bytes of these weights.
    pub(crate) fn bytes(&self) -> usize {
        let floats = match self {
            Self::Taps(taps) => taps.weights.len(),
            Self::Transformed(weights) => weights.floats(),
            Self::Columns(weights) => weights.floats(),
            Self::Spread(weights) => weights.floats(),
        };
        floats * size_of::<f32>()
    }

    /// Computes the whole output, frame included.
    pub(crate) fn run(&self, workers: &mut Workers, kernels: Option<&Kernels>, job: &Convolution<'_>, output: &mut [f32]) {
        match (self, kernels) {
            (Self::Taps(taps), _) => {
                let piece = job.plane.framed_width();
                let output = &mut output[..job.plane.pixels() * taps.out_channels];
                workers.each_piece(output, piece * taps.out_channels, |index, output, _| {
                    scalar::convolve(taps, job, index * piece, output);
                });
            }
            (Self::Transformed(weights), Some(kernels)) => winograd::run(weights, workers, kernels, job, output),
            (Self::Columns(weights), Some(kernels)) => first::run_columns(weights, workers, kernels, job, output),
            (Self::Spread(weights), Some(kernels)) => first::run_spread(weights, workers, kernels, job, output),
            (_, None) => unreachable!("the scalar level prepares taps only"),
        }
    }
}
