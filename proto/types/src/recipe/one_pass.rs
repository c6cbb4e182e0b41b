//! One pass through a network: the parameters that all such methods have, and the scales that they
//! imply.

use super::parameters::parameters;
use super::{Common, Optimize, OptimizePatch, Preset, Tileable};
use crate::{MIN_SIDE, RecipeError};

parameters! {
    /// The parameters of methods that paint in one pass.
    ///
    /// Those that VGG optimisation has as well have its keys, ranges and meanings there.
    struct OnePass {
        /// The longer side in pixels of the coarsest scale; 0 uses only the final size.
        min_scale: u32;
        /// The share of the asset's fine detail that each larger scale begins with.
        detail: f32;
        /// How far the asset's light and dark are held.
        values: f32;
        /// How far patches of stray colour are evened out.
        evenness: f32;
    }
    /// Changes to the parameters that only methods of one pass have; `None` leaves a value as it
    /// was.
    struct OnePassPatch {
        /// How much of the style is taken in one pass, 0 to 1; at 0 the asset is left.
        ///
        /// Only for `method = "arbitrary"` and `method = "feedforward"`.
        #[arg(value_name = "SHARE")]
        strength: f32 as f32, "from 0 to 1" |share| (0.0..=1.0).contains(share);
    }
}

/// Width and height in pixels.
type Size = (u32, u32);

impl OnePass {
    /// The keys that VGG optimisation has as well.
    pub(super) const SHARED_KEYS: [&'static str; 4] = ["min_scale", "detail", "values", "evenness"];

    /// Sides of coarse scales that repeat are multiples of this: as the network halves them.
    const SIDE_MULTIPLE: u32 = 4;

    /// A preset's parameters.
    ///
    /// A network has learned strokes of one size in pixels, and so has to begin with a small
    /// picture where that is large: each scale adds finer ones.
    pub fn of(preset: Preset) -> Self {
        let Optimize { detail, values, evenness, .. } = preset.optimize();
        Self { min_scale: 512, detail, values, evenness, strength: 1.0 }
    }

    /// What an optimisation begins with: see [`Arbitrary::to_begin`](super::Arbitrary::to_begin).
    pub(super) fn to_begin(optimize: &Optimize) -> Self {
        let Optimize { detail, values, evenness, .. } = *optimize;
        Self { detail, values, evenness, ..Self::of(Preset::Painterly) }
    }

    /// Takes over what a patch says of the keys that VGG optimisation has as well.
    pub(super) fn take_shared(&mut self, patch: &OptimizePatch) {
        let mut shared = self.shared();
        patch.apply(&mut shared);
        let Optimize { min_scale, detail, values, evenness, .. } = shared;
        *self = Self { min_scale, detail, values, evenness, ..*self };
    }

    /// An optimisation with the same values of the keys that both have.
    fn shared(&self) -> Optimize {
        let Self { min_scale, detail, values, evenness, .. } = *self;
        Optimize { min_scale, detail, values, evenness, ..Optimize::painterly() }
    }

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub(super) fn check(&self, common: &Common) -> Result<(), RecipeError> {
        Optimize { common: common.clone(), ..self.shared() }.check()?;
        self.check_ranges()
    }

    /// The sizes of the scales for a result of `width` by `height` pixels, coarsest first; the last
    /// one is that size. Each is half as large as the next.
    pub fn scales(&self, width: u32, height: u32, tileable: Tileable) -> Vec<Size> {
        let (x, y) = (tileable.wraps_x(), tileable.wraps_y());
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_pass() -> OnePass {
        OnePass::of(Preset::Painterly)
    }

    #[test]
    fn scales_halve_down_to_the_coarsest() {
        let check = |size: Size, min_scale: u32, expected: &[Size]| {
            let own = OnePass { min_scale, ..one_pass() };
            let scales = own.scales(size.0, size.1, Tileable::None);
            assert_eq!(scales, expected, "{size:?} from {min_scale}");
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
        let own = OnePass { min_scale: 16, ..one_pass() };
        assert_eq!(own.scales(90, 90, Tileable::X), [(24, 23), (48, 45), (90, 90)]);
    }

    #[test]
    fn shared_keys_are_in_the_same_ranges() {
        let common = Optimize::painterly().common;
        let check = |bad: OnePass, expected: &str| {
            let error = bad.check(&common).expect_err("it is out of range");
            assert_eq!(error.to_string(), expected);
        };
        let detail = OnePass { detail: 2.0, ..one_pass() };
        check(detail, "detail is 2, but has to be from 0 to 1");
        let strength = OnePass { strength: -0.5, ..one_pass() };
        check(strength, "strength is -0.5, but has to be from 0 to 1");
    }
}
