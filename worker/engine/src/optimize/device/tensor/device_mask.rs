//! A mask in a device's memory: the weights of pixels, at every layer.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use impasto_kernels::{Layer, Mask};

use super::tile_pass::gathered;
use crate::optimize::device::Tile;

pub(super) struct DeviceMask {
    mask: Arc<Mask>,
    /// Of the whole canvas, (height, width) at each layer.
    layers: Vec<(Layer, Tensor)>,
}

impl DeviceMask {
    pub(super) fn new(mask: Arc<Mask>, device: &Device) -> Result<Self> {
        let layer = |layer: Layer| {
            let (weights, width) = (mask.at(layer), mask.width_at(layer));
            let shape = (weights.len() / width, width);
            Ok((layer, Tensor::from_slice(weights, shape, device)?))
        };
        let layers = Layer::ALL.into_iter().map(layer).collect::<Result<_>>()?;
        Ok(Self { mask, layers })
    }

    /// The weights of a tile's pixels at a layer, (height, width).
    pub(super) fn of_tile(&self, tile: &Tile, layer: Layer) -> Result<Tensor> {
        gathered(tile, layer.halvings(), self.of_layer(layer)?, (0, 1))?.contiguous()
    }

    /// The weights of a tile's interior at a layer, (height, width), and their sum.
    pub(super) fn of_interior(&self, tile: &Tile, layer: Layer) -> Result<(Tensor, f64)> {
        let region = self.mask.region_at(layer, &tile.interior);
        let weights = self.of_layer(layer)?.narrow(0, region.y.start, region.y.len())?.narrow(
            1,
            region.x.start,
            region.x.len(),
        )?;
        Ok((weights.contiguous()?, self.mask.weight_of(layer, &region)))
    }

    /// The sum of all weights at a layer.
    pub(super) fn total(&self, layer: Layer) -> f64 {
        self.mask.at(layer).iter().copied().map(f64::from).sum()
    }

    /// The weights of the whole canvas at a layer, (height, width).
    pub(super) fn of_layer(&self, layer: Layer) -> Result<&Tensor> {
        let found = self.layers.iter().find(|(own, _)| *own == layer);
        found
            .map(|(_, weights)| weights)
            .ok_or_else(|| candle_core::Error::Msg(format!("a mask has no weights at {layer:?}")))
    }
}

/// Weights (height, width), as they multiply maps whose axes run `(down, across)`.
pub(super) fn spread(weights: &Tensor, (down, across): (usize, usize)) -> Result<Tensor> {
    let (height, width) = weights.dims2()?;
    if (down, across) == (0, 1) {
        weights.reshape((height, width, 1))
    } else {
        weights.reshape((1, 1, height, width))
    }
}
