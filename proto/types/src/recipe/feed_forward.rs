//! One pass through a network that has learned its styles: its parameters.

use serde::{Deserialize, Serialize};

use super::{Common, ModelStyles, OnePass, Optimize, Preset, is_default};
use crate::RecipeError;

/// Every parameter of [`Method::FeedForward`](super::Method::FeedForward).
///
/// The network itself is an input of the action, [`Part::Model`](crate::Part::Model). Which of its
/// styles are painted is said by their names, or by the action's style images, by their digests:
/// these are not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedForward {
    pub common: Common,
    pub pass: OnePass,
    #[serde(default, skip_serializing_if = "is_default")]
    pub model_styles: ModelStyles,
}

impl FeedForward {
    /// A preset's parameters for this method. The network has learned the style's colours, so
    /// the asset is not given them first.
    pub fn of(preset: Preset) -> Self {
        let common = Common { palette: 0.0, ..preset.optimize().common };
        Self { common, pass: OnePass::of(preset), model_styles: ModelStyles::default() }
    }

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.pass.check(&self.common)?;
        self.model_styles.check()
    }

    /// The sizes of the scales: see [`OnePass::scales`].
    pub fn scales(&self, width: u32, height: u32) -> Vec<(u32, u32)> {
        self.pass.scales(width, height, self.common.tileable)
    }

    /// As [`Optimize::style_reduction`], for a result of `picture`'s size: only colours are taken
    /// of a style image.
    pub fn style_reduction(&self, style: (u32, u32), picture: (u32, u32)) -> u32 {
        let longer = |(width, height): (u32, u32)| f64::from(width.max(height).max(1));
        Optimize::reduction(style, (longer(picture) / longer(style)).min(1.0))
    }
}
