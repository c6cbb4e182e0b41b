//! A network for any style: a style is a vector, from which the scale and the offset of each
//! channel of each normalised layer follow (Ghiasi, Lee, Kudlur, Dumoulin and Shlens, "Exploring
//! the structure of a real-time, arbitrary neural artistic stylization network").

use super::{
    body::{Body, Topology},
    layer_weights::BodyWeights,
    normalization::Factors,
    picture::{Canvas, PaintError, Picture, check_style},
    tensors::{TensorError, Tensors},
    workspace::Workspace,
};
use crate::level::Level;

const TOPOLOGY: Topology = Topology {
    prefix: "transform.",
    contract: [8, 16, 32],
    normalizes_contract: false,
    blocks: 5,
    expand: [16, 8, 3],
};

/// What the network knows of a style.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleVector(Vec<f32>);

impl StyleVector {
    pub const LEN: usize = 100;

    /// A vector that was stored: [`StyleVector::LEN`] finite numbers.
    pub fn new(numbers: Vec<f32>) -> Result<Self, PaintError> {
        if numbers.len() != Self::LEN {
            return Err(PaintError::Vector { expected: Self::LEN, found: numbers.len() });
        }
        check_style(&numbers)?;
        Ok(Self(numbers))
    }

    pub fn numbers(&self) -> &[f32] {
        &self.0
    }

    /// The sum of vectors, each by its weight. With weights that sum to one it lies between the
    /// styles; between a picture's own vector and a style's, less of the style is seen.
    pub fn mixed(parts: &[(f32, &Self)]) -> Result<Self, PaintError> {
        let mut sum = vec![0.0; Self::LEN];
        for (weight, part) in parts {
            sum.iter_mut().zip(&part.0).for_each(|(sum, number)| *sum += weight * number);
        }
        Self::new(sum)
    }
}

/// The network that paints a picture in the style of a vector.
#[derive(Debug)]
pub struct StyleTransformer {
    pub(super) body: Body,
    weights: BodyWeights,
    layers: Vec<[Projection; 2]>,
}

/// One factor of a layer's channels, as a linear function of the style.
#[derive(Debug)]
struct Projection {
    /// `[channel][number]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Projection {
    fn new(tensors: &Tensors<'_>, name: &str, channels: usize) -> Result<Self, TensorError> {
        let weights = tensors.take(&format!("{name}.weight"), &[channels, StyleVector::LEN])?;
        let bias = tensors.take(&format!("{name}.bias"), &[channels])?;
        Ok(Self { weights: weights.to_vec(), bias: bias.to_vec() })
    }

    fn of(&self, style: &StyleVector) -> Vec<f32> {
        let rows = self.weights.chunks_exact(StyleVector::LEN).zip(&self.bias);
        rows.map(|(row, bias)| {
            let sum: f64 =
                row.iter().zip(&style.0).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            (sum + f64::from(*bias)) as f32
        })
        .collect()
    }
}

impl StyleTransformer {
    /// Prepares the weights: `transform.contract.I.weight` of the shape `[out][in][row][column]`
    /// with `.bias`, `transform.residual.B.I.weight` and `transform.expand.I.weight`, each of
    /// these with `.gamma.weight` and `.beta.weight` of `[channel][number]` and `.gamma.bias` and
    /// `.beta.bias`, and nothing else that begins like this. A level that this processor lacks is
    /// lowered to the best one that it has.
    pub fn new(tensors: &Tensors<'_>, level: Level) -> Result<Self, TensorError> {
        let weights = TOPOLOGY.weights(tensors)?;
        let layer = |(name, channels): (String, usize)| {
            let projection =
                |what: &str| Projection::new(tensors, &format!("{name}.{what}"), channels);
            Ok([projection("gamma")?, projection("beta")?])
        };
        let layers = TOPOLOGY.normalized().into_iter().map(layer).collect::<Result<_, _>>()?;
        tensors.finish(TOPOLOGY.prefix)?;
        Ok(Self { body: Body::new(TOPOLOGY, &weights, level), weights, layers })
    }

    /// The memory that a picture of this size takes in a fresh workspace, beside itself, in bytes.
    pub fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        self.body.run_bytes(size, wraps)
    }

    /// Paints a picture in a style. `output` is as the picture: values of 0 to 255.
    pub fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &Picture<'_>,
        style: &StyleVector,
        output: &mut [f32],
    ) -> Result<(), PaintError> {
        let mut canvas = picture.on(output)?;
        self.paint_over(workspace, &mut canvas, style)
    }

    /// Its convolutions, for another device.
    pub fn weights(&self) -> &BodyWeights {
        &self.weights
    }

    /// The factors of the normalised layers in a style, in their order.
    pub fn factors(&self, style: &StyleVector) -> Vec<Factors> {
        let of = |[gamma, beta]: &[Projection; 2]| Factors {
            gamma: gamma.of(style),
            beta: beta.of(style),
        };
        self.layers.iter().map(of).collect()
    }

    /// Paints a picture over itself.
    ///
    /// # Errors
    /// Where there are not as many values as its size says.
    pub fn paint_over(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        style: &StyleVector,
    ) -> Result<(), PaintError> {
        picture.check()?;
        let factors = self.factors(style);
        workspace.inside(|workspace| self.body.paint(workspace, picture, &factors));
        Ok(())
    }
}
