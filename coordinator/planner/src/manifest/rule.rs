//! A rule: which assets it matches, and what happens to them.

use std::collections::BTreeMap;

use impasto_types::{Part, RecipePatch};

use super::regions::RuleRegions;
use super::section::{AT_LEAST_ONE, Entry, Section};
use super::settings::Settings;
use super::style::Style;
use super::{ManifestError, Place};
use crate::glob::PathGlobs;
use crate::output_pattern::OutputPattern;
use crate::suggest::nearest;

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) matches: PathGlobs,
    pub(crate) exclude: PathGlobs,
    pub(crate) action: RuleAction,
    /// Files that belong to each asset, by role: the patterns of their paths. Of several for one
    /// role, the first whose file exists counts.
    pub(crate) companions: Vec<(Part, OutputPattern)>,
    /// Whether the tiles of a UDIM set are painted together.
    pub(crate) udim: bool,
    /// How the colours of the ID map beside each asset are painted.
    pub(crate) regions: Option<RuleRegions>,
    pub(super) settings: Settings,
    pub(super) place: Place,
}

/// What happens to the assets that a rule matches.
#[derive(Debug, Clone)]
pub(crate) enum RuleAction {
    Skip,
    /// Paint each asset once in each of these styles; never empty.
    Paint {
        styles: Vec<String>,
    },
}

const OWN_KEYS: [&str; 14] = [
    "name",
    "match",
    "exclude",
    "style",
    "styles",
    "skip",
    "udim",
    "mask",
    "mesh",
    "regions",
    "normal",
    "height",
    "roughness",
    "packed",
];

/// The keys that name files beside each asset.
const COMPANIONS: [(&str, Part); 5] = [
    ("mask", Part::Mask),
    ("mesh", Part::Mesh),
    ("normal", Part::Normal),
    ("height", Part::Height),
    ("roughness", Part::Roughness),
];

impl Rule {
    /// Reads the rule at `index`, counted from 0.
    pub(super) fn read(
        entry: Entry<'_>,
        index: usize,
        known_styles: &BTreeMap<String, Style>,
    ) -> Result<Self, ManifestError> {
        let known: Vec<_> =
            OWN_KEYS.into_iter().chain(Settings::OUTPUT_KEYS).chain(RecipePatch::keys()).collect();
        let mut section = entry.section(format!("rule {}", index + 1), &known)?;
        let name = match section.take("name") {
            None => format!("rule {}", index + 1),
            Some(entry) => {
                let name = entry.string()?;
                if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
                    return Err(entry.wrong("a rule's name has 1 to 64 characters"));
                }
                section.label = format!("rule `{name}`");
                name.to_owned()
            }
        };
        let matches =
            section.require("match", "it lists globs, such as [\"textures/**/*.png\"]")?;
        let matches = globs(&matches).and_then(|globs| {
            if globs.patterns().is_empty() { Err(matches.wrong(AT_LEAST_ONE)) } else { Ok(globs) }
        })?;
        let exclude = section.take("exclude").as_ref().map(globs).transpose()?.unwrap_or_default();
        let skip = section.take("skip").map(|entry| entry.boolean()).transpose()?.unwrap_or(false);
        let styles = rule_styles(&mut section, skip, known_styles)?;
        let mut companions = Vec::new();
        for (key, part) in COMPANIONS {
            let Some(entry) = section.take(key) else { continue };
            companions.extend(all_companions(entry, part)?);
        }
        if let Some(entry) = section.take("packed") {
            let entries = match entry.is_table() {
                true => vec![entry],
                false => entry.non_empty("it has to be a table or a list of them")?,
            };
            for entry in entries {
                companions.push(packed(entry)?);
            }
        }
        let mut regions = None;
        if let Some(entry) = section.take("regions") {
            let (map, read) = RuleRegions::read(entry, known_styles)?;
            companions.push((Part::Regions, companion(&map, Part::Regions)?));
            regions = Some(read);
        }
        let udim = match section.take("udim") {
            None => false,
            Some(entry) => {
                let udim = entry.boolean()?;
                if udim && !companions.is_empty() {
                    let part = companions[0].0;
                    let reason = format!("a set of tiles has no {part} in this version");
                    return Err(entry.wrong(reason));
                }
                udim
            }
        };
        let action = if skip { RuleAction::Skip } else { RuleAction::Paint { styles } };
        let place = section.place.clone();
        let settings = Settings::read(section)?;
        Ok(Self { name, matches, exclude, action, companions, udim, regions, settings, place })
    }

    /// Whether the rule matches `path`, which is relative to the folder of assets.
    pub(crate) fn is_about(&self, path: &str) -> bool {
        self.matches.matches(path) && !self.exclude.matches(path)
    }

    /// Whether the rule itself sets `quality`.
    pub(crate) fn sets_quality(&self) -> bool {
        self.settings.quality.is_some()
    }

    pub(crate) fn skips(&self) -> bool {
        match self.action {
            RuleAction::Skip => true,
            RuleAction::Paint { .. } => false,
        }
    }
}

/// The patterns that name a file beside each asset, one or several.
fn all_companions(
    entry: Entry<'_>,
    part: Part,
) -> Result<Vec<(Part, OutputPattern)>, ManifestError> {
    let entries = match entry.value.get_ref().is_str() {
        true => vec![entry],
        false => entry.non_empty("it has to be a path or a list of them")?,
    };
    entries.iter().map(|entry| Ok((part, companion(entry, part)?))).collect()
}

/// The pattern that names a file beside each asset.
fn companion(entry: &Entry<'_>, part: Part) -> Result<OutputPattern, ManifestError> {
    let pattern = OutputPattern::companion(entry.string()?);
    let pattern = pattern.map_err(|reason| entry.wrong(reason))?;
    match part.is_surface() && pattern.is_constant() {
        true => Err(entry.wrong("it has to have {stem} or {material}: each asset has its own map")),
        false => Ok(pattern),
    }
}

/// Several maps in the channels of one file.
fn packed(entry: Entry<'_>) -> Result<(Part, OutputPattern), ManifestError> {
    let label = format!("`packed` of {}", entry.table);
    let mut section = entry.section(label, &["path", "channels"])?;
    let path =
        section.require("path", "it names the file, such as \"{dir}/{material}_orm.png\"")?;
    let hint = "it says what they hold, such as \"occlusion+roughness+metallic\"";
    let channels = section.require("channels", hint)?;
    let part: Option<Part> = format!("packed:{}", channels.string()?).parse().ok();
    let part = part.filter(|part| part.is_surface()).ok_or_else(|| {
        channels.wrong(
            "it has to be up to four of roughness, smoothness, height, metallic, occlusion, \
             opacity, mask and none, joined by `+`, one of the first three among them",
        )
    })?;
    Ok((part, companion(&path, part)?))
}

/// The globs of an entry: one string or a list.
pub(super) fn globs(entry: &Entry<'_>) -> Result<PathGlobs, ManifestError> {
    PathGlobs::new(entry.strings()?).map_err(|(glob, reason)| {
        entry.wrong_part(format!("{glob:?}"), format!("the glob {reason}"))
    })
}

/// The styles that a rule names; if it names none, the manifest's only style.
fn rule_styles(
    section: &mut Section<'_>,
    skip: bool,
    styles: &BTreeMap<String, Style>,
) -> Result<Vec<String>, ManifestError> {
    let entries = match (section.take("style"), section.take("styles")) {
        (Some(one), Some(_)) => {
            return Err(ManifestError::Both {
                place: one.key_place(),
                table: section.label.clone(),
                one: "style",
                other: "styles",
            });
        }
        (Some(one), None) => vec![one],
        (None, Some(several)) => several.non_empty("it has to be a list of names")?,
        (None, None) if skip => vec![],
        (None, None) if styles.len() == 1 => return Ok(styles.keys().cloned().collect()),
        (None, None) => {
            return Err(ManifestError::MissingKey {
                place: section.place.clone(),
                table: section.label.clone(),
                key: "style",
                hint: "name one of [styles], or set `skip = true`",
            });
        }
    };
    let mut named: Vec<String> = Vec::new();
    for entry in entries {
        let style = entry.string()?;
        if !styles.contains_key(style) {
            return Err(ManifestError::UnknownStyle {
                place: entry.place(),
                table: section.label.clone(),
                key: if entry.key == "style" { "style" } else { "styles" },
                near: nearest(style, styles.keys().map(String::as_str)),
                style: style.to_owned(),
            });
        }
        if named.iter().any(|other| other == style) {
            return Err(entry.wrong("the rule names it twice"));
        }
        named.push(style.to_owned());
    }
    Ok(named)
}
