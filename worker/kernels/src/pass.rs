//! A pass: forward, statistics and backward of one picture, in the precision of its network.

use std::{fmt, sync::Arc};

use crate::{
    bf16,
    feature_map::FeatureMap,
    fp32,
    mask::TileMask,
    moments::Moments,
    network::{Network, Prepared},
    seed::Seed,
    shape::{Region, Shape},
    threads::Watch,
    vgg::Layer,
};

/// The buffers of one picture or tile, and what the last [`Pass::forward`] left in them.
pub struct Pass {
    network: Arc<Network>,
    shape: Shape,
    /// The deepest layer that there are buffers for.
    limit: Layer,
    /// That of the last forward.
    deepest: Option<Layer>,
    mask: Option<TileMask>,
    buffers: Buffers,
}

enum Buffers {
    Fp32(fp32::Pass),
    Bf16(bf16::Pass),
}

impl Pass {
    /// Makes ready for a shape, and for all layers.
    ///
    /// # Panics
    /// If the shape has no pixel.
    pub fn new(network: Arc<Network>, shape: Shape, threads: Arc<rayon::ThreadPool>) -> Self {
        Self::up_to(Layer::Relu5_1, network, shape, threads)
    }

    /// The same for no deeper layer than `limit`, which takes less memory.
    ///
    /// # Panics
    /// If the shape has no pixel.
    pub fn up_to(
        limit: Layer,
        network: Arc<Network>,
        shape: Shape,
        threads: Arc<rayon::ThreadPool>,
    ) -> Self {
        assert!(shape.width > 0 && shape.height > 0, "a picture has pixels");
        let buffers = match network.prepared() {
            Prepared::Fp32(prepared) => {
                Buffers::Fp32(fp32::Pass::new(prepared.clone(), shape, limit, threads))
            }
            Prepared::Bf16(prepared) => {
                Buffers::Bf16(bf16::Pass::new(prepared.clone(), shape, limit, threads))
            }
        };
        Self { network, shape, limit, deepest: None, mask: None, buffers }
    }

    /// Makes ready for another shape and for layers up to `limit`, keeping what memory there is. A
    /// mask is forgotten.
    ///
    /// # Panics
    /// If the shape has no pixel.
    pub fn reshape(&mut self, shape: Shape, limit: Layer) {
        assert!(shape.width > 0 && shape.height > 0, "a picture has pixels");
        self.shape = shape;
        self.limit = limit;
        self.deepest = None;
        self.mask = None;
        match &mut self.buffers {
            Buffers::Fp32(pass) => pass.reshape(shape, limit),
            Buffers::Bf16(pass) => pass.reshape(shape, limit),
        }
    }

    /// Bytes that a pass for layers up to `limit` takes at its peak, with `threads` threads.
    pub fn bytes(network: &Network, shape: &Shape, limit: Layer, threads: usize) -> usize {
        match network.prepared() {
            Prepared::Fp32(prepared) => fp32::Pass::bytes(prepared, shape, limit, threads),
            Prepared::Bf16(prepared) => bf16::Pass::bytes(prepared, shape, limit, threads),
        }
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// From now on, a pixel counts by its weight: in [`Pass::moments`], in [`Pass::distance`] and
    /// in the seeds of [`Pass::backward`]. Weights of one change no bit of them in single
    /// precision.
    ///
    /// # Panics
    /// If the mask is of another shape.
    pub fn set_mask(&mut self, mask: Option<TileMask>) {
        for layer in Layer::ALL {
            let (width, height, _) = self.feature_shape(layer);
            assert!(
                mask.as_ref().is_none_or(|mask| mask.at(layer).len() == width * height),
                "the mask is of another shape at {layer:?}"
            );
        }
        self.mask = mask;
    }

    /// Tells `watch` of every convolution from now on. This crate reads no clock; benchmarks do.
    #[doc(hidden)]
    pub fn watch(&mut self, watch: Watch) {
        match &mut self.buffers {
            Buffers::Fp32(pass) => pass.watch(watch),
            Buffers::Bf16(pass) => pass.watch(watch),
        }
    }

    /// Computes the features up to `deepest`. `pixels` is height * width * 3, channels interleaved
    /// as the network expects them.
    ///
    /// # Panics
    /// If `pixels` has another length, or the pass was not made for a layer so deep.
    pub fn forward(&mut self, pixels: &[f32], deepest: Layer) {
        assert_eq!(
            pixels.len(),
            self.shape.width * self.shape.height * 3,
            "pixels are height * width * 3"
        );
        assert!(deepest <= self.limit, "{deepest:?} is deeper than the pass, {:?}", self.limit);
        self.deepest = Some(deepest);
        match &mut self.buffers {
            Buffers::Fp32(pass) => pass.forward(pixels, deepest),
            Buffers::Bf16(pass) => pass.forward(pixels, deepest),
        }
    }

    /// A copy of the features of a layer after ReLU, height * width * channels, of the last
    /// forward.
    ///
    /// # Panics
    /// If the last forward did not reach the layer.
    pub fn features(&self, layer: Layer) -> Vec<f32> {
        self.reached(layer);
        match &self.buffers {
            Buffers::Fp32(pass) => pass.features(layer),
            Buffers::Bf16(pass) => pass.features(layer),
        }
    }

    /// Width, height and channels of a layer's features.
    pub fn feature_shape(&self, layer: Layer) -> (usize, usize, usize) {
        let map = self.shape.at_convolution(layer.convolution());
        (map.width, map.height, self.network.channels(layer))
    }

    /// The sums of `F` and `F F^T` over a region, of the last forward, each pixel by its weight.
    /// They do not depend on the number of threads.
    ///
    /// # Panics
    /// If the last forward did not reach the layer, or the region does not lie within the shape.
    pub fn moments(&self, layer: Layer, region: &Region) -> Moments {
        self.reached(layer);
        self.within(region);
        match &self.buffers {
            Buffers::Fp32(pass) => pass.moments(layer, region, self.weights(layer)),
            Buffers::Bf16(pass) => pass.moments(layer, region, self.weights(layer)),
        }
    }

    /// Copies the features of a region to their place in the map of the whole picture, in which the
    /// shape's first pixel lies at `origin`.
    ///
    /// # Panics
    /// If the last forward did not reach the map's layer, or the region does not lie within the
    /// shape.
    pub fn keep(&self, region: &Region, map: &mut FeatureMap, origin: (usize, usize)) {
        self.reached(map.layer());
        self.within(region);
        match &self.buffers {
            Buffers::Fp32(pass) => pass.keep(region, map, origin),
            Buffers::Bf16(pass) => pass.keep(region, map, origin),
        }
    }

    /// The sum of squared differences between the features of a region and those of a map, each
    /// pixel by its weight; see [`Pass::keep`].
    ///
    /// # Panics
    /// If the last forward did not reach the map's layer, or the region does not lie within the
    /// shape.
    pub fn distance(&self, region: &Region, map: &FeatureMap, origin: (usize, usize)) -> f64 {
        self.reached(map.layer());
        self.within(region);
        match &self.buffers {
            Buffers::Fp32(pass) => pass.distance(region, map, origin, self.weights(map.layer())),
            Buffers::Bf16(pass) => pass.distance(region, map, origin, self.weights(map.layer())),
        }
    }

    /// Writes the gradient of the pixels of the last forward: the sum over all seeds, each pixel by
    /// its weight, sent back through the network. It may use up what the forward left: after it,
    /// nothing but another forward may be asked for.
    ///
    /// # Panics
    /// If a slice has another length than its layer asks for, or the last forward did not reach a
    /// seed's layer.
    pub fn backward(&mut self, seeds: &[Seed<'_>], gradient: &mut [f32]) {
        assert_eq!(
            gradient.len(),
            self.shape.width * self.shape.height * 3,
            "the gradient is height * width * 3"
        );
        let Some(deepest) = seeds.iter().map(|seed| seed.layer).max() else {
            return gradient.fill(0.0);
        };
        self.reached(deepest);
        for seed in seeds {
            let channels = self.network.channels(seed.layer);
            assert!(
                seed.gram.is_none_or(|gram| gram.len() == channels * channels),
                "a seed's gram is C x C at {:?}",
                seed.layer
            );
            assert!(
                seed.mean.is_none_or(|mean| mean.len() == channels),
                "a seed's mean has C values at {:?}",
                seed.layer
            );
            let fits = |map: &FeatureMap| map.layer() == seed.layer && map.shape().2 == channels;
            assert!(
                seed.target.is_none_or(|target| fits(target.map)),
                "a seed's target is of its layer, {:?}",
                seed.layer
            );
        }
        match &mut self.buffers {
            Buffers::Fp32(pass) => pass.backward(seeds, self.mask.as_ref(), gradient),
            Buffers::Bf16(pass) => pass.backward(seeds, self.mask.as_ref(), gradient),
        }
    }

    /// The weights of a layer's pixels, where a mask is set.
    fn weights(&self, layer: Layer) -> Option<&[f32]> {
        self.mask.as_ref().map(|mask| mask.at(layer))
    }

    fn reached(&self, layer: Layer) {
        assert!(
            self.deepest.is_some_and(|deepest| layer <= deepest),
            "{layer:?} is deeper than the last forward, {:?}",
            self.deepest
        );
    }

    fn within(&self, region: &Region) {
        let inside = region.x.end <= self.shape.width && region.y.end <= self.shape.height;
        assert!(
            inside && !region.x.is_empty() && !region.y.is_empty(),
            "{region:?} lies within {:?}",
            self.shape
        );
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("shape", &self.shape)
            .field("precision", &self.network.precision())
            .finish_non_exhaustive()
    }
}
