#!/usr/bin/env bash
# gltf 1.4.1's import() refuses a whole model for an optional WebP that stands beside its PNG.
#
# Expected: an EXT_texture_webp that is used but not required leaves the PNG as the texture's
# source, so a reader that does not know the extension loads the model with the PNG.
# Seen: import() decodes every image of the file, also those that no texture's source names, meets
# the WebP and ends with "unsupported image encoding". Gltf::open() reads the same file and names
# the PNG.
# It matters because this pair of sources is what the extension is made for and what optimisers
# write: one folder of web models, and the batch has nothing of them, not even the geometry.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
venv/bin/python - <<'PY'
import json

import PIL
from PIL import Image

print("Pillow", PIL.__version__, "writes the images")
Image.new("RGB", (4, 4), (200, 100, 50)).save("wood.png")
Image.new("RGB", (4, 4), (200, 100, 50)).save("wood.webp", lossless=True)

def model(name, images, texture, **more):
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    gltf = {"asset": {"version": "2.0"}, "images": images, "textures": [texture], **more}
    with open(name, "w") as f:
        json.dump({**gltf, "materials": [material]}, f)

png = {"uri": "wood.png", "mimeType": "image/png"}
webp = {"uri": "wood.webp", "mimeType": "image/webp"}
model("png.gltf", [png], {"source": 0})
model(
    "both.gltf",
    [png, webp],
    {"source": 0, "extensions": {"EXT_texture_webp": {"source": 1}}},
    extensionsUsed=["EXT_texture_webp"],
)
PY

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
gltf = { version = "=1.4.1", default-features = false, features = ["import"] }
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
fn sources(model: &gltf::Document) -> Vec<usize> {
    model.textures().map(|t| t.source().index()).collect()
}

fn main() {
    let mut same = true;
    for (path, known) in [("png.gltf", Ok(1)), ("both.gltf", Err("unsupported image encoding"))] {
        let opened = gltf::Gltf::open(path).unwrap();
        let imported = gltf::import(path).map(|(_, _, images)| images.len());
        let imported = imported.map_err(|e| e.to_string());
        println!("{path}: open() names image {:?}", sources(&opened.document));
        println!("{path}: import() gives {imported:?}");
        same &= sources(&opened.document) == [0];
        same &= imported == known.map_err(String::from);
    }
    if !same {
        println!("changed: the model is imported otherwise");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
