//! Packed maps, premultiplied sprites and colour keys, with the real networks and program.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba};
use impasto_tests::{Coordinator, Project, Worker, models_dir, pictures};

const SIDE: u32 = 96;
const KEY: Rgb<u8> = Rgb([255, 0, 255]);

fn project(keys: &str) -> Project {
    Project::of_art(&format!("method = \"arbitrary\"\n{keys}"))
}

/// Occlusion, roughness, metalness and a mask, of 16 bits.
fn mask_map() -> ImageBuffer<Rgba<u16>, Vec<u16>> {
    let bricks = pictures::bricks(SIDE, SIDE, 3);
    ImageBuffer::from_fn(SIDE, SIDE, |x, y| {
        let [red, green, blue] = bricks.get_pixel(x, y).0.map(|level| u16::from(level) * 257);
        Rgba([red, green, blue / 3, if x < 40 { 0 } else { 41_000 }])
    })
}

/// A round sprite on a magenta ground.
fn sprite() -> RgbImage {
    let bricks = pictures::bricks(SIDE, SIDE, 8);
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let away = (x as f32 - 48.0).hypot(y as f32 - 48.0);
        if away < 40.0 { *bricks.get_pixel(x, y) } else { KEY }
    })
}

fn painted(project: &Project, name: &str) -> DynamicImage {
    image::open(project.path("out").join(name)).expect("it is a picture")
}

#[test]
fn named_channels_of_packed_maps_are_painted_and_no_others() {
    let project = project("channels = \"g+a\"");
    let before = mask_map();
    project.save("art/rock_orm.png", &before);
    project.save("art/rock_rough.png", &GrayImage::from_pixel(SIDE, SIDE, Luma([90])));
    let build = || project.run(&["build", "--json"]).expect_code(1);
    let built = build();
    // A grey file has no second channel, and no alpha; nobody is warned of data maps.
    let summary = built.summary();
    let failed = summary["failed"].as_array().map(Vec::len);
    assert_eq!((summary["painted"].as_u64(), failed), (Some(1), Some(1)));
    assert!(built.out.contains("it has no alpha, which `channels`"), "{built}");
    assert!(!built.out.contains("data map"), "{built}");
    let DynamicImage::ImageRgba16(after) = painted(&project, "rock_orm.png") else {
        panic!("it has 16 bits and alpha")
    };
    let mut changed = [0; 4];
    for (before, after) in before.pixels().zip(after.pixels()) {
        for (at, (before, after)) in before.0.iter().zip(after.0).enumerate() {
            changed[at] += usize::from(*before != after);
        }
    }
    let most = (SIDE * SIDE / 2) as usize;
    assert_eq!((changed[0], changed[2]), (0, 0), "{changed:?}");
    assert!(changed[1] > most && changed[3] > most, "{changed:?}");
    assert_eq!(build().summary()["up_to_date"].as_u64(), Some(1));

    // A farm paints the same; a grey file is red alone, and stays grey.
    project.replace("impasto.toml", "g+a", "r");
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]).expect_code(0);
    let gray = painted(&project, "rock_rough.png");
    assert_eq!(gray.color(), image::ColorType::L8);
    let on_farm = project.read("out/rock_orm.png");
    std::fs::remove_dir_all(project.path("out")).expect("it can be removed");
    project.build();
    assert!(on_farm == project.read("out/rock_orm.png"), "as on the farm");
}

#[test]
fn channels_of_tiles_of_every_size_come_back() {
    let project = project("udim = true\nchannels = \"g\"");
    let tile = |side: u32, seed: u32| pictures::bricks(side, side, seed);
    let tiles = [("art/a.1001.png", tile(SIDE, 3)), ("art/a.1002.png", tile(SIDE / 2, 4))];
    tiles.iter().for_each(|(name, tile)| project.save(name, tile));
    project.build();
    for (name, before) in tiles {
        let after = painted(&project, &name["art/".len()..]).to_rgb8();
        assert_eq!(before.dimensions(), after.dimensions());
        let pairs = || before.pixels().zip(after.pixels());
        assert!(pairs().all(|(one, other)| (one[0], one[2]) == (other[0], other[2])), "{name}");
        assert!(pairs().any(|(one, other)| one[1] != other[1]), "{name}");
    }
}

#[test]
fn a_colour_key_stays_and_is_asked_for() {
    let project = project("");
    project.save("art/imp.png", &sprite());
    let planned = project.run(&["plan"]);
    assert!(planned.err.contains("magenta (#ff00ff) fills part of art/imp.png"), "{planned}");
    project.replace(
        "impasto.toml",
        "match = \"art/*\"",
        "match = \"art/*\"\ncolor_key = \"#FF00FF\"",
    );
    let built = project.build();
    assert!(!built.out.contains("magenta"), "{built}");
    let (before, after) = (sprite(), painted(&project, "imp.png").to_rgb8());
    let mut differ = 0;
    for (before, after) in before.pixels().zip(after.pixels()) {
        assert_eq!(*before == KEY, *after == KEY, "{before:?} {after:?}");
        differ += u32::from(before != after);
    }
    assert!(differ > SIDE * SIDE / 4, "the sprite is painted");

    project.replace("impasto.toml", "color_key", "format = \"jpg\"\ncolor_key");
    let refused = project.run(&["build"]).expect_code(1);
    assert!(refused.err.contains("colour key #ff00ff, which jpg does not keep"), "{refused}");
    // One picture by itself, by the same flags.
    let one = ["stylize", "art/imp.png", "--style", "styles/swirls.png", "--method", "arbitrary"];
    let with = |more: &[&'static str]| project.run(&[&one[..], more].concat());
    with(&["--color-key", "#ff00ff", "-o", "one.png"]).expect_code(0);
    let one = image::open(project.path("one.png")).expect("it is a picture").to_rgb8();
    assert!(one == after, "as in the project");
    with(&["--color-key", "#ff00ff", "-o", "one.jpg"]).expect_code(2);
    with(&["--channels", "rg", "-o", "no.png"]).expect_code(2);
}

#[test]
fn premultiplied_sprites_stay_within_their_alpha() {
    let project = project("alpha = \"premultiplied\"");
    let bricks = pictures::bricks(SIDE, SIDE, 3);
    let smoke = ImageBuffer::from_fn(SIDE, SIDE, |x, y| {
        let alpha = (2 * x).min(255);
        let level = |level: u8| ((u32::from(level) * alpha + 127) / 255) as u8;
        let [red, green, blue] = bricks.get_pixel(x, y).0.map(level);
        Rgba([red, green, blue, alpha as u8])
    });
    project.save("art/smoke.png", &smoke);
    project.build();
    let after = painted(&project, "smoke.png").to_rgba8();
    let mut differ = 0;
    for (before, after) in smoke.pixels().zip(after.pixels()) {
        assert_eq!(before[3], after[3]);
        assert!(after.0[..3].iter().all(|level| *level <= after[3]), "{after:?}");
        differ += u32::from(before != after);
    }
    assert!(differ > SIDE * SIDE / 2, "it is painted");
}
