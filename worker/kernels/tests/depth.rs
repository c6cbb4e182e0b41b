//! A pass that ends at a layer gives what the whole pass gives there, to the last bit, and takes
//! less memory.

mod tiny;

use std::sync::Arc;

use impasto_kernels::{Edge, Layer, Level, Network, Pass, Pool, Seed, Shape};
use tiny::{Random, Weights, bf16_networks, pool};

const SHAPE: Shape = Shape {
    width: 45,
    height: 38,
    edge_x: Edge::Wrap,
    edge_y: Edge::Reflect,
    pool: Pool::Max,
    seam_x: 0,
    seam_y: 0,
};

/// The moments at each layer up to one, and the gradient of what their matrices pull with.
fn answer(pass: &mut Pass, pixels: &[f32], deepest: Layer) -> (Vec<Vec<f32>>, Vec<f32>) {
    pass.forward(pixels, deepest);
    let layers = || Layer::ALL.into_iter().filter(|&layer| layer <= deepest);
    let statistics: Vec<_> =
        layers().map(|layer| pass.moments(layer, &SHAPE.region()).normalized()).collect();
    let seeds: Vec<_> = layers()
        .zip(&statistics)
        .map(|(layer, (gram, mean))| Seed {
            layer,
            gram: Some(gram),
            mean: Some(mean),
            target: None,
        })
        .collect();
    let mut gradient = vec![f32::NAN; pixels.len()];
    pass.backward(&seeds, &mut gradient);
    drop(seeds);
    (statistics.into_iter().flat_map(|(gram, mean)| [gram, mean]).collect(), gradient)
}

fn networks() -> Vec<Arc<Network>> {
    let weights = Weights::new([32; 5], 61);
    let levels = Level::available().into_iter().map(|level| weights.network(level));
    levels.chain(bf16_networks(&weights)).collect()
}

#[test]
fn a_pass_that_ends_early_gives_what_the_whole_one_does() {
    let pixels = Random(62).floats(SHAPE.width * SHAPE.height * 3);
    for network in networks() {
        let mut whole = Pass::new(network.clone(), SHAPE, pool(2));
        // One is made for its layer, the other was made for another one.
        let mut reused = Pass::up_to(Layer::Relu1_1, network.clone(), SHAPE, pool(2));
        for deepest in Layer::ALL {
            let expected = answer(&mut whole, &pixels, deepest);
            let mut short = Pass::up_to(deepest, network.clone(), SHAPE, pool(2));
            assert!(answer(&mut short, &pixels, deepest) == expected, "{network:?} {deepest:?}");
            reused.reshape(SHAPE, deepest);
            assert!(answer(&mut reused, &pixels, deepest) == expected, "{network:?} {deepest:?}");
        }
    }
}

#[test]
fn a_seed_of_zero_weight_is_none() {
    let pixels = Random(63).floats(SHAPE.width * SHAPE.height * 3);
    for network in networks() {
        let deepest = Layer::Relu3_1;
        let mut whole = Pass::new(network.clone(), SHAPE, pool(2));
        whole.forward(&pixels, Layer::Relu5_1);
        let (gram, mean) = whole.moments(deepest, &SHAPE.region()).normalized();
        let channels = network.channels(Layer::Relu5_1);
        let (no_gram, no_mean) = (vec![0.0; channels * channels], vec![0.0; channels]);
        let seed = Seed { layer: deepest, gram: Some(&gram), mean: Some(&mean), target: None };
        let nothing = Seed {
            layer: Layer::Relu5_1,
            gram: Some(&no_gram),
            mean: Some(&no_mean),
            target: None,
        };
        let mut expected = vec![f32::NAN; pixels.len()];
        whole.backward(&[seed, nothing], &mut expected);
        let mut short = Pass::up_to(deepest, network.clone(), SHAPE, pool(2));
        short.forward(&pixels, deepest);
        let mut found = vec![f32::NAN; pixels.len()];
        short.backward(&[seed], &mut found);
        assert!(expected.iter().any(|&slope| slope != 0.0));
        assert_eq!(found, expected, "{network:?}");
    }
}

#[test]
fn a_pass_takes_less_the_earlier_it_ends() {
    let weights = Weights::new([64, 128, 256, 512, 512], 64);
    let shape = Shape { width: 512, height: 512, ..SHAPE };
    for network in [Some(weights.network(Level::Scalar)), bf16_networks(&weights).pop()] {
        let Some(network) = network else { continue };
        let per_pixel =
            Layer::ALL.map(|layer| Pass::bytes(&network, &shape, layer, 2) / (512 * 512));
        assert!(per_pixel.is_sorted(), "{network:?}: {per_pixel:?}");
        assert!(
            per_pixel[0] < per_pixel[1] && per_pixel[2] < per_pixel[5],
            "{network:?}: {per_pixel:?}"
        );
    }
}

#[test]
#[should_panic(expected = "deeper than the pass")]
fn a_pass_goes_no_deeper_than_it_was_made_for() {
    let network = Weights::new([8; 5], 65).network(Level::Scalar);
    let mut pass = Pass::up_to(Layer::Relu2_1, network, SHAPE, pool(1));
    pass.forward(&vec![0.0; SHAPE.width * SHAPE.height * 3], Layer::Relu3_1);
}
