//! Describes a recipe as a preset and its differences.

use impasto_types::{
    AlphaUse, Arbitrary, FeedForward, GreenAxis, Method, Preset, Recipe, RecipePatch,
};
use serde_json::{Map, Value};

/// A recipe for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub preset: Preset,
    /// What differs from the preset.
    pub changes: Vec<Setting>,
}

/// One parameter, by its name in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: String,
}

/// The preset closest to `recipe`, and the differences. A resolved recipe does not say which preset
/// it began with; the closest one gives the shortest list.
pub fn settings(recipe: &Recipe) -> Settings {
    let candidates = Preset::ALL
        .map(|preset| Settings { preset, changes: changes(&begun(preset, recipe), recipe) });
    let [first, rest @ ..] = candidates;
    rest.into_iter().fold(first, |best, other| {
        if other.changes.len() < best.changes.len() { other } else { best }
    })
}

/// What a preset stands for where a recipe has another method, which says so itself.
fn begun(preset: Preset, recipe: &Recipe) -> Recipe {
    match recipe.method() {
        Method::Optimize | Method::Synthesize | Method::Train => preset.recipe(),
        Method::Arbitrary => Recipe::Arbitrary(Arbitrary::of(preset)),
        Method::FeedForward => Recipe::FeedForward(FeedForward::of(preset)),
    }
}

/// Every parameter of a recipe, in the order of the manifest's keys.
pub fn parameters(recipe: &Recipe) -> Vec<Setting> {
    named(&fields(recipe))
}

/// Every parameter of a preset, those that only other methods than its own have among them.
pub fn of_preset(preset: Preset) -> Map<String, Value> {
    let mut all = fields(&Recipe::Arbitrary(Arbitrary::of(preset)));
    all.extend(fields(&preset.recipe()));
    all
}

/// Parameters in the order of the manifest's keys.
pub fn named(fields: &Map<String, Value>) -> Vec<Setting> {
    let value = |name: &&'static str| {
        let value = shown(fields.get(*name)?);
        Some(Setting { name: (*name).to_owned(), value })
    };
    RecipePatch::keys()
        .filter(|key| !["method", "model", "any_style_model"].contains(key))
        .collect::<Vec<_>>()
        .iter()
        .filter_map(value)
        .collect()
}

fn changes(from: &Recipe, to: &Recipe) -> Vec<Setting> {
    let method = to
        .one_pass()
        .is_some()
        .then(|| Setting { name: "method".to_owned(), value: to.method().to_string() });
    let (from, to) = (fields(from), fields(to));
    let changed = to.into_iter().filter(|(name, value)| from.get(name) != Some(value));
    let changed = changed.map(|(name, value)| Setting { name, value: shown(&value) });
    method.into_iter().chain(changed).collect()
}

/// A recipe's parameters by name, with the types that a manifest has. Converts through text, so
/// that the `f32` 0.1 does not become the `f64` 0.10000000149.
pub fn fields(recipe: &Recipe) -> Map<String, Value> {
    let text = serde_json::to_string(recipe).unwrap_or_default();
    let mut fields: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    for group in ["common", "pass"] {
        if let Some(Value::Object(group)) = fields.remove(group) {
            fields.extend(group);
        }
    }
    // These are left out where they have their defaults.
    fields.entry("alpha").or_insert_with(|| match recipe.common().alpha {
        AlphaUse::Coverage => "coverage".into(),
        AlphaUse::Islands => "islands".into(),
        AlphaUse::Premultiplied => "premultiplied".into(),
        AlphaUse::Data => "data".into(),
    });
    fields.entry("channels").or_insert_with(|| recipe.common().channels.to_string().into());
    for key in ["color_key", "style_size", "texel_density"] {
        fields.entry(key).or_insert("none".into());
    }
    fields.entry("relief").or_insert(0.0.into());
    fields.entry("green").or_insert_with(|| match recipe.common().green {
        GreenAxis::Auto => "auto".into(),
        GreenAxis::Opengl => "opengl".into(),
        GreenAxis::Directx => "directx".into(),
    });
    if recipe.one_pass().is_some() {
        return fields;
    }
    fields.entry("layers_by_scale").or_insert_with(|| Value::Array(Vec::new()));
    fields.entry("pooling_grids").or_insert(1.into());
    for share in ["values", "evenness", "pattern"] {
        fields.entry(share).or_insert(0.0.into());
    }
    fields.entry("detail").or_insert(0.0.into());
    fields
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Null => "the asset's own".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string().trim_end_matches(".0").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::Optimize;

    use super::*;

    #[test]
    fn a_preset_alone_has_no_changes() {
        for preset in Preset::ALL {
            assert_eq!(settings(&preset.recipe()), Settings { preset, changes: vec![] });
        }
    }

    #[test]
    fn only_differences_are_listed() {
        let gatys = Optimize { style_weight: 0.1, ..Optimize::gatys() };
        let recipe = Recipe::Optimize(gatys.with(|common| common.seed = 7));
        let told = settings(&recipe);
        let changes: Vec<_> = told
            .changes
            .iter()
            .map(|change| format!("{} = {}", change.name, change.value))
            .collect();
        assert_eq!(told.preset, Preset::Gatys);
        assert_eq!(changes.len(), 2);
        assert!(
            changes.contains(&"style_weight = 0.1".to_owned())
                && changes.contains(&"seed = 7".to_owned()),
            "{changes:?}"
        );
    }
}
