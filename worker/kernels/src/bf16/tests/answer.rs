//! What a pass gives, and how two passes' answers compare.

use std::sync::Arc;

use super::Random;
use crate::{FeatureMap, Layer, Network, Pass, Precision, Region, Seed, Shape, Target};

/// Everything that a pass gives: features, Gram matrices and means of a region, and the gradient
/// for seeds of every kind.
#[derive(PartialEq)]
pub(super) struct Answer {
    features: Vec<Vec<f32>>,
    statistics: Vec<Vec<f32>>,
    distance: f64,
    gradient: Vec<f32>,
}

pub(super) fn threads(count: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("a pool"))
}

pub(super) fn answer(network: Arc<Network>, shape: Shape, count: usize) -> Answer {
    let mut random = Random(9);
    let pixels = random.floats(shape.width * shape.height * 3);
    // Buffers are reused: whatever an earlier pass left in them must not show.
    let other = Shape {
        width: shape.width + 3,
        height: shape.height.div_ceil(2),
        seam_x: 0,
        seam_y: 0,
        ..shape
    };
    let mut pass = Pass::new(network, other, threads(count));
    pass.forward(&random.floats(other.width * other.height * 3), Layer::Relu5_1);
    pass.reshape(shape, Layer::Relu5_1);
    pass.forward(&pixels, Layer::Relu5_1);
    let region = Region {
        x: 0..shape.width.min(if shape.seam_x > 0 { shape.seam_x } else { 16 }),
        y: 0..shape.height,
    };
    let mut answer = Answer {
        features: Vec::new(),
        statistics: Vec::new(),
        distance: 0.0,
        gradient: vec![f32::NAN; pixels.len()],
    };
    let mut parts = Vec::new();
    for layer in Layer::ALL {
        answer.features.push(pass.features(layer));
        for region in [&region, &shape.region()] {
            let (gram, mean) = pass.moments(layer, region).normalized();
            answer.statistics.extend([gram, mean]);
        }
        let (width, height, channels) = pass.feature_shape(layer);
        let size = (width * height) as f32;
        let gram: Vec<f32> =
            random.floats(channels * channels).into_iter().map(|value| value / size).collect();
        let map = FeatureMap::of(
            layer,
            (width, height, channels),
            random.floats(width * height * channels),
        );
        parts.push((layer, gram, random.floats(channels), map));
    }
    // A map knows no seam: with one, targets are another test's business.
    let target = |map| (shape.seam_x == 0).then_some(Target { map, origin: (0, 0), factor: 0.1 });
    let seeds: Vec<Seed<'_>> = parts
        .iter()
        .map(|(layer, gram, mean, map)| Seed {
            layer: *layer,
            gram: Some(gram),
            mean: Some(mean),
            target: target(map),
        })
        .collect();
    if shape.seam_x == 0 {
        answer.distance = pass.distance(&shape.region(), &parts[4].3, (0, 0));
        let mut kept = FeatureMap::new(
            Layer::Relu2_1,
            pass.feature_shape(Layer::Relu2_1).2,
            shape.width,
            shape.height,
            Precision::Bf16,
        );
        pass.keep(&shape.region(), &mut kept, (0, 0));
        assert!(
            shape.width == 0
                || pass.distance(&shape.region(), &kept, (0, 0)) <= 1e-4 * answer.distance.max(1.0)
        );
    }
    pass.backward(&seeds, &mut answer.gradient);
    answer
}

/// The largest difference, relative to the largest expected value.
pub(super) fn difference(found: &[f32], expected: &[f32]) -> f32 {
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
fn mean_difference(found: &[f32], expected: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value) * f64::from(value);
    let difference: f64 = found.iter().zip(expected).map(|(x, y)| square(x - y)).sum();
    (difference / expected.iter().map(|value| square(*value)).sum::<f64>().max(1e-30)).sqrt()
}

/// Thirteen layers of features and weights rounded at 2^-9, relative to the largest value of a
/// layer.
const FEATURES: f32 = 0.03;

/// A product of two features has the error of both.
const STATISTICS: f32 = 2.0 * FEATURES;

/// The gradient is rounded as often again, and meets the rounded features in its seeds.
pub(super) const OPEN_GRADIENT: f64 = 0.03;

/// Where rounding closes a ReLU, or moves a maximum, the gradient takes another way. Of few pixels,
/// one may be most of the gradient.
pub(super) const GRADIENT: f64 = 0.4;

pub(super) fn check(name: &str, found: &Answer, expected: &Answer, shape: Shape, gradient: f64) {
    for (index, (found, expected)) in found.features.iter().zip(&expected.features).enumerate() {
        let error = difference(found, expected);
        assert!(error < FEATURES, "features {index} by {name}, {shape:?}: {error}");
    }
    for (index, (found, expected)) in found.statistics.iter().zip(&expected.statistics).enumerate()
    {
        let error = difference(found, expected);
        assert!(error < STATISTICS, "statistics {index} by {name}, {shape:?}: {error}");
    }
    assert!(
        (found.distance - expected.distance).abs() <= 0.02 * expected.distance,
        "distance by {name}, {shape:?}"
    );
    let error = mean_difference(&found.gradient, &expected.gradient);
    assert!(error < gradient, "gradient by {name}, {shape:?}: {error}");
}
