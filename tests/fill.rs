//! Textures whose holes are filled, and which are made to tile, with the real program.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgba};
use impasto_tests::{Project, pictures};

/// A wall of 16 bits that is opaque but for its lower edge.
fn wall() -> ImageBuffer<Rgba<u16>, Vec<u16>> {
    let bricks = pictures::bricks(160, 120, 3);
    ImageBuffer::from_fn(160, 120, |x, y| {
        let [red, green, blue] = bricks.get_pixel(x, y).0.map(|level| u16::from(level) * 257);
        Rgba([red, green, blue, if y < 108 { u16::MAX } else { 0 }])
    })
}

/// White in a rectangle of 30 x 20 pixels.
fn mask() -> GrayImage {
    GrayImage::from_fn(160, 120, |x, y| {
        let is_in = (60..90).contains(&x) && (40..60).contains(&y);
        Luma([if is_in { 255 } else { 0 }])
    })
}

fn project() -> Project {
    let project = Project::empty();
    let mut damaged = wall();
    for (x, y, pixel) in damaged.enumerate_pixels_mut() {
        if mask().get_pixel(x, y)[0] > 0 {
            *pixel = Rgba([u16::MAX, 0, u16::MAX, 0]);
        }
    }
    project.save("wall.png", &damaged);
    project.save("hole.png", &mask());
    project
}

#[test]
fn holes_are_filled_and_the_rest_comes_back() {
    let project = project();
    let fill = |more: &[&str]| {
        let fill = ["fill", "wall.png", "--mask", "hole.png", "-o", "filled.png", "--json"];
        project.run(&[&fill[..], more].concat()).expect_code(0).document()
    };
    let said = fill(&["--join", "6"]);
    assert_eq!((said["filled"].as_u64(), said["width"].as_u64()), (Some(600), Some(160)));
    let filled = image::open(project.path("filled.png")).expect("it is a picture");
    let DynamicImage::ImageRgba16(filled) = filled else { panic!("it has 16 bits and alpha") };
    for ((x, y, after), before) in filled.enumerate_pixels().zip(wall().pixels()) {
        if (54..96).contains(&x) && (34..66).contains(&y) {
            // No magenta, and nothing to see through.
            assert!(after[1] > 2_000 && after[3] == u16::MAX, "{x} {y}: {after:?}");
        } else {
            assert_eq!(after, before, "{x} {y}");
        }
    }
    assert!((600..900).contains(&said["changed"].as_u64().unwrap_or(0)), "{said}");

    // Other threads, the same bytes; no pixel outside the mask.
    let bytes = project.read("filled.png");
    fill(&["--join", "6", "--threads", "1"]);
    assert!(bytes == project.read("filled.png"));
    fill(&["--join", "0"]);
    let filled = image::open(project.path("filled.png")).expect("it is a picture").into_rgba16();
    let before = wall();
    let mut kept = filled.enumerate_pixels().filter(|(x, y, _)| mask().get_pixel(*x, *y)[0] == 0);
    assert!(kept.all(|(x, y, after)| after == before.get_pixel(x, y)));
}

#[test]
fn a_texture_is_made_to_tile() {
    let project = Project::empty();
    // Its waves do not end where they begin.
    let texture = DynamicImage::from(pictures::waves(150)).crop_imm(7, 5, 120, 93);
    project.save("wall.png", &texture.to_rgb8());
    for (flag, band) in [("--seamless", 11), ("--seamless=both", 20)] {
        let seamless = ["fill", "wall.png", flag, "-o", "tile.png", "--band"];
        project.run(&[&seamless[..], &[&band.to_string()]].concat()).expect_code(0);
        let tile = image::open(project.path("tile.png")).expect("it is a picture");
        let (before, after) = (pictures::seam(&texture), pictures::seam(&tile));
        assert!(before > 10.0 && after < 1.4, "{before} {after}");
        let inside = |picture: &DynamicImage| {
            picture.crop_imm(band, band, 120 - 2 * band, 93 - 2 * band).to_rgb8()
        };
        assert!(inside(&tile) == inside(&texture));
    }
}

#[test]
fn maps_are_filled_from_the_same_places() {
    let project = Project::empty();
    // Each pixel of the map names a colour of the texture.
    let texture = pictures::bricks(96, 80, 4);
    let map = ImageBuffer::from_fn(96, 80, |x, y| {
        let [red, green, blue] = texture.get_pixel(x, y).0.map(u16::from);
        match x < 20 {
            // Nothing to be filled in, whatever its alpha says.
            true => Rgba([0, 0, 0, 0]),
            false => Rgba([red * 256 + 3, green * 256 + 5, blue * 256 + 7, red * 256 + 9]),
        }
    });
    project.save("wall.png", &texture);
    project.save("wall_orm.png", &map);
    let said = project
        .run(&[
            "fill",
            "wall.png",
            "--seamless",
            "-o",
            "tile.png",
            "--json",
            "--along",
            "wall_orm.png=maps/tile_orm.png",
        ])
        .expect_code(0)
        .document();
    assert_eq!(said["maps"], serde_json::json!(["maps/tile_orm.png"]));
    let open = |name: &str| image::open(project.path(name)).expect("it is a picture");
    let tile = open("tile.png").into_rgb8();
    let DynamicImage::ImageRgba16(filled) = open("maps/tile_orm.png") else { panic!("16 bits") };
    let (mut same, mut changed) = (0, 0);
    for ((x, y, own), color) in filled.enumerate_pixels().zip(tile.pixels()) {
        changed += u32::from(own != map.get_pixel(x, y));
        let [red, green, blue, alpha] = own.0;
        if own.0 == [0; 4] {
            continue;
        }
        assert_eq!([red % 256, green % 256, blue % 256, alpha % 256], [3, 5, 7, 9], "{x} {y}");
        assert_eq!(red / 256, alpha / 256);
        // Beside joins, colours are blended.
        same += u32::from([red, green, blue].map(|level| (level / 256) as u8) == color.0);
    }
    assert!(same > 96 * 80 * 6 / 10 && changed > 300, "{same} {changed}");

    project.save("other.png", &pictures::bricks(48, 80, 4));
    project.save("double.png", &pictures::bricks(192, 160, 4));
    for (along, part) in [
        ("other.png=b.png", "`other.png` has 48 x 80 pixels"),
        ("double.png=b.png", "`double.png` has 192 x 160 pixels, and the picture 96 x 80"),
        ("wall_orm.png=tile.png", "would be written twice"),
        ("wall_orm.png=./tile.png", "would be written twice"),
        ("wall_orm.png=maps/../tile.png", "would be written twice"),
        ("wall_orm.png=wall.png", "would overwrite"),
        ("wall_orm.png=b.xyz", "no known extension"),
        ("none.png=b.png", "none.png"),
    ] {
        let fill = ["fill", "wall.png", "--seamless", "-o", "tile.png", "--along", along];
        let refused = project.run(&fill).expect_code(2);
        assert!(refused.err.contains(part), "{along}: {refused}");
    }
    assert!(!project.path("b.png").exists());

    // All of them are written, or none.
    let before = project.read("tile.png");
    let band = ["--seamless", "--band", "30", "-o", "tile.png", "--along", "wall_orm.png=maps"];
    let refused = project.run(&[&["fill", "wall.png"], &band[..]].concat());
    assert!(refused.code != Some(0) && refused.err.contains("maps"), "{refused}");
    assert!(before == project.read("tile.png"));
}

#[test]
fn what_cannot_be_filled_is_refused_by_name() {
    let project = project();
    project.save("all.png", &GrayImage::from_pixel(160, 120, Luma([255])));
    project.save("none.png", &GrayImage::new(160, 120));
    project.write("broken.png", "no picture");
    for (arguments, part) in [
        (&["wall.png", "--mask", "all.png"][..], "large enough to fill from"),
        (&["wall.png", "--mask", "none.png"], "`none.png`"),
        (&["wall.png", "--mask", "broken.png"], "`broken.png`"),
        (&["broken.png", "--seamless"], "`broken.png`"),
        (&["missing.png", "--seamless"], "missing.png"),
        (&["wall.png", "--seamless", "--max-memory", "100K"], "--max-memory"),
        (&["wall.png", "--seamless=none"], "none"),
        (&["wall.png", "--seamless", "--band", "2"], "--band"),
        (&["wall.png", "--seamless", "--device", "cpu"], "--device"),
    ] {
        let refused = project.run(&[&["fill", "-o", "o.png"], arguments].concat()).expect_code(2);
        assert!(refused.err.contains(part), "{arguments:?}: {refused}");
    }
    for arguments in [
        &["fill", "wall.png", "--seamless", "-o", "wall.png"][..],
        &["fill", "wall.png", "--seamless", "-o", "wall.xyz"],
        &["fill", "wall.png", "--seamless", "-o", "o.png", "--quality", "80"],
    ] {
        project.run(arguments).expect_code(2);
    }
    assert!(!project.path("o.png").exists());
}
