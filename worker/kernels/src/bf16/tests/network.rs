//! Small networks with random weights, of both precisions.

use std::sync::Arc;

use super::Random;
use crate::{
    ConvWeights, Level, Network, Precision,
    bf16::{Kernels, Prepared},
};

pub(super) const SMALL: [usize; 5] = [32, 64, 32, 64, 32];

/// The weights of a network: channels of the five stages.
pub(super) struct Weights(Vec<(usize, usize, Vec<f32>, Vec<f32>)>);

impl Weights {
    /// Scaled so that features keep their size. An open network's features stay positive, so that
    /// no rounding decides where a gradient goes.
    pub(super) fn new(stages: [usize; 5], open: bool, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut before = 3;
        let layers = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4].map(|stage| {
            let (inputs, outputs) = (before, stages[stage]);
            before = outputs;
            let scale = (6.0 / (9.0 * inputs as f32)).sqrt();
            let mut weights: Vec<f32> = random
                .floats(inputs * outputs * 9)
                .into_iter()
                .map(|weight| weight * scale)
                .collect();
            let mut bias: Vec<f32> =
                random.floats(outputs).into_iter().map(|bias| bias * 0.2).collect();
            if open {
                for kernel in weights.chunks_exact_mut(inputs * 9) {
                    let mean = kernel.iter().sum::<f32>() / kernel.len() as f32;
                    kernel.iter_mut().for_each(|weight| *weight = 0.3 * (*weight - mean));
                }
                bias.iter_mut().for_each(|bias| *bias += 4.0);
            }
            (inputs, outputs, weights, bias)
        });
        Self(layers.into())
    }

    fn layers(&self) -> Vec<ConvWeights<'_>> {
        self.0
            .iter()
            .map(|(in_channels, out_channels, weights, bias)| ConvWeights {
                in_channels: *in_channels,
                out_channels: *out_channels,
                weights,
                bias,
            })
            .collect()
    }

    pub(super) fn fp32(&self) -> Arc<Network> {
        Arc::new(Network::new(&self.layers(), Level::detect(), Precision::Fp32).expect("a network"))
    }

    pub(super) fn bf16(&self, kernels: &'static Kernels) -> Arc<Network> {
        Arc::new(Network::of_bf16(
            &self.layers(),
            Prepared::with(&self.layers(), kernels).expect("whole lines of channels"),
        ))
    }
}
