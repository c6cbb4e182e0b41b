//! Networks for any style that `impasto train --any-style` makes, and what they paint, with the
//! real program and VGG-19.

use image::{DynamicImage, RgbImage};
use impasto_tests::{Finished, Process, Project, eventually, pictures, pictures::apart};

/// Small squares, few steps: seconds, and enough to tell styles from each other.
const QUICK: [&str; 10] = [
    "--content",
    "photos",
    "--any-style",
    "paintings",
    "--crop",
    "64",
    "--steps",
    "16",
    "--look-every",
    "8",
];

/// A folder of pictures, one of styles, and two styles that are not among them.
fn place() -> Project {
    let project = Project::empty();
    for seed in 0..5 {
        project.save(&format!("photos/{seed}.png"), &pictures::bricks(130, 100, seed));
        project.save(&format!("paintings/{seed}.png"), &pictures::swirls(100 + 12 * seed, seed));
    }
    project.save("night.png", &pictures::swirls(96, 0));
    project.save("day.png", &pictures::swirls(96, 1));
    project
}

fn train(project: &Project, model: &str, more: &[&str]) -> Process {
    project.start(&[&["train", "-o", model], &QUICK[..], more].concat())
}

fn trained(project: &Project, model: &str, more: &[&str]) -> Finished {
    train(project, model, more).finish()
}

/// Paints `asset` by a network with these flags.
fn run(project: &Project, asset: &str, model: &str, flags: &[&str]) -> Finished {
    let painted = format!("painted_{asset}");
    let method =
        ["stylize", "--method", "arbitrary", "--any-style-model", model, asset, "-o", &painted];
    project.run(&[&method[..], flags].concat())
}

/// The same, and opens the result.
fn stylize(project: &Project, asset: &str, flags: &[&str]) -> DynamicImage {
    run(project, asset, "any.safetensors", flags).expect_code(0);
    image::open(project.path(&format!("painted_{asset}"))).expect("it is a picture")
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes_on_any_number_of_threads() {
    let project = place();
    let whole = trained(&project, "whole.safetensors", &["--threads", "2", "--json"]);
    let whole = whole.expect_code(0);
    let report = whole.document();
    assert_eq!(report["style_pictures"]["pictures"].as_u64(), Some(5), "{whole}");
    assert_eq!(report["styles"].as_array().map(Vec::len), Some(0), "{whole}");
    let looks = report["looks"].as_array().expect("looks");
    let loss = |look: &serde_json::Value| {
        look["content"].as_f64().expect("a loss") + look["style"].as_f64().expect("a loss")
    };
    assert!(loss(&looks[2]) < 0.95 * loss(&looks[0]), "it learns: {whole}");
    assert!(whole.err.contains("4 pictures of --any-style are few"), "{whole}");
    let page = String::from_utf8(project.read("whole.report.html")).expect("text");
    assert!(page.contains("any, learned from 5 pictures"), "{page}");

    let broken = train(&project, "broken.safetensors", &["--threads", "1"]);
    let preview = project.path("broken.preview.png");
    eventually("a first look", || preview.exists().then_some(()));
    broken.interrupt();
    broken.finish().expect_code(130);
    let resumed = trained(&project, "broken.safetensors", &["--threads", "2"]).expect_code(0);
    assert!(resumed.err.contains("goes on at step "), "{resumed}");
    assert!(project.read("broken.safetensors") == project.read("whole.safetensors"));

    // Styles are part of the run.
    project.write("next.checkpoint", "none");
    let refused = trained(&project, "next.safetensors", &[]).expect_code(2);
    assert!(refused.error().contains("it is no checkpoint of a training run"), "{refused}");
    let both = [&["train", "night.png", "-o", "x.safetensors"], &QUICK[..]].concat();
    let both = project.run(&both).expect_code(2);
    assert!(both.err.contains("cannot be used with"), "{both}");
    let few = ["train", "--any-style", "none", "--content", "photos", "-o", "x.safetensors"];
    let few = project.run(&few).expect_code(2);
    assert!(few.error().contains("none is no folder"), "{few}");
}

#[test]
fn pictures_are_painted_in_styles_that_the_network_never_saw() {
    let project = place();
    trained(&project, "any.safetensors", &[]).expect_code(0);
    project.save("wall.png", &pictures::bricks(150, 97, 7));
    let paint = |flags: &[&str]| stylize(&project, "wall.png", flags).to_rgb8();

    let (night, day) = (["--style", "night.png"], ["--style", "day.png"]);
    let [in_night, in_day] = [paint(&night), paint(&day)];
    assert!(apart(&in_night, &in_day) > 4.0, "styles differ");
    let mixed = paint(&["--style", "night.png", "--style", "day.png:3"]);
    assert!(apart(&mixed, &in_day) < apart(&mixed, &in_night), "a mixture is nearer to its most");
    let half = paint(&[&night[..], &["--strength", "0.5"]].concat());
    let none = paint(&[&night[..], &["--strength", "0"]].concat());
    let (near, far) = (apart(&half, &in_night), apart(&none, &in_night));
    assert!(near < 0.8 * far, "strength lies between: {near} of {far}");

    // Any number of threads, any number of scales, the style in any size.
    let [one, two] = ["1", "2"].map(|threads| {
        let flags = ["--threads", threads, "--min-scale", "32", "--style-scale", "2"];
        stylize(&project, "wall.png", &[&night[..], &flags].concat());
        project.read("painted_wall.png")
    });
    assert!(one == two, "threads change no byte");
    let seed = |seed: &'static str| paint(&[&night[..], &["--seed", seed]].concat());
    assert!(seed("1") == seed("1") && seed("1") != seed("2"), "strokes follow from the seed");

    // A texture has no seam, whatever its size and wherever it begins.
    for side in [64, 75] {
        project.save("waves.png", &pictures::waves(side));
        let tiled = [&night[..], &["--tileable", "both"]].concat();
        let seam = pictures::seam(&stylize(&project, "waves.png", &tiled));
        assert!(seam < 1.3, "{side}: {seam:.2} times as rough at its seam as within");
    }

    // Alpha and depth are the asset's, and a picture may be smaller than what the network sees.
    project.save("leaf.png", &pictures::leaf(40));
    assert_eq!(stylize(&project, "leaf.png", &night).color(), image::ColorType::Rgba8);
    pictures::deep_slope(47, 33).save(project.path("slope.png")).expect("it is written");
    assert_eq!(stylize(&project, "slope.png", &day).color(), image::ColorType::Rgba16);
    project.save("dot.png", &pictures::bricks(16, 17, 1));
    assert_eq!(stylize(&project, "dot.png", &day).to_rgb8().dimensions(), (16, 17));

    // What lies outside a mask has no say in what is painted inside it.
    let stripe = |level: u8| {
        let bricks = pictures::bricks(256, 64, 2);
        RgbImage::from_fn(256, 64, |x, y| match x {
            0..128 => *bricks.get_pixel(x, y),
            _ => image::Rgb([level, level / 2, 255 - level]),
        })
    };
    let mask =
        image::GrayImage::from_fn(256, 64, |x, _| image::Luma([if x < 24 { 255 } else { 0 }]));
    mask.save(project.path("mask.png")).expect("it is written");
    let inside = |level: u8| {
        project.save("stripe.png", &stripe(level));
        let flags = ["--mask", "mask.png", "--palette", "0", "--min-scale", "0"];
        let painted = stylize(&project, "stripe.png", &[&night[..], &flags].concat()).to_rgb8();
        image::imageops::crop_imm(&painted, 0, 0, 8, 64).to_image()
    };
    let difference = apart(&inside(250), &inside(5));
    assert!(difference < 1.0, "{difference} levels");

    // Where tiles meet, nothing is to be seen.
    let strip = pictures::bricks(1700, 64, 3);
    project.save("strip.png", &strip);
    let flags = [&night[..], &["--tileable", "x", "--min-scale", "0"]].concat();
    let painted = stylize(&project, "strip.png", &flags).to_rgb8();
    let jump = |x: u32| -> f64 {
        let step = |y| (0..3).map(move |c| (x, y, c));
        let steps = (0..64).flat_map(step);
        let level = |x: u32, y: u32, c: usize| f64::from(painted.get_pixel(x, y).0[c]);
        steps.map(|(x, y, c)| (level(x, y, c) - level(x - 1, y, c)).abs()).sum::<f64>() / 192.0
    };
    let mean = (1..1700).map(jump).sum::<f64>() / 1699.0;
    // Three tiles of 568 pixels, the first of which begins at 2.
    for edge in [570, 1138] {
        let most = (edge - 2..=edge + 2).map(jump).fold(0.0, f64::max);
        assert!(most < 4.0 * mean, "{edge}: {most} of {mean}");
    }

    refusals(&project);
}

/// What cannot be painted, and what is said.
fn refusals(project: &Project) {
    let refused = |flags: &[&str]| {
        let plain = ["stylize", "wall.png", "-o", "o.png"];
        project.run(&[&plain[..], flags].concat()).expect_code(2).err
    };
    let any = ["--any-style-model", "any.safetensors"];
    let error = refused(&[&["--method", "arbitrary"][..], &any].concat());
    assert!(error.contains("--style"), "{error}");
    let other = ["--method", "feedforward", "--style", "day.png", "--model", "any.safetensors"];
    let error = refused(&other);
    assert!(error.contains("this network is for any style"), "{error}");
    assert!(error.contains("it is an `any_style_model` of method arbitrary"), "{error}");
    let flags = ["--content", "photos", "--crop", "64", "--size", "96", "--steps", "1"];
    let learned = ["train", "day.png", "-o", "day.safetensors"];
    project.run(&[&learned[..], &flags].concat()).expect_code(0);
    let method = ["--method", "arbitrary", "--style", "day.png"];
    let error = refused(&[&method[..], &["--any-style-model", "day.safetensors"]].concat());
    assert!(error.contains("this network has learned its styles"), "{error}");
    let whole = project.read("any.safetensors");
    project.write("cut.safetensors", &whole[..whole.len() - 9]);
    let error = refused(&[&method[..], &["--any-style-model", "cut.safetensors"]].concat());
    assert!(error.contains("cut.safetensors cannot be used as `model`"), "{error}");
    let error = refused(&[&["--style", "day.png"][..], &any].concat());
    assert!(error.contains("used with method arbitrary"), "{error}");
    assert!(!project.path("o.png").exists());
}

#[test]
fn a_project_paints_by_such_a_network_and_repaints_when_it_changes() {
    let project = place();
    trained(&project, "any.safetensors", &[]).expect_code(0);
    project.write(
        "impasto.toml",
        "[project]\nname = \"p\"\nassets = \"textures\"\noutput = \
         \"painted/{style}/{dir}/{name}\"\n\n[defaults]\nmethod = \"arbitrary\"\n\
         any_style_model = \"any.safetensors\"\n\n\
         [styles.night]\nimages = [\"night.png\"]\n\n\
         [styles.day]\nimages = [\"day.png\"]\n\n\
         [[rules]]\nmatch = \"**/*.png\"\nstyles = [\"night\", \"day\"]\n",
    );
    for seed in 2..4 {
        project.save(&format!("textures/{seed}.png"), &pictures::bricks(64, 40, seed));
    }
    assert_eq!(project.build().summary()["painted"], 4);
    assert_eq!(project.build().summary()["painted"], 0);
    trained(&project, "any.safetensors", &["--force", "--seed", "9"]).expect_code(0);
    let plan = project.run(&["plan"]).expect_code(0).out;
    assert!(plan.contains("the model changed"), "{plan}");
    assert_eq!(project.build().summary()["painted"], 4);

    let whole = project.read("impasto.toml");
    let refused = |old: &str, new: &str| {
        project.write("impasto.toml", &whole);
        project.replace("impasto.toml", old, new);
        project.run(&["plan"]).expect_code(2).err
    };
    let learned = "method = \"feedforward\"\nmodel = \"any.safetensors\"";
    let both = "method = \"arbitrary\"\nany_style_model = \"any.safetensors\"";
    let error = refused(both, learned);
    assert!(error.contains("it is for any style"), "{error}");
    let error = refused("any.safetensors", "none.safetensors");
    assert!(error.contains("none.safetensors") && error.contains("no such file"), "{error}");
    let error = refused("method = \"arbitrary\"", "method = \"feedforward\"");
    assert!(error.contains("used with method arbitrary"), "{error}");

    // Beside rules that paint by other means.
    project.write("impasto.toml", &whole);
    project.replace(
        "impasto.toml",
        "[[rules]]",
        "[[rules]]\nname = \"a\"\nmatch = \"2.png\"\n\
        method = \"optimize\"\nstyle = \"day\"\n\n[[rules]]",
    );
    project.run(&["plan"]).expect_code(0);
    project.write("impasto.toml", &whole);

    // A sheet shows it as what it is.
    let sheet = ["sheet", "textures/2.png", "--style", "night.png", "--method", "arbitrary"];
    let own = ["--any-style-model", "any.safetensors", "-o", "s.html", "--json"];
    let made = project.run(&[&sheet[..], &own].concat()).expect_code(0);
    assert_eq!(made.document()["pictures"].as_u64(), Some(4), "both networks: {made}");
    let page = String::from_utf8(project.read("s.html")).expect("text");
    assert!(page.contains("any_style_model = &quot;any.safetensors&quot;"), "{made}");
}
