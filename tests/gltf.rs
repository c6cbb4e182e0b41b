//! Models as text, with their buffers and textures in files of their own: painted like the same
//! model in one file, with the real networks and program.

use image::{ImageFormat, RgbImage};
use impasto_tests::{Coordinator, Project, Worker, glb, models_dir, pictures};

const RULE: &str = "method = \"arbitrary\"";

/// A project whose results lie in `out` as its assets lie in `art`.
fn tree(rule: &str) -> Project {
    let project = Project::of_art(rule);
    project.replace("impasto.toml", "\"art/*\"", "\"**\"");
    project.replace("impasto.toml", "[styles.swirls]", "assets = \"art\"\n\n[styles.swirls]");
    project.replace("impasto.toml", "out/{name}", "out/{dir}/{name}");
    project
}

fn stripes([x, y, z]: [f32; 3]) -> [u8; 3] {
    [x + y, y - z, x + 2.0 * z].map(|at| (128.0 + 90.0 * (4.0 * at).sin()) as u8)
}

/// Writes a model and its files into a folder.
fn write(project: &Project, folder: &str, model: &[u8]) -> String {
    let (text, files) = glb::in_files(model);
    project.write(&format!("{folder}/crate.gltf"), &text);
    for (name, bytes) in files {
        project.write(&format!("{folder}/{name}"), bytes);
    }
    text
}

fn picture(project: &Project, path: &str) -> RgbImage {
    image::open(project.path(path)).expect("it is a picture").to_rgb8()
}

#[test]
fn a_model_in_files_is_painted_like_one_in_one_file() {
    let project = tree(&format!("{RULE}\nrelief = 0.5"));
    let model = glb::cube_with_normals(stripes);
    project.write("art/crate.glb", &model);
    let text = write(&project, "art/box", &model);
    let built = project.build();
    assert_eq!(built.summary()["painted"].as_u64(), Some(2), "{built}");
    let one = project.read("out/crate.glb");
    assert_eq!(String::from_utf8_lossy(&project.read("out/box/crate.gltf")), text);
    assert!(project.read("out/box/a mesh.bin") == project.read("art/box/a mesh.bin"));
    assert!(project.read("out/box/maps/0.png") == glb::view(&one, 1));
    assert!(project.read("out/box/maps/1.png") == glb::view(&one, 4));
    project.run(&["check"]).expect_code(0);
    project.run(&["preview", "--size", "48"]).expect_code(0);
    let previews = project.files(".impasto/preview/pictures");
    let names: Vec<&str> = previews.keys().map(String::as_str).collect();
    let is_there = |name: &str| names.iter().any(|own| own.ends_with(name));
    assert!(is_there("out/crate.glb") && is_there("out/box/crate.gltf.glb"), "{names:?}");
    let why = project.run(&["plan", "--why", "art/box/maps/0.png"]).expect_code(0);
    assert!(why.out.contains("with art/box/crate.gltf, which names it"), "{why}");

    // Each of its files counts, and each of its results is there.
    let painted = |change: &dyn Fn()| {
        change();
        project.build().summary()["painted"].as_u64()
    };
    assert_eq!(painted(&|| {}), Some(0));
    assert_eq!(
        painted(&|| project.save("art/box/maps/0.png", &pictures::bricks(64, 64, 1))),
        Some(1)
    );
    assert_eq!(picture(&project, "out/box/maps/0.png").dimensions(), (64, 64));
    let remove = |file: &str| std::fs::remove_file(project.path(file)).expect("it is removed");
    assert_eq!(painted(&|| remove("out/box/maps/1.png")), Some(0));
    assert_eq!(painted(&|| remove("out/box/a mesh.bin")), Some(0));
    assert!(project.read("out/box/a mesh.bin") == project.read("art/box/a mesh.bin"));
    assert!(!project.read("out/box/maps/1.png").is_empty());
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(2));

    // A text that is cut off leaves what was painted by it.
    let before = project.read("out/box/maps/0.png");
    let whole = project.read("art/box/crate.gltf");
    project.write("art/box/crate.gltf", &whole[..whole.len() / 2]);
    let cut = project.run(&["build"]).expect_code(1);
    assert!(cut.err.contains("art/box/crate.gltf: is truncated"), "{cut}");
    assert!(project.read("out/box/maps/0.png") == before);
    project.write("art/box/crate.gltf", &whole);
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(2));

    // Without relief, the normals are no longer painted, but still there.
    project.replace("impasto.toml", "relief = 0.5", "relief = 0");
    project.build();
    assert!(project.read("out/box/maps/1.png") == project.read("art/box/maps/1.png"));
    project.run(&["check"]).expect_code(0);
}

#[test]
fn a_model_that_is_selected_is_whole() {
    let project = tree(RULE);
    let model = glb::cube(ImageFormat::Png, stripes);
    write(&project, "art/box", &model);
    write(&project, "art/other", &model);
    let built = project.run(&["build", "--only", "art/box/crate.gltf"]).expect_code(0);
    assert!(!built.err.contains("matched by no rule"), "{built}");
    for file in ["crate.gltf", "a mesh.bin", "maps/0.png"] {
        assert!(project.path(&format!("out/box/{file}")).is_file(), "{file}");
        assert!(!project.path(&format!("out/other/{file}")).exists(), "{file}");
    }
}

#[test]
fn a_farm_paints_the_same_model_and_so_does_one_command() {
    let (alone, project) = (tree(RULE), tree(RULE));
    let model = glb::cube(ImageFormat::Png, stripes);
    for project in [&alone, &project] {
        write(project, "art/box", &model);
    }
    alone.build();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]).expect_code(0);
    let painted = project.read("out/box/maps/0.png");
    assert!(painted == alone.read("out/box/maps/0.png"));
    let stylize = |output: &str| {
        let start = ["stylize", "art/box/crate.gltf", "--style", "styles/swirls.png"];
        project.run(&[&start[..], &["--method", "arbitrary", "-o", output]].concat())
    };
    stylize("one/crate.gltf").expect_code(0);
    assert!(project.read("one/maps/0.png") == painted);
    assert!(project.read("one/crate.gltf") == project.read("art/box/crate.gltf"));
    assert!(project.read("one/a mesh.bin") == project.read("art/box/a mesh.bin"));
    // In one file, if that is asked for; and never over what is read.
    stylize("one.glb").expect_code(0);
    assert!(glb::image(&project.read("one.glb"), 0) == project.read("one/maps/0.png"));
    let refused = stylize("art/box/other.gltf").expect_code(2);
    assert!(refused.err.contains("art/box/a mesh.bin is there already"), "{refused}");
    let refused = stylize("art/box/crate.gltf").expect_code(2);
    assert!(refused.err.contains("would overwrite"), "{refused}");
    project.write(
        "deep/in/crate.gltf",
        String::from_utf8_lossy(&project.read("art/box/crate.gltf"))
            .replace("maps/", "../../art/box/maps/")
            .replace("a%20mesh", "../../art/box/a%20mesh"),
    );
    let outside = ["stylize", "deep/in/crate.gltf", "--style", "styles/swirls.png"];
    let refused = project.run(&[&outside[..], &["-o", "two/crate.gltf"]].concat()).expect_code(2);
    assert!(refused.err.contains("outside of the folder of two/crate.gltf"), "{refused}");
    project.write("three/maps/0.png", "mine");
    let refused = stylize("three/crate.gltf").expect_code(2);
    assert!(refused.err.contains("0.png is there already"), "{refused}");
    let seen = project.run(&["inspect", "art/box/crate.gltf"]).expect_code(0);
    for part in ["gltf, 192 x 128", "texture planks, 192 x 128", "24 texels a metre"] {
        assert!(seen.out.contains(part), "{seen}");
    }
}

#[test]
fn a_texture_is_painted_as_a_model_in_files_shows_it() {
    let project = Project::of_art(&format!("{RULE}\nmesh = \"meshes/crate.gltf\""));
    let model = glb::cube(ImageFormat::Png, stripes);
    write(&project, "meshes", &model);
    project.save("art/planks.png", &glb::texture(&model));
    project.build();
    let one = Project::of_art(RULE);
    one.write("art/planks.glb", &model);
    one.build();
    let shown = picture(&project, "out/planks.png");
    assert!(shown == glb::texture(&one.read("out/planks.glb")));
    // Its buffer counts; its textures do not.
    project.save("meshes/maps/0.png", &pictures::bricks(64, 64, 1));
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(1));
    let mut bin = project.read("meshes/a mesh.bin");
    bin[0] ^= 1;
    project.write("meshes/a mesh.bin", bin);
    assert_eq!(project.build().summary()["painted"].as_u64(), Some(1));
}

#[test]
fn what_is_wrong_with_a_model_is_said_and_stops_no_other_asset() {
    let project = tree(RULE);
    let model = glb::cube(ImageFormat::Png, stripes);
    let text = write(&project, "art/whole", &model);
    write(&project, "art/cut", &model);
    std::fs::remove_file(project.path("art/cut/a mesh.bin")).expect("it is removed");
    project.write("art/away/a mesh.bin", project.read("art/whole/a mesh.bin"));
    project.write("art/away/crate.gltf", text.replace("maps/", "../../../maps/"));
    project.write("art/broken/crate.gltf", &text[..text.len() - 40]);
    let built = project.run(&["build"]).expect_code(1);
    for part in [
        "art/cut/crate.gltf: names `a mesh.bin`, which does not exist",
        "art/away/crate.gltf: names a file, but path `../../../maps/0.png` leads out of",
        "art/broken/crate.gltf: is truncated",
    ] {
        assert!(built.err.contains(part), "{built}");
    }
    assert!(project.path("out/whole/maps/0.png").is_file());
    // Nothing of a model is painted as a picture.
    assert!(!project.path("out/cut/maps/0.png").exists());
    for folder in ["cut", "away", "broken"] {
        std::fs::remove_file(project.path(&format!("art/{folder}/crate.gltf")))
            .expect("it is removed");
    }
    // A texture that several models show has to be painted for itself.
    project.write("art/whole/other.gltf", &text);
    let refused = project.run(&["build"]).expect_code(2);
    for part in ["crate.gltf and art/whole/other.gltf both name art/whole/maps/0.png", "`mesh`"] {
        assert!(refused.err.contains(part), "{refused}");
    }
    // Results beside the model would be its textures themselves.
    let beside = tree(RULE);
    write(&beside, "art/box", &model);
    beside.replace("impasto.toml", "out/{dir}/", "{dir}/painted_");
    let refused = beside.run(&["plan"]);
    assert!(format!("{refused}").contains("give a folder of outputs"), "{refused}");
}
