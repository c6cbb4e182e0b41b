//! Materials: colour maps whose other maps follow the paint.

use impasto_types::{AssetKind, InputRef, Part};

use super::folder::{Folder, folder, header, path};
use super::*;
use crate::{InputFile, OtherFile};

const RELIEF: &str = r#"
[project]
name = "x"
assets = "art"
output = "game/{dir}/{name}"
[styles.day]
images = "styles/day.jpg"
[[rules]]
match = "**/*_nor_*"
skip = true
[[rules]]
name = "walls"
match = "walls/**"
normal = "art/{dir}/{material}_nor_gl{tail}.png"
height = "art/{dir}/{material}_disp{tail}.png"
relief = 0.5
"#;

/// Two walls, the first of which has a normal map and a height map.
fn street() -> Folder {
    let mut folder = folder(&["art/walls/brick_diff_1k.png", "art/walls/plain.png"]);
    for map in ["art/walls/brick_nor_gl_1k.png", "art/walls/brick_disp_1k.png"] {
        let (blob, header) = (BlobRef::of(map.as_bytes()), header(map));
        folder.inputs.insert(path(map), Ok(InputFile { blob, header }));
    }
    folder
}

#[test]
fn maps_are_inputs_and_outputs_of_their_colours_task() {
    let mut folder = street();
    let plan = folder.plan(RELIEF).expect("it can be planned");
    let [brick, plain] = &plan.tasks[..] else { panic!("two walls: {plan:?}") };
    let action = brick.whole_action();
    assert!(action.check().is_ok(), "{:?}", action.check());
    assert_eq!(
        (&action.kind, &plain.form.action.kind),
        (&AssetKind::material(), &AssetKind::picture())
    );
    let normal = BlobRef::of(b"art/walls/brick_nor_gl_1k.png");
    assert_eq!(brick.input(Part::Normal), Some(InputRef::Blob(normal)));
    let outputs = brick.outputs.iter().map(|output| (output.part, output.path.as_str()));
    assert_eq!(
        outputs.collect::<Vec<_>>(),
        [
            (Part::Color, "game/walls/brick_diff_1k.png"),
            (Part::Normal, "game/walls/brick_nor_gl_1k.png"),
            (Part::Height, "game/walls/brick_disp_1k.png"),
        ]
    );
    assert!(brick.least_memory_bytes > plain.least_memory_bytes);
    assert_eq!(plan.notes, [], "many assets have no maps");

    // Every output is recorded.
    folder.build(&plan);
    for output in brick.output_paths().skip(1) {
        let blob = BlobRef::of(output.as_str().as_bytes());
        folder.previous.insert(output.clone(), brick.record(blob));
        folder.present.insert(output.clone(), blob);
    }
    let plan = folder.plan(RELIEF).expect("it can be planned");
    assert_eq!((plan.stale().count(), plan.orphans.len()), (0, 0));

    // Without relief the maps are nobody's.
    let flat = RELIEF.replace("relief = 0.5", "relief = 0");
    let plan = folder.plan(&flat).expect("it can be planned");
    assert_eq!(plan.tasks[0].outputs.len(), 1);
    assert_eq!(plan.orphans.len(), 2);
}

#[test]
fn a_map_that_follows_the_paint_does_not_pass_through_as_well() {
    let mut folder = street();
    for name in ["art/walls/brick_nor_gl_1k.png", "art/walls/brick_rough_1k.png"] {
        let blob = BlobRef::of(name.as_bytes());
        folder.listing.others.push(OtherFile { path: path(name), blob });
    }
    let manifest = RELIEF.replace("output =", "passthrough = \"copy\"\noutput =");
    let plan = folder.plan(&manifest).expect("it can be planned");
    let copied: Vec<&str> = plan.copies.iter().map(|copy| copy.source.as_str()).collect();
    assert_eq!(copied, ["art/walls/brick_rough_1k.png"]);
    let flat = manifest.replace("relief = 0.5", "relief = 0");
    assert_eq!(folder.plan(&flat).expect("it can be planned").copies.len(), 2);
}

#[test]
fn what_has_no_maps_is_said() {
    let folder = street();
    let bare = RELIEF
        .lines()
        .filter(|line| !line.starts_with("normal") && !line.starts_with("height"))
        .collect::<Vec<_>>()
        .join("\n");
    let plan = folder.plan(&bare).expect("it can be planned");
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("names no maps")), "{notes:?}");
    let plan = super::folder::folder(&["art/walls/plain.png"]).plan(RELIEF);
    let notes = plan.expect("it can be planned").notes;
    let none = "none of its assets has a map";
    assert!(notes.iter().any(|note| note.to_string().contains(none)), "{notes:?}");
    let packed = RELIEF.replace(
        "height = \"art/{dir}/{material}_disp{tail}.png\"",
        "packed = { path = \"art/{dir}/{material}_disp{tail}.png\", channels = \
         \"mask+roughness\" }",
    );
    let plan = folder.plan(&packed).expect("it can be planned");
    let [.., output] = &plan.tasks[0].outputs[..] else { panic!("three outputs") };
    assert_eq!(output.part.to_string(), "packed:mask+roughness");
    for channels in ["mask+metallic", "rough", "roughness+none"] {
        let wrong = packed.replace("mask+roughness", channels);
        let error = Manifest::parse(&wrong, "impasto.toml").expect_err("it is wrong").to_string();
        assert!(error.contains("`channels` in `packed` of rule `walls`"), "{error}");
    }
    let constant = RELIEF.replace("art/{dir}/{material}_nor_gl{tail}.png", "art/flat_n.png");
    let error = Manifest::parse(&constant, "impasto.toml").expect_err("it is everyone's");
    assert!(error.to_string().contains("each asset has its own map"), "{error}");
}

#[test]
fn of_several_names_for_a_map_the_first_that_exists_counts() {
    let listed = RELIEF.replace(
        "normal = \"art/{dir}/{material}_nor_gl{tail}.png\"",
        "normal = [\"art/{dir}/{material}_n{tail}.png\", \
         \"art/{dir}/{material}_nor_gl{tail}.png\"]\n\
         packed = [{ path = \"art/{dir}/{material}_orm.png\", channels = \"none+roughness\" }]",
    );
    let mut folder = street();
    let normal = |folder: &Folder| {
        let plan = folder.plan(&listed).expect("it can be planned");
        assert_eq!(plan.notes, []);
        plan.tasks[0].input(Part::Normal)
    };
    let of = |name: &str| Some(InputRef::Blob(BlobRef::of(name.as_bytes())));
    assert_eq!(normal(&folder), of("art/walls/brick_nor_gl_1k.png"));
    let first = "art/walls/brick_n_1k.png";
    let file = InputFile { blob: BlobRef::of(first.as_bytes()), header: header(first) };
    folder.inputs.insert(path(first), Ok(file));
    assert_eq!(normal(&folder), of(first));
    let wrong = listed.replace("[\"art/{dir}/{material}_n{tail}.png\", ", "[\"art/wall_n.png\", ");
    let error = Manifest::parse(&wrong, "impasto.toml").expect_err("one for all").to_string();
    assert!(error.contains("{stem} or {material}"), "{error}");
}
