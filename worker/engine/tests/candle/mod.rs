//! The pass on candle's plain operations: the reference that the kernels are tested against.
//!
//! It is slow. Convolution and its gradient are candle's own; padding and pooling are put together
//! from operations whose gradients are right at every size (candle's `max_pool2d` scales its
//! gradient, and drops the last row and column of odd sizes).

use std::fmt;
use std::sync::Arc;

use candle_core::{D, DType, Device, Error, Module, Result, Tensor, Var};
use candle_nn::{Conv2d, Conv2dConfig};
use impasto_engine::optimize::device::{Pass, Terms, View};
use impasto_engine::optimize::objective::{ContentSums, LayerStatistics, StyleTarget};
use impasto_engine::{EngineError, Image};
use impasto_kernels::vgg::{layer_after, pools_after};
use impasto_kernels::{Edge, Layer, Mask, Moments, Pool};
use impasto_models::{MEAN_BGR, VggWeights};

/// VGG-19 as candle tensors.
pub(crate) struct Candle {
    device: Device,
    convolutions: Vec<Conv2d>,
}

impl Candle {
    /// Copies the weights to `device`.
    ///
    /// # Errors
    /// Where the device fails, or a weight's length is not its shape's.
    pub(crate) fn new(weights: &VggWeights, device: Device) -> Result<Self> {
        let convolutions = weights
            .convolutions
            .iter()
            .map(|conv| {
                let kernel = Tensor::from_slice(
                    &conv.weights,
                    (conv.out_channels, conv.in_channels, 3, 3),
                    &device,
                )?;
                let bias = Tensor::from_slice(&conv.bias, conv.out_channels, &device)?;
                // Borders are padded by hand, since candle's convolution knows zeros alone.
                Ok(Conv2d::new(kernel, Some(bias), Conv2dConfig::default()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { device, convolutions })
    }
}

impl fmt::Debug for Candle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candle").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Candle {
    /// A pass over pictures seen so, of any size.
    pub(crate) fn pass(&self, view: View) -> CandlePass {
        CandlePass {
            device: self.device.clone(),
            convolutions: self.convolutions.clone(),
            view,
            content: None,
            mask: None,
        }
    }
}

/// A pass on candle's operations.
pub(crate) struct CandlePass {
    device: Device,
    convolutions: Vec<Conv2d>,
    view: View,
    /// The features of the content, and the weight of their squared distance.
    content: Option<(Tensor, f64)>,
    mask: Option<Arc<Mask>>,
}

impl fmt::Debug for CandlePass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandlePass").field("view", &self.view).finish_non_exhaustive()
    }
}

impl CandlePass {
    /// The picture as a variable of shape (1, 3, height, width), RGB.
    fn variable(&self, image: &Image) -> Result<Var> {
        let interleaved =
            Tensor::from_slice(&image.rgb, (1, image.height, image.width, 3), &self.device)?;
        Var::from_tensor(&interleaved.permute((0, 3, 1, 2))?.contiguous()?)
    }

    /// Feature maps (1, channels, height, width) at each of the layers that can be looked at, down
    /// to `deepest`.
    fn forward(&self, picture: &Tensor, deepest: Layer) -> Result<Vec<(Layer, Tensor)>> {
        let mean = Tensor::from_slice(&MEAN_BGR, (1, 3, 1, 1), &self.device)?;
        let channel = |index| picture.narrow(1, index, 1);
        let mut maps =
            Tensor::cat(&[channel(2)?, channel(1)?, channel(0)?], 1)?.broadcast_sub(&mean)?;
        let mut seen = Vec::new();
        for (index, convolution) in self.convolutions.iter().enumerate() {
            maps = pad(&pad(&maps, 3, self.view.edge_x)?, 2, self.view.edge_y)?;
            maps = convolution.forward(&maps.contiguous()?)?.relu()?;
            if let Some(layer) = layer_after(index) {
                seen.push((layer, maps.clone()));
                if layer >= deepest {
                    break;
                }
            }
            if pools_after(index) {
                maps = pool(&maps, self.view.pool)?;
            }
        }
        Ok(seen)
    }

    /// The weights of a layer's pixels, (pixels, 1).
    fn weights(&self, layer: Layer, maps: &Tensor) -> Result<Tensor> {
        let pixels = maps.dim(2)? * maps.dim(3)?;
        match &self.mask {
            Some(mask) => Tensor::from_slice(mask.at(layer), (pixels, 1), &self.device),
            None => Tensor::ones((pixels, 1), DType::F32, &self.device),
        }
    }

    fn measured(&self, image: &Image) -> Result<Vec<Moments>> {
        let seen = self.forward(self.variable(image)?.as_tensor(), Layer::Relu5_1)?;
        let style = seen.iter().filter(|(layer, _)| Layer::STYLE.contains(layer));
        style.map(|(layer, maps)| moments(&rows(maps)?, &self.weights(*layer, maps)?)).collect()
    }

    fn hold(&mut self, content: &Image, weigh: &dyn Fn(&ContentSums) -> f64) -> Result<()> {
        let seen = self.forward(self.variable(content)?.as_tensor(), Layer::CONTENT)?;
        let maps = rows(at(&seen, Layer::CONTENT)?)?.detach();
        let values = maps.flatten_all()?.to_vec1::<f32>()?;
        let weights = self.mask.as_ref().map(|mask| mask.at(Layer::CONTENT));
        let weight = weigh(&ContentSums::of(maps.dim(1)?, weights, |visit| {
            values.into_iter().for_each(visit)
        }));
        self.content = Some((maps, weight));
        Ok(())
    }

    fn evaluated(
        &self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms> {
        let variable = self.variable(image)?;
        let content = self.content.iter().map(|_| Layer::CONTENT);
        let deepest =
            style.iter().map(|(layer, _)| *layer).chain(content).max().unwrap_or(Layer::CONTENT);
        let seen = self.forward(variable.as_tensor(), deepest)?;
        let mut terms = Terms::default();
        // The loss enters through its gradient at the features: d/dF of sum(F * constant) is that
        // constant.
        let mut surrogate = Tensor::zeros((), DType::F32, &self.device)?;
        for (layer, target) in style {
            let features = rows(at(&seen, *layer)?)?;
            let weights = self.weights(*layer, at(&seen, *layer)?)?;
            let pull = target.pull(&LayerStatistics::of(&moments(&features, &weights)?));
            terms.style += pull.loss;
            let channels = pull.mean.len();
            let gram = Tensor::from_slice(&pull.gram, (channels, channels), &self.device)?;
            let mean = Tensor::from_slice(&pull.mean, (1, channels), &self.device)?;
            let slope = features.detach().matmul(&gram)?.broadcast_add(&mean)?;
            let slope = slope.broadcast_mul(&weights)?;
            surrogate = (surrogate + (features * slope)?.sum_all()?)?;
        }
        if let Some((target, weight)) = &self.content {
            let features = rows(at(&seen, Layer::CONTENT)?)?;
            let difference = (features.detach() - target)?;
            let weights = self.weights(Layer::CONTENT, at(&seen, Layer::CONTENT)?)?;
            let squares = difference.sqr()?.broadcast_mul(&weights)?;
            terms.content = weight * f64::from(squares.sum_all()?.to_scalar::<f32>()?);
            let slope = (difference.broadcast_mul(&weights)? * (2.0 * weight))?;
            surrogate = (surrogate + (features * slope)?.sum_all()?)?;
        }
        let gradients = surrogate.backward()?;
        match gradients.get(&variable) {
            Some(slope) => gradient
                .copy_from_slice(&slope.permute((0, 2, 3, 1))?.flatten_all()?.to_vec1::<f32>()?),
            None => gradient.fill(0.0),
        }
        Ok(terms)
    }
}

impl Pass for CandlePass {
    fn moments(&mut self, image: &Image) -> std::result::Result<Vec<Moments>, EngineError> {
        self.measured(image).map_err(failed)
    }

    fn hold_mask(&mut self, mask: Arc<Mask>) -> std::result::Result<(), EngineError> {
        self.mask = Some(mask);
        Ok(())
    }

    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> std::result::Result<(), EngineError> {
        self.hold(content, weigh).map_err(failed)
    }

    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> std::result::Result<Terms, EngineError> {
        self.evaluated(image, style, gradient).map_err(failed)
    }
}

fn failed(source: Error) -> EngineError {
    EngineError::Device { device: "candle".to_owned(), source: Box::new(source) }
}

fn at(seen: &[(Layer, Tensor)], layer: Layer) -> Result<&Tensor> {
    let found = seen.iter().find(|(seen, _)| *seen == layer);
    found
        .map(|(_, maps)| maps)
        .ok_or_else(|| Error::Msg(format!("the weights end before {layer:?}")))
}

/// (1, channels, height, width) to (pixels, channels).
fn rows(maps: &Tensor) -> Result<Tensor> {
    maps.squeeze(0)?.flatten_from(1)?.t()?.contiguous()
}

fn moments(features: &Tensor, weights: &Tensor) -> Result<Moments> {
    let weighted = features.broadcast_mul(weights)?;
    let products = weighted.t()?.matmul(features)?.to_vec2::<f32>()?;
    let mut moments = Moments::empty(features.dim(1)?);
    moments.weight = f64::from(weights.sum_all()?.to_scalar::<f32>()?);
    moments.sum = weighted.sum(0)?.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    moments.products = products
        .iter()
        .enumerate()
        .flat_map(|(i, row)| row[i..].iter().map(|&value| f64::from(value)))
        .collect();
    Ok(moments)
}

/// One more row or column on either side of `axis`.
fn pad(maps: &Tensor, axis: usize, edge: Edge) -> Result<Tensor> {
    let last = maps.dim(axis)? - 1;
    let (before, after) = match edge {
        Edge::Zero => return maps.pad_with_zeros(axis, 1, 1),
        Edge::Replicate => (0, last),
        Edge::Reflect => (1.min(last), last.saturating_sub(1)),
        Edge::Wrap => (last, 0),
    };
    Tensor::cat(&[&maps.narrow(axis, before, 1)?, maps, &maps.narrow(axis, after, 1)?], axis)
}

/// Halves both sides, rounding up: the last window of an odd side holds what there is.
fn pool(maps: &Tensor, pool: Pool) -> Result<Tensor> {
    let (_, channels, height, width) = maps.dims4()?;
    let (half_height, half_width) = (height.div_ceil(2), width.div_ceil(2));
    // Feature maps are not negative, so zeros never win a maximum and add nothing to a sum.
    let even = maps.pad_with_zeros(2, 0, height % 2)?.pad_with_zeros(3, 0, width % 2)?;
    let windows = even.reshape((channels, half_height, 2, half_width, 2))?;
    let pooled = match pool {
        Pool::Max => windows.max(D::Minus1)?.max(2)?,
        Pool::Average => {
            let count = |length: usize, at: usize| if 2 * at + 1 < length { 2.0_f32 } else { 1.0 };
            let scale: Vec<f32> = (0..half_height)
                .flat_map(|y| {
                    (0..half_width).map(move |x| 2.0 / (count(height, y) * count(width, x)))
                })
                .collect();
            let scale = Tensor::from_vec(scale, (1, half_height, half_width), maps.device())?;
            windows.sum(D::Minus1)?.sum(2)?.broadcast_mul(&scale)?
        }
    };
    pooled.unsqueeze(0)
}
