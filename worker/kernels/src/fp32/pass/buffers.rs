//! The buffers of a pass: what becomes of each convolution's features, and how large each is.

use crate::{
    fp32::{bits, convolution::FIRST_PIXELS, pool::Pooling, prepared::Prepared, seed},
    plane::Plane,
    shape::Shape,
    vgg::{Layer, pools_before},
};

/// One convolution at this shape.
pub(super) struct Stage {
    pub(super) forward: Plane,
    pub(super) backward: Plane,
    pub(super) after: After,
}

/// What becomes of a convolution's features.
pub(super) enum After {
    /// The first: computed again where they are asked for.
    Recomputed,
    /// Kept from here on.
    Kept { start: usize },
    /// A bit for each is kept.
    Marked { bits: Vec<u8> },
    /// Pooled, and a route for each is kept.
    Pooled { routes: Vec<u8>, pooling: Pooling },
}

/// Floats of each buffer that a shape needs, for convolutions up to a layer.
pub(super) struct Sizes {
    pub(super) kept: usize,
    pub(super) maps: [usize; 2],
    pub(super) scratch: usize,
}

impl After {
    /// At a map's shape. Kept features are laid out one after the other, `start` being where the
    /// next begins; `old` gives its memory.
    pub(super) fn new(
        convolution: usize,
        old: Self,
        map: &Shape,
        channels: usize,
        start: &mut usize,
    ) -> Self {
        let area = map.width * map.height;
        if convolution == 0 {
            return Self::Recomputed;
        }
        if is_kept(convolution) {
            let own = *start;
            *start += area * channels;
            return Self::Kept { start: own };
        }
        let mut bits = match old {
            Self::Marked { bits } | Self::Pooled { routes: bits, .. } => bits,
            Self::Recomputed | Self::Kept { .. } => Vec::new(),
        };
        fit(&mut bits, area * bits::bytes(channels));
        if pools_before(convolution + 1) {
            Self::Pooled { routes: bits, pooling: Pooling::new(map) }
        } else {
            Self::Marked { bits }
        }
    }
}

impl Sizes {
    pub(super) fn new(network: &Prepared, shape: &Shape, deepest: Layer) -> Self {
        let mut sizes = Self { kept: 0, maps: [0; 2], scratch: 0 };
        let mut first_gradient = 0;
        let layers = &network.layers[..=deepest.convolution()];
        for (convolution, prepared) in layers.iter().enumerate() {
            let map = shape.at_convolution(convolution);
            let (forward, backward) = (Plane::forward(&map), Plane::backward(&map));
            let (features, gradient) =
                (forward.area() * prepared.out_channels, backward.pixels() * prepared.in_channels);
            match convolution {
                0 => first_gradient = features,
                1 => first_gradient = first_gradient.max(gradient),
                _ => {}
            }
            let [own, next] = facing(&mut sizes.maps, convolution);
            if convolution != 1 {
                *own = gradient.max(*own);
            }
            if is_kept(convolution) {
                *next = features.max(*next);
                sizes.kept += features;
            }
            let seed = seed::scratch_floats(prepared.out_channels);
            let convolutions = prepared
                .forward
                .scratch_floats(&forward)
                .max(prepared.backward.scratch_floats(&backward));
            let first = if convolution == 0 { FIRST_PIXELS * prepared.out_channels } else { 0 };
            sizes.scratch = sizes.scratch.max(first + convolutions.max(seed));
        }
        sizes.kept = sizes.kept.max(first_gradient);
        sizes
    }
}

/// Whether a convolution's features are kept.
pub(super) fn is_kept(convolution: usize) -> bool {
    convolution > 0 && Layer::ALL.iter().any(|layer| layer.convolution() == convolution)
}

/// Pixels of the map that a convolution writes.
pub(super) fn area(shape: &Shape, convolution: usize) -> usize {
    let map = shape.at_convolution(convolution);
    map.width * map.height
}

/// What belongs to the map that a convolution reads, forward, and to that which it writes.
pub(super) fn facing<T>(maps: &mut [T; 2], convolution: usize) -> [&mut T; 2] {
    let [even, odd] = maps;
    if convolution.is_multiple_of(2) { [even, odd] } else { [odd, even] }
}

/// The input of a convolution, forward, and where its output goes.
pub(super) fn buffers<'a>(
    before: Option<&After>,
    after: &After,
    convolution: usize,
    pixels: &'a [f32],
    kept: &'a mut [f32],
    maps: &'a mut [Vec<f32>; 2],
) -> (&'a [f32], &'a mut [f32]) {
    let [input, output] = facing(maps, convolution);
    match (before, after) {
        (None, _) => (pixels, kept),
        (Some(After::Recomputed), _) => (kept, output),
        (Some(After::Kept { start }), After::Kept { start: own }) => {
            let (before, from) = kept.split_at_mut(*own);
            (&before[*start..], from)
        }
        (Some(After::Kept { start }), _) => (&kept[*start..], output),
        (Some(After::Marked { .. } | After::Pooled { .. }), After::Kept { start }) => {
            (input, &mut kept[*start..])
        }
        (Some(After::Marked { .. } | After::Pooled { .. }), _) => (input, output),
    }
}

/// Changes the length of a buffer. One that must grow gives its memory back first.
pub(super) fn fit<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) {
    if buffer.capacity() < len {
        *buffer = Vec::new();
        *buffer = vec![T::default(); len];
    }
    buffer.resize(len, T::default());
}
