//! Pictures that do not fit: they are painted in tiles that nobody sees, or refused with what they
//! need.

use impasto_tests::{Finished, Project, pictures};

/// A project with one wall, wider and higher than a tile's border is deep.
fn wall() -> Project {
    let project = Project::empty();
    project.save("textures/wall.png", &pictures::bricks(448, 448, 1));
    project
}

/// Paints the wall in single precision, which takes the same memory on every machine; with Adam,
/// whose memory leaves the tiles something to save; and with borders: joined to a ring, so small a
/// wall would be nearly all border of its tiles.
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
fn tiles_leave_no_trace() {
    let project = wall();
    let whole = stylize(&project, "whole.png", "4G").expect_code(0);
    assert!(whole.err.contains("448 x 448: in one piece"), "{whole}");
    // What the network itself takes is its own affair. Too little is refused at once, and the first
    // budget that is enough is enough for tiles alone.
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
    assert!(matches!(words[..], ["cpu", "scalar" | "avx2" | "avx512" | "amx", "fp32"]), "{device}");
}

#[test]
fn too_little_memory_is_named() {
    let project = wall();
    let refused = stylize(&project, "out.png", "100M").expect_code(2);
    let error = refused.error();
    assert!(
        ["`out.png`", " x ", "at least", "no more than 0.10 GiB"]
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
            && message.contains("100.0 MiB")
            && message.contains("--max-memory"),
        "{built}"
    );
}
