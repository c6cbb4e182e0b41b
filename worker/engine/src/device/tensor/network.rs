//! VGG-19 up to relu5_1 on a device, and its pass over one tile.

use candle_core::{DType, Device, Result, Tensor};
use impasto_cuda::maps::Pulled;
use impasto_kernels::{Layer, Shape};
use impasto_models::VggWeights;

use super::composed::{self, Composed};
use super::convolution::Method;
use super::fused::{self, Fused};
use super::pooling::Side;
use crate::device::Tile;

/// How many of VGG-19's convolutions lie at or before relu5_1.
pub(super) const CONVOLUTIONS: usize = 13;

/// How often the picture was halved before each convolution.
pub(super) const HALVINGS: [usize; CONVOLUTIONS] = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4];

/// The layer whose features the `index`th convolution makes, where it is one that is looked at.
pub(super) fn layer_after(index: usize) -> Option<Layer> {
    Layer::ALL.into_iter().find(|&layer| convolution_of(layer) == index)
}

/// Whether a pooling follows the `index`th convolution.
pub(super) fn pools_after(index: usize) -> bool {
    index + 1 < CONVOLUTIONS && HALVINGS[index + 1] > HALVINGS[index]
}

/// The convolution whose features these are.
fn convolution_of(layer: Layer) -> usize {
    match layer {
        Layer::Relu1_1 => 0,
        Layer::Relu2_1 => 2,
        Layer::Relu3_1 => 4,
        Layer::Relu4_1 => 8,
        Layer::Relu4_2 => 9,
        Layer::Relu5_1 => 12,
    }
}

/// How often the picture was halved before a layer.
pub(super) fn halvings(layer: Layer) -> usize {
    HALVINGS[convolution_of(layer)]
}

/// What a pass over a device's tensors is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Operations of candle, which every device has. Maps lie channels first.
    Composed,
    /// Kernels of our own, for CUDA. Maps lie channels last. On the CPU they are there only where
    /// the crate `impasto-cuda` was built with feature `host`, for tests.
    Fused,
}

/// The frozen weights, for both directions.
pub(super) struct Network {
    pub(super) device: Device,
    /// How features are kept.
    pub(super) dtype: DType,
    /// Inputs and outputs of each convolution.
    channels: Vec<(usize, usize)>,
    pass: Pass,
}

enum Pass {
    Composed(Composed),
    Fused(Fused),
}

/// What a forward leaves for the backward.
pub(super) enum Trail {
    Composed(composed::Trail),
    Fused(fused::Trail),
}

impl Network {
    /// Copies the weights to `device`. `method` is for convolutions that are composed.
    pub(super) fn new(
        weights: &VggWeights,
        device: Device,
        dtype: DType,
        kernels: Kernels,
        method: Method,
    ) -> Result<Self> {
        let weights = &weights.convolutions[..weights.convolutions.len().min(CONVOLUTIONS)];
        let pass = match kernels {
            Kernels::Composed => Pass::Composed(Composed::new(weights, dtype, method, &device)?),
            Kernels::Fused => Pass::Fused(Fused::new(weights, dtype, &device)?),
        };
        let channels =
            weights.iter().map(|weights| (weights.in_channels, weights.out_channels)).collect();
        Ok(Self { device, dtype, channels, pass })
    }

    pub(super) fn kernels(&self) -> Kernels {
        match self.pass {
            Pass::Composed(_) => Kernels::Composed,
            Pass::Fused(_) => Kernels::Fused,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match &self.pass {
            Pass::Composed(composed) => composed.bytes(),
            Pass::Fused(fused) => fused.bytes(),
        }
    }

    /// Channels of a layer.
    pub(super) fn channels_of(&self, layer: Layer) -> usize {
        self.channels[convolution_of(layer)].1
    }

    /// Values of the widest map, for each pixel.
    pub(super) fn widest(&self) -> usize {
        self.channels.first().map_or(0, |&(_, outputs)| outputs)
    }

    /// Which axes of features run down and across.
    pub(super) fn axes(&self) -> (usize, usize) {
        match self.kernels() {
            Kernels::Composed => (2, 3),
            Kernels::Fused => (0, 1),
        }
    }

    /// The features of a tile of `picture`, (height, width, 3) in single precision, red, green and
    /// blue. `visit` sees those of each layer down to `deepest`. What the backward needs is kept
    /// where `keep` says so.
    pub(super) fn forward(
        &self,
        picture: &Tensor,
        tile: &Tile,
        deepest: Layer,
        keep: bool,
        visit: impl FnMut(Layer, &Tensor) -> Result<()>,
    ) -> Result<Trail> {
        match &self.pass {
            Pass::Composed(composed) => {
                composed.forward(picture, tile, deepest, keep, visit).map(Trail::Composed)
            }
            Pass::Fused(fused) => {
                fused.forward(picture, tile, deepest, keep, visit).map(Trail::Fused)
            }
        }
    }

    /// What of a tile's gradient counts, (height, width, 3), red, green and blue in single
    /// precision: of a loss whose gradient at the features of a layer is what `pull` gives for
    /// them. `None` where nothing pulls.
    pub(super) fn gradient(
        &self,
        trail: Trail,
        tile: &Tile,
        pull: impl FnMut(Layer, &Tensor) -> Result<Option<Pulled>>,
    ) -> Result<Option<Tensor>> {
        match (&self.pass, trail) {
            (Pass::Composed(composed), Trail::Composed(trail)) => {
                composed.gradient(trail, tile, pull)
            }
            (Pass::Fused(fused), Trail::Fused(trail)) => fused.gradient(trail, tile, pull),
            _ => candle_core::bail!("a trail is another network's"),
        }
    }

    /// Memory in bytes that a pass over a tile of this shape takes at its peak.
    pub(super) fn peak_bytes(&self, shape: &Shape) -> u64 {
        let word = self.dtype.size_in_bytes() as u64;
        match self.pass {
            Pass::Composed(_) => composed::peak_bytes(&self.channels, shape, word),
            Pass::Fused(_) => fused::peak_bytes(&self.channels, shape, word),
        }
    }
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
