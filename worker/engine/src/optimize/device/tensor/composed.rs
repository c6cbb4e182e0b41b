//! The pass over one tile as operations that every device of candle has: maps channels first.

use candle_core::{DType, Device, Result, Tensor};
use impasto_cuda::maps::Edges;
use impasto_kernels::vgg::{HALVINGS, layer_after, pools_after};
use impasto_kernels::{Layer, Pool, Shape};
use impasto_models::{Convolution as Weights, MEAN_BGR};

use super::convolution::{Convolution, Method};
use super::pooling::{Route, Side, Sides, kept, pool, unpool};
use super::tile_pass::{Kernels, Pull, TilePass, Trail, Visit, gathered};
use crate::optimize::device::Tile;

/// The frozen weights, for both directions.
pub(super) struct Composed {
    convolutions: Vec<Convolution>,
    /// How features are kept.
    dtype: DType,
}

impl Composed {
    /// Copies the weights to `device`. Where features are kept in half precision, the first
    /// convolution still reads and writes single precision: pixels have more than eight bits, and
    /// so have their gradients.
    pub(super) fn new(
        weights: &[Weights],
        dtype: DType,
        method: Method,
        device: &Device,
    ) -> Result<Self> {
        let convolution = |(index, weights): (usize, &Weights)| {
            let dtype = if index == 0 { DType::F32 } else { dtype };
            Convolution::new(weights, dtype, method, device)
        };
        Ok(Self {
            convolutions: weights.iter().enumerate().map(convolution).collect::<Result<_>>()?,
            dtype,
        })
    }
}

impl TilePass for Composed {
    fn kernels(&self) -> Kernels {
        Kernels::Composed
    }

    fn bytes(&self) -> u64 {
        self.convolutions.iter().map(Convolution::bytes).sum()
    }

    fn peak_bytes(&self, channels: &[(usize, usize)], shape: &Shape, word: u64) -> u64 {
        peak_bytes(channels, shape, word)
    }

    /// Features are (1, channels, height, width).
    fn forward<'a>(
        &'a self,
        picture: &Tensor,
        tile: &Tile,
        deepest: Layer,
        keep: bool,
        visit: &mut Visit<'_>,
    ) -> Result<Box<dyn Trail + 'a>> {
        let shape = &tile.shape;
        let mut trail = ComposedTrail {
            pass: self,
            steps: Vec::new(),
            edges: Edges { x: shape.edge_x, y: shape.edge_y },
            sides: sides(shape),
        };
        let mut maps = pixels(tile, picture)?;
        for (index, convolution) in self.convolutions.iter().enumerate() {
            let features = convolution.forward(cast(maps, convolution.dtype())?, trail.edges)?;
            maps = cast(features, self.dtype)?;
            let layer = layer_after(index);
            if let Some(layer) = layer {
                visit(layer, &maps)?;
            }
            let mut step = match layer {
                Some(_) if keep => Step::Features(maps.clone()),
                None if keep && !pools_after(index) => Step::Mask(maps.gt(0.0)?),
                _ => Step::Gone,
            };
            let last = layer.is_some_and(|layer| layer >= deepest);
            if !last && pools_after(index) {
                let (pooled, route) = pool(&maps, shape.pool, trail.sides.half(HALVINGS[index]))?;
                maps = pooled;
                if keep {
                    step = Step::Pooled(route);
                }
            }
            trail.steps.push(step);
            if last {
                break;
            }
        }
        Ok(Box::new(trail))
    }
}

impl Trail for ComposedTrail<'_> {
    fn gradient(mut self: Box<Self>, tile: &Tile, pull: &mut Pull<'_>) -> Result<Option<Tensor>> {
        let mut gradient: Option<Tensor> = None;
        while let Some(step) = self.steps.pop() {
            let index = self.steps.len();
            let before_relu = match (step, gradient.take()) {
                (Step::Features(features), from_above) => {
                    let pulled =
                        layer_after(index).map_or(Ok(None), |layer| pull(layer, &features))?;
                    let Some(sum) = add(pulled.map(|pulled| pulled.at), from_above)? else {
                        continue;
                    };
                    let mask = features.gt(0.0)?;
                    drop(features);
                    kept(&mask, &sum)?
                }
                (Step::Mask(mask), Some(from_above)) => kept(&mask, &from_above)?,
                (Step::Pooled(route), Some(from_above)) => {
                    unpool(&from_above, &route, self.sides.half(HALVINGS[index]))?
                }
                (_, None) | (Step::Gone, _) => continue,
            };
            let convolution = &self.pass.convolutions[index];
            gradient =
                Some(convolution.backward(cast(before_relu, convolution.dtype())?, self.edges)?);
        }
        gradient.map(|gradient| inner_gradient(tile, &gradient)).transpose()
    }
}

/// What a forward leaves for the backward, from the first convolution on.
struct ComposedTrail<'a> {
    pass: &'a Composed,
    steps: Vec<Step>,
    edges: Edges,
    /// Of the tile.
    sides: Sides,
}

/// What is kept of one convolution's features: themselves where a loss may look at them, else where
/// its gradient goes.
enum Step {
    Features(Tensor),
    Mask(Tensor),
    Pooled(Route),
    /// Nothing, since no backward follows.
    Gone,
}

fn sides(shape: &Shape) -> Sides {
    Sides {
        x: Side { len: shape.width, seam: shape.seam_x },
        y: Side { len: shape.height, seam: shape.seam_y },
    }
}

/// A tile's pixels as the network sees them: (1, 3, height, width), blue, green and red less their
/// means.
fn pixels(tile: &Tile, picture: &Tensor) -> Result<Tensor> {
    let rgb = gathered(tile, 0, picture, (0, 1))?.permute((2, 0, 1))?;
    let mean = Tensor::new(&MEAN_BGR, picture.device())?.reshape((3, 1, 1))?;
    mirrored(&rgb, 0)?.broadcast_sub(&mean)?.unsqueeze(0)
}

/// What of a tile's gradient counts, (height, width, 3), red, green and blue.
fn inner_gradient(tile: &Tile, gradient: &Tensor) -> Result<Tensor> {
    let (x, y) = (&tile.inner.x, &tile.inner.y);
    let inner = gradient.squeeze(0)?.narrow(1, y.start, y.len())?.narrow(2, x.start, x.len())?;
    mirrored(&inner, 0)?.permute((1, 2, 0))?.contiguous()
}

/// The three channels of an axis in the other order.
fn mirrored(channels: &Tensor, axis: usize) -> Result<Tensor> {
    let channel = |index| channels.narrow(axis, index, 1);
    Tensor::cat(&[channel(2)?, channel(1)?, channel(0)?], axis)
}

/// The same numbers in another type. It takes the tensor by value, so that its memory is freed: a
/// borrowed or shadowed one would stay.
fn cast(values: Tensor, dtype: DType) -> Result<Tensor> {
    values.to_dtype(dtype)
}

fn add(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a + b)?)),
        (one, None) | (None, one) => Ok(one),
    }
}

/// Memory in bytes that a pass over one tile takes at its peak: forward and backward with all that
/// is kept between them, where features are kept in `word` bytes.
///
/// It follows the code above, tensor by tensor; the library's convolution is assumed to use a
/// workspace as large as its output.
fn peak_bytes(channels: &[(usize, usize)], shape: &Shape, word: u64) -> u64 {
    let sides = sides(shape);
    let (mut kept, mut peak) = (0, 0);
    for (index, &(inputs, outputs)) in channels.iter().enumerate() {
        let Sides { x, y } = sides.half(HALVINGS[index]);
        let pixels = (x.len * y.len) as u64;
        let values = outputs as u64 * pixels;
        // The first convolution is computed in single precision.
        let computed_word = if index == 0 { 4 } else { word };
        let (read, computed, stored) =
            (inputs as u64 * pixels * computed_word, values * computed_word, values * word);
        let (seen, pooled) = (layer_after(index).is_some(), pools_after(index));
        // Extended across, then down; then what is read, what is made of it, and the library's
        // room, or with its bias and after the ReLU.
        let convolved = u64::max(2 * read, read + 2 * computed);
        // The map, its four parts of a quarter each, their comparisons, and a copy in whole
        // windows.
        let pooling = if pooled { 4 * stored } else { 0 };
        // What pulls, what comes from above, and their sum; a mask of bytes, and what it lets
        // through.
        let masked = 3 * stored + values;
        let returned = u64::max(2 * computed, computed + 2 * read);
        kept += match (seen, pooled, shape.pool) {
            (true, _, _) => stored,
            (false, true, Pool::Max) => values.div_ceil(4),
            (false, false, _) | (false, true, Pool::Average) => values,
        };
        peak =
            peak.max(kept + [convolved, pooling, masked, returned].into_iter().max().unwrap_or(0));
    }
    peak
}

#[cfg(test)]
mod tests {
    use impasto_kernels::Edge;

    use super::*;

    #[test]
    fn a_pixel_takes_little_more_than_a_kilobyte_and_half_of_that_in_bf16() {
        let channels = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512];
        let channels: Vec<_> = channels.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let (edge_x, edge_y) = (Edge::Wrap, Edge::Wrap);
        let shape = Shape {
            width: 1024,
            height: 1024,
            edge_x,
            edge_y,
            pool: Pool::Max,
            seam_x: 0,
            seam_y: 0,
        };
        let per_pixel = |word| peak_bytes(&channels, &shape, word) >> 20;
        assert_eq!((per_pixel(4), per_pixel(2)), (1296, 656));
    }
}
