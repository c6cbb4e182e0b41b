//! Drafts and better pictures by one key, and optimisations that begin with what the networks for
//! any style paint, with the real networks and program.

use std::path::Path;

use image::{DynamicImage, Rgb, RgbImage};
use impasto_tests::{Coordinator, Project, Worker, pictures, pictures::apart};
use serde_json::Value;

/// A project with a wall beside its `textures`.
fn place() -> (Project, RgbImage) {
    let project = Project::empty();
    let wall = pictures::bricks(96, 72, 1);
    project.save("wall.png", &wall);
    (project, wall)
}

/// Paints the wall with these flags: the result and the report.
fn stylize(project: &Project, flags: &[&str]) -> (DynamicImage, Value) {
    let style = ["stylize", "wall.png", "--style", "styles/night.png", "-o", "o.png", "--json"];
    let report = project.run(&[&style[..], flags].concat()).expect_code(0).document();
    (image::open(project.path("o.png")).expect("it is a picture"), report)
}

#[test]
fn a_run_begins_with_the_likeness_at_its_first_scale() {
    let (project, wall) = place();
    let plain = ["--palette", "0", "--profile", "exact"];
    let likeness = stylize(&project, &[&plain[..], &["--method", "arbitrary"]].concat()).0;
    // Nothing pulls, so the result is what it begins with.
    let still = ["--init", "arbitrary", "--style-weight", "0", "--content-weight", "0"];
    let first = stylize(&project, &[&plain[..], &still, &["--min-scale", "0"]].concat()).0;
    let expected = RgbImage::from_fn(96, 72, |x, y| {
        let (own, painted) = (wall.get_pixel(x, y), likeness.to_rgb8()[(x, y)]);
        let both = |at: usize| 0.8 * f32::from(painted[at]) + 0.2 * f32::from(own[at]);
        Rgb([0, 1, 2].map(|at| both(at).round() as u8))
    });
    assert!(apart(&first.to_rgb8(), &expected) < 0.6);

    // A real picture and a real style: it has taken much of the style.
    let village = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/village");
    let read = |file: &str| std::fs::read(village.join(file)).expect("it is there");
    project.write("wall.png", read("textures/cobblestones.png"));
    project.write("night.jpg", read("styles/starry_night.jpg"));
    let style_loss = |init: &str| {
        let flags = ["--init", init, "--iterations", "1", "--min-scale", "0", "--size", "160"];
        let style = ["stylize", "wall.png", "--style", "night.jpg", "-o", "o.png", "--json"];
        let report = project.run(&[&style[..], &flags].concat()).expect_code(0).document();
        report["report"]["losses"]["style"].as_f64().expect("a loss")
    };
    let (content, arbitrary) = (style_loss("content"), style_loss("arbitrary"));
    assert!(arbitrary < 0.7 * content, "{arbitrary} from a likeness, {content} from the asset");
}

#[test]
fn threads_change_no_byte_and_a_mask_is_kept() {
    let (project, wall) = place();
    let half = RgbImage::from_fn(96, 72, |x, _| Rgb([if x < 48 { 255 } else { 0 }; 3]));
    project.save("mask.png", &half);
    let of = |threads: &str| {
        let flags = ["--init", "arbitrary", "--preset", "texture", "--tileable", "both"];
        let few = ["--iterations", "2", "--min-scale", "48", "--coarse-iterations", "2"];
        let more = ["--mask", "mask.png", "--threads", threads];
        stylize(&project, &[&flags[..], &few, &more].concat()).0.to_rgb8()
    };
    let (one, two) = (of("1"), of("2"));
    assert!(one == two);
    let right = |picture: &RgbImage| {
        picture.enumerate_pixels().filter(|(x, ..)| *x >= 48).map(|it| *it.2).collect::<Vec<_>>()
    };
    assert_eq!(right(&one), right(&wall));
    assert!(apart(&one, &wall) > 5.0);
}

#[test]
fn a_project_is_built_as_a_draft_and_then_well() {
    let (project, _) = place();
    project.save("textures/wall.png", &pictures::bricks(64, 48, 1));
    project.save("textures/other.png", &pictures::bricks(48, 48, 2));
    let build = |flags: &[&str]| {
        let run = project.run(&[&["build", "--json"], flags].concat()).expect_code(0);
        let summary = run.summary();
        (summary["painted"].as_u64(), summary["cached"].as_u64())
    };
    let plan = project.run(&["plan", "--effort", "draft"]).expect_code(0).out;
    assert!(plan.contains("arbitrary"), "{plan}");
    // The project's `iterations` are for other efforts.
    assert_eq!(build(&["--effort", "draft"]), (Some(2), Some(0)));
    let draft = project.painted();
    assert_eq!(build(&[]), (Some(2), Some(0)));
    let good = project.painted();
    assert!(draft.iter().all(|(name, bytes)| good[name] != *bytes));
    assert_eq!(build(&["--effort", "good"]), (Some(0), Some(0)), "nothing else than before");
    assert_eq!(build(&["--effort", "draft"]), (Some(0), Some(2)));
    assert!(project.painted() == draft);

    // Where a method is named, a draft is a shorter run of it.
    project.replace("impasto.toml", "iterations = 3\n", "method = \"optimize\"\n");
    let steps = |effort: &str| {
        let plan = project.run(&["plan", "--effort", effort, "--json"]).expect_code(0).document();
        plan["tasks"][0]["recipe"]["iterations"].as_u64()
    };
    assert_eq!(["draft", "good", "best"].map(steps), [Some(4), Some(8), Some(16)]);
}

#[test]
fn a_farm_begins_with_the_same_likeness() {
    let here = || {
        let (project, _) = place();
        project.replace("impasto.toml", "iterations = 3", "iterations = 3\ninit = \"arbitrary\"");
        project.save("textures/wall.png", &pictures::bricks(64, 48, 1));
        project
    };
    let (alone, project) = (here(), here());
    alone.run(&["build"]).expect_code(0);
    let coordinator = Coordinator::start(&project);
    // It has no model: both come from the coordinator.
    let store = project.beside("models of a worker");
    let _worker = Worker::start(&project, &coordinator.url, "a", &store);
    coordinator.await_workers(&project, 1);
    let farm = ["build", "--require-farm", "--coordinator", &coordinator.url];
    project.run(&farm).expect_code(0);
    assert!(project.painted() == alone.painted());
    let names: Vec<_> = store.read_dir().expect("it is there").flatten().collect();
    let weights = |name: &str| names.iter().any(|it| it.file_name() == *name);
    assert!(weights("vgg19.json") && weights("arbitrary.json"), "{names:?}");
}

#[test]
fn what_has_no_effort_or_no_likeness_says_so() {
    let (project, _) = place();
    let refused = |arguments: &[&str]| project.run(arguments).expect_code(2).err;
    let synth = ["synth", "styles/night.png", "-o", "o.png", "--size", "64"];
    let error = refused(&[&synth[..], &["--init", "arbitrary"]].concat());
    assert!(error.contains("init is arbitrary, but has to be noise or an image"), "{error}");
    let style = ["stylize", "wall.png", "--style", "styles/night.png", "-o", "o.png"];
    let error = refused(&[&style[..], &["--effort", "great"]].concat());
    assert!(error.contains("draft, good, best"), "{error}");
    let sheet = ["sheet", "wall.png", "--style", "styles/night.png", "-o", "o.html"];
    let error = refused(&[&sheet[..], &["--effort", "best", "--method", "arbitrary"]].concat());
    assert!(error.contains("--effort is for --method optimize"), "{error}");
}

#[test]
fn a_sheet_compares_efforts() {
    let (project, _) = place();
    let sheet = ["sheet", "wall.png", "--style", "styles/night.png", "-o", "o.html"];
    let efforts = ["--method", "optimize", "--effort", "draft", "--effort", "good"];
    let run = project.run(&[&sheet[..], &efforts, &["--size", "48"]].concat()).expect_code(0);
    assert_eq!(run.out, "wrote o.html, 2 pictures\n", "{run}");
    let page = String::from_utf8(project.read("o.html")).expect("it is text");
    assert!(page.contains("effort = &quot;draft&quot;"), "{page}");
}
