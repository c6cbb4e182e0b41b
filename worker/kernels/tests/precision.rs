//! The bf16 pass computes what the fp32 pass computes, to the rounding of bf16, at the widths of
//! real layers.

mod tiny;

use std::sync::Arc;

use impasto_kernels::{Layer, Level, Network, Pass, Pool, Precision, Seed, Shape};
use tiny::{EDGES, POOLS, Random, Weights, bf16_networks, error, mean_error, pool, statistics};

/// Thirteen layers of features and weights rounded at 2^-9, relative to the largest value of a
/// layer. A product of two features has twice that.
const FEATURES: f32 = 0.03;

/// The gradient is rounded as often again, and meets the rounded features in its seeds.
const OPEN_GRADIENT: f64 = 0.03;

/// Where rounding closes a ReLU or moves a maximum, the gradient takes another way.
const GRADIENT: f64 = 0.3;

/// Features, statistics, and the gradient of a style loss.
fn answer(network: Arc<Network>, shape: Shape) -> (Vec<Vec<f32>>, Vec<Vec<f32>>, Vec<f32>) {
    let pixels: Vec<f32> = Random(9).floats(shape.width * shape.height * 3);
    let mut pass = Pass::new(network, shape, pool(2));
    pass.forward(&pixels, Layer::Relu5_1);
    let features = Layer::ALL.map(|layer| pass.features(layer)).to_vec();
    let moments = Layer::ALL.map(|layer| (layer, statistics(&pass, layer)));
    // As far from the statistics of a style as those of another picture are.
    let mut random = Random(10);
    let seeds: Vec<_> = moments
        .iter()
        .map(|(layer, (gram, mean))| {
            let mut apart = |values: &[f32]| {
                values.iter().map(|value| value * random.float()).collect::<Vec<f32>>()
            };
            (*layer, apart(gram), apart(mean))
        })
        .collect();
    let seeds: Vec<Seed<'_>> = seeds
        .iter()
        .map(|(layer, gram, mean)| Seed {
            layer: *layer,
            gram: Some(gram),
            mean: Some(mean),
            target: None,
        })
        .collect();
    let mut gradient = vec![f32::NAN; pixels.len()];
    pass.backward(&seeds, &mut gradient);
    (features, moments.into_iter().flat_map(|(_, (gram, mean))| [gram, mean]).collect(), gradient)
}

fn check(weights: &Weights, shape: Shape, gradient: f64) {
    let expected = answer(weights.network(Level::detect()), shape);
    for network in bf16_networks(weights) {
        assert_eq!(network.precision(), Precision::Bf16);
        let found = answer(network.clone(), shape);
        for (found, expected) in found.0.iter().zip(&expected.0) {
            assert!(
                error(found, expected) < FEATURES,
                "features of {network:?}, {shape:?}: {}",
                error(found, expected)
            );
        }
        for (found, expected) in found.1.iter().zip(&expected.1) {
            assert!(
                error(found, expected) < 2.0 * FEATURES,
                "statistics of {network:?}, {shape:?}: {}",
                error(found, expected)
            );
        }
        let difference = mean_error(&found.2, &expected.2);
        assert!(difference < gradient, "gradient of {network:?}, {shape:?}: {difference}");
    }
}

#[test]
fn real_widths_agree_with_fp32() {
    let (open, closing) =
        (Weights::open([64, 128, 64, 96, 64], 1), Weights::new([64, 128, 64, 96, 64], 2));
    for (edge, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
        check(
            &closing,
            Shape { width: 61, height: 50, edge_x: edge, edge_y: edge, pool, seam_x: 0, seam_y: 0 },
            GRADIENT,
        );
    }
    for edge in EDGES {
        let shape = Shape {
            width: 40,
            height: 35,
            edge_x: edge,
            edge_y: edge,
            pool: Pool::Average,
            seam_x: 0,
            seam_y: 0,
        };
        check(&open, shape, OPEN_GRADIENT);
    }
}

#[test]
fn a_precision_that_is_not_fast_is_raised() {
    let (whole, odd) = (Weights::new([32; 5], 3), Weights::new([16, 32, 32, 32, 32], 3));
    let precision = |weights: &Weights, level, precision| {
        Network::new(&weights.layers(), level, precision).expect("a network").precision()
    };
    for level in Level::available() {
        let fastest = if level == Level::Amx { Precision::Bf16 } else { Precision::Fp32 };
        assert_eq!(precision(&whole, level, Precision::Bf16), fastest, "{level}");
        assert_eq!(precision(&whole, level, Precision::Fp32), Precision::Fp32, "{level}");
        assert_eq!(
            precision(&odd, level, Precision::Bf16),
            Precision::Fp32,
            "{level}: channels are not whole blocks of 32"
        );
    }
}
