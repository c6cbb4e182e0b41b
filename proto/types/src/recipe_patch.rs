//! Presets, and the changes that a manifest or a command line makes to them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Init, LossNorm, Method, Optimizer, Padding, Pooling, PreserveColor, Profile, Recipe,
    STYLE_LAYERS, Tileable,
};

/// A named recipe to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The best picture for photographs, paintings and other scenes.
    Painterly,
    /// For surfaces that tile: bricks, rock, cloth. Every joint and crack stays.
    Texture,
    /// The paper's loss, to compare with other programs.
    Gatys,
}

impl Preset {
    pub const ALL: [Self; 3] = [Self::Painterly, Self::Texture, Self::Gatys];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Painterly => "painterly",
            Self::Texture => "texture",
            Self::Gatys => "gatys",
        }
    }

    /// The preset's parameters.
    pub fn recipe(self) -> Recipe {
        let painterly = Recipe {
            method: Method::Optimize,
            size: None,
            iterations: 12,
            coarse_iterations: 40,
            plateau: 0.01,
            min_scale: 128,
            scale_factor: 2.0,
            content_weight: 1.0,
            style_weight: 2.0,
            stats_weight: 1.0,
            tv_weight: 0.0,
            style_layers: [1.0; STYLE_LAYERS],
            style_scale: 1.0,
            loss_norm: LossNorm::Relative,
            pooling: Pooling::Max,
            padding: Padding::Ring,
            optimizer: Optimizer::Lbfgs,
            learning_rate: 1.0,
            history: 8,
            averaging: 0.92,
            init: Init::Content,
            preserve_color: PreserveColor::None,
            palette: 0.3,
            tileable: Tileable::None,
            profile: Profile::Fast,
            seed: 0,
        };
        match self {
            Self::Painterly => painterly,
            // Average pooling keeps the edges of small forms; the palette comes first, since
            // strokes alone leave patches of the old colours. Adam moves all pixels alike: L-BFGS
            // would settle the style's light and dark in large blots, which a repeat shows.
            Self::Texture => Recipe {
                iterations: 14,
                coarse_iterations: 45,
                style_weight: 1.5,
                loss_norm: LossNorm::Variance,
                palette: 1.0,
                pooling: Pooling::Average,
                optimizer: Optimizer::Adam,
                ..painterly
            },
            Self::Gatys => Recipe {
                iterations: 300,
                coarse_iterations: 300,
                min_scale: 0,
                content_weight: 0.01,
                style_weight: 10.0,
                stats_weight: 0.0,
                loss_norm: LossNorm::Absolute,
                pooling: Pooling::Max,
                padding: Padding::Zero,
                history: 20,
                plateau: 0.0,
                palette: 0.0,
                ..painterly
            },
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Changes to a recipe: what a manifest's table or a command's flags say. What is `None` stays as
/// it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(deny_unknown_fields, default)]
pub struct RecipePatch {
    /// The recipe to start from
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// How the picture is made
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The result's longer side in pixels [default: the asset's own]
    #[cfg_attr(feature = "clap", arg(long, value_name = "PIXELS"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// Optimiser steps at the finest scale
    #[cfg_attr(feature = "clap", arg(long, value_name = "N"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u32>,
    /// Optimiser steps at the coarsest scale
    #[cfg_attr(feature = "clap", arg(long, value_name = "N"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coarse_iterations: Option<u32>,
    /// End a scale early where the loss fell by less than this share over ten steps; 0 never
    #[cfg_attr(feature = "clap", arg(long, value_name = "SHARE"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plateau: Option<f32>,
    /// The longer side at which coarse to fine begins; 0 works at the final size alone
    #[cfg_attr(feature = "clap", arg(long, value_name = "PIXELS"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_scale: Option<u32>,
    /// The ratio of one scale's side to the next coarser one's
    #[cfg_attr(feature = "clap", arg(long, value_name = "RATIO"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_factor: Option<f32>,
    /// How strongly the asset's own forms hold
    #[cfg_attr(feature = "clap", arg(long, value_name = "W"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_weight: Option<f32>,
    /// How strongly the style's strokes and colours press
    #[cfg_attr(feature = "clap", arg(long, value_name = "W"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style_weight: Option<f32>,
    /// The weight of channel means and deviations beside the Gram matrices
    #[cfg_attr(feature = "clap", arg(long, value_name = "W"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats_weight: Option<f32>,
    /// The weight of total variation: smooths speckles, blurs when large
    #[cfg_attr(feature = "clap", arg(long, value_name = "W"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tv_weight: Option<f32>,
    /// Weights of relu1_1,..,relu5_1 in the style loss: early is fine texture, late is large motifs
    #[cfg_attr(feature = "clap", arg(long, value_name = "W,W,W,W,W", value_parser = parse_layers))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style_layers: Option<[f32; STYLE_LAYERS]>,
    /// The style image's size relative to the result's: larger means larger strokes
    #[cfg_attr(feature = "clap", arg(long, value_name = "RATIO"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style_scale: Option<f32>,
    /// What the loss terms are divided by
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_norm: Option<LossNorm>,
    /// How VGG halves its feature maps
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// What lies beyond the border of a picture that does not tile
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// What moves the pixels
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
    /// The factor of the optimiser's own step; Adam's is five levels of 0 to 255
    #[cfg_attr(feature = "clap", arg(long, value_name = "FACTOR"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f32>,
    /// How many steps L-BFGS remembers
    #[cfg_attr(feature = "clap", arg(long, value_name = "N"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<u32>,
    /// The decay with which Adam's iterates are averaged; 0 takes the last
    #[cfg_attr(feature = "clap", arg(long, value_name = "DECAY"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub averaging: Option<f32>,
    /// What the optimisation begins with: content, noise or a picture's path
    #[cfg_attr(feature = "clap", arg(long, value_name = "content|noise|IMAGE"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<InitSource>,
    /// Keep the asset's colours
    #[cfg_attr(feature = "clap", arg(long, value_enum, num_args = 0..=1, default_missing_value = "statistics"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_color: Option<PreserveColor>,
    /// How far the asset takes on the style's palette before it is painted, 0 to 1
    #[cfg_attr(feature = "clap", arg(long, value_name = "SHARE"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub palette: Option<f32>,
    /// The axes along which the result joins itself without a seam
    #[cfg_attr(feature = "clap", arg(long, value_enum, num_args = 0..=1, default_missing_value = "both"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tileable: Option<Tileable>,
    /// Which arithmetic the pass uses
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Seeds the noise of `init = "noise"`
    #[cfg_attr(feature = "clap", arg(long, value_name = "N"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Where the optimisation's first picture comes from; an image is named by its path, for the caller
/// to resolve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum InitSource {
    Content,
    Noise,
    Image(String),
}

impl From<String> for InitSource {
    fn from(text: String) -> Self {
        match text.as_str() {
            "content" => Self::Content,
            "noise" => Self::Noise,
            _ => Self::Image(text),
        }
    }
}

impl From<InitSource> for String {
    fn from(source: InitSource) -> Self {
        match source {
            InitSource::Content => "content".to_owned(),
            InitSource::Noise => "noise".to_owned(),
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

impl RecipePatch {
    /// Every key that a manifest's table may have, in the order of the fields.
    pub const KEYS: [&'static str; 27] = [
        "preset",
        "method",
        "size",
        "iterations",
        "coarse_iterations",
        "plateau",
        "min_scale",
        "scale_factor",
        "content_weight",
        "style_weight",
        "stats_weight",
        "tv_weight",
        "style_layers",
        "style_scale",
        "loss_norm",
        "pooling",
        "padding",
        "optimizer",
        "learning_rate",
        "history",
        "averaging",
        "init",
        "preserve_color",
        "palette",
        "tileable",
        "profile",
        "seed",
    ];

    /// This patch with `over` laid on top of it: where both say something, `over` is right.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        Self {
            preset: over.preset.or(self.preset),
            method: over.method.or(self.method),
            size: over.size.or(self.size),
            iterations: over.iterations.or(self.iterations),
            coarse_iterations: over.coarse_iterations.or(self.coarse_iterations),
            plateau: over.plateau.or(self.plateau),
            min_scale: over.min_scale.or(self.min_scale),
            scale_factor: over.scale_factor.or(self.scale_factor),
            content_weight: over.content_weight.or(self.content_weight),
            style_weight: over.style_weight.or(self.style_weight),
            stats_weight: over.stats_weight.or(self.stats_weight),
            tv_weight: over.tv_weight.or(self.tv_weight),
            style_layers: over.style_layers.or(self.style_layers),
            style_scale: over.style_scale.or(self.style_scale),
            loss_norm: over.loss_norm.or(self.loss_norm),
            pooling: over.pooling.or(self.pooling),
            padding: over.padding.or(self.padding),
            optimizer: over.optimizer.or(self.optimizer),
            learning_rate: over.learning_rate.or(self.learning_rate),
            history: over.history.or(self.history),
            averaging: over.averaging.or(self.averaging),
            init: over.init.clone().or_else(|| self.init.clone()),
            preserve_color: over.preserve_color.or(self.preserve_color),
            palette: over.palette.or(self.palette),
            tileable: over.tileable.or(self.tileable),
            profile: over.profile.or(self.profile),
            seed: over.seed.or(self.seed),
        }
    }

    /// The recipe that results: the preset (`painterly` where none is named) with every change
    /// made. Its ranges are not checked yet.
    pub fn resolve(&self) -> Recipe {
        let base = self.preset.unwrap_or(Preset::Painterly).recipe();
        let method = self.method.unwrap_or(base.method);
        // Synthesis has no content to begin with, so its own default is noise.
        let default_init = if method == Method::Synthesize { Init::Noise } else { base.init };
        Recipe {
            method,
            size: self.size.or(base.size),
            iterations: self.iterations.unwrap_or(base.iterations),
            coarse_iterations: self.coarse_iterations.unwrap_or(base.coarse_iterations),
            min_scale: self.min_scale.unwrap_or(base.min_scale),
            scale_factor: self.scale_factor.unwrap_or(base.scale_factor),
            content_weight: self.content_weight.unwrap_or(base.content_weight),
            style_weight: self.style_weight.unwrap_or(base.style_weight),
            stats_weight: self.stats_weight.unwrap_or(base.stats_weight),
            tv_weight: self.tv_weight.unwrap_or(base.tv_weight),
            style_layers: self.style_layers.unwrap_or(base.style_layers),
            style_scale: self.style_scale.unwrap_or(base.style_scale),
            loss_norm: self.loss_norm.unwrap_or(base.loss_norm),
            pooling: self.pooling.unwrap_or(base.pooling),
            padding: self.padding.unwrap_or(base.padding),
            optimizer: self.optimizer.unwrap_or(base.optimizer),
            learning_rate: self.learning_rate.unwrap_or(base.learning_rate),
            history: self.history.unwrap_or(base.history),
            averaging: self.averaging.unwrap_or(base.averaging),
            init: match self.init {
                None => default_init,
                Some(InitSource::Content) => Init::Content,
                Some(InitSource::Noise) => Init::Noise,
                Some(InitSource::Image(_)) => Init::Image,
            },
            preserve_color: self.preserve_color.unwrap_or(base.preserve_color),
            palette: self.palette.unwrap_or(base.palette),
            plateau: self.plateau.unwrap_or(base.plateau),
            tileable: self.tileable.unwrap_or(base.tileable),
            profile: self.profile.unwrap_or(base.profile),
            seed: self.seed.unwrap_or(base.seed),
        }
    }
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
    fn the_keys_are_the_fields() {
        let all = RecipePatch {
            init: Some(InitSource::Noise),
            ..serde_json::from_str("{}").expect("an empty patch")
        };
        assert_eq!(
            serde_json::to_value(&all).expect("it serialises"),
            serde_json::json!({ "init": "noise" })
        );
        for key in RecipePatch::KEYS {
            let refused = serde_json::from_value::<RecipePatch>(
                serde_json::json!({ key: { "no": "value" } }),
            )
            .expect_err("no key takes a table")
            .to_string();
            assert!(!refused.contains("unknown field"), "{key}: {refused}");
        }
        let refused =
            serde_json::from_str::<RecipePatch>(r#"{"x":1}"#).expect_err("x is no key").to_string();
        assert_eq!(refused.matches('`').count() / 2 - 1, RecipePatch::KEYS.len(), "{refused}");
    }

    #[test]
    fn what_is_laid_on_top_wins() {
        let below = RecipePatch { size: Some(256), iterations: Some(7), ..RecipePatch::default() };
        let over =
            RecipePatch { size: Some(512), preset: Some(Preset::Gatys), ..RecipePatch::default() };
        let recipe = below.overlaid(&over).resolve();
        assert_eq!(
            (recipe.size, recipe.iterations, recipe.optimizer),
            (Some(512), 7, Optimizer::Lbfgs)
        );
    }
}
