//! What a network has learned of its styles.

use super::{
    body::Topology,
    normalization::Factors,
    tensors::{TensorError, Tensors},
};

/// Of one normalised layer: channels, and `[style][channel]` of gamma and beta.
#[derive(Debug)]
pub(super) struct Table {
    channels: usize,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Table {
    /// Those of all normalised layers.
    pub(super) fn all(
        topology: &Topology,
        tensors: &Tensors<'_>,
        styles: usize,
    ) -> Result<Vec<Self>, TensorError> {
        let table = |(name, channels): (String, usize)| {
            let take = |what: &str| {
                let shape = [styles, channels];
                Ok(tensors.take(&format!("{name}.{what}"), &shape)?.to_vec())
            };
            Ok(Self { channels, gamma: take("gamma")?, beta: take("beta")? })
        };
        topology.normalized().into_iter().map(table).collect()
    }

    /// The factors of one style.
    pub(super) fn of(&self, style: usize) -> Factors {
        let own = |table: &[f32]| table[style * self.channels..][..self.channels].to_vec();
        Factors { gamma: own(&self.gamma), beta: own(&self.beta) }
    }

    /// The factors of a mixture of styles.
    pub(super) fn mixed(&self, weights: &[f32]) -> Factors {
        let mix = |table: &[f32]| {
            let mut sums = vec![0.0; self.channels];
            for (weight, style) in weights.iter().zip(table.chunks_exact(self.channels)) {
                sums.iter_mut().zip(style).for_each(|(sum, value)| *sum += weight * value);
            }
            sums
        };
        Factors { gamma: mix(&self.gamma), beta: mix(&self.beta) }
    }
}
