//! A pass over a whole picture on the device, tile by tile.
//!
//! With several tiles an evaluation goes over them twice: forward for the sums of the whole picture, which decide how each layer's statistics pull, then forward and backward for
//! the gradients. The second round takes the tiles backwards, since the last one's features are still there. Sums over tiles are added in the host's memory, in double precision; they
//! and how they pull are all that an evaluation moves between host and device.

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use impasto_kernels::{Layer, Moments, Precision};

use super::network::{Network, Trail, halvings};
use super::pooling::Side;
use super::statistics::{DeviceMoments, Sums, content_sums};
use crate::device::{CONTENT_LAYER, MEAN_BGR, STYLE_LAYERS, Terms, Tile, TileSums, Tiling};
use crate::objective::{ContentSums, LayerStatistics, Pull, StyleTarget};

/// Rows and columns of a picture, (height, width, 3).
const DOWN: usize = 0;
const ACROSS: usize = 1;

/// Rows and columns of maps, (1, channels, height, width).
const MAP_DOWN: usize = 2;
const MAP_ACROSS: usize = 3;

pub(super) struct Tiles {
    network: Arc<Network>,
    tiling: Tiling,
    content: Option<Content>,
}

/// `weight * sum((F - map)^2)`, where the map is the whole content's.
struct Content {
    map: Tensor,
    weight: f64,
}

/// How a layer's statistics pull on its features.
struct DevicePull {
    layer: Layer,
    /// (channels, channels), symmetric.
    gram: Tensor,
    /// (channels, 1).
    mean: Tensor,
}

impl Tiles {
    pub(super) fn new(network: Arc<Network>, tiling: Tiling) -> Self {
        Self { network, tiling, content: None }
    }

    /// The moments of `picture`, (height, width, 3), at each of the style layers.
    pub(super) fn moments(&self, picture: &Tensor) -> Result<Vec<Moments>> {
        let mut total: Option<TileSums> = None;
        for tile in &self.tiling.tiles {
            let (sums, _) = self.measure(tile, picture, &STYLE_LAYERS, false)?;
            total = Some(added(total, sums));
        }
        Ok(total.map_or_else(Vec::new, |total| total.style))
    }

    /// From now on, [`Tiles::evaluate`] compares with the features of `content`, kept in this precision, as `weigh` says.
    pub(super) fn hold_content(&mut self, content: &Tensor, precision: Precision, weigh: impl Fn(&ContentSums) -> f64) -> Result<()> {
        let dtype = match precision {
            Precision::Fp32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        let mut bands = Vec::new();
        for row in self.tiling.tiles.chunk_by(|a, b| a.interior.y == b.interior.y) {
            let maps = row.iter().map(|tile| self.content_of(tile, content, dtype)).collect::<Result<Vec<_>>>()?;
            bands.push(Tensor::cat(&maps, MAP_ACROSS)?);
        }
        let map = Tensor::cat(&bands, MAP_DOWN)?;
        drop(bands);
        let (values, squares, sums) = content_sums(&map)?;
        let weight = weigh(&ContentSums::new(values, squares, &sums));
        self.content = Some(Content { map, weight });
        Ok(())
    }

    /// The content's features in a tile's interior.
    fn content_of(&self, tile: &Tile, content: &Tensor, dtype: DType) -> Result<Tensor> {
        let mut inner = None;
        self.forward(tile, content, CONTENT_LAYER, false, |layer, features| {
            if layer == CONTENT_LAYER {
                inner = Some(inner_of(tile, layer, features)?.to_dtype(dtype)?.contiguous()?);
            }
            Ok(())
        })?;
        inner.ok_or_else(|| candle_core::Error::Msg(format!("the weights end before {CONTENT_LAYER:?}")))
    }

    /// The loss of `picture`, (height, width, 3), and its gradient.
    pub(super) fn evaluate(&self, picture: &Tensor, style: &[(Layer, StyleTarget)]) -> Result<(Terms, Tensor)> {
        let layers: Vec<_> = style.iter().map(|(layer, _)| *layer).collect();
        let mut total = None;
        let mut computed = None;
        let last = self.tiling.tiles.len() - 1;
        for (index, tile) in self.tiling.tiles.iter().enumerate() {
            let (sums, trail) = self.measure(tile, picture, &layers, index == last)?;
            total = Some(added(total, sums));
            computed = Some(trail);
        }
        let mut terms = Terms::default();
        let mut pulls = Vec::new();
        if let Some(total) = total {
            for ((layer, target), moments) in style.iter().zip(&total.style) {
                let pull = target.pull(&LayerStatistics::of(moments));
                terms.style += pull.loss;
                pulls.push(DevicePull::new(*layer, &pull, &self.network)?);
            }
            terms.content = self.content.as_ref().map_or(0.0, |content| content.weight * total.content);
        }
        let gradient = self.gradient(picture, &pulls, computed)?;
        Ok((terms, gradient))
    }

    /// The gradient at the whole picture. `computed` is what the last tile's forward left.
    fn gradient(&self, picture: &Tensor, pulls: &[DevicePull], mut computed: Option<Trail>) -> Result<Tensor> {
        let layers: Vec<_> = pulls.iter().map(|pull| pull.layer).collect();
        let mut whole = None;
        for row in self.tiling.tiles.chunk_by(|a, b| a.interior.y == b.interior.y).rev() {
            let mut parts = Vec::new();
            for tile in row.iter().rev() {
                let trail = match computed.take() {
                    Some(trail) => trail,
                    None => self.forward(tile, picture, self.deepest(&layers), true, |_, _| Ok(()))?,
                };
                let gradient = self.network.backward(trail, |layer, features| self.pull(tile, pulls, layer, features))?;
                parts.push(inner_gradient(tile, gradient, picture)?);
            }
            parts.reverse();
            let band = Tensor::cat(&parts, ACROSS)?;
            if self.tiling.is_whole() {
                return Ok(band);
            }
            let whole = match &mut whole {
                Some(whole) => whole,
                none => none.insert(picture.zeros_like()?),
            };
            whole.slice_set(&band, DOWN, row[0].interior.y.start)?;
        }
        match whole {
            Some(whole) => Ok(whole),
            None => picture.zeros_like(),
        }
    }

    /// What a tile adds to the loss, at these layers and for the content that is held, and what the backward needs, where it is kept.
    fn measure(&self, tile: &Tile, picture: &Tensor, layers: &[Layer], keep: bool) -> Result<(TileSums, Trail)> {
        let mut moments = Vec::new();
        let mut distance = Sums::default();
        let trail = self.forward(tile, picture, self.deepest(layers), keep, |layer, features| {
            if layers.contains(&layer) {
                moments.push(DeviceMoments::of(&inner_of(tile, layer, features)?)?);
            }
            if let Some(Content { map, .. }) = self.content.as_ref().filter(|_| layer == CONTENT_LAYER) {
                let inner = inner_of(tile, layer, features)?;
                let (x, y) = (tile.interior.x.start >> halvings(layer), tile.interior.y.start >> halvings(layer));
                let target = map.narrow(MAP_DOWN, y, inner.dim(MAP_DOWN)?)?.narrow(MAP_ACROSS, x, inner.dim(MAP_ACROSS)?)?;
                distance.add_distance(&inner, &target)?;
            }
            Ok(())
        })?;
        let style = moments.into_iter().map(DeviceMoments::fetch).collect::<Result<_>>()?;
        Ok((TileSums { style, content: distance.fetch()?.into_iter().sum() }, trail))
    }

    fn forward(
        &self,
        tile: &Tile,
        picture: &Tensor,
        deepest: Layer,
        keep: bool,
        visit: impl FnMut(Layer, &Tensor) -> Result<()>,
    ) -> Result<Trail> {
        self.network.forward(pixels(tile, picture)?, &tile.shape, deepest, keep, visit)
    }

    /// The gradient of the loss at a tile's features.
    fn pull(&self, tile: &Tile, pulls: &[DevicePull], layer: Layer, features: &Tensor) -> Result<Option<Tensor>> {
        if let Some(pull) = pulls.iter().find(|pull| pull.layer == layer) {
            return pull.at(features).map(Some);
        }
        let Some(Content { map, weight }) = self.content.as_ref().filter(|_| layer == CONTENT_LAYER) else { return Ok(None) };
        let target = gathered(tile, halvings(layer), map, MAP_DOWN, MAP_ACROSS)?;
        let difference = (features.to_dtype(DType::F32)? - target.to_dtype(DType::F32)?)?;
        (difference * (2.0 * weight))?.to_dtype(features.dtype()).map(Some)
    }

    fn deepest(&self, layers: &[Layer]) -> Layer {
        let content = self.content.iter().map(|_| CONTENT_LAYER);
        layers.iter().copied().chain(content).max().unwrap_or(CONTENT_LAYER)
    }
}

impl DevicePull {
    fn new(layer: Layer, pull: &Pull, network: &Network) -> Result<Self> {
        let channels = pull.mean.len();
        let gram = Tensor::from_slice(&pull.gram, (channels, channels), &network.device)?.to_dtype(network.dtype)?;
        let mean = Tensor::from_slice(&pull.mean, (channels, 1), &network.device)?.to_dtype(network.dtype)?;
        Ok(Self { layer, gram, mean })
    }

    /// The gradient at features (1, channels, height, width).
    fn at(&self, features: &Tensor) -> Result<Tensor> {
        let (_, channels, height, width) = features.dims4()?;
        let product = self.gram.matmul(&features.reshape((channels, height * width))?)?;
        product.broadcast_add(&self.mean)?.reshape((1, channels, height, width))
    }
}

fn added(total: Option<TileSums>, sums: TileSums) -> TileSums {
    match total {
        None => sums,
        Some(mut total) => {
            total.add(&sums);
            total
        }
    }
}

/// The part of a whole picture, or of its map after so many halvings, that a tile is computed from.
fn gathered(tile: &Tile, halvings: usize, whole: &Tensor, down: usize, across: usize) -> Result<Tensor> {
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

/// A tile's pixels as the network sees them: (1, 3, height, width), blue, green and red less their means.
fn pixels(tile: &Tile, picture: &Tensor) -> Result<Tensor> {
    let rgb = gathered(tile, 0, picture, DOWN, ACROSS)?.permute((2, 0, 1))?;
    let mean = Tensor::new(&MEAN_BGR, picture.device())?.reshape((3, 1, 1))?;
    mirrored(&rgb, 0)?.broadcast_sub(&mean)?.unsqueeze(0)
}

/// What of a tile's gradient counts, (height, width, 3), red, green and blue.
fn inner_gradient(tile: &Tile, gradient: Option<Tensor>, picture: &Tensor) -> Result<Tensor> {
    let (x, y) = (&tile.inner.x, &tile.inner.y);
    let Some(gradient) = gradient else { return Tensor::zeros((y.len(), x.len(), 3), DType::F32, picture.device()) };
    let inner = gradient.squeeze(0)?.narrow(1, y.start, y.len())?.narrow(2, x.start, x.len())?;
    mirrored(&inner, 0)?.permute((1, 2, 0))?.contiguous()
}

/// The three channels of an axis in the other order.
fn mirrored(channels: &Tensor, axis: usize) -> Result<Tensor> {
    let channel = |index| channels.narrow(axis, index, 1);
    Tensor::cat(&[channel(2)?, channel(1)?, channel(0)?], axis)
}

/// What of a tile's features counts.
fn inner_of(tile: &Tile, layer: Layer, features: &Tensor) -> Result<Tensor> {
    let halvings = halvings(layer);
    let x = Side { len: tile.shape.width, seam: tile.shape.seam_x };
    let y = Side { len: tile.shape.height, seam: tile.shape.seam_y };
    let along = |side: Side, range: &std::ops::Range<usize>| {
        let start = side.halved(range.start, halvings);
        (start, side.halved(range.end, halvings) - start)
    };
    let ((left, width), (top, height)) = (along(x, &tile.inner.x), along(y, &tile.inner.y));
    features.narrow(MAP_DOWN, top, height)?.narrow(MAP_ACROSS, left, width)
}
