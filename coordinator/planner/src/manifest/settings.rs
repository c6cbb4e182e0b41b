//! The recipe keys and output keys that `[defaults]`, styles and rules share.

use std::collections::BTreeMap;

use impasto_types::{ContainerFormat, InitSource, RecipePatch};
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::section::{Entry, Section};
use super::{ManifestError, Place, project_path};

/// What one table says about how assets are painted and written.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) recipe: RecipePatch,
    pub(super) format: Option<ContainerFormat>,
    pub(super) quality: Option<u8>,
    /// Where the values of recipe keys and of `quality` are, for errors that are found only when
    /// the tables are merged.
    pub(super) places: BTreeMap<String, Place>,
    pub(super) label: String,
}

impl Settings {
    /// The keys besides those of the recipe.
    pub(super) const OUTPUT_KEYS: [&str; 2] = ["format", "quality"];

    /// Reads the remaining entries of a table, after its own keys have been taken.
    pub(super) fn read(section: Section<'_>) -> Result<Self, ManifestError> {
        let mut settings = Self { label: section.label.clone(), ..Self::default() };
        for entry in section.into_entries() {
            match entry.key.as_str() {
                "format" => {
                    settings.format = Some(
                        entry.string()?.parse().map_err(|reason: String| entry.wrong(reason))?,
                    )
                }
                "quality" => {
                    settings.places.insert(entry.key.clone(), entry.place());
                    let quality = entry.whole().and_then(|quality| u8::try_from(quality).ok());
                    let quality = quality.filter(|quality| (1..=100).contains(quality));
                    settings.quality =
                        Some(quality.ok_or_else(|| {
                            entry.wrong("it has to be a whole number from 1 to 100")
                        })?);
                }
                _ => {
                    settings.places.insert(entry.key.clone(), entry.place());
                    settings.recipe = settings.recipe.joined(&recipe_key(entry)?);
                }
            }
        }
        Ok(settings)
    }
}

/// The keys whose flags may stand without a value, with the words that `false` and `true` mean:
/// `tileable = true` is what `--tileable` is.
const SWITCHES: [(&str, [&str; 2]); 2] =
    [("preserve_color", ["none", "statistics"]), ("tileable", ["none", "both"])];

/// The patch that sets one key.
fn recipe_key(entry: Entry<'_>) -> Result<RecipePatch, ManifestError> {
    let mut single = DeTable::new();
    let span = entry.value.span();
    let mut value = entry.value.clone();
    let switch = SWITCHES.iter().find(|(key, _)| *key == entry.key);
    if let (Some((_, words)), Some(on)) = (switch, value.get_ref().as_bool()) {
        *value.get_mut() = DeValue::String(words[usize::from(on)].into());
    }
    single.insert(toml::Spanned::new(span.clone(), entry.key.clone().into()), value);
    let deserializer = ValueDeserializer::from(toml::Spanned::new(span, DeValue::Table(single)));
    let mut patch = RecipePatch::of_key(&entry.key, deserializer)
        .map_err(|error| entry.wrong(in_plain_words(error.message())))?;
    if let Some(InitSource::Image(path)) = &patch.optimize.init {
        let path = project_path(path).map_err(|error| entry.wrong(error))?;
        patch.optimize.init = Some(InitSource::Image(path.into()));
    }
    for path in [&mut patch.model, &mut patch.any_style_model].into_iter().flatten() {
        *path = project_path(path).map_err(|error| entry.wrong(error))?.into();
    }
    Ok(patch)
}

/// Rewrites serde's message without names of Rust types.
fn in_plain_words(message: &str) -> String {
    [
        ("expected u32", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected f32", "expected a number"),
        (" as i128", ""),
        ("wanted string or table", "it has to be a string"),
        ("unknown variant", "there is no"),
        ("expected an array of length 5", "expected five numbers, for relu1_1 to relu5_1"),
    ]
    .iter()
    .fold(message.trim().to_owned(), |message, (word, plain)| message.replace(word, plain))
}
