//! Regions by ID maps, with the real networks and program.

use image::{DynamicImage, Rgb, RgbImage};
use impasto_tests::{Coordinator, Project, Worker, models_dir, pictures};

const SIDE: u32 = 96;

const BLUE: [u8; 3] = [0, 0, 255];
const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];

/// Blue above, red below on the left, green below on the right, with mixed colours between them.
fn id_map(side: u32) -> RgbImage {
    let sharp = RgbImage::from_fn(4 * side, 4 * side, |x, y| {
        Rgb(match (x < 2 * side, y < 2 * side) {
            (_, true) => BLUE,
            (true, false) => RED,
            (false, false) => GREEN,
        })
    });
    image::imageops::resize(&sharp, side, side, image::imageops::FilterType::Triangle)
}

const MANIFEST: &str = r##"
[project]
name = "garden"
output = "out/{name}"

[defaults]
method = "arbitrary"

[styles.bricks]
images = "styles/bricks.png"

[styles.swirls]
images = "styles/swirls.png"
strength = 0.9

[[rules]]
name = "walls"
match = "walls/*"
style = "bricks"

[rules.regions]
map = "ids/{stem}_id.png"
styles = { "#0000ff" = "swirls" }
keep = ["#ff0000"]
"##;

fn project() -> Project {
    let project = Project::empty();
    project.write("impasto.toml", MANIFEST);
    project.save("styles/bricks.png", &pictures::bricks(SIDE, SIDE, 7));
    project.save("styles/swirls.png", &pictures::swirls(SIDE, 5));
    for name in ["a", "b"] {
        project.save(&format!("walls/{name}.png"), &pictures::waves(SIDE));
    }
    project.save("ids/a_id.png", &id_map(SIDE / 2));
    project
}

fn painted(project: &Project, file: &str) -> RgbImage {
    let picture: DynamicImage = image::open(project.path(file)).expect("it is a picture");
    picture.to_rgb8()
}

/// The mean difference of two pictures between these columns and rows.
fn difference(one: &RgbImage, other: &RgbImage, (left, top): (u32, u32), side: u32) -> f64 {
    let places = (top..top + side).flat_map(|y| (left..left + side).map(move |x| (x, y)));
    let of_pixel = |(x, y): (u32, u32)| -> f64 {
        let channels = one.get_pixel(x, y).0.into_iter().zip(other.get_pixel(x, y).0);
        channels.map(|(one, other)| f64::from(one.abs_diff(other))).sum()
    };
    places.map(of_pixel).sum::<f64>() / f64::from(3 * side * side)
}

#[test]
fn each_region_is_painted_in_its_style_and_a_kept_one_is_untouched() {
    let project = project();
    let summary = project.build().summary();
    assert_eq!(summary["painted"].as_u64(), Some(2));
    let asset = pictures::waves(SIDE);
    let parts = painted(&project, "out/a.png");
    // The same asset all in one style, and all in the other.
    let bricks = painted(&project, "out/b.png");
    project.replace("impasto.toml", "style = \"bricks\"", "style = \"swirls\"");
    project.replace("impasto.toml", "\"#0000ff\" = \"swirls\"", "\"#0000ff\" = \"bricks\"");
    let built = project.build().summary();
    assert_eq!(built["painted"].as_u64(), Some(2));
    let swirls = painted(&project, "out/b.png");
    let (above, left, right) = ((30, 8), (4, 60), (60, 60));
    // Statistics are those of a region, so it is not the same as a part of the whole.
    for (place, own, other) in [(above, &swirls, &bricks), (right, &bricks, &swirls)] {
        let (near, far) =
            (difference(&parts, own, place, 30), difference(&parts, other, place, 30));
        assert!(near < 0.8 * far, "{place:?}: {near} to its own style, {far} to the other");
    }
    let kept = difference(&parts, &asset, left, 32);
    assert_eq!(kept, 0.0, "what is kept is the asset to the last bit");
    assert!(difference(&parts, &asset, above, 30) > 5.0);
}

#[test]
fn a_farm_paints_the_same_and_a_map_of_another_shape_stops_no_other() {
    let (alone, project) = (project(), project());
    alone.build();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    let narrow = RgbImage::from_pixel(SIDE, SIDE / 2, Rgb(BLUE));
    project.save("ids/b_id.png", &narrow);
    let built = project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]);
    let built = built.expect_code(1);
    assert!(built.out.contains("ids/b_id.png has 96 x 48 pixels"), "{built}");
    assert!(!project.path("out/b.png").exists());
    assert!(project.read("out/a.png") == alone.read("out/a.png"));

    // A map that shows none of the colours is a warning, and its asset is painted as without one.
    project.save("ids/b_id.png", &RgbImage::from_pixel(SIDE, SIDE, Rgb(GREEN)));
    let built = project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]);
    let built = built.expect_code(0);
    assert!(built.err.contains("none of the colours of `regions`"), "{built}");
    assert!(painted(&project, "out/b.png") == painted(&alone, "out/b.png"));
}

#[test]
fn one_picture_is_painted_by_regions_without_a_manifest() {
    let project = project();
    project.build();
    let stylize = |more: &[&str]| {
        let own = ["stylize", "walls/a.png", "--style", "styles/bricks.png", "-o", "one.png"];
        project.run(&[&own[..], &["--method", "arbitrary"], more].concat())
    };
    let regions = ["--regions", "ids/a_id.png", "--region", "#0000ff=styles/swirls.png"];
    stylize(&[&regions[..], &["--keep", "#ff0000"]].concat()).expect_code(0);
    let (one, built) = (painted(&project, "one.png"), painted(&project, "out/a.png"));
    assert_eq!(difference(&one, &built, (4, 60), 32), 0.0);
    assert!(difference(&one, &built, (60, 60), 30) < 1.0);
    let refused = stylize(&["--region", "#0000ff=styles/swirls.png"]).expect_code(2);
    assert!(refused.err.contains("--regions"), "{refused}");
    let refused = stylize(&["--regions", "ids/a_id.png"]).expect_code(2);
    assert!(refused.err.contains("needs a --region or a --keep"), "{refused}");
}

#[test]
fn a_texture_is_made_by_a_map_with_each_region_from_its_own_example() {
    let project = project();
    let map = RgbImage::from_fn(64, 32, |x, _| Rgb(if x < 32 { BLUE } else { GREEN }));
    project.save("ids/map.png", &map);
    let synth = |more: &[&str]| {
        let own = ["synth", "styles/bricks.png", "--regions", "ids/map.png", "-o", "made.png"];
        let few = ["--tileable", "both", "--coarse-iterations", "40", "--iterations", "8"];
        project.run(&[&own[..], &few, more].concat())
    };
    let region = ["--region", "#0000ff=styles/swirls.png"];
    synth(&region).expect_code(0);
    let made = painted(&project, "made.png");
    assert_eq!(made.dimensions(), (64, 32), "the map's size");
    synth(&[&region[..], &["--size", "96"]].concat()).expect_code(0);
    let made = painted(&project, "made.png");
    assert_eq!(made.dimensions(), (96, 48), "the map's shape");
    let mean = |picture: &RgbImage, columns: std::ops::Range<u32>| {
        let pixels = picture.enumerate_pixels().filter(|(x, ..)| columns.contains(x));
        let (sums, count) = pixels.fold(([0.0; 3], 0.0), |(sums, count), (_, _, pixel)| {
            (std::array::from_fn(|at| sums[at] + f64::from(pixel.0[at])), count + 1.0)
        });
        sums.map(|sum: f64| sum / count)
    };
    let apart = |one: [f64; 3], other: [f64; 3]| {
        one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
    };
    let [bricks, swirls] = ["styles/bricks.png", "styles/swirls.png"].map(|style| {
        let style = painted(&project, style);
        mean(&style, 0..style.width())
    });
    for (columns, own, other) in [(4..44, swirls, bricks), (52..92, bricks, swirls)] {
        let made = mean(&made, columns.clone());
        assert!(apart(made, own) < 0.3 * apart(made, other), "{columns:?}: {made:?}, not {own:?}");
    }

    let refused = synth(&[]).expect_code(2);
    assert!(refused.err.contains("--regions needs a --region, to say"), "{refused}");
    synth(&["--keep", "#00ff00"]).expect_code(2);
    project.save("ids/map.png", &RgbImage::from_pixel(200, 8, Rgb(BLUE)));
    let refused = synth(&region).expect_code(2);
    assert!(refused.err.contains("`ids/map.png` has 200 x 8 pixels, and the least"), "{refused}");
    let refused = synth(&[&region[..], &["--size", "64"]].concat()).expect_code(2);
    let expected = "`ids/map.png` has the shape of a texture of 64 x 3 pixels";
    assert!(refused.err.contains(expected), "{refused}");
}
