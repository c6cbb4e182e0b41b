//! The weights in fp32, prepared for both directions.
//!
//! A real network takes about 0.4 GB: Winograd's 36 transformed values stand for 9 weights, forward
//! and backward. Computing them anew in each pass would cost a tenth of it.

use rayon::prelude::*;

use crate::{
    fp32::{
        convolution::Weights,
        dispatch,
        first::{Columns, Spread},
        gemm::BLOCK,
        kernels::Kernels,
        scalar::Taps,
        winograd::Transformed,
    },
    level::Level,
    weights::ConvWeights,
};

/// All convolutions, for one instruction set.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) kernels: Option<&'static Kernels>,
    pub(crate) layers: Vec<Convolution>,
}

impl Prepared {
    pub(crate) fn new(layers: &[ConvWeights<'_>], level: Level) -> Self {
        let kernels = dispatch::kernels(level);
        let layers = layers
            .par_iter()
            .enumerate()
            .map(|(index, layer)| Convolution::new(index == 0, layer, kernels))
            .collect();
        Self { kernels, layers }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.forward.bytes() + layer.backward.bytes()).sum()
    }
}

/// One convolution, prepared for both directions.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) bias: Vec<f32>,
    pub(crate) forward: Weights,
    pub(crate) backward: Weights,
}

impl Convolution {
    fn new(first: bool, layer: &ConvWeights<'_>, kernels: Option<&Kernels>) -> Self {
        let &ConvWeights { in_channels, out_channels, weights, bias } = layer;
        let forward = |output: usize, input: usize, tap: usize| {
            weights[(output * in_channels + input) * 9 + tap]
        };
        // The gradient of an input is gathered from the outputs that read it: the same convolution
        // with the roles of the channels exchanged and the taps mirrored.
        let backward = |output: usize, input: usize, tap: usize| {
            weights[(input * in_channels + output) * 9 + 8 - tap]
        };
        let vectors = |channels: usize| channels.is_multiple_of(BLOCK);
        let (forward, backward) = match kernels {
            Some(kernels) if first && vectors(out_channels) => (
                Weights::Columns(Columns::new(in_channels, out_channels, kernels, forward)),
                Weights::Spread(Spread::new(in_channels, out_channels, kernels, forward)),
            ),
            Some(kernels) if vectors(in_channels) && vectors(out_channels) => (
                Weights::Transformed(Transformed::new(
                    in_channels,
                    out_channels,
                    kernels.panel,
                    forward,
                )),
                Weights::Transformed(Transformed::new(
                    out_channels,
                    in_channels,
                    kernels.panel,
                    backward,
                )),
            ),
            _ => (
                Weights::Taps(Taps::new(in_channels, out_channels, forward)),
                Weights::Taps(Taps::new(out_channels, in_channels, backward)),
            ),
        };
        Self { in_channels, out_channels, bias: bias.to_vec(), forward, backward }
    }
}
