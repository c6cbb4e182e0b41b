//! A tile's bits are those of the whole picture.

use super::{
    POOLS, Random,
    answer::threads,
    native,
    network::{SMALL, Weights},
    whole,
};
use crate::{Edge, FeatureMap, Layer, Pass, Precision, Region, Seed, Shape};

#[test]
fn a_tile_has_the_bits_of_the_whole() {
    let network = Weights::new(SMALL, false, 7).bf16(native());
    // The tile begins at any pixel of the deepest layer, at multiples of 16 of the picture's.
    let cuts = [(Layer::Relu3_1, 144, 32), (Layer::Relu5_1, 400, 16)];
    for ((deepest, width, left), pool) in cuts.into_iter().flat_map(|cut| POOLS.map(|p| (cut, p))) {
        let (whole_shape, origin) =
            (whole(width, 101, Edge::Zero, Edge::Replicate, pool), (left, 0));
        let tile_shape = whole(width - left, 101, Edge::Zero, Edge::Replicate, pool);
        let pixels = Random(8).floats(whole_shape.width * whole_shape.height * 3);
        let columns = |width: usize, from: usize| {
            let rows = pixels.chunks_exact(3 * whole_shape.width);
            rows.flat_map(move |row| &row[3 * from..3 * (from + width)])
                .copied()
                .collect::<Vec<f32>>()
        };
        let (mut pass, mut tile) = (
            Pass::new(network.clone(), whole_shape, threads(2)),
            Pass::new(network.clone(), tile_shape, threads(2)),
        );
        pass.forward(&pixels, deepest);
        tile.forward(&columns(tile_shape.width, origin.0), deepest);
        let (gram, mean) = pass.moments(deepest, &whole_shape.region()).normalized();
        let inner = Region { x: deepest.halo_px()..tile_shape.width, y: 0..101 };
        for layer in Layer::ALL.into_iter().filter(|layer| *layer <= deepest) {
            let mut map = FeatureMap::new(
                layer,
                pass.feature_shape(layer).2,
                whole_shape.width,
                whole_shape.height,
                Precision::Bf16,
            );
            pass.keep(&whole_shape.region(), &mut map, (0, 0));
            assert_eq!(tile.distance(&inner, &map, origin), 0.0, "{layer:?} {pool:?}");
            assert!(
                tile.distance(&tile_shape.region(), &map, origin) > 0.0,
                "the tile's border is another"
            );
        }
        let seeds = [Seed { layer: deepest, gram: Some(&gram), mean: Some(&mean), target: None }];
        let (mut expected, mut found) =
            (vec![0.0; pixels.len()], vec![0.0; 3 * tile_shape.width * tile_shape.height]);
        pass.backward(&seeds, &mut expected);
        tile.backward(&seeds, &mut found);
        for (found, expected) in found
            .chunks_exact(3 * tile_shape.width)
            .zip(expected.chunks_exact(3 * whole_shape.width))
        {
            assert_eq!(
                found[3 * inner.x.start..],
                expected[3 * (origin.0 + inner.x.start)..],
                "{pool:?}"
            );
        }
    }
}

#[test]
fn across_a_seam_a_tile_has_the_bits_of_a_picture_that_wraps() {
    let network = Weights::new(SMALL, false, 8).bf16(native());
    for (width, pool) in [105, 112].into_iter().flat_map(|width| POOLS.map(|pool| (width, pool))) {
        let whole_shape = whole(width, 37, Edge::Wrap, Edge::Zero, pool);
        let (origin, seam) = (64, width - 64);
        let tile_shape =
            Shape { seam_x: seam, ..whole(seam + 64, 37, Edge::Zero, Edge::Zero, pool) };
        let pixels = Random(8).floats(width * 37 * 3);
        let rolled: Vec<f32> = pixels
            .chunks_exact(3 * width)
            .flat_map(|row| [&row[3 * origin..], &row[..3 * 64]].concat())
            .collect();
        let (mut pass, mut tile) = (
            Pass::new(network.clone(), whole_shape, threads(2)),
            Pass::new(network.clone(), tile_shape, threads(2)),
        );
        pass.forward(&pixels, Layer::Relu3_1);
        tile.forward(&rolled, Layer::Relu3_1);
        let inner = Region { x: 16..seam + 32, y: 0..37 };
        for layer in [Layer::Relu1_1, Layer::Relu2_1, Layer::Relu3_1] {
            let mut map =
                FeatureMap::new(layer, pass.feature_shape(layer).2, width, 37, Precision::Bf16);
            pass.keep(&whole_shape.region(), &mut map, (0, 0));
            assert_eq!(tile.distance(&inner, &map, (origin, 0)), 0.0, "{layer:?} {pool:?} {width}");
        }
        // Both sides of a seam end with windows cut short; the gradient of all of them arrives.
        let mean = vec![1.0; 32];
        let seeds = [Seed { layer: Layer::Relu3_1, gram: None, mean: Some(&mean), target: None }];
        let (mut expected, mut found) = (vec![0.0; pixels.len()], vec![0.0; rolled.len()]);
        pass.backward(&seeds, &mut expected);
        tile.backward(&seeds, &mut found);
        for (found, expected) in
            found.chunks_exact(3 * tile_shape.width).zip(expected.chunks_exact(3 * width))
        {
            assert_eq!(
                found[3 * 32..3 * (seam + 32)],
                [&expected[3 * (origin + 32)..], &expected[..3 * 32]].concat(),
                "{pool:?} {width}"
            );
        }
    }
}
