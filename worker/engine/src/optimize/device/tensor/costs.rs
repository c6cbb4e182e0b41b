//! What a picture takes of a device's memory.

use impasto_kernels::{Layer, Precision};
use impasto_types::Optimizer;

use super::network::Network;
use super::{adam, lbfgs};
use crate::optimize::device::plan::Costs;
use crate::optimize::device::{Candidate, Work};

/// A map of more values than this is beyond what cuDNN and many kernels count with.
const MOST_VALUES: u64 = i32::MAX as u64;

/// What the plan asks about a picture.
pub(super) struct TensorCosts<'a> {
    pub(super) network: &'a Network,
    pub(super) precision: Precision,
    pub(super) work: &'a Work<'a>,
}

impl Costs for TensorCosts<'_> {
    /// A step of the optimiser reuses the memory that the pass has freed by then, and so does the
    /// resampling of a gradient, which has three of the canvas's size at once. Where moments are
    /// planned in 16 bits, the second takes 32.
    fn tile(&self, candidate: &Candidate) -> u64 {
        let values = self.work.len() as u64;
        let step = match self.work.recipe.optimizer {
            Optimizer::Adam => adam::working_bytes(values),
            Optimizer::Lbfgs => lbfgs::working_bytes(
                values,
                self.work.recipe.history.into(),
                self.network.kernels(),
            ),
        };
        let resampled = if self.work.copy().is_some() { 3 * 4 * values } else { 0 };
        tile_bytes(self.network, candidate).max(step).max(resampled).saturating_add(2 * values)
    }

    fn content(&self, (width, height): (usize, usize), precision: Precision) -> u64 {
        let half = |len: usize| len.div_ceil(1 << Layer::CONTENT.halvings()) as u64;
        let values = self.network.channels_of(Layer::CONTENT) as u64 * half(width) * half(height);
        // While it is concatenated from bands of rows it takes twice that, but this is before the
        // first pass allocates its own memory.
        values * precision.bytes() as u64
    }

    fn precision(&self) -> Precision {
        self.precision
    }
}

/// A pass over a tile, its pixels and their gradient included; more than any budget where the tile
/// is too large to be counted in.
pub(super) fn tile_bytes(network: &Network, candidate: &Candidate) -> u64 {
    let Candidate { largest: shape, deepest, .. } = candidate;
    let pixels = ((shape.width + 4) * (shape.height + 4)) as u64;
    if pixels * network.widest() as u64 > MOST_VALUES {
        return u64::MAX;
    }
    // Pixels in two orders and their gradient, each three values.
    network.peak_bytes(shape, *deepest) + 3 * 3 * 4 * pixels
}
