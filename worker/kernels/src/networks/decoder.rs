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
    direct::{Direct, Map},
    feed_forward::{FeedForwardError, LayoutError, TensorLayout, named},
    geometry::Kind,
    kernel::Kernel,
    outer::{self, Outer},
    picture::PaintError,
    tensors::{TensorError, Tensors},
    workspace::Workspace,
};
use crate::{
    fp32::{dispatch, kernels::Kernels, thin::Activation},
    level::Level,
    threads::Threads,
    vgg::Layer,
};

/// How many sizes of features there are.
pub(super) const LEVELS: usize = 4;

/// Beyond the borders of maps: the border's pixel again; around the last convolution, the mirrored
/// picture.
pub(super) const REPEATED: [Border; 2] = [Border::Replicate; 2];
pub(super) const MIRRORED: [Border; 2] = [Border::Reflect; 2];

/// The slope of a unit below zero. Nothing normalises a decoder's maps, so units that were zero
/// there would all be before long, and learn no more.
pub(super) const LEAK: f32 = 0.2;

/// Levels that one of what the last convolution makes stands for.
pub(super) const ADDED: f32 = 64.0;

/// The sizes of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecoderLayout {
    /// Channels of each level, the finest first: 8 or 16, then multiples of 16 up to 256.
    pub widths: [usize; LEVELS],
}

impl DecoderLayout {
    /// What `impasto train` makes.
    pub const OWN: Self = Self { widths: [16, 32, 64, 128] };

    /// The layers whose features are read, the finest first; before them, the colours are.
    pub const LAYERS: [Layer; LEVELS - 1] = [Layer::Relu2_1, Layer::Relu3_1, Layer::Relu4_1];

    /// Channels of what each level reads.
    pub const READ: [usize; LEVELS] = [3, 128, 256, 512];

    /// What the features of each level are divided by, so that all are about as large as one.
    pub const SCALES: [f32; LEVELS] = [128.0, 200.0, 250.0, 800.0];

    /// Sides are multiples of so many pixels.
    pub const BLOCK_PX: usize = 1 << (LEVELS - 1);

    /// The result at a pixel depends on features no further away, in the picture's pixels: two
    /// convolutions at each level but the finest, one and the last of all there, and what lies
    /// between the enlarged pixels' middles.
    pub const REACH_PX: usize = 2 * (8 + 4 + 2) + 1 + outer::SIDE / 2 + Self::BLOCK_PX;

    /// Checks the sizes.
    ///
    /// # Errors
    /// Names the first that no decoder can have.
    pub fn check(&self) -> Result<(), LayoutError> {
        const NAMES: [&str; LEVELS] = ["widths.0", "widths.1", "widths.2", "widths.3"];
        for (level, (what, found)) in NAMES.into_iter().zip(self.widths).enumerate() {
            let (fits, expected) = if level == 0 {
                (matches!(found, 8 | 16), "8 or 16")
            } else {
                let fits = found.is_multiple_of(16) && (16..=256).contains(&found);
                (fits, "a multiple of 16 up to 256")
            };
            if !fits {
                return Err(LayoutError { what, found, expected });
            }
        }
        Ok(())
    }

    /// The decoder's tensors: of each level L `level.L.read`, `level.L.inner` but of the finest and
    /// `level.L.enlarge` but of the coarsest, and `colors`. Each has a `.weight` of
    /// `[out][in][row][column]`, and all but what enlarges have a `.bias`. All values, one tensor
    /// after the other, are its parameters.
    pub fn tensors(&self) -> Vec<TensorLayout> {
        let mut tensors = Vec::new();
        let mut start = 0;
        let mut add = |name: String, shape: Vec<usize>| {
            let range = start..start + shape.iter().product::<usize>();
            start = range.end;
            tensors.push(TensorLayout { name, shape, range });
        };
        for convolution in self.convolutions() {
            let Convolution { name, channels: [inputs, outputs], side, has_bias } = convolution;
            add(format!("{name}.weight"), vec![outputs, inputs, side, side]);
            if has_bias {
                add(format!("{name}.bias"), vec![outputs]);
            }
        }
        tensors
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range.end)
    }

    fn convolutions(&self) -> Vec<Convolution> {
        let of =
            |name: String, channels, side, has_bias| Convolution { name, channels, side, has_bias };
        let mut all = Vec::new();
        for (level, own) in self.widths.into_iter().enumerate() {
            let name = |what: &str| format!("level.{level}.{what}");
            all.push(of(name("read"), [Self::READ[level], own], 3, true));
            if let Some(coarser) = self.widths.get(level + 1) {
                all.push(of(name("enlarge"), [*coarser, own], 3, false));
            }
            if level > 0 {
                all.push(of(name("inner"), [own, own], 3, true));
            }
        }
        all.push(of("colors".to_owned(), [self.widths[0], 3], outer::SIDE, true));
        all
    }
}

/// A convolution of a decoder.
struct Convolution {
    name: String,
    /// Inputs and outputs.
    channels: [usize; 2],
    side: usize,
    has_bias: bool,
}

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
    stages: Vec<Stage>,
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
        layout.check()?;
        let kernels = dispatch::kernels(level.lowered());
        let mut stages = Vec::new();
        let taken = layout.convolutions().into_iter().map(|own| Self::take(own, tensors));
        let taken = taken.collect::<Result<Vec<_>, _>>()?;
        let find = |name: &str| taken.iter().find(|(own, _)| own == name).map(|(_, kernel)| kernel);
        for index in 0..LEVELS {
            let own = |what: &str| find(&format!("level.{index}.{what}"));
            let plain = |kernel: &Kernel<'_>| {
                let kind = Kind::Plain { before: 1, stride: 1 };
                Direct::of(kernel, kernels, kind, Activation::Linear)
            };
            stages.push(Stage {
                read: plain(own("read").expect("each level reads")),
                enlarge: own("enlarge").map(|kernel| Direct::enlarging(kernel, kernels)),
                inner: own("inner").map(plain),
            });
        }
        let colors = find("colors").expect("the last convolution");
        let colors = Outer::new(colors, kernels, Activation::Linear);
        tensors.finish("")?;
        Ok(Self { layout: *layout, kernels, stages, colors })
    }

    fn take<'a>(
        convolution: Convolution,
        tensors: &Tensors<'a>,
    ) -> Result<(String, Kernel<'a>), TensorError> {
        let Convolution { name, channels: [in_channels, out_channels], side, has_bias } =
            convolution;
        let shape = [out_channels, in_channels, side, side];
        let weights = tensors.take(&format!("{name}.weight"), &shape)?;
        let bias = if has_bias {
            tensors.take(&format!("{name}.bias"), &[out_channels])?
        } else {
            &[][..]
        };
        Ok((name, Kernel { in_channels, out_channels, side, weights, bias }))
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
            both.for_each(|(value, own)| *value = own + ADDED * *value);
        });
    }
}

/// Floats that a thread adds at a time.
pub(super) const PIECE_FLOATS: usize = 1 << 14;

/// A unit's output.
fn leaky(value: f32) -> f32 {
    value.max(LEAK * value)
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
