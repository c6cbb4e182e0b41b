//! The whole pass, by every kind of product, against the fp32 pass and against itself.

use super::{
    EDGES, POOLS,
    answer::{GRADIENT, OPEN_GRADIENT, answer, check, threads},
    native,
    network::{SMALL, Weights},
    others, plain, whole,
};
use crate::{Edge, Layer, Pass, Pool, Shape};

#[test]
fn every_edge_pool_and_size_agrees_with_the_fp32_pass() {
    let (open, closing) = (Weights::new(SMALL, true, 3), Weights::new(SMALL, false, 4));
    let kernels =
        others().into_iter().find(|(name, _)| *name == "vectors").unwrap_or(("plain", plain()));
    for (weights, tolerance) in [(&open, OPEN_GRADIENT), (&closing, GRADIENT)] {
        let (exact, rounded) = (weights.fp32(), weights.bf16(kernels.1));
        for edge_x in EDGES {
            for edge_y in EDGES {
                for pool in POOLS {
                    for (width, height) in [(1, 1), (2, 3), (5, 7), (33, 17), (18, 20), (70, 9)] {
                        let shape = whole(width, height, edge_x, edge_y, pool);
                        let decided = pool == Pool::Max || tolerance == GRADIENT;
                        let tolerance = match decided {
                            true if width * height < 100 => f64::INFINITY,
                            true => GRADIENT,
                            false => OPEN_GRADIENT,
                        };
                        check(
                            kernels.0,
                            &answer(rounded.clone(), shape, 2),
                            &answer(exact.clone(), shape, 1),
                            shape,
                            tolerance,
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn long_rows_are_cut_across() {
    let (open, closing) = (Weights::new(SMALL, true, 12), Weights::new(SMALL, false, 13));
    for edge in [Edge::Wrap, Edge::Reflect] {
        let shape = whole(1901, 13, edge, edge, Pool::Average);
        check(
            "long rows",
            &answer(open.bf16(native()), shape, 2),
            &answer(open.fp32(), shape, 2),
            shape,
            OPEN_GRADIENT,
        );
        let shape = whole(1901, 13, edge, edge, Pool::Max);
        check(
            "long rows",
            &answer(closing.bf16(native()), shape, 2),
            &answer(closing.fp32(), shape, 2),
            shape,
            GRADIENT,
        );
    }
}

#[test]
fn emulated_tiles_give_the_pass_that_vectors_give() {
    // Sums differ by their order alone, so features differ by a rounding to bf16 here and there.
    let weights = Weights::new(SMALL, true, 5);
    for (shape, count) in [
        (whole(9, 6, Edge::Zero, Edge::Zero, Pool::Max), 2),
        (whole(5, 7, Edge::Replicate, Edge::Wrap, Pool::Average), 1),
        (whole(2, 3, Edge::Wrap, Edge::Reflect, Pool::Average), 2),
    ] {
        let expected = answer(weights.bf16(plain()), shape, 1);
        for (name, kernels) in others() {
            let tolerance = if shape.pool == Pool::Max { f64::INFINITY } else { OPEN_GRADIENT };
            check(name, &answer(weights.bf16(kernels), shape, count), &expected, shape, tolerance);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let network = Weights::new(SMALL, false, 6).bf16(native());
    for (edge, pool) in EDGES.into_iter().zip(POOLS.into_iter().cycle()) {
        let shape = Shape {
            seam_x: if edge == Edge::Zero { 21 } else { 0 },
            ..whole(83, 66, edge, edge, pool)
        };
        let expected = answer(network.clone(), shape, 1);
        for count in [2, 3] {
            assert!(
                answer(network.clone(), shape, count) == expected,
                "{count} threads, {shape:?}"
            );
        }
    }
}

#[test]
fn a_not_a_number_reaches_the_statistics() {
    let network = Weights::new(SMALL, false, 9).bf16(native());
    let shape = whole(16, 16, Edge::Zero, Edge::Zero, Pool::Max);
    let mut pass = Pass::new(network, shape, threads(1));
    let mut pixels = vec![0.5; 16 * 16 * 3];
    pixels[100] = f32::NAN;
    pass.forward(&pixels, Layer::Relu5_1);
    let (gram, mean) = pass.moments(Layer::Relu5_1, &shape.region()).normalized();
    assert!(gram.iter().chain(&mean).any(|value| value.is_nan()));
}

#[test]
fn a_small_step_of_a_pixel_is_seen() {
    // At 100, bf16 has steps of 0.5.
    let network = Weights::new(SMALL, false, 10).bf16(native());
    let mut pass = Pass::new(network, whole(8, 8, Edge::Zero, Edge::Zero, Pool::Max), threads(1));
    let mut features = |value: f32| {
        pass.forward(&[value; 8 * 8 * 3], Layer::Relu1_1);
        pass.moments(Layer::Relu1_1, &pass.shape().region()).sum
    };
    assert_ne!(features(100.0), features(100.1));
}
