#!/usr/bin/env bash
# image_dds 0.7.2 averages the encoded values of an sRGB texture when it makes mip levels.
#
# Expected: asked for Rgba8UnormSrgb, whose values a GPU decodes before it filters, the next level
# of a black and white checkerboard is half the light: 188 of 255. Asked for Rgba8Unorm it is 128.
# Seen: both are 127. Alpha has no weight either: next to colour under alpha 0 the next level takes
# half of that colour.
# It matters because each level gets darker than the one before, most in fine detail such as
# gravel and foliage, so a texture changes its brightness with distance; the format looks right.
#
# (intel_tex_2, its encoder, leaves out the C++ library that it needs on Linux: hence the build
# script below. No block compression takes part here.)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
image_dds = "=0.7.2"
[profile.dev]
debug = false
[workspace]
TOML
cat >build.rs <<'RS'
fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-lib=stdc++");
    }
}
RS
cat >src/main.rs <<'RS'
use image_dds::image::{Rgba, RgbaImage};
use image_dds::{dds_from_image, image_from_dds, ImageFormat, Mipmaps, Quality};

fn next_level(picture: &RgbaImage, format: ImageFormat) -> [u8; 4] {
    let dds = dds_from_image(picture, format, Quality::Fast, Mipmaps::GeneratedAutomatic).unwrap();
    image_from_dds(&dds, 1).unwrap().get_pixel(0, 0).0
}

fn main() {
    let board = RgbaImage::from_fn(4, 4, |x, y| {
        let v = if (x + y) % 2 == 0 { 255 } else { 0 };
        Rgba([v, v, v, 255])
    });
    let cutout = RgbaImage::from_fn(4, 4, |x, _| {
        if x % 2 == 0 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
    });
    let srgb = next_level(&board, ImageFormat::Rgba8UnormSrgb);
    let plain = next_level(&board, ImageFormat::Rgba8Unorm);
    let edge = next_level(&cutout, ImageFormat::Rgba8UnormSrgb);
    println!("checkerboard, Rgba8UnormSrgb  {srgb:?}");
    println!("checkerboard, Rgba8Unorm      {plain:?}");
    println!("red beside hidden green       {edge:?}");
    if srgb != [127, 127, 127, 255] || plain != srgb || edge != [127, 127, 0, 127] {
        println!("changed: the mip levels are others now");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
