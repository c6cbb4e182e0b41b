//! Golden test of the whole program: pictures with the real VGG-19, by digest.
//! `worker/engine/tests/golden.rs` has more rows, on a small network.
//!
//! Everything is painted with `IMPASTO_CPU_LEVEL=scalar` in single precision, which every machine
//! has, and written as PNG. A digest is BLAKE3 of the width and the height (u32, little-endian) and
//! the 8-bit RGB values.

mod synthetic;

use std::path::Path;

use image::{Rgb, RgbImage};
use impasto_tests::{Finished, Project, pictures};
use impasto_types::Digest;

/// Diagonal bands, from integers only, so that no system library affects a level.
fn bands(side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| match (x + 2 * y + x * y / 24) % 24 {
        0..7 => Rgb([24, 44 + (x % 8) as u8 * 4, 132]),
        7..15 => Rgb([238, 196, 62 + (y % 8) as u8 * 4]),
        _ => Rgb([90 + (x % 16) as u8 * 3, 120, 176]),
    })
}

fn digest(picture: &Path) -> String {
    let picture = image::open(picture).expect("it is a picture").to_rgb8();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&picture.width().to_le_bytes());
    hasher.update(&picture.height().to_le_bytes());
    hasher.update(picture.as_raw());
    hasher.finalize().to_hex().to_string()
}

/// Paints with every row of arguments, and compares digests.
fn check(method: &str, rows: &[(&str, &[&str], &str)]) {
    let project = Project::empty();
    project.save("wall.png", &pictures::bricks(64, 48, 1));
    project.save("bands.png", &bands(64));
    let style = Digest::of(&project.read("bands.png"));
    project.write("bands.safetensors", synthetic::network(style));
    project.write("any.safetensors", synthetic::any_style());
    let painted = |arguments: &[&str]| {
        let common = ["-o", "painted.png", "--profile", "exact"];
        let mut command = project.impasto(&[arguments, &common].concat());
        command.env("IMPASTO_CPU_LEVEL", "scalar");
        Finished::of(&mut command).expect_code(0);
        digest(&project.path("painted.png"))
    };
    let changed: Vec<_> = rows
        .iter()
        .map(|(name, arguments, expected)| (name, painted(arguments), expected))
        .filter(|(_, painted, expected)| painted != *expected)
        .map(|(name, painted, expected)| format!("  {name}: {painted}, not {expected}"))
        .collect();
    assert!(
        changed.is_empty(),
        "pictures of `{method}` have changed. If this is intended, raise the version of the method \
         `{method}` and write the new digests here; otherwise the change is a bug.\n{}",
        changed.join("\n")
    );
}

const STYLIZE: [&str; 4] = ["stylize", "wall.png", "--style", "bands.png"];

const FEW: [&str; 2] = ["--iterations", "2"];

/// Two scales for the presets that paint coarse to fine.
const COARSE: [&str; 6] = ["--iterations", "2", "--coarse-iterations", "3", "--min-scale", "32"];

#[test]
fn optimize_paints_the_same_pictures() {
    let painterly = [&STYLIZE[..], &COARSE, &["--preset", "painterly"]].concat();
    let texture = [&STYLIZE[..], &COARSE, &["--preset", "texture", "--tileable", "both"]].concat();
    let gatys = [&STYLIZE[..], &FEW, &["--preset", "gatys"]].concat();
    check(
        "optimize",
        &[
            (
                "painterly",
                &painterly,
                "f1c12b067de76c9fc01772ec78383c0ae9f9a50cb221bb451eda1a07326ec3da",
            ),
            (
                "texture, wrapped",
                &texture,
                "0acfc90456021dff1bc0b460e19c1f4c7611107d3123d705edb9bfb93880c9bd",
            ),
            ("gatys", &gatys, "b60eb34d70fbb96860af40acaf4e824af613b917b0a0c1b5cb42c209198b4955"),
        ],
    );
}

#[test]
fn arbitrary_paints_the_same_pictures() {
    let arbitrary = [&STYLIZE[..], &["--method", "arbitrary"]].concat();
    let wrapped = ["--preset", "texture", "--tileable", "both", "--min-scale", "24"];
    let wrapped = [&arbitrary[..], &wrapped, &["--strength", "0.7"]].concat();
    let own = ["--any-style-model", "any.safetensors"];
    let (own, own_wrapped) = ([&arbitrary[..], &own].concat(), [&wrapped[..], &own].concat());
    check(
        "arbitrary",
        &[
            (
                "by a network of one's own",
                &own,
                "97f2860e70093a29593bdc214dae48af2c5c110540f6be2398348f8a2d0191c1",
            ),
            (
                "the same, wrapped, two scales",
                &own_wrapped,
                "6540d680ad1086979b6d139d38ebf03b2e5ba06e6f621bd390e08ae3314e5ae5",
            ),
            (
                "painterly",
                &arbitrary,
                "261c60713f727e925053cb10fc7a2dc5149d356cba67950391575332e1bcd002",
            ),
            (
                "texture, wrapped, two scales",
                &wrapped,
                "bfd82765ba2d41363bb3cae7e884388da12e9f698405babd09370897abd782f3",
            ),
        ],
    );
}

#[test]
fn feedforward_paints_the_same_pictures() {
    let method = ["--method", "feedforward", "--model", "bands.safetensors"];
    let learned = [&STYLIZE[..], &method].concat();
    let wrapped = ["--preset", "texture", "--tileable", "both", "--min-scale", "24"];
    let wrapped = [&learned[..], &wrapped, &["--strength", "0.7"]].concat();
    check(
        "feedforward",
        &[
            (
                "painterly",
                &learned,
                "cc69e1953e3980dfa909d9320eac8d22466255c73b0019f5e648bc5b75d746e3",
            ),
            (
                "texture, wrapped, two scales",
                &wrapped,
                "43a6c4ad5fd8b4a3468344e86e5ec39465d9926bfc97dc91726722b93da8cc86",
            ),
        ],
    );
}

#[test]
fn synthesize_paints_the_same_pictures() {
    let texture = [
        &["synth", "bands.png", "--size", "48", "--seed", "11", "--preset", "texture"][..],
        &COARSE,
    ]
    .concat();
    check(
        "synthesize",
        &[(
            "texture",
            &texture,
            "54fc2feb6d789d307fc126d292041be7069266d03f477e710eda961f33d03f94",
        )],
    );
}
