//! The weights in bf16, packed for both directions in the order in which the products read them.
//!
//! For a block of 32 output channels: `[block of 32 input channels][tap][2]` tiles. A tile is 16
//! output channels: line k holds, for each of them, the weights of the input channels 2k and 2k +
//! 1. Forward and backward together take 36 MB for VGG-19.

use rayon::prelude::*;

use crate::{
    bf16::{
        dispatch::Products,
        kernels::Kernels,
        line::{CHANNELS, Line},
    },
    feature_map::narrow,
    level::Level,
    weights::ConvWeights,
};

/// All convolutions, for one set of kernels.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) kernels: &'static Kernels,
    pub(crate) layers: Vec<Convolution>,
}

/// One convolution, prepared for both directions.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) bias: Vec<f32>,
    pub(crate) forward: Weights,
    pub(crate) backward: Weights,
}

impl Prepared {
    /// Packs the weights; `None` where the level has no fast products of bf16, or channels do not
    /// come in whole lines.
    pub(crate) fn new(layers: &[ConvWeights<'_>], level: Level) -> Option<Self> {
        match level {
            Level::Scalar | Level::Neon | Level::Avx2 | Level::Avx512 => None,
            Level::Amx => Self::with(layers, Products::Tiles.kernels()?),
        }
    }

    /// The same for kernels that the processor can run.
    pub(crate) fn with(layers: &[ConvWeights<'_>], kernels: &'static Kernels) -> Option<Self> {
        let whole = layers.iter().all(|layer| layer.out_channels.is_multiple_of(CHANNELS));
        let packed = || {
            let layers = layers.par_iter().enumerate();
            layers.map(|(index, layer)| Convolution::new(index == 0, layer)).collect()
        };
        whole.then(|| Self { kernels, layers: packed() })
    }

    pub(crate) fn bytes(&self) -> usize {
        let lines: usize = self
            .layers
            .iter()
            .map(|layer| layer.forward.lines.len() + layer.backward.lines.len())
            .sum();
        lines * size_of::<Line>()
    }
}

impl Convolution {
    fn new(first: bool, layer: &ConvWeights<'_>) -> Self {
        let &ConvWeights { in_channels, out_channels, weights, bias } = layer;
        let weight = |output: usize, input: usize, tap: usize| {
            weights[(output * in_channels + input) * 9 + tap]
        };
        let forward = if first {
            // The 27 values around a pixel are one block of channels, and what their rounding took
            // away is another: see `first.rs`.
            Weights::new(2 * CHANNELS, out_channels, 1, |output, input, _| {
                let value = input % CHANNELS;
                if value < 27 { weight(output, value % 3, value / 3) } else { 0.0 }
            })
        } else {
            Weights::new(in_channels, out_channels, 9, weight)
        };
        // The gradient of an input is gathered from the outputs that read it: the same convolution
        // with the roles of the channels exchanged and the taps mirrored. The picture's three
        // channels are the first of a tile.
        let mirrored = |output: usize, input: usize, tap: usize| {
            if output < in_channels { weight(input, output, 8 - tap) } else { 0.0 }
        };
        let backward = if first {
            Weights::narrow(out_channels, mirrored)
        } else {
            Weights::new(out_channels, in_channels, 9, mirrored)
        };
        Self { in_channels, out_channels, bias: bias.to_vec(), forward, backward }
    }
}

/// The weights of one direction.
#[derive(Debug)]
pub(crate) struct Weights {
    in_blocks: usize,
    out_blocks: usize,
    taps: usize,
    /// Tiles for a block of input channels and a tap: two, or one where there are but 16 output
    /// channels.
    tiles: usize,
    lines: Vec<Line>,
}

impl Weights {
    /// From a function of (out, in, tap). Channels come in whole blocks.
    pub(crate) fn new(
        in_channels: usize,
        out_channels: usize,
        taps: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        debug_assert!(
            in_channels.is_multiple_of(CHANNELS) && out_channels.is_multiple_of(CHANNELS)
        );
        Self::packed(in_channels / CHANNELS, out_channels / CHANNELS, taps, 2, weight)
    }

    /// The same with nine taps for 16 output channels.
    fn narrow(in_channels: usize, weight: impl Fn(usize, usize, usize) -> f32) -> Self {
        Self::packed(in_channels / CHANNELS, 1, 9, 1, weight)
    }

    fn packed(
        in_blocks: usize,
        out_blocks: usize,
        taps: usize,
        tiles: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let line = |index: usize| {
            let (k, half, tap) = (index % 16, index / 16 % tiles, index / (16 * tiles) % taps);
            let (input, output) =
                (index / (16 * tiles * taps) % in_blocks, index / (16 * tiles * taps * in_blocks));
            let value = |i: usize| {
                narrow(weight(
                    output * CHANNELS + half * 16 + i / 2,
                    input * CHANNELS + 2 * k + i % 2,
                    tap,
                ))
            };
            Line(std::array::from_fn(value))
        };
        Self {
            in_blocks,
            out_blocks,
            taps,
            tiles,
            lines: (0..out_blocks * in_blocks * taps * tiles * 16).map(line).collect(),
        }
    }

    /// Of a product `rows * square`, where `square` is C x C.
    pub(crate) fn square(square: &[f32], channels: usize) -> Self {
        let blocks = channels / CHANNELS;
        let tile = |tile: usize| {
            let (half, input, output) = (tile % 2, tile / 2 % blocks, tile / 2 / blocks);
            let column = output * CHANNELS + half * 16;
            let rows = square[input * CHANNELS * channels..][..CHANNELS * channels]
                .chunks_exact(2 * channels);
            rows.map(move |rows| {
                let (even, odd) = rows.split_at(channels);
                let (even, odd) = (&even[column..column + 16], &odd[column..column + 16]);
                Line(std::array::from_fn(|i| {
                    narrow(if i % 2 == 0 { even[i / 2] } else { odd[i / 2] })
                }))
            })
        };
        Self {
            in_blocks: blocks,
            out_blocks: blocks,
            taps: 1,
            tiles: 2,
            lines: (0..2 * blocks * blocks).flat_map(tile).collect(),
        }
    }

    /// Whether these are for 16 output channels, not 32.
    pub(crate) fn is_narrow(&self) -> bool {
        self.tiles == 1
    }

    pub(crate) fn in_blocks(&self) -> usize {
        self.in_blocks
    }

    pub(crate) fn out_blocks(&self) -> usize {
        self.out_blocks
    }

    /// The weights of a block of output channels.
    pub(crate) fn of(&self, out_block: usize) -> &[Line] {
        let lines = self.in_blocks * self.taps * self.tiles * 16;
        &self.lines[out_block * lines..][..lines]
    }
}
