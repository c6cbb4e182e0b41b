//! The CPU: pictures in the host's memory, passes on the project's own kernels, tile by tile where
//! the plan says so.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::{
    self as kernels, ConvWeights, FeatureMap, Layer, Level, Moments, Network, Precision, Seed,
    Shape, Target, vgg,
};
use impasto_models::{MEAN_BGR, VggWeights};
use rayon::ThreadPool;

use super::blend::{at_layers, weights_bytes};
use super::canvas::{Canvas, Task, Terms};
use super::host::{HostCanvas, Pass};
use super::plan::{Costs, Plan, Work};
use super::tile_sums::TileSums;
use super::tiling::{Candidate, Tile, Tiling};
use super::vgg_device::VggDevice;
use super::view::View;
use crate::optimize::objective::{ContentSums, LayerStatistics, Pull, StyleTarget};
use crate::{EngineError, Image, Interrupt, Mask};

/// Plans count the scratch memory of at least this many threads, so that a plan, and with it the
/// order of sums, is the same on any smaller number of them.
const PLANNED_THREADS: usize = 16;

/// VGG-19 on the CPU, its weights laid out for the instructions of `level`.
pub struct Cpu {
    network: Arc<Network>,
    threads: Arc<ThreadPool>,
}

impl Cpu {
    /// Prepares the network. Levels that this processor lacks are lowered, and so is a precision
    /// that the level has no instructions for.
    ///
    /// # Errors
    /// Where the weights are not VGG-19's.
    pub fn new(
        weights: &VggWeights,
        level: Level,
        precision: Precision,
        threads: Arc<ThreadPool>,
    ) -> Result<Self, EngineError> {
        let layers: Vec<_> = weights
            .convolutions
            .iter()
            .take(vgg::CONVOLUTIONS)
            .map(|conv| ConvWeights {
                in_channels: conv.in_channels,
                out_channels: conv.out_channels,
                weights: &conv.weights,
                bias: &conv.bias,
            })
            .collect();
        let network = Network::new(&layers, level, precision)
            .map_err(|error| EngineError::Weights(error.to_string()))?;
        Ok(Self { network: Arc::new(network), threads })
    }

    /// A pass over a picture that is cut so.
    pub fn pass(&self, tiling: Tiling) -> TiledPass {
        TiledPass::new(self.network.clone(), self.threads.clone(), tiling, self.network.precision())
    }

    fn threads(&self) -> usize {
        self.threads.current_num_threads().max(PLANNED_THREADS)
    }

    fn tile_bytes(&self, shape: &Shape) -> u64 {
        let pixels = shape.width * shape.height;
        // The tile's pixels and their gradient, both in single precision.
        (kernels::Pass::bytes(&self.network, shape, Layer::Relu5_1, self.threads())
            + 2 * 3 * 4 * pixels) as u64
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("network", &self.network).finish_non_exhaustive()
    }
}

impl VggDevice for Cpu {
    fn label(&self) -> String {
        let precision = match self.network.precision() {
            Precision::Fp32 => "fp32",
            Precision::Bf16 => "bf16",
        };
        format!("cpu {} {precision}", self.network.level())
    }

    fn bytes(&self) -> u64 {
        self.network.bytes() as u64
    }

    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError> {
        Plan::within(work, &CpuCosts { cpu: self, work }, budget_bytes)
    }

    fn moments(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError> {
        let (width, height) = (image.width, image.height);
        let masked = weights.map_or(0, |_| weights_bytes(width, height));
        let candidates = Tiling::sane(view, width, height);
        let fits = candidates
            .iter()
            .find(|candidate| masked + self.tile_bytes(&candidate.largest) <= budget_bytes);
        let tiling = fits.and_then(|fits| Tiling::cut(view, width, height, fits.interior));
        let Some(tiling) = tiling else {
            let least_bytes = self.least_moments((width, height), weights.is_some(), view);
            return Err(EngineError::Memory { width, height, least_bytes, budget_bytes });
        };
        let mut pass = self.pass(tiling);
        pass.interrupt = interrupt.clone();
        if let Some(weights) = weights {
            pass.hold_mask(Arc::new(at_layers(weights)))?;
        }
        pass.moments(image)
    }

    fn least_moments(&self, (width, height): (usize, usize), weighted: bool, view: View) -> u64 {
        let candidates = Tiling::sane(view, width, height).into_iter();
        let least = candidates.map(|candidate| self.tile_bytes(&candidate.largest)).min();
        least.unwrap_or(0) + if weighted { weights_bytes(width, height) } else { 0 }
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        let Plan { tiling, content, .. } = &task.plan;
        let mut pass =
            TiledPass::new(self.network.clone(), self.threads.clone(), tiling.clone(), *content);
        pass.interrupt = task.interrupt.clone();
        Ok(Box::new(HostCanvas::new(Box::new(pass), task)?))
    }
}

struct CpuCosts<'a> {
    cpu: &'a Cpu,
    work: &'a Work<'a>,
}

impl Costs for CpuCosts<'_> {
    fn tile(&self, candidate: &Candidate) -> u64 {
        self.cpu.tile_bytes(&candidate.largest)
    }

    fn content(&self, precision: Precision) -> u64 {
        let (width, height) = self.work.seen();
        FeatureMap::bytes(
            Layer::CONTENT,
            self.cpu.network.channels(Layer::CONTENT),
            width,
            height,
            precision,
        ) as u64
    }

    fn precision(&self) -> Precision {
        self.cpu.network.precision()
    }
}

/// A pass over a whole picture, tile by tile.
///
/// With several tiles an evaluation goes over them twice: forward for the sums of the whole
/// picture, which decide how each layer's statistics pull, then forward and backward for the
/// gradients. The second round takes the tiles backwards, since the last one's features are still
/// there.
pub struct TiledPass {
    network: Arc<Network>,
    pass: kernels::Pass,
    tiling: Tiling,
    /// The tile that the pass is shaped for.
    at: usize,
    /// A tile's pixels as the network sees them: BGR less the means.
    input: Vec<f32>,
    gradient: Vec<f32>,
    mask: Option<Arc<kernels::Mask>>,
    content: Option<Content>,
    content_precision: Precision,
    /// Looked at before each tile.
    interrupt: Interrupt,
}

/// `weight * sum((F - map)^2)`.
struct Content {
    map: FeatureMap,
    weight: f64,
}

impl fmt::Debug for TiledPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TiledPass")
            .field("network", &self.network)
            .field("interior", &self.tiling.interior)
            .finish_non_exhaustive()
    }
}

impl TiledPass {
    fn new(
        network: Arc<Network>,
        threads: Arc<ThreadPool>,
        tiling: Tiling,
        content_precision: Precision,
    ) -> Self {
        let pass = kernels::Pass::new(network.clone(), tiling.tiles[0].shape, threads);
        Self {
            network,
            pass,
            tiling,
            at: 0,
            input: Vec::new(),
            gradient: Vec::new(),
            mask: None,
            content: None,
            content_precision,
            interrupt: Interrupt::default(),
        }
    }

    pub fn tiles(&self) -> usize {
        self.tiling.tiles.len()
    }

    /// What a tile adds to the loss, at these layers and for the content that is held.
    ///
    /// # Panics
    /// If there is no such tile, or `image` has another size.
    pub fn sums(&mut self, tile: usize, image: &Image, layers: &[Layer]) -> TileSums {
        let deepest = self.deepest(layers);
        self.forward(tile, image, deepest);
        let Tile { inner, origin, .. } = &self.tiling.tiles[tile];
        TileSums {
            style: layers.iter().map(|&layer| self.pass.moments(layer, inner)).collect(),
            content: self
                .content
                .as_ref()
                .map_or(0.0, |content| self.pass.distance(inner, &content.map, *origin)),
        }
    }

    /// Writes the gradient of a tile's interior to its place in `gradient`, where each layer's
    /// statistics pull as `pulls` says. `computed` says that the last call was [`TiledPass::sums`]
    /// of this tile and image, whose features then serve.
    ///
    /// # Panics
    /// If there is no such tile, or a picture has another size.
    pub fn pull(
        &mut self,
        tile: usize,
        image: &Image,
        pulls: &[(Layer, Pull)],
        computed: bool,
        gradient: &mut [f32],
    ) {
        let layers: Vec<_> = pulls.iter().map(|(layer, _)| *layer).collect();
        if !computed {
            let deepest = self.deepest(&layers);
            self.forward(tile, image, deepest);
        }
        let Tile { origin, inner, interior, shape } = &self.tiling.tiles[tile];
        let mut seeds: Vec<_> = pulls
            .iter()
            .map(|(layer, pull)| Seed {
                layer: *layer,
                gram: Some(&pull.gram),
                mean: Some(&pull.mean),
                target: None,
            })
            .collect();
        if let Some(Content { map, weight }) = &self.content {
            let target = Some(Target { map, origin: *origin, factor: (2.0 * weight) as f32 });
            seeds.push(Seed { layer: Layer::CONTENT, gram: None, mean: None, target });
        }
        self.gradient.resize(shape.width * shape.height * 3, 0.0);
        self.pass.backward(&seeds, &mut self.gradient);
        for (own, whole) in inner.y.clone().zip(interior.y.clone()) {
            let own = &self.gradient
                [(own * shape.width + inner.x.start) * 3..(own * shape.width + inner.x.end) * 3];
            let whole = &mut gradient[(whole * image.width + interior.x.start) * 3..][..own.len()];
            // The network's order is BGR; the picture's is RGB.
            for (whole, own) in whole.chunks_exact_mut(3).zip(own.chunks_exact(3)) {
                whole.copy_from_slice(&[own[2], own[1], own[0]]);
            }
        }
    }

    fn deepest(&self, layers: &[Layer]) -> Layer {
        let content = self.content.iter().map(|_| Layer::CONTENT);
        layers.iter().copied().chain(content).max().unwrap_or(Layer::CONTENT)
    }

    /// Computes a tile's features.
    fn forward(&mut self, tile: usize, image: &Image, deepest: Layer) {
        let Self { pass, tiling, input, at, mask, .. } = self;
        let Tile { shape, origin, .. } = tiling.tiles[tile];
        input.resize(shape.width * shape.height * 3, 0.0);
        tiling.runs(&tiling.tiles[tile], 3, |own, whole| {
            for (own, whole) in input[own].chunks_exact_mut(3).zip(image.rgb[whole].chunks_exact(3))
            {
                own.copy_from_slice(&[
                    whole[2] - MEAN_BGR[0],
                    whole[1] - MEAN_BGR[1],
                    whole[0] - MEAN_BGR[2],
                ]);
            }
        });
        if *at != tile {
            pass.reshape(shape, Layer::Relu5_1);
            pass.set_mask(mask.as_ref().map(|mask| mask.tile(&shape, origin)));
            *at = tile;
        }
        pass.forward(input, deepest);
    }

    /// The sums over all tiles.
    fn total(&mut self, image: &Image, layers: &[Layer]) -> Result<TileSums, EngineError> {
        self.interrupt.check()?;
        let mut total = self.sums(0, image, layers);
        for tile in 1..self.tiles() {
            self.interrupt.check()?;
            let sums = self.sums(tile, image, layers);
            total.add(&sums);
        }
        Ok(total)
    }
}

impl Pass for TiledPass {
    fn hold_mask(&mut self, mask: Arc<kernels::Mask>) -> Result<(), EngineError> {
        let Tile { shape, origin, .. } = &self.tiling.tiles[self.at];
        self.pass.set_mask(Some(mask.tile(shape, *origin)));
        self.mask = Some(mask);
        Ok(())
    }

    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError> {
        Ok(self.total(image, &Layer::STYLE)?.style)
    }

    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> Result<(), EngineError> {
        let channels = self.network.channels(Layer::CONTENT);
        let mut map = FeatureMap::new(
            Layer::CONTENT,
            channels,
            content.width,
            content.height,
            self.content_precision,
        );
        for tile in 0..self.tiles() {
            self.interrupt.check()?;
            self.forward(tile, content, Layer::CONTENT);
            let Tile { inner, origin, .. } = &self.tiling.tiles[tile];
            self.pass.keep(inner, &mut map, *origin);
        }
        let weights = self.mask.as_ref().map(|mask| mask.at(Layer::CONTENT));
        let weight = weigh(&ContentSums::of(channels, weights, |visit| map.for_each(visit)));
        self.content = Some(Content { map, weight });
        Ok(())
    }

    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError> {
        let layers: Vec<_> = style.iter().map(|(layer, _)| *layer).collect();
        let sums = self.total(image, &layers)?;
        let mut terms = Terms::default();
        let mut pulls = Vec::new();
        for ((layer, target), moments) in style.iter().zip(&sums.style) {
            let pull = target.pull(&LayerStatistics::of(moments));
            terms.style += pull.loss;
            pulls.push((*layer, pull));
        }
        if let Some(content) = &self.content {
            terms.content = content.weight * sums.content;
        }
        let last = self.tiles() - 1;
        for tile in (0..=last).rev() {
            self.interrupt.check()?;
            self.pull(tile, image, &pulls, tile == last, gradient);
        }
        Ok(terms)
    }
}
