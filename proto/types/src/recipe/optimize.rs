//! VGG optimisation: its parameters, and the scales and canvas that they imply.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::parameters::parameters;
use super::scale_layers::LayersByScale;
use super::{Common, is_default};
use crate::{MAX_SIDE, MIN_SIDE, RecipeError};

/// The number of layers of the style loss: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1.
pub const STYLE_LAYERS: usize = 5;

/// Far more steps than improve any picture.
const MAX_ITERATIONS: u32 = 100_000;

/// The largest picture as the style of the smallest, pixel for pixel.
pub(super) const MOST_STYLE_SCALE: f32 = (MAX_SIDE / MIN_SIDE) as f32;
/// The smallest picture as the style of the largest, nearly so.
pub(super) const LEAST_STYLE_SCALE: f32 = 0.0004;

/// Whether a loss weight is in its range.
fn is_weight(weight: f32) -> bool {
    (0.0..=1e9).contains(&weight)
}

parameters! {
    /// Every parameter of VGG optimisation.
    struct Optimize { common: Common; }
    /// Changes to [`Optimize`]; `None` leaves a value as it was.
    struct OptimizePatch {
        /// Optimiser steps at the finest scale.
        #[arg(value_name = "N")]
        iterations: u32 as u32, "from 1 to 100000" |n| (1..=MAX_ITERATIONS).contains(n);
        /// Optimiser steps at the coarsest scale.
        ///
        /// Scales in between are interpolated geometrically. More steps improve the large forms,
        /// and cost little.
        #[arg(value_name = "N")]
        coarse_iterations: u32 as u32, "from 1 to 100000" |n| (1..=MAX_ITERATIONS).contains(n);
        /// End a scale early if ten steps lower the loss by less than this share; 0 never does.
        #[arg(value_name = "SHARE")]
        plateau: f32 as f32, "from 0 to below 1" |share| (0.0..1.0).contains(share);
        /// The longer side in pixels of the coarsest scale; 0 uses only the final size.
        #[arg(value_name = "PIXELS")]
        min_scale: u32 as u32,
            "0, or from 16 to 32768 pixels" |s| *s == 0 || (MIN_SIDE..=MAX_SIDE).contains(s);
        /// The ratio of a scale's side to that of the next coarser scale.
        ///
        /// A whole number leaves lines that far apart in the result.
        #[arg(value_name = "RATIO")]
        scale_factor: f32 as f32, "from 1.1 to 4" |ratio| (1.1..=4.0).contains(ratio);
        /// On how many positions of the network's pooling grid each scale is painted in turn.
        ///
        /// A grid that never moves leaves lines two pixels apart. The scales end on different ones.
        /// Has no effect along a side with borders: see padding and tileable.
        #[arg(value_name = "N")]
        #[serde(default = "one", skip_serializing_if = "is_one")]
        pooling_grids: u32 as u32, "from 1 to 16" |grids| (1..=16).contains(grids);
        /// The share of the asset's fine detail that each larger scale begins with.
        ///
        /// Of what a scale shows and the coarser one could not: pictures are sharper, and fewer
        /// steps do. Has no effect without content_weight.
        #[arg(value_name = "SHARE")]
        #[serde(default, skip_serializing_if = "is_default")]
        detail: f32 as f32, "from 0 to 1" |share| (0.0..=1.0).contains(share);
        /// How strongly the asset's forms are kept.
        #[arg(value_name = "WEIGHT")]
        content_weight: f32 as f32, "from 0 to 1e9" |weight| is_weight(*weight);
        /// How strongly the style's strokes and colours show.
        #[arg(value_name = "WEIGHT")]
        style_weight: f32 as f32, "from 0 to 1e9" |weight| is_weight(*weight);
        /// How closely contrast and palette are matched, relative to the style's weight.
        ///
        /// The weight of channel means and deviations, beside that of the Gram matrices.
        #[arg(value_name = "WEIGHT")]
        stats_weight: f32 as f32, "from 0 to 1e9" |weight| is_weight(*weight);
        /// The weight of total variation: removes speckles, and blurs if it is large.
        #[arg(value_name = "WEIGHT")]
        tv_weight: f32 as f32, "from 0 to 1e9" |weight| is_weight(*weight);
        /// Weights of relu1_1 to relu5_1 in the style loss: fine texture first, large motifs last.
        #[arg(value_name = "W,W,W,W,W", value_parser = parse_layers)]
        style_layers: [f32; STYLE_LAYERS] as [f32; STYLE_LAYERS],
            "from 0 to 1e9, for each of the five layers" |layers| layers.iter()
                .all(|w| is_weight(*w));
        /// Paint scales beyond a size by fewer layers at full size: SIDE:LAYER:COPY between commas.
        ///
        /// Scales with a longer side above SIDE pixels are evaluated up to LAYER (`relu1_1` to
        /// `relu5_1`); deeper layers see a copy at `half` or a `quarter` of the size, or `none`.
        #[arg(value_name = "RULES")]
        #[serde(default, skip_serializing_if = "is_default")]
        layers_by_scale: LayersByScale as LayersByScale,
            "at most 16 rules, the smallest side first, none above 32768 pixels" |rules| rules
                .is_ordered();
        /// How far the asset's light and dark are held, over areas larger than a stroke, 0 to 1.
        ///
        /// At 0 every asset ends at the style's own brightness; at 1 a scene of several textures
        /// reads as before, and dark holes stay dark. Has no effect without an asset.
        #[arg(value_name = "SHARE")]
        #[serde(default, skip_serializing_if = "is_default")]
        values: f32 as f32, "from 0 to 1" |share| (0.0..=1.0).contains(share);
        /// How far patches of stray colour are evened out, 0 to 1.
        ///
        /// At 0 a motif that is rare in the style may land once in a texture, and show as a grid
        /// where that repeats. Has no effect without an asset.
        #[arg(value_name = "SHARE")]
        #[serde(default, skip_serializing_if = "is_default")]
        evenness: f32 as f32, "from 0 to 1" |share| (0.0..=1.0).contains(share);
        /// How closely a texture made from one style repeats at the style's own distances, 0 to 1.
        ///
        /// At 0 only the noise that it begins with does. Statistics of features have rows of bricks
        /// wander; at 1 they are as straight as in the style. Has no effect with an asset.
        #[arg(value_name = "SHARE")]
        #[serde(default, skip_serializing_if = "is_default")]
        pattern: f32 as f32, "from 0 to 1" |share| (0.0..=1.0).contains(share);
        /// The style image's size relative to the result's: larger means larger strokes.
        #[arg(value_name = "RATIO")]
        style_scale: f32 as f32, "from 0.0004 to 2048" |r| (LEAST_STYLE_SCALE..=MOST_STYLE_SCALE)
            .contains(r);
        /// What the loss terms are divided by.
        #[arg(value_enum)]
        loss_norm: LossNorm as LossNorm;
        /// How VGG halves its feature maps.
        #[arg(value_enum)]
        pooling: Pooling as Pooling;
        /// What is beyond the border of a picture that does not tile.
        #[arg(value_enum)]
        padding: Padding as Padding;
        /// The optimiser of the pixels.
        #[arg(value_enum)]
        optimizer: Optimizer as Optimizer;
        /// The factor of the optimiser's step; Adam's step is five levels of 0 to 255.
        #[arg(value_name = "FACTOR")]
        learning_rate: f32 as f32, "above 0, at most 50" |rate| *rate > 0.0 && *rate <= 50.0;
        /// How many steps L-BFGS keeps.
        #[arg(value_name = "N")]
        history: u32 as u32, "from 1 to 1000" |n| (1..=Optimize::MAX_HISTORY).contains(n);
        /// The decay of the running average of Adam's pictures; 0 takes the last one.
        #[arg(value_name = "DECAY")]
        averaging: f32 as f32, "from 0 to below 1" |decay| (0.0..1.0).contains(decay);
        /// What optimisation starts from: content, noise, arbitrary or a picture's path.
        ///
        /// `arbitrary` is what method `arbitrary` paints at the coarsest scale, with a fifth of the
        /// asset. With `min_scale = 0` that saves half of the time, and the style's large motifs.
        #[arg(value_name = "content|noise|arbitrary|IMAGE")]
        init: Init as InitSource;
    }
}

/// What the loss terms are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum LossNorm {
    /// The paper's constants: content `mean((F - P)^2)`, style `mean((G - A)^2) / C^2` per layer.
    Absolute,
    /// Content by `mean(P^2)`, style by `mean(A^2)`: weights have the same effect at every size and
    /// for every picture. For photographs.
    Relative,
    /// As relative, but content by the variance of `P` over the picture, so that a texture's small
    /// features have weight. For textures.
    Variance,
}

/// How VGG halves its feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The original network's: sharper, noisier.
    Max,
    /// The mean of four, times two to keep the feature maps' level: smoother.
    Average,
}

/// What is beyond the border of a picture that does not tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros at every layer, as the network was trained: shows at the border.
    Zero,
    /// The border pixel repeated, at every layer.
    Replicate,
    /// The picture mirrored at its border, at every layer.
    Reflect,
    /// No border: a strip of the picture's mirror image continues it, opposite ends are joined, and
    /// the strip is cropped at the end.
    Ring,
}

/// The optimiser of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989,
    /// with pixels held in range.
    Lbfgs,
    /// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, with pixels held in
    /// range.
    Adam,
}

/// What optimisation starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    Content,
    Noise,
    /// What the networks for any style paint: see [`Method::Arbitrary`](super::Method::Arbitrary).
    Arbitrary,
    /// A separate picture, an input of the action.
    Image,
}

/// The source of the initial picture; an image is named by its path, which the caller resolves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum InitSource {
    Content,
    Noise,
    Arbitrary,
    Image(String),
}

impl From<String> for InitSource {
    fn from(text: String) -> Self {
        match text.as_str() {
            "content" => Self::Content,
            "noise" => Self::Noise,
            "arbitrary" => Self::Arbitrary,
            _ => Self::Image(text),
        }
    }
}

impl From<InitSource> for String {
    fn from(source: InitSource) -> Self {
        match source {
            InitSource::Content => "content".to_owned(),
            InitSource::Noise => "noise".to_owned(),
            InitSource::Arbitrary => "arbitrary".to_owned(),
            InitSource::Image(path) => path,
        }
    }
}

impl FromStr for InitSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl InitSource {
    /// The path of the initial picture, if it is one of its own.
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::Image(path) => Some(path),
            Self::Content | Self::Noise | Self::Arbitrary => None,
        }
    }
}

impl From<InitSource> for Init {
    fn from(source: InitSource) -> Self {
        match source {
            InitSource::Content => Self::Content,
            InitSource::Noise => Self::Noise,
            InitSource::Arbitrary => Self::Arbitrary,
            InitSource::Image(_) => Self::Image,
        }
    }
}

impl Optimize {
    /// The fewest steps of a preset at the finest scale where a texture is made from noise: with
    /// those of a picture that has a content, noise is left.
    pub const SYNTHESIS_STEPS: u32 = 20;
    /// The same at the coarsest scale, where forms are found.
    pub const COARSE_SYNTHESIS_STEPS: u32 = 120;
    /// The pattern of a texture made from its style alone, unless the recipe says another.
    pub const SYNTHESIS_PATTERN: f32 = 0.5;

    /// The least width of the strip beside a picture that is closed to a ring. The canvas is a
    /// multiple of 16 pixels, one pixel of the deepest layer, so that the ring closes there too.
    pub const STRIP_PX: u32 = 8;
    /// How much of the next lap stands beside a canvas that repeats at no multiple of 16 pixels.
    pub const LAP_PX: u32 = 16;
    /// The longest history of L-BFGS.
    pub const MAX_HISTORY: u32 = 1000;
    /// The most steps of a scale.
    pub const MAX_ITERATIONS: u32 = MAX_ITERATIONS;

    /// A preset that makes a texture from its style alone: there is no content to start from, so
    /// form and detail take more steps.
    pub(super) fn for_synthesis(mut self) -> Self {
        self.init = Init::Noise;
        self.iterations = self.iterations.max(Self::SYNTHESIS_STEPS);
        self.coarse_iterations = self.coarse_iterations.max(Self::COARSE_SYNTHESIS_STEPS);
        self.pattern = Self::SYNTHESIS_PATTERN;
        self
    }

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.common.check()?;
        self.check_ranges()
    }

    /// The same with changed common parameters.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Common)) -> Self {
        change(&mut self.common);
        self
    }

    /// Whether a style pulls at all: some layer's statistics count.
    pub fn is_styled(&self) -> bool {
        self.style_weight > 0.0 && self.style_layers.iter().any(|&weight| weight > 0.0)
    }

    /// What the network sees of a picture of `width` by `height` pixels. Its sides are multiples of
    /// 16 pixels, one of the deepest layer's: larger by a strip along each axis that is closed to a
    /// ring for it, and by some of the next lap where the picture repeats.
    pub fn canvas(&self, width: u32, height: u32) -> (u32, u32) {
        let along = |length: u32, tiles: bool| match self.padding {
            Padding::Ring if !tiles => (length + 2 * Self::STRIP_PX).next_multiple_of(16),
            Padding::Zero | Padding::Replicate | Padding::Reflect | Padding::Ring => {
                Self::seen(length, tiles)
            }
        };
        (
            along(width, self.common.tileable.wraps_x()),
            along(height, self.common.tileable.wraps_y()),
        )
    }

    /// What the network sees of an axis of this length: all of it where that is a multiple of 16
    /// pixels, else the next multiple that holds it, with what stands beside it where it repeats.
    pub fn seen(length: u32, repeats: bool) -> u32 {
        let beside = if repeats && !length.is_multiple_of(16) { 2 * Self::LAP_PX } else { 0 };
        (length + beside).next_multiple_of(16)
    }

    /// Whether the canvas wraps from left to right.
    pub fn wraps_x(&self) -> bool {
        self.common.tileable.wraps_x() || self.padding == Padding::Ring
    }

    /// Whether the canvas wraps from top to bottom.
    pub fn wraps_y(&self) -> bool {
        self.common.tileable.wraps_y() || self.padding == Padding::Ring
    }
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

/// Five weights, separated by commas.
#[cfg(feature = "clap")]
fn parse_layers(text: &str) -> Result<[f32; STYLE_LAYERS], String> {
    let weights = text
        .split(',')
        .map(|part| part.trim().parse::<f32>().map_err(|_| format!("`{part}` is not a number")))
        .collect::<Result<Vec<_>, _>>()?;
    weights.try_into().map_err(|given: Vec<f32>| {
        format!("takes five weights, relu1_1 to relu5_1, but there are {}", given.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_a_value_out_of_range() {
        let mut recipe = Optimize::painterly();
        recipe.style_weight = f32::NAN;
        assert_eq!(
            recipe.check().map_err(|e| e.to_string()),
            Err("style_weight is NaN, but has to be from 0 to 1e9".to_owned())
        );
    }

    #[test]
    fn styles_are_enlarged_only_at_the_first_scale() {
        let recipe = Optimize { style_scale: 2.0, ..Optimize::painterly() };
        let factor = |width, height, first| recipe.style_factor((800, 400), (width, height), first);
        assert_eq!(factor(200, 200, true), 0.5);
        assert_eq!(factor(200, 200, false), 0.5);
        assert_eq!(factor(1600, 800, true), 2.0);
        assert_eq!(factor(1600, 800, false), 1.0);
        let likeness = Optimize { init: Init::Arbitrary, ..recipe.clone() };
        assert_eq!(likeness.style_factor((800, 400), (1600, 800), true), 1.0);
        // A strip has a long side, but few pixels.
        assert_eq!(factor(8000, 40, true), 1.0);
    }
}
