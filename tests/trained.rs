//! Builds that train a network before they paint with it, with the real weights and program.

use std::collections::BTreeSet;

use impasto_tests::{Coordinator, Process, Project, Worker, models_dir, pictures};
use serde_json::Value;

/// Six parts of a few steps on small squares, and pictures that are painted by the network.
const TRAIN: &str = "{ size = 96, crop = 64, steps = 36, look_every = 6, learning_rate = 0.006 }";
const PARTS: usize = 6;
const HOUSES: usize = 7;

/// A style whose network the build trains on the houses.
fn street() -> Project {
    town(HOUSES)
}

/// Like [`street`], of this many houses.
fn town(houses: usize) -> Project {
    let project = Project::empty();
    project.write(
        "impasto.toml",
        format!(
            "[project]\nname = \"street\"\nassets = \"textures\"\noutput = \
             \"painted/{{dir}}/{{name}}\"\n\n[styles.night]\nimages = \
             \"styles/night.png\"\nmethod = \"feedforward\"\nmodel = \"models/night.safetensors\"\n\
             train = {TRAIN}\n\n[[rules]]\nmatch = \"**/*.png\"\n"
        ),
    );
    for seed in 0..houses as u32 {
        project.save(&format!("textures/{seed}.png"), &pictures::bricks(100, 90, seed));
    }
    project
}

fn start_build(project: &Project, coordinator: &Coordinator) -> Process {
    project.start(&["build", "--json", "--require-farm", "--coordinator", &coordinator.url])
}

/// Waits until this many steps are done, and returns the worker that does them.
fn await_step(building: &mut Process, step: u64) -> String {
    let mut worker = String::new();
    building.until_out("progress", |line| {
        let event: Value = serde_json::from_str(line).expect("it is JSON");
        if event["event"] == "started" {
            worker = event["worker"].as_str().expect("a name").to_owned();
        }
        (event["event"] == "progress" && event["iteration"].as_u64()? >= step)
            .then(|| worker.clone())
    })
}

#[test]
fn a_build_trains_a_network_once_and_paints_with_it() {
    let project = street();
    let plan = project.run(&["plan"]).expect_code(0).out;
    assert!(plan.contains("models/night.safetensors"), "{plan}");
    assert!(plan.contains("7 when their network is trained"), "{plan}");
    let preview = project.run(&["preview"]).expect_code(0);
    assert!(preview.out.starts_with("there is nothing to paint yet"), "{preview}");
    assert!(preview.err.contains("7 assets have no preview before"), "{preview}");
    let why = project.run(&["plan", "--why", "models/night.safetensors"]).expect_code(0).out;
    assert!(why.contains("is a network that rules paint with"), "{why}");
    let built = project.build();
    let summary = built.summary();
    assert_eq!((summary["trained"].as_u64(), summary["painted"].as_u64()), (Some(1), Some(7)));
    let network = project.read("models/night.safetensors");
    let painted = project.painted();
    assert_eq!(painted.len(), HOUSES);
    assert_eq!(project.build().summary()["up_to_date"], 1 + HOUSES);

    // A picture that changes is painted again; the network is good for it.
    project.save("textures/3.png", &pictures::bricks(100, 90, 33));
    let summary = project.build().summary();
    assert_eq!((summary["trained"].as_u64(), summary["painted"].as_u64()), (None, Some(1)));
    assert!(project.read("models/night.safetensors") == network);

    // `impasto stylize` paints with it like with any other.
    let stylize = ["stylize", "textures/2.png", "-o", "again.png", "--method", "feedforward"];
    let model = ["--model", "models/night.safetensors"];
    project.run(&[&stylize[..], &model].concat()).expect_code(0);
    assert!(project.read("again.png") == painted["2.png"]);

    // Other settings are another network.
    project.replace("impasto.toml", "0.006", "0.004");
    let plan = project.run(&["plan"]).expect_code(0).out;
    assert!(plan.contains("learning_rate changed from 0.006 to 0.004"), "{plan}");
    let summary = project.build().summary();
    assert_eq!((summary["trained"].as_u64(), summary["painted"].as_u64()), (Some(1), Some(7)));
    assert!(project.read("models/night.safetensors") != network);

    // What the cache knows is not trained again: the same settings, styles and pictures.
    project.replace("impasto.toml", "0.004", "0.006");
    project.save("textures/3.png", &pictures::bricks(100, 90, 3));
    let summary = project.build().summary();
    assert_eq!((summary["trained"].as_u64(), summary["cached"].as_u64()), (None, Some(8)));
    assert!(project.read("models/night.safetensors") == network);
}

#[test]
fn a_farm_goes_on_from_the_last_part_when_the_worker_that_trains_is_killed() {
    let houses = 50;
    let alone = town(houses);
    alone.build();

    let project = town(houses);
    let coordinator = Coordinator::start(&project);
    let mut workers: Vec<(&str, Worker)> = ["a", "b"]
        .map(|name| (name, Worker::start(&project, &coordinator.url, name, models_dir())))
        .into();
    coordinator.await_workers(&project, 2);
    let mut building = start_build(&project, &coordinator);
    let trainer = await_step(&mut building, 14);
    let at = workers.iter().position(|(name, _)| *name == trainer).expect("one of the two");
    workers.remove(at).1.kill();
    let built = building.finish().expect_code(0);
    let summary = built.summary();
    assert_eq!((summary["trained"].as_u64(), summary["painted"].as_u64()), (Some(1), Some(50)));

    // No part but the one that was killed was done twice, and the network is the same.
    let job = coordinator.job(&project, 1);
    let tasks = job["tasks"].as_array().expect("tasks");
    let attempts = tasks.iter().map(|task| task["attempts"].as_u64().expect("a number"));
    assert_eq!((tasks.len(), attempts.sum::<u64>()), (PARTS, PARTS as u64 + 1), "{job}");
    let network = "models/night.safetensors";
    assert!(project.read(network) == alone.read(network));
    assert!(project.painted() == alone.painted());

    let again = start_build(&project, &coordinator).finish().expect_code(0);
    assert_eq!(again.summary()["up_to_date"], 1 + houses, "{again}");
    let begun: BTreeSet<String> =
        again.events_named("started").iter().map(ToString::to_string).collect();
    assert!(begun.is_empty(), "{again}");
}

#[test]
fn a_network_may_be_trained_on_pictures_that_are_no_assets() {
    let project = street();
    project.replace("impasto.toml", "train = { ", "train = { content = \"photos\", ");
    let refused = project.run(&["plan"]).expect_code(2).err;
    assert!(refused.contains("the pictures in `photos`: there are 0"), "{refused}");
    for seed in 0..5 {
        let photo = if seed == 0 { "photos/0.png" } else { "photos/more/{seed}.png" };
        let photo = photo.replace("{seed}", &seed.to_string());
        project.save(&photo, &pictures::bricks(120, 120, 50 + seed));
    }
    project.write("photos/more/notes.txt", "not a picture");
    let built = project.build();
    let summary = built.summary();
    assert_eq!((summary["trained"].as_u64(), summary["painted"].as_u64()), (Some(1), Some(7)));
    assert_eq!(project.painted().len(), HOUSES, "no photograph is painted");

    // Other photographs do not make it stale.
    project.save("photos/9.png", &pictures::bricks(120, 120, 59));
    assert_eq!(project.build().summary()["up_to_date"], 1 + HOUSES);
}

#[test]
fn what_cannot_be_trained_is_said_before_anything_runs() {
    let project = street();
    let whole = project.read("impasto.toml");
    let refused = |old: &str, new: &str| {
        project.write("impasto.toml", &whole);
        project.replace("impasto.toml", old, new);
        project.run(&["plan"]).expect_code(2).err
    };
    let error = refused("steps = 36", "steps = 0");
    assert!(error.contains("`steps`") && error.contains("from 1 to 1000000"), "{error}");
    let error = refused("crop = 64", "crop = 65");
    assert!(error.contains("`crop`") && error.contains("a multiple of 16"), "{error}");
    let error = refused("crop = 64", "corp = 64");
    assert!(error.contains("`corp`") && error.contains("`crop`"), "{error}");
    let error = refused(TRAIN, "\"yes\"");
    assert!(error.contains("`train`") && error.contains("true"), "{error}");
    let error = refused("model = \"models/night.safetensors\"\n", "");
    assert!(error.contains("`model`"), "{error}");
    let error = refused("images = \"styles/night.png\"\n", "");
    assert!(error.contains("`images`") && error.contains("trained"), "{error}");
    let error = refused("match = \"**/*.png\"", "match = [\"1.png\", \"2.png\"]");
    assert!(error.contains("there are 2, but it takes 4"), "{error}");

    // A picture that cannot be decoded is left out, with a word.
    project.write("impasto.toml", &whole);
    let picture = project.read("textures/5.png");
    project.write("textures/5.png", &picture[..picture.len() / 2]);
    let built = project.run(&["build"]).expect_code(1);
    assert!(built.err.contains("1 of 7 pictures cannot be read"), "{built}");
    assert_eq!(project.painted().len(), HOUSES - 1);
}
