//! One pass through a network for any style: its parameters, and the scales and the sizes of style
//! images that they imply.

use super::parameters::parameters;
use super::{Common, Optimize, OptimizePatch, Preset};
use crate::{MIN_SIDE, RecipeError};

parameters! {
    /// Every parameter of [`Method::Arbitrary`](super::Method::Arbitrary).
    ///
    /// Those that VGG optimisation has as well have its keys, ranges and meanings there.
    struct Arbitrary {
        common: Common;
        /// The longer side in pixels of the coarsest scale; 0 uses only the final size.
        min_scale: u32;
        /// The share of the asset's fine detail that each larger scale begins with.
        detail: f32;
        /// How far the asset's light and dark are held.
        values: f32;
        /// How far patches of stray colour are evened out.
        evenness: f32;
        /// The style image's size relative to the result's.
        style_scale: f32;
    }
    /// Changes to the parameters that only [`Arbitrary`] has; `None` leaves a value as it was.
    struct ArbitraryPatch {
        /// How much of the style is taken in one pass, 0 to 1; at 0 the asset's own is.
        ///
        /// Only for `method = "arbitrary"`.
        #[arg(value_name = "SHARE")]
        strength: f32 as f32, "from 0 to 1" |share| (0.0..=1.0).contains(share);
    }
}

/// Width and height in pixels.
type Size = (u32, u32);

impl Arbitrary {
    /// The keys that VGG optimisation has as well.
    pub(super) const SHARED_KEYS: [&'static str; 5] =
        ["min_scale", "detail", "values", "evenness", "style_scale"];

    /// The network that looks at styles sees a square of so many pixels.
    pub const WINDOW_PX: u32 = 256;

    /// The most squares along each side of a style image that are looked at.
    pub const MOST_WINDOWS: u32 = 4;

    /// Sides of coarse scales that repeat are multiples of this: as the network halves them.
    const SIDE_MULTIPLE: u32 = 4;

    /// A preset's parameters for this method.
    ///
    /// The network has learned strokes of one size in pixels, and so has to begin with a small
    /// picture where that is large: each scale adds finer ones.
    pub fn of(preset: Preset) -> Self {
        let Optimize { common, detail, values, evenness, style_scale, .. } = preset.optimize();
        Self { common, min_scale: 512, detail, values, evenness, style_scale, strength: 1.0 }
    }

    /// Takes over what a patch says of the keys that VGG optimisation has as well.
    pub(super) fn take_shared(&mut self, patch: &OptimizePatch) {
        let mut shared = self.shared();
        patch.apply(&mut shared);
        let Optimize { min_scale, detail, values, evenness, style_scale, .. } = shared;
        *self = Self { min_scale, detail, values, evenness, style_scale, ..self.clone() };
    }

    /// An optimisation with the same values of the keys that both have.
    fn shared(&self) -> Optimize {
        let Self { common, min_scale, detail, values, evenness, style_scale, .. } = self.clone();
        let painterly = Optimize::painterly();
        Optimize { common, min_scale, detail, values, evenness, style_scale, ..painterly }
    }

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.shared().check()?;
        self.check_ranges()
    }

    /// The sizes of the scales for a result of `width` by `height` pixels, coarsest first; the last
    /// one is that size. Each is half as large as the next.
    pub fn scales(&self, width: u32, height: u32) -> Vec<Size> {
        let (x, y) = (self.common.tileable.wraps_x(), self.common.tileable.wraps_y());
        let half = |side: u32, repeats: bool| {
            let half = side.div_ceil(2);
            if repeats { half.next_multiple_of(Self::SIDE_MULTIPLE).min(side) } else { half }
        };
        let mut sizes = vec![(width, height)];
        while let Some(&(width, height)) = sizes.last() {
            let (wide, high) = (half(width, x), half(height, y));
            let is_coarse = self.min_scale > 0 && wide.max(high) >= self.min_scale;
            if !is_coarse || wide.min(high) < MIN_SIDE || (wide, high) == (width, height) {
                break;
            }
            sizes.push((wide, high));
        }
        sizes.reverse();
        sizes
    }

    /// The factor by which a style image of `style` pixels is scaled for a scale of `picture`
    /// pixels, so that its longer side is `style_scale` times the picture's, or the
    /// [window's](Self::WINDOW_PX) where the picture is smaller.
    ///
    /// It is enlarged up to a window's size only: its blur would be learned.
    pub fn style_factor(&self, style: Size, picture: Size) -> f64 {
        let longer = |(width, height): Size| f64::from(width.max(height).max(1));
        let window = f64::from(Self::WINDOW_PX);
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
    use super::super::Tileable;
    use super::*;

    fn recipe() -> Arbitrary {
        Arbitrary::of(Preset::Painterly)
    }

    #[test]
    fn scales_halve_down_to_the_coarsest() {
        let check = |size: Size, min_scale: u32, expected: &[Size]| {
            let recipe = Arbitrary { min_scale, ..recipe() };
            assert_eq!(recipe.scales(size.0, size.1), expected, "{size:?} from {min_scale}");
        };
        check((128, 128), 512, &[(128, 128)]);
        check((1000, 600), 512, &[(1000, 600)]);
        check((1024, 600), 512, &[(512, 300), (1024, 600)]);
        check((2047, 33), 512, &[(1024, 17), (2047, 33)]);
        check((4096, 4096), 0, &[(4096, 4096)]);
        check((64, 64), 16, &[(16, 16), (32, 32), (64, 64)]);
    }

    #[test]
    fn sides_that_repeat_are_multiples_of_four() {
        let mut recipe = Arbitrary { min_scale: 16, ..recipe() };
        recipe.common.tileable = Tileable::X;
        assert_eq!(recipe.scales(90, 90), [(24, 23), (48, 45), (90, 90)]);
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
    }

    #[test]
    fn shared_keys_are_in_the_same_ranges() {
        let bad = Arbitrary { detail: 2.0, ..recipe() };
        let error = bad.check().expect_err("it is out of range");
        assert_eq!(error.to_string(), "detail is 2, but has to be from 0 to 1");
        let bad = Arbitrary { strength: -0.5, ..recipe() };
        let error = bad.check().expect_err("it is out of range");
        assert_eq!(error.to_string(), "strength is -0.5, but has to be from 0 to 1");
    }
}
