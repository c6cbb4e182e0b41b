//! Recipes: every parameter of a stylisation, resolved.
//!
//! Each method has parameters of its own, and all share [`Common`]. Names of fields are the keys
//! of the manifest and the flags of `impasto stylize` (with `-` for `_`).

mod arbitrary;
mod channels;
mod common;
mod effort;
mod feed_forward;
mod looks;
mod model_styles;
mod one_pass;
mod optimize;
mod parameters;
mod patch;
mod preset;
mod scale_layers;
mod scales;
mod sized;
mod style_size;
mod style_span;
mod training;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use arbitrary::Arbitrary;
pub use channels::{Channels, ChannelsError, Component};
pub use common::{AlphaUse, Common, CommonPatch, GreenAxis, PreserveColor, Profile, Tileable};
pub use effort::Effort;
pub use feed_forward::FeedForward;
pub use looks::Looks;
pub use model_styles::{ModelStyle, ModelStyles};
pub use one_pass::{OnePass, OnePassPatch};
pub use optimize::{
    Init, InitSource, LossNorm, Optimize, OptimizePatch, Optimizer, Padding, Pooling, STYLE_LAYERS,
};
pub use patch::RecipePatch;
pub use preset::Preset;
pub use scale_layers::{Deeper, LayersByScale, ScaleLayers, VggLayer};
pub use scales::Scale;
pub use style_span::{NoDensity, StyleSpan, StyleSpanError};
pub use training::{Train, Training};

use crate::ModelName;

/// VGG halves a picture four times, so a shorter side would be empty at relu5_1.
pub const MIN_SIDE: u32 = 16;
/// A limit that no real asset reaches; it keeps sizes within 32-bit arithmetic.
pub const MAX_SIDE: u32 = 32_768;

/// A method and all of its parameters, resolved: nothing is left to a default. On one machine, two
/// equal recipes paint the same bytes from equal inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum Recipe {
    /// See [`Method::Optimize`].
    Optimize(Optimize),
    /// See [`Method::Synthesize`].
    Synthesize(Optimize),
    /// See [`Method::Arbitrary`].
    Arbitrary(Arbitrary),
    /// See [`Method::FeedForward`].
    #[serde(rename = "feedforward")]
    FeedForward(FeedForward),
    /// See [`Method::Train`].
    Train(Train),
}

/// How a picture is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Optimise the pixels (Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional
    /// Neural Networks", CVPR 2016).
    Optimize,
    /// The same from noise, with the style alone: makes a new texture. Not listed among the values
    /// of `--method`, since it has a command of its own.
    #[cfg_attr(feature = "clap", value(hide = true))]
    Synthesize,
    /// One pass through a network that takes any style (Ghiasi, Lee, Kudlur, Dumoulin and Shlens,
    /// "Exploring the structure of a real-time, arbitrary neural artistic stylization network",
    /// BMVC 2017): a tenth of a second, with a likeness of the style.
    Arbitrary,
    /// One pass through a network that `impasto train` made for its styles (Johnson, Alahi and
    /// Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016).
    #[serde(rename = "feedforward")]
    #[cfg_attr(feature = "clap", value(name = "feedforward"))]
    FeedForward,
    /// Makes a network for [`Self::FeedForward`] instead of a picture. Not listed among the values
    /// of `--method`: a style says `train`, and `impasto train` is a command.
    #[cfg_attr(feature = "clap", value(hide = true))]
    Train,
}

impl Method {
    pub const ALL: [Self; 5] =
        [Self::Optimize, Self::Synthesize, Self::Arbitrary, Self::FeedForward, Self::Train];

    /// Raised whenever the method would make another picture from the same inputs, so that older
    /// cached results are not used. A golden test fails if pictures change without it.
    pub fn version(self) -> u32 {
        match self {
            // Textures begin with the pattern of their style.
            Self::Synthesize => 2,
            // Sides that repeat at no multiple of four pixels go over into each other.
            Self::Arbitrary | Self::FeedForward => 3,
            // And so do the likenesses that it may begin with.
            Self::Optimize => 2,
            Self::Train => 1,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Optimize => "optimize",
            Self::Synthesize => "synthesize",
            Self::Arbitrary => "arbitrary",
            Self::FeedForward => "feedforward",
            Self::Train => "train",
        }
    }

    /// Whether it paints an asset; otherwise it makes a picture from styles alone, or a network.
    pub fn takes_content(self) -> bool {
        match self {
            Self::Optimize | Self::Arbitrary | Self::FeedForward => true,
            Self::Synthesize | Self::Train => false,
        }
    }

    /// Whether it makes pictures; otherwise it makes a network.
    pub fn paints(self) -> bool {
        self != Self::Train
    }

    /// Whether it paints with a network that has learned its styles, a file that `model` names.
    /// Then it need not look at style images.
    pub fn takes_model(self) -> bool {
        self == Self::FeedForward
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parameter out of its range, or one that the method does not have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {value}, but has to be {range}")]
pub struct RecipeError {
    pub name: &'static str,
    pub value: String,
    pub range: &'static str,
}

impl Recipe {
    pub fn method(&self) -> Method {
        match self {
            Self::Optimize(_) => Method::Optimize,
            Self::Synthesize(_) => Method::Synthesize,
            Self::Arbitrary(_) => Method::Arbitrary,
            Self::FeedForward(_) => Method::FeedForward,
            Self::Train(_) => Method::Train,
        }
    }

    /// Whether it is painted with a network of the project's own, an input of the action.
    pub fn takes_network(&self) -> bool {
        match self {
            Self::Optimize(_) | Self::Synthesize(_) | Self::Train(_) => false,
            Self::Arbitrary(arbitrary) => arbitrary.own_network,
            Self::FeedForward(_) => true,
        }
    }

    /// The models that it reads from the model store.
    pub fn models(&self) -> &'static [ModelName] {
        match self {
            Self::Train(_) => Train::MODELS,
            Self::Optimize(Optimize { init: Init::Arbitrary, .. }) => {
                &[ModelName::Vgg19, ModelName::Arbitrary]
            }
            Self::Optimize(_) | Self::Synthesize(_) => &[ModelName::Vgg19],
            // A network of one's own looks with VGG-19.
            Self::Arbitrary(Arbitrary { own_network: true, .. }) => &[ModelName::Vgg19],
            Self::Arbitrary(_) => &[ModelName::Arbitrary],
            Self::FeedForward(_) => &[],
        }
    }

    /// The parameters that every method has.
    pub fn common(&self) -> &Common {
        match self {
            Self::Optimize(optimize) | Self::Synthesize(optimize) => &optimize.common,
            Self::Arbitrary(arbitrary) => &arbitrary.common,
            Self::FeedForward(feed_forward) => &feed_forward.common,
            Self::Train(train) => train.common(),
        }
    }

    pub fn common_mut(&mut self) -> &mut Common {
        match self {
            Self::Optimize(optimize) | Self::Synthesize(optimize) => &mut optimize.common,
            Self::Arbitrary(arbitrary) => &mut arbitrary.common,
            Self::FeedForward(feed_forward) => &mut feed_forward.common,
            Self::Train(train) => train.common_mut(),
        }
    }

    /// Makes the recipe of one tile that of a whole of tiles, whose longer sides have so many
    /// pixels: strokes and tiles have the same size. The whole does not repeat.
    pub fn spread_over(&mut self, tile: u32, whole: u32) {
        let (tile, whole) = (tile.max(1), whole.max(1));
        let has_size = self.common().style_size.is_some();
        match self {
            // It is one on all of them.
            _ if has_size => {}
            Self::Optimize(Optimize { style_scale, .. })
            | Self::Synthesize(Optimize { style_scale, .. })
            | Self::Arbitrary(Arbitrary { style_scale, .. }) => {
                *style_scale *= tile as f32 / whole as f32;
            }
            Self::FeedForward(_) | Self::Train(_) => {}
        }
        let common = self.common_mut();
        let larger = |size: u32| (u64::from(size) * u64::from(whole)).div_ceil(u64::from(tile));
        common.size = common.size.map(|size| u32::try_from(larger(size)).unwrap_or(u32::MAX));
        common.tileable = Tileable::None;
    }

    /// The same for a model's textures, of which the largest has a longer side of `largest`: a
    /// single one may repeat.
    pub fn spread_over_textures(&mut self, largest: u32, whole: u32) {
        if largest < whole {
            self.spread_over(largest, whole);
        }
    }

    /// The same for the layers of an array, each of which repeats as the recipe says.
    pub fn spread_over_layers(&mut self, layer: u32, whole: u32) {
        let tileable = self.common().tileable;
        self.spread_over(layer, whole);
        self.common_mut().tileable = tileable;
    }

    /// The styles of a network that are named, if the method has one.
    pub fn model_styles(&self) -> &[ModelStyle] {
        match self {
            Self::FeedForward(feed_forward) => &feed_forward.model_styles.0,
            Self::Optimize(_) | Self::Synthesize(_) | Self::Arbitrary(_) | Self::Train(_) => &[],
        }
    }

    /// The initial picture, if the method optimises pixels.
    pub fn init(&self) -> Option<Init> {
        match self {
            Self::Optimize(optimize) | Self::Synthesize(optimize) => Some(optimize.init),
            Self::Arbitrary(_) | Self::FeedForward(_) | Self::Train(_) => None,
        }
    }

    /// By how much a style image of `style` pixels is reduced as soon as it is decoded, for a
    /// result of `result`'s size, both width and height: see [`Optimize::style_reduction`].
    pub fn style_reduction(&self, style: (u32, u32), result: (u32, u32)) -> u32 {
        match self {
            Self::Optimize(optimize) | Self::Synthesize(optimize) => {
                optimize.style_reduction(style, result)
            }
            Self::Arbitrary(arbitrary) => arbitrary.style_reduction(style, result),
            Self::FeedForward(feed_forward) => feed_forward.style_reduction(style, result),
            Self::Train(_) => 1,
        }
    }

    /// The parameters that all methods of one pass have, if it is one.
    pub fn one_pass(&self) -> Option<&OnePass> {
        match self {
            Self::Optimize(_) | Self::Synthesize(_) | Self::Train(_) => None,
            Self::Arbitrary(arbitrary) => Some(&arbitrary.pass),
            Self::FeedForward(feed_forward) => Some(&feed_forward.pass),
        }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        match self {
            Self::Optimize(optimize) => optimize.check(),
            Self::Arbitrary(arbitrary) => arbitrary.check(),
            Self::FeedForward(feed_forward) => feed_forward.check(),
            Self::Train(train) => train.check(),
            Self::Synthesize(optimize) => {
                optimize.check()?;
                let value = match optimize.init {
                    Init::Content => "content",
                    Init::Arbitrary => "arbitrary",
                    Init::Noise | Init::Image => return Ok(()),
                };
                Err(RecipeError {
                    name: "init",
                    value: value.to_owned(),
                    range: "noise or an image where a texture is synthesised",
                })
            }
        }
    }
}

/// `width` by `height` scaled so that the longer side is `side`. The shape stays, up to whole
/// pixels: the shorter side may fall below [`MIN_SIDE`].
fn fit_longer_side(width: u32, height: u32, side: f64) -> (u32, u32) {
    let scale = side / f64::from(width.max(height)).max(1.0);
    let fit = |length: u32| ((f64::from(length) * scale).round() as u32).clamp(1, MAX_SIDE);
    (fit(width), fit(height))
}

/// Whether a parameter has the value that recipes without it stand for.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A value for display: `0.5`, `-1`, `[1.0,1.0]`.
fn shown<T: Serialize + fmt::Debug>(value: &T) -> String {
    match serde_json::to_string(value) {
        // JSON has no NaN and no infinity.
        Ok(text) if text != "null" => text.strip_suffix(".0").unwrap_or(&text).to_owned(),
        Ok(_) | Err(_) => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_json_and_names_its_method() {
        for preset in Preset::ALL {
            let recipe = preset.recipe();
            let text = serde_json::to_string(&recipe).expect("it serialises");
            assert!(text.starts_with(r#"{"method":"optimize","common":{"#), "{text}");
            assert_eq!(serde_json::from_str::<Recipe>(&text).expect("it parses"), recipe);
            let with_more = text.replacen('{', r#"{"sharpness":1,"#, 1);
            let refused = serde_json::from_str::<Recipe>(&with_more).expect_err("unknown field");
            assert!(refused.to_string().contains("sharpness"), "{refused}");
        }
    }

    #[test]
    fn synthesis_cannot_begin_with_content() {
        let recipe = Recipe::Synthesize(Optimize::painterly());
        let error = recipe.check().expect_err("it begins with content");
        assert_eq!(
            error.to_string(),
            "init is content, but has to be noise or an image where a texture is synthesised"
        );
    }
}
