//! Times each convolution, forward and backward, within whole passes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use impasto_kernels::{
    ConvWeights, Direction, Edge, Layer, Network, NetworkError, Pass, Pool, Seed, Shape, vgg,
};
use serde::Serialize;

use super::{Stage, subject};

/// The times of a convolution and the pooling next to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LayerReport {
    pub layer: &'static str,
    pub forward_ms: f64,
    pub forward_gflops: f64,
    pub backward_ms: f64,
    pub backward_gflops: f64,
}

/// The times of a pass's parts.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) layers: Vec<LayerReport>,
    pub(super) statistics_ms: f64,
}

/// The fastest of these passes counts; the first warms up.
const PASSES: usize = 4;

impl Stage<'_> {
    /// The network as the engine prepares it.
    pub(super) fn network(&self) -> Result<Arc<Network>, NetworkError> {
        let layers = self.weights.convolutions.iter().take(vgg::CONVOLUTIONS);
        let layers: Vec<_> = layers
            .map(|layer| ConvWeights {
                in_channels: layer.in_channels,
                out_channels: layer.out_channels,
                weights: &layer.weights,
                bias: &layer.bias,
            })
            .collect();
        Ok(Arc::new(Network::new(&layers, self.level, self.precision())?))
    }

    /// Multiplications and additions of each convolution at a picture of this side.
    pub(super) fn flop(&self, side: u32) -> Vec<f64> {
        let layers = self.weights.convolutions.iter().zip(vgg::HALVINGS);
        let flop = layers.map(|(layer, halvings)| {
            let side = f64::from(side.div_ceil(1 << halvings));
            2.0 * 9.0 * (layer.in_channels * layer.out_channels) as f64 * side * side
        });
        flop.collect()
    }
}

pub(super) fn measure(stage: &Stage<'_>, network: &Arc<Network>, side: u32) -> Times {
    let length = side as usize;
    let pixels: Vec<f32> =
        subject::picture(side, 1).rgb.iter().map(|value| value - 128.0).collect();
    let shape = Shape {
        width: length,
        height: length,
        edge_x: Edge::Reflect,
        edge_y: Edge::Reflect,
        pool: Pool::Max,
        seam_x: 0,
        seam_y: 0,
    };
    let mut pass = Pass::new(Arc::clone(network), shape, Arc::clone(&stage.pool));
    let marks = Arc::new(Mutex::new(Marks::new()));
    let seen = Arc::clone(&marks);
    pass.watch(Box::new(move |layer, direction| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).mark(layer, direction)
    }));
    let begin = || marks.lock().unwrap_or_else(PoisonError::into_inner).last = Instant::now();
    let means: Vec<_> =
        Layer::STYLE.iter().map(|layer| vec![1.0; network.channels(*layer)]).collect();
    // No Gram matrices: their products do not belong to the convolutions.
    let seeds: Vec<_> = Layer::STYLE
        .iter()
        .zip(&means)
        .map(|(layer, mean)| Seed { layer: *layer, gram: None, mean: Some(mean), target: None })
        .collect();
    let mut gradient = vec![0.0; pixels.len()];
    let mut statistics_ms = f64::INFINITY;
    for _ in 0..PASSES {
        begin();
        pass.forward(&pixels, Layer::Relu5_1);
        let began = Instant::now();
        Layer::STYLE.iter().for_each(|layer| drop(pass.moments(*layer, &shape.region())));
        statistics_ms = statistics_ms.min(began.elapsed().as_secs_f64() * 1e3);
        begin();
        pass.backward(&seeds, &mut gradient);
    }
    drop(pass);
    let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
    let layers = marks.layers.iter().zip(stage.flop(side)).map(|(times, flop)| LayerReport {
        layer: times.layer,
        forward_ms: times.forward_ms,
        forward_gflops: flop / (times.forward_ms * 1e6),
        backward_ms: times.backward_ms,
        backward_gflops: flop / (times.backward_ms * 1e6),
    });
    Times { layers: layers.collect(), statistics_ms }
}

/// Collects the marks that a pass reports.
#[derive(Debug)]
struct Marks {
    last: Instant,
    /// In the order of the first forward pass.
    layers: Vec<Best>,
}

/// The shortest time of each direction.
#[derive(Debug)]
struct Best {
    layer: &'static str,
    forward_ms: f64,
    backward_ms: f64,
}

impl Marks {
    fn new() -> Self {
        Self { last: Instant::now(), layers: Vec::new() }
    }

    fn mark(&mut self, layer: &'static str, direction: Direction) {
        let now = Instant::now();
        let took_ms = (now - self.last).as_secs_f64() * 1e3;
        self.last = now;
        let at = self.layers.iter().position(|best| best.layer == layer).unwrap_or_else(|| {
            self.layers.push(Best { layer, forward_ms: f64::INFINITY, backward_ms: f64::INFINITY });
            self.layers.len() - 1
        });
        let best = &mut self.layers[at];
        match direction {
            Direction::Forward => best.forward_ms = best.forward_ms.min(took_ms),
            Direction::Backward => best.backward_ms = best.backward_ms.min(took_ms),
        }
    }
}
