//! The gradient is that of the loss: finite differences of the whole pass, and adjointness where
//! the pass is linear.

mod tiny;

use impasto_kernels::{Edge, Layer, Level, Pass, Pool, Seed, Shape, Target};
use tiny::{EDGES, Random, Weights, pass, statistics, target};

fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// One term of a loss at one layer.
#[derive(Clone, Copy, Debug)]
enum Term {
    /// `sum of (G - A)^2`
    Gram,
    /// `sum of (mean - v)^2`
    Mean,
    /// `sum of (F - P)^2`
    Target,
}

/// The loss of a picture, in f64 from the pass's own features.
fn loss(pass: &mut Pass, pixels: &[f32], term: Term, layer: Layer) -> f64 {
    pass.forward(pixels, layer);
    let (width, height, channels) = pass.feature_shape(layer);
    let features = pass.features(layer);
    let size = (width * height) as f64;
    match term {
        Term::Gram => (0..channels * channels)
            .map(|entry| {
                let (i, j) = (entry / channels, entry % channels);
                let sum: f64 = features
                    .chunks_exact(channels)
                    .map(|pixel| f64::from(pixel[i]) * f64::from(pixel[j]))
                    .sum();
                (sum / size - f64::from(aim(entry / channels + entry % channels))).powi(2)
            })
            .sum(),
        Term::Mean => (0..channels)
            .map(|i| {
                (features.chunks_exact(channels).map(|pixel| f64::from(pixel[i])).sum::<f64>()
                    / size
                    - f64::from(aim(i)))
                .powi(2)
            })
            .sum(),
        Term::Target => features
            .iter()
            .enumerate()
            .map(|(i, feature)| (f64::from(*feature) - f64::from(aim(i))).powi(2))
            .sum(),
    }
}

/// What the losses compare with.
fn aim(index: usize) -> f32 {
    (index % 7) as f32 * 0.2
}

/// The analytic gradient of [`loss`], through the seeds and the statistics that an engine uses.
fn gradient(pass: &mut Pass, pixels: &[f32], term: Term, layer: Layer) -> Vec<f32> {
    pass.forward(pixels, layer);
    let (width, height, channels) = pass.feature_shape(layer);
    let size = (width * height) as f32;
    let (mut gram, mut mean) = statistics(pass, layer);
    for (entry, value) in gram.iter_mut().enumerate() {
        *value = 4.0 / size * (*value - aim(entry / channels + entry % channels));
    }
    mean.iter_mut().enumerate().for_each(|(i, value)| *value = 2.0 / size * (*value - aim(i)));
    let map = target(pass, layer, aim);
    let seed = match term {
        Term::Gram => Seed { layer, gram: Some(&gram), mean: None, target: None },
        Term::Mean => Seed { layer, gram: None, mean: Some(&mean), target: None },
        Term::Target => Seed {
            layer,
            gram: None,
            mean: None,
            target: Some(Target { map: &map, origin: (0, 0), factor: 2.0 }),
        },
    };
    let mut gradient = vec![f32::NAN; pixels.len()];
    pass.backward(&[seed], &mut gradient);
    gradient
}

/// Compares the slope along the gradient with a central difference. Along the gradient the slope is
/// far above the rounding of an fp32 forward; the step is small enough for few ReLU kinks and large
/// enough for that rounding.
fn check(weights: &Weights, level: Level, shape: Shape, term: Term, layer: Layer) {
    let mut pass = pass(weights, level, shape, 2);
    let pixels = Random(21).floats(shape.width * shape.height * 3);
    let gradient = gradient(&mut pass, &pixels, term, layer);
    let length = dot(&gradient, &gradient).sqrt();
    assert!(length > 1e-6, "a gradient to follow: {shape:?} {term:?} {layer:?}");
    let step = 3e-4;
    let mut moved = |sign: f64| {
        let direction = |slope: &f32| (sign * step * f64::from(*slope) / length) as f32;
        let pixels: Vec<f32> =
            pixels.iter().zip(&gradient).map(|(pixel, slope)| pixel + direction(slope)).collect();
        loss(&mut pass, &pixels, term, layer)
    };
    let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
    let difference = (slope - length).abs() / length;
    assert!(
        difference < 0.02,
        "{level} {shape:?} {term:?} {layer:?}: slope {slope}, gradient {length}"
    );
}

#[test]
fn the_gradient_is_the_slope_of_every_loss() {
    let weights = Weights::new([8, 16, 16, 16, 12], 11);
    for level in Level::available() {
        for (edge_x, edge_y, pool) in [
            (Edge::Zero, Edge::Zero, Pool::Max),
            (Edge::Replicate, Edge::Reflect, Pool::Average),
            (Edge::Reflect, Edge::Wrap, Pool::Max),
            (Edge::Wrap, Edge::Replicate, Pool::Average),
        ] {
            for (width, height) in [(32, 16), (27, 19), (17, 33)] {
                let shape = Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 };
                for term in [Term::Gram, Term::Mean, Term::Target] {
                    for layer in [Layer::Relu1_1, Layer::Relu3_1, Layer::Relu5_1] {
                        check(&weights, level, shape, term, layer);
                    }
                }
            }
        }
    }
}

#[test]
fn forward_and_backward_are_adjoint() {
    // Where every feature is positive and pooling averages, the pass is linear up to a constant:
    // <forward(x + d) - forward(x), y> = <d, backward(y)> for every d and y.
    for stages in [[4, 5, 6, 7, 8], [16, 32, 16, 48, 16]] {
        let weights = Weights::open(stages, 12);
        for level in Level::available() {
            for edge_x in EDGES {
                for edge_y in EDGES {
                    for (width, height) in [(1, 1), (1, 6), (2, 2), (5, 7), (13, 18)] {
                        let shape = Shape {
                            width,
                            height,
                            edge_x,
                            edge_y,
                            pool: Pool::Average,
                            seam_x: 0,
                            seam_y: 0,
                        };
                        // Deeper layers see a change below the rounding of their features.
                        for layer in [Layer::Relu1_1, Layer::Relu2_1, Layer::Relu3_1] {
                            adjoint(&weights, level, shape, layer);
                        }
                    }
                }
            }
        }
    }
}

fn adjoint(weights: &Weights, level: Level, shape: Shape, layer: Layer) {
    let mut pass = pass(weights, level, shape, 1);
    let mut random = Random(22);
    let (x, d) = (
        random.floats(shape.width * shape.height * 3),
        random.floats(shape.width * shape.height * 3),
    );
    let there: Vec<f32> = x.iter().zip(&d).map(|(x, d)| x + d).collect();
    pass.forward(&there, layer);
    let there = pass.features(layer);
    pass.forward(&x, layer);
    let here = pass.features(layer);
    // A target one below the features seeds y exactly, whatever the features are.
    let y = random.floats(here.len());
    let map = target(&pass, layer, |index| here[index] - y[index]);
    let mut gradient = vec![f32::NAN; x.len()];
    pass.backward(
        &[Seed {
            layer,
            gram: None,
            mean: None,
            target: Some(Target { map: &map, origin: (0, 0), factor: 1.0 }),
        }],
        &mut gradient,
    );

    let change: Vec<f32> = there.iter().zip(&here).map(|(there, here)| there - here).collect();
    let (forward, backward) = (dot(&change, &y), dot(&d, &gradient));
    // The change is the difference of two features, each rounded at its own size.
    let size = |values: &[f32]| dot(values, values).sqrt();
    let scale = (1e-3 * size(&change) + 1e-6 * size(&here)) * size(&y);
    assert!(
        (forward - backward).abs() < scale,
        "{level} {shape:?} {layer:?}: {forward} and {backward} of {scale}"
    );
}

#[test]
fn without_seeds_the_gradient_is_zero() {
    let shape = Shape {
        width: 4,
        height: 4,
        edge_x: Edge::Zero,
        edge_y: Edge::Zero,
        pool: Pool::Max,
        seam_x: 0,
        seam_y: 0,
    };
    let mut gradient = vec![1.0; 48];
    pass(&Weights::new([4; 5], 14), Level::Scalar, shape, 1).backward(&[], &mut gradient);
    assert_eq!(gradient, vec![0.0; 48]);
}
