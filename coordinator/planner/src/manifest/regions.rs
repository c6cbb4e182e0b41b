//! `regions` of a rule: the styles of an ID map's colours.

use std::collections::BTreeMap;

use impasto_types::{HexColor, MAX_STYLES, Recipe, Regions};

use super::section::Entry;
use super::style::Style;
use super::{ManifestError, Place};
use crate::suggest::nearest;

/// What a rule says about the colours of the ID map that lies beside each asset.
#[derive(Debug, Clone)]
pub(crate) struct RuleRegions {
    /// The style of each colour; none where it stays as it is.
    pub(super) colors: BTreeMap<HexColor, Option<String>>,
    tolerance: u8,
    softness: u8,
    keeps_others: bool,
    pub(super) place: Place,
    pub(super) label: String,
}

/// The regions of what a rule paints in one style.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PaintedRegions {
    pub(crate) colors: BTreeMap<HexColor, Option<RegionStyle>>,
    pub(crate) tolerance: u8,
    pub(crate) softness: u8,
    pub(crate) keeps_others: bool,
}

/// A region's style.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegionStyle {
    pub(crate) style: String,
    /// The recipe, where it is not the rule's.
    pub(crate) recipe: Option<Recipe>,
}

const KEYS: [&str; 6] = ["map", "styles", "keep", "others", "tolerance", "softness"];

impl RuleRegions {
    /// Reads the table, and its entry `map`.
    pub(super) fn read<'s>(
        entry: Entry<'s>,
        styles: &BTreeMap<String, Style>,
    ) -> Result<(Entry<'s>, Self), ManifestError> {
        let label = format!("`regions` of {}", entry.table);
        let empty = entry.wrong("it has to name a colour, in `styles` or in `keep`");
        let mut section = entry.section(label, &KEYS)?;
        let map =
            section.require("map", "it names the ID map, such as \"ids/{dir}/{stem}.png\"")?;
        let mut colors = BTreeMap::new();
        if let Some(table) = section.take("styles") {
            for entry in table.entries(&format!("`styles` of {}", section.label))? {
                let color: HexColor = entry
                    .key
                    .parse()
                    .map_err(|error| entry.wrong_part(entry.key.clone(), error))?;
                let style = entry.string()?;
                if !styles.contains_key(style) {
                    return Err(ManifestError::UnknownStyle {
                        place: entry.place(),
                        table: entry.table.clone(),
                        key: "styles",
                        near: nearest(style, styles.keys().map(String::as_str)),
                        style: style.to_owned(),
                    });
                }
                if colors.insert(color, Some(style.to_owned())).is_some() {
                    return Err(entry.wrong_part(entry.key.clone(), "it is named twice"));
                }
            }
        }
        if let Some(entry) = section.take("keep") {
            for text in entry.strings()? {
                let color: HexColor =
                    text.parse().map_err(|error| entry.wrong_part(format!("{text:?}"), error))?;
                if colors.insert(color, None).is_some() {
                    return Err(entry.wrong_part(format!("{text:?}"), "it is named twice"));
                }
            }
        }
        if colors.is_empty() {
            return Err(empty);
        }
        if colors.len() > Regions::MOST {
            let most = Regions::MOST;
            return Err(
                map.wrong(format!("its regions have {} colours, not up to {most}", colors.len()))
            );
        }
        let keeps_others = match section.take("others") {
            None => false,
            Some(entry) => match entry.string()? {
                "paint" => false,
                "keep" => true,
                _ => return Err(entry.wrong("it has to be \"paint\" or \"keep\"")),
            },
        };
        let mut level = |key: &str, default: u8, most: u8| match section.take(key) {
            None => Ok(default),
            Some(entry) => {
                let level = entry.whole().and_then(|level| u8::try_from(level).ok());
                let reason = format!("it has to be a whole number from 0 to {most}");
                level.filter(|level| *level <= most).ok_or_else(|| entry.wrong(reason))
            }
        };
        let regions = Self {
            colors,
            tolerance: level("tolerance", Regions::TOLERANCE, Regions::MOST_TOLERANCE)?,
            softness: level("softness", Regions::SOFTNESS, Regions::MOST_SOFTNESS)?,
            keeps_others,
            place: section.place.clone(),
            label: section.label.clone(),
        };
        Ok((map, regions))
    }

    /// The styles that colours name.
    pub(super) fn styles(&self) -> impl Iterator<Item = &str> {
        self.colors.values().flatten().map(String::as_str)
    }

    /// The regions of what is painted with `whole`; `of_style` is the recipe of another style.
    pub(super) fn painted(
        &self,
        whole: &Recipe,
        of_style: impl Fn(&str) -> Recipe,
    ) -> PaintedRegions {
        let region = |style: &String| RegionStyle {
            style: style.clone(),
            recipe: Some(of_style(style)).filter(|recipe| recipe != whole),
        };
        let colors = self.colors.iter();
        PaintedRegions {
            colors: colors.map(|(color, style)| (*color, style.as_ref().map(region))).collect(),
            tolerance: self.tolerance,
            softness: self.softness,
            keeps_others: self.keeps_others,
        }
    }

    /// The error for a style with which there are more images than a picture can have.
    pub(super) fn too_many(&self, style: &str) -> ManifestError {
        ManifestError::Value {
            place: self.place.clone(),
            table: self.label.clone(),
            key: "styles".to_owned(),
            value: format!("{style:?}"),
            reason: format!("with it, a picture has more than {MAX_STYLES} style images"),
        }
    }

    /// The error for a style whose recipe cannot paint a part of a picture, because of `what`.
    pub(super) fn differs(&self, style: &str, what: &str) -> ManifestError {
        ManifestError::Value {
            place: self.place.clone(),
            table: self.label.clone(),
            key: "styles".to_owned(),
            value: format!("{style:?}"),
            reason: format!(
                "it has another `{what}` than the rest of the picture; set `{what}` in the rule"
            ),
        }
    }
}

impl PaintedRegions {
    /// The recipes of regions that have one of their own.
    pub(crate) fn recipes(&self) -> impl Iterator<Item = &Recipe> {
        self.colors.values().flatten().filter_map(|region| region.recipe.as_ref())
    }

    /// The styles that colours name.
    pub(crate) fn styles(&self) -> impl Iterator<Item = &str> {
        self.colors.values().flatten().map(|region| region.style.as_str())
    }
}
