//! The gradient against finite differences of the definition in f64, at sizes that no block
//! divides.

use std::sync::Arc;

use super::*;
use crate::networks::truth::{self, Weights, noise};

const LAYOUTS: [FeedForwardLayout; 2] = [
    FeedForwardLayout { contract: [8, 16], blocks: 1, expand: [8, 8], styles: 2 },
    FeedForwardLayout { contract: [16, 32], blocks: 2, expand: [32, 16], styles: 1 },
];

/// Width and height: multiples of no stride, of one, and so thin that a kernel is mirrored twice.
const SIZES: [(usize, usize); 3] = [(13, 11), (16, 6), (3, 21)];

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
}

fn parameters(layout: &FeedForwardLayout) -> Vec<f32> {
    Weights::of(layout).named().iter().flat_map(|(.., values)| values.clone()).collect()
}

fn colors(width: usize, height: usize) -> Vec<f32> {
    (0..3 * width * height).map(|i| 255.0 * (noise(5, i as u32) + 0.5)).collect()
}

/// What each painted value counts for in the loss.
fn pull(width: usize, height: usize) -> Vec<f32> {
    (0..3 * width * height).map(|i| noise(9, i as u32)).collect()
}

/// The loss, by the definition.
fn loss(layout: &FeedForwardLayout, parameters: &[f32], size: (usize, usize), style: usize) -> f64 {
    let weights = Weights::of(layout).with(parameters);
    let (width, height) = size;
    let rgb = colors(width, height);
    let picture = Picture { rgb: &rgb, width, height, wrap_x: false, wrap_y: false };
    let chosen: Vec<f32> = (0..layout.styles).map(|i| f32::from(u8::from(i == style))).collect();
    let factors = |name: &str| truth::mixed(&weights, name, &chosen);
    let painted = truth::painted(&weights, "", &picture, false, &factors);
    painted.iter().zip(pull(width, height)).map(|(value, pull)| value * f64::from(pull)).sum()
}

/// The gradient of the loss, by the passes.
fn gradient(
    layout: FeedForwardLayout,
    size: (usize, usize),
    style: usize,
    (level, threads): (Level, usize),
) -> Vec<f32> {
    let parameters = parameters(&layout);
    let (width, height) = size;
    let rgb = colors(width, height);
    let picture = Picture { rgb: &rgb, width, height, wrap_x: false, wrap_y: false };
    let mut training = Training::new(layout, &parameters, level, pool(threads)).expect("a network");
    let (mut painted, mut sums) = (vec![f32::NAN; rgb.len()], vec![0.0; parameters.len()]);
    training.forward(&picture, style, &mut painted).expect("it paints");
    training.backward(&pull(width, height), &mut sums);
    sums
}

#[test]
fn the_gradient_of_every_tensor_is_the_slope_of_the_loss() {
    // So small that hardly a ReLU opens.
    const STEP: f32 = 1.0 / 65536.0;
    let [first, second] = LAYOUTS;
    let sizes = SIZES.map(|size| (first, size)).into_iter().chain([(second, SIZES[0])]);
    for (layout, size) in sizes {
        let style = layout.styles - 1;
        let own = parameters(&layout);
        let slope = |places: &[(usize, f32)]| {
            let at = |step: f32| {
                let mut moved = own.clone();
                places.iter().for_each(|(place, along)| moved[*place] += step * along);
                loss(&layout, &moved, size, style)
            };
            (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP)
        };
        let levels = Level::available().into_iter();
        let all: Vec<_> =
            levels.map(|level| (level, gradient(layout, size, style, (level, 2)))).collect();
        for tensor in layout.tensors() {
            // All values of the tensor at once, each along a direction of its own.
            let along: Vec<_> =
                tensor.range.clone().map(|place| (place, noise(77, place as u32))).collect();
            let expected = slope(&along);
            for (level, gradient) in &all {
                let terms = along.iter().map(|(place, along)| f64::from(gradient[*place] * along));
                let found: f64 = terms.clone().sum();
                // Where a ReLU opens within the step, a difference is off.
                let scale = terms.map(|term| term * term).sum::<f64>().sqrt();
                let apart = (found - expected).abs();
                assert!(
                    apart < 0.02 * scale + 1e-3,
                    "{level} {size:?} {}: {found} {expected}, of {scale}",
                    tensor.name
                );
            }
        }
    }
}

#[test]
fn the_gradient_of_single_weights_is_the_slope_of_the_loss() {
    const STEP: f32 = 1.0 / 4096.0;
    let (layout, size, style) = (LAYOUTS[0], SIZES[0], 1);
    let own = parameters(&layout);
    let found = gradient(layout, size, style, (Level::detect(), 2));
    let mut checked = 0;
    for tensor in layout.tensors() {
        let values = &found[tensor.range.clone()];
        let scale = values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
        // A corner, the middle, the other corner and one more.
        let len = values.len();
        for place in [0, len / 2, len - 1, len / 3].map(|at| tensor.range.start + at) {
            let at = |step: f32| {
                let mut moved = own.clone();
                moved[place] += step;
                loss(&layout, &moved, size, style)
            };
            let expected = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
            let apart = (f64::from(found[place]) - expected).abs();
            assert!(
                apart < 0.02 * f64::from(scale) + 1e-3,
                "{} at {}: {} {expected}, of {scale}",
                tensor.name,
                place - tensor.range.start,
                found[place]
            );
            checked += usize::from(expected.abs() > 0.1 * f64::from(scale));
        }
    }
    assert!(checked > 20, "slopes that are not zero: {checked}");
}

#[test]
fn another_style_has_no_gradient() {
    let layout = LAYOUTS[0];
    let found = gradient(layout, SIZES[0], 1, (Level::detect(), 2));
    for tensor in layout.tensors().iter().filter(|tensor| !tensor.name.ends_with("weight")) {
        let (first, second) = found[tensor.range.clone()].split_at(tensor.shape[1]);
        assert!(first.iter().all(|value| *value == 0.0), "{}", tensor.name);
        assert!(second.iter().any(|value| *value != 0.0), "{}", tensor.name);
    }
}

#[test]
fn the_number_of_threads_and_an_earlier_pass_change_no_bit() {
    let (layout, width, height) = (LAYOUTS[1], 61, 45);
    let (parameters, rgb) = (parameters(&layout), colors(width, height));
    let picture = Picture { rgb: &rgb, width, height, wrap_x: false, wrap_y: false };
    for level in Level::available() {
        let one = gradient(layout, (width, height), 0, (level, 1));
        assert!(one == gradient(layout, (width, height), 0, (level, 3)), "{level}");
        let mut training = Training::new(layout, &parameters, level, pool(2)).expect("a network");
        let mut painted = vec![f32::NAN; rgb.len()];
        let (small, mut small_painted) = (colors(20, 9), vec![0.0; 540]);
        let other = Picture { rgb: &small, width: 20, height: 9, ..picture };
        training.forward(&other, 0, &mut small_painted).expect("it paints");
        training.backward(&pull(20, 9), &mut vec![0.0; parameters.len()]);
        training.forward(&other, 0, &mut small_painted).expect("it paints");
        training.forward(&picture, 0, &mut painted).expect("it paints");
        let mut sums = vec![0.0; parameters.len()];
        training.backward(&pull(width, height), &mut sums);
        assert!(sums == one, "{level}");
    }
}

#[test]
fn what_is_learned_is_what_is_painted() {
    let (layout, width, height) = (LAYOUTS[0], 43, 30);
    let (parameters, rgb) = (parameters(&layout), colors(width, height));
    let picture = Picture { rgb: &rgb, width, height, wrap_x: false, wrap_y: false };
    for level in Level::available() {
        let mut training = Training::new(layout, &parameters, level, pool(2)).expect("a network");
        let (mut learned, mut painted) = (vec![0.0; rgb.len()], vec![f32::NAN; rgb.len()]);
        training.forward(&picture, 1, &mut learned).expect("it paints");
        let mut workspace = Workspace::new(pool(1));
        let network = training.network();
        network.paint(&mut workspace, &picture, &[0.0, 1.0], &mut painted).expect("it paints");
        assert!(learned == painted, "{level}");
    }
}

#[test]
fn sizes_that_no_network_has_are_refused_by_name() {
    let own = FeedForwardLayout::OWN;
    let refused = |layout: FeedForwardLayout| layout.check().expect_err("refused").to_string();
    assert_eq!(own.check(), Ok(()));
    for (layout, expected) in [
        (
            FeedForwardLayout { contract: [12, 32], ..own },
            "`contract.0` of a network is 12, not 8, 16 or 32",
        ),
        (
            FeedForwardLayout { contract: [8, 8], ..own },
            "`contract.1` of a network is 8, not 16 or 32",
        ),
        (FeedForwardLayout { blocks: 17, ..own }, "`blocks` of a network is 17, not from 1 to 16"),
        (
            FeedForwardLayout { expand: [3, 8], ..own },
            "`expand.0` of a network is 3, not 8, 16 or 32",
        ),
        (
            FeedForwardLayout { expand: [32, 32], ..own },
            "`expand.1` of a network is 32, not 4, 8 or 16",
        ),
        (FeedForwardLayout { styles: 0, ..own }, "`styles` of a network is 0, not from 1 to 256"),
    ] {
        assert_eq!(refused(layout), expected);
    }
    let few = FeedForward::new(&own, &[0.0; 7], Level::Scalar).expect_err("too few").to_string();
    let expected = own.parameters();
    assert_eq!(few, format!("a network of these sizes has {expected} parameters, not 7"));
    let mut values = vec![0.0; expected];
    values[1] = f32::NAN;
    let bad = FeedForward::new(&own, &values, Level::Scalar).expect_err("not finite").to_string();
    assert_eq!(bad, "`contract.0.weight` has NaN at 1");
}
