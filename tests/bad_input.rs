//! Bad input gives an error of one line that names the problem, and the right exit code. Other
//! assets are painted, and no partial file is left.

use std::fs;
use std::io::Cursor;
use std::net::TcpListener;
use std::path::Path;

use image::ImageFormat;
use impasto_tests::{Coordinator, Finished, Project, Worker, models_dir, pictures, skipped};
use serde_json::Value;

/// A port without a listener: connections are refused at once.
const NOBODY: &str = "http://127.0.0.1:9";

/// A PNG whose header claims 60,000 x 60,000 pixels of 8-bit RGB, which are 10 GiB, without data: a
/// header, an empty data chunk and an end, each with its length and CRC-32.
const BOASTING: &[u8] = b"\x89PNG\r\n\x1a\n\
    \0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0\x0f\xb0\xe2\x15\
    \0\0\0\0IDAT\x35\xaf\x06\x1e\
    \0\0\0\0IEND\xae\x42\x60\x82";

const TEXTURE_RULE: &str = "[[rules]]\nmatch = \"textures/**\"\n";

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pictures::bricks(64, 64, 5).write_to(&mut bytes, format).expect("it is encoded");
    bytes.into_inner()
}

/// The message about each asset that failed.
fn failures(built: &Finished) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    let failed = built.summary()["failed"].as_array().expect("a list").clone();
    failed.iter().map(|failed| (text(&failed["asset"]), text(&failed["message"]))).collect()
}

/// Asserts that the outputs are exactly these: no temporary file, no partial picture.
#[track_caller]
fn assert_painted(project: &Project, expected: &[&str]) {
    assert_eq!(project.painted().keys().collect::<Vec<_>>(), expected);
    for output in expected {
        image::open(project.path("painted").join(output))
            .unwrap_or_else(|error| panic!("{output}: {error}"));
    }
}

#[test]
fn a_bad_asset_fails_alone() {
    let project = Project::empty();
    let png = encoded(ImageFormat::Png);
    project.write("textures/good.png", &png);
    // Too small to be painted, so it passes through.
    project.write("textures/tiny.png", tiny());
    let bad: [(&str, &[u8], &str); 6] = [
        ("textures/boasting.png", BOASTING, "60000 x 60000"),
        ("textures/cut.png", &png[..png.len() / 2], "truncated"),
        ("textures/empty.png", b"", "empty"),
        ("textures/mislabelled.png", &encoded(ImageFormat::Jpeg), "jpg"),
        (
            "textures/pointer.png",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "git lfs pull",
        ),
        ("textures/text.png", b"these are words", "not an image"),
    ];
    for (name, bytes, _) in &bad {
        project.write(name, bytes);
    }
    let built = project.run(&["build", "--json"]).expect_code(1);
    let mut failed = failures(&built);
    failed.sort();
    assert_eq!(failed.len(), bad.len(), "{built}");
    for ((asset, message), (name, _, expected)) in failed.iter().zip(&bad) {
        assert_eq!(asset, name);
        assert!(message.contains(expected) && !message.contains('\n'), "{name}: {message}");
    }
    assert_painted(&project, &["textures/good.png", "textures/tiny.png"]);

    // The output for people says the same, one line each.
    let shown = project.run(&["build"]).expect_code(1);
    for (name, _, expected) in bad {
        let lines = shown.out.lines().filter(|line| {
            line.starts_with("failed") && line.contains(name) && line.contains(expected)
        });
        assert_eq!(lines.count(), 1, "{name}: {shown}");
    }
}

fn tiny() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pictures::bricks(8, 8, 1).write_to(&mut bytes, ImageFormat::Png).expect("it is encoded");
    bytes.into_inner()
}

/// Makes a valid project invalid.
type Spoil<'a> = &'a dyn Fn(&Project);

#[test]
fn an_invalid_manifest_is_not_built() {
    let change = |old: &'static str, new: &'static str| {
        move |project: &Project| project.replace("impasto.toml", old, new)
    };
    let rows: [(&str, Spoil<'_>, &[&str]); 10] = [
        (
            "a typo",
            &change("output =", "ouput ="),
            &["`ouput`", "did you mean `output`", "impasto.toml:3:"],
        ),
        (
            "a style that does not exist",
            &change(TEXTURE_RULE, "[[rules]]\nmatch = \"textures/**\"\nstyle = \"nigth\"\n"),
            &["`nigth`", "did you mean `night`"],
        ),
        (
            "a style's image that does not exist",
            &change("styles/night.png", "styles/gone.png"),
            &["styles/gone.png"],
        ),
        ("a style's image outside", &change("styles/night.png", "../night.png"), &["../night.png"]),
        ("an output outside", &change("painted/{dir}", "../painted/{dir}"), &["../painted/{dir}"]),
        (
            "outputs that collide",
            &change("{dir}/{name}", "{stem}.{ext}"),
            &["textures/a/brick.png", "textures/b/brick.png", "painted/brick.png"],
        ),
        (
            "a value out of its range",
            &change("iterations = 3", "iterations = 0"),
            &["iterations", "0", "impasto.toml"],
        ),
        ("no TOML", &change("[project]", "[project"), &["impasto.toml:1:"]),
        ("no rule that matches", &change("textures/**", "walls/**"), &["walls/**"]),
        (
            "a style's image that is cut off",
            &|project| {
                let whole = project.read("styles/night.png");
                project.write("styles/night.png", &whole[..20]);
            },
            &["styles/night.png", "truncated"],
        ),
    ];
    for (what, spoil, named) in rows {
        let project = Project::empty();
        for name in ["textures/a/brick.png", "textures/b/brick.png"] {
            project.save(name, &pictures::bricks(32, 32, 1));
        }
        spoil(&project);
        for command in ["plan", "build", "check"] {
            let refused = project.run(&[command]).expect_code(2);
            let error = refused.error();
            // Causes follow on further lines.
            assert!(named.iter().all(|name| refused.err.contains(name)), "{what}: {refused}");
            assert!(error.len() < 300, "{what}: {error}");
        }
        assert_painted(&project, &[]);
    }
}

#[test]
fn an_error_in_an_empty_folder_suggests_init() {
    let project = Project::empty();
    fs::remove_file(project.path("impasto.toml")).expect("it was there");
    fs::remove_dir_all(project.path("styles")).expect("it was there");
    let refused = project.run(&["build"]).expect_code(2);
    assert!(
        refused.error().contains("impasto.toml") && refused.err.contains("impasto init"),
        "{refused}"
    );
}

#[test]
fn a_read_only_output_is_kept_and_the_others_are_painted() {
    let project = Project::small();
    project.build();
    let before = project.painted();
    let locked = project.path("painted/textures/brick.png");
    let mut permissions = fs::metadata(&locked).expect("it is there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).expect("it is locked");

    project.save("styles/night.png", &pictures::swirls(64, 2));
    let built = project.run(&["build", "--json"]).expect_code(1);
    let failed = failures(&built);
    assert_eq!((failed.len(), failed[0].0.as_str()), (1, "textures/brick.png"), "{built}");
    assert!(failed[0].1.contains("brick.png is read-only"), "{built}");
    assert_eq!(built.summary()["painted"], 1);
    assert_painted(
        &project,
        &["textures/brick.png", "textures/day/house.png", "textures/wall.png"],
    );
    assert_eq!(project.painted()["textures/brick.png"], before["textures/brick.png"]);
}

/// One of two output folders is a disk of a few kilobytes.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_only_outputs_that_do_not_fit_fail() {
    use std::process::Command;

    struct Disk(std::path::PathBuf);
    impl Drop for Disk {
        fn drop(&mut self) {
            // If it cannot be unmounted, the folder is not removed.
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }

    let project = Project::empty();
    for name in ["textures/full/brick.png", "textures/roomy/brick.png"] {
        project.save(name, &pictures::bricks(64, 64, 1));
    }
    project.replace("impasto.toml", "painted/{dir}/", "painted/{dir}/new_");
    let folder = project.path("painted/textures/full");
    fs::create_dir_all(&folder).expect("it is made");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(&folder).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        return skipped("a full disk", "this user may not mount one");
    }
    let _disk = Disk(folder);
    let built = project.run(&["build", "--json"]).expect_code(1);
    let failed = failures(&built);
    assert_eq!((failed.len(), failed[0].0.as_str()), (1, "textures/full/brick.png"), "{built}");
    assert!(failed[0].1.contains("the disk is full"), "{built}");
    assert_painted(&project, &["textures/roomy/new_brick.png"]);
}

#[test]
fn an_error_names_a_port_in_use() {
    let project = Project::empty();
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let mut command = project.impasto(&["coordinator", "--listen", &address, "--data-dir"]);
    let refused = Finished::of(command.arg(project.beside("coordinator"))).expect_code(2);
    assert!(refused.error().contains(&address), "{refused}");
}

#[test]
fn without_a_reachable_farm_a_build_paints_here_or_fails() {
    let project = Project::empty();
    project.save("textures/brick.png", &pictures::bricks(32, 32, 1));
    let refused = project.run(&["build", "--coordinator", NOBODY, "--require-farm"]).expect_code(3);
    assert!(refused.error().contains(NOBODY), "{refused}");
    assert_painted(&project, &[]);

    let built = project.run(&["build", "--coordinator", NOBODY]).expect_code(0);
    assert!(
        built.err.lines().any(|line| line.starts_with("warning: ") && line.contains(NOBODY)),
        "{built}"
    );
    assert_painted(&project, &["textures/brick.png"]);
}

/// The coordinator does not return; the user stops waiting and paints on this machine.
#[cfg(unix)]
#[test]
fn after_losing_its_coordinator_a_build_keeps_what_is_finished() {
    let project = Project::empty();
    project.replace(
        "impasto.toml",
        TEXTURE_RULE,
        &format!("[[rules]]\nmatch = \"textures/slow*\"\niterations = 50000\n{TEXTURE_RULE}"),
    );
    project.save("textures/quick.png", &pictures::bricks(48, 48, 1));
    project.save("textures/slow.png", &pictures::bricks(48, 48, 2));
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    let mut building = project.start(&["build", "--json", "--coordinator", &coordinator.url]);
    building.until_event("delivered", |_| Some(()));
    building.until_event("progress", |event| (event["asset"] == "textures/slow.png").then_some(()));
    coordinator.kill();
    building.until_event("disconnected", |_| Some(()));
    building.interrupt();
    let ended = building.finish().expect_code(130);
    assert_eq!(ended.summary()["open"], 1, "{ended}");
    assert_painted(&project, &["textures/quick.png"]);

    project.replace("impasto.toml", "iterations = 50000", "iterations = 2");
    let summary = project.build().summary();
    assert_eq!([&summary["painted"], &summary["up_to_date"]], [1, 1]);
}

#[test]
fn damaged_weights_are_not_used() {
    let project = Project::empty();
    project.save("textures/brick.png", &pictures::bricks(32, 32, 1));
    let spoiled = project.beside("models");
    fs::create_dir(&spoiled).expect("it is made");
    let mut weights = None;
    for entry in fs::read_dir(models_dir()).expect("it can be listed") {
        let from = entry.expect("it can be listed").path();
        let to = spoiled.join(from.file_name().expect("it has a name"));
        if from.is_file() {
            fs::copy(&from, &to).expect("it is copied");
        }
        if to.extension().is_some_and(|extension| extension == "safetensors") {
            weights = Some(to);
        }
    }
    flip_a_byte(&weights.expect("the store has weights"));

    for arguments in [
        &["build"][..],
        &["models", "verify"],
        &["stylize", "textures/brick.png", "--style", "styles/night.png", "-o", "a.png"],
    ] {
        let mut command = project.impasto(arguments);
        let refused = Finished::of(command.env("IMPASTO_MODELS_DIR", &spoiled)).expect_code(1);
        assert!(
            refused.error().contains("vgg19") && refused.err.contains("impasto models pull"),
            "{refused}"
        );
    }
    assert_painted(&project, &[]);
    assert!(!project.path("a.png").exists());
}

fn flip_a_byte(file: &Path) {
    let mut bytes = fs::read(file).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("it is written");
}
