//! Projects from manifest to outputs, with the real network and program.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use image::{Rgb, RgbImage};
use impasto_tests::{Files, Project, pictures, workspace};
use impasto_types::Digest;
use serde_json::Value;

/// The values of `key` in these events, sorted.
fn each<'a>(events: &'a [Value], key: &str) -> Vec<&'a str> {
    let mut values: Vec<&str> =
        events.iter().map(|event| event[key].as_str().expect("it is text")).collect();
    values.sort_unstable();
    values
}

/// The files that differ by bytes or time.
fn touched(before: &Files, after: &Files) -> BTreeSet<String> {
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn set_time(path: &Path, time: SystemTime) {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .expect("its time is set");
}

/// Everything below `art` comes to `game`, painted or as it is.
const WHOLE_TREE: &str = "[project]\nname = \"game\"\nassets = \"art\"\noutput = \
    \"game/{dir}/{name}\"\npassthrough = \"copy\"\nexclude = [\"**/*.psd\"]\n\n\
    [defaults]\nmin_scale = 0\niterations = 2\n\n[styles.night]\nimages = \
    \"art/style.png\"\n\n[[rules]]\nmatch = \"**/*_n.png\"\nskip = true\n\n[[rules]]\n\
    match = \"walls/**\"\n";

#[test]
fn a_game_can_read_all_of_its_files_from_the_outputs() {
    let project = Project::empty();
    project.write("impasto.toml", WHOLE_TREE);
    project.save("art/style.png", &pictures::bricks(40, 40, 1));
    project.save("art/walls/a.png", &pictures::bricks(48, 32, 2));
    project.save("art/walls/a_n.png", &pictures::bricks(48, 32, 3));
    project.save("art/walls/ramp.png", &pictures::bricks(64, 2, 4));
    project.write("art/walls/a.mtl", "map_Kd a.png");
    project.write("art/walls/a.psd", "a source");
    project.write("art/level", "walls/a.mtl");
    let plan = project.run(&["plan"]).expect_code(0).out;
    let why = project.run(&["plan", "--why", "art/walls/a.mtl"]).expect_code(0).out;
    assert!(why.contains("it passes through to game/walls/a.mtl"), "{why}");
    assert!(plan.contains("2 stale") && plan.contains("3 files to copy"), "{plan}");
    let document = project.run(&["plan", "--json"]).expect_code(0).document();
    assert_eq!(document["copies"][0]["output"], "game/level");

    let built = project.build();
    let summary = built.summary();
    assert_eq!((summary["painted"].as_u64(), summary["copied"].as_u64()), (Some(2), Some(3)));
    let copied = built.events_named("copied");
    assert_eq!(each(&copied, "asset"), ["art/level", "art/walls/a.mtl", "art/walls/a_n.png"]);
    let files = project.files("game");
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["level", "walls/a.mtl", "walls/a.png", "walls/a_n.png", "walls/ramp.png"]
    );
    for same in ["level", "walls/a.mtl", "walls/a_n.png", "walls/ramp.png"] {
        assert_eq!(project.read(&format!("game/{same}")), project.read(&format!("art/{same}")));
    }
    let again = project.build().summary();
    assert_eq!((again["up_to_date"].as_u64(), again.get("copied")), (Some(2), None));

    // What changes, or is spoilt, is copied again, and what goes is an orphan.
    project.write("art/level", "walls/b.mtl");
    project.write("game/walls/a.mtl", "spoilt");
    fs::remove_file(project.path("art/walls/a_n.png")).expect("it is removed");
    assert_eq!(project.build().summary()["copied"], 2);
    assert_eq!(project.read("game/level"), b"walls/b.mtl");
    assert_eq!(project.read("game/walls/a.mtl"), b"map_Kd a.png");
    project.run(&["clean"]).expect_code(0);
    assert!(!project.path("game/walls/a_n.png").exists());
    assert!(project.path("game/level").exists());
}

#[test]
fn a_build_paints_everything_and_the_next_one_nothing() {
    let project = Project::small();
    let stale = project.run(&["check", "--json"]).expect_code(1).document();
    assert_eq!((stale["stale"].as_u64(), stale["up_to_date"].as_u64()), (Some(3), Some(0)));

    let built = project.build();
    let summary = built.summary();
    assert_eq!([&summary["painted"], &summary["cached"], &summary["open"]], [3, 0, 0], "{built}");
    assert_eq!(summary["failed"], Value::Array(vec![]));
    assert!(Path::new(summary["contact_sheet"].as_str().expect("it is named")).is_file());
    let first = project.files("painted");
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        ["textures/brick.png", "textures/day/house.png", "textures/wall.png"]
    );
    for name in first.keys() {
        let [asset, output] = [project.path(name), project.path("painted").join(name)]
            .map(|path| image::open(path).expect("it is a picture"));
        assert_eq!((asset.width(), asset.height()), (output.width(), output.height()), "{name}");
        assert_ne!(asset.to_rgb8(), output.to_rgb8(), "{name} is painted");
    }
    project.run(&["check"]).expect_code(0);

    // Results are kept; sources were only lent to the farm of this process.
    let is_kept = |file: &Path| {
        let digest = Digest::of(&fs::read(file).expect("it is there")).to_hex();
        project.beside("cache").join("blobs").join(&digest[..2]).join(&digest).exists()
    };
    assert!(is_kept(&project.path("painted/textures/wall.png")));
    for source in ["textures/wall.png", "styles/night.png"] {
        assert!(!is_kept(&project.path(source)), "{source}");
    }

    let second = project.run(&["build"]).expect_code(0);
    assert!(second.out.starts_with("all 3 assets are up to date"), "{second}");
    assert_eq!(touched(&first, &project.files("painted")), BTreeSet::new());

    // A new time stamp is not a change.
    for file in ["textures/brick.png", "styles/night.png"] {
        set_time(&project.path(file), SystemTime::now() + Duration::from_secs(5));
    }
    assert_eq!(project.build().summary()["up_to_date"], 3);
    assert_eq!(touched(&first, &project.files("painted")), BTreeSet::new());

    // Earlier results come from the cache.
    fs::remove_file(project.path("painted/textures/wall.png")).expect("it was there");
    project.run(&["check"]).expect_code(1);
    let restored = project.build();
    let delivered = restored.events_named("delivered");
    assert_eq!(each(&delivered, "output"), ["painted/textures/wall.png"]);
    assert_eq!(
        (delivered[0]["origin"].as_str(), restored.events_named("farm").len()),
        (Some("cached"), 0),
        "{restored}"
    );
    assert_eq!(project.painted()["textures/wall.png"], first["textures/wall.png"].0);
}

#[test]
fn after_a_change_of_a_style_only_its_assets_are_painted() {
    let project = Project::small();
    project.build();
    let before = project.files("painted");

    project.save("styles/day.png", &pictures::swirls(64, 2));
    let plan = project.run(&["plan", "-v"]).expect_code(0);
    assert!(
        plan.out.contains("painted/textures/day/house.png") && plan.out.contains("styles/day.png"),
        "{plan}"
    );
    assert!(plan.out.contains("1 stale, 2 up to date"), "{plan}");

    let built = project.build();
    assert_eq!(
        each(&built.events_named("delivered"), "asset"),
        ["textures/day/house.png"],
        "{built}"
    );
    let after = project.files("painted");
    assert_eq!(touched(&before, &after), BTreeSet::from(["textures/day/house.png".to_owned()]));
    assert_ne!(before["textures/day/house.png"].0, after["textures/day/house.png"].0);
}

#[test]
fn outputs_keep_depth_alpha_and_profile() {
    let project = Project::empty();
    // A profile has its colour space here; the decoder ignores the rest.
    let mut profile: Vec<u8> = (0..=255).cycle().take(600).collect();
    profile[16..20].copy_from_slice(b"RGB ");
    let leaf = pictures::leaf(40);
    let slope = pictures::deep_slope(47, 33);
    project.save("textures/leaf.png", &leaf);
    project.save_profiled("textures/slope.png", &slope, &profile);
    for name in ["plain.jpg", "plain.bmp", "plain.webp"] {
        project.save(&format!("textures/{name}"), &pictures::bricks(40, 32, 1));
    }
    for name in ["leaf.tga", "leaf.tiff"] {
        project.save(&format!("textures/{name}"), &leaf);
    }
    project.replace("impasto.toml", "{dir}/{name}", "{dir}/{stem}_{ext}.{ext}");
    assert_eq!(project.build().summary()["painted"], 7);

    let open = |name: &str| {
        image::open(project.path("painted/textures").join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let alpha =
        |picture: &image::RgbaImage| picture.pixels().map(|pixel| pixel[3]).collect::<Vec<_>>();
    for name in ["leaf_png.png", "leaf_tga.tga", "leaf_tiff.tiff"] {
        let painted = open(name);
        assert_eq!(painted.color(), image::ColorType::Rgba8, "{name}");
        assert_eq!(alpha(&painted.to_rgba8()), alpha(&leaf), "{name}");
    }
    let painted = open("slope_png.png");
    assert_eq!(
        (painted.color(), painted.width(), painted.height()),
        (image::ColorType::Rgba16, 47, 33)
    );
    let alpha = |picture: &image::DynamicImage| {
        picture.to_rgba16().pixels().map(|pixel| pixel[3]).collect::<Vec<_>>()
    };
    assert_eq!(alpha(&painted), alpha(&slope));
    let mut kept = image::ImageReader::open(project.path("painted/textures/slope_png.png"))
        .expect("it is there")
        .into_decoder()
        .expect("it decodes");
    assert_eq!(image::ImageDecoder::icc_profile(&mut kept).expect("it reads"), Some(profile));
    for name in ["plain_jpg.jpg", "plain_bmp.bmp", "plain_webp.webp"] {
        assert_eq!((open(name).width(), open(name).height()), (40, 32), "{name}");
    }
}

/// Presses Ctrl-C while the second of three assets is painted.
#[cfg(unix)]
#[test]
fn an_interrupted_build_keeps_what_is_finished() {
    let project = Project::empty();
    let slow = "[[rules]]\nmatch = \"textures/slow_*\"\niterations = 50000\n\
        [[rules]]\nmatch = \"textures/**\"\n";
    project.replace("impasto.toml", "[[rules]]\nmatch = \"textures/**\"\n", slow);
    for (name, seed) in [("quick", 1), ("slow_one", 2), ("slow_two", 3)] {
        project.save(&format!("textures/{name}.png"), &pictures::bricks(48, 48, seed));
    }
    let mut building = project.start(&["build", "--json"]);
    building
        .until_event("delivered", |event| (event["asset"] == "textures/quick.png").then_some(()));
    building
        .until_event("progress", |event| event["asset"].as_str()?.contains("slow").then_some(()));
    building.interrupt();
    let ended = building.finish().expect_code(130);
    let summary = ended.summary();
    assert_eq!(
        (summary["interrupted"].as_bool(), summary["painted"].as_u64(), summary["open"].as_u64()),
        (Some(true), Some(1), Some(2))
    );
    assert_eq!(
        project.painted().keys().collect::<Vec<_>>(),
        ["textures/quick.png"],
        "no partial file is left"
    );

    let plan = project.run(&["plan", "--json"]).expect_code(0).document();
    assert_eq!((plan["up_to_date"].as_u64(), plan["stale"].as_u64()), (Some(1), Some(2)));
}

#[test]
fn threads_do_not_change_a_byte() {
    let project = Project::empty();
    project.save("brick.png", &pictures::bricks(70, 51, 1));
    for threads in ["1", "2"] {
        let common =
            ["--iterations", "4", "--coarse-iterations", "2", "--threads", threads, "--seed", "7"];
        let style = ["--style", "styles/night.png:2", "--style", "brick.png"];
        let painted = format!("stylized_{threads}.png");
        let done = project
            .run(
                &[&["stylize", "brick.png", "-o", &painted, "--json"], &style[..], &common[..]]
                    .concat(),
            )
            .expect_code(0)
            .document();
        assert_eq!([&done["width"], &done["height"]], [70, 51]);
        let texture = format!("texture_{threads}.png");
        project
            .run(
                &[&["synth", "styles/night.png", "-o", &texture, "--size", "48"], &common[..]]
                    .concat(),
            )
            .expect_code(0);
    }
    for kind in ["stylized", "texture"] {
        assert_eq!(
            project.read(&format!("{kind}_1.png")),
            project.read(&format!("{kind}_2.png")),
            "{kind}"
        );
    }
}

#[test]
fn textures_tile() {
    let project = Project::empty();
    project.save("waves.png", &pictures::waves(64));
    let common = [
        "--tileable",
        "both",
        "--iterations",
        "12",
        "--coarse-iterations",
        "12",
        "--min-scale",
        "0",
    ];
    project
        .run(
            &[
                &[
                    "stylize",
                    "waves.png",
                    "--style",
                    "styles/night.png",
                    "-o",
                    "painted.png",
                    "--preset",
                    "texture",
                ],
                &common[..],
            ]
            .concat(),
        )
        .expect_code(0);
    project
        .run(
            &[&["synth", "styles/night.png", "-o", "made.png", "--size", "64"], &common[..]]
                .concat(),
        )
        .expect_code(0);
    for name in ["painted.png", "made.png"] {
        let seam = pictures::seam(&image::open(project.path(name)).expect("it is a picture"));
        assert!(seam < 1.5, "{name} is {seam:.2} times as rough at its seam as within");
    }
}

/// Builds the examples at a small size with few iterations.
#[test]
fn the_examples_can_be_painted() {
    let Ok(folders) = fs::read_dir(workspace().join("examples")) else { return };
    for folder in folders
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|folder| folder.join("impasto.toml").is_file())
    {
        let project = Project::new("");
        copy(&folder, &project.dir());
        let hurry =
            ["--size", "32", "--iterations", "1", "--coarse-iterations", "1", "--min-scale", "0"];
        let summary =
            project.run(&[&["build", "--json"], &hurry[..]].concat()).expect_code(0).summary();
        assert!(summary["painted"].as_u64() > Some(1), "{}: {summary}", folder.display());
    }
}

/// Copies a folder without the files of an earlier build.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("it can be listed") {
        let (from, name) =
            entry.map(|entry| (entry.path(), entry.file_name())).expect("it can be listed");
        let to = to.join(&name);
        if from.is_file() {
            fs::copy(&from, &to).expect("it is copied");
        } else if name != ".impasto" && name != "stylized" {
            fs::create_dir_all(&to).expect("it is made");
            copy(&from, &to);
        }
    }
}

#[test]
fn a_scene_in_one_style_keeps_its_lights_and_darks() {
    // A pale wall, bricks, and a grate whose holes are black.
    let mut pale = pictures::waves(64);
    pale.pixels_mut().for_each(|Rgb(levels)| *levels = levels.map(|level| 170 + level / 4));
    let grate = RgbImage::from_fn(64, 64, |x, y| {
        if x % 16 < 10 && y % 16 < 10 { Rgb([0; 3]) } else { Rgb([70, 66, 60]) }
    });
    let scene = [("pale", pale), ("brick", pictures::bricks(60, 48, 1)), ("grate", grate)];
    let painted = |keys: &str| {
        let project = Project::new(&format!(
            "[project]\nname = \"scene\"\noutput = \"painted/{{name}}\"\n\
             [styles.night]\nimages = \"styles/night.png\"\n\
             [[rules]]\nmatch = \"textures/**\"\npreset = \"texture\"\ntileable = \"both\"\n{keys}"
        ));
        project.save("styles/night.png", &pictures::swirls(64, 0));
        for (name, texture) in &scene {
            project.save(&format!("textures/{name}.png"), texture);
        }
        project.build();
        scene.each_ref().map(|(name, _)| {
            let picture = image::open(project.path(&format!("painted/{name}.png")));
            picture.expect("it is painted").to_rgb8()
        })
    };
    let own = scene.each_ref().map(|(_, texture)| luminance(texture));
    let held = painted("");
    for ((name, _), (own, held)) in scene.iter().zip(own.iter().zip(&held)) {
        let mean = luminance(held);
        assert!((mean - own).abs() < 2.0, "{name}: {own} became {mean}");
    }
    let holes = held[2].enumerate_pixels().filter(|(x, y, _)| x % 16 < 10 && y % 16 < 10);
    let brightest = holes.map(|(.., pixel)| pixel.0[1]).max().expect("there are holes");
    assert!(brightest < 60, "a hole has {brightest}");
    let [pale, _, grate] = painted("values = 0\nevenness = 0\n").map(|picture| luminance(&picture));
    assert!(pale - grate < 0.5 * (own[0] - own[2]), "{pale} and {grate}: the style's own values");
}

/// Mean luminance by Rec. 709, of 0 to 255.
fn luminance(picture: &RgbImage) -> f64 {
    let sum: f64 = picture
        .pixels()
        .map(|Rgb([r, g, b])| {
            0.2126 * f64::from(*r) + 0.7152 * f64::from(*g) + 0.0722 * f64::from(*b)
        })
        .sum();
    sum / f64::from(picture.width() * picture.height())
}
