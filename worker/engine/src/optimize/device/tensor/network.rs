//! VGG-19 up to relu5_1 on a device.

use candle_core::{DType, Device, Result, Tensor};
use impasto_kernels::{Layer, Shape, vgg};
use impasto_models::VggWeights;

use super::composed::Composed;
use super::convolution::Method;
use super::fused::{self, Fused};
use super::tile_pass::{Kernels, TilePass, Trail, Visit};
use crate::optimize::device::Tile;

/// The frozen weights, for both directions.
pub(super) struct Network {
    pub(super) device: Device,
    /// How features are kept.
    pub(super) dtype: DType,
    /// Inputs and outputs of each convolution.
    channels: Vec<(usize, usize)>,
    pass: Box<dyn TilePass>,
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
        let weights = &weights.convolutions[..weights.convolutions.len().min(vgg::CONVOLUTIONS)];
        let pass: Box<dyn TilePass> = match kernels {
            Kernels::Composed => Box::new(Composed::new(weights, dtype, method, &device)?),
            Kernels::Fused => Box::new(Fused::new(weights, dtype, &device)?),
        };
        let channels =
            weights.iter().map(|weights| (weights.in_channels, weights.out_channels)).collect();
        Ok(Self { device, dtype, channels, pass })
    }

    pub(super) fn kernels(&self) -> Kernels {
        self.pass.kernels()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.pass.bytes()
    }

    /// Channels of a layer.
    pub(super) fn channels_of(&self, layer: Layer) -> usize {
        self.channels[layer.convolution()].1
    }

    /// Values of the widest map, for each pixel.
    pub(super) fn widest(&self) -> usize {
        self.channels.first().map_or(0, |&(_, outputs)| outputs)
    }

    /// See [`TilePass::forward`].
    pub(super) fn forward<'a>(
        &'a self,
        picture: &Tensor,
        tile: &Tile,
        deepest: Layer,
        keep: bool,
        visit: &mut Visit<'_>,
    ) -> Result<Box<dyn Trail + 'a>> {
        self.pass.forward(picture, tile, deepest, keep, visit)
    }

    /// Memory in bytes that a pass over a tile of this shape takes at its peak, for layers up to
    /// `deepest`.
    pub(super) fn peak_bytes(&self, shape: &Shape, deepest: Layer) -> u64 {
        let channels = &self.channels[..=deepest.convolution()];
        self.pass.peak_bytes(channels, shape, self.dtype.size_in_bytes() as u64)
    }

    /// Memory in bytes that a forward alone takes at its peak, with [`Kernels::Fused`], where the
    /// features of some layers are kept.
    pub(super) fn forward_bytes(&self, shape: &Shape, deepest: Layer, kept: &[Layer]) -> u64 {
        let channels = &self.channels[..=deepest.convolution()];
        fused::forward_bytes(channels, shape, self.dtype.size_in_bytes() as u64, kept)
    }
}
