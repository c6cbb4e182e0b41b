//! The buffers of a pass: what becomes of each convolution's features, and how large each is.

use crate::{
    bf16::{
        convolution::Own,
        first,
        layout::Layout,
        line::{Bits, CHANNELS, Line},
        moments,
        weights::Prepared,
    },
    shape::Shape,
    vgg::{Layer, layer_after, pools_after},
};

/// What becomes of a convolution's features.
#[derive(Debug)]
pub(super) enum After {
    /// The first: computed again where they are asked for.
    First,
    /// Kept from here on.
    Kept { start: usize },
    /// A bit for each is kept.
    Marked { bits: Vec<Bits> },
    /// Pooled, and a route for each is kept.
    Pooled { routes: Vec<Bits> },
}

impl After {
    /// At a layout. Kept features are laid out one after the other, `start` being where the next
    /// begins; `old` gives its memory.
    pub(super) fn new(
        convolution: usize,
        old: Self,
        layout: &Layout,
        channels: usize,
        start: &mut usize,
    ) -> Self {
        if convolution == 0 {
            return Self::First;
        }
        if is_kept(convolution) {
            let own = *start;
            *start += layout.lines(channels);
            return Self::Kept { start: own };
        }
        let mut bits = match old {
            Self::Marked { bits } | Self::Pooled { routes: bits } => bits,
            Self::First | Self::Kept { .. } => Vec::new(),
        };
        fit(&mut bits, bits_of(layout, channels), 0);
        if pools_after(convolution) { Self::Pooled { routes: bits } } else { Self::Marked { bits } }
    }

    /// Bytes of the bits that it holds.
    pub(super) fn bytes(convolution: usize, layout: &Layout, channels: usize) -> usize {
        let marks = convolution > 0 && !is_kept(convolution);
        if marks { bits_of(layout, channels) * size_of::<Bits>() } else { 0 }
    }
}

/// Lines of each buffer, and floats of each thread's scratch.
pub(super) struct Sizes {
    pub(super) kept: usize,
    pub(super) maps: [usize; 2],
    pub(super) scratch_floats: usize,
}

impl Sizes {
    pub(super) fn new(network: &Prepared, layouts: &[Layout]) -> Self {
        let mut sizes = Self { kept: 0, maps: [0; 2], scratch_floats: 0 };
        let mut first_lines = 0;
        for (convolution, (layout, prepared)) in layouts.iter().zip(&network.layers).enumerate() {
            let features = layout.lines(prepared.out_channels);
            let (inputs, outputs) =
                (prepared.in_channels / CHANNELS, prepared.out_channels / CHANNELS);
            let forward = Own { pools: pools_after(convolution), ..Own::default() };
            let backward = Own {
                unpools: pools_after(convolution),
                recomputes: convolution == 1,
                ..Own::default()
            };
            let scratch = if convolution == 0 {
                first_lines = features;
                // Where a gradient begins here, it comes from no other convolution.
                Own { recomputes: true, ..Own::default() }
                    .scratch_floats(layout, (outputs, outputs))
            } else {
                forward
                    .scratch_floats(layout, (inputs, outputs))
                    .max(backward.scratch_floats(layout, (outputs, inputs)))
            };
            sizes.scratch_floats = sizes.scratch_floats.max(scratch);
            let [own, next] = facing(&mut sizes.maps, convolution);
            if convolution > 1 {
                *own = layout.lines(prepared.in_channels).max(*own);
            }
            if is_kept(convolution) {
                *next = features.max(*next);
                sizes.kept += features;
            }
        }
        sizes.kept = sizes.kept.max(first_lines);
        sizes.maps[0] = sizes.maps[0].max(first::framed_lines(&layouts[0]));
        sizes
    }
}

/// Bytes that statistics and packed seeds of a layer take while they are computed. They never meet.
pub(super) fn passing_bytes(
    network: &Prepared,
    layouts: &[Layout],
    layer: Layer,
    threads: usize,
) -> usize {
    let convolution = layer.convolution();
    let channels = network.layers[convolution].out_channels;
    let computed = if convolution == 0 { threads } else { 0 };
    let seeds = channels * channels * (size_of::<f32>() + size_of::<u16>());
    moments::bytes(&layouts[convolution], channels, computed).max(seeds)
}

/// Of each convolution up to a layer.
pub(super) fn layouts(shape: &Shape, deepest: Layer) -> Vec<Layout> {
    (0..=deepest.convolution()).map(|convolution| Layout::new(shape, convolution)).collect()
}

/// Whether a convolution's features are kept.
fn is_kept(convolution: usize) -> bool {
    convolution > 0 && layer_after(convolution).is_some()
}

/// Bits of a map, laid out as its lines.
fn bits_of(layout: &Layout, channels: usize) -> usize {
    channels / CHANNELS * layout.plane()
}

/// What belongs to the map that a convolution reads, forward, and to that which it writes.
pub(super) fn facing<T>(maps: &mut [T; 2], convolution: usize) -> [&mut T; 2] {
    let [even, odd] = maps;
    if convolution.is_multiple_of(2) { [even, odd] } else { [odd, even] }
}

/// The input of a convolution but the first, forward, and where its output goes.
pub(super) fn buffers<'a>(
    before: &After,
    after: &After,
    convolution: usize,
    kept: &'a mut [Line],
    maps: &'a mut [Vec<Line>; 2],
) -> (&'a [Line], &'a mut [Line]) {
    let [input, output] = facing(maps, convolution);
    match (before, after) {
        (After::First, After::Kept { .. }) => {
            unreachable!("the second convolution's features are no layer")
        }
        (After::First, _) => (kept, output),
        (After::Kept { start }, After::Kept { start: own }) => {
            let (before, from) = kept.split_at_mut(*own);
            (&before[*start..], from)
        }
        (After::Kept { start }, _) => (&kept[*start..], output),
        (After::Marked { .. } | After::Pooled { .. }, After::Kept { start }) => {
            (input, &mut kept[*start..])
        }
        (After::Marked { .. } | After::Pooled { .. }, _) => (input, output),
    }
}

/// Changes the length of a buffer. One that must grow gives its memory back first.
pub(super) fn fit<T: Copy>(buffer: &mut Vec<T>, len: usize, value: T) {
    if buffer.capacity() < len {
        *buffer = Vec::new();
        *buffer = vec![value; len];
    }
    buffer.resize(len, value);
}
