//! The pass at the shapes of VGG-19, with random weights: forward to each layer, there and back, the statistics of each, and a
//! whole iteration of style transfer at two sizes.
//!
//! Run with `cargo bench -p impasto-kernels`. The networks use the best level of the processor and all its cores; before anything is timed,
//! their answer is checked against the scalar level on a small crop.

use std::{
    num::NonZero,
    sync::{Arc, LazyLock},
};

use divan::{Bencher, counter::ItemsCount};
use impasto_kernels::{ConvWeights, Edge, Layer, Level, Network, Pass, Pool, Precision, Seed, Shape};

const STYLE: [Layer; 5] = [Layer::Relu1_1, Layer::Relu2_1, Layer::Relu3_1, Layer::Relu4_1, Layer::Relu5_1];

/// Output channels of conv1_1 to conv5_1 in VGG-19.
const CHANNELS: [usize; 13] = [64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512];

/// Winograd's rounding, and the few ReLUs that it opens or closes (see the tests).
const TOLERANCE: f64 = 0.02;

fn main() {
    LazyLock::force(&NETWORK);
    divan::main();
}

static NETWORK: LazyLock<Arc<Network>> = LazyLock::new(|| {
    let weights = weights();
    let network = network(&weights, Level::detect());
    let (expected, found) = (crop(crate::network(&weights, Level::Scalar)), crop(Arc::clone(&network)));
    for (found, expected) in found.iter().zip(&expected) {
        let square = |value: f32| f64::from(value) * f64::from(value);
        let difference: f64 = found.iter().zip(expected).map(|(x, y)| square(x - y)).sum();
        let error = (difference / expected.iter().map(|value| square(*value)).sum::<f64>()).sqrt();
        assert!(error < TOLERANCE, "the fast answer is off by {error}");
    }
    network
});

static POOL: LazyLock<Arc<rayon::ThreadPool>> = LazyLock::new(|| {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
});

#[divan::bench(args = Layer::ALL, sample_count = 5)]
fn forward_256(bencher: Bencher<'_, '_>, layer: Layer) {
    let (mut pass, pixels) = prepare(256);
    bencher.bench_local(|| pass.forward(&pixels, layer));
}

#[divan::bench(args = Layer::ALL, sample_count = 5)]
fn there_and_back_256(bencher: Bencher<'_, '_>, layer: Layer) {
    let (mut pass, pixels) = prepare(256);
    let mean = vec![1.0; layer.channels()];
    let mut gradient = vec![0.0; pixels.len()];
    bencher.bench_local(|| {
        pass.forward(&pixels, layer);
        pass.backward(&[Seed { layer, gram: None, mean: Some(&mean), target: None }], &mut gradient);
    });
}

#[divan::bench(args = STYLE, sample_count = 5)]
fn statistics_256(bencher: Bencher<'_, '_>, layer: Layer) {
    let (mut pass, pixels) = prepare(256);
    pass.forward(&pixels, layer);
    bencher.bench_local(|| pass.moments(layer, &pass.shape().region()));
}

#[divan::bench(args = [256, 512], sample_count = 5)]
fn iteration(bencher: Bencher<'_, '_>, size: usize) {
    let (mut pass, pixels) = prepare(size);
    bencher.counter(ItemsCount::new(size * size)).bench_local(|| iterate(&mut pass, &pixels));
}

/// Features, statistics of the five style layers, and the gradient of a style loss.
fn iterate(pass: &mut Pass, pixels: &[f32]) -> Vec<Vec<f32>> {
    pass.forward(pixels, Layer::Relu5_1);
    let statistics = STYLE.map(|layer| {
        let moments = pass.moments(layer, &pass.shape().region());
        moments.normalized()
    });
    let seeds: Vec<Seed<'_>> = STYLE
        .iter()
        .zip(&statistics)
        .map(|(layer, (gram, mean))| Seed { layer: *layer, gram: Some(gram), mean: Some(mean), target: None })
        .collect();
    let mut gradient = vec![0.0; pixels.len()];
    pass.backward(&seeds, &mut gradient);
    statistics.into_iter().flat_map(|(gram, mean)| [gram, mean]).chain([gradient]).collect()
}

/// An iteration on a picture small enough for the scalar loops.
fn crop(network: Arc<Network>) -> Vec<Vec<f32>> {
    let (mut pass, pixels) = prepare_with(network, 20);
    iterate(&mut pass, &pixels)
}

fn prepare(size: usize) -> (Pass, Vec<f32>) {
    prepare_with(Arc::clone(&NETWORK), size)
}

fn prepare_with(network: Arc<Network>, size: usize) -> (Pass, Vec<f32>) {
    let shape = Shape { width: size, height: size, edge_x: Edge::Zero, edge_y: Edge::Zero, pool: Pool::Max, seam_x: 0, seam_y: 0 };
    let pixels = random(size * size * 3, 1).into_iter().map(|value| 120.0 * value).collect();
    (Pass::new(network, shape, Arc::clone(&POOL)), pixels)
}

/// Weights and bias of each convolution, scaled so that features keep their size.
fn weights() -> Vec<(Vec<f32>, Vec<f32>)> {
    let mut inputs = 3;
    CHANNELS
        .iter()
        .zip(2..)
        .map(|(outputs, seed)| {
            let scale = (6.0 / (9.0 * inputs as f32)).sqrt();
            let weights = random(inputs * outputs * 9, seed).into_iter().map(|value| value * scale).collect();
            inputs = *outputs;
            (weights, random(*outputs, seed + 100))
        })
        .collect()
}

fn network(weights: &[(Vec<f32>, Vec<f32>)], level: Level) -> Arc<Network> {
    let layers: Vec<ConvWeights<'_>> = weights
        .iter()
        .zip([3].iter().chain(&CHANNELS))
        .map(|((weights, bias), in_channels)| ConvWeights { in_channels: *in_channels, out_channels: bias.len(), weights, bias })
        .collect();
    Arc::new(Network::new(&layers, level, Precision::Fp32).expect("the topology of VGG-19"))
}

/// Uniform in -1..1, from a small generator (SplitMix64).
fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (0..len).map(|_| (next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}
