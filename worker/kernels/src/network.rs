//! The weights of VGG, checked once and prepared once for both directions.
//!
//! A real network takes about 0.4 GB: Winograd's 36 transformed values stand for 9 weights, forward and backward. Computing them
//! anew in each pass would cost a tenth of it.

use std::fmt;

use crate::{
    convolution::Weights,
    first::{Columns, Spread},
    kernels::Kernels,
    layer::{CONVOLUTIONS, NAMES},
    level::Level,
    scalar::Taps,
    winograd::Transformed,
};

/// One 3x3 convolution as it comes from a model file.
#[derive(Clone, Copy, Debug)]
pub struct ConvWeights<'a> {
    pub in_channels: usize,
    pub out_channels: usize,
    /// `[out][in][3][3]`.
    pub weights: &'a [f32],
    /// `[out]`.
    pub bias: &'a [f32],
}

/// Why weights are not those of a VGG.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("a network has {CONVOLUTIONS} convolutions (conv1_1 to conv5_1), not {found}")]
    Convolutions { found: usize },
    #[error("{name} reads {found} channels, but the layer before it has {expected}")]
    InChannels { name: &'static str, expected: usize, found: usize },
    #[error("{name} has no output channels")]
    NoChannels { name: &'static str },
    #[error("{name} has {found} weights, expected {expected}")]
    Weights { name: &'static str, expected: usize, found: usize },
    #[error("{name} has {found} bias values, expected {expected}")]
    Bias { name: &'static str, expected: usize, found: usize },
}

/// The prepared weights, for one instruction set; share it in an `Arc`.
pub struct Network {
    level: Level,
    pub(crate) kernels: Option<&'static Kernels>,
    pub(crate) layers: Vec<Prepared>,
}

/// One convolution, prepared for both directions.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) bias: Vec<f32>,
    pub(crate) forward: Weights,
    pub(crate) backward: Weights,
}

impl Network {
    /// Checks and prepares the 13 convolutions conv1_1 to conv5_1. A level that this processor lacks is lowered to the best one
    /// that it has.
    pub fn new(layers: &[ConvWeights<'_>], level: Level) -> Result<Self, NetworkError> {
        check(layers)?;
        let level = level.min(Level::detect());
        let kernels = Kernels::of(level);
        let layers = layers.iter().enumerate().map(|(index, layer)| Prepared::new(index == 0, layer, kernels)).collect();
        Ok(Self { level, kernels, layers })
    }

    /// The instruction set that passes of this network run on.
    pub fn level(&self) -> Level {
        self.level
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Prepared {
    fn new(first: bool, layer: &ConvWeights<'_>, kernels: Option<&Kernels>) -> Self {
        let &ConvWeights { in_channels, out_channels, weights, bias } = layer;
        let forward = |output: usize, input: usize, tap: usize| weights[(output * in_channels + input) * 9 + tap];
        // The gradient of an input is gathered from the outputs that read it: the same convolution with the roles of the channels
        // exchanged and the taps mirrored.
        let backward = |output: usize, input: usize, tap: usize| weights[(input * in_channels + output) * 9 + 8 - tap];
        let vectors = |channels: usize| channels.is_multiple_of(crate::gemm::BLOCK);
        let (forward, backward) = match kernels {
            Some(kernels) if first && vectors(out_channels) => (
                Weights::Columns(Columns::new(in_channels, out_channels, kernels, forward)),
                Weights::Spread(Spread::new(in_channels, out_channels, kernels, forward)),
            ),
            Some(kernels) if vectors(in_channels) && vectors(out_channels) => (
                Weights::Transformed(Transformed::new(in_channels, out_channels, kernels, forward)),
                Weights::Transformed(Transformed::new(out_channels, in_channels, kernels, backward)),
            ),
            _ => (
                Weights::Taps(Taps::new(in_channels, out_channels, forward)),
                Weights::Taps(Taps::new(out_channels, in_channels, backward)),
            ),
        };
        Self { in_channels, out_channels, bias: bias.to_vec(), forward, backward }
    }
}

fn check(layers: &[ConvWeights<'_>]) -> Result<(), NetworkError> {
    if layers.len() != CONVOLUTIONS {
        return Err(NetworkError::Convolutions { found: layers.len() });
    }
    let mut channels = 3;
    for (layer, name) in layers.iter().zip(NAMES) {
        if layer.in_channels != channels {
            return Err(NetworkError::InChannels { name, expected: channels, found: layer.in_channels });
        }
        if layer.out_channels == 0 {
            return Err(NetworkError::NoChannels { name });
        }
        let expected = layer.in_channels.saturating_mul(layer.out_channels).saturating_mul(9);
        if layer.weights.len() != expected {
            return Err(NetworkError::Weights { name, expected, found: layer.weights.len() });
        }
        if layer.bias.len() != layer.out_channels {
            return Err(NetworkError::Bias { name, expected: layer.out_channels, found: layer.bias.len() });
        }
        channels = layer.out_channels;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers<'a>(weights: &'a [f32], bias: &'a [f32]) -> Vec<ConvWeights<'a>> {
        let layer = |in_channels| ConvWeights { in_channels, out_channels: 2, weights: &weights[..in_channels * 18], bias };
        std::iter::once(layer(3)).chain((1..CONVOLUTIONS).map(|_| layer(2))).collect()
    }

    #[test]
    fn wrong_lengths_are_named() {
        let (weights, bias) = ([0.5; 54], [0.0; 2]);
        let good = layers(&weights, &bias);
        assert!(Network::new(&good, Level::Scalar).is_ok());

        let check = |change: fn(&mut Vec<ConvWeights<'_>>), expected: &str| {
            let mut layers = good.clone();
            change(&mut layers);
            let error = Network::new(&layers, Level::detect()).expect_err("not a network");
            assert_eq!(error.to_string(), expected);
        };
        check(|layers| layers.truncate(12), "a network has 13 convolutions (conv1_1 to conv5_1), not 12");
        check(|layers| layers[1].in_channels = 3, "conv1_2 reads 3 channels, but the layer before it has 2");
        check(|layers| layers[4].weights = &layers[4].weights[1..], "conv3_1 has 35 weights, expected 36");
        check(|layers| layers[12].bias = &[], "conv5_1 has 0 bias values, expected 2");
        check(|layers| layers[3].out_channels = 0, "conv2_2 has no output channels");
    }
}
