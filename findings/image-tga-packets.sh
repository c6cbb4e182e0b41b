#!/usr/bin/env bash
# image 0.25.10 writes TGA files that Pillow 13.0.0 does not read.
#
# Expected: what the writer's default makes of a plain 4 x 4 picture, any reader opens; the format
# asks that a run-length packet ends with its row.
# Seen: the writer counts runs over the whole picture, so one packet of 16 covers four rows. image
# itself reads that back, Pillow refuses it. Where the colour changes at each row's end, the same
# writer's file opens in both.
# It matters because flat areas at the edges are what most masks and sprites have: the files pass a
# round trip in one program and fail in the next one of the pipeline.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
image = { version = "=0.25.10", default-features = false, features = ["tga"] }
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use image::{GrayImage, Luma};

fn main() {
    let flat = GrayImage::from_pixel(4, 4, Luma([9]));
    let framed = GrayImage::from_fn(4, 4, |x, _| Luma([if x == 0 { 1 } else { 9 }]));
    for (name, picture) in [("flat.tga", flat), ("framed.tga", framed)] {
        picture.save(name).unwrap();
        let same = image::open(name).unwrap().to_luma8() == picture;
        println!("{name}: image reads back the same picture: {same}");
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet

venv/bin/python - <<'PY'
import sys

import PIL
from PIL import Image

print("Pillow", PIL.__version__)

def read(name):
    with open(name, "rb") as f:
        packets = f.read()[18:]
    try:
        with Image.open(name) as im:
            im.load()
            seen = "reads it"
    except OSError as error:
        seen = f"refuses it ({error})"
    print(f"{name}: packets {list(packets[:8])}, Pillow {seen}")
    return packets, seen

packets, seen = read("flat.tga")
_, framed = read("framed.tga")
if packets[:2] != bytes([0x80 | 15, 9]) or not seen.startswith("refuses"):
    sys.exit("changed: the packet ends with its row, or Pillow reads it")
if framed != "reads it":
    sys.exit("changed: Pillow refuses the other file too")
PY
