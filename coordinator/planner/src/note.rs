//! Warnings of a plan, which do not stop a build.

use std::fmt;

use impasto_types::{AssetPath, MIN_SIDE, Part};

/// A warning. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// No image that earlier rules leave matches the rule.
    RuleMatchesNothing { rule: String, globs: Vec<String> },
    /// Earlier rules take every file that the rule matches; `asset` is one of them.
    RuleComesTooLate { rule: String, earlier: String, asset: AssetPath },
    /// No rule uses the style.
    UnusedStyle { style: String },
    /// Files named by the rule do not exist for some assets, which are painted without them.
    /// `first` is the first such file, `count` their number.
    AbsentFiles { rule: String, part: Part, first: AssetPath, count: usize },
    /// `count` assets of the rule are too small to be painted, and passed through as they are.
    TooSmall { rule: String, first: AssetPath, count: usize },
    /// `count` assets of the rule are data maps by their names; painting would corrupt them.
    DataMaps { rule: String, first: AssetPath, count: usize, ending: String },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleMatchesNothing { rule, globs } => {
                write!(
                    f,
                    "rule `{rule}` gets no image: no image that earlier rules leave matches {}",
                    globs.join(", ")
                )
            }
            Self::RuleComesTooLate { rule, earlier, asset } => {
                write!(
                    f,
                    "rule `{rule}` gets no image: earlier rules take all that it matches, as rule \
                     `{earlier}` takes {asset}"
                )
            }
            Self::UnusedStyle { style } => write!(f, "no rule uses style `{style}`"),
            Self::AbsentFiles { rule, part, first, count } => {
                let others = match count {
                    0 | 1 => String::new(),
                    _ => format!(" (and {} more)", count - 1),
                };
                write!(f, "rule `{rule}`: missing {part} {first}{others}; painted without it")
            }
            Self::TooSmall { rule, first, count } => {
                let (others, pass) = match count {
                    0 | 1 => (String::new(), "passes"),
                    _ => (format!(" (and {} more)", count - 1), "pass"),
                };
                write!(
                    f,
                    "rule `{rule}`: {first}{others} {pass} through as is: painting takes {MIN_SIDE} \
                     pixels a side",
                )
            }
            Self::DataMaps { rule, first, count, ending } => {
                let others = match count {
                    0 | 1 => String::new(),
                    2 => " and 1 other".to_owned(),
                    _ => format!(" and {} others", count - 1),
                };
                write!(
                    f,
                    "rule `{rule}` paints {first}{others}, by name a data map (normals, roughness, \
                     heights ...), not colours; leave such files out with exclude = \
                     [\"**/*{ending}.*\"]"
                )
            }
        }
    }
}
