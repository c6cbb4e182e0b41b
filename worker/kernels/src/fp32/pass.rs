//! The schedule: which convolution reads which buffer, forward and backward.
//!
//! Every convolution keeps its features (after ReLU): the backward needs to know where they are positive, and max pooling where the
//! maximum was. The gradient lives in two buffers that take turns; forward, the first of them holds the pooled map between two stages.

use std::{mem, sync::Arc};

use crate::{
    feature_map::FeatureMap,
    fp32::{
        convolution::{Convolution, Epilogue},
        pool::{self, Map},
        prepared::Prepared,
        seed, statistics,
    },
    layer::{CONVOLUTIONS, Layer, pools_before},
    moments::Moments,
    plane::Plane,
    seed::Seed,
    shape::{Region, Shape},
    workers::Workers,
};

/// The buffers of one picture size, and what the last [`Pass::forward`] left in them.
pub(crate) struct Pass {
    network: Arc<Prepared>,
    shape: Shape,
    workers: Workers,
    stages: Vec<Stage>,
    gradients: [Vec<f32>; 2],
}

/// One convolution at this shape.
struct Stage {
    forward: Plane,
    backward: Plane,
    features: Vec<f32>,
}

impl Pass {
    pub(crate) fn new(network: Arc<Prepared>, shape: Shape, threads: Arc<rayon::ThreadPool>) -> Self {
        let stages: Vec<Stage> = (0..CONVOLUTIONS)
            .map(|convolution| {
                let (forward, backward) = planes(&shape, convolution);
                let features = vec![0.0; forward.area() * network.layers[convolution].out_channels];
                Stage { forward, backward, features }
            })
            .collect();
        let floats = gradient_floats(&network, &shape);
        let workers = Workers::new(threads, scratch_floats(&network, &shape));
        Self { network, shape, workers, stages, gradients: [vec![0.0; floats], vec![0.0; floats]] }
    }

    pub(crate) fn reshape(&mut self, shape: Shape) {
        for (convolution, stage) in self.stages.iter_mut().enumerate() {
            let (forward, backward) = planes(&shape, convolution);
            stage.features.resize(forward.area() * self.network.layers[convolution].out_channels, 0.0);
            (stage.forward, stage.backward) = (forward, backward);
        }
        let floats = gradient_floats(&self.network, &shape);
        self.gradients.iter_mut().for_each(|gradient| gradient.resize(floats, 0.0));
        self.workers.reserve(scratch_floats(&self.network, &shape));
        self.shape = shape;
    }

    pub(crate) fn bytes(network: &Prepared, shape: &Shape, threads: usize) -> usize {
        let features: usize = (0..CONVOLUTIONS)
            .map(|convolution| {
                let map = shape.at_convolution(convolution);
                map.width * map.height * network.layers[convolution].out_channels
            })
            .sum();
        (features + 2 * gradient_floats(network, shape) + threads * scratch_floats(network, shape)) * size_of::<f32>()
    }

    pub(crate) fn forward(&mut self, pixels: &[f32], deepest: Layer) {
        for convolution in 0..=deepest.convolution() {
            let prepared = &self.network.layers[convolution];
            let (before, rest) = self.stages.split_at_mut(convolution);
            let stage = &mut rest[0];
            let input = match before.last() {
                None => pixels,
                Some(previous) if pools_before(convolution) => {
                    let pooled = &mut self.gradients[0];
                    let map = map(&self.shape, convolution - 1, prepared.in_channels);
                    pool::forward(&mut self.workers, self.shape.pool, map, &previous.features, pooled);
                    pooled
                }
                Some(previous) => &previous.features,
            };
            let job = Convolution { input, plane: &stage.forward, epilogue: Epilogue::Rectify { bias: &prepared.bias } };
            prepared.forward.run(&mut self.workers, self.network.kernels, &job, &mut stage.features);
        }
    }

    pub(crate) fn features(&self, layer: Layer) -> Vec<f32> {
        self.stages[layer.convolution()].features.clone()
    }

    pub(crate) fn moments(&self, layer: Layer, region: &Region) -> Moments {
        let (features, channels) = (&self.stages[layer.convolution()].features, self.channels(layer));
        let map = self.shape.at_convolution(layer.convolution());
        let region = self.shape.at_layer(region, layer);
        let mut rows = Vec::new();
        let features = if (&region.x, &region.y) == (&(0..map.width), &(0..map.height)) {
            features.as_slice()
        } else {
            for y in region.y {
                rows.extend_from_slice(&features[(y * map.width + region.x.start) * channels..(y * map.width + region.x.end) * channels]);
            }
            &rows
        };
        statistics::moments(self.workers.pool(), self.network.kernels, features, channels)
    }

    pub(crate) fn keep(&self, region: &Region, map: &mut FeatureMap, origin: (usize, usize)) {
        let (features, channels) = (&self.stages[map.layer().convolution()].features, self.channels(map.layer()));
        let pixels: Vec<_> = map.pixels(&self.shape, region, origin).collect();
        pixels.into_iter().for_each(|(own, whole)| map.write(whole, &features[own * channels..][..channels]));
    }

    pub(crate) fn distance(&self, region: &Region, map: &FeatureMap, origin: (usize, usize)) -> f64 {
        let (features, channels) = (&self.stages[map.layer().convolution()].features, self.channels(map.layer()));
        let mut row = vec![0.0; channels];
        let mut total = 0.0;
        for (own, whole) in map.pixels(&self.shape, region, origin) {
            map.read(whole, &mut row);
            let own = &features[own * channels..][..channels];
            total += own.iter().zip(&row).map(|(f, p)| f64::from((f - p) * (f - p))).sum::<f64>();
        }
        total
    }

    pub(crate) fn backward(&mut self, seeds: &[Seed<'_>], gradient: &mut [f32]) {
        let Some(deepest) = seeds.iter().map(|seed| seed.layer).max() else { return gradient.fill(0.0) };
        let Self { network, shape, workers, stages, gradients } = self;
        let [current, next] = gradients;
        let last = deepest.convolution();
        current[..stages[last].features.len()].fill(0.0);
        for convolution in (0..=last).rev() {
            let prepared = &network.layers[convolution];
            let (before, rest) = stages.split_at(convolution);
            let stage = &rest[0];
            for seed in seeds.iter().filter(|seed| seed.layer.convolution() == convolution) {
                let gradient = &mut current[..stage.features.len()];
                seed::add(workers, network.kernels, seed, shape, &stage.features, gradient, prepared.out_channels);
            }
            let gate = before.last().filter(|_| !pools_before(convolution)).map(|previous| previous.features.as_slice());
            let epilogue = gate.map_or(Epilogue::Plain, |features| Epilogue::Gate { features });
            let job = Convolution { input: current, plane: &stage.backward, epilogue };
            prepared.backward.run(workers, network.kernels, &job, next);
            stage.backward.fold(&stage.forward, next, prepared.in_channels, gate);
            if let Some(previous) = before.last().filter(|_| pools_before(convolution)) {
                let map = map(shape, convolution - 1, prepared.in_channels);
                pool::backward(workers, shape.pool, map, &previous.features, next, current);
            } else {
                mem::swap(current, next);
            }
        }
        gradient.copy_from_slice(&current[..gradient.len()]);
    }

    fn channels(&self, layer: Layer) -> usize {
        self.network.layers[layer.convolution()].out_channels
    }
}

/// The geometry of a convolution at a shape, forward and backward.
fn planes(shape: &Shape, convolution: usize) -> (Plane, Plane) {
    let Shape { width, height, edge_x, edge_y, .. } = shape.at_convolution(convolution);
    (Plane::forward(width, height, edge_x, edge_y), Plane::backward(width, height, edge_x, edge_y))
}

/// The map that a convolution wrote, to be pooled.
fn map(shape: &Shape, convolution: usize, channels: usize) -> Map {
    let Shape { width, height, seam_x, seam_y, .. } = shape.at_convolution(convolution);
    Map { width, height, seam_x, seam_y, channels }
}

/// Floats of a gradient buffer: the largest gradient, with its frame.
fn gradient_floats(network: &Prepared, shape: &Shape) -> usize {
    let floats = |convolution: usize| {
        let (_, backward) = planes(shape, convolution);
        let prepared = &network.layers[convolution];
        (backward.area() * prepared.out_channels).max(backward.pixels() * prepared.in_channels)
    };
    (0..CONVOLUTIONS).map(floats).max().unwrap_or(0)
}

/// Floats of scratch of one thread: the most that any step needs.
fn scratch_floats(network: &Prepared, shape: &Shape) -> usize {
    let floats = |convolution: usize| {
        let (forward, backward) = planes(shape, convolution);
        let prepared = &network.layers[convolution];
        let seed = seed::scratch_floats(prepared.out_channels);
        prepared.forward.scratch_floats(&forward).max(prepared.backward.scratch_floats(&backward)).max(seed)
    };
    (0..CONVOLUTIONS).map(floats).max().unwrap_or(0)
}
