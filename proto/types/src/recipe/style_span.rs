//! How large a style is on the surface that it is painted on, whatever the size of its picture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::optimize::{LEAST_STYLE_SCALE, MOST_STYLE_SCALE};
use super::{Arbitrary, Optimize, Recipe};

/// What a style image's longer side covers: so many pixels of the result, or so many metres of the
/// surface that it shows. Written as `1024px` or `1.5m`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StyleSpan {
    Pixels(f32),
    Metres(f32),
}

impl StyleSpan {
    const LEAST_PX: f32 = 1.0;
    const LEAST_M: f32 = 0.0001;
    /// Of either.
    const MOST: f32 = 1e6;

    /// The pixels of a result that it covers. `texels_per_m` is how many of its pixels a metre of
    /// the surface has.
    ///
    /// # Errors
    /// If nothing says that, and it would have to be known.
    pub fn pixels(self, texels_per_m: Option<f64>) -> Result<f64, NoDensity> {
        match self {
            Self::Pixels(pixels) => Ok(f64::from(pixels)),
            Self::Metres(metres) => Ok(f64::from(metres) * texels_per_m.ok_or(NoDensity)?),
        }
    }
}

/// A style's size is in metres, and nothing says how large the surface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "has a `style_size` in metres, but nothing says how many texels a metre has: give \
     `texel_density`, or a model that shows it, as `mesh`"
)]
pub struct NoDensity;

/// A text that is no size of a style.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no size of a style: give pixels or metres, as in \"1024px\" or \"1.5m\"")]
pub struct StyleSpanError(String);

impl fmt::Display for StyleSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels(pixels) => write!(f, "{pixels}px"),
            Self::Metres(metres) => write!(f, "{metres}m"),
        }
    }
}

impl FromStr for StyleSpan {
    type Err = StyleSpanError;

    fn from_str(text: &str) -> Result<Self, StyleSpanError> {
        let number = |number: &str, least: f32| {
            let number = number.trim_end().parse().ok();
            number.filter(|number| (least..=Self::MOST).contains(number))
        };
        let pixels = text.strip_suffix("px").map(|text| number(text, Self::LEAST_PX));
        let metres = || text.strip_suffix('m').map(|text| number(text, Self::LEAST_M));
        let span = match pixels {
            Some(pixels) => pixels.map(Self::Pixels),
            None => metres().flatten().map(Self::Metres),
        };
        span.ok_or_else(|| StyleSpanError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for StyleSpan {
    type Error = StyleSpanError;

    fn try_from(text: String) -> Result<Self, StyleSpanError> {
        text.parse()
    }
}

impl From<StyleSpan> for String {
    fn from(span: StyleSpan) -> Self {
        span.to_string()
    }
}

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
    use crate::{FeedForward, Preset};

    #[test]
    fn sizes_have_one_text_and_others_are_refused() {
        for (text, shown, expected) in [
            ("1024px", "1024px", StyleSpan::Pixels(1024.0)),
            ("0.50 m", "0.5m", StyleSpan::Metres(0.5)),
            ("2m", "2m", StyleSpan::Metres(2.0)),
        ] {
            let span: StyleSpan = text.parse().expect(text);
            assert_eq!((span, span.to_string().as_str()), (expected, shown));
        }
        for text in ["", "2", "m", "px", "2cm", "-2m", "0m", "0.5px", "1e9m", "NaNm", "infpx"] {
            let error = text.parse::<StyleSpan>().expect_err(text).to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

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
