//! A named style.

use std::collections::BTreeMap;

use impasto_types::{AssetPath, Crop, RecipePatch};

use super::section::{Entry, Section};
use super::settings::Settings;
use super::training::TrainKey;
use super::{ManifestError, Place, is_name, project_path, training};

/// Style images with their weights, and the style's recipe settings.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    pub(crate) name: String,
    /// Empty only if its table names a network, which has learned the style.
    pub(crate) images: Vec<StyleImage>,
    pub(super) settings: Settings,
    /// How the build makes the network that the table names, if it does.
    pub(crate) train: Option<TrainKey>,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StyleImage {
    pub(crate) path: AssetPath,
    pub(crate) weight: f32,
    /// What is cut off it; `None` if nothing is.
    pub(crate) crop: Option<Crop>,
}

/// Weights are relative to each other; larger values would only risk overflow.
const MAX_WEIGHT: f64 = 1e6;

impl Style {
    pub(super) fn read(entry: Entry<'_>) -> Result<Self, ManifestError> {
        let name = entry.key.clone();
        if !is_name(&name) {
            return Err(entry.wrong("a style's name has 1 to 64 letters, digits, `.`, `_` or `-`"));
        }
        let known: Vec<_> = ["images", "train"].into_iter().chain(RecipePatch::keys()).collect();
        let mut section = entry.section(format!("[styles.{name}]"), &known)?;
        let place = section.place.clone();
        let images = match section.take("images") {
            Some(images) if images.value.get_ref().is_str() => vec![images],
            Some(images) => images.non_empty("it has to be a path or a list of them")?,
            None if section.has("model") => vec![],
            None => {
                return Err(ManifestError::MissingKey {
                    place,
                    table: section.label,
                    key: "images",
                    hint: "it lists the style's images, such as [\"styles/starry_night.jpg\"]",
                });
            }
        };
        let train = section.take("train").map(training::read).transpose()?.flatten();
        let missing = |key: &'static str, hint: &'static str| {
            let (place, table) = (place.clone(), section.label.clone());
            ManifestError::MissingKey { place, table, key, hint }
        };
        if train.is_some() && !section.has("model") {
            return Err(missing("model", "it is the file that the trained network is written to"));
        }
        if train.is_some() && images.is_empty() {
            return Err(missing("images", "a network is trained on them"));
        }
        let images = images.into_iter().map(StyleImage::read).collect::<Result<_, _>>()?;
        Ok(Self { name, images, settings: Settings::read(section)?, train, place })
    }
}

impl StyleImage {
    /// A path, or a table of a path, a weight and a crop.
    fn read(entry: Entry<'_>) -> Result<Self, ManifestError> {
        if !entry.is_table() {
            let path = entry.string().map_err(|_| {
                entry.wrong("it has to be a path, or { path = \"...\", weight = 1.0 }")
            })?;
            let path = project_path(path).map_err(|error| entry.wrong(error))?;
            return Ok(Self { path, weight: 1.0, crop: None });
        }
        let label = format!("`images` of {}", entry.table);
        let mut section: Section<'_> = entry.section(label, &["path", "weight", "crop"])?;
        let path = section.require("path", "it is the style image's path")?;
        let weight = match section.take("weight") {
            None => 1.0,
            Some(weight) => {
                let number =
                    weight.number().filter(|number| *number > 0.0 && *number <= MAX_WEIGHT);
                number.ok_or_else(|| weight.wrong("it has to be a number above 0, at most 1e6"))?
                    as f32
            }
        };
        let crop = section.take("crop").map(crop).transpose()?.filter(|crop| !crop.is_none());
        let path = project_path(path.string()?).map_err(|error| path.wrong(error))?;
        Ok(Self { path, weight, crop })
    }
}

/// Refuses two styles that train the same network.
pub(super) fn check_trained(styles: &BTreeMap<String, Style>) -> Result<(), ManifestError> {
    let mut models = BTreeMap::new();
    for style in styles.values().filter(|style| style.train.is_some()) {
        let Some(model) = &style.settings.recipe.model else { continue };
        if let Some(other) = models.insert(model.to_lowercase(), style) {
            return Err(ManifestError::Value {
                place: style.place.clone(),
                table: style.settings.label.clone(),
                key: "model".to_owned(),
                value: format!("{model:?}"),
                reason: format!("style `{}` trains it too", other.name),
            });
        }
    }
    Ok(())
}

/// Pixels on every side, or a table of sides.
fn crop(entry: Entry<'_>) -> Result<Crop, ManifestError> {
    const REASON: &str = "it has to be a whole number of pixels, or a table of `left`, `top`, \
                          `right` and `bottom`";
    if !entry.is_table() {
        return entry.whole().map(Crop::all).ok_or_else(|| entry.wrong(REASON));
    }
    let label = format!("`crop` of {}", entry.table);
    let mut section = entry.section(label, &["left", "top", "right", "bottom"])?;
    let mut side = |key: &str| match section.take(key) {
        None => Ok(0),
        Some(pixels) => {
            pixels.whole().ok_or_else(|| pixels.wrong("it has to be a whole number of pixels"))
        }
    };
    Ok(Crop {
        left: side("left")?,
        top: side("top")?,
        right: side("right")?,
        bottom: side("bottom")?,
    })
}
