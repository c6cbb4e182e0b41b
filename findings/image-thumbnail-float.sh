#!/usr/bin/env bash
# image 0.25.10 adds one half to every sample when it makes a thumbnail of a float picture.
#
# Expected: the thumbnail of one colour everywhere is that colour, as it is at 8 and 16 bits.
# Seen: thumbnail() averages blocks with a half added for rounding, which only suits integers: in an
# Rgb32F picture black becomes 0.5, 0.25 becomes 0.75 and -0.5 becomes 0.
# It matters because previews and small proxies of EXR and HDR files are grey and washed out, and
# statistics taken from them (mean colour, exposure) are off by a constant.
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
use image::{imageops::thumbnail, ImageBuffer, Rgb};

fn main() {
    let eight = ImageBuffer::from_pixel(16, 16, Rgb([0u8, 64, 200]));
    let sixteen = ImageBuffer::from_pixel(16, 16, Rgb([0u16, 16384, 50000]));
    let float = ImageBuffer::from_pixel(16, 16, Rgb([0f32, 0.25, -0.5]));

    let a = thumbnail(&eight, 4, 4).get_pixel(1, 1).0;
    let b = thumbnail(&sixteen, 4, 4).get_pixel(1, 1).0;
    let c = thumbnail(&float, 4, 4).get_pixel(1, 1).0;
    println!("u8   [0, 64, 200]       -> {a:?}");
    println!("u16  [0, 16384, 50000]  -> {b:?}");
    println!("f32  [0.0, 0.25, -0.5]  -> {c:?}");

    if a != [0, 64, 200] || b != [0, 16384, 50000] || c != [0.5, 0.75, 0.0] {
        println!("changed: the thumbnails are others now");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
