//! One network with several styles: a style is a scale and an offset for each channel of each
//! normalised layer (Dumoulin, Shlens and Kudlur, "A Learned Representation for Artistic Style").

use super::{
    body::Topology,
    feed_forward::FeedForward,
    picture::{PaintError, Picture},
    tensors::{TensorError, Tensors},
    workspace::Workspace,
};
use crate::level::Level;

const TOPOLOGY: Topology = Topology {
    prefix: "",
    contract: [32, 32, 32],
    normalizes_contract: true,
    blocks: 6,
    expand: [8, 4, 3],
};

/// A network of [`MultiStyle::STYLES`] styles.
#[derive(Debug)]
pub struct MultiStyle(FeedForward);

impl MultiStyle {
    pub const STYLES: usize = 26;

    /// Prepares the weights: `contract.I.weight`, `residual.B.I.weight` and `expand.I.weight` of
    /// the shape `[out][in][row][column]`, each with `.gamma` and `.beta` of `[style][channel]`,
    /// and nothing else. A level that this processor lacks is lowered to the best one that it has.
    pub fn new(tensors: &Tensors<'_>, level: Level) -> Result<Self, TensorError> {
        FeedForward::of_topology(TOPOLOGY, Self::STYLES, tensors, level).map(Self)
    }

    /// Paints a picture in a mixture of styles, one weight for each; they need not sum to one.
    /// `output` is as the picture: values of 0 to 255.
    pub fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &Picture<'_>,
        weights: &[f32],
        output: &mut [f32],
    ) -> Result<(), PaintError> {
        self.0.paint(workspace, picture, weights, output)
    }
}
