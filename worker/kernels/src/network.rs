//! The weights of VGG, checked once and prepared once for both directions.

use std::{fmt, sync::Arc};

use crate::{
    bf16,
    feature_map::Precision,
    fp32,
    level::Level,
    vgg::{CONVOLUTIONS, Layer, NAMES},
    weights::ConvWeights,
};

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

/// The prepared weights, for one instruction set and precision; share it in an `Arc`.
pub struct Network {
    level: Level,
    channels: Vec<usize>,
    prepared: Prepared,
}

/// The weights as the passes of one precision read them.
#[derive(Clone)]
pub(crate) enum Prepared {
    Fp32(Arc<fp32::Prepared>),
    Bf16(Arc<bf16::Prepared>),
}

impl Network {
    /// Checks and prepares the 13 convolutions conv1_1 to conv5_1. A level that this processor
    /// lacks is lowered to the best one that it has, and a precision that the level has no fast
    /// instructions for is raised: ask [`Network::level`] and [`Network::precision`].
    /// Layers are prepared side by side on the present pool of threads.
    pub fn new(
        layers: &[ConvWeights<'_>],
        level: Level,
        precision: Precision,
    ) -> Result<Self, NetworkError> {
        check(layers)?;
        let level = level.lowered();
        let channels = layers.iter().map(|layer| layer.out_channels).collect();
        let prepared = match precision {
            Precision::Bf16 => bf16::Prepared::new(layers, level)
                .map(|prepared| Prepared::Bf16(Arc::new(prepared))),
            Precision::Fp32 => None,
        };
        let prepared = prepared
            .unwrap_or_else(|| Prepared::Fp32(Arc::new(fp32::Prepared::new(layers, level))));
        Ok(Self { level, channels, prepared })
    }

    /// A network in bf16 whose products are computed in a certain way, for tests and measurements
    /// on processors without matrix tiles. `None` where this processor cannot, or channels do not
    /// come in whole blocks of 32.
    #[doc(hidden)]
    pub fn by_products(
        layers: &[ConvWeights<'_>],
        products: bf16::Products,
    ) -> Result<Option<Self>, NetworkError> {
        check(layers)?;
        let prepared = products.kernels().and_then(|kernels| bf16::Prepared::with(layers, kernels));
        Ok(prepared.map(|prepared| Self::of_bf16(layers, prepared)))
    }

    pub(crate) fn of_bf16(layers: &[ConvWeights<'_>], prepared: bf16::Prepared) -> Self {
        let channels = layers.iter().map(|layer| layer.out_channels).collect();
        Self { level: Level::detect(), channels, prepared: Prepared::Bf16(Arc::new(prepared)) }
    }

    /// The instruction set that passes of this network run on.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The precision of features and weights. Sums are in fp32 or better in each.
    pub fn precision(&self) -> Precision {
        match self.prepared {
            Prepared::Fp32(_) => Precision::Fp32,
            Prepared::Bf16(_) => Precision::Bf16,
        }
    }

    /// Pixels of a map, along an axis, that a convolution computes together: Winograd's block, or
    /// one. A part of a picture that begins at a multiple of it at every layer has the whole's
    /// bits.
    pub fn block_px(&self) -> usize {
        match self.prepared {
            Prepared::Fp32(_) => 4,
            Prepared::Bf16(_) => 1,
        }
    }

    /// Channels of a layer.
    pub fn channels(&self, layer: Layer) -> usize {
        self.channels[layer.convolution()]
    }

    /// Bytes of the prepared weights.
    pub fn bytes(&self) -> usize {
        match &self.prepared {
            Prepared::Fp32(prepared) => prepared.bytes(),
            Prepared::Bf16(prepared) => prepared.bytes(),
        }
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("level", &self.level)
            .field("precision", &self.precision())
            .finish_non_exhaustive()
    }
}

fn check(layers: &[ConvWeights<'_>]) -> Result<(), NetworkError> {
    if layers.len() != CONVOLUTIONS {
        return Err(NetworkError::Convolutions { found: layers.len() });
    }
    let mut channels = 3;
    for (layer, name) in layers.iter().zip(NAMES) {
        if layer.in_channels != channels {
            return Err(NetworkError::InChannels {
                name,
                expected: channels,
                found: layer.in_channels,
            });
        }
        if layer.out_channels == 0 {
            return Err(NetworkError::NoChannels { name });
        }
        let expected = layer.in_channels.saturating_mul(layer.out_channels).saturating_mul(9);
        if layer.weights.len() != expected {
            return Err(NetworkError::Weights { name, expected, found: layer.weights.len() });
        }
        if layer.bias.len() != layer.out_channels {
            return Err(NetworkError::Bias {
                name,
                expected: layer.out_channels,
                found: layer.bias.len(),
            });
        }
        channels = layer.out_channels;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers<'a>(weights: &'a [f32], bias: &'a [f32]) -> Vec<ConvWeights<'a>> {
        let layer = |in_channels| ConvWeights {
            in_channels,
            out_channels: 2,
            weights: &weights[..in_channels * 18],
            bias,
        };
        std::iter::once(layer(3)).chain((1..CONVOLUTIONS).map(|_| layer(2))).collect()
    }

    #[test]
    fn wrong_lengths_are_named() {
        let (weights, bias) = ([0.5; 54], [0.0; 2]);
        let good = layers(&weights, &bias);
        assert!(Network::new(&good, Level::Scalar, Precision::Fp32).is_ok());

        let check = |change: fn(&mut Vec<ConvWeights<'_>>), expected: &str| {
            let mut layers = good.clone();
            change(&mut layers);
            let error =
                Network::new(&layers, Level::detect(), Precision::Fp32).expect_err("not a network");
            assert_eq!(error.to_string(), expected);
        };
        check(
            |layers| layers.truncate(12),
            "a network has 13 convolutions (conv1_1 to conv5_1), not 12",
        );
        check(
            |layers| layers[1].in_channels = 3,
            "conv1_2 reads 3 channels, but the layer before it has 2",
        );
        check(
            |layers| layers[4].weights = &layers[4].weights[1..],
            "conv3_1 has 35 weights, expected 36",
        );
        check(|layers| layers[12].bias = &[], "conv5_1 has 0 bias values, expected 2");
        check(|layers| layers[3].out_channels = 0, "conv2_2 has no output channels");
    }
}
