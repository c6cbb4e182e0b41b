//! The schedule: which convolution reads which buffer, forward and backward.
//!
//! Only the features that a loss reads are kept (relu2_1, relu3_1, relu4_1, relu4_2, relu5_1): 264
//! bytes per pixel. Of the others the backward needs one bit each, 20 bytes per pixel: whether the
//! feature is positive, or whether it gets the gradient of its pooling window. No map before a pool
//! is stored, forward or backward, except relu1_1 and its gradient: forward, relu1_1 is in the
//! memory that later holds the kept features; backward, its gradient overwrites them, and its
//! features are computed again from the pixels.
//!
//! Maps between convolutions use two buffers: what convolution `c` reads forward, or writes
//! backward, is in buffer `c % 2`: 64 and 128 bytes per pixel. With the pixels, a pass takes about
//! 488 bytes per pixel.

mod buffers;

use std::sync::Arc;

use buffers::{After, Sizes, Stage, area, buffers, facing, fit, is_kept};
use rayon::prelude::*;

use crate::{
    feature_map::FeatureMap,
    fp32::{
        bits::{self, Gate},
        convolution::FIRST_PIXELS,
        features::{Features, Part},
        job::{Convolution, Destination, Epilogue, Input},
        pool::Unpooled,
        prepared::Prepared,
        scalar, seed, statistics,
    },
    mask::TileMask,
    moments::Moments,
    plane::Plane,
    seed::Seed,
    shape::{Region, Shape},
    threads::{Direction, Threads, Watch},
    vgg::Layer,
};

/// The buffers of one picture size, and what the last [`Pass::forward`] left in them.
pub(crate) struct Pass {
    network: Arc<Prepared>,
    shape: Shape,
    threads: Threads,
    /// One for each convolution up to the deepest layer.
    stages: Vec<Stage>,
    pixels: Vec<f32>,
    /// The kept features, one after the other.
    kept: Vec<f32>,
    maps: [Vec<f32>; 2],
}

impl Pass {
    pub(crate) fn new(
        network: Arc<Prepared>,
        shape: Shape,
        deepest: Layer,
        threads: Arc<rayon::ThreadPool>,
    ) -> Self {
        let threads = Threads::new(threads, 0);
        let mut pass = Self {
            network,
            shape,
            threads,
            stages: Vec::new(),
            pixels: Vec::new(),
            kept: Vec::new(),
            maps: Default::default(),
        };
        pass.reshape(shape, deepest);
        pass
    }

    pub(crate) fn reshape(&mut self, shape: Shape, deepest: Layer) {
        let Self { network, threads, stages, pixels, kept, maps, .. } = self;
        let old = std::mem::take(stages)
            .into_iter()
            .map(|stage| stage.after)
            .chain(std::iter::repeat_with(|| After::Recomputed));
        let mut start = 0;
        *stages = (0..=deepest.convolution())
            .zip(old)
            .map(|(convolution, old)| {
                let map = shape.at_convolution(convolution);
                let (forward, backward) = (Plane::forward(&map), Plane::backward(&map));
                let channels = network.layers[convolution].out_channels;
                let after = After::new(convolution, old, &map, channels, &mut start);
                Stage { forward, backward, after }
            })
            .collect();
        let sizes = Sizes::new(network, &shape, deepest);
        fit(pixels, shape.width * shape.height * network.layers[0].in_channels);
        fit(kept, sizes.kept);
        maps.iter_mut().zip(sizes.maps).for_each(|(map, size)| fit(map, size));
        threads.reserve(sizes.scratch);
        self.shape = shape;
    }

    pub(crate) fn bytes(
        network: &Prepared,
        shape: &Shape,
        deepest: Layer,
        threads: usize,
    ) -> usize {
        let sizes = Sizes::new(network, shape, deepest);
        let floats = shape.width * shape.height * network.layers[0].in_channels
            + sizes.kept
            + sizes.maps.iter().sum::<usize>()
            + threads * sizes.scratch;
        let bits: usize = (1..=deepest.convolution())
            .filter(|convolution| !is_kept(*convolution))
            .map(|convolution| {
                area(shape, convolution) * bits::bytes(network.layers[convolution].out_channels)
            })
            .sum();
        // Statistics and prepared seeds come and go; they never meet.
        let statistics = |layer: &Layer| {
            let channels = network.layers[layer.convolution()].out_channels;
            statistics::bytes(area(shape, layer.convolution()), channels, threads)
                .max(seed::bytes(channels))
        };
        let layers = Layer::ALL.iter().filter(|&&layer| layer <= deepest);
        floats * size_of::<f32>() + bits + layers.map(statistics).max().unwrap_or(0)
    }

    pub(crate) fn watch(&mut self, watch: Watch) {
        self.threads.watch(watch);
    }

    pub(crate) fn forward(&mut self, pixels: &[f32], deepest: Layer) {
        let Self { network, threads, stages, kept, maps, .. } = self;
        self.pixels.copy_from_slice(pixels);
        let mut before = None;
        for (convolution, stage) in stages.iter_mut().enumerate().take(deepest.convolution() + 1) {
            let prepared = &network.layers[convolution];
            let bias = &prepared.bias;
            let (input, values) = buffers(before, &stage.after, convolution, pixels, kept, maps);
            let (epilogue, bits) = match &mut stage.after {
                After::Recomputed | After::Kept { .. } => (Epilogue::Rectify { bias }, &mut [][..]),
                After::Marked { bits } => (Epilogue::Mark { bias }, bits.as_mut_slice()),
                After::Pooled { routes, pooling } => {
                    (Epilogue::Pool { bias, pooling: &*pooling }, routes.as_mut_slice())
                }
            };
            let job = Convolution { input: Input::Map(input), plane: &stage.forward, epilogue };
            prepared.forward.run(threads, network.kernels, &job, Destination { values, bits });
            before = Some(&stage.after);
            threads.passed(convolution, Direction::Forward);
        }
    }

    pub(crate) fn features(&self, layer: Layer) -> Vec<f32> {
        let part = self.part(layer, &self.shape.region());
        let mut features = Vec::with_capacity(part.pixels() * part.channels);
        let mut room = vec![0.0; part.room(part.width)];
        for y in part.region.y.clone() {
            part.each_run(y * part.width..(y + 1) * part.width, &mut room, |run| {
                features.extend_from_slice(run)
            });
        }
        features
    }

    pub(crate) fn moments(
        &self,
        layer: Layer,
        region: &Region,
        weights: Option<&[f32]>,
    ) -> Moments {
        let part = self.part(layer, region);
        statistics::moments(self.threads.pool(), self.network.kernels, &part, weights)
    }

    pub(crate) fn keep(&self, region: &Region, map: &mut FeatureMap, origin: (usize, usize)) {
        let part = self.part(map.layer(), region);
        let across = part.region.x.len();
        let mut room = vec![0.0; part.room(across)];
        for (row, y) in part.region.y.clone().enumerate() {
            let mut x = part.region.x.clone();
            part.each_run(row * across..(row + 1) * across, &mut room, |run| {
                for (x, own) in x.by_ref().zip(run.chunks_exact(part.channels)) {
                    map.write(map.pixel(&self.shape, origin, x, y), own);
                }
            });
        }
    }

    pub(crate) fn distance(
        &self,
        region: &Region,
        map: &FeatureMap,
        origin: (usize, usize),
        weights: Option<&[f32]>,
    ) -> f64 {
        let part = self.part(map.layer(), region);
        let across = part.region.x.len();
        let of_row = |row: usize| {
            let (mut room, mut other) = (vec![0.0; part.room(across)], vec![0.0; part.channels]);
            let (mut x, mut total) = (part.region.x.clone(), 0.0);
            part.each_run(row * across..(row + 1) * across, &mut room, |run| {
                for (x, own) in x.by_ref().zip(run.chunks_exact(part.channels)) {
                    map.read(
                        map.pixel(&self.shape, origin, x, part.region.y.start + row),
                        &mut other,
                    );
                    let weight = weights.map_or(1.0, |weights| {
                        f64::from(weights[(part.region.y.start + row) * part.width + x])
                    });
                    total += weight
                        * own
                            .iter()
                            .zip(&other)
                            .map(|(f, p)| f64::from((f - p) * (f - p)))
                            .sum::<f64>();
                }
            });
            total
        };
        // One sum per row, added in order: the number of threads changes nothing.
        let rows: Vec<f64> = self
            .threads
            .pool()
            .install(|| (0..part.region.y.len()).into_par_iter().map(of_row).collect());
        rows.iter().sum()
    }

    pub(crate) fn backward(
        &mut self,
        seeds: &[Seed<'_>],
        mask: Option<&TileMask>,
        gradient: &mut [f32],
    ) {
        let Some(deepest) = seeds.iter().map(|seed| seed.layer).max() else {
            return gradient.fill(0.0);
        };
        let (network, shape) = (Arc::clone(&self.network), self.shape);
        let Self { threads, stages, kept, maps, .. } = self;
        let kernels = network.kernels;
        let seeds_at = |convolution: usize| -> Vec<seed::Prepared<'_>> {
            let here = seeds.iter().filter(|seed| seed.layer.convolution() == convolution);
            here.map(|seed| {
                let channels = network.layers[convolution].out_channels;
                let weights = mask.map(|mask| mask.at(seed.layer));
                seed::Prepared::new(kernels, seed, weights, &shape, channels)
            })
            .collect()
        };
        let last = deepest.convolution();
        let deepest_floats = stages[last].forward.area() * network.layers[last].out_channels;
        let start = if last == 0 { &mut *kept } else { &mut maps[(last + 1) % 2] };
        start[..deepest_floats].fill(0.0);

        for convolution in (1..=last).rev() {
            let prepared = &network.layers[convolution];
            let (before, rest) = stages.split_at(convolution);
            let (before, stage) = (&before[convolution - 1].after, &rest[0]);
            let [to, from] = facing(maps, convolution);
            if let After::Kept { start } = stage.after {
                let channels = prepared.out_channels;
                let from = &mut from[..stage.forward.area() * channels];
                let features = &kept[start..][..from.len()];
                for seed in seeds_at(convolution) {
                    threads.each_piece(
                        from,
                        seed::PIXELS * channels,
                        |index, gradient, scratch| {
                            let first = index * seed::PIXELS;
                            seed.add(
                                first,
                                &features[first * channels..][..gradient.len()],
                                gradient,
                                scratch,
                            );
                        },
                    );
                }
            }
            let input = match &stage.after {
                After::Pooled { routes, pooling } => {
                    Input::Unpooled(Unpooled { pooled: from, routes, pooling })
                }
                After::Recomputed | After::Kept { .. } | After::Marked { .. } => Input::Map(from),
            };
            let (gate, values) = match before {
                // Its gate is applied together with its seeds.
                After::Recomputed => (None, &mut *kept),
                After::Kept { start } => (Some(Gate::Features(&kept[*start..])), to),
                After::Marked { bits } => (Some(Gate::Bits(bits)), to),
                After::Pooled { .. } => (None, to),
            };
            let epilogue = gate.map_or(Epilogue::Plain, Epilogue::Gate);
            let job = Convolution { input, plane: &stage.backward, epilogue };
            prepared.backward.run(threads, kernels, &job, Destination { values, bits: &mut [] });
            let open = |place| gate.is_none_or(|gate| gate.is_open(place, prepared.in_channels));
            stage.backward.fold(&stage.forward, values, prepared.in_channels, open);
            threads.passed(convolution, Direction::Backward);
        }

        self.backward_first(&seeds_at(0));
        gradient.copy_from_slice(&self.maps[0][..gradient.len()]);
        self.threads.passed(0, Direction::Backward);
    }

    /// From the gradient of relu1_1, in the place of the kept features and not yet through its
    /// ReLU, to that of the pixels, in the first map.
    fn backward_first(&mut self, seeds: &[seed::Prepared<'_>]) {
        let Self { network, threads, stages, kept, maps, pixels, .. } = self;
        let (prepared, stage) = (&network.layers[0], &stages[0]);
        let channels = prepared.out_channels;
        let job = Convolution {
            input: Input::Map(pixels),
            plane: &stage.forward,
            epilogue: Epilogue::Rectify { bias: &prepared.bias },
        };
        threads.each_piece(
            &mut kept[..stage.forward.area() * channels],
            FIRST_PIXELS * channels,
            |index, gradient, scratch| {
                let first = index * FIRST_PIXELS;
                let (features, scratch) = scratch.split_at_mut(gradient.len());
                prepared.forward.first(network.kernels, &job, first, features, scratch);
                for (gradient, feature) in gradient.iter_mut().zip(&*features) {
                    *gradient = scalar::gate(*gradient, *feature);
                }
                seeds.iter().for_each(|seed| seed.add(first, features, gradient, scratch));
            },
        );
        let job = Convolution {
            input: Input::Map(kept),
            plane: &stage.backward,
            epilogue: Epilogue::Plain,
        };
        prepared.backward.run(
            threads,
            network.kernels,
            &job,
            Destination { values: &mut maps[0], bits: &mut [] },
        );
        stage.backward.fold(&stage.forward, &mut maps[0], prepared.in_channels, |_| true);
    }

    /// A region's features at a layer.
    fn part(&self, layer: Layer, region: &Region) -> Part<'_> {
        let (convolution, region) = (layer.convolution(), self.shape.at_layer(region, layer));
        let (stage, prepared) = (&self.stages[convolution], &self.network.layers[convolution]);
        let features = match stage.after {
            After::Kept { start } => Features::Kept(&self.kept[start..]),
            After::Recomputed | After::Marked { .. } | After::Pooled { .. } => Features::First {
                weights: &prepared.forward,
                kernels: self.network.kernels,
                job: Convolution {
                    input: Input::Map(&self.pixels),
                    plane: &stage.forward,
                    epilogue: Epilogue::Rectify { bias: &prepared.bias },
                },
            },
        };
        Part { features, channels: prepared.out_channels, width: stage.forward.width(), region }
    }
}
