//! Regions: an ID map whose colours are painted in styles of their own.

use impasto_types::{Effort, HexColor, Part, RecipePatch};

use super::folder::{Folder, folder, header, path};
use super::*;
use crate::InputFile;

const GARDEN: &str = r##"
[project]
name = "x"
output = "out/{name}"
[styles.day]
images = "styles/day.jpg"
[styles.night]
images = ["styles/night.jpg", "styles/sky.jpg"]
style_weight = 6.5
[[rules]]
name = "walls"
match = "walls/**"
style = "day"
[rules.regions]
map = "ids/{dir}/{stem}_id.png"
styles = { "#00ff00" = "night", "#0000ff" = "day" }
keep = ["#ff0000"]
softness = 2
"##;

/// Two walls, the first of which has an ID map.
fn garden() -> Folder {
    let mut folder = folder(&["walls/a.png", "walls/b.png"]);
    let map = "ids/walls/a_id.png";
    let file = InputFile { blob: BlobRef::of(map.as_bytes()), header: header(map) };
    folder.inputs.insert(path(map), Ok(file));
    folder
}

#[test]
fn an_asset_with_a_map_has_its_regions_and_another_has_none() {
    let plan = garden().plan(GARDEN).expect("it can be planned");
    let [mapped, plain] = &plan.tasks[..] else { panic!("two walls: {plan:?}") };
    let action = mapped.whole_action();
    assert!(action.check().is_ok(), "{:?}", action.check());
    let map = BlobRef::of(b"ids/walls/a_id.png");
    assert_eq!(mapped.input(Part::Regions), Some(InputRef::Blob(map)));
    let regions = action.regions.as_ref().expect("there are regions");
    let named: Vec<_> = regions
        .named
        .iter()
        .map(|region| (region.color.0, region.styles.len(), region.recipe.is_some()))
        .collect();
    let [red, green, blue] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
    // Another style has another weight; the rule's own paints with the action's recipe.
    assert_eq!(named, [(blue, 1, false), (green, 2, true), (red, 0, false)]);
    assert_eq!((regions.softness, regions.keeps_others), (2, false));
    assert_eq!(plain.whole_action().regions, None);
    assert_eq!(mapped.work, 3 * plain.work, "two regions, and the rest");
    assert!(mapped.least_memory_bytes > plain.least_memory_bytes);
    let [note] = &plan.notes[..] else { panic!("{:?}", plan.notes) };
    assert!(note.to_string().contains("ids/walls/b_id.png"), "{note}");
}

#[test]
fn a_region_that_changes_is_the_reason_and_names_its_colour() {
    let mut folder = garden();
    let plan = folder.plan(GARDEN).expect("it can be planned");
    folder.build(&plan);
    let reasons = |manifest: &str| -> Vec<String> {
        let plan = folder.plan(manifest).expect("it can be planned");
        let stale = plan.stale().filter_map(|task| match &task.state {
            Staleness::Stale(reasons) => Some(reasons.iter().map(Reason::to_string)),
            Staleness::UpToDate => None,
        });
        stale.flatten().collect()
    };
    assert_eq!(reasons(GARDEN), [""; 0]);
    let other = GARDEN.replace("\"#0000ff\" = \"day\"", "\"#0000ff\" = \"night\"");
    assert_eq!(reasons(&other), ["region #0000ff changed"]);
    let fewer = GARDEN.replace("keep = [\"#ff0000\"]", "others = \"keep\"");
    assert_eq!(
        reasons(&fewer),
        ["region #ff0000 changed", "others of regions changed from paint to keep"]
    );
    let softer = GARDEN.replace("softness = 2", "softness = 9");
    assert_eq!(reasons(&softer), ["softness of regions changed from 2 to 9"]);
}

#[test]
fn mistakes_in_regions_are_named_with_their_place() {
    let refused = |from: &str, to: &str| {
        let manifest = GARDEN.replace(from, to);
        assert_ne!(manifest, GARDEN, "{from} is there");
        let error = Manifest::parse(&manifest, "impasto.toml").expect_err(to).to_string();
        assert!(error.contains("impasto.toml:"), "{error}");
        error
    };
    let colour = refused("#00ff00", "green");
    assert!(colour.contains("`green` is no colour"), "{colour}");
    assert!(refused("= \"night\",", "= \"nigth\",").contains("`night`"));
    assert!(refused("keep = [\"#ff0000\"]", "keep = [\"#0000FF\"]").contains("named twice"));
    assert!(refused("softness = 2", "softness = 65").contains("from 0 to 64"));
    assert!(refused("softness = 2", "others = \"skip\"").contains("\"paint\" or \"keep\""));
    assert!(refused("softness = 2", "softnes = 2").contains("`softness`"));
    assert!(refused("map = \"ids/{dir}/{stem}_id.png\"\n", "").contains("`map`"));
    let sized = refused("style_weight = 6.5", "size = 512");
    assert!(sized.contains("another `size`") && sized.contains("\"night\""), "{sized}");
    let empty = "styles = { \"#00ff00\" = \"night\", \"#0000ff\" = \"day\" }\nkeep = [\"#ff0000\"]";
    assert!(refused(empty, "").contains("has to name a colour"));
}

#[test]
fn styles_of_regions_are_used_and_overrides_reach_them() {
    let manifest = Manifest::parse(GARDEN, "impasto.toml").expect("it parses");
    assert!(manifest.inputs().contains(&path("styles/sky.jpg")));
    assert_eq!(manifest.unused_styles().count(), 0);
    let patch = RecipePatch {
        common: CommonPatch { size: Some(64), ..CommonPatch::default() },
        ..RecipePatch::default()
    };
    let smaller = manifest.with_overrides(patch).expect("it is in range");
    let plan = garden().plan_of(&smaller).expect("it can be planned");
    let action = plan.tasks[0].whole_action();
    assert!(action.check().is_ok(), "{:?}", action.check());
    let regions = action.regions.expect("there are regions");
    let green = regions.named.iter().find(|region| region.color == HexColor([0, 255, 0]));
    let recipe = green.and_then(|region| region.recipe.clone()).expect("it has its own");
    assert_eq!(recipe.common().size, Some(64));
}

#[test]
fn an_effort_reaches_all_regions_or_is_refused() {
    let named = GARDEN.replace("style_weight = 6.5", "method = \"optimize\"");
    let manifest = Manifest::parse(&named, "impasto.toml").expect("it is valid");
    let draft = RecipePatch { effort: Some(Effort::Draft), ..RecipePatch::default() };
    let error = manifest.with_overrides(draft.clone()).expect_err("methods differ");
    let text = error.to_string();
    assert!(text.starts_with("style `night` of a region then has another `method`"), "{text}");
    let plain = Manifest::parse(GARDEN, "impasto.toml").expect("it is valid");
    plain.with_overrides(draft).expect("both are drafts");
}
