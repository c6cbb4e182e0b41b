//! The pass over one tile with the kernels for CUDA: maps channels-last, and one kernel between two
//! convolutions.

use candle_core::{DType, Device, Result, Tensor};
use impasto_cuda::maps::{self, Edges, Keep, LANES, Route, Sides, Through};
use impasto_cuda::tile::{TAP_COLUMNS, enter, exit};
use impasto_cuda::{Convolution, convolve, products};
use impasto_kernels::vgg::{HALVINGS, layer_after, pools_after};
use impasto_kernels::{Layer, Pool, Shape};
use impasto_models::{Convolution as Weights, MEAN_BGR};

use super::convolution::both_ways;
use super::tile_pass::{Kernels, Pull, TilePass, Trail, Visit};
use crate::optimize::device::Tile;

/// The frozen weights, for both directions.
pub(super) struct Fused {
    layers: Vec<FrozenLayer>,
    /// The first layer's weights for the gradient at its pixels: (outputs, [`TAP_COLUMNS`]).
    taps: Tensor,
    dtype: DType,
}

struct FrozenLayer {
    forward: Convolution,
    backward: Convolution,
    /// (outputs), in single precision.
    bias: Tensor,
}

/// What a forward leaves for the backward, from the first convolution on.
struct FusedTrail<'a> {
    pass: &'a Fused,
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

impl Fused {
    pub(super) fn new(weights: &[Weights], dtype: DType, device: &Device) -> Result<Self> {
        let layers = weights
            .iter()
            .enumerate()
            .map(|(index, weights)| FrozenLayer::new(index, weights, dtype, device));
        let layers = layers.collect::<Result<_>>()?;
        let first = &weights[0];
        let mut taps = vec![0.0; first.out_channels * TAP_COLUMNS];
        for (row, weights) in
            taps.chunks_exact_mut(TAP_COLUMNS).zip(first.weights.chunks_exact(3 * 9))
        {
            for (at, &weight) in weights.iter().enumerate() {
                let (channel, tap) = (at / 9, at % 9);
                row[3 * tap + channel] = weight;
            }
        }
        let taps =
            Tensor::from_vec(taps, (first.out_channels, TAP_COLUMNS), device)?.to_dtype(dtype)?;
        Ok(Self { layers, taps, dtype })
    }
}

impl TilePass for Fused {
    fn kernels(&self) -> Kernels {
        Kernels::Fused
    }

    fn bytes(&self) -> u64 {
        let layer = |layer: &FrozenLayer| {
            layer.forward.bytes() + layer.backward.bytes() + 4 * layer.bias.elem_count() as u64
        };
        self.layers.iter().map(layer).sum()
    }

    fn peak_bytes(&self, channels: &[(usize, usize)], shape: &Shape, word: u64) -> u64 {
        peak_bytes(channels, shape, word)
    }

    /// Features are (height, width, channels).
    fn forward<'a>(
        &'a self,
        picture: &Tensor,
        tile: &Tile,
        deepest: Layer,
        keep: bool,
        visit: &mut Visit<'_>,
    ) -> Result<Box<dyn Trail + 'a>> {
        let shape = &tile.shape;
        let mut trail = FusedTrail {
            pass: self,
            steps: Vec::new(),
            edges: Edges { x: shape.edge_x, y: shape.edge_y },
            sides: sides(shape),
        };
        let edges = trail.edges;
        let mut framed = enter(picture, tile.origin, trail.sides, edges, MEAN_BGR, self.dtype)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let convolved = convolve(&framed, &layer.forward, (0, 0))?;
            drop(framed);
            if pools_after(index) && layer_after(index).is_none() {
                let (pooled, route) = maps::activate_pooled(
                    &convolved,
                    &layer.bias,
                    edges,
                    shape.pool,
                    trail.sides_at(index),
                    keep,
                )?;
                framed = pooled;
                trail.steps.push(route.map_or(Step::Gone, Step::Pooled));
                continue;
            }
            let seen = layer_after(index);
            let last = seen.is_some_and(|seen| seen >= deepest);
            let wanted =
                Keep { framed: !last, features: seen.is_some(), mask: keep && seen.is_none() };
            let activated = maps::activate(&convolved, &layer.bias, edges, wanted)?;
            drop(convolved);
            if let (Some(seen), Some(features)) = (seen, &activated.features) {
                visit(seen, features)?;
            }
            trail.steps.push(match (activated.features, activated.mask) {
                (Some(features), _) if keep => Step::Features(features),
                (_, Some(mask)) => Step::Mask(mask),
                _ => Step::Gone,
            });
            match activated.framed {
                Some(next) => framed = next,
                None => break,
            }
        }
        Ok(Box::new(trail))
    }
}

impl Trail for FusedTrail<'_> {
    fn gradient(mut self: Box<Self>, tile: &Tile, pull: &mut Pull<'_>) -> Result<Option<Tensor>> {
        let edges = self.edges;
        let mut above: Option<Tensor> = None;
        while let Some(step) = self.steps.pop() {
            let index = self.steps.len();
            let sides = self.sides_at(index);
            let from_above = above.take();
            let framed = match (step, &from_above) {
                (Step::Features(features), from_above) => {
                    let pulled =
                        layer_after(index).map_or(Ok(None), |layer| pull(layer, &features))?;
                    if pulled.is_none() && from_above.is_none() {
                        continue;
                    }
                    maps::gate(
                        from_above.as_ref(),
                        pulled.as_ref(),
                        Through::Features(&features),
                        sides,
                        edges,
                    )?
                }
                (Step::Mask(mask), Some(_)) => {
                    maps::gate(from_above.as_ref(), None, Through::Mask(&mask), sides, edges)?
                }
                (Step::Pooled(route), Some(from_above)) => {
                    maps::gate_pooled(from_above, &route, sides, edges)?
                }
                (_, None) | (Step::Gone, _) => continue,
            };
            drop(from_above);
            if index == 0 {
                let (height, width, channels) = framed.dims3()?;
                let taps = products::product(
                    &framed.reshape((height * width, channels))?,
                    &self.pass.taps,
                )?;
                drop(framed);
                return exit(&taps, sides, edges, tile.inner.x.clone(), tile.inner.y.clone())
                    .map(Some);
            }
            above = Some(convolve(&framed, &self.pass.layers[index].backward, edges.folds())?);
        }
        Ok(None)
    }
}

impl FrozenLayer {
    fn new(index: usize, weights: &Weights, dtype: DType, device: &Device) -> Result<Self> {
        let (kernel, flipped) = both_ways(weights, device)?;
        // Pixels are split into two bf16 numbers, the rounded value and the rest, and padded with
        // zeros.
        let forward = match index {
            0 => Tensor::cat(&[&kernel, &kernel], 1)?.pad_with_zeros(
                1,
                0,
                LANES - 2 * weights.in_channels,
            )?,
            _ => kernel,
        };
        Ok(Self {
            forward: Convolution::new(&forward, dtype)?,
            backward: Convolution::new(&flipped, dtype)?,
            bias: Tensor::from_slice(&weights.bias, weights.out_channels, device)?,
        })
    }
}

impl FusedTrail<'_> {
    /// The sides of the map before and after the `index`th convolution.
    fn sides_at(&self, index: usize) -> Sides {
        (0..HALVINGS[index]).fold(self.sides, |sides, _| sides.pooled())
    }
}

fn sides(shape: &Shape) -> Sides {
    Sides { width: shape.width, height: shape.height, seam_x: shape.seam_x, seam_y: shape.seam_y }
}

/// Memory in bytes that a pass over one tile takes at its peak: forward and backward with all that
/// is kept between them, where features are kept in `word` bytes.
///
/// It follows the code above, tensor by tensor; the library's convolution is assumed to use a
/// workspace as large as its output.
fn peak_bytes(channels: &[(usize, usize)], shape: &Shape, word: u64) -> u64 {
    let framed =
        |sides: Sides, channels: usize| ((sides.width + 2) * (sides.height + 2) * channels) as u64;
    let mut sides = sides(shape);
    let (mut kept, mut peak) = (0, 0);
    for (index, &(inputs, outputs)) in channels.iter().enumerate() {
        // The first convolution reads pixels in two parts.
        let read = framed(sides, inputs.max(LANES)) * word;
        let (written, values) =
            (framed(sides, outputs) * word, (sides.width * sides.height * outputs) as u64);
        let (seen, pooled) = (layer_after(index).is_some(), pools_after(index));
        // What is read, what is written, and the library's room.
        let convolved = read + 2 * written;
        // The map and the next one's frame; later, instead of the map, a copy of a part of its
        // features, and sums of products over stretches of them.
        let activated = 2 * written + if seen { written / 4 } else { 0 };
        // What pulls, what comes from above, and what becomes of both.
        let gated = 3 * written;
        // The library's room and the next gradient; the first layer's gradient is a matrix in
        // single precision instead.
        let returned = written
            + if index == 0 {
                4 * framed(sides, TAP_COLUMNS)
            } else {
                2 * framed(sides, inputs) * word
            };
        kept += match (seen, pooled, shape.pool) {
            (true, _, _) => values * word,
            (false, true, Pool::Max) => values.div_ceil(4),
            (false, _, _) => values.div_ceil(8),
        };
        peak =
            peak.max(kept + [convolved, activated, gated, returned].into_iter().max().unwrap_or(0));
        if pooled {
            sides = sides.pooled();
        }
    }
    peak
}

/// The same for a forward alone that keeps the features of some layers.
pub(super) fn forward_bytes(
    channels: &[(usize, usize)],
    shape: &Shape,
    word: u64,
    kept: &[Layer],
) -> u64 {
    let mut sides = sides(shape);
    let (mut held, mut peak) = (0, 0);
    for (index, &(inputs, outputs)) in channels.iter().enumerate() {
        let map = |channels: usize| ((sides.width + 2) * (sides.height + 2) * channels) as u64;
        let (read, written) = (map(inputs.max(LANES)) * word, map(outputs) * word);
        // What is read, what is written, and the library's room; then that, the next one's frame,
        // and features for whoever looks.
        peak = peak.max(held + (read + 2 * written).max(3 * written));
        if layer_after(index).is_some_and(|layer| kept.contains(&layer)) {
            held += (sides.width * sides.height * outputs) as u64 * word;
        }
        if pools_after(index) {
            sides = sides.pooled();
        }
    }
    peak
}

#[cfg(test)]
mod tests {
    use impasto_kernels::Edge;

    use super::*;

    #[test]
    fn a_pixel_takes_half_a_kilobyte_in_bf16_and_twice_that_in_single_precision() {
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
        assert_eq!((per_pixel(4), per_pixel(2)), (1043, 529));
        // Of a forward alone, the three maps of 64 channels at full size.
        let kept = [Layer::Relu2_1, Layer::Relu3_1, Layer::Relu4_1];
        let per_pixel = |word| forward_bytes(&channels, &shape, word, &kept) >> 20;
        assert_eq!((per_pixel(4), per_pixel(2)), (3 * 64 * 4 + 3, 3 * 64 * 2 + 1));
    }
}
