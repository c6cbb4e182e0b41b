//! Every level computes what the scalar level computes, and the number of threads changes nothing.

mod tiny;

use impasto_kernels::{Layer, Level, Moments, Pool, Region, Seed, Shape, Target};
use proptest::prelude::*;
use tiny::{EDGES, POOLS, Random, Weights, error, mean_error, pass, statistics, target};

/// Winograd's rounding over thirteen layers, relative to the largest value of the layer; plain fp32
/// sums in another order give 1e-6.
const TOLERANCE: f32 = 3e-4;

/// Everything that a pass gives: features, Gram matrices, means, and the gradient for seeds of
/// every kind.
#[derive(Debug, PartialEq)]
struct Answer {
    features: Vec<Vec<f32>>,
    statistics: Vec<Vec<f32>>,
    gradient: Vec<f32>,
}

fn answer(weights: &Weights, level: Level, shape: Shape, threads: usize) -> Answer {
    let mut random = Random(9);
    let pixels = random.floats(shape.width * shape.height * 3);
    let mut pass = pass(weights, level, shape, threads);
    // Buffers are reused: whatever an earlier pass left in them must not show.
    pass.forward(&random.floats(pixels.len()), Layer::Relu5_1);
    pass.forward(&pixels, Layer::Relu5_1);
    let mut moments = Vec::new();
    let mut parts = Vec::new();
    for layer in Layer::ALL {
        let (width, height, channels) = pass.feature_shape(layer);
        let (gram, mean) = statistics(&pass, layer);
        moments.extend([gram, mean]);
        let size = (width * height) as f32;
        let symmetric: Vec<f32> =
            random.floats(channels * channels).into_iter().map(|value| value / size).collect();
        parts.push((
            layer,
            symmetric,
            random.floats(channels),
            target(&pass, layer, |_| random.float()),
        ));
    }
    let seeds: Vec<Seed<'_>> = parts
        .iter()
        .map(|(layer, gram, mean, target)| Seed {
            layer: *layer,
            gram: Some(gram),
            mean: Some(mean),
            target: Some(Target { map: target, origin: (0, 0), factor: 0.1 }),
        })
        .collect();
    let features = Layer::ALL.map(|layer| pass.features(layer)).to_vec();
    let mut gradient = vec![f32::NAN; pixels.len()];
    pass.backward(&seeds, &mut gradient);
    Answer { features, statistics: moments, gradient }
}

/// Where a feature is a rounding away from zero, or two in a window are a rounding apart, the
/// gradient takes another way. That is right, rare and far above any rounding of sums, so gradients
/// are compared by their mean difference.
const GRADIENT_TOLERANCE: f64 = 0.05;

fn check(weights: &Weights, shape: Shape, gradient_tolerance: f64) {
    let expected = answer(weights, Level::Scalar, shape, 1);
    for level in Level::available() {
        let found = answer(weights, level, shape, 2);
        for (found, expected) in found.features.iter().zip(&expected.features) {
            assert!(
                error(found, expected) < TOLERANCE,
                "features at {level}, {shape:?}: {}",
                error(found, expected)
            );
        }
        for (found, expected) in found.statistics.iter().zip(&expected.statistics) {
            assert!(
                error(found, expected) < TOLERANCE,
                "statistics at {level}, {shape:?}: {}",
                error(found, expected)
            );
        }
        let difference = mean_error(&found.gradient, &expected.gradient);
        assert!(difference < gradient_tolerance, "gradient at {level}, {shape:?}: {difference}");
    }
}

#[test]
fn where_rounding_decides_nothing_gradients_agree_closely() {
    let vectors = Weights::open([16, 32, 16, 48, 16], 1);
    let odd = Weights::open([4, 6, 8, 5, 7], 2);
    for edge_x in EDGES {
        for edge_y in EDGES {
            for (width, height) in [(1, 1), (2, 3), (5, 7), (33, 17), (18, 20)] {
                let shape = Shape {
                    width,
                    height,
                    edge_x,
                    edge_y,
                    pool: Pool::Average,
                    seam_x: 0,
                    seam_y: 0,
                };
                check(&vectors, shape, f64::from(TOLERANCE));
                check(&odd, shape, f64::from(TOLERANCE));
            }
        }
    }
}

#[test]
fn every_edge_pool_and_size_agrees_with_the_scalar_level() {
    let vectors = Weights::new([16, 32, 16, 48, 16], 1);
    let odd = Weights::new([4, 6, 8, 5, 7], 2);
    for edge_x in EDGES {
        for (edge_y, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
            for (width, height) in [(1, 1), (2, 3), (5, 7), (33, 17), (18, 20)] {
                let shape = Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 };
                check(&vectors, shape, GRADIENT_TOLERANCE);
                check(&odd, shape, GRADIENT_TOLERANCE);
            }
        }
    }
}

#[test]
fn real_widths_agree_with_the_scalar_level() {
    let weights = Weights::new([64, 128, 64, 80, 64], 3);
    for (edge, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
        check(
            &weights,
            Shape { width: 41, height: 30, edge_x: edge, edge_y: edge, pool, seam_x: 0, seam_y: 0 },
            GRADIENT_TOLERANCE,
        );
    }
}

/// The bits of all values, as FNV-1a.
fn digest(answer: &Answer) -> u64 {
    let parts = answer.features.iter().chain(&answer.statistics).chain([&answer.gradient]);
    parts.flatten().fold(0xCBF2_9CE4_8422_2325, |digest, value| {
        (digest ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Vectors of any width take the same sums in the same order, so tasks of a farm come out alike on
/// processors of different kinds. No machine has all levels, which is why the bits are written
/// down: where the arithmetic is meant to change, take what the test prints.
#[test]
fn vector_levels_have_the_same_bits() {
    const DIGEST: u64 = 0x42e66eb8158e8dbd;
    let weights = Weights::new([16, 32, 48, 64, 16], 6);
    let shape = Shape {
        width: 43,
        height: 38,
        edge_x: EDGES[3],
        edge_y: EDGES[1],
        pool: Pool::Max,
        seam_x: 0,
        seam_y: 0,
    };
    for level in Level::available().into_iter().filter(|level| *level > Level::Scalar) {
        let found = digest(&answer(&weights, level, shape, 2));
        assert_eq!(found, DIGEST, "{level}: {found:#018x}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let weights = Weights::new([16, 32, 48, 32, 16], 4);
    for level in Level::available() {
        for (edge, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
            let shape = Shape {
                width: 57,
                height: 66,
                edge_x: edge,
                edge_y: edge,
                pool,
                seam_x: 0,
                seam_y: 0,
            };
            let expected = answer(&weights, level, shape, 1);
            for threads in [2, 3] {
                assert!(
                    answer(&weights, level, shape, threads) == expected,
                    "{threads} threads at {level}, {shape:?}"
                );
            }
        }
    }
}

#[test]
fn a_not_a_number_reaches_the_statistics() {
    let weights = Weights::new([16; 5], 5);
    for level in Level::available() {
        let shape = Shape {
            width: 16,
            height: 16,
            edge_x: EDGES[0],
            edge_y: EDGES[0],
            pool: Pool::Max,
            seam_x: 0,
            seam_y: 0,
        };
        let mut pass = pass(&weights, level, shape, 1);
        let mut pixels = vec![0.5; 16 * 16 * 3];
        pixels[100] = f32::NAN;
        pass.forward(&pixels, Layer::Relu5_1);
        let (gram, mean) = statistics(&pass, Layer::Relu5_1);
        assert!(gram.iter().chain(&mean).any(|value| value.is_nan()), "{level}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn any_shape_agrees_with_the_scalar_level(
        width in 1usize..40,
        height in 1usize..40,
        edges in (0usize..4, 0usize..4),
        pool in 0usize..2,
        seed in any::<u64>(),
        seams in (0usize..40, 0usize..40),
        stages in [1usize..5, 1usize..5, 1usize..5, 1usize..5, 1usize..5],
    ) {
        let stages = stages.map(|stage| if seed % 3 == 0 { stage * 5 } else { stage * 16 });
        let (edge_x, edge_y) = (EDGES[edges.0], EDGES[edges.1]);
        // Half of all shapes have a seam along an axis.
        let (seam_x, seam_y) =
            (if seams.0 < width { seams.0 } else { 0 }, if seams.1 < height { seams.1 } else { 0 });
        let shape = Shape { width, height, edge_x, edge_y, pool: POOLS[pool], seam_x, seam_y };
        // The fewer pixels, the more one way counts that rounding decides.
        let tolerance = GRADIENT_TOLERANCE + 2.0 / (width * height) as f64;
        check(&Weights::new(stages, seed), shape, tolerance);
        let shape = Shape { pool: Pool::Average, ..shape };
        check(&Weights::open(stages, seed), shape, f64::from(TOLERANCE));
    }

    #[test]
    fn the_moments_of_parts_are_those_of_the_whole(
        (width, cuts_x, seam_x) in axis(),
        (height, cuts_y, seam_y) in axis(),
        seed in any::<u64>(),
    ) {
        let weights = Weights::new([16, 16, 4, 16, 5], seed);
        let shape = Shape { width, height, edge_x: EDGES[0], edge_y: EDGES[1], pool: Pool::Max,
            seam_x, seam_y };
        for level in Level::available() {
            let mut pass = pass(&weights, level, shape, 2);
            pass.forward(&Random(seed).floats(width * height * 3), Layer::Relu5_1);
            for layer in Layer::ALL {
                let whole = pass.moments(layer, &shape.region());
                let mut sum = Moments::empty(whole.channels());
                for y in cuts_y.windows(2) {
                    for x in cuts_x.windows(2) {
                        sum.add(&pass.moments(layer, &Region { x: x[0]..x[1], y: y[0]..y[1] }));
                    }
                }
                prop_assert_eq!(sum.weight, whole.weight, "{:?} at {:?}", layer, shape);
                for (found, expected) in sum.products.iter().chain(&sum.sum)
                    .zip(whole.products.iter().chain(&whole.sum)) {
                    prop_assert!((found - expected)
                        .abs() <= 1e-5 * expected.abs() + 1e-9,
                            "{layer:?} at {shape:?}: {found} and {expected}");
                }
            }
        }
    }
}

/// The size of an axis, where it may be cut (multiples of 16 of either side of a seam), and the
/// seam.
fn axis() -> impl Strategy<Value = (usize, Vec<usize>, usize)> {
    (1usize..70, 0usize..70, any::<u8>()).prop_map(|(len, seam, chosen)| {
        let seam = if seam < len { seam } else { 0 };
        let places =
            (16..seam).step_by(16).chain((seam..len).step_by(16)).filter(|place| *place > 0);
        let inside = places
            .enumerate()
            .filter(|(index, _)| chosen >> (index % 8) & 1 == 1)
            .map(|(_, place)| place);
        (len, std::iter::once(0).chain(inside).chain([len]).collect(), seam)
    })
}
