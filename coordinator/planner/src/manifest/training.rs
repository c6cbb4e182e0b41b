//! `train` of a style: its network is made by the build.

use impasto_types::{AssetPath, Preset, Training};

use super::section::Entry;
use super::{ManifestError, project_path};

/// What `train` of a style says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TrainKey {
    pub(crate) training: Training,
    pub(crate) content: Option<AssetPath>,
}

const KEYS: [&str; 14] = [
    "content",
    "preset",
    "content_weight",
    "style_weight",
    "style_scale",
    "size",
    "crop",
    "batch",
    "steps",
    "noise",
    "learning_rate",
    "look_every",
    "patience",
    "seed",
];

/// `true`, or a table of settings; `None` for `false`.
pub(super) fn read(entry: Entry<'_>) -> Result<Option<TrainKey>, ManifestError> {
    if !entry.is_table() {
        let is_trained = entry.boolean().map_err(|_| {
            entry.wrong("it has to be true, or a table of settings such as { steps = 2000 }")
        })?;
        return Ok(is_trained.then(TrainKey::default));
    }
    let label = format!("`train` of {}", entry.table);
    let mut section = entry.section(label, &KEYS)?;
    let mut training = Training::default();
    let content = section.take("content").map(|entry| {
        let folder = entry.string()?;
        let folder = project_path(folder.strip_suffix('/').unwrap_or(folder));
        folder.map_err(|error| entry.wrong(error))
    });
    let content = content.transpose()?;
    if let Some(preset) = section.take("preset") {
        let name = preset.string()?;
        let known = Preset::ALL.into_iter().find(|known| known.as_str() == name);
        let known = known.ok_or_else(|| {
            let names = Preset::ALL.map(Preset::as_str).join(", ");
            preset.wrong(format!("it has to be one of {names}"))
        })?;
        training.recipe = known.optimize();
    }
    let mut places = Vec::new();
    let recipe = &mut training.recipe;
    let numbers = [
        ("content_weight", &mut recipe.content_weight),
        ("style_weight", &mut recipe.style_weight),
        ("style_scale", &mut recipe.style_scale),
        ("noise", &mut training.noise),
        ("learning_rate", &mut training.learning_rate),
    ];
    for (key, value) in numbers {
        if let Some(entry) = section.take(key) {
            let number = entry.number().ok_or_else(|| entry.wrong("it has to be a number"))?;
            *value = number as f32;
            places.push(entry);
        }
    }
    let mut seed = 0;
    let wholes = [
        ("size", &mut training.size_px),
        ("crop", &mut training.crop_px),
        ("batch", &mut training.batch),
        ("steps", &mut training.steps),
        ("look_every", &mut training.look_every),
        ("patience", &mut training.patience),
        ("seed", &mut seed),
    ];
    for (key, value) in wholes {
        if let Some(entry) = section.take(key) {
            let reason = "it has to be a whole number, 0 or more";
            *value = entry.whole().ok_or_else(|| entry.wrong(reason))?;
            places.push(entry);
        }
    }
    training.seed = u64::from(seed);
    training.check().map_err(|error| {
        let said = places.iter().find(|entry| entry.key == error.name);
        // Presets and defaults are in range, so some key set the value.
        let said = said.expect("a value out of range comes from a key");
        said.wrong_part(error.value, format!("it has to be {}", error.range))
    })?;
    Ok(Some(TrainKey { training, content }))
}
