//! Which styles of a network that has learned several are painted.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::shown;
use crate::RecipeError;

/// As of style images: weights are relative to each other.
const MAX_WEIGHT: f32 = 1e6;

/// A style that a network has learned, by its name, and its share among those that are painted.
/// Written as `night` or `night:2`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelStyle {
    pub name: String,
    pub weight: f32,
}

impl FromStr for ModelStyle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // A name may have a colon, as long as no number follows.
        let weighted = text.rsplit_once(':').and_then(|(name, weight)| {
            let weight = weight.trim().parse::<f32>().ok().filter(|weight| weight.is_finite());
            Some((name.trim(), weight?))
        });
        let (name, weight) = weighted.unwrap_or((text, 1.0));
        if name.is_empty() {
            return Err(format!("`{text}` names no style; write `night`, or `night:2`"));
        }
        if !(weight > 0.0 && weight <= MAX_WEIGHT) {
            return Err(format!("`{text}`: a weight has to be above 0, at most {MAX_WEIGHT}"));
        }
        Ok(Self { name: name.to_owned(), weight })
    }
}

impl TryFrom<String> for ModelStyle {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelStyle> for String {
    fn from(style: ModelStyle) -> Self {
        style.to_string()
    }
}

impl fmt::Display for ModelStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, weight } = self;
        // A name that ends like a weight needs one.
        if *weight == 1.0 && name.parse::<Self>().is_ok_and(|read| read.name == *name) {
            f.write_str(name)
        } else {
            write!(f, "{name}:{weight}")
        }
    }
}

/// Styles of a network by their names; none where the style images say which.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelStyles(pub Vec<ModelStyle>);

impl ModelStyles {
    /// As many as a network has at most.
    const MOST: usize = 256;

    /// # Errors
    /// If there are more than a network can have, or one is there twice.
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let refused =
            |value: String, range| Err(RecipeError { name: "model_styles", value, range });
        let names: BTreeSet<&str> = self.0.iter().map(|style| &style.name[..]).collect();
        if self.0.len() > Self::MOST {
            return refused(format!("{} styles", self.0.len()), "at most 256 styles");
        }
        if names.len() < self.0.len() {
            return refused(shown(self), "a list that names each style once");
        }
        Ok(())
    }
}

impl FromStr for ModelStyles {
    type Err = String;

    /// From styles between commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(str::trim).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_survive_text_and_json() {
        let check = |text: &str, name: &str, weight: f32| {
            let style: ModelStyle = text.parse().expect("a style");
            assert_eq!(style, ModelStyle { name: name.to_owned(), weight }, "{text}");
            assert_eq!(style.to_string().parse(), Ok(style.clone()), "{text}");
            let json = serde_json::to_string(&style).expect("it serialises");
            assert_eq!(serde_json::from_str::<ModelStyle>(&json).expect("it parses"), style);
        };
        check("night", "night", 1.0);
        check("7", "7", 1.0);
        check("7:0.25", "7", 0.25);
        check("a:b", "a:b", 1.0);
        check("a:2:1", "a:2", 1.0);
        check(" night : 2 ", "night", 2.0);
        check("a:infinity", "a:infinity", 1.0);
        let styles: ModelStyles = "night:2, 7".parse().expect("two");
        let names: Vec<_> = styles.0.iter().map(|style| &style.name[..]).collect();
        assert_eq!(names, ["night", "7"]);
    }

    #[test]
    fn no_name_and_no_share_are_refused() {
        for (text, part) in [
            ("", "names no style"),
            (":2", "names no style"),
            ("a:0", "above 0"),
            ("a:-1", "above"),
        ] {
            let error = text.parse::<ModelStyles>().expect_err("refused");
            assert!(error.contains(part), "{text}: {error}");
        }
        let style: ModelStyle = "a".parse().expect("a style");
        assert!(ModelStyles(vec![style; 257]).check().is_err());
        let twice: ModelStyles = "a, b:2, a:3".parse().expect("three");
        let error = twice.check().expect_err("one is there twice").to_string();
        assert!(error.contains("names each style once"), "{error}");
    }
}
