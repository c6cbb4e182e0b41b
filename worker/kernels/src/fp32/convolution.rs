//! One convolution of the schedule, in whichever form its weights were prepared.

use crate::{
    fp32::{
        first::{self, Columns, Spread},
        gemm::BLOCK,
        job::{Convolution, Destination},
        kernels::Kernels,
        scalar::{self, Taps},
        winograd::{self, Tiles, Transformed},
    },
    plane::Plane,
    threads::Threads,
};

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
    /// A convolution of many channels, forward, from a function of (out, in, tap).
    pub(crate) fn many(
        in_channels: usize,
        out_channels: usize,
        kernels: Option<&Kernels>,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let vectors = [in_channels, out_channels].iter().all(|count| count.is_multiple_of(BLOCK));
        match kernels.filter(|_| vectors) {
            Some(kernels) => Self::Transformed(Transformed::new(
                in_channels,
                out_channels,
                kernels.panel,
                weight,
            )),
            None => Self::Taps(Taps::new(in_channels, out_channels, weight)),
        }
    }

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
                let tiles = Tiles::new(weights, job, to);
                threads.each(tiles.blocks(), |block, scratch| {
                    kernels.tiles(&tiles, block, scratch);
                });
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
