//! Networks that have learned one style or several, in sizes that their file chooses. `impasto
//! train` makes them.

use std::ops::Range;

use super::{
    body::{Body, Topology},
    layer_weights::BodyWeights,
    normalization::Factors,
    outer,
    picture::{Canvas, PaintError, Picture, check_style},
    residual,
    table::Table,
    tensors::{TensorError, Tensors},
    workspace::Workspace,
};
use crate::level::Level;

/// The most styles of a network.
pub const MOST_STYLES: usize = 256;

/// The most residual blocks of a network.
pub const MOST_BLOCKS: usize = 16;

/// The sizes of a network, in channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedForwardLayout {
    /// Of the convolutions before the residual blocks, the last two of which halve the picture: 8,
    /// 16 or 32, then 16 or 32. The third, and all in the blocks, have 32.
    pub contract: [usize; 2],
    /// From 1 to [`MOST_BLOCKS`].
    pub blocks: usize,
    /// Of the two convolutions that enlarge the map: 8, 16 or 32, then 4, 8 or 16. One that makes
    /// colours follows.
    pub expand: [usize; 2],
    /// From 1 to [`MOST_STYLES`].
    pub styles: usize,
}

/// A tensor of a network, and where its values lie among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorLayout {
    pub name: String,
    pub shape: Vec<usize>,
    pub range: Range<usize>,
}

impl TensorLayout {
    /// Tensors of these names and shapes, one after the other.
    pub(super) fn in_order(tensors: impl IntoIterator<Item = (String, Vec<usize>)>) -> Vec<Self> {
        let place = |start: &mut usize, (name, shape): (String, Vec<usize>)| {
            let range = *start..*start + shape.iter().product::<usize>();
            *start = range.end;
            Some(Self { name, shape, range })
        };
        tensors.into_iter().scan(0, place).collect()
    }
}

/// Why a network cannot have these sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` of a network is {found}, not {expected}")]
pub struct LayoutError {
    pub what: &'static str,
    pub found: usize,
    pub expected: &'static str,
}

impl FeedForwardLayout {
    /// What `impasto train` makes of one style. A picture is enlarged with many channels, 32 at
    /// half and 16 at full size, since a lattice of four pixels comes from too few: with 8 and 4,
    /// neighbouring pixels are the same few features in different weights, and the last kernel
    /// cannot tell which of them a pixel is.
    pub const OWN: Self = Self { contract: [16, 32], blocks: 5, expand: [32, 16], styles: 1 };

    /// Checks the sizes.
    ///
    /// # Errors
    /// Names the first that no network can have.
    pub fn check(&self) -> Result<(), LayoutError> {
        let Self { contract, blocks, expand, styles } = *self;
        let check = |what, found, fits: bool, expected| {
            if fits { Ok(()) } else { Err(LayoutError { what, found, expected }) }
        };
        let thin = |channels| matches!(channels, 8 | 16 | 32);
        check("contract.0", contract[0], thin(contract[0]), "8, 16 or 32")?;
        check("contract.1", contract[1], matches!(contract[1], 16 | 32), "16 or 32")?;
        check("blocks", blocks, (1..=MOST_BLOCKS).contains(&blocks), "from 1 to 16")?;
        check("expand.0", expand[0], thin(expand[0]), "8, 16 or 32")?;
        check("expand.1", expand[1], matches!(expand[1], 4 | 8 | 16), "4, 8 or 16")?;
        check("styles", styles, (1..=MOST_STYLES).contains(&styles), "from 1 to 256")
    }

    pub(super) fn topology(&self) -> Topology {
        let Self { contract: [first, second], blocks, expand: [third, fourth], .. } = *self;
        Topology {
            prefix: "",
            contract: [first, second, residual::CHANNELS],
            normalizes_contract: true,
            blocks,
            expand: [third, fourth, 3],
        }
    }

    /// The convolutions, each with the normalisation after it, in the order of a pass: name, output
    /// channels, input channels, taps along a side.
    pub(super) fn convolutions(&self) -> Vec<(String, [usize; 2], usize)> {
        let topology = self.topology();
        let contract = topology.contract;
        let mut inputs = vec![3, contract[0], contract[1]];
        inputs.extend([residual::CHANNELS].repeat(2 * self.blocks + 1));
        inputs.extend(self.expand);
        let normalized = topology.normalized();
        let last = normalized.len() - 1;
        let with_inputs = normalized.into_iter().zip(inputs).enumerate();
        with_inputs
            .map(|(index, ((name, outputs), inputs))| {
                let side = if index == 0 || index == last { outer::SIDE } else { 3 };
                (name, [outputs, inputs], side)
            })
            .collect()
    }

    /// The network's tensors: of each convolution `NAME.weight` of `[out][in][row][column]`, and
    /// `NAME.gamma` and `NAME.beta` of `[style][channel]`. All values, one tensor after the other,
    /// are a network's parameters.
    pub fn tensors(&self) -> Vec<TensorLayout> {
        let convolutions = self.convolutions().into_iter();
        TensorLayout::in_order(convolutions.flat_map(|(name, [outputs, inputs], side)| {
            let factors = vec![self.styles, outputs];
            [
                (format!("{name}.weight"), vec![outputs, inputs, side, side]),
                (format!("{name}.gamma"), factors.clone()),
                (format!("{name}.beta"), factors),
            ]
        }))
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range.end)
    }
}

/// A network of our own.
#[derive(Debug)]
pub struct FeedForward {
    pub(super) body: Body,
    weights: BodyWeights,
    pub(super) tables: Vec<Table>,
    styles: usize,
}

/// Why parameters are no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedForwardError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error("a network of these sizes has {expected} parameters, not {found}")]
    Parameters { expected: usize, found: usize },
}

/// A network's parameters, tensor by tensor.
pub(super) fn named<'a>(
    all: &'a [TensorLayout],
    parameters: &'a [f32],
) -> Result<Tensors<'a>, FeedForwardError> {
    let (expected, found) = (all.last().map_or(0, |last| last.range.end), parameters.len());
    if expected != found {
        return Err(FeedForwardError::Parameters { expected, found });
    }
    let values = |tensor: &TensorLayout| &parameters[tensor.range.clone()];
    Ok(Tensors::new(all.iter().map(|own| (&own.name[..], &own.shape[..], values(own))))?)
}

impl FeedForward {
    /// Prepares the parameters of a network of these sizes; see [`FeedForwardLayout::tensors`]. A
    /// level that this processor lacks is lowered to the best one that it has.
    ///
    /// # Errors
    /// Where they are not finite, or not as many as the sizes ask for.
    pub fn new(
        layout: &FeedForwardLayout,
        parameters: &[f32],
        level: Level,
    ) -> Result<Self, FeedForwardError> {
        layout.check()?;
        let all = layout.tensors();
        Self::of_tensors(layout, &named(&all, parameters)?, level)
    }

    /// The same from tensors by name, as a file has them.
    ///
    /// # Errors
    /// Where one is missing, has another shape, or belongs to no network of these sizes.
    pub fn of_tensors(
        layout: &FeedForwardLayout,
        tensors: &Tensors<'_>,
        level: Level,
    ) -> Result<Self, FeedForwardError> {
        layout.check()?;
        Ok(Self::of_topology(layout.topology(), layout.styles, tensors, level)?)
    }

    /// The same of any topology.
    pub(super) fn of_topology(
        topology: Topology,
        styles: usize,
        tensors: &Tensors<'_>,
        level: Level,
    ) -> Result<Self, TensorError> {
        let weights = topology.weights(tensors)?;
        let tables = Table::all(&topology, tensors, styles)?;
        tensors.finish("")?;
        Ok(Self { body: Body::new(topology, &weights, level), weights, tables, styles })
    }

    /// How many styles it has learned.
    pub fn styles(&self) -> usize {
        self.styles
    }

    /// Its convolutions, for another device.
    pub fn weights(&self) -> &BodyWeights {
        &self.weights
    }

    /// The factors of the normalised layers in a mixture of styles, in their order.
    ///
    /// # Errors
    /// Where there are other styles, or weights that are not finite.
    pub fn factors(&self, weights: &[f32]) -> Result<Vec<Factors>, PaintError> {
        if weights.len() != self.styles {
            return Err(PaintError::Weights { expected: self.styles, found: weights.len() });
        }
        check_style(weights)?;
        Ok(self.tables.iter().map(|table| table.mixed(weights)).collect())
    }

    /// The memory that a picture of this size takes in a fresh workspace, beside itself, in bytes.
    pub fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        self.body.run_bytes(size, wraps)
    }

    /// Paints a picture in a mixture of styles, one weight for each; they need not sum to one.
    /// `output` is as the picture: values of 0 to 255.
    ///
    /// # Errors
    /// Where a slice has another size than its picture, or there are other styles.
    pub fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &Picture<'_>,
        weights: &[f32],
        output: &mut [f32],
    ) -> Result<(), PaintError> {
        let mut canvas = picture.on(output)?;
        self.paint_over(workspace, &mut canvas, weights)
    }

    /// Paints a picture over itself.
    ///
    /// # Errors
    /// As [`Self::paint`].
    pub fn paint_over(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        weights: &[f32],
    ) -> Result<(), PaintError> {
        picture.check()?;
        let factors = self.factors(weights)?;
        workspace.inside(|workspace| self.body.paint(workspace, picture, &factors));
        Ok(())
    }
}
