//! A picture that is cut into tiles gives what it gives whole: features, statistics, distances and
//! the gradient.
//!
//! At the scalar level that holds to the last bit, since every value is the same sum in the same
//! order wherever the tile begins. A Winograd window mixes the rounding of its 36 pixels, so at the
//! other levels pixels beyond a value's own field reach its last bits: there it holds to rounding,
//! and where rounding decides a ReLU or a maximum the gradient takes another way, which is why
//! gradients are compared by their mean difference.

mod tiny;

use std::ops::Range;

use impasto_kernels::{
    Edge, FeatureMap, Layer, Level, Moments, Pass, Pool, Precision, Region, Seed, Shape, Target,
};
use tiny::{Random, Weights, mean_error, pass};

/// Features differ by the rounding of Winograd windows.
const FEATURES: f64 = 4e-6;

/// Gradients too, and by the few ReLUs and maxima that rounding decides.
const GRADIENT: f64 = 1e-4;

struct Picture {
    shape: Shape,
    pixels: Vec<f32>,
}

/// One axis of a tile.
#[derive(Clone, Debug)]
struct Along {
    /// The picture's first and how many, wrapping at its end.
    start: usize,
    len: usize,
    edge: Edge,
    seam: usize,
    /// The picture's size.
    whole: usize,
}

impl Along {
    /// Cuts the interior with a halo, as the engine does. `grid` is what a tile's start is a
    /// multiple of.
    fn cut(whole: usize, edge: Edge, interior: &Range<usize>, halo: usize, grid: usize) -> Self {
        let (before, after) = (halo.next_multiple_of(grid), halo);
        if edge != Edge::Wrap {
            let start = interior.start.saturating_sub(before);
            return Self {
                start,
                len: whole.min(interior.end + after) - start,
                edge,
                seam: 0,
                whole,
            };
        }
        if interior.len() + before + grid + after >= whole {
            return Self { start: 0, len: whole, edge, seam: 0, whole };
        }
        let start = match interior.start.checked_sub(before) {
            Some(start) => start,
            None => (whole + interior.start - halo) / grid * grid,
        };
        let end = if start > interior.start { whole + interior.end } else { interior.end } + after;
        Self {
            start,
            len: end - start,
            edge: Edge::Zero,
            seam: if end > whole { whole - start } else { 0 },
            whole,
        }
    }

    /// The picture's position of a tile's.
    fn source(&self, position: usize) -> usize {
        (self.start + position) % self.whole
    }

    /// The tile's range of a picture's.
    fn place(&self, range: &Range<usize>) -> Range<usize> {
        let start = if range.start >= self.start {
            range.start - self.start
        } else {
            self.seam + range.start
        };
        start..start + range.len()
    }
}

struct Tile {
    shape: Shape,
    origin: (usize, usize),
    /// The interior in the tile.
    region: Region,
    pixels: Vec<f32>,
}

impl Picture {
    fn new(width: usize, height: usize, edge_x: Edge, edge_y: Edge, pool: Pool) -> Self {
        let shape = Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 };
        Self { shape, pixels: Random(31).floats(width * height * 3) }
    }

    fn cut(&self, interior: &Region, halo: usize, grid: usize) -> Tile {
        let x = Along::cut(self.shape.width, self.shape.edge_x, &interior.x, halo, grid);
        let y = Along::cut(self.shape.height, self.shape.edge_y, &interior.y, halo, grid);
        let mut pixels = Vec::with_capacity(x.len * y.len * 3);
        for row in 0..y.len {
            for column in 0..x.len {
                let pixel = y.source(row) * self.shape.width + x.source(column);
                pixels.extend_from_slice(&self.pixels[pixel * 3..][..3]);
            }
        }
        let region = Region { x: x.place(&interior.x), y: y.place(&interior.y) };
        let shape = Shape {
            width: x.len,
            height: y.len,
            edge_x: x.edge,
            edge_y: y.edge,
            seam_x: x.seam,
            seam_y: y.seam,
            ..self.shape
        };
        Tile { shape, origin: (x.start, y.start), region, pixels }
    }

    /// The interiors of tiles of a size, in reading order.
    fn interiors(&self, size: usize) -> Vec<Region> {
        let along =
            |len: usize| (0..len).step_by(size).map(move |start| start..len.min(start + size));
        along(self.shape.height)
            .flat_map(|y| along(self.shape.width).map(move |x| Region { x, y: y.clone() }))
            .collect()
    }
}

/// Seeds of every kind at every layer up to the deepest.
struct Pull {
    parts: Vec<(Vec<f32>, Vec<f32>, FeatureMap)>,
}

impl Pull {
    fn new(whole: &Pass, deepest: Layer) -> Self {
        let mut random = Random(32);
        let parts = Layer::ALL.iter().filter(|layer| **layer <= deepest).map(|&layer| {
            let (_, _, channels) = whole.feature_shape(layer);
            let gram =
                random.floats(channels * channels).into_iter().map(|value| 0.1 * value).collect();
            (gram, random.floats(channels), tiny::target(whole, layer, |_| random.float()))
        });
        Self { parts: parts.collect() }
    }

    fn gradient(&self, pass: &mut Pass, origin: (usize, usize)) -> Vec<f32> {
        let seeds: Vec<Seed<'_>> = self
            .parts
            .iter()
            .map(|(gram, mean, map)| Seed {
                layer: map.layer(),
                gram: Some(gram),
                mean: Some(mean),
                target: Some(Target { map, origin, factor: 0.3 }),
            })
            .collect();
        let mut gradient = vec![f32::NAN; pass.shape().width * pass.shape().height * 3];
        pass.backward(&seeds, &mut gradient);
        gradient
    }
}

/// The rows of a region of a map.
fn crop(values: &[f32], width: usize, channels: usize, region: &Region) -> Vec<f32> {
    let row =
        |y| &values[(y * width + region.x.start) * channels..(y * width + region.x.end) * channels];
    region.y.clone().flat_map(row).copied().collect()
}

/// How far the interiors of tiles are from the whole, relative to the whole: the features that were
/// kept, moments and distances, the gradient.
struct Difference {
    features: f64,
    sums: f64,
    gradient: f64,
}

fn compare(
    weights: &Weights,
    level: Level,
    picture: &Picture,
    interiors: &[Region],
    deepest: Layer,
    halo: usize,
    grid: usize,
) -> Difference {
    let (width, height) = (picture.shape.width, picture.shape.height);
    let mut whole = pass(weights, level, picture.shape, 2);
    whole.forward(&picture.pixels, deepest);
    let pull = Pull::new(&whole, deepest);
    let everything = picture.shape.region();
    let map = |layer| {
        FeatureMap::new(layer, whole.feature_shape(layer).2, width, height, Precision::Fp32)
    };
    let layers: Vec<Layer> = Layer::ALL.into_iter().filter(|layer| *layer <= deepest).collect();
    let (mut kept, mut moments, mut expected_moments, mut distances, mut expected_distances) =
        (vec![], vec![], vec![], vec![], vec![]);
    for (layer, (_, _, target)) in layers.iter().zip(&pull.parts) {
        let mut expected = map(*layer);
        whole.keep(&everything, &mut expected, (0, 0));
        assert_eq!(values(&expected), whole.features(*layer), "what is kept are the features");
        kept.push((expected, map(*layer)));
        moments.push(Moments::empty(whole.feature_shape(*layer).2));
        expected_moments.push(whole.moments(*layer, &everything));
        distances.push(0.0);
        expected_distances.push(whole.distance(&everything, target, (0, 0)));
    }
    let expected = pull.gradient(&mut whole, (0, 0));

    let mut found = expected.clone();
    let mut tile_pass: Option<Pass> = None;
    for interior in interiors {
        let tile = picture.cut(interior, halo, grid);
        let pass = tile_pass.get_or_insert_with(|| pass(weights, level, tile.shape, 1));
        pass.reshape(tile.shape, Layer::Relu5_1);
        pass.forward(&tile.pixels, deepest);
        for (index, layer) in layers.iter().enumerate() {
            pass.keep(&tile.region, &mut kept[index].1, tile.origin);
            moments[index].add(&pass.moments(*layer, &tile.region));
            distances[index] += pass.distance(&tile.region, &pull.parts[index].2, tile.origin);
        }
        let gradient = pull.gradient(pass, tile.origin);
        let mut rows = crop(&gradient, tile.shape.width, 3, &tile.region).into_iter();
        for y in interior.y.clone() {
            for value in
                &mut found[(y * width + interior.x.start) * 3..(y * width + interior.x.end) * 3]
            {
                *value = rows.next().expect("a value for each pixel");
            }
        }
    }

    let covered: usize = interiors.iter().map(|region| region.x.len() * region.y.len()).sum();
    let mut difference =
        Difference { features: 0.0, sums: 0.0, gradient: mean_error(&found, &expected) };
    if covered == width * height {
        for (index, (expected, found)) in kept.iter().enumerate() {
            difference.features =
                difference.features.max(mean_error(&values(found), &values(expected)));
            let layer = layers[index];
            assert_eq!(
                moments[index].weight, expected_moments[index].weight,
                "every pixel of {layer:?} is summed once"
            );
            let sums = |moments: &Moments| [moments.sum.clone(), moments.products.clone()].concat();
            difference.sums = difference
                .sums
                .max(relative(&sums(&moments[index]), &sums(&expected_moments[index])));
            difference.sums =
                difference.sums.max(relative(&[distances[index]], &[expected_distances[index]]));
        }
    }
    difference
}

/// The largest difference, relative to the largest expected value.
fn relative(found: &[f64], expected: &[f64]) -> f64 {
    let largest = expected.iter().map(|value| value.abs()).fold(0.0, f64::max);
    found.iter().zip(expected).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max) / largest
}

fn values(map: &FeatureMap) -> Vec<f32> {
    let mut values = Vec::with_capacity(map.len());
    map.for_each(|value| values.push(value));
    values
}

fn check(weights: &Weights, picture: &Picture, size: usize, deepest: Layer) {
    for level in Level::available() {
        let found = compare(
            weights,
            level,
            picture,
            &picture.interiors(size),
            deepest,
            deepest.halo_px(),
            64,
        );
        let shape = picture.shape;
        if level == Level::Scalar {
            assert_eq!(
                (found.features, found.gradient),
                (0.0, 0.0),
                "{shape:?} in tiles of {size}: to the last bit"
            );
            assert!(
                found.sums < 1e-12,
                "sums at {level}, {shape:?} in tiles of {size}: {}",
                found.sums
            );
        } else {
            assert!(
                found.features < FEATURES,
                "features at {level}, {shape:?} in tiles of {size}: {}",
                found.features
            );
            assert!(
                found.sums < FEATURES,
                "sums at {level}, {shape:?} in tiles of {size}: {}",
                found.sums
            );
            assert!(
                found.gradient < GRADIENT,
                "gradient at {level}, {shape:?} in tiles of {size}: {}",
                found.gradient
            );
        }
    }
}

#[test]
fn tiles_of_a_picture_are_the_picture() {
    let weights = Weights::new([16, 16, 16, 16, 16], 41);
    for (edge_x, edge_y, pool) in [
        (Edge::Zero, Edge::Zero, Pool::Max),
        (Edge::Replicate, Edge::Reflect, Pool::Average),
        (Edge::Reflect, Edge::Replicate, Pool::Max),
    ] {
        check(&weights, &Picture::new(640, 75, edge_x, edge_y, pool), 256, Layer::Relu5_1);
        check(&weights, &Picture::new(81, 517, edge_x, edge_y, pool), 128, Layer::Relu5_1);
    }
}

#[test]
fn tiles_in_both_directions_are_the_picture() {
    let weights = Weights::new([16, 16, 16, 16, 16], 42);
    check(
        &weights,
        &Picture::new(331, 293, Edge::Zero, Edge::Replicate, Pool::Max),
        128,
        Layer::Relu4_2,
    );
    check(
        &weights,
        &Picture::new(448, 437, Edge::Wrap, Edge::Wrap, Pool::Max),
        128,
        Layer::Relu4_1,
    );
}

#[test]
fn tiles_across_the_border_of_a_wrapping_picture_are_the_picture() {
    let weights = Weights::new([16, 16, 16, 16, 16], 43);
    for pool in [Pool::Max, Pool::Average] {
        check(&weights, &Picture::new(640, 64, Edge::Wrap, Edge::Zero, pool), 128, Layer::Relu5_1);
        check(
            &weights,
            &Picture::new(48, 768, Edge::Reflect, Edge::Wrap, pool),
            256,
            Layer::Relu5_1,
        );
        // Sizes that pooling rounds up, at the first layer or a later one.
        for odd in [1, 4, 5, 24, 47] {
            check(
                &weights,
                &Picture::new(576 + odd, 33, Edge::Wrap, Edge::Wrap, pool),
                128,
                Layer::Relu5_1,
            );
        }
    }
}

#[test]
fn the_halo_is_enough_and_hardly_more() {
    let weights = Weights::new([4, 5, 6, 7, 8], 44);
    for deepest in Layer::ALL {
        let halo = deepest.halo_px();
        // A tile in the middle, and one that ends near the seam of a picture whose size asks for
        // the most.
        let middle = (Picture::new(640, 40, Edge::Zero, Edge::Zero, Pool::Average), 256..384);
        let seam = (Picture::new(576 + 4, 40, Edge::Wrap, Edge::Zero, Pool::Average), 512..576);
        let gradient = |(picture, interior): &(Picture, Range<usize>), halo| {
            let interior = [Region { x: interior.clone(), y: 0..40 }];
            compare(&weights, Level::Scalar, picture, &interior, deepest, halo, 16).gradient
        };
        assert_eq!(
            (gradient(&middle, halo), gradient(&seam, halo)),
            (0.0, 0.0),
            "{deepest:?} with {halo} px"
        );
        if halo > 16 {
            assert!(gradient(&seam, halo - 16) > 0.0, "{deepest:?} with {} px", halo - 16);
        }
    }
}
