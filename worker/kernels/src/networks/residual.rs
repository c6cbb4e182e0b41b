//! Residual blocks: two 3x3 convolutions, each normalised, whose result is added to their input.

use super::{
    layer_weights::LayerWeights,
    normalization::{Factors, add_normalized, moments, normalize},
    workspace::Workspace,
};
use crate::{
    edge::Edge,
    fp32::{
        convolution::Weights,
        job::{Convolution, Destination, Epilogue, Input},
        kernels::Kernels,
    },
    plane::Plane,
    shape::{Pool, Shape},
    threads::Threads,
};

/// Channels of a residual block.
pub(super) const CHANNELS: usize = 32;

#[derive(Debug)]
pub(super) struct Block {
    pub(super) convolutions: [Weights; 2],
}

impl Block {
    pub(super) fn new(weights: &[LayerWeights; 2], kernels: Option<&Kernels>) -> Self {
        let convolution = |own: &LayerWeights| {
            Weights::many(CHANNELS, CHANNELS, kernels, |output, input, tap| {
                own.weights[(output * CHANNELS + input) * 9 + tap]
            })
        };
        Self { convolutions: weights.each_ref().map(convolution) }
    }

    /// Adds the block's result to the map.
    pub(super) fn run(
        &self,
        workspace: &mut Workspace,
        kernels: Option<&Kernels>,
        plane: &Plane,
        factors: [&Factors; 2],
        map: &mut [f32],
    ) {
        let (mut first, mut second) = (workspace.take(map.len()), workspace.take(map.len()));
        let threads = &mut workspace.threads;
        let ([own, own2], [factors, factors2]) = (&self.convolutions, factors);
        let (inner, outer) = (&mut first[..map.len()], &mut second[..map.len()]);

        convolve(own, threads, kernels, plane, map, inner);
        let affine = moments(threads, kernels, CHANNELS, inner).affine(factors, true);
        normalize(threads, kernels, CHANNELS, &affine, inner);

        convolve(own2, threads, kernels, plane, inner, outer);
        let affine = moments(threads, kernels, CHANNELS, outer).affine(factors2, false);
        add_normalized(threads, kernels, CHANNELS, &affine, outer, map);
        workspace.give(first);
        workspace.give(second);
    }
}

/// The geometry of all blocks at one size.
pub(super) fn plane(width: usize, height: usize, wraps: [bool; 2]) -> Plane {
    Plane::forward(&shape(width, height, wraps))
}

pub(super) fn shape(width: usize, height: usize, wraps: [bool; 2]) -> Shape {
    let [edge_x, edge_y] = wraps.map(|wraps| if wraps { Edge::Wrap } else { Edge::Reflect });
    Shape { width, height, edge_x, edge_y, pool: Pool::Average, seam_x: 0, seam_y: 0 }
}

/// Computes a convolution on a plane, frame included.
pub(super) fn convolve(
    weights: &Weights,
    threads: &mut Threads,
    kernels: Option<&Kernels>,
    plane: &Plane,
    input: &[f32],
    output: &mut [f32],
) {
    threads.reserve(weights.scratch_floats(plane));
    let job = Convolution { input: Input::Map(input), plane, epilogue: Epilogue::Plain };
    weights.run(threads, kernels, &job, Destination { values: output, bits: &mut [] });
}
