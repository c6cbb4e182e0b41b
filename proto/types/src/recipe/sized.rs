//! Recipes for a result of a known size, where the style's is said on the surface.

use super::optimize::{LEAST_STYLE_SCALE, MOST_STYLE_SCALE};
use super::style_span::NoDensity;
use super::{Arbitrary, Optimize, Recipe};

impl Recipe {
    /// The same recipe with the `style_scale` that its `style_size` means for a result whose longer
    /// side has so many pixels; times its own. None if it says no size, or its strokes have one of
    /// their own. `texels_per_m` counts the result's.
    ///
    /// # Errors
    /// [`NoDensity`].
    pub fn with_style_size(
        &self,
        result_px: u32,
        texels_per_m: Option<f64>,
    ) -> Result<Option<Self>, NoDensity> {
        let Some(span) = self.common().style_size else { return Ok(None) };
        let mut recipe = self.clone();
        let (style_scale, side) = match &mut recipe {
            Self::Optimize(Optimize { style_scale, .. })
            | Self::Synthesize(Optimize { style_scale, .. }) => (style_scale, result_px),
            Self::Arbitrary(Arbitrary { style_scale, .. }) => {
                (style_scale, result_px.max(Arbitrary::WINDOW_PX))
            }
            Self::FeedForward(_) | Self::Train(_) => return Ok(None),
        };
        let scale = span.pixels(texels_per_m)? / f64::from(side.max(1));
        *style_scale = (*style_scale * scale as f32).clamp(LEAST_STYLE_SCALE, MOST_STYLE_SCALE);
        recipe.common_mut().style_size = None;
        Ok(Some(recipe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeedForward, Preset, StyleSpan};

    #[test]
    fn a_style_is_as_large_on_every_picture() {
        let scale = |recipe: &Recipe, side: u32, density: Option<f64>| {
            let sized = recipe.with_style_size(side, density)?;
            Ok(sized.map(|recipe| match recipe {
                Recipe::Optimize(optimize) => f64::from(optimize.style_scale) * f64::from(side),
                Recipe::Arbitrary(arbitrary) => {
                    f64::from(arbitrary.style_scale) * f64::from(side.max(256))
                }
                other => panic!("{other:?}"),
            }))
        };
        let optimize = Preset::Texture.recipe();
        let arbitrary = Recipe::Arbitrary(Arbitrary::of(Preset::Texture));
        for mut recipe in [optimize, arbitrary] {
            assert_eq!(scale(&recipe, 64, None), Ok(None));
            recipe.common_mut().style_size = Some(StyleSpan::Pixels(1024.0));
            for side in [128, 512, 4096] {
                assert_eq!(scale(&recipe, side, None), Ok(Some(1024.0)), "{side}");
            }
            recipe.common_mut().style_size = Some(StyleSpan::Metres(2.0));
            assert_eq!(scale(&recipe, 512, None), Err(NoDensity));
            assert_eq!(scale(&recipe, 512, Some(256.0)), Ok(Some(512.0)));
        }
        let mut learned = Recipe::FeedForward(FeedForward::of(Preset::Texture));
        learned.common_mut().style_size = Some(StyleSpan::Metres(2.0));
        assert_eq!(learned.with_style_size(512, None), Ok(None));
    }
}
