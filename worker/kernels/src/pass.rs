//! The schedule: which convolution reads which buffer, forward and backward.
//!
//! Every convolution keeps its features (after ReLU): the backward needs to know where they are positive, and max pooling where the
//! maximum was. The gradient lives in two buffers that take turns; forward, the first of them holds the pooled map between two stages.

use std::{fmt, mem, sync::Arc};

use crate::{
    convolution::{Convolution, Epilogue},
    edge::Edge,
    layer::{CONVOLUTIONS, HALVINGS, Layer, pools_before},
    network::Network,
    plane::Plane,
    pool::{self, Map, Pool},
    seed::{self, Seed},
    statistics,
    workers::Workers,
};

/// The picture that a pass is for, and how its border and its pooling behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub width: usize,
    pub height: usize,
    pub edge_x: Edge,
    pub edge_y: Edge,
    pub pool: Pool,
}

impl Shape {
    /// The size before each convolution's stage: halved, rounding up.
    fn size(&self, convolution: usize) -> (usize, usize) {
        let halve = |len: usize| len.div_ceil(1 << HALVINGS[convolution]);
        (halve(self.width), halve(self.height))
    }
}

/// The buffers of one picture size, and what the last [`Pass::forward`] left in them.
pub struct Pass {
    network: Arc<Network>,
    shape: Shape,
    workers: Workers,
    stages: Vec<Stage>,
    gradients: [Vec<f32>; 2],
    deepest: Option<Layer>,
}

/// One convolution at this shape.
struct Stage {
    forward: Plane,
    backward: Plane,
    features: Vec<f32>,
}

impl Pass {
    /// Allocates the buffers; they are filled, and so really taken, by the first passes.
    ///
    /// # Panics
    /// If the shape has no pixel.
    pub fn new(network: Arc<Network>, shape: Shape, threads: Arc<rayon::ThreadPool>) -> Self {
        let stages: Vec<Stage> = (0..CONVOLUTIONS)
            .map(|convolution| {
                let (forward, backward) = planes(&shape, convolution);
                let features = vec![0.0; forward.area() * network.layers[convolution].out_channels];
                Stage { forward, backward, features }
            })
            .collect();
        let floats = gradient_floats(&network, &shape);
        let workers = Workers::new(threads, scratch_floats(&network, &shape));
        Self { network, shape, workers, stages, gradients: [vec![0.0; floats], vec![0.0; floats]], deepest: None }
    }

    /// Bytes of the buffers of a pass: features and gradients. Each thread adds [`Pass::bytes_per_thread`].
    pub fn bytes(network: &Network, shape: &Shape) -> usize {
        let features: usize = (0..CONVOLUTIONS)
            .map(|convolution| {
                let (width, height) = shape.size(convolution);
                width * height * network.layers[convolution].out_channels
            })
            .sum();
        (features + 2 * gradient_floats(network, shape)) * size_of::<f32>()
    }

    /// Bytes of scratch memory of each thread of a pass.
    pub fn bytes_per_thread(network: &Network, shape: &Shape) -> usize {
        scratch_floats(network, shape) * size_of::<f32>()
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Computes the features up to `deepest`. `pixels` is height * width * 3, channels interleaved as the network expects them.
    ///
    /// # Panics
    /// If `pixels` has another length.
    pub fn forward(&mut self, pixels: &[f32], deepest: Layer) {
        assert_eq!(pixels.len(), self.shape.width * self.shape.height * 3, "pixels are height * width * 3");
        self.deepest = Some(deepest);
        for convolution in 0..=deepest.convolution() {
            let prepared = &self.network.layers[convolution];
            let (before, rest) = self.stages.split_at_mut(convolution);
            let stage = &mut rest[0];
            let input = match before.last() {
                None => pixels,
                Some(previous) if pools_before(convolution) => {
                    let pooled = &mut self.gradients[0];
                    let map = map(&previous.forward, prepared.in_channels);
                    pool::forward(&mut self.workers, self.shape.pool, map, &previous.features, pooled);
                    pooled
                }
                Some(previous) => &previous.features,
            };
            let job = Convolution { input, plane: &stage.forward, epilogue: Epilogue::Rectify { bias: &prepared.bias } };
            prepared.forward.run(&mut self.workers, self.network.kernels, &job, &mut stage.features);
        }
    }

    /// The features of a layer after ReLU, height * width * channels, of the last forward.
    ///
    /// # Panics
    /// If the last forward did not reach the layer.
    pub fn features(&self, layer: Layer) -> &[f32] {
        assert!(self.deepest.is_some_and(|deepest| layer <= deepest), "{layer:?} is deeper than the last forward, {:?}", self.deepest);
        &self.stages[layer.convolution()].features
    }

    /// Width, height and channels of a layer's features.
    pub fn feature_shape(&self, layer: Layer) -> (usize, usize, usize) {
        let plane = &self.stages[layer.convolution()].forward;
        (plane.width(), plane.height(), self.network.layers[layer.convolution()].out_channels)
    }

    /// Writes the Gram matrix of a layer of the last forward, `F^T F / (width * height)`, C x C, and its channel means.
    ///
    /// # Panics
    /// If a slice has another length, or the last forward did not reach the layer.
    pub fn statistics(&self, layer: Layer, gram: &mut [f32], mean: &mut [f32]) {
        let (_, _, channels) = self.feature_shape(layer);
        statistics::statistics(self.workers.pool(), self.network.kernels, self.features(layer), channels, gram, mean);
    }

    /// Writes the gradient of the pixels of the last forward: the sum over all seeds, sent back through the network.
    ///
    /// # Panics
    /// If a slice has another length than its layer asks for, or the last forward did not reach a seed's layer.
    pub fn backward(&mut self, seeds: &[Seed<'_>], gradient: &mut [f32]) {
        assert_eq!(gradient.len(), self.shape.width * self.shape.height * 3, "the gradient is height * width * 3");
        let Some(deepest) = seeds.iter().map(|seed| seed.layer).max() else { return gradient.fill(0.0) };
        assert!(self.deepest >= Some(deepest), "a seed at {deepest:?} is deeper than the last forward, {:?}", self.deepest);

        let Self { network, shape, workers, stages, gradients, .. } = self;
        let [current, next] = gradients;
        let last = deepest.convolution();
        current[..stages[last].features.len()].fill(0.0);
        for convolution in (0..=last).rev() {
            let prepared = &network.layers[convolution];
            let (before, rest) = stages.split_at(convolution);
            let stage = &rest[0];
            for seed in seeds.iter().filter(|seed| seed.layer.convolution() == convolution) {
                let gradient = &mut current[..stage.features.len()];
                seed::add(workers, network.kernels, seed, &stage.features, gradient, prepared.out_channels);
            }
            let gate = before.last().filter(|_| !pools_before(convolution)).map(|previous| previous.features.as_slice());
            let epilogue = gate.map_or(Epilogue::Plain, |features| Epilogue::Gate { features });
            let job = Convolution { input: current, plane: &stage.backward, epilogue };
            prepared.backward.run(workers, network.kernels, &job, next);
            stage.backward.fold(&stage.forward, next, prepared.in_channels, gate);
            if let Some(previous) = before.last().filter(|_| pools_before(convolution)) {
                let map = map(&previous.forward, prepared.in_channels);
                pool::backward(workers, shape.pool, map, &previous.features, next, current);
            } else {
                mem::swap(current, next);
            }
        }
        gradient.copy_from_slice(&current[..gradient.len()]);
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("shape", &self.shape).field("workers", &self.workers).finish_non_exhaustive()
    }
}

/// The geometry of a convolution at a shape, forward and backward.
fn planes(shape: &Shape, convolution: usize) -> (Plane, Plane) {
    let (width, height) = shape.size(convolution);
    (Plane::forward(width, height, shape.edge_x, shape.edge_y), Plane::backward(width, height, shape.edge_x, shape.edge_y))
}

fn map(plane: &Plane, channels: usize) -> Map {
    Map { width: plane.width(), height: plane.height(), channels }
}

/// Floats of a gradient buffer: the largest gradient, with its frame.
fn gradient_floats(network: &Network, shape: &Shape) -> usize {
    let floats = |convolution: usize| {
        let (_, backward) = planes(shape, convolution);
        let prepared = &network.layers[convolution];
        (backward.area() * prepared.out_channels).max(backward.pixels() * prepared.in_channels)
    };
    (0..CONVOLUTIONS).map(floats).max().unwrap_or(0)
}

/// Floats of scratch of one thread: the most that any step needs.
fn scratch_floats(network: &Network, shape: &Shape) -> usize {
    let floats = |convolution: usize| {
        let (forward, backward) = planes(shape, convolution);
        let prepared = &network.layers[convolution];
        let seed = seed::scratch_floats(prepared.out_channels);
        prepared.forward.scratch_floats(&forward).max(prepared.backward.scratch_floats(&backward)).max(seed)
    };
    (0..CONVOLUTIONS).map(floats).max().unwrap_or(0)
}
