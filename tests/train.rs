//! `impasto train`: a network from pictures, whatever happens on the way.

use std::fs;

use impasto_tests::{Finished, Process, Project, eventually, pictures};

/// Small squares, few steps: seconds.
const QUICK: [&str; 13] = [
    "--content",
    "photos",
    "--crop",
    "64",
    "--size",
    "96",
    "--steps",
    "24",
    "--look-every",
    "12",
    "--learning-rate",
    "0.004",
    "--json",
];

/// A folder of pictures and two styles.
fn place() -> Project {
    let project = Project::empty();
    for seed in 0..5 {
        project.save(&format!("photos/{seed}.png"), &pictures::bricks(130, 100, seed));
    }
    project.save("photos/more/small.png", &pictures::bricks(40, 100, 9));
    project.save("night.png", &pictures::swirls(96, 0));
    project.save("day.png", &pictures::swirls(96, 1));
    project
}

fn train(project: &Project, model: &str, more: &[&str]) -> Process {
    project.start(&[&["train", "night.png", "day.png", "-o", model], &QUICK[..], more].concat())
}

fn trained(project: &Project, model: &str, more: &[&str]) -> Finished {
    train(project, model, more).finish()
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes_on_any_number_of_threads() {
    let project = place();
    let whole = trained(&project, "whole.safetensors", &["--threads", "2"]).expect_code(0);
    let report = whole.document();
    assert_eq!(
        (report["training"]["steps"].as_u64(), report["settled"].as_bool()),
        (Some(24), Some(false))
    );
    let styles: Vec<_> =
        report["styles"].as_array().expect("styles").iter().map(|own| &own["name"]).collect();
    assert_eq!(styles, ["night", "day"]);
    let looks = report["looks"].as_array().expect("looks");
    let loss = |look: &serde_json::Value| {
        look["content"].as_f64().expect("a loss") + look["style"].as_f64().expect("a loss")
    };
    assert_eq!(
        looks.iter().map(|look| look["step"].as_u64()).collect::<Vec<_>>(),
        [0, 12, 24].map(Some)
    );
    assert!(loss(&looks[2]) < 0.9 * loss(&looks[0]), "it learns: {whole}");
    assert!(whole.err.contains("1 of 6 pictures are smaller than 80 pixels"), "{whole}");
    assert!(whole.err.contains("5 pictures of --content are few"), "{whole}");
    for name in ["whole.preview.png", "whole.report.html"] {
        assert!(project.path(name).exists(), "{name}");
    }
    assert!(!project.path("whole.checkpoint").exists(), "the run has ended");

    let broken = train(&project, "broken.safetensors", &["--threads", "1"]);
    let preview = project.path("broken.preview.png");
    eventually("a first look", || preview.exists().then_some(()));
    broken.interrupt();
    let broken = broken.finish().expect_code(130);
    assert!(broken.err.contains("the same command goes on"), "{broken}");
    assert!(!project.path("broken.safetensors").exists());

    // Other settings are another run, and its checkpoint is not theirs.
    let other = trained(&project, "broken.safetensors", &["--seed", "7"]).expect_code(2);
    assert!(other.error().contains("is the checkpoint of another run"), "{other}");
    let resumed = trained(&project, "broken.safetensors", &["--threads", "2"]).expect_code(0);
    assert!(resumed.err.contains("goes on at step "), "{resumed}");
    assert!(project.read("broken.safetensors") == project.read("whole.safetensors"));

    // A network is not replaced without being asked.
    let again = trained(&project, "whole.safetensors", &[]).expect_code(2);
    assert!(again.error().contains("whole.safetensors is there already"), "{again}");
    assert!(again.err.contains("--force"), "{again}");
}

#[test]
fn a_damaged_checkpoint_is_named_and_replaced_only_by_force() {
    let project = place();
    project.write("a.checkpoint", "no checkpoint");
    let refused = trained(&project, "a.safetensors", &[]).expect_code(2);
    assert!(
        refused.error().contains("a.checkpoint: it is no checkpoint of a training run"),
        "{refused}"
    );
    assert_eq!(fs::read(project.path("a.checkpoint")).expect("it is kept"), b"no checkpoint");
    let few = ["--steps", "2", "--force"];
    let arguments: Vec<&str> =
        QUICK.iter().copied().filter(|own| !["--steps", "24"].contains(own)).collect();
    let arguments =
        [&["train", "night.png", "-o", "a.safetensors"], &arguments[..], &few[..]].concat();
    let forced = project.run(&arguments).expect_code(0);
    assert_eq!(forced.document()["training"]["steps"].as_u64(), Some(2), "{forced}");
}
