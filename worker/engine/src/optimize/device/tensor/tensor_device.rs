//! VGG-19 on a candle device, as a session uses it.

use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use impasto_kernels::{Layer, Moments, Precision, vgg};
use impasto_models::VggWeights;
use impasto_types::Profile;

use super::canvas::TensorCanvas;
use super::convolution::Method;
use super::costs::{TensorCosts, tile_bytes};
use super::device_mask::DeviceMask;
use super::network::Network;
use super::pass::TensorPass;
use super::tile_pass::Kernels;
use super::tiles::Tiles;
use super::transfer::uploaded;
use crate::cards::{failed, name};
use crate::optimize::device::blend::{at_layers, weights_bytes};
use crate::optimize::device::{Candidate, Canvas, Plan, Task, Tiling, VggDevice, View, Work};
use crate::{EngineError, Image, Interrupt, Mask};

/// VGG-19 on a candle device.
pub struct TensorDevice {
    network: Arc<Network>,
}

impl TensorDevice {
    /// Copies the weights to `device`: one of [`cuda`](crate::cards::cuda) or
    /// [`metal`](crate::cards::metal), or candle's CPU.
    ///
    /// # Errors
    /// Where the weights are not VGG-19's, or the device fails.
    pub fn new(
        weights: &VggWeights,
        device: Device,
        profile: Profile,
    ) -> Result<Self, EngineError> {
        let kernels = if device.is_cuda() { Kernels::Fused } else { Kernels::Composed };
        Self::with_kernels(weights, device, profile, kernels)
    }

    /// The same, put together from other kernels than the device does best with: to compare, and to
    /// test the kernels for CUDA where there is no card.
    ///
    /// # Errors
    /// As [`TensorDevice::new`], and in each pass where the device has no such kernels.
    pub fn with_kernels(
        weights: &VggWeights,
        device: Device,
        profile: Profile,
        kernels: Kernels,
    ) -> Result<Self, EngineError> {
        check(weights)?;
        let dtype = match profile {
            Profile::Fast if kernels == Kernels::Fused || !device.is_cpu() => DType::BF16,
            Profile::Fast | Profile::Exact => DType::F32,
        };
        // candle's convolutions in single precision are not, on CUDA.
        let method = if device.is_cuda() && dtype == DType::F32 {
            Method::Products
        } else {
            Method::Library
        };
        Self::with(weights, device, dtype, kernels, method)
    }

    fn with(
        weights: &VggWeights,
        device: Device,
        dtype: DType,
        kernels: Kernels,
        method: Method,
    ) -> Result<Self, EngineError> {
        let network = Network::new(weights, device.clone(), dtype, kernels, method)
            .map_err(|error| failed(&device, error))?;
        Ok(Self { network: Arc::new(network) })
    }

    /// A pass over pictures that are cut so, and brought from the host's memory.
    pub fn pass(&self, tiling: Tiling) -> TensorPass {
        TensorPass::new(self.network.clone(), tiling, self.precision())
    }

    pub(crate) fn device(&self) -> &Device {
        &self.network.device
    }

    /// The features of a picture, (height, width, 3), at some layers, as the device keeps them:
    /// (height, width, channels) of each with [`Kernels::Fused`].
    pub(crate) fn features(
        &self,
        picture: &Tensor,
        view: View,
        layers: &[Layer],
    ) -> candle_core::Result<Vec<Tensor>> {
        let (height, width, _) = picture.dims3()?;
        let tiling = Tiling::whole(view, width, height);
        let mut seen = Vec::new();
        self.network.forward(
            picture,
            &tiling.tiles[0],
            view.deepest,
            false,
            &mut |layer, own| {
                if layers.contains(&layer) {
                    seen.push(own.clone());
                }
                Ok(())
            },
        )?;
        Ok(seen)
    }

    /// Memory in bytes that [`Self::features`] take at their peak, those that are returned
    /// included, with [`Kernels::Fused`].
    pub(crate) fn features_bytes(
        &self,
        (width, height): (usize, usize),
        view: View,
        layers: &[Layer],
    ) -> u64 {
        let shape = Candidate::whole(view, width, height).largest;
        self.network.forward_bytes(&shape, view.deepest, layers)
    }

    fn precision(&self) -> Precision {
        if self.network.dtype == DType::BF16 { Precision::Bf16 } else { Precision::Fp32 }
    }

    fn failed(&self, error: candle_core::Error) -> EngineError {
        failed(&self.network.device, error)
    }
}

impl fmt::Debug for TensorDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorDevice")
            .field("device", &self.network.device)
            .field("dtype", &self.network.dtype)
            .finish_non_exhaustive()
    }
}

impl VggDevice for TensorDevice {
    fn label(&self) -> String {
        let precision = match self.precision() {
            Precision::Fp32 => "fp32",
            Precision::Bf16 => "bf16",
        };
        format!("{} {precision}", name(&self.network.device))
    }

    fn bytes(&self) -> u64 {
        self.network.bytes()
    }

    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError> {
        Plan::within(
            work,
            &TensorCosts { network: &self.network, precision: self.precision(), work },
            budget_bytes,
        )
    }

    fn moments(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError> {
        let (width, height) = (image.width, image.height);
        let candidates = Tiling::sane(view, width, height);
        let picture = style_bytes((width, height), weights.is_some());
        let bytes = |candidate| picture + tile_bytes(&self.network, candidate);
        let fits = candidates.iter().find(|candidate| bytes(candidate) <= budget_bytes);
        let tiling = fits.and_then(|fits| Tiling::cut(view, width, height, fits.interior));
        let Some(tiling) = tiling else {
            let least_bytes = self.least_moments((width, height), weights.is_some(), view);
            return Err(EngineError::Memory { width, height, least_bytes, budget_bytes });
        };
        let device = &self.network.device;
        let mut tiles = Tiles::new(self.network.clone(), tiling, interrupt.clone());
        let mask = weights.map(|weights| DeviceMask::new(Arc::new(at_layers(weights)), device));
        let measured = mask.transpose().and_then(|mask| {
            mask.into_iter().for_each(|mask| tiles.hold_mask(mask));
            tiles.moments(&uploaded(image, device)?)
        });
        measured.map_err(|error| interrupt.check().err().unwrap_or_else(|| self.failed(error)))
    }

    fn least_moments(&self, (width, height): (usize, usize), weighted: bool, view: View) -> u64 {
        let candidates = Tiling::sane(view, width, height);
        let least = candidates.iter().map(|tile| tile_bytes(&self.network, tile)).min();
        least.unwrap_or(0).saturating_add(style_bytes((width, height), weighted))
    }

    fn uncut_moments(&self, (width, height): (usize, usize), weighted: bool, view: View) -> u64 {
        let whole = tile_bytes(&self.network, &Candidate::whole(view, width, height));
        whole.saturating_add(style_bytes((width, height), weighted))
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        Ok(Box::new(TensorCanvas::new(self.network.clone(), task)?))
    }
}

/// A style image itself, in single precision, and its weights if it has any.
fn style_bytes((width, height): (usize, usize), weighted: bool) -> u64 {
    let masked = if weighted { weights_bytes(width, height) } else { 0 };
    masked + 3 * 4 * (width * height) as u64
}

/// Whether each layer goes on where the one before it ends.
fn check(weights: &VggWeights) -> Result<(), EngineError> {
    let layers = &weights.convolutions;
    if layers.len() < vgg::CONVOLUTIONS {
        return Err(EngineError::Weights(format!(
            "there are {} convolutions, and {} are needed",
            layers.len(),
            vgg::CONVOLUTIONS
        )));
    }
    let mut channels = 3;
    for layer in &layers[..vgg::CONVOLUTIONS] {
        let (inputs, outputs) = (layer.in_channels, layer.out_channels);
        if inputs != channels
            || layer.weights.len() != outputs * inputs * 9
            || layer.bias.len() != outputs
        {
            return Err(EngineError::Weights(format!(
                "{} does not go on from {channels} channels",
                layer.name
            )));
        }
        channels = outputs;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use impasto_kernels::{Edge, Pool};
    use impasto_models::Convolution;
    use impasto_types::{Optimize, Preset};

    use super::*;
    use crate::noise::Noise;
    use crate::optimize::device::Pass;
    use crate::optimize::objective::{LayerStatistics, StyleTarget};
    use crate::{Frame, Joins, tiny};

    fn weights() -> VggWeights {
        tiny::weights(11, &[3, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16])
    }

    fn picture(width: usize, height: usize, seed: u64) -> Image {
        let mut noise = Noise::new(seed);
        Image {
            width,
            height,
            rgb: (0..width * height * 3).map(|_| noise.unit() * 255.0).collect(),
        }
    }

    /// The loss, and its gradient, in features of this type and by this method.
    fn evaluate(dtype: DType, kernels: Kernels, method: Method, pool: Pool) -> (f64, Vec<f32>) {
        let device = TensorDevice::with(&weights(), Device::Cpu, dtype, kernels, method)
            .expect("it has room");
        let view = View::new(Edge::Wrap, Edge::Reflect, pool);
        // Weights so large keep gradients within the range of short exponents.
        let recipe = Optimize { content_weight: 2e5, style_weight: 1e5, ..Optimize::painterly() };
        let moments = device
            .moments(&picture(48, 40, 1), None, view, u64::MAX, &Interrupt::default())
            .expect("it runs");
        let style = StyleTarget::layers(
            &recipe,
            &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)],
        );
        let mut pass = device.pass(Tiling::whole(view, 45, 50));
        pass.hold_content(&picture(45, 50, 2), &|sums| sums.weight(&recipe)).expect("it runs");
        let mut gradient = vec![0.0; 45 * 50 * 3];
        let terms = pass.evaluate(&picture(45, 50, 3), &style, &mut gradient).expect("it runs");
        (terms.total(), gradient)
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn every_type_and_method_descends_the_same_way() {
        for pool in [Pool::Max, Pool::Average] {
            let (loss, gradient) = evaluate(DType::F32, Kernels::Composed, Method::Library, pool);
            // candle's CPU multiplies no bf16 numbers, but f16 ones, which take the same way
            // through the code. Pictures of noise have nearly the same moments, and the difference
            // is the loss: it has some digits fewer than they.
            for (dtype, kernels, method, digits, least) in [
                (DType::F32, Kernels::Composed, Method::Products, 1e-3, 0.9999),
                (DType::F16, Kernels::Composed, Method::Library, 0.05, 0.99),
                (DType::F32, Kernels::Fused, Method::Library, 1e-3, 0.9999),
                // Eight bits of digits, and so other maxima of noise.
                (DType::BF16, Kernels::Fused, Method::Library, 0.05, 0.93),
            ] {
                let (found, slope) = evaluate(dtype, kernels, method, pool);
                let cosine = cosine(&slope, &gradient);
                assert!(
                    (found - loss).abs() < digits * loss && cosine > least,
                    "{dtype:?} {kernels:?} {method:?} {pool:?}: {found} {loss}, {cosine}"
                );
            }
        }
    }

    #[test]
    fn a_card_of_eighty_gigabytes_has_room_for_16384_pixels() {
        let channels = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512];
        let layer = |pair: &[usize]| Convolution {
            name: "conv".to_owned(),
            in_channels: pair[0],
            out_channels: pair[1],
            weights: vec![0.0; pair[0] * pair[1] * 9],
            bias: vec![0.0; pair[1]],
        };
        let weights = VggWeights { convolutions: channels.windows(2).map(layer).collect() };
        let device =
            TensorDevice::with_kernels(&weights, Device::Cpu, Profile::Fast, Kernels::Fused)
                .expect("it has room");
        // Four fifths of what the driver shows of it.
        let budget_bytes = (79 << 30) / 10 * 8;
        for (preset, side, is_whole) in [
            (Preset::Painterly, 4096, true),
            (Preset::Painterly, 16384, false),
            (Preset::Texture, 16384, false),
        ] {
            let recipe = preset.optimize().with(|common| common.profile = Profile::Fast);
            let work = Work {
                recipe: &recipe,
                frame: Frame::new(&Joins::default(), recipe.padding, side, side),
                content: true,
                masked: false,
            };
            let plan = device.plan(&work, budget_bytes).expect("it fits");
            assert!(
                plan.tiling.is_whole() == is_whole && plan.tiling.tiles.len() < 12,
                "{preset:?} {side}: {plan}"
            );
        }
    }

    #[test]
    fn weights_that_do_not_fit_together_are_refused() {
        let mut short = weights();
        short.convolutions.truncate(12);
        let mut torn = weights();
        torn.convolutions[4].in_channels = 8;
        for weights in [short, torn] {
            let refused = TensorDevice::new(&weights, Device::Cpu, Profile::Exact);
            assert!(matches!(refused, Err(EngineError::Weights(_))));
        }
    }
}
