//! The schedule: which convolution reads which buffer, forward and backward.
//!
//! Only the features that a loss reads are kept (relu2_1, relu3_1, relu4_1, relu4_2, relu5_1): 132
//! bytes per pixel. Of the others the backward needs one bit each, 20 bytes per pixel: whether the
//! feature is positive, or whether it gets the gradient of its pooling window. No map before a pool
//! is stored, forward or backward, except relu1_1 and its gradient: forward, relu1_1 is in the
//! memory that later holds the kept features; backward, its gradient overwrites them, and its
//! features are computed again from the pixels.
//!
//! Maps between convolutions use two buffers: what convolution `c` reads forward, or writes
//! backward, is in buffer `c % 2`: 32 and 64 bytes per pixel. With the pixels, a pass takes about
//! 265 bytes per pixel, borders included.

mod buffers;

use std::sync::Arc;

use buffers::{After, Sizes, buffers, facing, fit, layouts, passing_bytes};
use rayon::prelude::*;

use crate::{
    bf16::{
        convolution::{self, Convolution, Epilogue, Input},
        features::{Features, Source},
        first::{self, First, Room},
        layout::Layout,
        line::{CHANNELS, Line, POSITIONS, Shared},
        moments,
        pool::{Pooling, Unpooled},
        seed::Seeds,
        weights::Prepared,
    },
    feature_map::FeatureMap,
    mask::TileMask,
    moments::Moments,
    seed::Seed,
    shape::{Region, Shape},
    threads::{Direction, Threads, Watch},
    vgg::{Layer, layer_after},
};

/// The buffers of one picture size, and what the last [`Pass::forward`] left in them.
pub(crate) struct Pass {
    network: Arc<Prepared>,
    shape: Shape,
    threads: Threads,
    /// One for each convolution up to the deepest layer.
    layouts: Vec<Layout>,
    after: Vec<After>,
    pixels: Vec<f32>,
    /// The kept features, one after the other.
    kept: Vec<Line>,
    maps: [Vec<Line>; 2],
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
            layouts: Vec::new(),
            after: Vec::new(),
            pixels: Vec::new(),
            kept: Vec::new(),
            maps: Default::default(),
        };
        pass.reshape(shape, deepest);
        pass
    }

    pub(crate) fn reshape(&mut self, shape: Shape, deepest: Layer) {
        self.shape = shape;
        self.layouts = layouts(&shape, deepest);
        let old = std::mem::take(&mut self.after).into_iter();
        let mut start = 0;
        self.after = self
            .layouts
            .iter()
            .zip(&self.network.layers)
            .zip(old.chain(std::iter::repeat_with(|| After::First)))
            .enumerate()
            .map(|(convolution, ((layout, prepared), old))| {
                After::new(convolution, old, layout, prepared.out_channels, &mut start)
            })
            .collect();
        let sizes = Sizes::new(&self.network, &self.layouts);
        fit(&mut self.pixels, shape.width * shape.height * 3, 0.0);
        fit(&mut self.kept, sizes.kept, Line::ZERO);
        for (map, lines) in self.maps.iter_mut().zip(sizes.maps) {
            fit(map, lines, Line::ZERO);
        }
        self.threads.reserve(sizes.scratch_floats);
    }

    pub(crate) fn bytes(
        network: &Prepared,
        shape: &Shape,
        deepest: Layer,
        threads: usize,
    ) -> usize {
        let layouts = layouts(shape, deepest);
        let sizes = Sizes::new(network, &layouts);
        let floats = shape.width * shape.height * 3 + threads * sizes.scratch_floats;
        let lines = sizes.kept + sizes.maps.iter().sum::<usize>();
        let bits = layouts.iter().zip(&network.layers).enumerate();
        let bits: usize = bits
            .map(|(convolution, (layout, prepared))| {
                After::bytes(convolution, layout, prepared.out_channels)
            })
            .sum();
        let layers = Layer::ALL.into_iter().filter(|&layer| layer <= deepest);
        let passing = layers.map(|layer| passing_bytes(network, &layouts, layer, threads)).max();
        floats * size_of::<f32>() + lines * size_of::<Line>() + bits + passing.unwrap_or(0)
    }

    pub(crate) fn watch(&mut self, watch: Watch) {
        self.threads.watch(watch);
    }

    pub(crate) fn forward(&mut self, pixels: &[f32], deepest: Layer) {
        let Self { network, shape, threads, layouts, after, kept, maps, .. } = self;
        let kernels = network.kernels;
        self.pixels.copy_from_slice(pixels);
        let first = First { layout: &layouts[0], pixels, prepared: &network.layers[0] };
        first.forward(threads, kernels, kept);
        layouts[0].close_features(threads, kept, network.layers[0].out_channels);
        threads.passed(0, Direction::Forward);
        for convolution in 1..=deepest.convolution() {
            let (prepared, layout) = (&network.layers[convolution], &layouts[convolution]);
            let (before, rest) = after.split_at_mut(convolution);
            let after = &mut rest[0];
            let (input, output) = buffers(&before[convolution - 1], after, convolution, kept, maps);
            let (bias, channels) = (&prepared.bias, prepared.out_channels);
            let epilogue = match after {
                After::First | After::Kept { .. } => Epilogue::Rectify { bias, marks: None },
                After::Marked { bits } => {
                    Epilogue::Rectify { bias, marks: Some(Shared::new(bits)) }
                }
                After::Pooled { routes } => Epilogue::Pool {
                    bias,
                    pooling: pooling(shape, layouts, convolution),
                    routes: Shared::new(routes),
                },
            };
            let job = Convolution {
                layout,
                input: Some((Input::Map(input), &prepared.forward)),
                out_channels: channels,
                epilogue,
            };
            convolution::run(threads, kernels, &job, output);
            match after {
                After::First | After::Kept { .. } => {
                    layout.close_features(threads, output, channels);
                }
                After::Marked { bits } => {
                    layout.close_features(threads, output, channels);
                    // The frame of a gradient is gated, too.
                    layout.close_features(threads, bits, channels);
                }
                After::Pooled { .. } => {
                    layouts[convolution + 1].close_features(threads, output, channels);
                }
            }
            threads.passed(convolution, Direction::Forward);
        }
    }

    pub(crate) fn features(&self, layer: Layer) -> Vec<f32> {
        let channels = self.channels(layer);
        let map = self.shape.at_convolution(layer.convolution());
        let mut values = vec![0.0; map.width * map.height * channels];
        let region = Region { x: 0..map.width, y: 0..map.height };
        self.each_run(layer, region, |features, count, (x, y)| {
            let first = (y * map.width + x) * channels;
            let values = &mut values[first..][..count * channels];
            for (position, values) in values.chunks_exact_mut(channels).enumerate() {
                features.read(position, values);
            }
        });
        values
    }

    pub(crate) fn moments(
        &self,
        layer: Layer,
        region: &Region,
        weights: Option<&[f32]>,
    ) -> Moments {
        let region = self.shape.at_layer(region, layer);
        moments::moments(
            self.threads.pool(),
            self.network.kernels,
            &self.layouts[layer.convolution()],
            self.source(layer),
            self.channels(layer),
            (&region, weights),
        )
    }

    pub(crate) fn keep(&self, region: &Region, map: &mut FeatureMap, origin: (usize, usize)) {
        let (layer, mut row) = (map.layer(), vec![0.0; self.channels(map.layer())]);
        let region = self.shape.at_layer(region, layer);
        self.each_run(layer, region, |features, count, (x, y)| {
            for position in 0..count {
                features.read(position, &mut row);
                map.write(map.pixel(&self.shape, origin, x + position, y), &row);
            }
        });
    }

    pub(crate) fn distance(
        &self,
        region: &Region,
        map: &FeatureMap,
        origin: (usize, usize),
        weights: Option<&[f32]>,
    ) -> f64 {
        let layer = map.layer();
        let Region { x, y } = self.shape.at_layer(region, layer);
        let (width, blocks) =
            (self.layouts[layer.convolution()].width(), self.channels(layer) / CHANNELS);
        // A pixel's sum is taken in fp32 (16 terms for each of 32 lanes), pixels and rows are added
        // in f64, in order.
        let pixel = |features: &Features<'_>, position: usize, x: usize, y: usize| -> f64 {
            let pixel = map.pixel(&self.shape, origin, x, y);
            let mut squares = [0.0; CHANNELS];
            for block in 0..blocks {
                let mut wanted = [0.0; CHANNELS];
                map.read_part(pixel, block * CHANNELS, &mut wanted);
                let own = features.lines[block * features.block + position].widened();
                squares
                    .iter_mut()
                    .zip(own)
                    .zip(wanted)
                    .for_each(|((square, f), p)| *square += (f - p) * (f - p));
            }
            let weight = weights.map_or(1.0, |weights| f64::from(weights[y * width + x]));
            weight * squares.into_iter().map(f64::from).sum::<f64>()
        };
        let row = |y: usize| -> f64 {
            let mut total = 0.0;
            self.each_run(
                layer,
                Region { x: x.clone(), y: y..y + 1 },
                |features, count, (x, y)| {
                    for position in 0..count {
                        total += pixel(features, position, x + position, y);
                    }
                },
            );
            total
        };
        let rows: Vec<f64> = self.threads.pool().install(|| y.into_par_iter().map(row).collect());
        rows.into_iter().sum()
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
        let Self { network, shape, threads, layouts, after, pixels, kept, maps } = self;
        let kernels = network.kernels;
        let seeds = |convolution: usize| {
            let layer = layer_after(convolution)?;
            let weights = mask.map(|mask| mask.at(layer));
            Seeds::of(seeds, layer, weights, network.layers[convolution].out_channels, shape)
        };
        // Makes the gradient of each convolution's features: that of the next one, sent back, and
        // the seeds.
        for convolution in (0..=deepest.convolution()).rev() {
            let (next, begins) = (convolution + 1, convolution == deepest.convolution());
            let channels = network.layers[convolution].out_channels;
            let layout = &layouts[if begins { convolution } else { next }];
            let [output, from] = facing(maps, next);
            let input = (!begins).then(|| {
                let input = match &after[next] {
                    After::Pooled { routes } => Input::Unpooled(Unpooled {
                        pooled: from,
                        routes,
                        pooling: pooling(shape, layouts, next),
                    }),
                    After::First | After::Kept { .. } | After::Marked { .. } => Input::Map(from),
                };
                (input, &network.layers[next].backward)
            });
            let seeds = seeds(convolution);
            let seeds = seeds.as_ref();
            let (epilogue, output) = match &after[convolution] {
                After::First => {
                    let first = First { layout: &layouts[0], pixels, prepared: &network.layers[0] };
                    (Epilogue::Seed { features: Source::First(first), seeds }, &mut *kept)
                }
                After::Kept { start } => {
                    (Epilogue::Seed { features: Source::Kept(&kept[*start..]), seeds }, output)
                }
                After::Marked { bits } => (Epilogue::Gate(bits), output),
                After::Pooled { .. } => (Epilogue::Plain, output),
            };
            let job = Convolution { layout, input, out_channels: channels, epilogue };
            convolution::run(threads, kernels, &job, output);
            layout.fold_gradient(threads, output, channels);
            if !begins {
                threads.passed(next, Direction::Backward);
            }
        }
        let input = (kept.as_slice(), &network.layers[0].backward);
        first::backward(threads, kernels, &layouts[0], input, &mut maps[0], gradient);
        threads.passed(0, Direction::Backward);
    }

    fn channels(&self, layer: Layer) -> usize {
        self.network.layers[layer.convolution()].out_channels
    }

    fn source(&self, layer: Layer) -> Source<'_> {
        match self.after[layer.convolution()] {
            After::Kept { start } => Source::Kept(&self.kept[start..]),
            After::First | After::Marked { .. } | After::Pooled { .. } => Source::First(First {
                layout: &self.layouts[0],
                pixels: &self.pixels,
                prepared: &self.network.layers[0],
            }),
        }
    }

    /// Calls `visit(features, count, (x, y))` for runs of up to 32 pixels of a region, which is in
    /// the layer's own pixels, in reading order.
    fn each_run(
        &self,
        layer: Layer,
        region: Region,
        mut visit: impl FnMut(&Features<'_>, usize, (usize, usize)),
    ) {
        let (ready, mut first) = (self.network.kernels.ready(), Room::new());
        let (layout, source) = (&self.layouts[layer.convolution()], self.source(layer));
        let mut room = vec![Line::ZERO; self.channels(layer) / CHANNELS * POSITIONS];
        for y in region.y {
            for x in region.x.clone().step_by(POSITIONS) {
                let count = POSITIONS.min(region.x.end - x);
                visit(
                    &source.run((&ready, &mut first), layout, (x, y), count, &mut room),
                    count,
                    (x, y),
                );
            }
        }
    }
}

/// The pooling after a convolution.
fn pooling<'a>(shape: &Shape, layouts: &'a [Layout], convolution: usize) -> Pooling<'a> {
    let map = shape.at_convolution(convolution);
    Pooling::new(&map, &layouts[convolution], &layouts[convolution + 1])
}
