//! One convolution of the schedule, in whichever form its weights were prepared.

use crate::{
    fp32::{
        bits::Gate,
        first::{self, Columns, Spread},
        kernels::Kernels,
        pool::{Pooling, Unpooled},
        scalar::{self, Taps},
        winograd::{self, Transformed},
    },
    plane::Plane,
    threads::Threads,
};

/// What to compute: the input and its geometry, and what happens to a sum before it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution<'a> {
    pub(crate) input: Input<'a>,
    pub(crate) plane: &'a Plane,
    pub(crate) epilogue: Epilogue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// Pixels of channels.
    Map(&'a [f32]),
    /// Backward, behind a pool: no gradient of the map before pooling is ever stored.
    Unpooled(Unpooled<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Epilogue<'a> {
    /// Forward: add the bias, then ReLU.
    Rectify { bias: &'a [f32] },
    /// The same, and a bit for each feature: whether it is positive.
    Mark { bias: &'a [f32] },
    /// The same, but only the pooled map is stored, and a bit for each feature before pooling: its
    /// route.
    Pool { bias: &'a [f32], pooling: &'a Pooling },
    /// Backward, into features: only where they are positive. This is the ReLU's gradient; doing it
    /// where the gradient is written means that every gradient buffer holds a gradient before the
    /// ReLU, and none has to be masked when it is read.
    Gate(Gate<'a>),
    /// Backward, into a pooled map, the first features or the picture.
    Plain,
}

/// Where the values go, and the bits if the epilogue makes any.
#[derive(Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) bits: &'a mut [u8],
}

/// Pixels of the first layer that are computed at a time.
pub(crate) const FIRST_PIXELS: usize = first::PIXELS;

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
            Self::Taps(taps) => scalar::scratch_floats(taps),
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
    pub(crate) fn run(
        &self,
        threads: &mut Threads,
        kernels: Option<&Kernels>,
        job: &Convolution<'_>,
        to: Destination<'_>,
    ) {
        match (self, kernels) {
            (Self::Taps(taps), _) => scalar::run(taps, threads, job, to),
            (Self::Transformed(weights), Some(kernels)) => {
                winograd::run(weights, threads, kernels, job, to)
            }
            (Self::Columns(weights), Some(kernels)) => {
                first::run_columns(weights, threads, kernels, job, to.values)
            }
            (Self::Spread(weights), Some(kernels)) => {
                first::run_spread(weights, threads, kernels, job, to.values)
            }
            (_, None) => unreachable!("the scalar level prepares taps only"),
        }
    }

    /// Computes the stored pixels `first..` of the first layer's features, in runs of
    /// [`FIRST_PIXELS`] at most.
    pub(crate) fn first(
        &self,
        kernels: Option<&Kernels>,
        job: &Convolution<'_>,
        first: usize,
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        match (self, kernels) {
            (Self::Columns(weights), Some(kernels)) => {
                first::columns(weights, kernels, job, first, output, scratch)
            }
            (Self::Taps(taps), _) => scalar::convolve(taps, job, first, output),
            _ => unreachable!("the first layer is prepared as columns or taps"),
        }
    }
}
