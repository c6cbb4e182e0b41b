//! Which channels of an asset's pixels are painted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is painted of each pixel; everything else comes back as it was. Its text is `rgb`, the
/// colours together, or channels that are each a grey picture of its own, or both: `r`, `g+a`,
/// `rgb+a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channels {
    colors: bool,
    /// In the order of [`Component::ALL`]; no color where `colors` is set.
    alone: [bool; 4],
}

/// One number of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    Red,
    Green,
    Blue,
    Alpha,
}

impl Component {
    /// In the order in which files store them.
    pub const ALL: [Self; 4] = [Self::Red, Self::Green, Self::Blue, Self::Alpha];

    fn letter(self) -> &'static str {
        match self {
            Self::Red => "r",
            Self::Green => "g",
            Self::Blue => "b",
            Self::Alpha => "a",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

impl Default for Channels {
    /// The colours.
    fn default() -> Self {
        Self { colors: true, alone: [false; 4] }
    }
}

impl Channels {
    /// Whether red, green and blue are painted together, as colours. Otherwise each channel,
    /// alpha among them, is data.
    pub fn has_colors(self) -> bool {
        self.colors
    }

    /// The channels that are pictures of their own.
    pub fn alone(self) -> impl Iterator<Item = Component> {
        Component::ALL.into_iter().zip(self.alone).filter_map(|(one, alone)| alone.then_some(one))
    }

    /// How many pictures are painted.
    pub fn pictures(self) -> usize {
        usize::from(self.colors) + self.alone().count()
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colors = self.colors.then_some("rgb");
        let words: Vec<_> = colors.into_iter().chain(self.alone().map(Component::letter)).collect();
        f.write_str(&words.join("+"))
    }
}

/// A text that names no channels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no channels: `rgb` stands for colours, r, g, b and a for channels that are \
     pictures of their own, and + is between them, as in \"r+a\""
)]
pub struct ChannelsError(String);

impl FromStr for Channels {
    type Err = ChannelsError;

    fn from_str(text: &str) -> Result<Self, ChannelsError> {
        let wrong = || ChannelsError(text.chars().take(40).collect());
        let mut channels = Self { colors: false, alone: [false; 4] };
        for word in text.split('+') {
            let at = Component::ALL.iter().position(|one| one.letter() == word);
            let named = match at {
                Some(at) => &mut channels.alone[at],
                None if word == "rgb" => &mut channels.colors,
                None => return Err(wrong()),
            };
            if std::mem::replace(named, true) {
                return Err(wrong());
            }
        }
        match channels.colors && channels.alone[..3].contains(&true) {
            true => Err(wrong()),
            false => Ok(channels),
        }
    }
}

impl TryFrom<String> for Channels {
    type Error = ChannelsError;

    fn try_from(text: String) -> Result<Self, ChannelsError> {
        text.parse()
    }
}

impl From<Channels> for String {
    fn from(channels: Channels) -> Self {
        channels.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_one_text_and_others_are_refused() {
        for (text, shown, pictures) in [
            ("rgb", "rgb", 1),
            ("r", "r", 1),
            ("a+g", "g+a", 2),
            ("a+rgb", "rgb+a", 2),
            ("r+g+b+a", "r+g+b+a", 4),
        ] {
            let channels: Channels = text.parse().expect(text);
            assert_eq!((channels.to_string().as_str(), channels.pictures()), (shown, pictures));
            assert_eq!(shown.parse(), Ok(channels));
        }
        assert_eq!("rgb".parse(), Ok(Channels::default()));
        for text in ["", "rg", "rgba", "R", "r+", "r+r", "rgb+g", "rgb+rgb", "r, g", "x"] {
            let error = text.parse::<Channels>().expect_err(text).to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
