//! UDIM sets, with the real networks and program.

use image::{DynamicImage, ImageBuffer, Rgb, RgbImage};
use impasto_tests::{Coordinator, Project, Worker, models_dir, pictures};

const TILE: u32 = 96;

/// Tiles by their number, and where each lies in the whole: column and row from the top.
const TILES: [(u16, u32, u32); 4] = [(1001, 0, 1), (1002, 1, 1), (1011, 0, 0), (1012, 1, 0)];

/// One picture, cut into four tiles of 16 bits.
fn project(rule: &str) -> Project {
    let project = Project::of_art(rule);
    let whole = pictures::bricks(2 * TILE, 2 * TILE, 4);
    for (number, column, row) in TILES {
        let tile = ImageBuffer::from_fn(TILE, TILE, |x, y| {
            let pixel = whole.get_pixel(column * TILE + x, row * TILE + y);
            Rgb(pixel.0.map(|level| u16::from(level) * 257))
        });
        project.save(&format!("art/body.{number}.png"), &tile);
    }
    project
}

/// The painted tiles as one picture.
fn painted(project: &Project) -> RgbImage {
    let mut whole = RgbImage::new(2 * TILE, 2 * TILE);
    for (number, column, row) in TILES {
        let file = project.path(&format!("out/body.{number}.png"));
        let tile = image::open(file).expect("it is a picture");
        assert_eq!(tile.color(), image::ColorType::Rgb16);
        let (x, y) = (i64::from(column * TILE), i64::from(row * TILE));
        image::imageops::replace(&mut whole, &tile.to_rgb8(), x, y);
    }
    whole
}

/// How much pixels differ across the border between two columns of tiles, on average.
fn border(picture: &RgbImage) -> f64 {
    let rows = (0..picture.height()).map(|y| {
        let pair = picture.get_pixel(TILE - 1, y).0.into_iter().zip(picture.get_pixel(TILE, y).0);
        pair.map(|(one, other)| f64::from(one.abs_diff(other))).sum::<f64>()
    });
    rows.sum::<f64>() / f64::from(picture.height())
}

#[test]
fn strokes_go_on_from_tile_to_tile() {
    let project = project("udim = true\nmethod = \"arbitrary\"");
    let built = project.build();
    assert_eq!(built.summary()["painted"].as_u64(), Some(1), "{built}");
    let together = painted(&project);
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(1));

    // It is the picture that the tiles are parts of.
    let one = Project::empty();
    one.write("impasto.toml", project.read("impasto.toml"));
    one.replace("impasto.toml", "udim = true", "style_scale = 0.5");
    one.save("styles/swirls.png", &pictures::swirls(128, 5));
    let whole = DynamicImage::from(pictures::bricks(2 * TILE, 2 * TILE, 4)).to_rgb16();
    one.save("art/whole.png", &whole);
    one.build();
    let whole = image::open(one.path("out/whole.png")).expect("it is a picture").to_rgb8();
    assert!(whole == together, "{} and {}", border(&whole), border(&together));

    // Tile by tile strokes end at the border.
    let apart = self::project("method = \"arbitrary\"");
    assert_eq!(apart.build().summary()["painted"].as_u64(), Some(4));
    let apart = border(&painted(&apart));
    assert!(apart > 1.2 * border(&together), "{apart} and {}", border(&together));

    // A preview shows the first tile.
    project.run(&["preview", "--size", "32"]).expect_code(0);
    project.replace("impasto.toml", "udim = true", "udim = true\nsize = 48");
    project.build();
    let tile = image::open(project.path("out/body.1012.png")).expect("it is a picture");
    assert_eq!((tile.width(), tile.height()), (48, 48), "a size is a tile's");
}

#[test]
fn a_farm_paints_the_same_set_and_a_missing_tile_stays_missing() {
    let rule = "udim = true\nmethod = \"arbitrary\"";
    let (alone, project) = (project(rule), project(rule));
    for project in [&alone, &project] {
        std::fs::remove_file(project.path("art/body.1012.png")).expect("it is there");
    }
    alone.build();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]).expect_code(0);
    for (number, ..) in &TILES[..3] {
        let file = format!("out/body.{number}.png");
        assert!(project.read(&file) == alone.read(&file), "{file}");
    }
    assert_eq!(project.files("out").len(), 3);
}
