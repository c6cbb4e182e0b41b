//! The pass on the CPU's own kernels.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::{ConvWeights, Layer, Level, Network, Seed, Shape};
use impasto_models::VggWeights;
use rayon::ThreadPool;

use super::{CONTENT_LAYER, Device, Pass, STYLE_LAYERS, Terms, network_input};
use crate::objective::{Features, LayerStatistics, Objective};
use crate::{EngineError, Image};

/// How many of VGG-19's convolutions lie at or before relu5_1.
const CONVOLUTIONS: usize = 13;

/// VGG-19 on the CPU, its weights laid out for the instructions of `level`.
pub struct Cpu {
    network: Arc<Network>,
    threads: Arc<ThreadPool>,
}

impl Cpu {
    /// Prepares the network.
    ///
    /// # Errors
    /// Where the weights are not VGG-19's.
    pub fn new(weights: &VggWeights, level: Level, threads: Arc<ThreadPool>) -> Result<Self, EngineError> {
        let layers: Vec<_> = weights
            .convolutions
            .iter()
            .take(CONVOLUTIONS)
            .map(|conv| ConvWeights {
                in_channels: conv.in_channels,
                out_channels: conv.out_channels,
                weights: &conv.weights,
                bias: &conv.bias,
            })
            .collect();
        let network = Network::new(&layers, level).map_err(|error| EngineError::Weights(error.to_string()))?;
        Ok(Self { network: Arc::new(network), threads })
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("level", &self.network.level()).finish_non_exhaustive()
    }
}

impl Device for Cpu {
    fn label(&self) -> String {
        format!("cpu {}", self.network.level())
    }

    fn pass(&self, shape: Shape) -> Box<dyn Pass> {
        Box::new(CpuPass { pass: impasto_kernels::Pass::new(self.network.clone(), shape, self.threads.clone()) })
    }
}

struct CpuPass {
    pass: impasto_kernels::Pass,
}

impl fmt::Debug for CpuPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CpuPass")
    }
}

impl CpuPass {
    fn layer_statistics(&self, layer: Layer) -> LayerStatistics {
        let (width, height, channels) = self.pass.feature_shape(layer);
        let mut statistics = LayerStatistics { pixels: width * height, gram: vec![0.0; channels * channels], mean: vec![0.0; channels] };
        self.pass.statistics(layer, &mut statistics.gram, &mut statistics.mean);
        statistics
    }
}

impl Pass for CpuPass {
    fn statistics(&mut self, image: &Image) -> Result<Vec<LayerStatistics>, EngineError> {
        self.pass.forward(&network_input(image), Layer::Relu5_1);
        Ok(STYLE_LAYERS.into_iter().map(|layer| self.layer_statistics(layer)).collect())
    }

    fn features(&mut self, image: &Image) -> Result<Features, EngineError> {
        self.pass.forward(&network_input(image), CONTENT_LAYER);
        let (_, _, channels) = self.pass.feature_shape(CONTENT_LAYER);
        Ok(Features { channels, values: self.pass.features(CONTENT_LAYER).to_vec() })
    }

    fn evaluate(&mut self, image: &Image, objective: &Objective, gradient: &mut [f32]) -> Result<Terms, EngineError> {
        self.pass.forward(&network_input(image), objective.deepest());
        let mut terms = Terms::default();
        let mut pulls = Vec::new();
        for (layer, target) in &objective.style {
            let pull = target.pull(&self.layer_statistics(*layer));
            terms.style += pull.loss;
            pulls.push((*layer, pull));
        }
        let mut seeds: Vec<_> = pulls
            .iter()
            .map(|(layer, pull)| Seed { layer: *layer, gram: Some(&pull.gram), mean: Some(&pull.mean), target: None })
            .collect();
        if let Some(content) = &objective.content {
            terms.content = content.loss(self.pass.features(CONTENT_LAYER));
            let pull = (content.features.as_slice(), (2.0 * content.weight) as f32);
            seeds.push(Seed { layer: CONTENT_LAYER, gram: None, mean: None, target: Some(pull) });
        }
        self.pass.backward(&seeds, gradient);
        // The network's order is BGR; the picture's is RGB.
        gradient.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
        Ok(terms)
    }
}
