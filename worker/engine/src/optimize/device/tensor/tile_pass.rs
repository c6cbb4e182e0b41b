//! The interface between a device's tensors and the two ways to compute a pass over one tile.

use candle_core::{Result, Tensor};
use impasto_cuda::maps::Pulled;
use impasto_kernels::{Layer, Shape};

use super::pooling::Side;
use crate::optimize::device::Tile;

/// What a pass over a device's tensors is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Operations of candle, which every device has. Maps lie channels first.
    Composed,
    /// Kernels of our own, for CUDA. Maps lie channels last. On the CPU they are there only where
    /// the crate `impasto-cuda` was built with feature `host`, for tests.
    Fused,
}

impl Kernels {
    /// Which axes of features run down and across.
    pub(super) fn axes(self) -> (usize, usize) {
        match self {
            Self::Composed => (2, 3),
            Self::Fused => (0, 1),
        }
    }
}

/// Sees the features of a layer, in a forward.
pub(super) type Visit<'a> = dyn FnMut(Layer, &Tensor) -> Result<()> + 'a;

/// Gives the gradient of a loss at the features of a layer, if the loss looks there.
pub(super) type Pull<'a> = dyn FnMut(Layer, &Tensor) -> Result<Option<Pulled>> + 'a;

/// The frozen weights, prepared for a pass over one tile.
pub(super) trait TilePass: Send + Sync {
    /// How the pass is put together.
    fn kernels(&self) -> Kernels;

    /// Memory that the weights take.
    fn bytes(&self) -> u64;

    /// Memory in bytes that a pass over a tile of this shape takes at its peak, for convolutions of
    /// so many inputs and outputs and features of `word` bytes.
    fn peak_bytes(&self, channels: &[(usize, usize)], shape: &Shape, word: u64) -> u64;

    /// The features of a tile of `picture`, (height, width, 3) in single precision, red, green and
    /// blue. `visit` sees those of each layer down to `deepest`. What the backward needs is kept
    /// where `keep` says so.
    fn forward<'a>(
        &'a self,
        picture: &Tensor,
        tile: &Tile,
        deepest: Layer,
        keep: bool,
        visit: &mut Visit<'_>,
    ) -> Result<Box<dyn Trail + 'a>>;
}

/// The activations that a forward saved for its backward.
pub(super) trait Trail {
    /// What of a tile's gradient counts, (height, width, 3), red, green and blue in single
    /// precision: of a loss whose gradient at the features of a layer is what `pull` gives for
    /// them. `None` where nothing pulls.
    fn gradient(self: Box<Self>, tile: &Tile, pull: &mut Pull<'_>) -> Result<Option<Tensor>>;
}

/// The part of a whole picture, or of its map after so many halvings, that a tile is computed from;
/// its axes are `(down, across)`.
pub(super) fn gathered(
    tile: &Tile,
    halvings: usize,
    whole: &Tensor,
    (down, across): (usize, usize),
) -> Result<Tensor> {
    let along = |whole: &Tensor, axis: usize, origin: usize, len: usize, seam: usize| {
        let Side { len, seam } = Side { len, seam }.half(halvings);
        let origin = origin >> halvings;
        if seam == 0 {
            return whole.narrow(axis, origin, len);
        }
        Tensor::cat(&[whole.narrow(axis, origin, seam)?, whole.narrow(axis, 0, len - seam)?], axis)
    };
    let shape = &tile.shape;
    let rows = along(whole, down, tile.origin.1, shape.height, shape.seam_y)?;
    along(&rows, across, tile.origin.0, shape.width, shape.seam_x)
}
