//! The pass at the shapes of VGG-19, with random weights: a picture of 512 x 512 forward to each
//! layer, there and back, the statistics of each layer, and whole iterations of style transfer.
//!
//! Run with `cargo bench -p impasto-kernels`, on all cores, at every level that the processor has.
//! Before anything is timed at a level, its answer is checked against the scalar level on a small
//! crop.

use std::{
    fmt,
    num::NonZero,
    sync::{Arc, LazyLock, OnceLock},
};

use divan::{Bencher, counter::ItemsCount};
use impasto_kernels::{
    ConvWeights, Edge, Layer, Level, Network, Pass, Pool, Precision, Seed, Shape,
};

const STYLE: [Layer; 5] =
    [Layer::Relu1_1, Layer::Relu2_1, Layer::Relu3_1, Layer::Relu4_1, Layer::Relu5_1];

/// Output channels of conv1_1 to conv5_1 in VGG-19.
const CHANNELS: [usize; 13] = [64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512];

/// Winograd's rounding, and the few ReLUs that it opens or closes (see the tests).
const TOLERANCE: f64 = 0.02;

fn main() {
    divan::main();
}

/// What a time is of: multiply-adds of a direct convolution per second are comparable between
/// levels, layers and programs.
struct Case {
    level: Level,
    layer: Layer,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.level, self.layer)
    }
}

/// Every layer at every level that vectors make fast.
fn cases() -> impl Iterator<Item = Case> {
    levels().flat_map(|level| Layer::ALL.into_iter().map(move |layer| Case { level, layer }))
}

fn levels() -> impl Iterator<Item = Level> {
    Level::available().into_iter().filter(|level| *level > Level::Scalar)
}

/// The layers up to one: the difference between two neighbours is what lies between them.
#[divan::bench(args = cases(), sample_count = 5)]
fn forward_512(bencher: Bencher<'_, '_>, case: &Case) {
    let (mut pass, pixels) = prepare(case.level, 512);
    let work = multiply_adds(case.layer, 512);
    bencher.counter(ItemsCount::new(work)).bench_local(|| pass.forward(&pixels, case.layer));
}

#[divan::bench(args = cases(), sample_count = 5)]
fn there_and_back_512(bencher: Bencher<'_, '_>, case: &Case) {
    let (mut pass, pixels) = prepare(case.level, 512);
    let mean = vec![1.0; case.layer.channels()];
    let mut gradient = vec![0.0; pixels.len()];
    let work = 2 * multiply_adds(case.layer, 512);
    bencher.counter(ItemsCount::new(work)).bench_local(|| {
        pass.forward(&pixels, case.layer);
        pass.backward(
            &[Seed { layer: case.layer, gram: None, mean: Some(&mean), target: None }],
            &mut gradient,
        );
    });
}

#[divan::bench(args = cases(), sample_count = 5)]
fn statistics_512(bencher: Bencher<'_, '_>, case: &Case) {
    let (mut pass, pixels) = prepare(case.level, 512);
    pass.forward(&pixels, case.layer);
    bencher.bench_local(|| pass.moments(case.layer, &pass.shape().region()));
}

/// A level and the picture's size: a whole iteration of style transfer, counted in pixels.
#[divan::bench(args = levels()
    .flat_map(|level| [256, 512, 1024].map(|size| (level.to_string(), size))), sample_count = 3)]
fn iteration(bencher: Bencher<'_, '_>, (level, size): &(String, usize)) {
    let level = level.parse().expect("a level prints what it reads");
    let (mut pass, pixels) = prepare(level, *size);
    bencher.counter(ItemsCount::new(size * size)).bench_local(|| iterate(&mut pass, &pixels));
}

/// Multiply-adds of the convolutions up to a layer, by their direct sums.
fn multiply_adds(layer: Layer, size: usize) -> usize {
    let convolutions = match layer {
        Layer::Relu1_1 => 1,
        Layer::Relu2_1 => 3,
        Layer::Relu3_1 => 5,
        Layer::Relu4_1 => 9,
        Layer::Relu4_2 => 10,
        Layer::Relu5_1 => 13,
    };
    let halvings = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4];
    let inputs = [3].into_iter().chain(CHANNELS);
    inputs
        .zip(CHANNELS)
        .zip(halvings)
        .take(convolutions)
        .map(|((inputs, outputs), halvings)| 9 * inputs * outputs * (size >> halvings).pow(2))
        .sum()
}

/// Features, statistics of the five style layers, and the gradient of a style loss.
fn iterate(pass: &mut Pass, pixels: &[f32]) -> Vec<Vec<f32>> {
    pass.forward(pixels, Layer::Relu5_1);
    let statistics = STYLE.map(|layer| pass.moments(layer, &pass.shape().region()).normalized());
    let seeds: Vec<Seed<'_>> = STYLE
        .iter()
        .zip(&statistics)
        .map(|(layer, (gram, mean))| Seed {
            layer: *layer,
            gram: Some(gram),
            mean: Some(mean),
            target: None,
        })
        .collect();
    let mut gradient = vec![0.0; pixels.len()];
    pass.backward(&seeds, &mut gradient);
    statistics.into_iter().flat_map(|(gram, mean)| [gram, mean]).chain([gradient]).collect()
}

/// A pass at a level whose answer was checked, and a picture.
fn prepare(level: Level, size: usize) -> (Pass, Vec<f32>) {
    static CHECKED: [OnceLock<Arc<Network>>; 4] = [const { OnceLock::new() }; 4];
    static EXPECTED: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| crop(network(Level::Scalar)));
    let network = CHECKED[level as usize].get_or_init(|| {
        let network = network(level);
        for (found, expected) in crop(Arc::clone(&network)).iter().zip(&*EXPECTED) {
            let square = |value: f32| f64::from(value) * f64::from(value);
            let difference: f64 = found.iter().zip(expected).map(|(x, y)| square(x - y)).sum();
            let error =
                (difference / expected.iter().map(|value| square(*value)).sum::<f64>()).sqrt();
            assert!(error < TOLERANCE, "the answer at {level} is off by {error}");
        }
        network
    });
    prepare_with(Arc::clone(network), size)
}

/// An iteration on a picture small enough for the scalar loops.
fn crop(network: Arc<Network>) -> Vec<Vec<f32>> {
    let (mut pass, pixels) = prepare_with(network, 20);
    iterate(&mut pass, &pixels)
}

fn prepare_with(network: Arc<Network>, size: usize) -> (Pass, Vec<f32>) {
    static POOL: LazyLock<Arc<rayon::ThreadPool>> = LazyLock::new(|| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
    });
    let shape = Shape {
        width: size,
        height: size,
        edge_x: Edge::Zero,
        edge_y: Edge::Zero,
        pool: Pool::Max,
        seam_x: 0,
        seam_y: 0,
    };
    let pixels = random(size * size * 3, 1).into_iter().map(|value| 120.0 * value).collect();
    (Pass::new(network, shape, Arc::clone(&POOL)), pixels)
}

/// VGG-19 with random weights, scaled so that features keep their size.
fn network(level: Level) -> Arc<Network> {
    let mut inputs = 3;
    let weights: Vec<(usize, Vec<f32>, Vec<f32>)> = CHANNELS
        .iter()
        .zip(2..)
        .map(|(&outputs, seed)| {
            let in_channels = std::mem::replace(&mut inputs, outputs);
            let scale = (6.0 / (9.0 * in_channels as f32)).sqrt();
            let weights = random(in_channels * outputs * 9, seed)
                .into_iter()
                .map(|value| value * scale)
                .collect();
            (in_channels, weights, random(outputs, seed + 100))
        })
        .collect();
    let layers: Vec<ConvWeights<'_>> = weights
        .iter()
        .map(|(in_channels, weights, bias)| ConvWeights {
            in_channels: *in_channels,
            out_channels: bias.len(),
            weights,
            bias,
        })
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
