//! The changes that manifests and command lines make to a preset.

use serde::{Deserialize, Deserializer};

use super::{CommonPatch, Init, Method, OptimizePatch, Preset, Recipe};
use crate::RecipeError;

/// Changes to a recipe: the values of a manifest's table or of a command's flags. `None` changes
/// nothing.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct RecipePatch {
    /// The recipe to start from
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    pub preset: Option<Preset>,
    /// How the picture is made. Hidden among the flags, since each method has a command of its own
    #[cfg_attr(feature = "clap", arg(long, value_enum, hide = true))]
    pub method: Option<Method>,
    #[cfg_attr(feature = "clap", command(flatten))]
    pub common: CommonPatch,
    #[cfg_attr(feature = "clap", command(flatten))]
    pub optimize: OptimizePatch,
}

/// The keys that choose a recipe rather than change it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Choice {
    preset: Option<Preset>,
    method: Option<Method>,
}

impl RecipePatch {
    const CHOICE_KEYS: [&'static str; 2] = ["preset", "method"];

    /// All keys of a manifest's table: those that choose a recipe, then the parameters of all
    /// methods, then each method's own.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        let parameters = CommonPatch::KEYS.iter().chain(OptimizePatch::KEYS);
        Self::CHOICE_KEYS.into_iter().chain(parameters.copied())
    }

    /// The patch from a table with the single key `key`.
    ///
    /// # Errors
    /// The deserializer's, if the value has another type or `key` is not one of [`Self::keys`].
    pub fn of_key<'de, D: Deserializer<'de>>(key: &str, table: D) -> Result<Self, D::Error> {
        let mut patch = Self::default();
        if CommonPatch::KEYS.contains(&key) {
            patch.common = CommonPatch::deserialize(table)?;
        } else if OptimizePatch::KEYS.contains(&key) {
            patch.optimize = OptimizePatch::deserialize(table)?;
        } else {
            let Choice { preset, method } = Choice::deserialize(table)?;
            (patch.preset, patch.method) = (preset, method);
        }
        Ok(patch)
    }

    /// This patch overridden by `over`: if both have a value, that of `over` counts.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        Self {
            preset: over.preset.or(self.preset),
            method: over.method.or(self.method),
            common: self.common.overlaid(&over.common),
            optimize: self.optimize.overlaid(&over.optimize),
        }
    }

    /// The resulting recipe: the preset (by default `painterly`) with all changes. Does not check
    /// ranges.
    ///
    /// # Errors
    /// If the method does not have a parameter that this patch sets.
    pub fn resolve(&self) -> Result<Recipe, RecipeError> {
        let mut optimize = self.preset.unwrap_or(Preset::Painterly).optimize();
        self.common.apply(&mut optimize.common);
        match self.method.unwrap_or(Method::Optimize) {
            Method::Optimize => {
                self.optimize.apply(&mut optimize);
                Ok(Recipe::Optimize(optimize))
            }
            Method::Synthesize => {
                // There is no content to start from.
                optimize.init = Init::Noise;
                self.optimize.apply(&mut optimize);
                Ok(Recipe::Synthesize(optimize))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AlphaUse, Common, InitSource, Optimize, Optimizer};
    use super::*;

    #[test]
    fn every_key_is_read_and_every_parameter_has_a_key() {
        for key in RecipePatch::keys() {
            let table = serde_json::json!({ key: { "no": "value" } });
            let refused = RecipePatch::of_key(key, table).expect_err("no key takes a table");
            assert!(!refused.to_string().contains("unknown field"), "{key}: {refused}");
        }
        assert!(RecipePatch::of_key("x", serde_json::json!({ "x": 1 })).is_err());
        // A recipe's own fields, as it serialises, are exactly the keys.
        let mut recipe = Preset::Painterly.recipe();
        // Absent where they have their defaults.
        recipe.common_mut().alpha = AlphaUse::Data;
        let Recipe::Optimize(optimize) = &mut recipe else { unreachable!("every preset does") };
        optimize.layers_by_scale = "256:relu3_1:half".parse().expect("it is a rule");
        optimize.pooling_grids = 2;
        (optimize.values, optimize.evenness) = (1.0, 1.0);
        optimize.detail = 0.5;
        let recipe = serde_json::to_value(recipe).expect("it serialises");
        let mut fields: Vec<&str> = Vec::new();
        for (name, value) in recipe.as_object().expect("a recipe is an object") {
            match value.as_object() {
                Some(common) => fields.extend(common.keys().map(String::as_str)),
                None => fields.push(name),
            }
        }
        fields.push("preset");
        fields.sort_unstable();
        let mut keys: Vec<&str> = RecipePatch::keys().collect();
        keys.sort_unstable();
        assert_eq!(fields, keys);
    }

    #[test]
    fn overriding_values_count() {
        let below = RecipePatch {
            common: CommonPatch { size: Some(256), ..CommonPatch::default() },
            optimize: OptimizePatch { iterations: Some(7), ..OptimizePatch::default() },
            ..RecipePatch::default()
        };
        let over = RecipePatch {
            preset: Some(Preset::Gatys),
            common: CommonPatch { size: Some(512), ..CommonPatch::default() },
            ..RecipePatch::default()
        };
        let gatys = Optimize::gatys();
        let expected =
            Optimize { common: Common { size: Some(512), ..gatys.common }, iterations: 7, ..gatys };
        assert_eq!(below.overlaid(&over).resolve(), Ok(Recipe::Optimize(expected)));
    }

    #[test]
    fn synthesis_begins_with_noise_unless_told_otherwise() {
        let mut patch = RecipePatch { method: Some(Method::Synthesize), ..Default::default() };
        let init = |patch: &RecipePatch| patch.resolve().expect("it resolves").init();
        assert_eq!(init(&patch), Some(Init::Noise));
        patch.optimize.init = Some(InitSource::Image("a.png".to_owned()));
        patch.optimize.optimizer = Some(Optimizer::Adam);
        assert_eq!(init(&patch), Some(Init::Image));
    }
}
