//! Models with their textures, with the real networks and program.

use image::{ImageFormat, RgbImage};
use impasto_tests::{Coordinator, Project, Worker, glb, models_dir, pictures};
use serde_json::Value;

const RULE: &str = "method = \"arbitrary\"";

/// Rings around two places of the cube, which run across its edges.
fn rings([x, y, z]: [f32; 3]) -> [u8; 3] {
    let wave = |at: [f32; 3]| {
        let [dx, dy, dz] = [x - at[0], y - at[1], z - at[2]];
        (9.0 * (dx * dx + dy * dy + dz * dz).sqrt()).sin()
    };
    let (one, other) = (wave([0.8, 0.9, 0.4]), wave([-0.9, -0.3, 0.7]));
    [one, 0.5 * (one + other), other].map(|wave| (128.0 + 90.0 * wave) as u8)
}

/// The mean difference of pixels that touch each other across the edges of a cube, and of pixels
/// beside each other within its faces.
fn seams(texture: &RgbImage) -> (f64, f64) {
    let pixel = |face: usize, ends: [(f32, f32); 2], share: f32, inward: f32| {
        let along = |from: f32, to: f32| from + share * (to - from);
        let (right, down) = (along(ends[0].0, ends[1].0), along(ends[0].1, ends[1].1));
        // Towards the middle of the face, by so many pixels.
        let side = (glb::CELL - 2 * glb::MARGIN) as f32;
        let within = |at: f32| at.clamp(inward / side, 1.0 - inward / side);
        let (x, y) = glb::pixel(face, within(right), within(down));
        texture.get_pixel(x as u32, y as u32).0
    };
    let apart = |one: [u8; 3], other: [u8; 3]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(one.abs_diff(other))).sum()
    };
    let (mut across, mut within, mut count) = (0.0, 0.0, 0.0);
    let edges = glb::edges();
    assert_eq!(edges.len(), 12);
    for [(one, ends), (other, others)] in edges {
        for share in (2..46).map(|at| (at as f32 + 0.5) / 48.0) {
            let here = [0.5, 1.5].map(|inward| pixel(one, ends, share, inward));
            let there = [0.5, 1.5].map(|inward| pixel(other, others, share, inward));
            across += apart(here[0], there[0]);
            within += (apart(here[0], here[1]) + apart(there[0], there[1])) / 2.0;
            count += 1.0;
        }
    }
    (across / count, within / count)
}

/// The description without the numbers that follow from the length of a texture.
fn description(file: &[u8]) -> Value {
    let mut json: Value = serde_json::from_str(&glb::parts(file).0).expect("it is JSON");
    for list in ["bufferViews", "buffers"] {
        for entry in json[list].as_array_mut().expect("a list") {
            entry["byteLength"].take();
            entry["byteOffset"].take();
        }
    }
    json
}

#[test]
fn a_model_keeps_everything_but_the_colours_of_its_texture_and_has_no_seams() {
    let project = Project::of_art(RULE);
    let model = glb::cube(ImageFormat::Png, rings);
    project.write("art/crate.glb", &model);
    project.save("art/crate.png", &glb::texture(&model));
    let built = project.build();
    assert_eq!(built.summary()["painted"].as_u64(), Some(2), "{built}");
    let painted = project.read("out/crate.glb");
    assert_eq!(description(&painted), description(&model));
    let (text, _) = glb::parts(&painted);
    assert!(["8.0E-1", "0e0", "1.50"].iter().all(|number| text.contains(number)), "{text}");
    for view in [0, 2, 3] {
        assert!(glb::view(&painted, view) == glb::view(&model, view), "view {view}");
    }
    let texture = glb::texture(&painted);
    assert_eq!(texture.dimensions(), glb::TEXTURE);
    let (across, within) = seams(&texture);
    assert!(across < 1.5 * within, "{across} across, {within} within");
    let alone = image::open(project.path("out/crate.png")).expect("it is a picture").to_rgb8();
    let (apart, _) = seams(&alone);
    assert!(apart > 2.0 * across, "{apart} as a picture, {across} as a model");
    // The margin around a face has its colours: no mip shows the black ground.
    assert!(texture.pixels().all(|pixel| pixel.0.iter().any(|level| *level > 8)));
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(2));

    // A size is the texture's, and a preview is small.
    project.run(&["preview", "--size", "48"]).expect_code(0);
    project.replace("impasto.toml", RULE, &format!("{RULE}\nsize = 96"));
    project.build();
    let small = glb::texture(&project.read("out/crate.glb"));
    assert_eq!(small.dimensions(), (96, 64));
}

#[test]
fn strokes_are_as_large_in_metres_as_the_model_says() {
    // A face has 48 pixels and two metres a side.
    let model = glb::cube(ImageFormat::Png, rings);
    let painted = |keys: &str| {
        let project = Project::of_art(&format!("{RULE}\n{keys}"));
        project.write("art/crate.glb", &model);
        project.build();
        project.read("out/crate.glb")
    };
    let measured = painted("style_size = \"4m\"");
    assert!(measured == painted("style_size = \"4m\"\ntexel_density = 24"));
    assert!(measured == painted("style_size = \"96px\""));
    assert!(measured != painted(""));
    // As a texture of its own that the model shows, and one that nothing measures.
    let project =
        Project::of_art(&format!("{RULE}\nstyle_size = \"4m\"\nmesh = \"models/crate.glb\""));
    project.write("models/crate.glb", &model);
    project.save("art/crate.png", &glb::texture(&model));
    project.build();
    let shown = image::open(project.path("out/crate.png")).expect("it is a picture").to_rgb8();
    assert!(shown == glb::texture(&measured));
    project.replace("impasto.toml", "models/crate.glb", "models/none.glb");
    let refused = project.run(&["build"]).expect_code(1);
    assert!(refused.err.contains("`style_size` in metres"), "{refused}");
    let seen = project.run(&["inspect", "models/crate.glb"]).expect_code(0);
    assert!(seen.out.contains("24 texels a metre"), "{seen}");
}

#[test]
fn a_farm_paints_the_same_model_and_so_does_one_command() {
    let (alone, project) = (Project::of_art(RULE), Project::of_art(RULE));
    for project in [&alone, &project] {
        project.write("art/crate.glb", glb::cube(ImageFormat::Jpeg, rings));
    }
    alone.build();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]).expect_code(0);
    let painted = project.read("out/crate.glb");
    assert!(painted == alone.read("out/crate.glb"));
    assert!(glb::view(&painted, 1).starts_with(&[0xff, 0xd8]), "its texture is a JPEG as before");
    let command = [
        "stylize",
        "art/crate.glb",
        "--style",
        "styles/swirls.png",
        "--method",
        "arbitrary",
        "-o",
        "one.glb",
    ];
    project.run(&command).expect_code(0);
    assert!(project.read("one.glb") == painted);
}

#[test]
fn several_textures_are_one_picture_of_any_size() {
    let project = Project::of_art(RULE);
    let [one, other] = [pictures::bricks(96, 64, 1), pictures::waves(48)];
    let model = glb::pair([&one, &other]);
    project.write("art/pair.glb", &model);
    let sizes = || {
        let painted = project.read("out/pair.glb");
        assert_eq!(description(&painted), description(&model));
        [0, 1].map(|view| {
            let texture = image::load_from_memory(&glb::view(&painted, view));
            let texture = texture.expect("it is a picture").to_rgb8();
            assert!(texture != one && texture != other);
            texture.dimensions()
        })
    };
    project.build();
    assert_eq!(sizes(), [(96, 64), (48, 48)]);
    project.replace("impasto.toml", RULE, &format!("{RULE}\nsize = 48"));
    let built = project.build();
    assert_eq!(built.summary()["painted"].as_u64(), Some(1), "{built}");
    assert_eq!(sizes(), [(48, 32), (24, 24)]);
    project.run(&["preview", "--size", "32"]).expect_code(0);
}

#[test]
fn normals_follow_the_paint_if_they_are_to() {
    let model = glb::cube_with_normals(rings);
    let flat = glb::view(&model, 4);
    let painted = |rule: &str| {
        let project = Project::of_art(rule);
        project.write("art/crate.glb", &model);
        project.build();
        glb::view(&project.read("out/crate.glb"), 4)
    };
    assert!(painted(RULE) == flat);
    let raised = painted(&format!("{RULE}\nrelief = 0.5"));
    let map = image::load_from_memory(&raised).expect("it is a picture").to_rgb8();
    let leans =
        |pixel: &&image::Rgb<u8>| pixel.0[0].abs_diff(128).max(pixel.0[1].abs_diff(128)) > 9;
    let leaning = map.pixels().filter(leans).count();
    assert!(leaning * 10 > map.pixels().len(), "{leaning} pixels lean");
    for image::Rgb(pixel) in map.pixels() {
        let length = pixel.map(|level| f32::from(level) / 127.5 - 1.0);
        let length = length.iter().map(|part| part * part).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 0.02, "{pixel:?}");
    }
}

#[test]
fn a_texture_that_is_a_file_of_its_own_is_painted_as_in_the_model() {
    let project = Project::of_art(&format!("{RULE}\nmesh = \"meshes/{{stem}}.glb\""));
    let model = glb::cube(ImageFormat::Png, rings);
    project.save("art/planks.png", &glb::texture(&model));
    project.write("meshes/planks.glb", &model);
    project.build();
    let alone = image::open(project.path("out/planks.png")).expect("it is a picture").to_rgb8();
    let one = Project::of_art(RULE);
    one.write("art/planks.glb", &model);
    one.build();
    assert!(alone == glb::texture(&one.read("out/planks.glb")));
    // What the mesh is decides what is up to date.
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(1));
    project.write("meshes/planks.glb", glb::cube_with_normals(rings));
    assert_eq!(project.build().summary()["painted"].as_u64(), Some(1));
    let command = [
        "stylize",
        "art/planks.png",
        "--mesh",
        "meshes/planks.glb",
        "--style",
        "styles/swirls.png",
        "--method",
        "arbitrary",
        "-o",
        "one.png",
    ];
    project.run(&command).expect_code(0);
    assert!(project.read("one.png") == project.read("out/planks.png"));
    project.save("meshes/planks.png", &pictures::swirls(32, 1));
    project.replace("impasto.toml", "{stem}.glb", "{stem}.png");
    let refused = project.run(&["plan"]);
    assert!(
        format!("{refused}").contains("it is a png file; give a model (.glb or .gltf)"),
        "{refused}"
    );
}

#[test]
fn a_damaged_model_stops_no_other_asset_and_one_without_textures_passes_through() {
    let project = Project::of_art(RULE);
    let model = glb::cube(ImageFormat::Png, rings);
    project.write("art/crate.glb", &model);
    project.write("art/cut.glb", &model[..model.len() - 400]);
    let (json, _) = glb::parts(&model);
    let bare = json.replace("\"baseColorTexture\"", "\"otherTexture___\"");
    let at = model.windows(json.len()).position(|own| own == json.as_bytes()).expect("its text");
    let mut untextured = model.clone();
    untextured[at..at + bare.len()].copy_from_slice(bare.as_bytes());
    project.write("art/bare.glb", &untextured);
    let built = project.run(&["build"]).expect_code(1);
    assert!(built.err.contains("art/cut.glb"), "{built}");
    assert!(built.err.contains("art/bare.glb passes through unpainted"), "{built}");
    assert!(project.read("out/crate.glb") != model && project.read("out/bare.glb") == untextured);
    let refused = |from: &str, to: &str, text: &str| {
        let command = ["stylize", from, "--style", "styles/swirls.png", "-o", to];
        let refused = project.run(&command).expect_code(2);
        assert!(refused.err.contains(text), "{refused}");
    };
    refused("art/crate.glb", "crate.png", "is a model");
    refused("art/bare.glb", "bare2.glb", "is a model without textures of its own to paint");
    refused("styles/swirls.png", "swirls.glb", "is a picture");
}
