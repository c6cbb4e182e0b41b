use super::*;
use crate::{HexColor, ModelName, Optimize, Preset, Recipe, Region};

fn regions() -> Regions {
    let region = |color, content: &[u8]| {
        let styles = vec![StyleRef::whole(BlobRef::of(content), 1.0)];
        Region { color: HexColor(color), styles, recipe: None }
    };
    Regions {
        named: vec![region([0, 0, 255], b"water"), region([255, 0, 0], b"fire")],
        tolerance: 8,
        softness: 4,
        keeps_others: false,
    }
}

fn action() -> Action {
    Action {
        method_version: Method::Optimize.version(),
        recipe: Preset::Painterly.recipe(),
        kind: AssetKind::picture(),
        inputs: vec![Input { part: Part::Color, source: InputRef::Blob(BlobRef::of(b"content")) }],
        styles: vec![StyleRef::whole(BlobRef::of(b"style"), 1.0)],
        regions: None,
        texture: None,
        models: vec![ModelRef { name: ModelName::Vgg19, blob: BlobRef::of(b"vgg") }],
        outputs: vec![OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 }],
    }
}

#[test]
fn anything_that_changes_the_picture_changes_the_digest() {
    let action = action();
    let digest = action.digest();
    assert_eq!(action.clone().digest(), digest);
    let changes: [fn(&mut Action); 10] = [
        |a| a.method_version += 1,
        |a| a.recipe.common_mut().seed += 1,
        |a| a.recipe = Preset::Texture.recipe(),
        |a| a.inputs[0].source = InputRef::Blob(BlobRef::of(b"other")),
        |a| a.inputs[0].part = Part::Height,
        |a| a.styles[0].weight = 2.0,
        |a| a.styles[0].crop = Some(Crop::all(1)),
        |a| a.outputs[0].format = ContainerFormat::Tiff,
        |a| a.kind = "material".to_owned().try_into().expect("a kind"),
        |a| a.regions = Some(regions()),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = action.clone();
        change(&mut changed);
        assert_ne!(changed.digest(), digest, "change {index}");
    }
}

#[test]
fn the_canonical_form_is_short_and_sorted() {
    let text = String::from_utf8(action().canonical()).expect("it is text");
    let (header, json) = text.split_once('\n').expect("a header");
    assert_eq!(header, "impasto action 1");
    assert!(json.starts_with(r#"{"inputs":[{"blob":{"digest":""#), "{json}");
    assert!(!json.contains("kind"), "the default is absent: {json}");
    assert!(!json.contains("crop"), "a whole style image has none: {json}");
    assert!(json.contains(r#""palette":0.3"#), "{json}");
}

/// Every later release must read the bytes of this one, with the same digest.
#[test]
fn the_digest_of_this_form_does_not_change() {
    // With numbers of its own: those of presets and methods may change.
    let mut action = Action { method_version: 1, ..action() };
    action.recipe = Recipe::Optimize(Optimize {
        iterations: 12,
        coarse_iterations: 40,
        min_scale: 128,
        scale_factor: 2.0,
        detail: 0.0,
        ..Optimize::painterly()
    });
    assert_eq!(
        action.digest().to_hex(),
        "7785c52c5b98aebee01f2a659660f2363a1cfb91d353f6136bab523fda57ae0f"
    );
}

#[test]
fn a_shape_gives_each_action_its_digest() {
    let blob = |part: Part, content: &[u8]| Input::blob(part, BlobRef::of(content));
    let output = InputRef::Output { action: Digest::of(b"task"), output: Part::Udim(1001) };
    let huge = BlobRef { digest: Digest::of(b""), size_bytes: u64::MAX };
    let inputs = [
        vec![],
        vec![blob(Part::Color, b"content")],
        vec![blob(Part::Color, b""), blob(Part::Mask, b"mask"), blob(Part::Init, b"init")],
        vec![Input::blob(Part::Frame(u32::MAX), huge)],
        vec![
            Input { part: Part::Color, source: output },
            blob("packed:occlusion+none+metallic".parse().expect("a part"), b"map"),
            Input { part: "face:-x".parse().expect("a part"), source: output },
        ],
    ];
    let shapes: [fn(&mut Action); 5] = [
        |_| (),
        |a| a.kind = AssetKind::photograph(),
        |a| a.recipe = Preset::Texture.recipe(),
        |a| a.models.clear(),
        |a| a.styles[0].crop = Some(Crop::all(1)),
    ];
    for change in shapes {
        let mut action = action();
        change(&mut action);
        let shape = ActionShape::of(&action);
        for inputs in &inputs {
            action.inputs.clone_from(inputs);
            assert_eq!(shape.digest(inputs), action.digest(), "{action:?}");
        }
    }
}

#[test]
fn only_canonical_bytes_are_read() {
    let bytes = action().canonical();
    assert_eq!(Action::from_canonical(&bytes).expect("it reads"), action());
    let text = String::from_utf8(bytes).expect("it is text");
    let refused = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is there");
        Action::from_canonical(changed.as_bytes()).expect_err(to).to_string()
    };
    assert!(refused("action 1", "action 2").contains("begins with `impasto action 2`"));
    assert!(refused("{\"inputs\"", "{ \"inputs\"").contains("canonical"));
    assert!(refused("{\"inputs\"", "{\"dither\":1,\"inputs\"").contains("`dither`"));
    assert!(refused("\"models\"", "\"kind\":\"picture\",\"models\"").contains("canonical"));
    assert!(refused("\"weight\":1.0", "\"weight\":-1.0").contains("weight is -1"));
    assert!(refused("\"quality\":90", "\"quality\":0").contains("quality of color is 0"));
    assert!(refused("\"iterations\":8", "\"iterations\":0").contains("recipe.iterations"));
}

#[test]
fn regions_come_with_their_map_and_their_styles_are_fetched() {
    let mut action = action();
    action.regions = Some(regions());
    let error = action.check().expect_err("there is no map").to_string();
    assert!(error.contains("no input `regions`"), "{error}");
    let map = BlobRef::of(b"map");
    action.inputs.push(Input::blob(Part::Regions, map));
    action.check().expect("all is there");
    let blobs: Vec<_> = action.blobs().collect();
    for content in [&b"map"[..], b"style", b"water", b"fire"] {
        assert!(blobs.contains(&BlobRef::of(content)));
    }
    assert_eq!(Action::from_canonical(&action.canonical()).expect("it reads"), action);
    let shape = ActionShape::of(&action);
    assert_eq!(shape.digest(&action.inputs), action.digest());
    let mut recipe = action.recipe.clone();
    recipe.common_mut().palette = 0.9;
    if let Some(regions) = &mut action.regions {
        regions.named[0].recipe = Some(recipe);
    }
    action.shrink(128, 64);
    action.check().expect("all regions have the new size");
    assert!(action.all_styles().all(|(_, recipe)| recipe.common().size == Some(64)));
    action.regions = None;
    let error = action.check().expect_err("nothing is named").to_string();
    assert!(error.contains("no region is named"), "{error}");
}

#[test]
fn inputs_that_the_recipe_needs_are_required() {
    let refused = |change: fn(&mut Action)| {
        let mut changed = action();
        change(&mut changed);
        changed.check().expect_err("it is refused").to_string()
    };
    assert!(refused(|a| a.inputs.clear()).contains("paints an asset"));
    assert!(refused(|a| a.inputs[0].part = Part::Mask).contains("paints an asset"));
    assert!(refused(|a| a.styles.clear()).contains("at least one style"));
    assert!(refused(|a| a.outputs.clear()).contains("at least one output"));
    assert!(refused(|a| a.inputs.push(a.inputs[0])).contains("color stands before color"));
    let from_image = |a: &mut Action| match &mut a.recipe {
        Recipe::Optimize(optimize) | Recipe::Synthesize(optimize) => {
            optimize.init = crate::Init::Image;
        }
        Recipe::Arbitrary(_) | Recipe::FeedForward(_) | Recipe::Train(_) => {
            panic!("it has no picture to begin with")
        }
    };
    assert!(refused(from_image).contains("no input `init`"));
    let learned = |a: &mut Action| {
        a.recipe = Recipe::FeedForward(crate::FeedForward::of(Preset::Painterly));
        a.styles.clear();
    };
    assert!(refused(learned).contains("method feedforward needs an input `model`"));
    let model = Input::blob(Part::Model, BlobRef::of(b"network"));
    let mut unused = action();
    unused.inputs.push(model);
    let error = unused.check().expect_err("it is refused").to_string();
    assert!(error.contains("method optimize has no use for an input `model`"), "{error}");
    let mut with_model = action();
    learned(&mut with_model);
    with_model.inputs.push(model);
    assert!(with_model.check().is_ok(), "the network has its style");
}

#[test]
fn an_input_may_be_an_output_of_another_action() {
    let mut next = action();
    let output = InputRef::Output { action: action().digest(), output: Part::Color };
    next.inputs.push(Input { part: Part::Init, source: output });
    let read = Action::from_canonical(&next.canonical()).expect("it reads");
    assert_eq!(read, next);
    assert_eq!(read.producers().collect::<Vec<_>>(), [action().digest()]);
    assert_eq!(read.blobs().count(), action().blobs().count());
}
