//! The decoder of a network for any style: VGG's features of a picture, which were given the means
//! and deviations of a style's, become a picture again (Huang and Belongie, "Arbitrary Style
//! Transfer in Real-time with Adaptive Instance Normalization", ICCV 2017).
//!
//! Unlike theirs, it reads features of four sizes, the colours among them, so the deepest need not
//! carry every edge, and it says only what is to be added to blurred colours. No layer of it looks
//! at the whole picture: a part of the picture is a part of the result, but for a margin of
//! [`DecoderLayout::REACH_PX`].
//!
//! From coarse to fine, with `n` what a level reads, `y` what the coarser level made, and `E` for
//! enlarging twofold by repeating pixels:
//! `x = leaky(read(n) + enlarge(E y))`, `y = leaky(x + inner(x))`, and at last
//! `picture = colors + 64 add(y)`. The finest level has no inner convolution, the coarsest
//! nothing to enlarge. All are of 3x3 taps; the last is of 9x9.

use super::{
    border::Border,
    decoder_layout::{DecoderLayout, DecoderWeights, LEVELS, LevelWeights},
    direct::{Direct, Map},
    feed_forward::{FeedForwardError, named},
    geometry::Kind,
    layer_weights::LayerWeights,
    outer::Outer,
    picture::PaintError,
    tensors::Tensors,
    workspace::Workspace,
};
use crate::{
    fp32::{dispatch, kernels::Kernels, thin::Activation},
    level::Level,
    threads::Threads,
};

/// Beyond the borders of maps: the border's pixel again; around the last convolution, the mirrored
/// picture.
pub(super) const REPEATED: [Border; 2] = [Border::Replicate; 2];
pub(super) const MIRRORED: [Border; 2] = [Border::Reflect; 2];

/// What a decoder reads, all of a picture that was restyled: blurred colours, colours and features.
#[derive(Clone, Copy, Debug)]
pub struct DecoderInput<'a> {
    /// Of the picture, multiples of [`DecoderLayout::BLOCK_PX`].
    pub width: usize,
    pub height: usize,
    /// What is added to: `height * width * 3` values of 0 to 255.
    pub colors: &'a [f32],
    /// Of each level, the finest first, `height * width * channels` of
    /// [`DecoderLayout::READ`] channels, halved at each level.
    pub maps: [&'a [f32]; LEVELS],
}

impl<'a> DecoderInput<'a> {
    /// The size of a level's maps.
    pub(super) fn size(&self, level: usize) -> (usize, usize) {
        (self.width >> level, self.height >> level)
    }

    /// What a level reads.
    pub(super) fn map(&self, level: usize) -> Map<'a> {
        let (width, height) = self.size(level);
        Map::new(self.maps[level], width, height, None)
    }

    fn check(&self, output: &[f32]) -> Result<(), PaintError> {
        let Self { width, height, colors, maps } = *self;
        let is_whole = |len: usize| len > 0 && len.is_multiple_of(DecoderLayout::BLOCK_PX);
        let floats = width.checked_mul(height).and_then(|area| area.checked_mul(3));
        let Some(expected) = floats.filter(|_| is_whole(width) && is_whole(height)) else {
            return Err(PaintError::Size { width, height });
        };
        if output.len() != expected {
            return Err(PaintError::Output { width, height, expected, found: output.len() });
        }
        if colors.len() != expected {
            return Err(PaintError::Picture { width, height, expected, found: colors.len() });
        }
        for (level, map) in maps.iter().enumerate() {
            let (width, height) = self.size(level);
            let (expected, found) = (width * height * DecoderLayout::READ[level], map.len());
            if expected != found {
                return Err(PaintError::Picture { width, height, expected, found });
            }
        }
        Ok(())
    }
}

/// A decoder, with its weights packed.
#[derive(Debug)]
pub struct Decoder {
    layout: DecoderLayout,
    pub(super) kernels: Option<&'static Kernels>,
    stages: [Stage; LEVELS],
    colors: Outer,
}

/// The convolutions of a level.
#[derive(Debug)]
struct Stage {
    read: Direct,
    enlarge: Option<Direct>,
    inner: Option<Direct>,
}

/// What a level made: the maps before and after its inner convolution, which are one where it has
/// none.
pub(super) struct Made {
    pub(super) outer: Vec<f32>,
    pub(super) inner: Option<Vec<f32>>,
}

impl Made {
    /// What the next level reads.
    pub(super) fn last(&self) -> &[f32] {
        self.inner.as_ref().unwrap_or(&self.outer)
    }

    pub(super) fn give(self, workspace: &mut Workspace) {
        workspace.give(self.outer);
        self.inner.into_iter().for_each(|map| workspace.give(map));
    }
}

impl Decoder {
    /// Prepares the parameters of a decoder of these sizes; see [`DecoderLayout::tensors`]. A level
    /// that this processor lacks is lowered to the best one that it has.
    ///
    /// # Errors
    /// Where they are not finite, or not as many as the sizes ask for.
    pub fn new(
        layout: &DecoderLayout,
        parameters: &[f32],
        level: Level,
    ) -> Result<Self, FeedForwardError> {
        layout.check()?;
        let all = layout.tensors();
        Self::of_tensors(layout, &named(&all, parameters)?, level)
    }

    /// The same from tensors by name, as a file has them.
    ///
    /// # Errors
    /// Where one is missing, has another shape, or belongs to no decoder of these sizes.
    pub fn of_tensors(
        layout: &DecoderLayout,
        tensors: &Tensors<'_>,
        level: Level,
    ) -> Result<Self, FeedForwardError> {
        let weights = DecoderWeights::of_tensors(layout, tensors)?;
        let kernels = dispatch::kernels(level.lowered());
        let plain = |own: &LayerWeights| {
            let kind = Kind::Plain { before: 1, stride: 1 };
            Direct::of(&own.kernel(), kernels, kind, Activation::Linear)
        };
        let stage = |own: &LevelWeights| Stage {
            read: plain(&own.read),
            enlarge: own.enlarge.as_ref().map(|own| Direct::enlarging(&own.kernel(), kernels)),
            inner: own.inner.as_ref().map(plain),
        };
        let stages = weights.levels.each_ref().map(stage);
        let colors = Outer::new(&weights.colors.kernel(), kernels, Activation::Linear);
        Ok(Self { layout: *layout, kernels, stages, colors })
    }

    /// The memory that a picture of this size takes in a fresh workspace, beside what is read and
    /// the output, in bytes: at the level that takes most, two maps of it, and both of the coarser
    /// one.
    pub fn run_bytes(&self, (width, height): (usize, usize)) -> u64 {
        let map = |level: usize| {
            let channels = self.layout.widths.get(level).copied().unwrap_or(0);
            ((width >> level) * (height >> level) * channels) as u64
        };
        let most = (0..LEVELS).map(|level| 2 * map(level) + 2 * map(level + 1)).max();
        4 * most.unwrap_or(0)
    }

    /// Makes a picture. `output` is `height * width * 3` values that lie about 0 to 255, as they
    /// are: they may be beyond either.
    ///
    /// # Errors
    /// Where a side is no multiple of [`DecoderLayout::BLOCK_PX`] or a slice has another length.
    pub fn decode(
        &self,
        workspace: &mut Workspace,
        input: &DecoderInput<'_>,
        output: &mut [f32],
    ) -> Result<(), PaintError> {
        input.check(output)?;
        workspace.inside(|workspace| {
            let mut coarser: Option<Made> = None;
            for level in (0..LEVELS).rev() {
                let made = self.level(workspace, input, level, coarser.as_ref());
                coarser.into_iter().for_each(|made| made.give(workspace));
                coarser = Some(made);
            }
            let made = coarser.expect("the finest level");
            self.finish(workspace, input, &made, output);
            made.give(workspace);
        });
        Ok(())
    }

    /// What a forward pass leaves for the way back, the finest level first.
    pub(super) fn decode_keeping(
        &self,
        workspace: &mut Workspace,
        input: &DecoderInput<'_>,
        output: &mut [f32],
    ) -> Result<Vec<Made>, PaintError> {
        input.check(output)?;
        Ok(workspace.inside(|workspace| {
            let mut all: Vec<Made> = Vec::new();
            for level in (0..LEVELS).rev() {
                let made = self.level(workspace, input, level, all.last());
                all.push(made);
            }
            all.reverse();
            self.finish(workspace, input, &all[0], output);
            all
        }))
    }

    /// Makes a level of what it reads and the coarser level made.
    fn level(
        &self,
        workspace: &mut Workspace,
        input: &DecoderInput<'_>,
        level: usize,
        coarser: Option<&Made>,
    ) -> Made {
        let Stage { read, enlarge, inner } = &self.stages[level];
        let (width, height) = input.size(level);
        let floats = width * height * self.layout.widths[level];
        let mut outer = workspace.take(floats);
        outer.truncate(floats);
        let map = input.map(level);
        read.run(&mut workspace.threads, self.kernels, &map, REPEATED, &mut outer, false);
        if let (Some(enlarge), Some(coarser)) = (enlarge, coarser) {
            let mut enlarged = workspace.take(floats);
            let (width, height) = input.size(level + 1);
            let map = Map::new(coarser.last(), width, height, None);
            let (threads, to) = (&mut workspace.threads, &mut enlarged[..floats]);
            enlarge.run(threads, self.kernels, &map, REPEATED, to, false);
            add_leaking(threads, to, &mut outer);
            workspace.give(enlarged);
        } else {
            leak(&mut workspace.threads, &mut outer);
        }
        let inner = inner.as_ref().map(|inner| {
            let mut made = workspace.take(floats);
            made.truncate(floats);
            let map = Map::new(&outer, width, height, None);
            inner.run(&mut workspace.threads, self.kernels, &map, REPEATED, &mut made, false);
            add_leaking(&mut workspace.threads, &outer, &mut made);
            made
        });
        Made { outer, inner }
    }

    /// Makes the picture of the finest level.
    fn finish(
        &self,
        workspace: &mut Workspace,
        input: &DecoderInput<'_>,
        made: &Made,
        output: &mut [f32],
    ) {
        let (width, height) = (input.width, input.height);
        let map = Map::new(made.last(), width, height, None);
        let threads = &mut workspace.threads;
        self.colors.run(threads, self.kernels, &map, MIRRORED, output, false);
        let row = 3 * width;
        threads.each_piece(output, row, |y, values, _| {
            let colors = &input.colors[y * row..][..row];
            let both = values.iter_mut().zip(colors);
            both.for_each(|(value, own)| *value = own + DecoderLayout::ADDED * *value);
        });
    }
}

/// Floats that a thread adds at a time.
pub(super) const PIECE_FLOATS: usize = 1 << 14;

/// A unit's output.
fn leaky(value: f32) -> f32 {
    value.max(DecoderLayout::LEAK * value)
}

/// `map = leaky(map)`, element by element.
fn leak(threads: &mut Threads, map: &mut [f32]) {
    threads.each_piece(map, PIECE_FLOATS, |_, values, _| {
        values.iter_mut().for_each(|value| *value = leaky(*value));
    });
}

/// `sum = leaky(sum + map)`, element by element.
fn add_leaking(threads: &mut Threads, map: &[f32], sum: &mut [f32]) {
    threads.each_piece(sum, PIECE_FLOATS, |index, sums, _| {
        let own = &map[index * PIECE_FLOATS..][..sums.len()];
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum = leaky(*sum + own));
    });
}
