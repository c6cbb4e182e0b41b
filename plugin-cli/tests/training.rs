//! What `impasto train` refuses before it reads any weights.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// Runs a command line, isolated from the user's configuration: its exit code, stdout and stderr.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("impasto"));
    command.current_dir(folder).args(arguments).env_remove("IMPASTO_THREADS");
    command.env("IMPASTO_CONFIG", folder.join("no-config.toml"));
    command.env("IMPASTO_MODELS_DIR", folder.join(".models"));
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    let code = output.status.code().expect("it exits by itself");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn training_refuses_what_it_cannot_use_before_it_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| fs::write(path(name), text).expect("it is written");
    fs::create_dir(path("few")).expect("it is made");
    // Three different pictures, one of them twice.
    for (index, name) in (0_u8..).zip(["night.png", "few/0.png", "few/1.png", "few/2.png"]) {
        let picture = image::RgbImage::from_fn(40, 40, |x, y| {
            image::Rgb([x as u8 * 5, y as u8 * 5, 60 * index])
        });
        picture.save(path(name)).expect("it is written");
    }
    fs::copy(path("few/0.png"), path("few/again.png")).expect("a copy");
    write("few/broken.png", "not a picture");
    write("few/notes.txt", "no picture");
    write("broken.jpg", "not a picture");
    for (line, expected) in [
        ("night.png -o a.safetensors", "there are no pictures to train on"),
        ("night.png -o a.safetensors --content none", "none is no folder"),
        ("night.png -o a.safetensors --content night.png", "night.png is no folder"),
        (
            "night.png -o a.safetensors --content few",
            "there are 3 different pictures to train on, but it takes at least 4",
        ),
        ("none.png -o a.safetensors --content few", "cannot read the style none.png"),
        ("broken.jpg -o a.safetensors --content few", "broken.jpg"),
        ("night.png -o night.png --content few", "would overwrite the file that is read"),
        ("night.png -o a.checkpoint --content few", "`a.checkpoint` is no name for a network"),
        ("night.png -o a.safetensors --content few --crop 100", "crop is 100, but has to be"),
        ("night.png -o a.safetensors --content few --batch 0", "batch is 0, but has to be"),
        (
            "night.png -o a.safetensors --content few --learning-rate nan",
            "learning_rate is NaN, but has to be above 0",
        ),
        (
            "night.png -o a.safetensors --content few --style-weight 0",
            "style_weight is 0, but has to be above 0",
        ),
        (
            "night.png -o a.safetensors --content few --style-scale 0",
            "style_scale is 0, but has to be",
        ),
    ] {
        let arguments: Vec<&str> = ["train"].into_iter().chain(line.split(' ')).collect();
        let (code, out, err) = run(folder.path(), &arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{line}: {err}");
        assert!(err.contains(expected), "{line}: {err}");
    }
    let (_, _, err) =
        run(folder.path(), &["train", "night.png", "-o", "a.safetensors", "--content", "few"]);
    assert!(err.contains("few/broken.png is left out") && !err.contains("notes"), "{err}");
    let files = ["a.safetensors", "a.checkpoint", "a.preview.png", "a.report.html"];
    assert!(files.iter().all(|name| !path(name).exists()), "nothing was written");
}
