//! One pass through a network for any style: its parameters, and the sizes of style images that
//! they imply.

use serde::{Deserialize, Serialize};

use super::{Common, OnePass, Optimize, OptimizePatch, Preset, is_default};
use crate::RecipeError;

/// Every parameter of [`Method::Arbitrary`](super::Method::Arbitrary).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arbitrary {
    pub common: Common,
    pub pass: OnePass,
    /// The style image's size relative to the result's.
    pub style_scale: f32,
    /// Whether it is painted with a network of the project's own, the action's input
    /// [`Part::Model`](crate::Part::Model), rather than with the networks of the model store.
    #[serde(default, skip_serializing_if = "is_default")]
    pub own_network: bool,
}

/// Width and height in pixels.
type Size = (u32, u32);

impl Arbitrary {
    /// The key that VGG optimisation has as well, beside those of all methods of one pass.
    pub(super) const SHARED_KEY: &'static str = "style_scale";

    /// The network that looks at styles sees a square of so many pixels.
    pub const WINDOW_PX: u32 = 256;

    /// The least that a network of one's own looks at along the longer side of a style.
    pub const LEAST_PX: u32 = 64;

    /// The most squares along each side of a style image that are looked at.
    pub const MOST_WINDOWS: u32 = 4;

    /// A preset's parameters for this method.
    pub fn of(preset: Preset) -> Self {
        let Optimize { common, style_scale, .. } = preset.optimize();
        Self { common, pass: OnePass::of(preset), style_scale, own_network: false }
    }

    /// What an optimisation begins with where its recipe says `init = "arbitrary"`.
    pub fn to_begin(optimize: &Optimize) -> Self {
        let Optimize { common, style_scale, .. } = optimize.clone();
        Self { common, pass: OnePass::to_begin(optimize), style_scale, own_network: false }
    }

    /// Takes over what a patch says of the keys that VGG optimisation has as well.
    pub(super) fn take_shared(&mut self, patch: &OptimizePatch) {
        self.pass.take_shared(patch);
        self.style_scale = patch.style_scale.unwrap_or(self.style_scale);
    }

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.pass.check(&self.common)?;
        Optimize { style_scale: self.style_scale, ..Optimize::painterly() }.check()
    }

    /// The sizes of the scales: see [`OnePass::scales`].
    pub fn scales(&self, width: u32, height: u32) -> Vec<Size> {
        self.pass.scales(width, height, self.common.tileable)
    }

    /// The factor by which a style image of `style` pixels is scaled for a scale of `picture`
    /// pixels, so that its longer side is `style_scale` times the picture's, or the
    /// [window's](Self::WINDOW_PX) where the picture is smaller.
    ///
    /// It is enlarged up to a window's size only: its blur would be learned. A network of one's
    /// own looks at the whole, so for it a window is as small as statistics allow.
    pub fn style_factor(&self, style: Size, picture: Size) -> f64 {
        let longer = |(width, height): Size| f64::from(width.max(height).max(1));
        let window = f64::from(if self.own_network { Self::LEAST_PX } else { Self::WINDOW_PX });
        let wanted = longer(picture).max(window) * f64::from(self.style_scale) / longer(style);
        wanted.min((window / longer(style)).max(1.0))
    }

    /// As [`Optimize::style_reduction`], for a result of `picture`'s size.
    pub fn style_reduction(&self, style: Size, picture: Size) -> u32 {
        // The style is largest at the finest scale.
        Optimize::reduction(style, self.style_factor(style, picture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Arbitrary {
        Arbitrary::of(Preset::Painterly)
    }

    #[test]
    fn styles_are_as_large_as_the_picture_and_never_blurred() {
        let check = |style: Size, picture: Size, scale: f32, expected: f64| {
            let recipe = Arbitrary { style_scale: scale, ..recipe() };
            assert_eq!(recipe.style_factor(style, picture), expected, "{style:?} {picture:?}");
        };
        check((1024, 512), (512, 512), 1.0, 0.5);
        check((1024, 512), (512, 512), 0.5, 0.25);
        check((1024, 512), (128, 128), 1.0, 0.25);
        check((512, 512), (2048, 64), 1.0, 1.0);
        check((64, 64), (512, 512), 1.0, 4.0);
        let own = Arbitrary { own_network: true, ..recipe() };
        for (style, picture, expected) in [
            ((1024, 512), (512, 512), 0.5),
            ((1024, 512), (128, 128), 0.125),
            ((1024, 512), (16, 16), 0.0625),
            ((64, 64), (512, 512), 1.0),
            ((32, 32), (512, 512), 2.0),
        ] {
            assert_eq!(own.style_factor(style, picture), expected, "{style:?} {picture:?}");
        }
    }

    #[test]
    fn every_parameter_is_checked() {
        let bad = Arbitrary { style_scale: 0.0, ..recipe() };
        let error = bad.check().expect_err("it is out of range");
        assert!(error.to_string().starts_with("style_scale is 0, but has to be"), "{error}");
        let bad = Arbitrary { pass: OnePass { values: 2.0, ..recipe().pass }, ..recipe() };
        assert_eq!(bad.check().map_err(|error| error.name), Err("values"));
    }
}
