//! Texture arrays, with the real networks and program.

use image::{Rgb, RgbImage};
use impasto_tests::{Project, pictures};

const SIDE: u32 = 64;
const HEAD: usize = 148;

fn layers() -> [RgbImage; 3] {
    let leaves = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let turn = |at: u32, times: f32| {
            (at as f32 / SIDE as f32 * times * std::f32::consts::TAU).sin() * 60.0
        };
        Rgb([60, (120.0 + turn(x, 3.0)) as u8, (90.0 + turn(y, 2.0)) as u8])
    });
    [pictures::waves(SIDE), leaves, RgbImage::from_pixel(SIDE, SIDE, Rgb([130, 120, 100]))]
}

/// An array in the header of Direct3D 10, in R8G8B8A8 with sRGB colours, without mips.
fn array(layers: &[RgbImage]) -> Vec<u8> {
    let mut words = vec![u32::from_le_bytes(*b"DDS "), 124, 0x100f, SIDE, SIDE, 4 * SIDE, 0, 1];
    words.extend([0; 11]);
    words.extend([32, 4, u32::from_le_bytes(*b"DX10"), 0, 0, 0, 0, 0]);
    words.extend([0x1000, 0, 0, 0, 0]);
    words.extend([29, 3, 0, layers.len() as u32, 0]);
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let pixels = layers.iter().flat_map(|layer| layer.pixels());
    bytes.extend(pixels.flat_map(|Rgb([red, green, blue])| [*red, *green, *blue, 255]));
    bytes
}

fn layer(file: &[u8], at: usize) -> image::DynamicImage {
    let size = (4 * SIDE * SIDE) as usize;
    let pixels = file[HEAD + at * size..][..size].to_vec();
    image::RgbaImage::from_raw(SIDE, SIDE, pixels).expect("a layer").into()
}

fn project(rule: &str) -> Project {
    let project = Project::of_art(&format!("method = \"arbitrary\"\n{rule}"));
    project.write("art/ground.dds", array(&layers()));
    project
}

#[test]
fn layers_are_painted_and_each_of_them_tiles() {
    let project = project("tileable = \"both\"\nvalues = 1");
    let built = project.build();
    assert_eq!(built.summary()["painted"].as_u64(), Some(1), "{built}");
    let (before, after) = (array(&layers()), project.read("out/ground.dds"));
    assert_eq!((after.len(), &after[..HEAD]), (before.len(), &before[..HEAD]), "the header");
    for at in 0..3 {
        let (own, painted) = (layer(&before, at), layer(&after, at));
        assert!(pictures::psnr(&own, &painted) < 35.0, "{at} is painted");
        let seam = pictures::seam(&painted);
        assert!(seam < 1.5, "{at}: {seam} across its borders");
    }
    let mean = |at: usize| {
        let painted = layer(&after, at).to_luma8();
        painted.pixels().map(|pixel| f64::from(pixel.0[0])).sum::<f64>() / f64::from(SIDE * SIDE)
    };
    assert!(mean(0) > mean(1) + 10.0, "light layers stay lighter: {} {}", mean(0), mean(1));
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(1));
    let one = ["stylize", "art/ground.dds", "--style", "styles/swirls.png", "--values", "1"];
    let more = ["--method", "arbitrary", "--tileable", "both", "-o", "one.dds"];
    project.run(&[&one[..], &more].concat()).expect_code(0);
    assert!(project.read("one.dds") == after, "as in the project");
}

/// The difference across the borders of a layer over that of neighbours inside, on its worse axis,
/// for a file of layers of so many pixels a side.
fn seam(file: &[u8], at: usize, side: u32) -> f64 {
    let size = (4 * side * side) as usize;
    let pixels = file[HEAD + at * size..][..size].to_vec();
    pictures::seam(&image::RgbaImage::from_raw(side, side, pixels).expect("a layer").into())
}

#[test]
fn layers_of_another_size_tile_and_keep_their_borders() {
    let project = project("tileable = \"both\"\nsize = 32");
    project.build();
    let small = project.read("out/ground.dds");
    for at in 0..2 {
        let found = seam(&small, at, 32);
        assert!(found < 1.6, "{at}: {found} across its borders");
    }
    // Of flat layers nothing but a corner is painted.
    let flat = [200, 220, 240].map(|level| RgbImage::from_pixel(SIDE, SIDE, Rgb([level; 3])));
    project.write("art/ground.dds", array(&flat));
    let wide = 2 * (SIDE + 16);
    let mask =
        |x: u32, y: u32| if (20..40).contains(&x) && (20..40).contains(&y) { 255 } else { 0 };
    project.save("mask.png", &RgbImage::from_fn(wide, wide, |x, y| Rgb([mask(x, y); 3])));
    for size in [48, 96] {
        project.write("impasto.toml", Project::of_art("").read("impasto.toml"));
        project.replace(
            "impasto.toml",
            "match = \"art/*\"",
            &format!(
                "match = \"art/*\"\nmethod = \"arbitrary\"\nmask = \"mask.png\"\nsize = {size}"
            ),
        );
        project.build();
        let file = project.read("out/ground.dds");
        for (at, level) in [200_u8, 220, 240].into_iter().enumerate() {
            let bytes = (4 * size * size) as usize;
            let layer = &file[HEAD + at * bytes..][..bytes];
            let right = (0..size as usize).map(|y| layer[4 * ((y + 1) * size as usize - 1)]);
            let off = right.map(|red| red.abs_diff(level)).max();
            assert!(off <= Some(1), "{size}: layer {at} is off by {off:?} at its border");
            assert!(layer.iter().skip(3).step_by(4).all(|alpha| *alpha == 255), "{size}: alpha");
        }
    }
}

#[test]
fn an_array_says_what_it_is_and_keeps_its_format() {
    let project = project("format = \"png\"");
    let seen = project.run(&["inspect", "art/ground.dds"]).expect_code(0);
    assert!(
        seen.out.contains("an array of 3 layers of 64 x 64 pixels, which lie in rows of 2"),
        "{seen}"
    );
    let text = project.run(&["build"]).expect_code(1).err;
    assert!(text.contains("art/ground.dds: its result is a cube map or an array"), "{text}");
    // A size is that of a layer.
    project.replace("impasto.toml", "format = \"png\"", "size = 32");
    project.build();
    let small = project.read("out/ground.dds");
    assert_eq!(small.len(), HEAD + 3 * 4 * 32 * 32);
    assert_eq!((small[12], small[16], small[140]), (32, 32, 3));
}
