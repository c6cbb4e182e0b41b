//! A pass over a whole picture on the device, tile by tile.
//!
//! With several tiles an evaluation goes over them twice: forward for the sums of the whole
//! picture, which decide how each layer's statistics pull, then forward and backward for the
//! gradients. The second round takes the tiles backwards, since the last one's features are still
//! there. All that an evaluation fetches are the sums that make up the loss.

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use impasto_cuda::maps::{Pulled, Sides};
use impasto_cuda::tile::{Window, pulled_differences, squared_differences};
use impasto_kernels::{Layer, Moments, Precision};

use super::device_mask::DeviceMask;
use super::network::Network;
use super::pooling::Side;
use super::statistics::{DeviceMoments, Sums, content_sums};
use super::style::{DevicePull, DeviceTarget, weighed};
use super::tile_pass::{Kernels, Trail, Visit, gathered};
use crate::Interrupt;
use crate::optimize::device::{Terms, Tile, Tiling};
use crate::optimize::objective::ContentSums;

/// Rows and columns of a picture, (height, width, 3).
pub(super) const DOWN: usize = 0;
pub(super) const ACROSS: usize = 1;

pub(super) struct Tiles {
    network: Arc<Network>,
    tiling: Tiling,
    mask: Option<DeviceMask>,
    content: Option<Content>,
    /// Looked at before each tile; whoever called asks it what an error was.
    interrupt: Interrupt,
}

/// `weight * sum((F - map)^2)`, where the map is the whole content's.
struct Content {
    map: Tensor,
    weight: f64,
}

/// What tiles add to the loss.
struct Measured {
    style: Vec<(Layer, DeviceMoments)>,
    /// Of squared differences to the content's features, one for each tile.
    content: Sums,
}

impl Tiles {
    pub(super) fn new(network: Arc<Network>, tiling: Tiling, interrupt: Interrupt) -> Self {
        Self { network, tiling, mask: None, content: None, interrupt }
    }

    /// The moments of `picture`, (height, width, 3), at each of the style layers up to the deepest
    /// that the tiles were cut for.
    pub(super) fn moments(&self, picture: &Tensor) -> Result<Vec<Moments>> {
        let mut measured = Measured::nothing(&self.network, self.tiling.deepest.style_up_to());
        for tile in &self.tiling.tiles {
            self.measure(tile, picture, false, &mut measured)?;
        }
        measured.style.iter().map(|(_, moments)| moments.fetch()).collect()
    }

    /// From now on, pixels count by their weights.
    pub(super) fn hold_mask(&mut self, mask: DeviceMask) {
        self.mask = Some(mask);
    }

    /// From now on, [`Tiles::evaluate`] compares with the features of `content`, kept in this
    /// precision, as `weigh` says.
    pub(super) fn hold_content(
        &mut self,
        content: &Tensor,
        precision: Precision,
        weigh: impl Fn(&ContentSums) -> f64,
    ) -> Result<()> {
        let dtype = match precision {
            Precision::Fp32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        let (down, across) = self.network.kernels().axes();
        let mut bands = Vec::new();
        for row in self.tiling.tiles.chunk_by(|a, b| a.interior.y == b.interior.y) {
            let maps = row
                .iter()
                .map(|tile| self.content_of(tile, content, dtype))
                .collect::<Result<Vec<_>>>()?;
            bands.push(Tensor::cat(&maps, across)?);
        }
        let map = Tensor::cat(&bands, down)?;
        drop(bands);
        let mask = self.mask.as_ref();
        let weights = mask.map(|mask| mask.of_layer(Layer::CONTENT)).transpose()?;
        let (squares, sums) = content_sums(&map, weights, self.network.kernels())?;
        let pixels = match mask {
            Some(mask) => mask.total(Layer::CONTENT),
            None => (map.elem_count() / sums.len()) as f64,
        };
        let weight = weigh(&ContentSums::new(pixels * sums.len() as f64, squares, &sums));
        self.content = Some(Content { map, weight });
        Ok(())
    }

    /// The content's features in a tile's interior.
    fn content_of(&self, tile: &Tile, content: &Tensor, dtype: DType) -> Result<Tensor> {
        let mut inner = None;
        self.forward(tile, content, Layer::CONTENT, false, &mut |layer, features| {
            if layer == Layer::CONTENT {
                inner = Some(self.inner_of(tile, layer, features)?.to_dtype(dtype)?.contiguous()?);
            }
            Ok(())
        })?;
        inner.ok_or_else(|| {
            candle_core::Error::Msg(format!("the weights end before {:?}", Layer::CONTENT))
        })
    }

    /// The gradient at `picture`, (height, width, 3). What the loss is made of is added to `sums`:
    /// what [`Tiles::terms`] takes.
    pub(super) fn evaluate(
        &self,
        picture: &Tensor,
        style: &[DeviceTarget],
        sums: &mut Sums,
    ) -> Result<Tensor> {
        let layers: Vec<_> = style.iter().map(|target| target.layer).collect();
        if self.deepest(&layers).is_none() {
            return picture.zeros_like();
        }
        let mut measured = Measured::nothing(&self.network, &layers);
        let mut computed = None;
        let last = self.tiling.tiles.len() - 1;
        for (index, tile) in self.tiling.tiles.iter().enumerate() {
            computed = Some(self.measure(tile, picture, index == last, &mut measured)?);
        }
        let mut pulls = Vec::new();
        for (target, (_, moments)) in style.iter().zip(&measured.style) {
            pulls.extend(target.pull(moments, &self.network, sums)?);
        }
        sums.append(measured.content);
        drop(measured.style);
        self.gradient(picture, &pulls, computed)
    }

    /// The loss, from the sums that [`Tiles::evaluate`] added.
    pub(super) fn terms(
        &self,
        style: &[DeviceTarget],
        mut sums: impl Iterator<Item = f64>,
    ) -> Terms {
        let style = style.iter().map(|target| target.loss(&mut sums)).sum();
        let tiles = self.tiling.tiles.len();
        let content = self
            .content
            .as_ref()
            .map_or(0.0, |content| content.weight * sums.take(tiles).sum::<f64>());
        Terms { content, style, total_variation: 0.0 }
    }

    /// The gradient at the whole picture. `computed` is what the last tile's forward left.
    fn gradient(
        &self,
        picture: &Tensor,
        pulls: &[DevicePull],
        mut computed: Option<Box<dyn Trail + '_>>,
    ) -> Result<Tensor> {
        let layers: Vec<_> = pulls.iter().map(|pull| pull.layer).collect();
        let Some(deepest) = self.deepest(&layers) else { return picture.zeros_like() };
        let mut whole = None;
        for row in self.tiling.tiles.chunk_by(|a, b| a.interior.y == b.interior.y).rev() {
            let mut parts = Vec::new();
            for tile in row.iter().rev() {
                let trail = match computed.take() {
                    Some(trail) => trail,
                    None => self.forward(tile, picture, deepest, true, &mut |_, _| Ok(()))?,
                };
                let gradient = trail.gradient(tile, &mut |layer, features| {
                    self.pull(tile, pulls, layer, features)
                })?;
                let (rows, columns) = (tile.inner.y.len(), tile.inner.x.len());
                parts.push(gradient.map_or_else(
                    || Tensor::zeros((rows, columns, 3), DType::F32, picture.device()),
                    Ok,
                )?);
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

    /// Adds what a tile adds to the loss. Gives what the backward needs, where it is kept.
    fn measure(
        &self,
        tile: &Tile,
        picture: &Tensor,
        keep: bool,
        measured: &mut Measured,
    ) -> Result<Box<dyn Trail + '_>> {
        let Measured { style, content } = measured;
        let layers: Vec<_> = style.iter().map(|(layer, _)| *layer).collect();
        let deepest = self.deepest(&layers).unwrap_or(self.tiling.deepest);
        self.forward(tile, picture, deepest, keep, &mut |layer, features| {
            if let Some((_, moments)) = style.iter_mut().find(|(style, _)| *style == layer) {
                let mask = self.mask.as_ref();
                let weights = mask.map(|mask| mask.of_interior(tile, layer)).transpose()?;
                moments.add(&self.inner_of(tile, layer, features)?, weights.as_ref())?;
            }
            if let Some(Content { map, .. }) =
                self.content.as_ref().filter(|_| layer == Layer::CONTENT)
            {
                if self.network.kernels() == Kernels::Fused {
                    let (origin, sides) = placed(tile, layer);
                    return content.add(&squared_differences(
                        features,
                        map,
                        origin,
                        sides,
                        &window(tile, layer),
                        self.weights(tile, layer)?.as_ref(),
                    )?);
                }
                let (down, across) = self.network.kernels().axes();
                let inner = self.inner_of(tile, layer, features)?;
                let mask = self.mask.as_ref();
                let weights = mask.map(|mask| mask.of_interior(tile, layer)).transpose()?;
                let weights = weights.as_ref().map(|(weights, _)| weights);
                let (x, y) = (
                    tile.interior.x.start >> layer.halvings(),
                    tile.interior.y.start >> layer.halvings(),
                );
                let target =
                    map.narrow(down, y, inner.dim(down)?)?.narrow(across, x, inner.dim(across)?)?;
                content.add_distance(&inner, &target, weights)?;
            }
            Ok(())
        })
    }

    fn forward(
        &self,
        tile: &Tile,
        picture: &Tensor,
        deepest: Layer,
        keep: bool,
        visit: &mut Visit<'_>,
    ) -> Result<Box<dyn Trail + '_>> {
        self.interrupt.check().map_err(candle_core::Error::wrap)?;
        self.network.forward(picture, tile, deepest, keep, visit)
    }

    /// The gradient of the loss at a tile's features.
    fn pull(
        &self,
        tile: &Tile,
        pulls: &[DevicePull],
        layer: Layer,
        features: &Tensor,
    ) -> Result<Option<Pulled>> {
        if let Some(pull) = pulls.iter().find(|pull| pull.layer == layer) {
            return pull.at(features, self.weights(tile, layer)?).map(Some);
        }
        let Some(Content { map, weight }) =
            self.content.as_ref().filter(|_| layer == Layer::CONTENT)
        else {
            return Ok(None);
        };
        if self.network.kernels() == Kernels::Fused {
            let (origin, sides) = placed(tile, layer);
            let at = pulled_differences(features, map, origin, sides, (2.0 * weight) as f32)?;
            let weights = self.weights(tile, layer)?;
            return Ok(Some(Pulled { at, everywhere: None, weights }));
        }
        let target = gathered(tile, layer.halvings(), map, self.network.kernels().axes())?;
        let difference = (features.to_dtype(DType::F32)? - target.to_dtype(DType::F32)?)?;
        let at = (difference * (2.0 * weight))?.to_dtype(features.dtype())?;
        weighed(at, self.weights(tile, layer)?).map(Some)
    }

    /// The weights of a tile's pixels at a layer, (height, width), where a mask counts.
    fn weights(&self, tile: &Tile, layer: Layer) -> Result<Option<Tensor>> {
        self.mask.as_ref().map(|mask| mask.of_tile(tile, layer)).transpose()
    }

    /// What of a tile's features counts.
    fn inner_of(&self, tile: &Tile, layer: Layer, features: &Tensor) -> Result<Tensor> {
        let Window { x, y } = window(tile, layer);
        let (down, across) = self.network.kernels().axes();
        features.narrow(down, y.start, y.len())?.narrow(across, x.start, x.len())
    }

    /// The deepest layer that is asked for, if any is.
    fn deepest(&self, layers: &[Layer]) -> Option<Layer> {
        let content = self.content.iter().map(|_| Layer::CONTENT);
        layers.iter().copied().chain(content).max()
    }
}

impl Measured {
    /// Of no tile yet.
    fn nothing(network: &Network, layers: &[Layer]) -> Self {
        let kernels = network.kernels();
        let empty =
            |&layer: &Layer| (layer, DeviceMoments::empty(network.channels_of(layer), kernels));
        Self { style: layers.iter().map(empty).collect(), content: Sums::none(kernels) }
    }
}

/// What of a tile counts in a layer's features.
fn window(tile: &Tile, layer: Layer) -> Window {
    let halvings = layer.halvings();
    let along = |side: Side, range: &std::ops::Range<usize>| {
        side.halved(range.start, halvings)..side.halved(range.end, halvings)
    };
    let (x, y) = axes(tile);
    Window { x: along(x, &tile.inner.x), y: along(y, &tile.inner.y) }
}

/// Where a tile's features of a layer begin in the whole picture's, and their sides.
fn placed(tile: &Tile, layer: Layer) -> ((usize, usize), Sides) {
    let halvings = layer.halvings();
    let (x, y) = axes(tile);
    let (x, y) = (x.half(halvings), y.half(halvings));
    let origin = (tile.origin.0 >> halvings, tile.origin.1 >> halvings);
    (origin, Sides { width: x.len, height: y.len, seam_x: x.seam, seam_y: y.seam })
}

fn axes(tile: &Tile) -> (Side, Side) {
    let shape = &tile.shape;
    (Side { len: shape.width, seam: shape.seam_x }, Side { len: shape.height, seam: shape.seam_y })
}
