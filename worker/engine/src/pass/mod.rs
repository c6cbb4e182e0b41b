//! The seam between the method and the device: forward and backward of frozen VGG-19, as a whole.
//!
//! Above it, nothing knows how feature maps are stored or which instructions multiply them; below it, nothing knows of recipes, scales or
//! optimisers. A device implements [`Device`] and [`Pass`] and is replaced whole.

pub mod candle;
mod cpu;

use impasto_kernels::{Layer, Shape};

pub use cpu::Cpu;

use crate::objective::{Features, LayerStatistics, Objective};
use crate::{EngineError, Image};

/// Where the style loss looks, coarse to deep.
pub const STYLE_LAYERS: [Layer; 5] = [Layer::Relu1_1, Layer::Relu2_1, Layer::Relu3_1, Layer::Relu4_1, Layer::Relu5_1];

/// Where the content loss looks.
pub const CONTENT_LAYER: Layer = Layer::Relu4_2;

/// Means of ImageNet's channels in the order of the network's input: blue, green, red.
pub const MEAN_BGR: [f32; 3] = [103.939, 116.779, 123.68];

/// A network on a device, from which passes for pictures of any size are made.
pub trait Device: Send + Sync + std::fmt::Debug {
    /// Such as `cpu avx512`.
    fn label(&self) -> String;

    /// A pass for pictures of one shape, with its buffers.
    fn pass(&self, shape: Shape) -> Box<dyn Pass>;
}

/// Forward and backward for pictures of one shape.
pub trait Pass: Send + Sync + std::fmt::Debug {
    /// The statistics of `image` at each of [`STYLE_LAYERS`].
    ///
    /// # Errors
    /// Where the device fails.
    fn statistics(&mut self, image: &Image) -> Result<Vec<LayerStatistics>, EngineError>;

    /// The feature maps of `image` at [`CONTENT_LAYER`].
    ///
    /// # Errors
    /// Where the device fails.
    fn features(&mut self, image: &Image) -> Result<Features, EngineError>;

    /// The loss of `image` under `objective`; its gradient (`height * width * 3`, RGB) overwrites `gradient`.
    ///
    /// # Errors
    /// Where the device fails.
    fn evaluate(&mut self, image: &Image, objective: &Objective, gradient: &mut [f32]) -> Result<Terms, EngineError>;
}

/// The parts of a loss, weights included.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Terms {
    pub content: f64,
    pub style: f64,
}

/// The network's input for an RGB picture: BGR less the means.
fn network_input(image: &Image) -> Vec<f32> {
    image.rgb.chunks_exact(3).flat_map(|p| [p[2] - MEAN_BGR[0], p[1] - MEAN_BGR[1], p[0] - MEAN_BGR[2]]).collect()
}
