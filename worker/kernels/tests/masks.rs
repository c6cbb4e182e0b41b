//! Masks: weights of one are no mask, every level agrees with the scalar one, the gradient is that
//! of the weighted loss, and what lies outside is seen through receptive fields alone.

mod tiny;

use std::sync::Arc;

use impasto_kernels::{
    Edge, FeatureMap, Layer, Level, Mask, Moments, Network, Pass, Pool, Seed, Shape, Target,
};
use proptest::prelude::*;
use tiny::{EDGES, POOLS, Random, Weights, bf16_networks, error, mean_error, pool, target};

/// As for the pass without a mask.
const TOLERANCE: f32 = 3e-4;

/// Everything that a mask changes.
#[derive(Debug, PartialEq)]
struct Answer {
    moments: Vec<Moments>,
    distances: Vec<f64>,
    gradient: Vec<f32>,
}

fn shape(width: usize, height: usize, edge: Edge, pool: Pool) -> Shape {
    Shape { width, height, edge_x: edge, edge_y: edge, pool, seam_x: 0, seam_y: 0 }
}

/// Soft weights: a third zero, a third one, the others between.
fn weights_of(shape: Shape, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    (0..shape.width * shape.height).map(|_| (1.5 * random.float() + 0.5).clamp(0.0, 1.0)).collect()
}

fn masked(network: Arc<Network>, shape: Shape, weights: Option<&[f32]>) -> Pass {
    let mut pass = Pass::new(network, shape, pool(2));
    let mask = weights.map(|weights| Mask::new(shape.width, shape.height, weights));
    pass.set_mask(mask.map(|mask| mask.tile(&shape, (0, 0))));
    pass
}

fn answer(network: Arc<Network>, shape: Shape, weights: Option<&[f32]>) -> Answer {
    let mut random = Random(9);
    let pixels = random.floats(shape.width * shape.height * 3);
    let mut pass = masked(network, shape, weights);
    pass.forward(&pixels, Layer::Relu5_1);
    let parts: Vec<(Layer, Vec<f32>, Vec<f32>, FeatureMap)> = Layer::ALL
        .into_iter()
        .map(|layer| {
            let (width, height, channels) = pass.feature_shape(layer);
            let size = (width * height) as f32;
            let gram =
                random.floats(channels * channels).into_iter().map(|value| value / size).collect();
            (layer, gram, random.floats(channels), target(&pass, layer, |_| random.float()))
        })
        .collect();
    let region = shape.region();
    let moments = Layer::ALL.map(|layer| pass.moments(layer, &region)).to_vec();
    let distances =
        parts.iter().map(|(_, _, _, map)| pass.distance(&region, map, (0, 0))).collect();
    let seeds: Vec<Seed<'_>> = parts
        .iter()
        .map(|(layer, gram, mean, map)| Seed {
            layer: *layer,
            gram: Some(gram),
            mean: Some(mean),
            target: Some(Target { map, origin: (0, 0), factor: 0.1 }),
        })
        .collect();
    let mut gradient = vec![f32::NAN; pixels.len()];
    pass.backward(&seeds, &mut gradient);
    Answer { moments, distances, gradient }
}

/// Networks in single precision at every level, and in bf16 by every product that there is.
fn networks(weights: &Weights) -> Vec<Arc<Network>> {
    let levels = Level::available().into_iter().map(|level| weights.network(level));
    levels.chain(bf16_networks(weights)).collect()
}

#[test]
fn weights_of_one_change_no_bit() {
    for weights in [Weights::new([32, 64, 32, 64, 32], 1), Weights::new([4, 6, 8, 5, 7], 2)] {
        for (edge, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
            let shape = shape(53, 38, edge, pool);
            let ones = vec![1.0; 53 * 38];
            for network in networks(&weights) {
                let found = answer(network.clone(), shape, Some(&ones));
                assert!(found == answer(network.clone(), shape, None), "{network:?}, {shape:?}");
            }
        }
    }
}

fn check(weights: &Weights, shape: Shape, seed: u64) {
    let mask = weights_of(shape, seed);
    let expected = answer(weights.network(Level::Scalar), shape, Some(&mask));
    for level in Level::available() {
        let found = answer(weights.network(level), shape, Some(&mask));
        for (found, expected) in found.moments.iter().zip(&expected.moments) {
            assert!((found.weight - expected.weight).abs() <= 1e-12 * expected.weight);
            let ((gram, mean), (wanted_gram, wanted_mean)) =
                (found.normalized(), expected.normalized());
            let error = error(&gram, &wanted_gram).max(error(&mean, &wanted_mean));
            assert!(error < TOLERANCE, "statistics at {level}, {shape:?}: {error}");
        }
        for (found, expected) in found.distances.iter().zip(&expected.distances) {
            let error = (found - expected).abs() / expected.max(1e-9);
            assert!(error < f64::from(TOLERANCE), "distance at {level}, {shape:?}: {error}");
        }
        let error = mean_error(&found.gradient, &expected.gradient);
        assert!(error < f64::from(TOLERANCE), "gradient at {level}, {shape:?}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn any_mask_agrees_with_the_scalar_level(
        width in 1usize..40,
        height in 1usize..40,
        edge in 0usize..4,
        seed in any::<u64>(),
        stages in [1usize..4, 1usize..4, 1usize..4, 1usize..4, 1usize..4],
    ) {
        // No ReLU closes, so that rounding decides nothing.
        let weights = Weights::open(stages.map(|stage| if seed % 3 == 0 { stage * 5 } else {
            stage * 16 }), seed);
        check(&weights, shape(width, height, EDGES[edge], Pool::Average), seed);
    }
}

/// Features at eight bits, their products, and the weighted factor at eight bits again.
const BF16_STATISTICS: f32 = 0.07;

/// See `precision.rs`: the gradient where no ReLU closes.
const BF16_GRADIENT: f64 = 0.04;

#[test]
fn a_mask_in_bf16_agrees_with_fp32() {
    let weights = Weights::open([32, 64, 32, 64, 32], 3);
    for edge in EDGES {
        let shape = shape(61, 50, edge, Pool::Average);
        let mask = weights_of(shape, 5);
        let expected = answer(weights.network(Level::Scalar), shape, Some(&mask));
        for network in bf16_networks(&weights) {
            let found = answer(network.clone(), shape, Some(&mask));
            for (found, expected) in found.moments.iter().zip(&expected.moments) {
                assert_eq!(found.weight, expected.weight);
                let ((gram, mean), (wanted_gram, wanted_mean)) =
                    (found.normalized(), expected.normalized());
                let error = error(&gram, &wanted_gram).max(error(&mean, &wanted_mean));
                assert!(error < BF16_STATISTICS, "statistics of {network:?}, {shape:?}: {error}");
            }
            let error = mean_error(&found.gradient, &expected.gradient);
            assert!(error < BF16_GRADIENT, "gradient of {network:?}, {shape:?}: {error}");
        }
    }
}

/// The loss `sum of (G - aim)^2 + sum of (mean - aim)^2 + sum of w (F - aim)^2` of a layer, in f64
/// from the pass's own sums.
fn loss(pass: &mut Pass, pixels: &[f32], layer: Layer) -> f64 {
    pass.forward(pixels, layer);
    let region = pass.shape().region();
    let moments = pass.moments(layer, &region);
    let channels = moments.channels();
    let mut products = moments.products.iter();
    let mut loss = 0.0;
    for i in 0..channels {
        for (j, product) in (i..channels).zip(products.by_ref()) {
            let times = if i == j { 1.0 } else { 2.0 };
            loss += times * (product / moments.weight - f64::from(aim(i + j))).powi(2);
        }
        loss += (moments.sum[i] / moments.weight - f64::from(aim(i))).powi(2);
    }
    let map = target(pass, layer, aim);
    loss + pass.distance(&region, &map, (0, 0)) / moments.weight
}

/// What the losses compare with.
fn aim(index: usize) -> f32 {
    (index % 7) as f32 * 0.2
}

fn gradient(pass: &mut Pass, pixels: &[f32], layer: Layer) -> Vec<f32> {
    pass.forward(pixels, layer);
    let moments = pass.moments(layer, &pass.shape().region());
    let (channels, weight) = (moments.channels(), moments.weight as f32);
    let (mut gram, mut mean) = moments.normalized();
    for (entry, value) in gram.iter_mut().enumerate() {
        *value = 4.0 / weight * (*value - aim(entry / channels + entry % channels));
    }
    mean.iter_mut().enumerate().for_each(|(i, value)| *value = 2.0 / weight * (*value - aim(i)));
    let map = target(pass, layer, aim);
    let target = Some(Target { map: &map, origin: (0, 0), factor: 2.0 / weight });
    let mut gradient = vec![f32::NAN; pixels.len()];
    pass.backward(&[Seed { layer, gram: Some(&gram), mean: Some(&mean), target }], &mut gradient);
    gradient
}

#[test]
fn the_gradient_is_the_slope_of_the_weighted_loss() {
    let weights = Weights::new([8, 16, 16, 16, 12], 11);
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    for level in Level::available() {
        for (edge, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
            for layer in [Layer::Relu1_1, Layer::Relu3_1, Layer::Relu4_2] {
                let shape = shape(43, 37, edge, pool);
                let mask = weights_of(shape, 6);
                let mut pass = masked(weights.network(level), shape, Some(&mask));
                let pixels = Random(21).floats(43 * 37 * 3);
                let gradient = gradient(&mut pass, &pixels, layer);
                let length = dot(&gradient, &gradient).sqrt();
                let step = 3e-4;
                let mut moved = |sign: f64| {
                    let along = |slope: &f32| (sign * step * f64::from(*slope) / length) as f32;
                    let pixels: Vec<f32> = pixels
                        .iter()
                        .zip(&gradient)
                        .map(|(pixel, slope)| pixel + along(slope))
                        .collect();
                    loss(&mut pass, &pixels, layer)
                };
                let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
                assert!(
                    (slope - length).abs() < 0.02 * length,
                    "{level} {shape:?} {layer:?}: slope {slope}, gradient {length}"
                );
            }
        }
    }
}

#[test]
fn what_lies_far_outside_neither_counts_nor_moves() {
    let weights = Weights::new([16; 5], 13);
    let shape = shape(320, 32, Edge::Zero, Pool::Max);
    // The first columns count; beyond what their features see, pixels may be anything.
    let mask: Vec<f32> =
        (0..320 * 32).map(|pixel| if pixel % 320 < 64 { 1.0 } else { 0.0 }).collect();
    let near = 64 + Layer::Relu5_1.forward_halo_px();
    // The plain loops are exact there; a Winograd window of the others mixes roundings from farther
    // away.
    let mut pass = masked(weights.network(Level::Scalar), shape, Some(&mask));
    let mut pixels = Random(3).floats(320 * 32 * 3);
    pass.forward(&pixels, Layer::Relu5_1);
    let expected = Layer::ALL.map(|layer| pass.moments(layer, &shape.region()));
    for (index, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        if index % 320 >= near {
            pixel.fill(1.0);
        }
    }
    pass.forward(&pixels, Layer::Relu5_1);
    for (layer, expected) in Layer::ALL.into_iter().zip(&expected) {
        let found = pass.moments(layer, &shape.region());
        assert!(found == *expected, "{layer:?}");
    }
    let (gram, mean) = pass.moments(Layer::Relu5_1, &shape.region()).normalized();
    let mut gradient = vec![f32::NAN; pixels.len()];
    let layer = Layer::Relu5_1;
    let seed = Seed { layer, gram: Some(&gram), mean: Some(&mean), target: None };
    pass.backward(&[seed], &mut gradient);
    let moves = |columns: std::ops::Range<usize>| {
        let pixels = gradient.chunks_exact(3).enumerate();
        let mut inside = pixels.filter(|(index, _)| columns.contains(&(index % 320)));
        inside.any(|(_, slope)| slope.iter().any(|value| *value != 0.0))
    };
    assert!(moves(0..64) && !moves(near..320));
}
