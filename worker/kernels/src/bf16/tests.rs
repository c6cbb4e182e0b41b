//! The whole pass, by every kind of product, against the fp32 pass and against itself; and every
//! kernel against the plain one.
//!
//! The tile kernels run here on any x86-64 Linux: where the processor lacks them, they are
//! emulated, instruction by instruction.

use std::sync::Arc;

use crate::{
    ConvWeights, Edge, FeatureMap, Layer, Level, Network, Pass, Pool, Precision, Region, Seed,
    Shape, Target,
    bf16::{
        Kernels, Prepared, Products,
        kernels::Product,
        line::{CHANNELS, Line, POSITIONS, Sums},
    },
};

/// A small generator (SplitMix64), so that a failing case is the same everywhere.
struct Random(u64);

impl Random {
    fn float(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }

    fn lines(&mut self, len: usize) -> Vec<Line> {
        (0..len).map(|_| Line::narrowed(&std::array::from_fn(|_| self.float()))).collect()
    }

    fn features(&mut self, len: usize) -> Vec<Line> {
        // Few values, so that many are equal and many are zero.
        (0..len)
            .map(|_| {
                Line::narrowed(&std::array::from_fn(|_| (3.0 * self.float()).round().max(0.0)))
            })
            .collect()
    }

    fn sums(&mut self) -> Sums {
        let mut sums = Sums::ZERO;
        sums.0.as_flattened_mut().iter_mut().for_each(|sum| *sum = self.float());
        sums
    }
}

/// The kernels that this machine can run, or emulate, and that are to agree with the plain ones.
#[allow(clippy::print_stdout)] // what is skipped is said
fn others() -> Vec<(&'static str, &'static Kernels)> {
    let mut kernels = Vec::new();
    match Kernels::of(Products::Vectors) {
        Some(vectors) => kernels.push(("vectors", vectors)),
        None => println!("skipped: this processor has no AVX-512 with bf16"),
    }
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if !kernels.is_empty() {
        crate::bf16::emulator::install();
        kernels.push(("tiles", &crate::bf16::amx::KERNELS));
    }
    kernels
}

fn plain() -> &'static Kernels {
    Kernels::of(Products::Plain).expect("every processor has it")
}

#[test]
fn products_agree_with_the_plain_one() {
    let mut random = Random(1);
    for (name, kernels) in others() {
        for (blocks, stride) in [(1, 34), (2, 40), (5, 51)] {
            let plane = 2 * stride + 2 * POSITIONS + 2;
            let (lines, weights) = (random.lines(blocks * plane), random.lines(blocks * 9 * 32));
            let line = size_of::<Line>();
            let convolve = Product {
                lines: lines.as_ptr(),
                position: line,
                row: stride * line,
                block: plane * line,
                blocks,
                weights: weights.as_ptr(),
            };
            let multiply = Product { position: 2 * line, ..convolve };
            let run = |kernels: &'static Kernels| {
                let (mut nine, mut narrow, mut one) = (Sums::ZERO, Sums::ZERO, Sums::ZERO);
                let _ready = kernels.ready();
                // SAFETY: the kernels were given for this processor; lines and weights are as long
                // as the products say.
                unsafe {
                    (kernels.convolve)(&convolve, &mut nine);
                    (kernels.convolve_narrow)(&convolve, &mut narrow);
                    (kernels.multiply)(&multiply, &mut one);
                }
                [nine, narrow, one]
            };
            for (found, expected) in run(kernels).iter().zip(&run(plain())) {
                // Up to 1440 terms below one, each rounded at a sum of about 20: far less than bf16
                // rounds.
                let error = difference(found.0.as_flattened(), expected.0.as_flattened());
                assert!(error < 1e-4, "{name}, {blocks} blocks: {error}");
            }
        }
    }
}

#[test]
fn the_work_around_the_product_is_the_same_to_the_last_bit() {
    let mut random = Random(2);
    let (sums, bias) = (random.sums(), std::array::from_fn(|_| random.float()));
    let (features, pooled) = (random.features(4 * 5), random.lines(5));
    let pixels: [Line; POSITIONS] =
        random.features(POSITIONS).try_into().expect("a block of pixels");
    let more = random.sums();
    let picture = random.floats(3 * (40 + 3 * (33 + 3)));
    let run = |kernels: &'static Kernels| {
        let mut answer = Vec::new();
        for count in [1, 31, 32] {
            let mut lines = vec![Line::ZERO; POSITIONS];
            let mut gated = features.repeat(2);
            // SAFETY: the kernels were given for this processor; every slice is as long as its
            // kernel asks.
            unsafe {
                (kernels.rectify)(&sums, &bias, lines.as_mut_ptr(), count);
                answer.extend_from_slice(&lines);
                (kernels.round)(&sums, lines.as_mut_ptr(), count);
                (kernels.gate)(&sums, gated.as_ptr(), gated.as_mut_ptr(), count);
            }
            answer.extend(lines);
            answer.extend(gated);
        }
        let rows = [features.as_ptr(), features[10..].as_ptr()];
        let mut to = [Line::ZERO; 5];
        for pool in [kernels.largest, kernels.mean] {
            // SAFETY: as above: two rows of ten.
            unsafe { pool(rows, &mut to) };
            answer.extend(to);
        }
        for pool in [kernels.to_largest, kernels.to_all] {
            let mut lines = features.clone();
            let (upper, lower) = lines.split_at_mut(10);
            // SAFETY: as above.
            unsafe { pool([upper.as_mut_ptr(), lower.as_mut_ptr()], &pooled) };
            answer.extend(lines);
        }
        let (mut pairs, mut turned) = ([Line::ZERO; 32], [Line::ZERO; 32]);
        let mut gathered = [[Line::ZERO; 2]; 33];
        let mut added = sums;
        let (mut sum, mut totals) = ([1.0; CHANNELS], vec![0.5; CHANNELS * CHANNELS]);
        // SAFETY: as above: three rows of at least 35 pixels, in whatever place.
        unsafe {
            (kernels.add)(&mut added, &more, &bias);
            (kernels.pair)(&pixels, &mut pairs);
            (kernels.turn)(&pairs, &mut turned, &mut sum);
            (kernels.gather)(
                [picture.as_ptr(), picture[40..].as_ptr(), picture[200..].as_ptr()],
                &mut gathered,
            );
            (kernels.total)(&sums, &mut totals);
        }
        answer.extend([pairs, turned].into_iter().flatten());
        answer.extend(gathered.as_flattened());
        (answer, added, sum, totals)
    };
    for (name, kernels) in others() {
        assert!(run(kernels) == run(plain()), "{name}");
    }
}

#[test]
fn a_not_a_number_survives_rounding_and_pooling() {
    for kernels in others().into_iter().map(|(_, kernels)| kernels).chain([plain()]) {
        let mut sums = Sums::ZERO;
        sums.0[0][3] = f32::NAN;
        sums.0[0][4] = -f32::NAN;
        let mut lines = [Line::ZERO; 4];
        let mut pooled = [Line::ZERO];
        // SAFETY: the kernels were given for this processor; there is one line, and one window.
        unsafe {
            (kernels.rectify)(&sums, &[0.0; CHANNELS], lines.as_mut_ptr(), 1);
            (kernels.largest)([lines.as_ptr(), lines[2..].as_ptr()], &mut pooled);
        }
        for line in [lines[0], pooled[0]] {
            assert!(
                line.widened()[3].is_nan()
                    && line.widened()[4].is_nan()
                    && line.widened()[5] == 0.0
            );
        }
    }
}

/// The weights of a network: channels of the five stages.
struct Weights(Vec<(usize, usize, Vec<f32>, Vec<f32>)>);

impl Weights {
    /// Scaled so that features keep their size. An open network's features stay positive, so that
    /// no rounding decides where a gradient goes.
    fn new(stages: [usize; 5], open: bool, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut before = 3;
        let layers = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4].map(|stage| {
            let (inputs, outputs) = (before, stages[stage]);
            before = outputs;
            let scale = (6.0 / (9.0 * inputs as f32)).sqrt();
            let mut weights: Vec<f32> = random
                .floats(inputs * outputs * 9)
                .into_iter()
                .map(|weight| weight * scale)
                .collect();
            let mut bias: Vec<f32> =
                random.floats(outputs).into_iter().map(|bias| bias * 0.2).collect();
            if open {
                for kernel in weights.chunks_exact_mut(inputs * 9) {
                    let mean = kernel.iter().sum::<f32>() / kernel.len() as f32;
                    kernel.iter_mut().for_each(|weight| *weight = 0.3 * (*weight - mean));
                }
                bias.iter_mut().for_each(|bias| *bias += 4.0);
            }
            (inputs, outputs, weights, bias)
        });
        Self(layers.into())
    }

    fn layers(&self) -> Vec<ConvWeights<'_>> {
        self.0
            .iter()
            .map(|(in_channels, out_channels, weights, bias)| ConvWeights {
                in_channels: *in_channels,
                out_channels: *out_channels,
                weights,
                bias,
            })
            .collect()
    }

    fn fp32(&self) -> Arc<Network> {
        Arc::new(Network::new(&self.layers(), Level::detect(), Precision::Fp32).expect("a network"))
    }

    fn bf16(&self, kernels: &'static Kernels) -> Arc<Network> {
        Arc::new(Network::of_bf16(
            &self.layers(),
            Prepared::with(&self.layers(), kernels).expect("whole lines of channels"),
        ))
    }
}

const SMALL: [usize; 5] = [32, 64, 32, 64, 32];

const EDGES: [Edge; 4] = [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap];

const POOLS: [Pool; 2] = [Pool::Max, Pool::Average];

fn whole(width: usize, height: usize, edge_x: Edge, edge_y: Edge, pool: Pool) -> Shape {
    Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 }
}

/// Everything that a pass gives: features, Gram matrices and means of a region, and the gradient
/// for seeds of every kind.
#[derive(PartialEq)]
struct Answer {
    features: Vec<Vec<f32>>,
    statistics: Vec<Vec<f32>>,
    distance: f64,
    gradient: Vec<f32>,
}

fn threads(count: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("a pool"))
}

fn answer(network: Arc<Network>, shape: Shape, count: usize) -> Answer {
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
    pass.reshape(shape);
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
fn difference(found: &[f32], expected: &[f32]) -> f32 {
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
const OPEN_GRADIENT: f64 = 0.03;

/// Where rounding closes a ReLU, or moves a maximum, the gradient takes another way. Of few pixels,
/// one may be most of the gradient.
const GRADIENT: f64 = 0.4;

fn check(name: &str, found: &Answer, expected: &Answer, shape: Shape, gradient: f64) {
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

/// The fastest kernels that run here without emulation.
fn native() -> &'static Kernels {
    [Products::Tiles, Products::Vectors, Products::Plain]
        .into_iter()
        .find_map(Kernels::of)
        .unwrap_or_else(plain)
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
fn a_tile_has_the_bits_of_the_whole() {
    let network = Weights::new(SMALL, false, 7).bf16(native());
    for pool in POOLS {
        let (whole_shape, origin) = (whole(144, 101, Edge::Zero, Edge::Replicate, pool), (32, 0));
        let tile_shape = whole(112, 101, Edge::Zero, Edge::Replicate, pool);
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
        pass.forward(&pixels, Layer::Relu3_1);
        tile.forward(&columns(tile_shape.width, origin.0), Layer::Relu3_1);
        let (gram, mean) = pass.moments(Layer::Relu3_1, &whole_shape.region()).normalized();
        let inner = Region { x: 32..112, y: 0..101 };
        for layer in [Layer::Relu1_1, Layer::Relu2_1, Layer::Relu3_1] {
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
        let seeds =
            [Seed { layer: Layer::Relu3_1, gram: Some(&gram), mean: Some(&mean), target: None }];
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
