//! Bad results in caches, and pictures that do not fit into memory, with the real program.

use std::fs;
use std::path::{Path, PathBuf};

use impasto_tests::{Coordinator, Project, Worker, models_dir, pictures};
use serde_json::Value;

/// A project of one small wall.
fn wall() -> Project {
    let project = Project::empty();
    project.save("textures/wall.png", &pictures::bricks(32, 32, 1));
    project
}

const OUTPUT: &str = "painted/textures/wall.png";

/// Every result of a cache.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(cache.join("actions")).expect("it has results");
    let files = folders.flat_map(|folder| fs::read_dir(folder.expect("a folder").path()));
    files.flatten().map(|file| file.expect("a file").path()).collect()
}

/// Replaces the picture of the cache's one result by text, as a worker that was believed would
/// have left it.
fn spoil(cache: &Path) {
    let entries = entries(cache);
    let [entry] = &entries[..] else { panic!("one result, not {entries:?}") };
    let text = b"no picture at all";
    let digest = blake3::hash(text).to_hex().to_string();
    let folder = cache.join("blobs").join(&digest[..2]);
    fs::create_dir_all(&folder).expect("it is made");
    fs::write(folder.join(&digest), text).expect("it is written");
    let read = fs::read(entry).expect("it is read");
    let mut stored: Value = serde_json::from_slice(&read).expect("it is JSON");
    let blob = &mut stored["result"]["outputs"][0]["blob"];
    blob["digest"] = digest.into();
    blob["size_bytes"] = text.len().into();
    fs::write(entry, stored.to_string()).expect("it is written");
}

#[test]
fn a_bad_result_in_the_cache_is_painted_again() {
    let project = wall();
    project.build();
    let right = project.read(OUTPUT);
    let cache = project.beside("cache");
    spoil(&cache);
    fs::remove_file(project.path(OUTPUT)).expect("it was there");
    let built = project.build();
    assert_eq!((&built.summary()["painted"], &built.summary()["cached"]), (&1.into(), &0.into()));
    assert_eq!(project.read(OUTPUT), right);
    // It was replaced in the cache.
    fs::remove_file(project.path(OUTPUT)).expect("it was there");
    assert_eq!(project.build().summary()["cached"], 1);
    assert_eq!(project.read(OUTPUT), right);
}

#[test]
fn a_bad_result_is_found_and_purged() {
    let project = wall();
    project.build();
    let verify = |arguments: &[&str], code: i32| {
        let arguments = [&["cache", "verify", "--json"], arguments].concat();
        project.run(&arguments).expect_code(code).document()
    };
    let good = verify(&[], 0);
    assert_eq!((&good["results"], &good["bad"]), (&1.into(), &Value::Array(vec![])));
    spoil(&project.beside("cache"));
    let found = verify(&[], 1);
    let bad = &found["bad"][0];
    assert!(bad["reason"].as_str().is_some_and(|text| text.contains("not an image")), "{found}");
    assert_eq!(bad["removed"], false);
    assert_eq!(verify(&["--remove"], 0)["bad"][0]["removed"], true);
    assert_eq!(verify(&[], 0)["results"], 0);

    // By the name of its output.
    fs::remove_file(project.path(OUTPUT)).expect("it was there");
    assert_eq!(project.build().summary()["painted"], 1);
    let removed = project.run(&["cache", "remove", "--json", "--output", OUTPUT]).expect_code(0);
    assert_eq!(removed.document()[0]["result"], true, "{removed}");
    assert_eq!(verify(&[], 0)["results"], 0);
    let other = project.run(&["cache", "remove", "--output", "styles/night.png"]).expect_code(2);
    assert!(other.error().contains("`styles/night.png` is not an output"), "{other}");
}

#[test]
fn a_bad_result_of_a_farm_is_forgotten_there() {
    let project = wall();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "one", models_dir());
    let arguments = ["build", "--json", "--require-farm", "--coordinator", &coordinator.url];
    project.run(&arguments).expect_code(0);
    let right = project.read(OUTPUT);
    spoil(&project.beside("coordinator"));
    fs::remove_file(project.path(OUTPUT)).expect("it was there");
    fs::remove_dir_all(project.beside("cache")).expect("it was there");
    let built = project.run(&arguments).expect_code(0);
    assert_eq!(built.summary()["painted"], 1, "{built}");
    assert_eq!(project.read(OUTPUT), right);

    let forget = ["cache", "remove", "--json", "--output", OUTPUT, "--coordinator"];
    let forget = [&forget[..], &[&coordinator.url]].concat();
    assert_eq!(project.run(&forget).expect_code(0).document()[0]["result"], true);
    assert_eq!(project.run(&forget).expect_code(0).document()[0]["result"], false);
}

/// The beginning of a PNG of RGBA with 16 bits.
fn announcing(side: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = b"IHDR".to_vec();
    head.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    head.extend([16, 6, 0, 0, 0]);
    for chunk in [head, b"IDAT\x78\x9c".to_vec()] {
        bytes.extend((chunk.len() as u32 - 4).to_be_bytes());
        bytes.extend(&chunk);
        bytes.extend(crc(&chunk).to_be_bytes());
    }
    bytes
}

/// The checksum of a PNG's chunk.
fn crc(bytes: &[u8]) -> u32 {
    let table = |byte: u32| {
        (0..8).fold(byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    };
    let step = |sum: u32, byte: &u8| table((sum ^ u32::from(*byte)) & 0xff) ^ sum >> 8;
    !bytes.iter().fold(!0, step)
}

#[test]
fn a_picture_that_does_not_fit_is_named_and_not_decoded() {
    let project = wall();
    project.write("large.png", announcing(16_384));
    let painted = |asset: &str, style: &str| {
        let arguments = ["stylize", asset, "--style", style, "-o", "out.png", "--size", "64"];
        let limited = [&arguments[..], &["--max-memory", "1G"]].concat();
        project.run(&limited).expect_code(2)
    };
    for refused in
        [painted("large.png", "styles/night.png"), painted("textures/wall.png", "large.png")]
    {
        let error = refused.error();
        for part in ["`large.png`", "16384 x 16384", "no more than 1.00 GiB"] {
            assert!(error.contains(part), "{part}: {refused}");
        }
        assert!(refused.err.contains("help: give a larger --max-memory"), "{refused}");
    }

    project.write("textures/large.png", announcing(16_384));
    project.replace("impasto.toml", "iterations = 3", "iterations = 3\nsize = 64");
    let built = project.run(&["build", "--json", "--max-memory", "2G"]).expect_code(1);
    let failed = &built.summary()["failed"];
    assert_eq!(failed.as_array().map(Vec::len), Some(1), "{built}");
    let message = failed[0]["message"].as_str().expect("it is text");
    assert!(
        failed[0]["asset"] == "textures/large.png" && message.contains("--max-memory"),
        "{built}"
    );
}

#[test]
fn inspect_says_what_a_file_is_and_what_a_painted_one_would_lack() {
    let project = Project::empty();
    project.save("wall.png", &pictures::deep_slope(40, 30).into_rgb16());
    project.save("brick.png", &pictures::bricks(32, 32, 1));
    project.save("brick_n.png", &pictures::bricks(32, 32, 2));
    project.write("broken.png", b"\x89PNG\r\n\x1a\nnothing");
    let run = |arguments: &[&str]| project.run(&[&["inspect"], arguments].concat());
    let text = run(&["wall.png", "brick_n.png", "brick.png"]).expect_code(0).out;
    assert!(text.contains("png, 40 x 30, RGB, 16 bits"), "{text}");
    assert_eq!(text.matches("painted as png, nothing is lost").count(), 3, "{text}");
    assert_eq!(text.matches("a data map, by its name: not to be painted").count(), 1, "{text}");
    assert!(text.contains("\n  sRGB"), "{text}");
    let seen = run(&["brick_n.png", "--json"]).expect_code(0).document();
    assert_eq!((seen["mips"].as_u64(), seen["color_space"].as_str()), (Some(1), Some("sRGB")));
    let seen = run(&["wall.png", "--format", "tga", "--json"]).expect_code(0).document();
    assert_eq!(seen["lacks"][0], "16 bits become 8 in tga");
    let text = run(&["broken.png", "brick.png"]).expect_code(1).out;
    assert!(text.contains("is truncated") && text.contains("32 x 32"), "{text}");
}
