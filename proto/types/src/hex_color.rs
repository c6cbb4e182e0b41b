//! Colours that users name: those of ID maps, and colour keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A colour as a file encodes it, in levels of 255: red, green and blue. Its text is that of HTML:
/// `#ff8000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HexColor(pub [u8; 3]);

/// A text that is no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no colour: write it as in \"#ff8000\"")]
pub struct HexColorError(String);

impl HexColor {
    /// The largest difference of a channel.
    pub fn distance(self, other: Self) -> u8 {
        let channels = self.0.into_iter().zip(other.0);
        channels.map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0)
    }
}

impl fmt::Display for HexColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for HexColor {
    type Err = HexColorError;

    /// Digits above 9 may be written in upper or lower case.
    fn from_str(text: &str) -> Result<Self, HexColorError> {
        let wrong = || HexColorError(text.chars().take(40).collect());
        let digits = text.strip_prefix('#').ok_or_else(wrong)?;
        if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for HexColor {
    type Error = HexColorError;

    fn try_from(text: String) -> Result<Self, HexColorError> {
        text.parse()
    }
}

impl From<HexColor> for String {
    fn from(color: HexColor) -> Self {
        color.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_one_text_and_others_are_refused() {
        let color: HexColor = "#FF8000".parse().expect("a colour");
        assert_eq!((color.to_string().as_str(), color.0), ("#ff8000", [255, 128, 0]));
        for text in ["ff8000", "#ff800", "#ff80000", "#gg8000", "#+f8000", "", "#", "red"] {
            let error = text.parse::<HexColor>().expect_err(text).to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        let distance = HexColor([10, 20, 30]).distance(HexColor([12, 15, 30]));
        assert_eq!(distance, 5);
    }
}
