//! Tests of the plan: tasks, problems, notes and errors.

mod copies;
mod folder;
mod materials;
mod models;
mod notes;
mod regions;
mod stale;
mod training;
mod udim;

use std::collections::BTreeSet;

use impasto_types::{
    BlobRef, CommonPatch, ContainerFormat, Depth, FileTraits, Init, InputRef, LossNorm, Part,
    Recipe, RecipePatch,
};
use proptest::prelude::*;

use self::folder::{TWO_STYLES, asset, folder, header, one_style, path};
use super::*;
use crate::{
    ImageHeader, InputFile, MEMORY_BASE_BYTES, RESULT_BYTES_PER_PIXEL, Reason,
    SOURCE_BYTES_PER_PIXEL, Staleness, TILE_BYTES_PER_PIXEL, estimate,
};

/// The memory per pixel of a small canvas, with an L-BFGS history of two pairs.
const OWN: u64 = TILE_BYTES_PER_PIXEL + RESULT_BYTES_PER_PIXEL + 16 + 40 + 24;

#[test]
fn each_asset_is_painted_in_each_style_of_its_rule() {
    let plan = folder(&["walls/old/brick.png", "ui/button.tga", "other.png"])
        .plan(TWO_STYLES)
        .expect("it can be planned");
    let tasks: Vec<_> =
        plan.tasks.iter().map(|task| (task.output().as_str(), task.rule(), task.style())).collect();
    assert_eq!(
        tasks,
        [
            ("out/day/ui/button.jpg", "rule 2", "day"),
            ("out/night/walls/old/brick.png", "walls", "night"),
            ("out/day/walls/old/brick.png", "walls", "day"),
        ]
    );
    assert_eq!(
        (plan.unmatched, plan.problems, plan.notes, plan.orphans),
        (3, vec![], vec![], vec![])
    );

    let [button, night, day] = &plan.tasks[..] else { panic!("there are three") };
    assert_eq!(
        night.form.action.styles.iter().map(|style| style.weight).collect::<Vec<_>>(),
        [3.0, 1.0]
    );
    let Recipe::Optimize(recipe) = &day.form.action.recipe else { panic!("it optimises") };
    assert_eq!((recipe.style_weight, recipe.loss_norm), (6.5, LossNorm::Variance));
    assert_eq!(
        (button.form.action.outputs[0].format, button.form.action.outputs[0].quality),
        (ContainerFormat::Jpeg, 80)
    );
    assert_eq!(
        (button.form.action.recipe.init(), button.input(Part::Init)),
        (Some(Init::Image), Some(InputRef::Blob(BlobRef::of(b"start.png"))))
    );
    // Style images stay in memory while the picture is painted; the init image and the asset do
    // not. All have the same size.
    let styles = button.form.action.styles.len() as u64;
    assert_eq!(
        button.least_memory_bytes,
        MEMORY_BASE_BYTES + 80 * 48 * OWN + 64 * 32 * SOURCE_BYTES_PER_PIXEL * styles
    );
    assert_eq!(button.action, button.whole_action().digest());
}

#[test]
fn a_mask_belongs_to_its_asset_and_is_not_painted() {
    let manifest = one_style("", "match = \"**\"\nmask = \"{dir}/{stem}_mask.{ext}\"");
    let mut folder = folder(&["walls/a.png", "walls/a_MASK.png", "walls/b.png"]);
    let mask = |bytes: &[u8]| InputFile { blob: BlobRef::of(bytes), header: header("m.png") };
    folder.inputs.insert(path("walls/a_mask.png"), Ok(mask(b"mask")));
    let plan = folder.plan(&manifest).expect("it can be planned");
    let inputs = |plan: &Plan| -> Vec<_> {
        let mask = |task: &PlannedTask| task.input(Part::Mask);
        plan.tasks.iter().map(|task| (task.asset.to_string(), mask(task))).collect()
    };
    let [masked, whole] = [0, 1].map(|task| plan.tasks[task].least_memory_bytes);
    let (recipe, size) = (&plan.tasks[0].form.action.recipe, (64, 32));
    assert_eq!(masked - whole, estimate::mask_bytes(recipe, size, size));
    let blob = InputRef::Blob(BlobRef::of(b"mask"));
    assert_eq!(
        inputs(&plan),
        [("walls/a.png".to_owned(), Some(blob)), ("walls/b.png".to_owned(), None)]
    );
    assert_eq!(
        plan.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["rule `all`: missing mask walls/b_mask.png; painted without it"]
    );

    folder.build(&plan);
    folder.inputs.insert(path("walls/a_mask.png"), Ok(mask(b"another mask")));
    let changed = folder.plan(&manifest).expect("it can be planned");
    let reasons = [Reason::PartChanged { part: Part::Mask }].into();
    assert_eq!(changed.tasks[0].state, Staleness::Stale(reasons));
    assert_eq!(changed.tasks[1].state, Staleness::UpToDate);

    folder.inputs.insert(path("walls/a_mask.png"), Err("is truncated".to_owned()));
    let broken = folder.plan(&manifest).expect("the other asset is good");
    assert_eq!(
        broken.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["walls/a.png: its mask walls/a_mask.png: is truncated"]
    );
}

#[test]
fn quality_does_not_change_actions_with_lossless_outputs() {
    let folder = folder(&["a.png"]);
    let digest = |quality| {
        folder
            .plan(&one_style("", &format!("match = \"**\"\nquality = {quality}")))
            .expect("a plan")
            .tasks[0]
            .action
    };
    assert_eq!(digest(10), digest(99));
}

#[test]
fn a_mistake_in_the_manifest_is_one_error() {
    let all = one_style("", "match = \"**\"");
    let mut empty = folder(&[]);
    empty.listing.passed.images.clear();
    empty.check_refused(&all, "impasto.toml: there is nothing to paint: no image matches **");
    folder(&["a.png"]).check_refused(
        &one_style("assets = \"art\"", "match = [\"*.tga\", \"x/*\"]"),
        "impasto.toml: there is nothing to paint: no image matches art/*.tga, art/x/*; \
         art/x/*: there is no folder x",
    );
    folder(&["a.png"]).check_refused(
        &one_style("", "match = \"**\"\nskip = true"),
        "impasto.toml: there is nothing to paint: every rule has `skip`",
    );
    folder(&["a/x.png", "b/X.png"]).check_refused(
        &one_style("output = \"out/{name}\"", "match = \"**\""),
        "a/x.png in style `day` and b/X.png in style `day` would both be written to out/X.png; put \
         {dir}, {name} or {style} into `output`, \
         or exclude one of them",
    );
    folder(&["a.png", "a.tga"]).check_refused(
        &one_style("", "match = \"**\"\nformat = \"png\""),
        "a.png in style `day` and a.tga in style `day` would both be written to stylized/a.png; \
         put {dir}, {name} or {style} into `output`, \
         or exclude one of them",
    );
    folder(&["a.jpg"]).check_refused(
        &one_style("output = \"out/{stem}.png\"", "match = \"**\""),
        "the output of a.jpg would be out/a.png, but rule `all` writes jpg; end `output` in \
         .{ext}, or set `format` in the rule",
    );
    for (asset, end) in [("a.png", "psb"), ("a.psd", "psb"), ("a.psb", "psd")] {
        let folder = folder(&[asset]);
        folder.check_refused(
            &one_style(
                &format!("output = \"out/{{stem}}.{end}\""),
                "match = \"**\"\nformat = \"psd\"",
            ),
            &format!(
                "the output of {asset} would be out/a.{end}, but a psb stays one, and no other \
                 picture becomes one; end `output` in .{{ext}}"
            ),
        );
    }
    folder(&["DAY.jpg"]).check_refused(
        &one_style("output = \"styles/{name}\"", "match = \"**\""),
        "the output of DAY.jpg would overwrite styles/day.jpg, which is an asset or a style; \
         change `output` in [project]",
    );
    let mut without_style = folder(&["a.png"]);
    without_style.inputs.clear();
    without_style
        .check_refused(&all, "image styles/day.jpg of style `day`: the project has no such file");
    without_style.inputs.insert(path("styles/day.jpg"), Err("it is cut short".to_owned()));
    without_style.check_refused(&all, "image styles/day.jpg of style `day`: it is cut short");
}

#[test]
fn a_bad_asset_is_a_problem_and_the_others_are_planned() {
    let mut folder = folder(&["a.png", "b.png", "c.png", "d.png", "e.png"]);
    let image = |width, height, format| {
        Ok(ImageHeader {
            width,
            height,
            format,
            alpha: false,
            depth: Depth::Eight,
            swaps_sides: false,
            traits: FileTraits::default(),
            largest: None,
            array: false,
            layers: 0,
        })
    };
    folder.listing.assets[0].image = Err("it is cut short".to_owned());
    folder.listing.assets[1].image = image(64, 64, ContainerFormat::Jpeg);
    folder.listing.assets[3].image = image(60_000, 60_000, ContainerFormat::Png);
    let plan = folder.plan(&one_style("", "match = \"**\"")).expect("one asset is good");
    assert_eq!(
        plan.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "a.png: it is cut short",
            "b.png: its name says png, but it holds jpg; rename it to .jpg",
            "d.png: its result would be 60000 x 60000 pixels; painting takes at most 32768 on each \
             side, so give a smaller `size`",
        ]
    );
    assert_eq!(
        plan.tasks.iter().map(|task| task.asset.as_str()).collect::<Vec<_>>(),
        ["c.png", "e.png"]
    );
}

#[test]
fn small_assets_pass_through_with_one_note_per_rule() {
    let plan = |sizes: &[(u32, u32)], size: &str| {
        let names = ["a.png", "b.png", "c.png", "d.png"];
        let mut folder = folder(&names[..sizes.len()]);
        for (asset, &(width, height)) in folder.listing.assets.iter_mut().zip(sizes) {
            asset.image = Ok(ImageHeader { width, height, ..header("a.png") });
        }
        folder.plan(&one_style(size, "match = \"**\"")).expect("it is planned")
    };
    let check = |sizes: &[(u32, u32)], size: &str, expected: &[&str]| {
        let plan = plan(sizes, size);
        let notes: Vec<_> = plan.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, expected, "{sizes:?}, {size}");
        assert_eq!((plan.tasks.len(), plan.problems.len()), (sizes.len(), 0));
    };
    check(&[(16, 16), (17, 4096)], "", &[]);
    let one = "rule `all`: a.png passes through unpainted: painting takes 16 pixels a side";
    check(&[(256, 1), (64, 64)], "", &[one]);
    check(&[(15, 15)], "[defaults]\nsize = 64", &[]);
    check(&[(8, 128)], "[defaults]\nsize = 32", &[one]);
    let three =
        "rule `all`: b.png (and 2 more) pass through unpainted: painting takes 16 pixels a side";
    check(&[(64, 64), (1, 1), (15, 15), (4096, 15)], "", &[three]);
}

#[test]
fn a_result_that_the_format_cannot_hold_is_a_problem() {
    let check = |format: &str, width, alpha, expected: Option<&str>| {
        let mut folder = folder(&["a.png", "b.png"]);
        let depth = Depth::Sixteen;
        let header = ImageHeader {
            width,
            height: 64,
            format: ContainerFormat::Png,
            alpha,
            depth,
            swaps_sides: false,
            traits: FileTraits::default(),
            largest: None,
            array: false,
            layers: 0,
        };
        folder.listing.assets[0].image = Ok(header);
        let rule = format!("match = \"**\"\nformat = \"{format}\"");
        let plan = folder.plan(&one_style("", &rule)).expect("one asset is good");
        let problems: Vec<_> = plan.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, Vec::from_iter(expected), "{format}, {width}, {alpha}");
        assert_eq!(plan.tasks.len(), 2 - problems.len());
    };
    check("png", 64, true, None);
    check("jpg", 64, false, None);
    check(
        "jpg",
        64,
        true,
        Some(&format!(
            "a.png: its result has alpha, which jpg cannot hold; choose {}",
            ContainerFormat::list(
                ContainerFormat::pictures().filter(|format| format.holds_alpha()),
                "or"
            )
        )),
    );
    check("webp", 16_383, true, None);
    check(
        "webp",
        16_384,
        true,
        Some(
            "a.png: its result would be 16384 x 64 pixels, but webp holds at most 16383 a side; \
             choose another format or a smaller size",
        ),
    );
}

#[test]
fn rules_and_styles_without_effect_are_noted() {
    let manifest = "[project]\nname = \"x\"\n[styles.a]\nimages = \"styles/day.jpg\"\n[styles.b]\n\
        images = \"gone.jpg\"\n\
                    [[rules]]\nmatch = \"walls/**\"\nstyle = \"a\"\n[[rules]]\nmatch = \
                    \"**/*.png\"\nstyle = \"a\"\n\
                    [[rules]]\nmatch = [\"ui/**\", \"x\"]\nstyle = \"a\"\n";
    let plan = folder(&["walls/a_nrm.png", "walls/b.png", "walls/b_rough.png"])
        .plan(manifest)
        .expect("it can be planned");
    assert_eq!(
        plan.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "rule `rule 1` paints walls/a_nrm.png and 1 other, by name a data map (normals, \
             roughness, heights ...), not colours; leave such files out with exclude = \
             [\"**/*_nrm.*\", \"**/*_rough.*\"]",
            "rule `rule 2` gets no image: earlier rules take all that it matches, as rule `rule 1` \
             takes walls/a_nrm.png",
            "rule `rule 3` gets no image: no image that earlier rules leave matches ui/**, x; \
             there is no folder ui",
            "no rule uses style `b`",
        ]
    );
}

#[test]
fn an_output_that_no_task_produces_is_an_orphan_and_not_an_asset() {
    let manifest = one_style("", "match = \"**\"");
    let mut folder = folder(&["a.png", "b.png", "c.png"]);
    folder.build(&folder.plan(&manifest).expect("it can be planned"));
    // One asset is gone, another is damaged, and outputs go to another folder while the old ones
    // still exist.
    folder.listing.assets.remove(1);
    folder.listing.assets[1].image = Err("it is cut short".to_owned());
    assert_eq!(
        folder.plan(&manifest).expect("it can be planned").orphans,
        [path("stylized/b.png")]
    );
    folder.listing.assets.push(asset("stylized/a.png"));
    let elsewhere = folder
        .plan(&one_style("output = \"out/{name}\"", "match = \"**\""))
        .expect("it can be planned");
    assert_eq!(
        elsewhere.tasks.iter().map(|task| task.output().as_str()).collect::<Vec<_>>(),
        ["out/a.png"]
    );
    assert_eq!(elsewhere.orphans, [path("stylized/a.png"), path("stylized/b.png")]);
}

#[test]
fn overrides_are_part_of_the_action() {
    let folder = folder(&["a.png"]);
    let manifest = Manifest::parse(&one_style("", "match = \"**\""), "impasto.toml")
        .expect("it is a manifest");
    let plain = folder.plan_of(&manifest).expect("a plan");
    let overrides = RecipePatch {
        common: CommonPatch { size: Some(128), ..CommonPatch::default() },
        ..RecipePatch::default()
    };
    let sized =
        folder.plan_of(&manifest.with_overrides(overrides).expect("they fit")).expect("a plan");
    assert_ne!(plain.tasks[0].action, sized.tasks[0].action);
    assert_eq!(
        sized.tasks[0].least_memory_bytes,
        MEMORY_BASE_BYTES + 144 * 80 * OWN + 64 * 32 * SOURCE_BYTES_PER_PIXEL
    );
}

proptest! {
    /// Tasks, problems and notes do not depend on the order of the listing, and no two tasks share
    /// an output.
    #[test]
    fn order_does_not_matter_and_outputs_are_not_shared(
        (names, shuffled) in prop::collection::btree_set("(walls|ui|Walls)/(a/)?[abAB]\\.(png|tga)",
            1..8)
            .prop_flat_map(|names| { let names: Vec<_> =
                names.into_iter().collect(); (Just(names.clone()), Just(names).prop_shuffle()) })
    ) {
        let planned = |names: &[String]| folder(&names.iter()
            .map(String::as_str).collect::<Vec<_>>()).plan(TWO_STYLES);
        let plan = planned(&names);
        prop_assert_eq!(&plan, &planned(&shuffled));
        if let Ok(plan) = plan {
            let outputs: BTreeSet<_> =
                plan.tasks.iter().map(|task| task.output().case_key()).collect();
            prop_assert_eq!(outputs.len(), plan.tasks.len());
        }
    }
}
