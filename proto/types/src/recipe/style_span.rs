//! How large a style is on the surface that it is painted on, whatever the size of its picture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

    /// The same where a result is so many times as large: metres stay what they are.
    pub(super) fn seen(self, by: f32) -> Self {
        match self {
            Self::Pixels(pixels) => Self::Pixels((pixels * by).clamp(Self::LEAST_PX, Self::MOST)),
            Self::Metres(metres) => Self::Metres(metres),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_shrink_with_a_result_and_metres_do_not() {
        assert_eq!(StyleSpan::Pixels(64.0).seen(0.25), StyleSpan::Pixels(16.0));
        assert_eq!(StyleSpan::Pixels(2.0).seen(0.25), StyleSpan::Pixels(1.0));
        assert_eq!(StyleSpan::Metres(2.0).seen(0.25), StyleSpan::Metres(2.0));
    }

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
}
