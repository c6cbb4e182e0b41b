//! What a plan wants somebody to know, though nothing failed.

use std::fmt;

use impasto_types::{AssetPath, Part};

/// A warning. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Nothing that earlier rules leave matches the rule.
    RuleMatchesNothing { rule: String, globs: Vec<String> },
    /// Every file that the rule matches falls under an earlier rule; one of them is named.
    RuleComesTooLate { rule: String, earlier: String, asset: AssetPath },
    /// No rule uses the style.
    UnusedStyle { style: String },
    /// The rule names files that some of its assets do not have; they are painted without.
    AbsentFiles { rule: String, part: Part, first: AssetPath, count: usize },
    /// By their names, some assets of the rule are data maps; painting makes them wrong.
    DataMaps { rule: String, first: AssetPath, count: usize, ending: String },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleMatchesNothing { rule, globs } => {
                write!(
                    f,
                    "rule `{rule}` gets no image: nothing that earlier rules leave matches {}",
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
                write!(f, "rule `{rule}`: there is no {part} {first}{others}; painted without")
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
