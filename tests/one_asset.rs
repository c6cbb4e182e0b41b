//! Parts of a project: selected assets, previews, orphans; and single pictures.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;
use impasto_tests::{Finished, Project, pictures};

fn jpeg() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pictures::bricks(64, 64, 5).write_to(&mut bytes, ImageFormat::Jpeg).expect("it is encoded");
    bytes.into_inner()
}

const QUICK: [&str; 7] =
    ["--iterations", "1", "--coarse-iterations", "1", "--min-scale", "0", "--json"];

#[test]
fn only_selected_assets_are_painted_and_counted() {
    let project = Project::small();
    let only = |command: &str, glob: &str| project.run(&[command, "--only", glob, "--json"]);
    let built = only("build", "textures/brick.png").expect_code(0).summary();
    assert_eq!((built["painted"].as_u64(), built["open"].as_u64()), (Some(1), Some(0)), "{built}");
    assert_eq!(project.painted().keys().collect::<Vec<_>>(), ["textures/brick.png"]);
    only("check", "textures/BRICK.png").expect_code(0);
    only("check", "**/*.png").expect_code(1);
    let plan = only("plan", "textures/day/*").expect_code(0).document();
    assert_eq!((plan["stale"].as_u64(), plan["up_to_date"].as_u64()), (Some(1), Some(0)), "{plan}");

    // A broken asset counts only if it is selected.
    project.write("textures/broken.png", "not a picture");
    only("build", "textures/brick.png").expect_code(0);
    only("build", "textures/br*").expect_code(1);
    let record = project.read("impasto.lock");
    for (glob, hint) in [
        ("brick.png", "textures/brick.png"),
        ("textures", "textures/**"),
        ("textures/bric.png", "textures/brick.png"),
        ("painted/textures/wall.png", "textures/wall.png"),
        ("nothing/like/it", "impasto plan"),
        ("../brick.png", "inside the project"),
    ] {
        let refused = only("build", glob).expect_code(2);
        assert!(refused.err.contains(hint), "{glob}: {refused}");
    }
    let wrong = project.run(&["build", "textures/brick.png"]).expect_code(2);
    assert!(wrong.error().contains("is a picture") && wrong.err.contains("--only"), "{wrong}");

    fs::remove_file(project.path("textures/broken.png")).expect("it is removed");
    project.build();
    assert_ne!(project.read("impasto.lock"), record, "the rest is built later");
    assert_eq!(project.painted().len(), 3);
}

#[test]
fn previews_change_no_output_and_no_record() {
    let project = Project::small();
    project.build();
    project.save("styles/night.png", &pictures::swirls(64, 2));
    let before = (project.files("painted"), project.read("impasto.lock"));
    let sheet = project.read(".impasto/contact-sheet.html");
    for painted in [2, 0] {
        let shown = project.run(&["preview", "--size", "32", "--json", "--only", "textures/*.png"]);
        let summary = shown.expect_code(0).summary();
        assert_eq!(summary["painted"].as_u64(), Some(painted), "the second time: {summary}");
    }
    assert!(before == (project.files("painted"), project.read("impasto.lock")));
    assert!(sheet == project.read(".impasto/contact-sheet.html"));
    let pictures = project.files(".impasto/preview/pictures");
    let names: Vec<&str> = pictures.keys().map(String::as_str).collect();
    assert_eq!(names, ["painted/textures/brick.png", "painted/textures/wall.png"]);
    let brick = image::open(project.path(".impasto/preview/pictures/painted/textures/brick.png"));
    let brick = brick.expect("it is a picture");
    assert_eq!((brick.width(), brick.height()), (32, 24));
    let page = project.read(".impasto/preview/contact-sheet.html");
    let page = String::from_utf8(page).expect("it is text");
    assert!(page.contains("brick.png") && !page.contains("house.png"), "it has what was selected");
    let plan = project.run(&["plan", "--json"]).expect_code(0).document();
    assert_eq!(plan["stale"], 2, "outputs are as stale as before");
}

#[test]
fn orphans_are_named_and_removed() {
    let project = Project::small();
    project.build();
    project.run(&["clean"]).expect_code(0);
    fs::remove_file(project.path("textures/wall.png")).expect("it is removed");
    fs::remove_dir_all(project.path("textures/day")).expect("it is removed");
    project.write("painted/textures/wall.png", "edited");
    let before = project.painted();
    let named = project.run(&["clean", "-n", "--json"]).expect_code(0).document();
    let house = serde_json::json!(["painted/textures/day/house.png"]);
    assert_eq!((&named["removed"], named["dry_run"].as_bool()), (&house, Some(true)), "{named}");
    assert_eq!(project.painted(), before);
    let cleaned = project.run(&["clean"]).expect_code(0);
    assert!(cleaned.out.contains("kept painted/textures/wall.png"), "{cleaned}");
    assert!(!project.path("painted/textures/day").exists(), "the folder was empty");
    assert_eq!(project.read("painted/textures/wall.png"), b"edited");
    project.run(&["clean", "--force"]).expect_code(0);
    assert_eq!(project.painted().keys().collect::<Vec<_>>(), ["textures/brick.png"]);
    let none = project.run(&["clean"]).expect_code(0);
    assert_eq!(none.out, "there are no orphans\n", "{none}");
}

#[test]
fn a_named_file_that_cannot_be_used_is_a_usage_error() {
    let project = Project::empty();
    project.save("good.png", &pictures::bricks(64, 64, 1));
    let png = project.read("good.png");
    let jpeg = jpeg();
    let mut damaged = png.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0x55);
    let bad: [(&str, &[u8]); 7] = [
        ("empty.png", b""),
        ("empty.jpg", b""),
        ("cut.jpg", &jpeg[..jpeg.len() / 2]),
        ("cut.png", &png[..middle]),
        ("damaged.png", &damaged),
        ("text.png", b"these are words"),
        ("mislabelled.png", &jpeg),
    ];
    for (name, bytes) in bad {
        project.write(name, bytes);
    }
    let run = |words: &[&str]| project.run(&[words, &["-o", "o.png"], &QUICK].concat());
    for name in bad.map(|(name, _)| name).into_iter().chain(["missing.png"]) {
        for words in [
            &["stylize", name, "--style", "good.png"][..],
            &["stylize", "good.png", "--style", name],
            &["stylize", "good.png", "--style", "good.png", "--mask", name],
            &["stylize", "good.png", "--style", "good.png", "--init", name],
            &["synth", name, "--size", "32"],
        ] {
            let refused = run(words).expect_code(2);
            assert!(refused.error().contains(name), "{words:?}: {refused}");
            assert!(!project.path("o.png").exists(), "{words:?}");
        }
    }
}

#[test]
fn a_picture_that_is_read_is_not_overwritten() {
    let project = Project::empty();
    for (name, seed) in [("a.png", 1), ("mask.png", 2), ("init.png", 3)] {
        project.save(name, &pictures::bricks(48, 48, seed));
    }
    fs::create_dir(project.path("sub")).expect("it is made");
    fs::hard_link(project.path("a.png"), project.path("hard.png")).expect("it is linked");
    let paint = |output: &str, more: &[&str]| -> Finished {
        let words = ["stylize", "a.png", "--style", "styles/night.png", "--mask", "mask.png"];
        let words = [&words[..], &["--init", "init.png", "-o", output], &QUICK, more].concat();
        project.run(&words)
    };
    let inputs = ["a.png", "styles/night.png", "mask.png", "init.png"];
    let before = inputs.map(|input| project.read(input));
    for output in
        ["a.png", "./a.png", "sub/../a.png", "hard.png", "styles/night.png", "mask.png", "init.png"]
    {
        let refused = paint(output, &[]).expect_code(2);
        assert!(refused.error().contains("overwrite"), "{output}: {refused}");
        assert!(refused.err.contains("--force"), "{output}: {refused}");
    }
    paint("o.png", &["--depfile", "mask.png"]).expect_code(2);
    assert!(inputs.map(|input| project.read(input)) == before);

    project.write("o.png", "an earlier output");
    paint("o.png", &[]).expect_code(0);
    image::open(project.path("o.png")).expect("it is replaced");
    let made = Path::new("a.png");
    paint("a.png", &["--force"]).expect_code(0);
    assert_ne!(project.read("a.png"), before[0], "{}", made.display());
}

#[cfg(unix)]
#[test]
fn watch_tells_a_wrong_manifest_as_an_event_and_ends_on_sigterm() {
    let project = Project::empty();
    project.save("textures/brick.png", &pictures::bricks(48, 48, 1));
    let mut watching = project.start(&["watch", "--json"]);
    watching.until_event("summary", |_| Some(()));
    project.replace("impasto.toml", "match", "mtach");
    let message = watching.until_event("error", |event| Some(event["message"].to_string()));
    assert!(message.contains("mtach"), "{message}");
    project.replace("impasto.toml", "mtach", "match");
    watching.until_event("summary", |_| Some(()));
    watching.terminate();
    watching.finish().expect_code(130);
}

#[cfg(unix)]
#[test]
fn sigterm_ends_painting_within_seconds() {
    let project = Project::empty();
    project.save("textures/brick.png", &pictures::bricks(256, 256, 1));
    let slow = ["--iterations", "50000", "--plateau", "0", "--json"];
    let mut building = project.start(&[&["build"], &slow[..]].concat());
    building.until_event("progress", |_| Some(()));
    building.terminate();
    let ended = building.finish().expect_code(130);
    assert_eq!(ended.summary()["interrupted"], true);
    assert!(project.painted().is_empty(), "no partial file is left");
}
