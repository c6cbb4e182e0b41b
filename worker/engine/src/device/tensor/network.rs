//! VGG-19 up to relu5_1 on a device, and its pass over one tile.

use candle_core::{DType, Device, Result, Tensor};
use impasto_kernels::{Layer, Pool, Shape};
use impasto_models::VggWeights;

use super::convolution::{Convolution, Edges, Method};
use super::pooling::{Route, Side, Sides, kept, pool, unpool};

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

/// The frozen weights, for both directions.
pub(super) struct Network {
    pub(super) device: Device,
    /// How features are kept.
    pub(super) dtype: DType,
    convolutions: Vec<Convolution>,
    /// Inputs and outputs of each convolution.
    pub(super) channels: Vec<(usize, usize)>,
}

impl Network {
    /// Copies the weights to `device`. Where features are kept in half precision, the first convolution still reads and writes single precision: pixels have more than eight
    /// bits, and so have their gradients.
    pub(super) fn new(weights: &VggWeights, device: Device, dtype: DType, method: Method) -> Result<Self> {
        let weights = &weights.convolutions[..weights.convolutions.len().min(CONVOLUTIONS)];
        let convolutions = weights
            .iter()
            .enumerate()
            .map(|(index, weights)| {
                let dtype = if index == 0 { DType::F32 } else { dtype };
                Convolution::new(weights, dtype, method, &device)
            })
            .collect::<Result<_>>()?;
        let channels = weights.iter().map(|weights| (weights.in_channels, weights.out_channels)).collect();
        Ok(Self { device, dtype, convolutions, channels })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.convolutions.iter().map(Convolution::bytes).sum()
    }

    /// Channels of a layer.
    pub(super) fn channels_of(&self, layer: Layer) -> usize {
        self.channels[convolution_of(layer)].1
    }

    /// The features of a tile's pixels, (1, 3, height, width) in single precision, blue, green and red less their means. `visit` sees those of each layer down to
    /// `deepest`. What the backward needs is kept where `keep` says so.
    pub(super) fn forward(
        &self,
        pixels: Tensor,
        shape: &Shape,
        deepest: Layer,
        keep: bool,
        mut visit: impl FnMut(Layer, &Tensor) -> Result<()>,
    ) -> Result<Trail> {
        let mut trail = Trail { steps: Vec::new(), edges: Edges { x: shape.edge_x, y: shape.edge_y }, sides: sides(shape) };
        let mut maps = pixels;
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
        Ok(trail)
    }

    /// The gradient at the pixels, (1, 3, height, width) in single precision, of a loss whose gradient at the features of a layer is what `pull` gives for them. `None` where
    /// nothing pulls.
    pub(super) fn backward(
        &self,
        mut trail: Trail,
        mut pull: impl FnMut(Layer, &Tensor) -> Result<Option<Tensor>>,
    ) -> Result<Option<Tensor>> {
        let mut gradient: Option<Tensor> = None;
        while let Some(step) = trail.steps.pop() {
            let index = trail.steps.len();
            let before_relu = match (step, gradient.take()) {
                (Step::Features(features), from_above) => {
                    let pulled = layer_after(index).map_or(Ok(None), |layer| pull(layer, &features))?;
                    let Some(sum) = add(pulled, from_above)? else { continue };
                    let mask = features.gt(0.0)?;
                    drop(features);
                    kept(&mask, &sum)?
                }
                (Step::Mask(mask), Some(from_above)) => kept(&mask, &from_above)?,
                (Step::Pooled(route), Some(from_above)) => unpool(&from_above, &route, trail.sides.half(HALVINGS[index]))?,
                (_, None) | (Step::Gone, _) => continue,
            };
            let convolution = &self.convolutions[index];
            gradient = Some(convolution.backward(cast(before_relu, convolution.dtype())?, trail.edges)?);
        }
        Ok(gradient)
    }
}

/// What a forward leaves for the backward, from the first convolution on.
pub(super) struct Trail {
    steps: Vec<Step>,
    edges: Edges,
    /// Of the tile.
    sides: Sides,
}

/// What is kept of one convolution's features: themselves where a loss may look at them, else where its gradient goes.
enum Step {
    Features(Tensor),
    Mask(Tensor),
    Pooled(Route),
    /// Nothing, since nobody goes back.
    Gone,
}

fn sides(shape: &Shape) -> Sides {
    Sides { x: Side { len: shape.width, seam: shape.seam_x }, y: Side { len: shape.height, seam: shape.seam_y } }
}

/// The same numbers in another type. The old ones are let go, which a borrowed tensor or one that is shadowed would not be.
fn cast(values: Tensor, dtype: DType) -> Result<Tensor> {
    values.to_dtype(dtype)
}

fn add(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a + b)?)),
        (one, None) | (None, one) => Ok(one),
    }
}

/// Memory in bytes that a pass over one tile takes at its peak: forward and backward with all that is kept between them, where features are kept in `word` bytes.
///
/// It follows the code above, tensor by tensor; a convolution of the library's is given room for one more map like the one that it writes.
pub(super) fn peak_bytes(channels: &[(usize, usize)], shape: &Shape, word: u64) -> u64 {
    let sides = sides(shape);
    let (mut kept, mut peak) = (0, 0);
    for (index, &(inputs, outputs)) in channels.iter().enumerate() {
        let Sides { x, y } = sides.half(HALVINGS[index]);
        let pixels = (x.len * y.len) as u64;
        let values = outputs as u64 * pixels;
        // The first convolution is computed in single precision.
        let computed_word = if index == 0 { 4 } else { word };
        let (read, computed, stored) = (inputs as u64 * pixels * computed_word, values * computed_word, values * word);
        let (seen, pooled) = (layer_after(index).is_some(), pools_after(index));
        // Extended across, then down; then what is read, what is made of it, and the library's room, or with its bias and after the ReLU.
        let convolved = u64::max(2 * read, read + 2 * computed);
        // The map, its four parts of a quarter each, their comparisons, and a copy in whole windows.
        let pooling = if pooled { 4 * stored } else { 0 };
        // What pulls, what comes from above, and their sum; a mask of bytes, and what it lets through.
        let masked = 3 * stored + values;
        let returned = u64::max(2 * computed, computed + 2 * read);
        kept += match (seen, pooled, shape.pool) {
            (true, _, _) => stored,
            (false, true, Pool::Max) => values.div_ceil(4),
            (false, false, _) | (false, true, Pool::Average) => values,
        };
        peak = peak.max(kept + [convolved, pooling, masked, returned].into_iter().max().unwrap_or(0));
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
        let shape = Shape { width: 1024, height: 1024, edge_x, edge_y, pool: Pool::Max, seam_x: 0, seam_y: 0 };
        let per_pixel = |word| peak_bytes(&channels, &shape, word) >> 20;
        assert_eq!((per_pixel(4), per_pixel(2)), (1296, 656));
    }
}
