//! The sizes of a decoder, and its convolutions as a file has them.

use std::collections::BTreeMap;

use super::{
    feed_forward::{FeedForwardError, LayoutError, TensorLayout},
    layer_weights::LayerWeights,
    outer,
    tensors::Tensors,
};
use crate::vgg::Layer;

/// How many sizes of features there are.
pub(super) const LEVELS: usize = 4;

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

    /// The slope of a unit below zero. Nothing normalises a decoder's maps, so units that were zero
    /// there would all be before long, and learn no more.
    pub const LEAK: f32 = 0.2;

    /// Levels that one of what the last convolution makes stands for.
    pub const ADDED: f32 = 64.0;

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
        TensorLayout::in_order(self.convolutions().into_iter().flat_map(|convolution| {
            let Convolution { name, channels: [inputs, outputs], side, has_bias } = convolution;
            let weight = (format!("{name}.weight"), vec![outputs, inputs, side, side]);
            let bias = has_bias.then(|| (format!("{name}.bias"), vec![outputs]));
            [weight].into_iter().chain(bias)
        }))
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

/// The convolutions of a decoder. All have a bias but those that enlarge.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderWeights {
    /// The finest first.
    pub levels: [LevelWeights; LEVELS],
    /// Of nine taps.
    pub colors: LayerWeights,
}

/// Those of a level, of three taps.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelWeights {
    pub read: LayerWeights,
    /// On what the coarser level made, enlarged twofold by repeating its pixels.
    pub enlarge: Option<LayerWeights>,
    pub inner: Option<LayerWeights>,
}

impl DecoderWeights {
    /// From tensors by name, as a file has them.
    ///
    /// # Errors
    /// Where one is missing, has another shape, or belongs to no decoder of these sizes.
    pub fn of_tensors(
        layout: &DecoderLayout,
        tensors: &Tensors<'_>,
    ) -> Result<Self, FeedForwardError> {
        layout.check()?;
        let mut taken = BTreeMap::new();
        for Convolution { name, channels, side, has_bias } in layout.convolutions() {
            let weights = LayerWeights::take(tensors, &name, channels, side, has_bias)?;
            taken.insert(name, weights);
        }
        tensors.finish("")?;
        let mut level = |index: usize| {
            let mut own = |what: &str| taken.remove(&format!("level.{index}.{what}"));
            let read = own("read").expect("each level reads");
            LevelWeights { read, enlarge: own("enlarge"), inner: own("inner") }
        };
        let levels = std::array::from_fn(&mut level);
        Ok(Self { levels, colors: taken.remove("colors").expect("the last convolution") })
    }
}
