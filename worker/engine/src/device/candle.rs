//! The pass on candle's plain operations: the reference that the kernels are tested against, on any
//! device that candle has.
//!
//! It is slow on a CPU. Convolution and its gradient are candle's own; padding and pooling are put
//! together from operations whose gradients are right at every size (candle's `max_pool2d` scales
//! its gradient, and drops the last row and column of odd sizes).

use std::fmt;

use candle_core::{D, Device as CandleDevice, Module, Tensor, Var};
use candle_nn::{Conv2d, Conv2dConfig};
use impasto_kernels::{Edge, Layer, Moments, Pool, Precision};
use impasto_models::VggWeights;

use super::plan::Costs;
use super::{
    CONTENT_LAYER, Candidate, Canvas, Device, HostCanvas, MEAN_BGR, Pass, Plan, STYLE_LAYERS, Task,
    Terms, View, Work,
};
use crate::objective::{ContentSums, LayerStatistics, StyleTarget};
use crate::{EngineError, Image};

/// After which convolutions, counted from 0, a pooling follows.
const POOL_AFTER: [usize; 4] = [1, 3, 7, 11];

/// VGG-19 as candle tensors.
pub struct Candle {
    device: CandleDevice,
    convolutions: Vec<Conv2d>,
}

impl Candle {
    /// Copies the weights to `device`.
    ///
    /// # Errors
    /// Where the device fails, or a weight's length is not its shape's.
    pub fn new(weights: &VggWeights, device: CandleDevice) -> Result<Self, EngineError> {
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
            .collect::<Result<_, candle_core::Error>>()?;
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
    pub fn pass(&self, view: View) -> CandlePass {
        CandlePass {
            device: self.device.clone(),
            convolutions: self.convolutions.clone(),
            view,
            content: None,
        }
    }
}

impl Device for Candle {
    fn label(&self) -> String {
        format!("candle {:?} fp32", self.device.location()).to_lowercase()
    }

    fn bytes(&self) -> u64 {
        self.convolutions
            .iter()
            .map(|convolution| 4 * convolution.weight().elem_count() as u64)
            .sum()
    }

    fn plan(&self, work: &Work<'_>, _budget_bytes: u64) -> Result<Plan, EngineError> {
        // The reference is for small pictures, and paints them whole.
        Plan::within(work, &Uncounted, u64::MAX)
    }

    fn moments(
        &self,
        image: &Image,
        view: View,
        _budget_bytes: u64,
    ) -> Result<Vec<Moments>, EngineError> {
        self.pass(view).moments(image)
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        Ok(Box::new(HostCanvas::new(Box::new(self.pass(task.work.view())), task)?))
    }
}

/// Nothing counts where nothing is planned.
struct Uncounted;

impl Costs for Uncounted {
    fn tile(&self, _candidate: &Candidate) -> u64 {
        0
    }

    fn content(&self, _precision: Precision) -> u64 {
        0
    }

    fn precision(&self) -> Precision {
        Precision::Fp32
    }
}

/// A pass on candle's operations.
pub struct CandlePass {
    device: CandleDevice,
    convolutions: Vec<Conv2d>,
    view: View,
    /// The features of the content, and the weight of their squared distance.
    content: Option<(Tensor, f64)>,
}

impl fmt::Debug for CandlePass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandlePass").field("view", &self.view).finish_non_exhaustive()
    }
}

impl CandlePass {
    /// The picture as a variable of shape (1, 3, height, width), RGB.
    fn variable(&self, image: &Image) -> Result<Var, candle_core::Error> {
        let interleaved =
            Tensor::from_slice(&image.rgb, (1, image.height, image.width, 3), &self.device)?;
        Var::from_tensor(&interleaved.permute((0, 3, 1, 2))?.contiguous()?)
    }

    /// Feature maps (1, channels, height, width) at each of the layers that can be looked at, down
    /// to `deepest`.
    fn forward(
        &self,
        picture: &Tensor,
        deepest: Layer,
    ) -> Result<Vec<(Layer, Tensor)>, candle_core::Error> {
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
            if POOL_AFTER.contains(&index) {
                maps = pool(&maps, self.view.pool)?;
            }
        }
        Ok(seen)
    }
}

impl Pass for CandlePass {
    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError> {
        let seen = self.forward(self.variable(image)?.as_tensor(), Layer::Relu5_1)?;
        let style = seen.iter().filter(|(layer, _)| STYLE_LAYERS.contains(layer));
        Ok(style.map(|(_, maps)| moments(&rows(maps)?)).collect::<Result<_, _>>()?)
    }

    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> Result<(), EngineError> {
        let seen = self.forward(self.variable(content)?.as_tensor(), CONTENT_LAYER)?;
        let maps = rows(at(&seen, CONTENT_LAYER)?)?.detach();
        let values = maps.flatten_all()?.to_vec1::<f32>()?;
        let weight =
            weigh(&ContentSums::of(maps.dim(1)?, |visit| values.into_iter().for_each(visit)));
        self.content = Some((maps, weight));
        Ok(())
    }

    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError> {
        let variable = self.variable(image)?;
        let content = self.content.iter().map(|_| CONTENT_LAYER);
        let deepest =
            style.iter().map(|(layer, _)| *layer).chain(content).max().unwrap_or(CONTENT_LAYER);
        let seen = self.forward(variable.as_tensor(), deepest)?;
        let mut terms = Terms::default();
        // The loss enters through its gradient at the features: d/dF of sum(F * constant) is that
        // constant.
        let mut surrogate = Tensor::zeros((), candle_core::DType::F32, &self.device)?;
        for (layer, target) in style {
            let features = rows(at(&seen, *layer)?)?;
            let pull = target.pull(&LayerStatistics::of(&moments(&features)?));
            terms.style += pull.loss;
            let channels = pull.mean.len();
            let gram = Tensor::from_slice(&pull.gram, (channels, channels), &self.device)?;
            let mean = Tensor::from_slice(&pull.mean, (1, channels), &self.device)?;
            let slope = features.detach().matmul(&gram)?.broadcast_add(&mean)?;
            surrogate = (surrogate + (features * slope)?.sum_all()?)?;
        }
        if let Some((target, weight)) = &self.content {
            let features = rows(at(&seen, CONTENT_LAYER)?)?;
            let difference = (features.detach() - target)?;
            terms.content = weight * f64::from(difference.sqr()?.sum_all()?.to_scalar::<f32>()?);
            let slope = (difference * (2.0 * weight))?;
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

/// The layer whose feature maps the `index`th convolution makes, where it is one that can be looked
/// at.
fn layer_after(index: usize) -> Option<Layer> {
    match index {
        0 => Some(Layer::Relu1_1),
        2 => Some(Layer::Relu2_1),
        4 => Some(Layer::Relu3_1),
        8 => Some(Layer::Relu4_1),
        9 => Some(Layer::Relu4_2),
        12 => Some(Layer::Relu5_1),
        _ => None,
    }
}

fn at(seen: &[(Layer, Tensor)], layer: Layer) -> Result<&Tensor, candle_core::Error> {
    let found = seen.iter().find(|(seen, _)| *seen == layer);
    found
        .map(|(_, maps)| maps)
        .ok_or_else(|| candle_core::Error::Msg(format!("the weights end before {layer:?}")))
}

/// (1, channels, height, width) to (pixels, channels).
fn rows(maps: &Tensor) -> Result<Tensor, candle_core::Error> {
    maps.squeeze(0)?.flatten_from(1)?.t()?.contiguous()
}

fn moments(features: &Tensor) -> Result<Moments, candle_core::Error> {
    let (pixels, channels) = features.dims2()?;
    let products = features.t()?.matmul(features)?.to_vec2::<f32>()?;
    let mut moments = Moments::empty(channels);
    moments.pixels = pixels as u64;
    moments.sum = features.sum(0)?.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    moments.products = products
        .iter()
        .enumerate()
        .flat_map(|(i, row)| row[i..].iter().map(|&value| f64::from(value)))
        .collect();
    Ok(moments)
}

/// One more row or column on either side of `axis`.
fn pad(maps: &Tensor, axis: usize, edge: Edge) -> Result<Tensor, candle_core::Error> {
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
fn pool(maps: &Tensor, pool: Pool) -> Result<Tensor, candle_core::Error> {
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
