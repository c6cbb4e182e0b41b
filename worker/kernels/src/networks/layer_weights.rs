//! A network's convolutions as its file has them, for whatever device prepares them.

use super::{
    kernel::Kernel,
    tensors::{TensorError, Tensors},
};

/// A convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    pub in_channels: usize,
    pub out_channels: usize,
    /// Taps along a side.
    pub side: usize,
    /// `[out][in][row][column]`.
    pub weights: Vec<f32>,
    /// `[out]`, or nothing.
    pub bias: Vec<f32>,
}

impl LayerWeights {
    /// `NAME.weight`, and `NAME.bias` where it has one.
    pub(super) fn take(
        tensors: &Tensors<'_>,
        name: &str,
        [in_channels, out_channels]: [usize; 2],
        side: usize,
        has_bias: bool,
    ) -> Result<Self, TensorError> {
        let shape = [out_channels, in_channels, side, side];
        let weights = tensors.take(&format!("{name}.weight"), &shape)?.to_vec();
        let bias = if has_bias {
            tensors.take(&format!("{name}.bias"), &[out_channels])?.to_vec()
        } else {
            Vec::new()
        };
        Ok(Self { in_channels, out_channels, side, weights, bias })
    }

    pub(super) fn kernel(&self) -> Kernel<'_> {
        let &Self { in_channels, out_channels, side, ref weights, ref bias } = self;
        Kernel { in_channels, out_channels, side, weights, bias }
    }

    /// How many numbers they are.
    pub fn parameters(&self) -> usize {
        self.weights.len() + self.bias.len()
    }
}

/// The convolutions of a network that paints with normalised layers: three that halve the picture
/// twice, residual blocks, and three that enlarge it again.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyWeights {
    /// Of nine taps a side and stride 1, then twice of three and stride 2. A mirrored border, or
    /// the opposite one, lies around each.
    pub contract: [LayerWeights; 3],
    /// Whether these are normalised. If not, they have a bias; a ReLU follows either way.
    pub normalizes_contract: bool,
    /// Of three taps, normalised, with a ReLU between the two of a block.
    pub blocks: Vec<[LayerWeights; 2]>,
    /// Normalised: twice of three taps on the map enlarged twofold by repeating its pixels, with a
    /// ReLU; and of nine taps, with a sigmoid, which makes colours.
    pub expand: [LayerWeights; 3],
}

impl BodyWeights {
    /// How many numbers they are.
    pub fn parameters(&self) -> usize {
        let blocks = self.blocks.iter().flatten();
        let all = self.contract.iter().chain(blocks).chain(&self.expand);
        all.map(LayerWeights::parameters).sum()
    }
}
