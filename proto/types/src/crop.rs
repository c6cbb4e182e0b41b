//! What is cut off the sides of a picture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MIN_SIDE;

/// Pixels that are cut off each side of an upright picture.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    #[serde(skip_serializing_if = "is_zero")]
    pub left: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub top: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub right: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub bottom: u32,
}

/// A crop that leaves too little of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "crop {crop} leaves {} of {width} x {height} pixels; at least {MIN_SIDE} have to remain on \
     each side",
    left(*crop, *width, *height)
)]
pub struct CropError {
    pub crop: Crop,
    pub width: u32,
    pub height: u32,
}

impl Crop {
    /// The same on every side.
    pub fn all(pixels: u32) -> Self {
        Self { left: pixels, top: pixels, right: pixels, bottom: pixels }
    }

    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// What is left of a picture of `width` by `height` pixels.
    ///
    /// # Errors
    /// Fewer than [`MIN_SIDE`] pixels remain on a side.
    pub fn remaining(self, width: u32, height: u32) -> Result<(u32, u32), CropError> {
        let rest = |side: u32, before: u32, after: u32| {
            side.checked_sub(before)?.checked_sub(after).filter(|rest| *rest >= MIN_SIDE)
        };
        rest(width, self.left, self.right)
            .zip(rest(height, self.top, self.bottom))
            .ok_or(CropError { crop: self, width, height })
    }
}

fn is_zero(pixels: &u32) -> bool {
    *pixels == 0
}

/// `12 x 40`, or `nothing`.
fn left(crop: Crop, width: u32, height: u32) -> String {
    let rest =
        |side: u32, before: u32, after: u32| side.saturating_sub(before.saturating_add(after));
    match (rest(width, crop.left, crop.right), rest(height, crop.top, crop.bottom)) {
        (0, _) | (_, 0) => "nothing".to_owned(),
        (width, height) => format!("{width} x {height}"),
    }
}

/// As in a manifest: `32`, or `{ left = 0, top = 40, right = 0, bottom = 40 }`.
impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, top, right, bottom } = self;
        if *self == Self::all(*left) {
            return write!(f, "{left}");
        }
        write!(f, "{{ left = {left}, top = {top}, right = {right}, bottom = {bottom} }}")
    }
}

impl FromStr for Crop {
    type Err = String;

    /// `32`, or `0,40,0,40` for left, top, right and bottom.
    fn from_str(text: &str) -> Result<Self, String> {
        let pixels = |text: &str| {
            text.trim().parse::<u32>().map_err(|_| format!("`{text}` is not a number of pixels"))
        };
        match text.split(',').collect::<Vec<_>>()[..] {
            [all] => Ok(Self::all(pixels(all)?)),
            [left, top, right, bottom] => Ok(Self {
                left: pixels(left)?,
                top: pixels(top)?,
                right: pixels(right)?,
                bottom: pixels(bottom)?,
            }),
            _ => Err("a crop is PIXELS, or LEFT,TOP,RIGHT,BOTTOM".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_are_read_and_shown() {
        for (text, shown) in [
            ("32", "32"),
            ("0,40,0,40", "{ left = 0, top = 40, right = 0, bottom = 40 }"),
            ("7, 7, 7, 7", "7"),
        ] {
            assert_eq!(text.parse::<Crop>().map(|crop| crop.to_string()), Ok(shown.to_owned()));
        }
        for bad in ["", "a", "1,2", "1,2,3,4,5", "-1", "1.5"] {
            assert!(bad.parse::<Crop>().is_err(), "{bad}");
        }
    }

    #[test]
    fn at_least_sixteen_pixels_remain() {
        let crop = Crop { left: 4, top: 8, right: 0, bottom: 1 };
        assert_eq!(crop.remaining(20, 25), Ok((16, 16)));
        for (crop, size, left) in [
            (crop, (19, 25), "15 x 16"),
            (Crop::all(32), (64, 64), "nothing"),
            (Crop::all(u32::MAX), (64, 64), "nothing"),
        ] {
            let error = crop.remaining(size.0, size.1).expect_err("too little").to_string();
            assert!(error.contains(&format!("leaves {left} of ")), "{error}");
        }
    }
}
