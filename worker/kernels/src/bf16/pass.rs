//! The schedule: which convolution reads which map, forward and backward.
//!
//! Every convolution keeps its features (after ReLU): the backward needs to know where they are
//! positive, and max pooling where the maximum was. The gradient of features overwrites them, so
//! the backward needs no memory of its own; one more map holds pooled features, and pooled
//! gradients, between two stages.

use std::sync::Arc;

use rayon::prelude::*;

use crate::{
    bf16::{
        convolution::{self, Convolution, Epilogue},
        first,
        layout::Layout,
        line::{CHANNELS, Line, Shared},
        moments,
        pool::Pooling,
        seed::Seeds,
        weights::{Prepared, Weights},
    },
    feature_map::FeatureMap,
    mask::TileMask,
    moments::Moments,
    seed::Seed,
    shape::{Region, Shape},
    threads::{Direction, Threads, Watch},
    vgg::{CONVOLUTIONS, Layer, pools_before},
};

/// The buffers of one picture size, and what the last [`Pass::forward`] left in them.
pub(crate) struct Pass {
    network: Arc<Prepared>,
    shape: Shape,
    threads: Threads,
    layouts: Vec<Layout>,
    /// The features of each convolution; after a backward, their gradient.
    maps: Vec<Vec<Line>>,
    pooled: Vec<Line>,
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
            maps: vec![Vec::new(); CONVOLUTIONS],
            pooled: Vec::new(),
        };
        pass.reshape(shape, deepest);
        pass
    }

    pub(crate) fn reshape(&mut self, shape: Shape, deepest: Layer) {
        self.shape = shape;
        self.layouts = layouts(&shape, deepest);
        let needed = self.layouts.iter().zip(&self.network.layers);
        let needed = needed.map(|(layout, prepared)| layout.lines(prepared.out_channels));
        for (map, lines) in self.maps.iter_mut().zip(needed.chain(std::iter::repeat(0))) {
            resize(map, lines);
        }
        resize(&mut self.pooled, pooled_lines(&self.network, &self.layouts));
        self.threads.reserve(scratch_floats(&self.network, &self.layouts));
    }

    pub(crate) fn bytes(
        network: &Prepared,
        shape: &Shape,
        deepest: Layer,
        threads: usize,
    ) -> usize {
        let layouts = layouts(shape, deepest);
        let maps: usize = layouts
            .iter()
            .zip(&network.layers)
            .map(|(layout, prepared)| layout.lines(prepared.out_channels))
            .sum();
        // What a step takes for itself: the gradient of the pixels with its frame, the packed
        // seeds, the sums of moments.
        let framed = if layouts[0].frame() == (0, 0) { 0 } else { layouts[0].plane() * 3 };
        let squares = layers_of(&layouts)
            .map(|layer| network.layers[layer.convolution()].out_channels.pow(2));
        let moments = squares.max().unwrap_or(0) * size_of::<f64>();
        (maps + pooled_lines(network, &layouts)) * size_of::<Line>()
            + (threads * scratch_floats(network, &layouts) + framed) * size_of::<f32>()
            + moments
    }

    pub(crate) fn watch(&mut self, watch: Watch) {
        self.threads.watch(watch);
    }

    pub(crate) fn forward(&mut self, pixels: &[f32], deepest: Layer) {
        let Self { network, shape, threads, layouts, maps, pooled } = self;
        for convolution in 0..=deepest.convolution() {
            let (prepared, layout) = (&network.layers[convolution], &layouts[convolution]);
            let (before, rest) = maps.split_at_mut(convolution);
            let output = &mut rest[0];
            let Some(previous) = before.last() else {
                first::forward(
                    threads,
                    network.kernels,
                    layout,
                    pixels,
                    (&prepared.forward, &prepared.bias),
                    output,
                );
                layout.close_features(threads, output, prepared.out_channels);
                threads.passed(convolution, Direction::Forward);
                continue;
            };
            // A stage that is pooled has two convolutions at least, so none both reads and writes
            // the pooled map.
            let own = shape.at_convolution(convolution);
            let (input, target) = if pools_before(convolution) {
                (pooled.as_slice(), None)
            } else if convolution < deepest.convolution() && pools_before(convolution + 1) {
                (previous.as_slice(), Some(&mut *pooled))
            } else {
                (previous.as_slice(), None)
            };
            let pool = target.map(|target| {
                (
                    pooling(&own, layouts, convolution + 1, prepared.out_channels),
                    Shared::new(target),
                )
            });
            let pools = pool.is_some();
            let epilogue = Epilogue::Rectify { bias: &prepared.bias, pool };
            let job = Convolution {
                layout,
                input: Some((input, &prepared.forward)),
                out_channels: prepared.out_channels,
                epilogue,
            };
            convolution::run(threads, network.kernels, &job, output);
            layout.close_features(threads, output, prepared.out_channels);
            if pools {
                layouts[convolution + 1].close_features(threads, pooled, prepared.out_channels);
            }
            threads.passed(convolution, Direction::Forward);
        }
    }

    pub(crate) fn features(&self, layer: Layer) -> Vec<f32> {
        let (layout, channels) = (&self.layouts[layer.convolution()], self.channels(layer));
        let mut values = vec![0.0; layout.width() * layout.height() * channels];
        for (pixel, values) in values.chunks_exact_mut(channels).enumerate() {
            self.read(layer, pixel, values);
        }
        values
    }

    pub(crate) fn moments(
        &self,
        layer: Layer,
        region: &Region,
        weights: Option<&[f32]>,
    ) -> Moments {
        let convolution = layer.convolution();
        let region = self.shape.at_layer(region, layer);
        let (layout, map) = (&self.layouts[convolution], &self.maps[convolution]);
        moments::moments(
            self.threads.pool(),
            self.network.kernels,
            layout,
            map,
            self.channels(layer),
            (&region, weights),
        )
    }

    pub(crate) fn keep(&self, region: &Region, map: &mut FeatureMap, origin: (usize, usize)) {
        let mut row = vec![0.0; self.channels(map.layer())];
        let pixels: Vec<_> = map.pixels(&self.shape, region, origin).collect();
        for (own, whole) in pixels {
            self.read(map.layer(), own, &mut row);
            map.write(whole, &row);
        }
    }

    pub(crate) fn distance(
        &self,
        region: &Region,
        map: &FeatureMap,
        origin: (usize, usize),
        weights: Option<&[f32]>,
    ) -> f64 {
        let convolution = map.layer().convolution();
        let (layout, planes) = (
            &self.layouts[convolution],
            self.maps[convolution].chunks_exact(self.layouts[convolution].plane()),
        );
        let Region { x, y } = self.shape.at_layer(region, map.layer());
        let blocks = self.channels(map.layer()) / CHANNELS;
        // A pixel's sum is taken in fp32 (16 terms for each of 32 lanes), pixels and rows are added
        // in f64, in order.
        let row = |y: usize| -> f64 {
            let pixel = |x: usize| {
                let (place, pixel) =
                    (layout.at(x as isize, y as isize), map.pixel(&self.shape, origin, x, y));
                let mut squares = [0.0; CHANNELS];
                for (block, plane) in planes.clone().take(blocks).enumerate() {
                    let mut wanted = [0.0; CHANNELS];
                    map.read_part(pixel, block * CHANNELS, &mut wanted);
                    let own = plane[place].widened();
                    squares
                        .iter_mut()
                        .zip(own)
                        .zip(wanted)
                        .for_each(|((square, f), p)| *square += (f - p) * (f - p));
                }
                let weight =
                    weights.map_or(1.0, |weights| f64::from(weights[y * layout.width() + x]));
                weight * squares.into_iter().map(f64::from).sum::<f64>()
            };
            x.clone().map(pixel).sum()
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
        let Self { network, shape, threads, layouts, maps, pooled } = self;
        let kernels = network.kernels;
        let seeds = |convolution: usize| {
            let layer = Layer::ALL.into_iter().find(|layer| layer.convolution() == convolution)?;
            let weights = mask.map(|mask| mask.at(layer));
            Seeds::of(seeds, layer, weights, network.layers[convolution].out_channels, shape)
        };
        // Makes a gradient of the features of a convolution: that of the next one, sent back, and
        // the seeds.
        let replace = |threads: &mut Threads,
                       convolution: usize,
                       input: Option<(&[Line], &Weights)>,
                       features: &mut [Line]| {
            let (layout, out_channels, seeds) = (
                &layouts[convolution],
                network.layers[convolution].out_channels,
                seeds(convolution),
            );
            let job = Convolution {
                layout,
                input,
                out_channels,
                epilogue: Epilogue::Gate { seeds: seeds.as_ref() },
            };
            convolution::run(threads, kernels, &job, features);
            layout.fold_gradient(threads, features, out_channels);
        };
        replace(threads, deepest.convolution(), None, &mut maps[deepest.convolution()]);
        for convolution in (1..=deepest.convolution()).rev() {
            let (prepared, layout) = (&network.layers[convolution], &layouts[convolution]);
            let (before, rest) = maps.split_at_mut(convolution);
            let (current, features) = (&rest[0], &mut before[convolution - 1]);
            let input = Some((current.as_slice(), &prepared.backward));
            if pools_before(convolution) {
                let job = Convolution {
                    layout,
                    input,
                    out_channels: prepared.in_channels,
                    epilogue: Epilogue::Plain,
                };
                convolution::run(threads, kernels, &job, pooled);
                layout.fold_gradient(threads, pooled, prepared.in_channels);
                let below = shape.at_convolution(convolution - 1);
                pooling(&below, layouts, convolution, prepared.in_channels)
                    .backward(threads, kernels, pooled, features);
                layouts[convolution - 1].close_gradient(threads, features, prepared.in_channels);
            } else {
                replace(threads, convolution - 1, input, features);
            }
            threads.passed(convolution, Direction::Backward);
        }
        first::backward(
            threads,
            kernels,
            &layouts[0],
            (&maps[0], &network.layers[0].backward),
            gradient,
        );
        threads.passed(0, Direction::Backward);
    }

    fn channels(&self, layer: Layer) -> usize {
        self.network.layers[layer.convolution()].out_channels
    }

    /// Writes the features of a pixel, counted in reading order, to `values`.
    fn read(&self, layer: Layer, pixel: usize, values: &mut [f32]) {
        let layout = &self.layouts[layer.convolution()];
        let place = layout.at((pixel % layout.width()) as isize, (pixel / layout.width()) as isize);
        let planes = self.maps[layer.convolution()].chunks_exact(layout.plane());
        for (values, plane) in values.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(planes) {
            *values = plane[place].widened();
        }
    }
}

/// Makes a map longer by no more than it needs, or shorter.
fn resize(map: &mut Vec<Line>, lines: usize) {
    map.reserve_exact(lines.saturating_sub(map.len()));
    map.resize(lines, Line::ZERO);
}

/// Of each convolution up to a layer.
fn layouts(shape: &Shape, deepest: Layer) -> Vec<Layout> {
    (0..=deepest.convolution()).map(|convolution| Layout::new(shape, convolution)).collect()
}

/// The layers that convolutions of these layouts make.
fn layers_of(layouts: &[Layout]) -> impl Iterator<Item = Layer> {
    Layer::ALL.into_iter().filter(|layer| layer.convolution() < layouts.len())
}

/// The pooling before a convolution; `below` is the shape of what is pooled.
fn pooling<'a>(
    below: &'a Shape,
    layouts: &'a [Layout],
    convolution: usize,
    channels: usize,
) -> Pooling<'a> {
    Pooling {
        pool: below.pool,
        shape: below,
        layout: &layouts[convolution - 1],
        pooled: &layouts[convolution],
        channels,
    }
}

/// Lines of the largest pooled map.
fn pooled_lines(network: &Prepared, layouts: &[Layout]) -> usize {
    let lines =
        |convolution: usize| layouts[convolution].lines(network.layers[convolution].in_channels);
    let pooled = (1..layouts.len()).filter(|convolution| pools_before(*convolution));
    pooled.map(lines).max().unwrap_or(0)
}

/// Floats of scratch of one thread: the most that any step needs.
fn scratch_floats(network: &Prepared, layouts: &[Layout]) -> usize {
    let seeded = |layer: Layer| {
        let convolution = layer.convolution();
        let (layout, channels) = (&layouts[convolution], network.layers[convolution].out_channels);
        // The gradient comes from the next convolution, or begins here.
        let next = network.layers.get(convolution + 1).map_or(channels, |next| next.out_channels);
        convolution::scratch_floats(layout, next, channels)
            .max(convolution::scratch_floats(layout, channels, channels))
    };
    layers_of(layouts).map(seeded).max().unwrap_or(0).max(first::scratch_floats(&layouts[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConvWeights, Edge, Pool, bf16::Products};

    #[test]
    fn a_pass_takes_the_bytes_that_it_says() {
        let (weights, bias) = (vec![0.1; 64 * 64 * 9], vec![0.0; 64]);
        let layer = |in_channels: usize| ConvWeights {
            in_channels,
            out_channels: 64,
            weights: &weights[..in_channels * 64 * 9],
            bias: &bias,
        };
        let layers: Vec<_> =
            std::iter::once(layer(3)).chain((1..CONVOLUTIONS).map(|_| layer(64))).collect();
        let kernels = Products::Plain.kernels().expect("every processor has it");
        let network = Arc::new(Prepared::with(&layers, kernels).expect("whole lines of channels"));
        let pool =
            Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool"));
        let shape = |edge, width| Shape {
            width,
            height: 200,
            edge_x: edge,
            edge_y: edge,
            pool: Pool::Max,
            seam_x: 0,
            seam_y: 0,
        };
        // From small to large: growing takes no more than needed.
        let mut pass = Pass::new(network.clone(), shape(Edge::Zero, 100), Layer::Relu1_1, pool);
        for (shape, deepest) in [
            (shape(Edge::Zero, 120), Layer::Relu2_1),
            (shape(Edge::Zero, 120), Layer::Relu5_1),
            (shape(Edge::Reflect, 300), Layer::Relu5_1),
        ] {
            pass.reshape(shape, deepest);
            let lines: usize = pass.maps.iter().chain([&pass.pooled]).map(Vec::capacity).sum();
            let taken = lines * size_of::<Line>()
                + 2 * scratch_floats(&network, &pass.layouts) * size_of::<f32>();
            let said = Pass::bytes(&network, &shape, deepest, 2);
            assert!(said >= taken && said - taken < said / 10, "{said} said, {taken} taken");
        }
    }
}
