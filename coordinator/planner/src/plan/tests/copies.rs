//! Files that pass through.

use super::folder::{Folder, asset, folder, path};
use super::*;
use crate::{OtherFile, PlannedCopy, Record};

const PASSING: &str = r#"
[project]
name = "x"
assets = "art"
passthrough = "copy"
output = "game/{dir}/{name}"
exclude = ["**/*.psd"]
[styles.day]
images = "styles/day.jpg"
[[rules]]
match = "**/*_n.png"
skip = true
[[rules]]
match = "walls/**"
"#;

fn street() -> Folder {
    let mut folder = folder(&["art/walls/a.png"]);
    let other = |name: &str| OtherFile { path: path(name), blob: BlobRef::of(name.as_bytes()) };
    folder.listing.others =
        ["art/walls/a.mtl", "art/readme", "art/walls/a_n.png"].map(other).into();
    folder
}

fn copies(plan: &Plan) -> Vec<(&str, &str, bool)> {
    let shown = |copy: &'_ PlannedCopy| copy.is_stale;
    let copies = plan.copies.iter();
    copies.map(|copy| (copy.source.as_str(), copy.output.as_str(), shown(copy))).collect()
}

#[test]
fn files_that_no_rule_paints_are_copied_until_they_change() {
    let mut folder = street();
    let plan = folder.plan(PASSING).expect("it can be planned");
    let expected = |is_stale| {
        [
            ("art/readme", "game/readme", is_stale),
            ("art/walls/a.mtl", "game/walls/a.mtl", is_stale),
            ("art/walls/a_n.png", "game/walls/a_n.png", is_stale),
        ]
    };
    assert_eq!(copies(&plan), expected(true));
    assert_eq!(plan.tasks[0].output(), &path("game/walls/a.png"));

    folder.build(&plan);
    for copy in plan.stale_copies() {
        let (asset, action_digest) = (copy.source.clone(), copy.recorded());
        let record = Record { asset, action_digest, output: copy.blob, details: None };
        folder.previous.insert(copy.output.clone(), record);
        folder.present.insert(copy.output.clone(), copy.blob);
    }
    let plan = folder.plan(PASSING).expect("it can be planned");
    assert_eq!((copies(&plan), plan.stale().count()), (expected(false).into(), 0));
    assert_eq!(plan.orphans, []);

    folder.listing.others[1].blob = BlobRef::of(b"changed");
    folder.present.remove(&path("game/walls/a.mtl"));
    folder.listing.others.pop();
    let plan = folder.plan(PASSING).expect("it can be planned");
    let stale =
        [("art/readme", "game/readme", true), ("art/walls/a.mtl", "game/walls/a.mtl", true)];
    assert_eq!(copies(&plan), stale);
    assert_eq!(plan.orphans, [path("game/walls/a_n.png")]);
    let plan = folder.plan(&PASSING.replace("\"copy\"", "\"none\"")).expect("it can be planned");
    assert_eq!((plan.copies.len(), plan.orphans.len()), (0, 3));
}

#[test]
fn every_style_gets_a_whole_tree_and_masks_are_in_it() {
    let manifest = PASSING.replace("game/{dir}", "game/{style}/{dir}").replace(
        "[[rules]]\nmatch = \"**/*_n",
        "[styles.sky]\nimages = \"styles/sky.jpg\"\n\
             [[rules]]\nmatch = \"**/*_n",
    ) + "styles = [\"day\", \"sky\"]\nmask = \"{dir}/{stem}_mask.png\"\n";
    let mut folder = street();
    folder.listing.assets.push(asset("art/walls/a_mask.png"));
    let manifest = manifest.replace("mask = \"{dir}", "mask = \"art/{dir}");
    let plan = folder.plan(&manifest).expect("it can be planned");
    let outputs: Vec<&str> = plan.copies.iter().map(|copy| copy.output.as_str()).collect();
    let names = ["readme", "walls/a.mtl", "walls/a_mask.png", "walls/a_n.png"];
    let expected = names.map(|name| [format!("game/day/{name}"), format!("game/sky/{name}")]);
    assert_eq!(outputs, expected.concat());
}

#[test]
fn a_copy_never_replaces_what_rules_need() {
    let mut folder = street();
    let style = OtherFile { path: path("art/day.jpg"), blob: BlobRef::of(b"other") };
    folder.listing.others = vec![style];
    folder.check_refused(
        &PASSING.replace("game/{dir}", "styles/{dir}"),
        "the output of art/day.jpg would overwrite styles/day.jpg, which is an asset or a style; \
         change `output` in [project]",
    );
}

#[test]
fn what_passes_through_follows_the_manifest() {
    let manifest = Manifest::parse(PASSING, "impasto.toml").expect("it can be read");
    for (name, passes) in [
        ("art/walls/a.mtl", true),
        ("art/walls/a_n.png", true),
        ("art/else.png", true),
        ("art/walls/a.png", false),
        ("art/walls/a.psd", false),
        ("walls/a.mtl", false),
        ("game/walls/a.mtl", false),
        ("styles/day.jpg", false),
    ] {
        assert_eq!(manifest.passes_through(&path(name)), passes, "{name}");
    }
}

#[test]
fn what_cannot_pass_through_is_refused() {
    let refused = |old: &str, new: &str| {
        let text = PASSING.replace(old, new);
        Manifest::parse(&text, "impasto.toml").expect_err("it is wrong").to_string()
    };
    let error = refused("assets = \"art\"\n", "");
    assert!(error.ends_with("it needs `assets`, the folder whose files are passed through"));
    assert!(refused("{dir}/{name}", "{rule}/{dir}/{name}").contains("{rule}"));
    assert!(refused("{name}", "{stem}_painted.{ext}").contains("keep their names"));
    assert!(refused("{name}", "x-{name}").contains("keep their names"));
    assert!(refused("\"copy\"", "\"move\"").contains("\"copy\", \"link\" or \"none\""));

    let mut folder = street();
    let mask = OtherFile { path: path("art/walls/a.tga"), blob: BlobRef::of(b"t") };
    folder.listing.others.push(OtherFile { path: path("art/walls/A.MTL"), ..mask });
    folder.check_refused(
        PASSING,
        "art/walls/A.MTL and art/walls/a.mtl, which passes through, would both be written to \
         game/walls/a.mtl; put {asset_ext} into `output`, or exclude one of them",
    );
}
