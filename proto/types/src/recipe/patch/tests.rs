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
    // So they come back where a third table picks theirs, and not where the second names one.
    let [fair, named] = [Effort::Good, Effort::Draft].map(of);
    let laid = |second: &RecipePatch| RecipePatch::laid(&[&below, second, &fair]);
    let Ok(Recipe::Optimize(recipe)) = laid(&named).resolve() else { panic!("{fair:?}") };
    assert_eq!((recipe.iterations, recipe.detail), (7, 0.5));
    let named = RecipePatch { method: Some(Method::Arbitrary), ..named };
    assert_eq!(laid(&named).resolve(), draft.resolve());
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
