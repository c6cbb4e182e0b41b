//! A pass over a whole picture on the CPU, tile by tile.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use impasto_kernels::{
    self as kernels, FeatureMap, Layer, Moments, Network, Precision, Seed, Target,
};
use impasto_models::MEAN_BGR;
use rayon::ThreadPool;

use super::canvas::Terms;
use super::host::Pass;
use super::tile_sums::TileSums;
use super::tiling::{Tile, Tiling};
use crate::optimize::objective::{ContentSums, LayerStatistics, Pull, StyleTarget};
use crate::{EngineError, Image, Interrupt};

/// A pass over a whole picture, tile by tile.
///
/// With several tiles an evaluation goes over them twice: forward for the sums of the whole
/// picture, which decide how each layer's statistics pull, then forward and backward for the
/// gradients. The second round takes the tiles backwards, since the last one's features are still
/// there.
pub struct TiledPass {
    network: Arc<Network>,
    buffers: Arc<Mutex<Buffers>>,
    /// Tells the passes that share buffers apart.
    look: usize,
    tiling: Tiling,
    /// A tile's pixels as the network sees them: BGR less the means.
    input: Vec<f32>,
    gradient: Vec<f32>,
    mask: Option<Arc<kernels::Mask>>,
    content: Option<Content>,
    content_precision: Precision,
    /// Looked at before each tile.
    interrupt: Interrupt,
}

/// What a tile is computed in. The passes over a picture and over its reduced copy take it in turn.
struct Buffers {
    pass: kernels::Pass,
    /// The look and the tile that the pass is shaped for.
    at: (usize, usize),
    looks: usize,
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
    pub(super) fn new(
        network: Arc<Network>,
        threads: Arc<ThreadPool>,
        tiling: Tiling,
        content_precision: Precision,
    ) -> Self {
        let shape = tiling.tiles[0].shape;
        let pass = kernels::Pass::up_to(tiling.deepest, network.clone(), shape, threads);
        Self {
            network,
            buffers: Arc::new(Mutex::new(Buffers { pass, at: (0, 0), looks: 1 })),
            look: 0,
            tiling,
            input: Vec::new(),
            gradient: Vec::new(),
            mask: None,
            content: None,
            content_precision,
            interrupt: Interrupt::default(),
        }
    }

    /// A pass over another picture in the same buffers, such as a reduced copy that is evaluated in
    /// turn with this one.
    pub(super) fn beside(&self, tiling: Tiling) -> Self {
        let mut buffers = lock(&self.buffers);
        let look = buffers.looks;
        buffers.looks += 1;
        drop(buffers);
        Self {
            network: self.network.clone(),
            buffers: self.buffers.clone(),
            look,
            tiling,
            input: Vec::new(),
            gradient: Vec::new(),
            mask: None,
            content: None,
            content_precision: self.content_precision,
            interrupt: self.interrupt.clone(),
        }
    }

    /// From now on, stops before a tile where that was asked.
    pub(super) fn heed(&mut self, interrupt: Interrupt) {
        self.interrupt = interrupt;
    }

    pub fn tiles(&self) -> usize {
        self.tiling.tiles.len()
    }

    /// What a tile adds to the loss, at these layers and for the content that is held.
    ///
    /// # Panics
    /// If there is no such tile, or `image` has another size.
    pub fn sums(&mut self, tile: usize, image: &Image, layers: &[Layer]) -> TileSums {
        let Some(deepest) = self.deepest(layers) else {
            return TileSums { style: Vec::new(), content: 0.0 };
        };
        self.forward(tile, image, deepest);
        let Tile { inner, origin, .. } = &self.tiling.tiles[tile];
        let pass = &lock(&self.buffers).pass;
        TileSums {
            style: layers.iter().map(|&layer| pass.moments(layer, inner)).collect(),
            content: self
                .content
                .as_ref()
                .map_or(0.0, |content| pass.distance(inner, &content.map, *origin)),
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
        if let Some(deepest) = self.deepest(&layers).filter(|_| !computed) {
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
        lock(&self.buffers).pass.backward(&seeds, &mut self.gradient);
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

    /// The features of these layers over a picture that is one tile, each
    /// `height * width * channels`.
    ///
    /// # Panics
    /// If there are several tiles, `image` has another size, or the pass was not made for a layer
    /// so deep.
    pub fn features(&mut self, image: &Image, layers: &[Layer]) -> Vec<Vec<f32>> {
        assert_eq!(self.tiles(), 1, "a picture of one tile");
        let Some(deepest) = layers.iter().copied().max() else { return Vec::new() };
        self.forward(0, image, deepest);
        let pass = &lock(&self.buffers).pass;
        layers.iter().map(|layer| pass.features(*layer)).collect()
    }

    /// The deepest layer that is asked for, if any is.
    fn deepest(&self, layers: &[Layer]) -> Option<Layer> {
        let content = self.content.iter().map(|_| Layer::CONTENT);
        layers.iter().copied().chain(content).max()
    }

    /// Computes a tile's features.
    fn forward(&mut self, tile: usize, image: &Image, deepest: Layer) {
        let Self { buffers, look, tiling, input, mask, .. } = self;
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
        let Buffers { pass, at, .. } = &mut *lock(buffers);
        if *at != (*look, tile) {
            pass.reshape(shape, tiling.deepest);
            pass.set_mask(mask.as_ref().map(|mask| mask.tile(&shape, origin)));
            *at = (*look, tile);
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

fn lock(buffers: &Mutex<Buffers>) -> MutexGuard<'_, Buffers> {
    buffers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pass for TiledPass {
    fn hold_mask(&mut self, mask: Arc<kernels::Mask>) -> Result<(), EngineError> {
        let Buffers { pass, at, .. } = &mut *lock(&self.buffers);
        if at.0 == self.look {
            let Tile { shape, origin, .. } = &self.tiling.tiles[at.1];
            pass.set_mask(Some(mask.tile(shape, *origin)));
        }
        self.mask = Some(mask);
        Ok(())
    }

    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError> {
        let layers = self.tiling.deepest.style_up_to();
        Ok(self.total(image, layers)?.style)
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
            lock(&self.buffers).pass.keep(inner, &mut map, *origin);
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
        if self.deepest(&layers).is_none() {
            gradient.fill(0.0);
            return Ok(Terms::default());
        }
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
