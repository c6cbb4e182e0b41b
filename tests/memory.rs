//! Pictures that do not fit into memory are painted in tiles without visible seams, or refused with
//! an error that says how much they need.

use impasto_tests::{Finished, Project, pictures};

/// A project with one wall, larger than a tile's halo on both axes.
fn wall() -> Project {
    let project = Project::empty();
    project.save("textures/wall.png", &pictures::bricks(448, 448, 1));
    project
}

/// Paints the wall in single precision, which needs the same memory on every machine; with Adam,
/// whose state is small enough that tiles save memory; and with borders, because with padding
/// `ring` such a small wall would be mostly halo.
fn stylize(project: &Project, output: &str, max_memory: &str) -> Finished {
    let mut arguments = vec![
        "stylize",
        "textures/wall.png",
        "--style",
        "styles/night.png",
        "-o",
        output,
        "--max-memory",
        max_memory,
    ];
    arguments.extend([
        "--iterations",
        "2",
        "--min-scale",
        "0",
        "--profile",
        "exact",
        "--padding",
        "reflect",
        "--optimizer",
        "adam",
    ]);
    arguments.extend(["-v", "--json"]);
    project.run(&arguments)
}

#[test]
fn tiles_leave_no_visible_seams() {
    let project = wall();
    let whole = stylize(&project, "whole.png", "4G").expect_code(0);
    assert!(whole.err.contains("448 x 448: in one piece"), "{whole}");
    // The network's memory is not known here. Budgets that are too small are refused at once, and
    // the first sufficient one is sufficient only for tiles.
    let mut runs = (22..60).map(|step| stylize(&project, "tiled.png", &format!("{}M", step * 25)));
    let tiled = runs.find(|run| run.code == Some(0)).expect("one of them is enough");
    assert!(tiled.err.contains("448 x 448: ") && tiled.err.contains(" tiles of "), "{tiled}");
    let [whole_picture, tiled_picture] = ["whole.png", "tiled.png"]
        .map(|file| image::open(project.path(file)).expect("it is a picture"));
    let likeness = pictures::psnr(&whole_picture, &tiled_picture);
    assert!(likeness > 45.0, "{likeness} dB: {tiled}");

    let device = whole.document()["report"]["device"]
        .as_str()
        .expect("a report names its device")
        .to_owned();
    let words: Vec<&str> = device.split(' ').collect();
    assert!(
        matches!(words[..], ["cpu", "scalar" | "neon" | "avx2" | "avx512" | "amx", "fp32"]),
        "{device}"
    );
}

#[test]
fn an_error_says_how_much_memory_is_needed() {
    let project = wall();
    let refused = stylize(&project, "out.png", "100M").expect_code(2);
    let error = refused.error();
    assert!(
        ["`out.png`", " x ", "at least", "no more than 100 MiB"]
            .iter()
            .all(|part| error.contains(part)),
        "{refused}"
    );
    assert!(refused.err.contains("help: give a larger --max-memory"), "{refused}");
    assert!(!project.path("out.png").exists());

    let built = project.run(&["build", "--json", "--max-memory", "100M"]).expect_code(1);
    let failed = &built.summary()["failed"][0];
    let message = failed["message"].as_str().expect("it is text");
    assert!(
        failed["asset"] == "textures/wall.png"
            && message.contains("100 MiB")
            && message.contains("--max-memory"),
        "{built}"
    );
}
