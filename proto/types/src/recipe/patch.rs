//! The changes that manifests and command lines make to a preset.

use serde::{Deserialize, Deserializer};

use super::{
    Arbitrary, CommonPatch, Effort, FeedForward, InitSource, Method, ModelStyles, OnePass,
    OnePassPatch, OptimizePatch, Preset, Recipe, shown,
};
use crate::RecipeError;

/// Changes to a recipe: the values of a manifest's table or of a command's flags. `None` changes
/// nothing.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct RecipePatch {
    /// The recipe to start from
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    pub preset: Option<Preset>,
    /// How the picture is made
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    pub method: Option<Method>,
    /// How much work a picture is worth; picks the method, where none is given, and steps
    #[cfg_attr(feature = "clap", arg(long, value_enum))]
    pub effort: Option<Effort>,
    /// The network to paint with, a file that `impasto train` wrote
    ///
    /// Only for `method = "feedforward"`, which needs it.
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE"))]
    pub model: Option<String>,
    /// Which of the network's styles to paint, by name, with their weights, between commas
    ///
    /// Only for `method = "feedforward"`. Without it, the style images say which.
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME[:WEIGHT],..."))]
    pub model_styles: Option<ModelStyles>,
    /// The network for any style to paint with, a file that `impasto train --any-style` wrote
    ///
    /// Only for `method = "arbitrary"`. Without it, the networks of the model store paint.
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE"))]
    pub any_style_model: Option<String>,
    #[cfg_attr(feature = "clap", command(flatten))]
    pub common: CommonPatch,
    #[cfg_attr(feature = "clap", command(flatten))]
    pub optimize: OptimizePatch,
    #[cfg_attr(feature = "clap", command(flatten))]
    pub one_pass: OnePassPatch,
}

/// The keys that choose a recipe rather than change it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Choice {
    preset: Option<Preset>,
    method: Option<Method>,
    effort: Option<Effort>,
    model: Option<String>,
    model_styles: Option<ModelStyles>,
    any_style_model: Option<String>,
}

impl RecipePatch {
    const CHOICE_KEYS: [&'static str; 6] =
        ["preset", "method", "effort", "model", "model_styles", "any_style_model"];

    /// All keys of a manifest's table: those that choose a recipe, then the parameters of all
    /// methods, then each method's own.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        let own = OptimizePatch::KEYS.iter().chain(OnePassPatch::KEYS);
        let parameters = CommonPatch::KEYS.iter().chain(own);
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
        } else if OnePassPatch::KEYS.contains(&key) {
            patch.one_pass = OnePassPatch::deserialize(table)?;
        } else {
            let choice = Choice::deserialize(table)?;
            (patch.preset, patch.method) = (choice.preset, choice.method);
            patch.effort = choice.effort;
            (patch.model, patch.model_styles) = (choice.model, choice.model_styles);
            patch.any_style_model = choice.any_style_model;
        }
        Ok(patch)
    }

    /// This patch overridden by `over`: see [`Self::laid`].
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        Self::laid(&[self, over])
    }

    /// Patches, each of which overrides those before it. The last one that says how the picture is
    /// made, by `method` or, if none does, by `effort`, picks the method; what those before it say
    /// of other methods' parameters goes.
    #[must_use]
    pub fn laid(layers: &[&Self]) -> Self {
        let last = |says: fn(&Self) -> bool| layers.iter().rposition(|layer| says(layer));
        let picks = last(|layer| layer.method.is_some());
        let picks = picks.or_else(|| last(|layer| layer.effort.is_some())).unwrap_or(0);
        let all = |layers: &[&Self]| {
            layers.iter().fold(Self::default(), |below, layer| below.joined(layer))
        };
        let (below, over) = layers.split_at(picks);
        all(below).for_method(all(layers).chosen_method()).joined(&all(over))
    }

    /// What this patch and another of the same table say; the other counts if both have a value.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        Self {
            preset: other.preset.or(self.preset),
            method: other.method.or(self.method),
            effort: other.effort.or(self.effort),
            model: other.model.clone().or_else(|| self.model.clone()),
            model_styles: other.model_styles.clone().or_else(|| self.model_styles.clone()),
            any_style_model: other.any_style_model.clone().or_else(|| self.any_style_model.clone()),
            common: self.common.overlaid(&other.common),
            optimize: self.optimize.overlaid(&other.optimize),
            one_pass: self.one_pass.overlaid(&other.one_pass),
        }
    }

    /// How the picture is made.
    pub fn chosen_method(&self) -> Method {
        self.method.unwrap_or_else(|| self.effort.unwrap_or_default().method())
    }

    /// Without parameters that a method does not have.
    fn for_method(&self, method: Method) -> Self {
        let Self { model, model_styles, any_style_model, optimize, one_pass, .. } = self.clone();
        let shared = |keys: &[&str]| optimize.clone().only(keys);
        let (optimize, one_pass) = match method {
            Method::Optimize | Method::Synthesize | Method::Train => {
                (optimize, OnePassPatch::default())
            }
            Method::Arbitrary => {
                let keys = [&OnePass::SHARED_KEYS[..], &[Arbitrary::SHARED_KEY]].concat();
                (shared(&keys), one_pass)
            }
            Method::FeedForward => (shared(&OnePass::SHARED_KEYS), one_pass),
        };
        let model = model.filter(|_| method.takes_model());
        let model_styles = model_styles.filter(|_| method.takes_model());
        let any_style_model = any_style_model.filter(|_| method == Method::Arbitrary);
        Self { model, model_styles, any_style_model, optimize, one_pass, ..self.clone() }
    }

    /// The parameters that not all methods have and that have a value, each with it for display.
    fn special(&self) -> Vec<(&'static str, String)> {
        let model = self.model.iter().map(|model| ("model", format!("{model:?}")));
        let styles = self.model_styles.iter().map(|styles| ("model_styles", shown(styles)));
        let any_style = self.any_style_model.iter();
        let any_style = any_style.map(|model| ("any_style_model", format!("{model:?}")));
        let models = model.chain(styles).chain(any_style);
        models.chain(self.optimize.set()).chain(self.one_pass.set()).collect()
    }

    /// The resulting recipe: the preset (by default `painterly`) with all changes. Does not check
    /// ranges.
    ///
    /// # Errors
    /// If the method does not have a parameter that this patch sets, or makes no picture.
    pub fn resolve(&self) -> Result<Recipe, RecipeError> {
        let preset = self.preset.unwrap_or(Preset::Painterly);
        let method = self.chosen_method();
        let effort = self.effort.unwrap_or_default();
        self.check_foreign(method)?;
        match method {
            Method::Optimize => {
                let mut optimize = preset.optimize().with_effort(effort);
                self.common.apply(&mut optimize.common);
                self.optimize.apply(&mut optimize);
                Ok(Recipe::Optimize(optimize))
            }
            Method::Synthesize => {
                let mut optimize = preset.optimize().for_synthesis().with_effort(effort);
                self.common.apply(&mut optimize.common);
                self.optimize.apply(&mut optimize);
                Ok(Recipe::Synthesize(optimize))
            }
            Method::Arbitrary => {
                let mut arbitrary = Arbitrary::of(preset);
                self.common.apply(&mut arbitrary.common);
                arbitrary.take_shared(&self.optimize);
                self.one_pass.apply(&mut arbitrary.pass);
                arbitrary.own_network = self.any_style_model.is_some();
                Ok(Recipe::Arbitrary(arbitrary))
            }
            Method::Train => {
                let (value, range) = (method.to_string(), "a method that paints");
                Err(RecipeError { name: "method", value, range })
            }
            Method::FeedForward => {
                let mut feed_forward = FeedForward::of(preset);
                self.common.apply(&mut feed_forward.common);
                feed_forward.pass.take_shared(&self.optimize);
                self.one_pass.apply(&mut feed_forward.pass);
                feed_forward.model_styles = self.model_styles.clone().unwrap_or_default();
                Ok(Recipe::FeedForward(feed_forward))
            }
        }
    }

    /// The file of the project's own network that the method paints with, if it does.
    pub fn network(&self) -> Option<&str> {
        match self.chosen_method() {
            Method::FeedForward => self.model.as_deref(),
            Method::Arbitrary => self.any_style_model.as_deref(),
            Method::Optimize | Method::Synthesize | Method::Train => None,
        }
    }

    /// The path of the picture that optimisation begins with, if it does with one.
    pub fn init_image(&self) -> Option<&str> {
        match self.chosen_method() {
            Method::Optimize | Method::Synthesize => {
                self.optimize.init.as_ref().and_then(InitSource::image)
            }
            Method::Arbitrary | Method::FeedForward | Method::Train => None,
        }
    }

    /// That only parameters of this method have a value.
    fn check_foreign(&self, method: Method) -> Result<(), RecipeError> {
        let (given, kept) = (self.special(), self.for_method(method).special());
        match given.into_iter().find(|(key, _)| kept.iter().all(|(own, _)| own != key)) {
            None => Ok(()),
            Some((name @ ("model" | "model_styles"), value)) => {
                let range = "left out, or used with method feedforward";
                Err(RecipeError { name, value, range })
            }
            Some((name @ "any_style_model", value)) => {
                let range = "left out, or used with method arbitrary";
                Err(RecipeError { name, value, range })
            }
            Some((name, value)) => Err(RecipeError { name, value, range: method.without_it() }),
        }
    }
}

impl Method {
    /// What is wrong with a parameter of another method.
    fn without_it(self) -> &'static str {
        match self {
            Self::Optimize => "left out: method optimize does not have it",
            Self::Synthesize => "left out: method synthesize does not have it",
            Self::Arbitrary => "left out: method arbitrary does not have it",
            Self::FeedForward => "left out: method feedforward does not have it",
            Self::Train => "left out: method train does not have it",
        }
    }
}

#[cfg(test)]
mod tests;
