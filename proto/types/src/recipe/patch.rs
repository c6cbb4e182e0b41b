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

    /// This patch overridden by `over`: if both have a value, that of `over` counts. If `over` says
    /// how the picture is made, what this patch says of other methods' parameters goes. So it does
    /// where `over` says an effort, and that picks the method.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let picks = self.method.is_none() && over.effort.is_some();
        match over.method {
            Some(method) => self.for_method(method).joined(over),
            None if picks => self.for_method(over.chosen_method()).joined(over),
            None => self.joined(over),
        }
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
mod tests {
    use super::super::{AlphaUse, Channels, Common, GreenAxis, Init, Optimize, Optimizer};
    use super::*;
    use crate::{HexColor, ModelName, StyleSpan};

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
        recipe.common_mut().channels = "r+a".parse::<Channels>().expect("channels");
        recipe.common_mut().style_size = Some(StyleSpan::Metres(2.0));
        recipe.common_mut().texel_density = Some(512.0);
        recipe.common_mut().color_key = Some(HexColor([255, 0, 255]));
        (recipe.common_mut().relief, recipe.common_mut().green) = (0.5, GreenAxis::Directx);
        let Recipe::Optimize(optimize) = &mut recipe else { unreachable!("every preset does") };
        optimize.layers_by_scale = "256:relu3_1:half".parse().expect("it is a rule");
        optimize.pooling_grids = 2;
        (optimize.values, optimize.evenness, optimize.pattern) = (1.0, 1.0, 1.0);
        optimize.detail = 0.5;
        let recipe = serde_json::to_value(recipe).expect("it serialises");
        let arbitrary = Recipe::Arbitrary(Arbitrary::of(Preset::Painterly));
        let arbitrary = serde_json::to_value(arbitrary).expect("it serialises");
        let mut fields: Vec<&str> = Vec::new();
        for recipe in [&recipe, &arbitrary] {
            for (name, value) in recipe.as_object().expect("a recipe is an object") {
                match value.as_object() {
                    Some(group) => fields.extend(group.keys().map(String::as_str)),
                    None => fields.push(name),
                }
            }
        }
        fields.extend(["preset", "effort", "model", "model_styles", "any_style_model"]);
        fields.sort_unstable();
        fields.dedup();
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
        let steps = |patch: &RecipePatch| match patch.resolve().expect("it resolves") {
            Recipe::Synthesize(own) => (own.iterations, own.coarse_iterations),
            other => panic!("{other:?}"),
        };
        assert_eq!(steps(&patch), (20, 120));
        let gatys = RecipePatch { preset: Some(Preset::Gatys), ..patch.clone() };
        assert_eq!(steps(&gatys), (300, 300));
        patch.optimize.iterations = Some(3);
        assert_eq!(steps(&patch), (3, 120));
        patch.optimize.init = Some(InitSource::Image("a.png".to_owned()));
        patch.optimize.optimizer = Some(Optimizer::Adam);
        assert_eq!(init(&patch), Some(Init::Image));
    }

    #[test]
    fn an_effort_picks_the_method_unless_one_is_named() {
        let of = |effort: Effort| RecipePatch { effort: Some(effort), ..RecipePatch::default() };
        let optimize = OptimizePatch {
            iterations: Some(7),
            detail: Some(0.5),
            init: Some(InitSource::Image("a.png".to_owned())),
            ..OptimizePatch::default()
        };
        let below = RecipePatch {
            optimize,
            any_style_model: Some("any.safetensors".to_owned()),
            ..RecipePatch::default()
        };
        // What another table says of other methods is for other efforts.
        let draft = below.overlaid(&of(Effort::Draft));
        let mut likeness = Arbitrary::of(Preset::Painterly);
        (likeness.pass.detail, likeness.own_network) = (0.5, true);
        assert_eq!(draft.resolve(), Ok(Recipe::Arbitrary(likeness)));
        assert_eq!((draft.init_image(), draft.network()), (None, Some("any.safetensors")));
        let best = below.overlaid(&of(Effort::Best));
        let Ok(Recipe::Optimize(recipe)) = best.resolve() else { panic!("{best:?}") };
        assert_eq!((recipe.iterations, recipe.coarse_iterations), (7, 32));
        assert_eq!((best.init_image(), best.network()), (Some("a.png"), None));
        // In one table, they are a mistake.
        let error = below.joined(&of(Effort::Draft)).resolve().expect_err("it is refused");
        assert_eq!(error.name, "iterations");

        let named = RecipePatch { method: Some(Method::Optimize), ..of(Effort::Draft) };
        let Ok(Recipe::Optimize(recipe)) = named.resolve() else { panic!("{named:?}") };
        assert_eq!(recipe.iterations, 4);
        let likeness = Optimize { init: Init::Arbitrary, ..recipe };
        let models = Recipe::Optimize(likeness).models();
        assert_eq!(models, [ModelName::Vgg19, ModelName::Arbitrary]);
        let synthesis = RecipePatch { method: Some(Method::Synthesize), ..of(Effort::Best) };
        let Ok(Recipe::Synthesize(recipe)) = synthesis.resolve() else { panic!("{synthesis:?}") };
        assert_eq!((recipe.iterations, recipe.coarse_iterations), (40, 240));
    }

    #[test]
    fn each_method_has_its_own_parameters() {
        let table = |text: &str| {
            let table: serde_json::Map<_, _> = serde_json::from_str(text).expect("it is an object");
            table.into_iter().fold(RecipePatch::default(), |patch, (key, value)| {
                let one = serde_json::json!({ key.clone(): value });
                patch.joined(&RecipePatch::of_key(&key, one).expect("it is a key"))
            })
        };
        let refused = |text: &str| table(text).resolve().expect_err("it is refused").to_string();
        assert_eq!(
            refused(r#"{"method": "arbitrary", "iterations": 7, "style_scale": 2}"#),
            "iterations is 7, but has to be left out: method arbitrary does not have it"
        );
        assert_eq!(
            refused(r#"{"strength": 0.5}"#),
            "strength is 0.5, but has to be left out: method optimize does not have it"
        );
        // A rule that chooses the method is not to blame for the project's defaults.
        let defaults = table(r#"{"iterations": 7, "style_scale": 2, "palette": 0.5}"#);
        let rule = table(r#"{"method": "arbitrary", "strength": 0.5}"#);
        let recipe = defaults.overlaid(&rule).resolve().expect("it resolves");
        let mut expected = Arbitrary::of(Preset::Painterly);
        expected.pass.strength = 0.5;
        (expected.style_scale, expected.common.palette) = (2.0, 0.5);
        assert_eq!(recipe, Recipe::Arbitrary(expected));

        assert_eq!(
            refused(r#"{"method": "arbitrary", "model": "a.safetensors"}"#),
            "model is \"a.safetensors\", but has to be left out, or used with method feedforward"
        );
        assert_eq!(
            refused(r#"{"method": "feedforward", "any_style_model": "a.safetensors"}"#),
            "any_style_model is \"a.safetensors\", but has to be left out, or used with method \
             arbitrary"
        );
        // A network of one's own needs another model of the store.
        let own = table(r#"{"method": "arbitrary", "any_style_model": "a.safetensors"}"#);
        assert_eq!(own.network(), Some("a.safetensors"));
        let (own, other) = (own.resolve().expect("it resolves"), recipe);
        assert_eq!((own.takes_network(), own.models()), (true, &[ModelName::Vgg19][..]));
        assert_eq!((other.takes_network(), other.models()), (false, &[ModelName::Arbitrary][..]));
        assert_eq!(
            refused(r#"{"method": "feedforward", "style_scale": 2}"#),
            "style_scale is 2, but has to be left out: method feedforward does not have it"
        );
        assert_eq!(
            refused(r#"{"model_styles": ["night", "7:2"]}"#),
            "model_styles is [\"night\",\"7:2\"], but has to be left out, or used with method \
             feedforward"
        );
        let rule = table(
            r#"{"method": "feedforward", "model": "a.safetensors", "model_styles": ["7:2"],
                "detail": 0.5}"#,
        );
        let laid = defaults.overlaid(&rule);
        assert_eq!(laid.model.as_deref(), Some("a.safetensors"));
        let mut expected = FeedForward::of(Preset::Painterly);
        expected.model_styles = "7:2".parse().expect("a style");
        (expected.pass.detail, expected.common.palette) = (0.5, 0.5);
        assert_eq!(laid.resolve(), Ok(Recipe::FeedForward(expected)));
    }
}
