#!/usr/bin/env bash
# image 0.25.10 (on tiff 0.11.3) takes 32-bit integer RGB samples of a TIFF for floating point.
#
# Expected: SampleFormat 1 says unsigned integers, so the file is read as such or refused, as the
# grey file of the same depth is.
# Seen: open() gives Rgb32F whose floats are the integers' bits: full intensity becomes NaN, half
# becomes -0, and the integer 0x3f800000 becomes 1.
# It matters because such files come from scanners, stitchers and scientific tools: NaN spreads
# through every filter and through the whole of a neural network, and other values end near 0.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 tifffile==2026.3.3
venv/bin/python - <<'PY'
import numpy as np
import tifffile

rgb = np.array([[(0xFFFFFFFF, 0x80000000, 0x3F800000)]], np.uint32)
tifffile.imwrite("rgb.tif", rgb, photometric="rgb")
tifffile.imwrite("grey.tif", rgb[..., 0], photometric="minisblack")
with tifffile.TiffFile("rgb.tif") as tif:
    page = tif.pages[0]
    print("tifffile", tifffile.__version__)
    print("stored      SampleFormat", int(page.sampleformat), "bits", page.bitspersample)
    print("           ", [hex(v) for v in page.asarray().ravel().tolist()])
PY

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
image = { version = "=0.25.10", default-features = false, features = ["tiff"] }
tiff = "=0.11.3"
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use image::DynamicImage;

fn main() {
    let grey = image::open("grey.tif").map(|p| p.color()).map_err(|e| e.to_string());
    println!("grey        {grey:?}");

    let rgb = image::open("rgb.tif").unwrap();
    let color = rgb.color();
    let samples = match rgb {
        DynamicImage::ImageRgb32F(p) => p.into_raw(),
        _ => Vec::new(),
    };
    println!("RGB         {color:?} {samples:?}");

    let bits: Vec<u32> = samples.iter().map(|s| s.to_bits()).collect();
    if grey.is_ok() || bits != [0xFFFF_FFFF, 0x8000_0000, 0x3F80_0000] {
        println!("changed: the integers are read or refused otherwise");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
