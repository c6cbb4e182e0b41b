#!/usr/bin/env bash
# image 0.25.10 cuts a float picture to 0..1 when it resizes it, even to the nearest sample.
#
# Expected: resize() of an Rgb32F picture is a weighted mean, so one colour everywhere stays that
# colour: 4.0 stays 4.0 and -0.5 stays -0.5.
# Seen: samples above 1 become 1 and those below 0 become 0, with every filter, Nearest included,
# and with no error; blur() leaves the same samples alone.
# It matters because HDR skies, light maps and displacement live outside 0..1: the sun becomes as
# bright as paper, hollows become flat, and an 8-bit preview looks the same as before.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
image = { version = "=0.25.10", default-features = false }
[workspace]
TOML
cat >src/main.rs <<'RS'
use image::{imageops, Rgb, Rgb32FImage};

fn main() {
    use imageops::FilterType::{CatmullRom, Gaussian, Lanczos3, Nearest, Triangle};

    let stored = Rgb([4.0f32, 0.5, -0.5]);
    let sky = Rgb32FImage::from_pixel(16, 16, stored);
    println!("stored      {:?}", stored.0);

    let mut same = true;
    let blurred = imageops::blur(&sky, 1.0).get_pixel(8, 8).0;
    println!("blur        {blurred:.3?}");
    same &= (blurred[0] - 4.0).abs() < 1e-3 && (blurred[2] + 0.5).abs() < 1e-3;

    for filter in [Nearest, Triangle, CatmullRom, Gaussian, Lanczos3] {
        let small = imageops::resize(&sky, 8, 8, filter).get_pixel(4, 4).0;
        println!("{:<11} {small:.3?}", format!("{filter:?}"));
        same &= small[0] == 1.0 && (small[1] - 0.5).abs() < 1e-3 && small[2] == 0.0;
    }
    if !same {
        println!("changed: the samples are not cut as before");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
