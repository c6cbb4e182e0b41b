#![allow(dead_code)] // each test file uses its own part

//! Small networks of VGG's topology with seeded random weights, and random pictures.

use std::sync::Arc;

use impasto_kernels::{
    ConvWeights, Edge, FeatureMap, Layer, Level, Network, Pass, Pool, Precision, Products, Shape,
};

/// A small generator (SplitMix64), so that a failing case is the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in -1..1.
    pub(crate) fn float(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }
}

/// The weights of a network: channels of the five stages.
pub(crate) struct Weights {
    layers: Vec<(usize, usize, Vec<f32>, Vec<f32>)>,
}

impl Weights {
    /// Scaled so that features keep their size through the layers.
    pub(crate) fn new(stages: [usize; 5], seed: u64) -> Self {
        let mut random = Random(seed);
        let stage_of = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4];
        let mut before = 3;
        let layers = stage_of
            .into_iter()
            .map(|stage| {
                let (inputs, outputs) = (before, stages[stage]);
                before = outputs;
                let scale = (6.0 / (9.0 * inputs as f32)).sqrt();
                let weights = random
                    .floats(inputs * outputs * 9)
                    .into_iter()
                    .map(|weight| weight * scale)
                    .collect();
                let bias = random.floats(outputs).into_iter().map(|bias| bias * 0.2).collect();
                (inputs, outputs, weights, bias)
            })
            .collect();
        Self { layers }
    }

    /// Features that stay positive: no ReLU closes, so that rounding cannot decide where a gradient
    /// goes.
    pub(crate) fn open(stages: [usize; 5], seed: u64) -> Self {
        let mut weights = Self::new(stages, seed);
        for (inputs, _, weights, bias) in &mut weights.layers {
            // Kernels that sum to zero, so that what the bias adds in one layer does not drown the
            // next.
            for kernel in weights.chunks_exact_mut(*inputs * 9) {
                let mean = kernel.iter().sum::<f32>() / kernel.len() as f32;
                kernel.iter_mut().for_each(|weight| *weight = 0.3 * (*weight - mean));
            }
            bias.iter_mut().for_each(|bias| *bias += 4.0);
        }
        weights
    }

    pub(crate) fn layers(&self) -> Vec<ConvWeights<'_>> {
        self.layers
            .iter()
            .map(|(in_channels, out_channels, weights, bias)| ConvWeights {
                in_channels: *in_channels,
                out_channels: *out_channels,
                weights,
                bias,
            })
            .collect()
    }

    pub(crate) fn network(&self, level: Level) -> Arc<Network> {
        Arc::new(Network::new(&self.layers(), level, Precision::Fp32).expect("a network"))
    }
}

/// The networks in bf16 that this machine can run.
#[allow(clippy::print_stdout)] // what is skipped is said
pub(crate) fn bf16_networks(weights: &Weights) -> Vec<Arc<Network>> {
    let best =
        Network::new(&weights.layers(), Level::detect(), Precision::Bf16).expect("a network");
    let mut networks = Vec::new();
    match best.precision() {
        Precision::Bf16 => networks.push(best),
        Precision::Fp32 => println!("skipped: {} has no fast products of bf16", Level::detect()),
    }
    for products in [Products::Plain, Products::Vectors] {
        match Network::by_products(&weights.layers(), products).expect("a network") {
            Some(network) => networks.push(network),
            None => println!("skipped: this processor has no {products:?} products of bf16"),
        }
    }
    networks.into_iter().map(Arc::new).collect()
}

pub(crate) fn pool(threads: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
}

pub(crate) fn pass(weights: &Weights, level: Level, shape: Shape, threads: usize) -> Pass {
    Pass::new(weights.network(level), shape, pool(threads))
}

/// The Gram matrix and the means of a layer, over the whole picture.
pub(crate) fn statistics(pass: &Pass, layer: Layer) -> (Vec<f32>, Vec<f32>) {
    pass.moments(layer, &pass.shape().region()).normalized()
}

/// A feature map of the size of the pass's own at a layer, filled by `value` of each index.
pub(crate) fn target(pass: &Pass, layer: Layer, mut value: impl FnMut(usize) -> f32) -> FeatureMap {
    let (width, height, channels) = pass.feature_shape(layer);
    let values = (0..width * height * channels).map(&mut value).collect();
    FeatureMap::of(layer, (width, height, channels), values)
}

pub(crate) const EDGES: [Edge; 4] = [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap];

pub(crate) const POOLS: [Pool; 2] = [Pool::Max, Pool::Average];

/// The largest difference, relative to the largest expected value.
pub(crate) fn error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().map(|value| value.abs()).fold(1e-20, f32::max);
    found
        .iter()
        .zip(expected)
        .map(|(x, y)| if (x - y).is_nan() { f32::INFINITY } else { (x - y).abs() })
        .fold(0.0, f32::max)
        / scale
}

/// The root mean square difference, relative to the root mean square expected value.
pub(crate) fn mean_error(found: &[f32], expected: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value) * f64::from(value);
    let difference: f64 = found.iter().zip(expected).map(|(x, y)| square(x - y)).sum();
    (difference / expected.iter().map(|value| square(*value)).sum::<f64>().max(1e-30)).sqrt()
}
