//! Models, whose textures are painted as one picture.

use impasto_types::{
    AssetKind, AssetPath, ContainerFormat, FileRole, Input, Optimize, Part, Tileable,
};

use super::folder::{folder, header, path};
use super::*;
use crate::{InputFile, NamedFile};

const PROPS: &str = r#"
[project]
name = "x"
output = "out/{dir}/{name}"
[styles.day]
images = "styles/day.jpg"
[[rules]]
name = "props"
match = "art/**"
size = 100
tileable = "both"
relief = 0.5
"#;

/// A model of textures, of which the largest has this longer side.
fn model(width: u32, height: u32, largest: u32) -> ImageHeader {
    ImageHeader { width, height, largest: Some(largest), ..header("a.glb") }
}

fn recipe(task: &PlannedTask) -> Optimize {
    match &task.form.action.recipe {
        Recipe::Optimize(optimize) => optimize.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn strokes_and_sizes_are_those_of_the_largest_texture() {
    let mut folder = folder(&["art/crate.glb", "art/house.glb", "art/wall.png"]);
    folder.listing.assets[0].image = Ok(model(64, 64, 64));
    folder.listing.assets[1].image = Ok(model(144, 64, 64));
    let plan = folder.plan(PROPS).expect("it can be planned");
    let [one, several, picture] = &plan.tasks[..] else { panic!("three: {plan:?}") };
    for task in [one, several] {
        assert_eq!((&task.form.action.kind, task.outputs.len()), (&AssetKind::model(), 1));
        assert!(task.whole_action().check().is_ok());
    }
    assert_eq!(picture.form.action.kind, AssetKind::picture());
    assert_eq!((one.width, one.height), (100, 100));
    assert_eq!((several.width, several.height), (225, 100));
    let [one, several, picture] = [one, several, picture].map(recipe);
    assert_eq!(one.style_scale, picture.style_scale);
    assert!((several.style_scale - one.style_scale * 64.0 / 144.0).abs() < 1e-6);
    // A single texture may repeat; pictures have no maps here that relief could change.
    assert_eq!(one.common.tileable, Tileable::Both);
    assert_eq!(several.common.tileable, Tileable::None);
    assert_eq!((one.common.relief, picture.common.relief), (0.5, 0.0));
}

#[test]
fn a_style_in_metres_needs_a_surface_whose_size_is_known() {
    let mut folder = folder(&["art/crate.glb", "art/wall.png"]);
    folder.listing.assets[0].image = Ok(model(144, 64, 64));
    let plan =
        |keys: &str| folder.plan(&PROPS.replace("relief = 0.5", keys)).expect("it can be planned");
    let measured = plan("style_size = \"2m\"");
    let [problem] = &measured.problems[..] else { panic!("{measured:?}") };
    let text = problem.to_string();
    assert!(text.starts_with("art/wall.png: it has a `style_size` in metres, but"), "{text}");
    // It is what it is on all textures together.
    assert_eq!(recipe(&measured.tasks[0]).style_scale, Optimize::painterly().style_scale);
    let said = plan("style_size = \"2m\"\ntexel_density = 256");
    assert_eq!((said.tasks.len(), said.problems.len()), (2, 0));
    assert_eq!(plan("style_size = \"900px\"").problems, []);
}

#[test]
fn models_stay_models_and_pictures_pictures() {
    let mut folder = folder(&["art/crate.glb", "art/wall.png"]);
    folder.listing.assets[0].image = Ok(model(64, 64, 64));
    let plan = |format: &str| {
        let manifest = PROPS.replace("size = 100", &format!("format = \"{format}\""));
        folder.plan(&manifest).expect("it can be planned")
    };
    let outputs: Vec<_> = plan("png").tasks.iter().map(|task| task.output().clone()).collect();
    assert_eq!(outputs, [path("out/art/crate.glb"), path("out/art/wall.png")]);
    let text = plan("glb").problems[0].to_string();
    assert!(text.starts_with("art/wall.png: its result is a picture"), "{text}");
}

#[test]
fn a_mesh_is_an_input_and_no_asset_and_has_to_be_a_model() {
    let manifest = PROPS.replace("relief = 0.5", "mesh = \"art/{dir}/{material}.glb\"");
    let manifest = manifest.replace("match = \"art/**\"", "match = \"art/*_albedo.png\"");
    let manifest = manifest.replace("art/{dir}", "{dir}");
    let mut folder = folder(&["art/crate_albedo.png", "art/wall_albedo.png"]);
    let mesh = path("art/crate.glb");
    let insert = |folder: &mut super::folder::Folder, header| {
        let blob = BlobRef::of(b"mesh");
        folder.inputs.insert(mesh.clone(), Ok(InputFile { blob, header }));
    };
    insert(&mut folder, model(0, 0, 0));
    let plan = folder.plan(&manifest).expect("it can be planned");
    let [shown, plain] = &plan.tasks[..] else { panic!("two: {plan:?}") };
    let action = shown.whole_action();
    assert!(action.check().is_ok(), "{:?}", action.check());
    let names = [&action.texture, &plain.form.action.texture].map(Option::as_deref);
    assert_eq!(names, [Some("crate_albedo"), None]);
    assert_eq!(
        (&action.kind, &plain.form.action.kind),
        (&AssetKind::model(), &AssetKind::picture())
    );
    assert!(shown.input(Part::Mesh).is_some() && plain.input(Part::Mesh).is_none());
    assert!(shown.least_memory_bytes > plain.least_memory_bytes);
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["rule `props`: missing mesh art/wall.glb; painted without it"]);
    insert(&mut folder, header("a.png"));
    let plan = folder.plan(&manifest).expect("the other asset is good");
    let problem = plan.problems[0].to_string();
    assert!(problem.contains("its mesh art/crate.glb: it is a png file; give"), "{problem}");
}

#[test]
fn models_without_textures_pass_through() {
    let mut folder = folder(&["art/a.glb", "art/b.glb", "art/wall.png"]);
    for asset in &mut folder.listing.assets[..2] {
        asset.image = Ok(model(0, 0, 0));
    }
    let plan = folder.plan(PROPS).expect("it can be planned");
    assert_eq!((plan.tasks.len(), plan.problems.len()), (3, 0), "{:?}", plan.problems);
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    let expected = "rule `props`: art/a.glb (and 1 more) pass through unpainted: a model is \
                    painted by its own colour textures";
    assert!(notes.iter().any(|note| note == expected), "{notes:?}");
}

fn named(number: u16, relative: &str, role: FileRole) -> NamedFile {
    let path = path("art/box/crate.gltf").beside(relative).expect("a path");
    let format = ContainerFormat::from_extension(path.extension());
    let blob = BlobRef::of(relative.as_bytes());
    NamedFile { number, path, relative: relative.to_owned(), role, blob, format }
}

/// A folder with a model in files, and a wall.
fn model_in_files() -> super::folder::Folder {
    let mut folder = folder(&["art/box/crate.gltf", "art/box/maps/c.png", "art/wall.png"]);
    let header = ImageHeader { format: ContainerFormat::Gltf, ..model(64, 64, 64) };
    folder.listing.assets[0].image = Ok(header);
    let files = vec![
        named(0, "crate.bin", FileRole::Geometry),
        named(1, "maps/c.png", FileRole::Color),
        named(2, "maps/n.png", FileRole::Map),
        named(3, "../o.jpg", FileRole::Kept),
    ];
    folder.listing.named.insert(path("art/box/crate.gltf"), files);
    folder
}

#[test]
fn the_files_of_a_model_are_painted_and_copied_beside_its_result() {
    let mut folder = model_in_files();
    let check = |relief: &str, read: &[u16], painted: &[&str], copied: &[&str]| {
        let plan = folder.plan(&PROPS.replace("relief = 0.5", relief)).expect("it can be planned");
        let [task, wall] = &plan.tasks[..] else { panic!("two: {:?}", plan.tasks) };
        assert_eq!(wall.asset, path("art/wall.png"));
        assert!(task.whole_action().check().is_ok(), "{:?}", task.whole_action().check());
        let number = |input: &Input| match input.part {
            Part::File(number) => Some(number),
            _ => None,
        };
        assert_eq!(task.inputs.iter().filter_map(number).collect::<Vec<_>>(), read);
        let outputs: Vec<_> = task.output_paths().map(AssetPath::as_str).collect();
        assert_eq!(outputs, painted);
        let copies: Vec<_> = plan.copies.iter().map(|copy| copy.output.as_str()).collect();
        assert_eq!(copies, copied);
    };
    let (model, color, normal) =
        ("out/art/box/crate.gltf", "out/art/box/maps/c.png", "out/art/box/maps/n.png");
    let (bin, other) = ("out/art/box/crate.bin", "out/art/o.jpg");
    check("relief = 0.5", &[0, 1, 2], &[model, color, normal], &[bin, other]);
    check("relief = 0", &[0, 1], &[model, color], &[bin, normal, other]);

    // Beside the model, results would be its own files.
    let plan = folder.plan(&PROPS.replace("out/{dir}/{name}", "{dir}/painted_{name}"));
    let plan = plan.expect("the wall can be painted");
    assert_eq!((plan.tasks.len(), plan.copies.len()), (1, 0));
    let problem = plan.problems[0].to_string();
    assert!(problem.starts_with("art/box/crate.gltf: it names `crate.bin`, which"), "{problem}");

    // Another model may keep what this one keeps, and not paint what this one paints.
    let other = path("art/box/other.gltf");
    folder
        .listing
        .assets
        .push(ListedAsset { path: other.clone(), ..folder.listing.assets[0].clone() });
    folder.listing.named.insert(other.clone(), vec![named(0, "crate.bin", FileRole::Geometry)]);
    let plan = folder.plan(PROPS).expect("it can be planned");
    assert_eq!((plan.tasks.len(), plan.copies.len()), (3, 2));
    folder.listing.named.insert(other, vec![named(0, "maps/c.png", FileRole::Color)]);
    let error = folder.plan(PROPS).expect_err("both paint it").to_string();
    assert!(
        error.contains("crate.gltf and art/box/other.gltf both name art/box/maps/c.png"),
        "{error}"
    );
}

#[test]
fn of_a_mesh_in_files_only_the_surface_is_read() {
    let mut folder = model_in_files();
    let manifest = PROPS.replace("match = \"art/**\"", "match = \"art/*\"");
    let manifest = manifest.replace("relief = 0.5", "mesh = \"art/box/crate.gltf\"");
    let header = ImageHeader { format: ContainerFormat::Gltf, ..model(64, 64, 64) };
    let mesh = InputFile { blob: BlobRef::of(b"mesh"), header };
    folder.inputs.insert(path("art/box/crate.gltf"), Ok(mesh));
    let plan = folder.plan(&manifest).expect("it can be planned");
    let [wall] = &plan.tasks[..] else { panic!("one: {plan:?}") };
    let parts: Vec<_> = wall.inputs.iter().map(|input| input.part).collect();
    assert_eq!(parts, [Part::Color, Part::Mesh, Part::File(0)]);
    assert_eq!((wall.outputs.len(), plan.copies.len()), (1, 0));
}

#[test]
fn what_a_model_names_is_not_missed_by_any_rule() {
    let mut folder = model_in_files();
    let unmatched =
        |folder: &super::folder::Folder| folder.plan(PROPS).expect("it can be planned").unmatched;
    assert_eq!(unmatched(&folder), 2);
    let files = folder.listing.named.get_mut(&path("art/box/crate.gltf")).expect("it has files");
    files.push(named(4, "../../else/1.png", FileRole::Kept));
    assert_eq!(unmatched(&folder), 1);
}
