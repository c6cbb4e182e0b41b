//! Warnings of a plan, which do not stop a build.

use std::fmt;

use impasto_types::{AssetPath, ContainerFormat, Crop, MIN_SIDE, Part};

use crate::glob_hint::{GlobHint, and_more};
use crate::loss::Loss;

/// A warning. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// No image that earlier rules leave matches the rule. The hint is about one of the globs.
    RuleMatchesNothing { rule: String, globs: Vec<String>, hint: Option<GlobHint> },
    /// Earlier rules take every file that the rule matches; `asset` is one of them.
    RuleComesTooLate { rule: String, earlier: String, asset: AssetPath },
    /// A glob meets nothing, though a folder or file of that literal name exists.
    GlobIsLiteral { table: String, glob: String, hint: GlobHint },
    /// A linked folder was not entered.
    LinkedFolder { folder: String },
    /// No rule uses the style.
    UnusedStyle { style: String },
    /// Files named by the rule do not exist for some assets, which are painted without them.
    /// `first` is the first such file, `count` their number.
    AbsentFiles { rule: String, part: Part, first: AssetPath, count: usize },
    /// Maps are to follow the paint, but the rule names none, or no asset has one of those.
    ReliefWithoutMaps { rule: String, names_maps: bool },
    /// `count` assets of the rule are too small to be painted, and passed through unpainted.
    TooSmall { rule: String, first: AssetPath, count: usize },
    /// `count` models of the rule have no textures of their own, and are passed through.
    Untextured { rule: String, first: AssetPath, count: usize },
    /// `count` assets of the rule are data maps by their names; painting would corrupt them. The
    /// globs match them.
    DataMaps { rule: String, first: AssetPath, count: usize, globs: Vec<String> },
    /// `count` images that the rule skips may be pictures, although it also skips data maps with
    /// names like theirs.
    SkippedPictures { rule: String, first: AssetPath, count: usize },
    /// What the rule's outputs lack, each with the first asset that has it and their number.
    Losses { rule: String, losses: Vec<(Loss, AssetPath, usize)> },
    /// `quality` is set for a rule, but none of its outputs is in a format that has one.
    QualityWithoutJpeg { rule: String, format: ContainerFormat },
    /// The pixels of `count` assets of the rule are the vectors of a normal map.
    NormalMaps { rule: String, first: AssetPath, count: usize },
    /// `count` assets of the rule have colours under alpha 0.
    HiddenColors { rule: String, first: AssetPath, count: usize },
    /// `count` assets of the rule have a ground of plain magenta.
    MagentaGround { rule: String, first: AssetPath, count: usize },
    /// A style image has a uniform border, which counts as part of the style.
    StyleBorder { style: String, image: AssetPath, border: Crop },
}

/// How many more there are, and what they do.
fn passing(count: usize) -> (String, &'static str) {
    match count {
        0 | 1 => (String::new(), "passes"),
        _ => (format!(" (and {} more)", count - 1), "pass"),
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleMatchesNothing { rule, globs, hint } => {
                write!(
                    f,
                    "rule `{rule}` gets no image: no image that earlier rules leave matches {}",
                    globs.join(", ")
                )?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
            Self::RuleComesTooLate { rule, earlier, asset } => {
                write!(
                    f,
                    "rule `{rule}` gets no image: earlier rules take all that it matches, as rule \
                     `{earlier}` takes {asset}"
                )
            }
            Self::GlobIsLiteral { table, glob, hint } => {
                write!(f, "{glob} of {table} matches no image; {hint}")
            }
            Self::LinkedFolder { folder } => write!(
                f,
                "{folder} is a linked folder, which is not entered; name the folder that it leads \
                 to in `links` of [project] to paint what is in it"
            ),
            Self::UnusedStyle { style } => write!(f, "no rule uses style `{style}`"),
            Self::AbsentFiles { rule, part, first, count } => {
                let others = and_more(count.saturating_sub(1));
                write!(f, "rule `{rule}`: missing {part} {first}{others}; painted without it")
            }
            Self::ReliefWithoutMaps { rule, names_maps: true } => write!(
                f,
                "rule `{rule}` has `relief`, but none of its assets has a map of the names that it \
                 gives in `normal`, `height`, `roughness` or `packed`"
            ),
            Self::ReliefWithoutMaps { rule, names_maps: false } => write!(
                f,
                "rule `{rule}` has `relief` but names no maps that could follow the paint: set \
                 `normal`, `height`, `roughness` or `packed`, such as normal = \
                 \"{{dir}}/{{stem}}_n.png\""
            ),
            Self::Untextured { rule, first, count } => {
                let (others, pass) = passing(*count);
                write!(
                    f,
                    "rule `{rule}`: {first}{others} {pass} through unpainted: a model is painted \
                     by its own colour textures",
                )
            }
            Self::TooSmall { rule, first, count } => {
                let (others, pass) = passing(*count);
                write!(
                    f,
                    "rule `{rule}`: {first}{others} {pass} through unpainted: painting takes \
                     {MIN_SIDE} pixels a side",
                )
            }
            Self::DataMaps { rule, first, count, globs } => {
                write!(
                    f,
                    "rule `{rule}` paints {first}{}, by name a data map (normals, roughness, \
                     heights ...), not colours; leave such files out with exclude = [{}]",
                    and_others(*count),
                    quoted(globs)
                )
            }
            Self::SkippedPictures { rule, first, count } => write!(
                f,
                "rule `{rule}` skips {first}{}, which has the name of a data map, but no other \
                 file of its material: if it is a picture, put it into the rule's `exclude`",
                and_others(*count)
            ),
            Self::Losses { rule, losses } => {
                write!(f, "rule `{rule}`: ")?;
                for (index, (loss, first, count)) in losses.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    let more = and_more(count.saturating_sub(1));
                    write!(f, "{separator}{loss}: {first}{more}")?;
                }
                Ok(())
            }
            Self::QualityWithoutJpeg { rule, format } => write!(
                f,
                "`quality` of rule `{rule}` has no effect: its results are {format}, which has \
                 none"
            ),
            Self::NormalMaps { rule, first, count } => write!(
                f,
                "rule `{rule}` paints {first}{}, by its pixels a normal map: they are vectors, not \
                 colours; leave such files out with `exclude`, or with a rule that says `skip`",
                and_others(*count)
            ),
            Self::HiddenColors { rule, first, count } => write!(
                f,
                "rule `{rule}`: colours under alpha 0 vary in {first}{}; set alpha = \"data\" if \
                 alpha is data such as smoothness, otherwise alpha = \"coverage\"",
                and_more(count.saturating_sub(1))
            ),
            Self::MagentaGround { rule, first, count } => write!(
                f,
                "rule `{rule}`: magenta (#ff00ff) fills part of {first}{}; set color_key = \
                 \"#ff00ff\" if it stands for transparency",
                and_more(count.saturating_sub(1))
            ),
            Self::StyleBorder { style, image, border } => write!(
                f,
                "style `{style}`: {image} has a uniform border, which counts as part of the style; \
                 cut it off with {{ path = \"{image}\", crop = {border} }}"
            ),
        }
    }
}

/// ` and 1 other`, ` and 3 others`, or nothing for one.
fn and_others(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " and 1 other".to_owned(),
        _ => format!(" and {} others", count - 1),
    }
}

fn quoted(globs: &[String]) -> String {
    globs.iter().map(|glob| format!("\"{glob}\"")).collect::<Vec<_>>().join(", ")
}
