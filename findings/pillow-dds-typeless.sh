#!/usr/bin/env bash
# Pillow 13.0.0 saves BC2, BC3 and BC5 DDS files as TYPELESS arrays of no pictures.
#
# Expected: pixel_format="BC3" writes DXGI_FORMAT_BC3_UNORM (77) and arraySize 1, the number of
# pictures in the file.
# Seen: the DX10 header says BC3_TYPELESS (76) and arraySize 0. Pillow opens it again, image_dds
# 0.7.2 refuses it, and with the two numbers corrected reads the very same blocks.
# It matters because a typeless format says neither UNORM nor sRGB: a texture made in Python passes
# its own round trip and fails in the tools and engines that take the header at its word.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
venv/bin/python - <<'PY'
import struct
import sys

import PIL
from PIL import Image

print("Pillow", PIL.__version__)
picture = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
same = True
for name, known in (("BC2", 73), ("BC3", 76), ("BC5", 82)):
    mode = "RGB" if name == "BC5" else "RGBA"
    picture.convert(mode).save(f"{name}.dds", pixel_format=name)
    with open(f"{name}.dds", "rb") as f:
        data = bytearray(f.read())
    dxgi, dimension, misc, array_size, misc2 = struct.unpack_from("<5I", data, 128)
    print(f"{name}: dxgiFormat {dxgi} (UNORM is {known + 1}), arraySize {array_size}")
    same &= (dxgi, array_size) == (known, 0)
    if name == "BC3":
        struct.pack_into("<5I", data, 128, 77, dimension, misc, 1, misc2)
        with open("corrected.dds", "wb") as f:
            f.write(data)
if not same:
    sys.exit("changed: the header is another now")
PY

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
ddsfile = "=0.5.2"
image_dds = { version = "=0.7.2", default-features = false, features = ["ddsfile", "image"] }
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use std::fs::File;

fn pixel(path: &str) -> Result<[u8; 4], String> {
    let dds = ddsfile::Dds::read(File::open(path).unwrap()).map_err(|e| e.to_string())?;
    let picture = image_dds::image_from_dds(&dds, 0).map_err(|e| e.to_string())?;
    Ok(picture.get_pixel(0, 0).0)
}

fn main() {
    let (stored, corrected) = (pixel("BC3.dds"), pixel("corrected.dds"));
    println!("as saved:   {stored:?}");
    println!("corrected:  {corrected:?}");
    if stored.is_ok() || corrected != Ok([255, 0, 0, 255]) {
        println!("changed: the files are read otherwise");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
