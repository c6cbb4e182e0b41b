#!/usr/bin/env bash
# image 0.25.10 says that an OpenEXR picture is sRGB encoded, so converting it to sRGB does nothing.
#
# Expected: EXR samples are linear light, so color_space() names a linear transfer, and after
# convert_color_space(SRGB) middle grey, 0.18, is 118 of 255.
# Seen: color_space() names the sRGB transfer, the conversion reports success, and grey is 46.
# It matters because this is the step from a linear render to a PNG texture: the result is a
# picture much too dark, made by code that did ask for the conversion.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 OpenEXR==3.5.3
venv/bin/python - <<'PY'
import numpy as np
import OpenEXR

print("OpenEXR", OpenEXR.__version__, "writes grey.exr")
grey = np.full((4, 4, 3), 0.18, np.float32)
OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"RGB": grey}).write("grey.exr")
PY

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
image = { version = "=0.25.10", default-features = false, features = ["exr"] }
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use image::metadata::{Cicp, CicpTransferCharacteristics};
use image::{ColorType, ConvertColorOptions};

fn main() {
    let mut picture = image::open("grey.exr").unwrap();
    let space = picture.color_space();
    println!("stored      {:?} {:?}", picture.color(), picture.to_rgb32f().get_pixel(0, 0).0);
    println!("labelled    {:?}", space.transfer);

    let options = ConvertColorOptions::default();
    let done = picture.convert_color_space(Cicp::SRGB, options, ColorType::Rgb8);
    let grey = picture.to_rgb8().get_pixel(0, 0).0;
    println!("converted   {done:?} {grey:?}, where sRGB has 118");

    let labelled_srgb = space.transfer == CicpTransferCharacteristics::SRgb;
    if !labelled_srgb || done.is_err() || grey != [46, 46, 46] {
        println!("changed: the picture is told or converted otherwise");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
