//! UDIM sets: tiles that are painted as one picture.

use impasto_types::{AssetKind, Part};

use super::folder::{Folder, asset, folder, header, path};
use super::*;
use crate::Selection;

const SETS: &str = r#"
[project]
name = "x"
output = "out/{dir}/{name}"
[styles.day]
images = "styles/day.jpg"
[[rules]]
name = "bodies"
match = "art/**"
udim = true
size = 100
tileable = "both"
"#;

#[test]
fn the_tiles_of_a_set_are_one_task_and_a_single_tile_is_a_picture() {
    let mut folder = folder(&[
        "art/body.1011.png",
        "art/body.1001.png",
        "art/Body.1002.png",
        "art/body_n.png",
        "art/lone.1001.png",
        "other/body.1003.png",
    ]);
    let plan = folder.plan(SETS).expect("it can be planned");
    let outputs: Vec<Vec<(Part, &str)>> = plan
        .tasks
        .iter()
        .map(|task| task.outputs.iter().map(|out| (out.part, out.path.as_str())).collect())
        .collect();
    assert_eq!(
        outputs,
        [
            vec![
                (Part::Color, "out/art/body.1001.png"),
                (Part::Udim(1002), "out/art/Body.1002.png"),
                (Part::Udim(1011), "out/art/body.1011.png"),
            ],
            vec![(Part::Color, "out/art/body_n.png")],
            vec![(Part::Color, "out/art/lone.1001.png")],
        ]
    );
    let [set, plain, _] = &plan.tasks[..] else { panic!("three: {plan:?}") };
    let action = set.whole_action();
    assert!(action.check().is_ok(), "{:?}", action.check());
    assert_eq!(action.kind, AssetKind::udim());
    let parts: Vec<Part> = set.inputs.iter().map(|input| input.part).collect();
    assert_eq!(parts, [Part::Color, Part::Udim(1001), Part::Udim(1002), Part::Udim(1011)]);
    assert_eq!(set.input(Part::Color), set.input(Part::Udim(1001)));
    // Two by two tiles, each as large as a picture alone, with strokes as large.
    assert_eq!((set.width, set.height, plain.width, plain.height), (200, 100, 100, 50));
    let scale = |task: &PlannedTask| match &task.form.action.recipe {
        Recipe::Optimize(recipe) => recipe.style_scale,
        other => panic!("{other:?}"),
    };
    assert_eq!(scale(set), scale(plain) / 2.0);
    assert!(!set.form.action.recipe.common().tileable.wraps_x());
    assert!(set.work > 2 * plain.work);

    folder.build(&plan);
    for output in &set.outputs {
        let blob = BlobRef::of(output.path.as_str().as_bytes());
        folder.previous.insert(output.path.clone(), set.record(blob));
        folder.present.insert(output.path.clone(), blob);
    }
    let plan = folder.plan(SETS).expect("it can be planned");
    assert_eq!((plan.stale().count(), plan.orphans.len()), (0, 0));
    let manifest = Manifest::parse(SETS, "impasto.toml").expect("it parses");
    let mut only = plan.clone();
    let selection = Selection::new(vec!["art/body.1011.png".to_owned()]).expect("a glob");
    selection.apply(&manifest, &mut only);
    assert_eq!(only.tasks.len(), 1, "any tile selects its set");
    // A tile that changes paints the set again, and one that comes as well.
    let tile = folder.listing.assets.iter_mut().find(|asset| asset.path.as_str().contains("1011"));
    tile.expect("it is there").blob = BlobRef::of(b"changed");
    let plan = folder.plan(SETS).expect("it can be planned");
    let reasons: Vec<String> = plan
        .stale()
        .flat_map(|task| match &task.state {
            Staleness::Stale(reasons) => reasons.iter().map(Reason::to_string).collect(),
            Staleness::UpToDate => vec![],
        })
        .collect();
    assert_eq!(reasons, ["the udim:1011 changed"]);
    let without = SETS.replace("udim = true\n", "");
    let plan = folder.plan(&without).expect("it can be planned");
    assert_eq!(plan.tasks.len(), 5);
}

#[test]
fn a_set_waits_for_a_tile_that_is_being_written_and_loses_nothing() {
    let mut folder = folder(&["art/body.1002.png", "art/body.1003.png", "art/b.png"]);
    let plan = folder.plan(SETS).expect("it can be planned");
    folder.build(&plan);
    let set = plan.tasks.iter().find(|task| task.outputs.len() > 1).expect("there is a set");
    for output in &set.outputs {
        let blob = BlobRef::of(output.path.as_str().as_bytes());
        folder.previous.insert(output.path.clone(), set.record(blob));
        folder.present.insert(output.path.clone(), blob);
    }
    folder.listing.passed.unsettled.insert(path("art/body.1004.png"));
    let plan = folder.plan(SETS).expect("it can be planned");
    assert_eq!((plan.tasks.len(), plan.orphans.len()), (1, 0), "{:?}", plan.orphans);
    folder.listing.passed.unsettled.clear();
    // A damaged tile before the first keeps the outputs of the others.
    let mut first = asset("art/body.1001.png");
    first.image = Err("it is damaged".to_owned());
    folder.listing.assets.push(first);
    let plan = folder.plan(SETS).expect("it can be planned");
    assert_eq!((plan.problems.len(), plan.orphans.len()), (1, 0), "{:?}", plan.orphans);
}

#[test]
fn a_tile_that_cannot_be_written_or_has_another_shape_is_a_problem_before_painting() {
    let mut folder = folder(&["art/body.1001.png", "art/body.1002.png"]);
    let header = |width, alpha| ImageHeader { width, alpha, ..header("a.png") };
    let problem = |folder: &Folder, manifest: &str| {
        folder.plan(manifest).expect("it can be planned").problems[0].to_string()
    };
    folder.listing.assets[1].image = Ok(header(100, false));
    let text = problem(&folder, SETS);
    assert!(text.contains("udim:1002 art/body.1002.png has 100 x 32 pixels"), "{text}");
    folder.listing.assets[1].image = Ok(header(64, true));
    let manifest =
        SETS.replace("output = \"out/{dir}/{name}\"", "output = \"out/{dir}/{stem}.jpg\"");
    let manifest = manifest.replace("size = 100", "format = \"jpg\"");
    let text = problem(&folder, &manifest);
    assert!(text.contains("alpha, which jpg cannot hold"), "{text}");
}

#[test]
fn a_tile_that_cannot_be_read_is_the_problem_of_its_set() {
    let mut folder = folder(&["art/body.1001.png", "art/body.1002.png", "art/b.png"]);
    folder.listing.assets[1].image = Err("it is damaged".to_owned());
    let plan = folder.plan(SETS).expect("it can be planned");
    let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
    let expected = "art/body.1001.png: its udim:1002 art/body.1002.png: it is damaged";
    assert_eq!(problems, [expected]);
    assert_eq!(plan.tasks.len(), 1);
    folder.listing.assets[1].image =
        Ok(ImageHeader { width: 30_000, height: 15_000, ..header("a.png") });
    folder.listing.assets[0].image = folder.listing.assets[1].image.clone();
    let large = SETS.replace("size = 100\n", "");
    let plan = folder.plan(&large).expect("it can be planned");
    assert!(plan.problems[0].to_string().contains("60000 x 15000"), "{:?}", plan.problems);
    let masked = SETS.replace("size = 100", "mask = \"m.png\"");
    let error = Manifest::parse(&masked, "impasto.toml").expect_err("a mask").to_string();
    assert!(error.contains("a set of tiles has no mask"), "{error}");
}
