//! Why a file is painted, or why not: what the manifest says about its name.

use std::fmt;

use impasto_types::{AssetPath, ContainerFormat, Part};

use crate::glob::PathGlobs;
use crate::manifest::{Manifest, Rule, Verdict};

/// What a manifest says about a file, with the globs that decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A rule takes it, by this glob. `later` rules would take it too.
    Painted { rule: String, glob: String, later: Vec<String> },
    /// A rule that says `skip` takes it.
    Skipped { rule: String, glob: String, later: Vec<String> },
    /// `exclude` of `[project]` names it.
    Excluded { glob: String },
    /// It has the name of an output.
    Output { pattern: String },
    /// It is a style's image.
    StyleImage { style: String },
    /// A rule starts from it.
    InitImage { rule: String },
    /// It is a network that rules paint with.
    Network,
    /// The network of a style is trained on it.
    Content { style: String },
    /// It is the mask of assets, or of this one.
    Companion { part: Part, rule: String, of: Option<AssetPath> },
    /// It is outside the folder of assets.
    OutsideAssets { assets: AssetPath },
    /// Its name has no extension of a format that can be read.
    NotAnImage { extension: String },
    /// No rule takes it. `except` are rules that match it but for their own `exclude`.
    Unmatched { except: Vec<String> },
}

/// Why the file at `path` is painted or not. `assets` are those that the manifest paints.
pub fn why<'a>(
    manifest: &Manifest,
    path: &AssetPath,
    assets: impl IntoIterator<Item = &'a AssetPath>,
) -> Why {
    let key = path.case_key();
    let relative = manifest.in_assets(path).unwrap_or(path.as_str());
    for asset in assets {
        let companions = manifest.companions(asset);
        let own = companions.into_iter().find(|(_, companion)| companion.case_key() == key);
        if let (Some((part, _)), Some(matched)) = (own, manifest.wanted(asset)) {
            let rule = manifest.rules()[matched.rule].name.clone();
            return Why::Companion { part, rule, of: Some(asset.clone()) };
        }
    }
    let rules = || manifest.rules().iter();
    let taken = |rule: usize| {
        let Rule { name, matches, .. } = &manifest.rules()[rule];
        let later = rules().skip(rule + 1).filter(|rule| rule.is_about(relative));
        let later = later.map(|rule| rule.name.clone()).collect();
        (name.clone(), first_match(matches, relative), later)
    };
    if manifest.networks().any(|network| network.case_key() == key) {
        return Why::Network;
    }
    match manifest.verdict(path) {
        Verdict::Wanted(matched) => {
            let (rule, glob, later) = taken(matched.rule);
            Why::Painted { rule, glob, later }
        }
        Verdict::Skipped(matched) => {
            let (rule, glob, later) = taken(matched.rule);
            Why::Skipped { rule, glob, later }
        }
        Verdict::Excluded => Why::Excluded { glob: first_match(manifest.exclude(), relative) },
        Verdict::Output => Why::Output { pattern: manifest.output_pattern().text().to_owned() },
        Verdict::Input => input(manifest, path),
        Verdict::Unmatched => {
            let except = rules().filter(|rule| rule.matches.matches(relative));
            Why::Unmatched { except: except.map(|rule| rule.name.clone()).collect() }
        }
        Verdict::Foreign => match (manifest.assets(), manifest.in_assets(path)) {
            (Some(assets), None) => match manifest.is_input(path) {
                true => input(manifest, path),
                false => Why::OutsideAssets { assets: assets.clone() },
            },
            _ => Why::NotAnImage { extension: path.extension().to_owned() },
        },
    }
}

/// The use of a style image, init image or shared mask.
fn input(manifest: &Manifest, path: &AssetPath) -> Why {
    let key = path.case_key();
    if let Some(style) = manifest.style_with(path) {
        return Why::StyleImage { style: style.to_owned() };
    }
    for (index, rule) in manifest.rules().iter().enumerate() {
        let starts = |painting: &crate::manifest::Painting| {
            painting.init.as_ref().is_some_and(|init| init.case_key() == key)
        };
        if manifest.paintings(index).iter().any(starts) {
            return Why::InitImage { rule: rule.name.clone() };
        }
        let shared = |(part, pattern): &(Part, crate::output_pattern::OutputPattern)| {
            let same = pattern.text().eq_ignore_ascii_case(path.as_str());
            (pattern.is_constant() && same).then_some(*part)
        };
        if let Some(part) = rule.companions.iter().find_map(shared) {
            return Why::Companion { part, rule: rule.name.clone(), of: None };
        }
    }
    let mut trained = manifest.trained().iter();
    let is_below = |folder: &AssetPath| path.is_below(folder);
    match trained.find(|trained| trained.content.as_ref().is_some_and(is_below)) {
        Some(trained) => Why::Content { style: trained.style.clone() },
        None => Why::Unmatched { except: vec![] },
    }
}

/// The first of the globs that matches; empty if none does.
fn first_match(globs: &PathGlobs, path: &str) -> String {
    let matches = |glob: &&String| {
        PathGlobs::new(vec![(*glob).clone()]).is_ok_and(|globs| globs.matches(path))
    };
    globs.patterns().iter().find(matches).cloned().unwrap_or_default()
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let later = |later: &[String]| match later {
            [] => String::new(),
            rules => format!("; later rules that match it too: {}", rules.join(", ")),
        };
        match self {
            Self::Painted { rule, glob, later: rules } => {
                write!(f, "is painted: rule `{rule}` takes it by \"{glob}\"{}", later(rules))
            }
            Self::Skipped { rule, glob, later: rules } => {
                write!(f, "is not painted: rule `{rule}` skips it by \"{glob}\"{}", later(rules))
            }
            Self::Excluded { glob } => {
                write!(f, "is not painted: `exclude` of [project] names it by \"{glob}\"")
            }
            Self::Output { pattern } => {
                write!(f, "is not painted: it has the name of an output, \"{pattern}\"")
            }
            Self::StyleImage { style } => {
                write!(f, "is not painted: it is an image of style `{style}`")
            }
            Self::InitImage { rule } => {
                write!(f, "is not painted: rule `{rule}` starts from it (`init`)")
            }
            Self::Network => write!(f, "is a network that rules paint with (`model`)"),
            Self::Content { style } => {
                write!(f, "is not painted: style `{style}` is trained on it (`content`)")
            }
            Self::Companion { part, rule, of: Some(asset) } => {
                write!(f, "is not painted: it is the {part} of {asset}, by rule `{rule}`")
            }
            Self::Companion { part, rule, of: None } => {
                write!(f, "is not painted: it is the {part} of all assets of rule `{rule}`")
            }
            Self::OutsideAssets { assets } => write!(
                f,
                "is not painted: it is outside {assets}, the folder of assets (`assets` of \
                 [project])"
            ),
            Self::NotAnImage { extension } => write!(
                f,
                "is not painted: Impasto does not read `.{extension}`; it reads {}",
                ContainerFormat::list(ContainerFormat::ALL, "and")
            ),
            Self::Unmatched { except } if except.is_empty() => {
                write!(f, "is not painted: no rule matches it")
            }
            Self::Unmatched { except } => write!(
                f,
                "is not painted: no rule matches it, but for their own `exclude`: {}",
                except.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[project]
name = "t"
assets = "art"
output = "art/out/{dir}/{name}"
exclude = ["old/**"]
[styles.night]
images = ["art/night.png"]
[[rules]]
name = "maps"
match = ["*_n.*", "**/*_n.*"]
skip = true
[[rules]]
name = "walls"
match = "walls/**"
exclude = "walls/font*"
mask = "art/{dir}/{stem}_mask.png"
init = "start.png"
[[rules]]
name = "rest"
match = "walls/*.png"
exclude = "walls/font*"
mask = "shared.png"
"#;

    #[test]
    fn every_answer_names_what_decides() {
        let manifest = Manifest::parse(MANIFEST, "impasto.toml").expect("it parses");
        let path = |text: &str| text.parse::<AssetPath>().expect("it is a path");
        let assets = [path("art/walls/a.png")];
        for (file, expected) in [
            (
                "art/walls/a.png",
                "is painted: rule `walls` takes it by \"walls/**\"; later rules that match it \
                 too: rest",
            ),
            ("art/walls/a_n.png", "rule `maps` skips it by \"**/*_n.*\"; later rules"),
            ("art/walls/a_mask.png", "it is the mask of art/walls/a.png, by rule `walls`"),
            ("art/walls/font.png", "no rule matches it, but for their own `exclude`: walls, rest"),
            ("art/ui/a.png", "no rule matches it"),
            ("art/old/a.png", "`exclude` of [project] names it by \"old/**\""),
            ("art/out/walls/a.png", "it has the name of an output, \"art/out/{dir}/{name}\""),
            ("art/night.png", "it is an image of style `night`"),
            ("start.png", "rule `walls` starts from it"),
            ("shared.png", "it is the mask of all assets of rule `rest`"),
            ("a.png", "it is outside art, the folder of assets"),
            ("art/walls/a.xcf", "Impasto does not read `.xcf`"),
        ] {
            let said = why(&manifest, &path(file), &assets).to_string();
            assert!(said.contains(expected), "{file}: {said}");
        }
    }
}
