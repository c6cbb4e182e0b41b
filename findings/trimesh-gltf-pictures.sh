#!/usr/bin/env bash
# trimesh 5.2.0 exports a model "in several files" without a single picture file.
#
# Expected: export_gltf(), which writes a .gltf with files beside it, writes each texture as a
# picture of its own, named by `uri`, as other exporters of that form do: that is what the form is
# chosen for.
# Seen: the PNG's bytes become one more buffer, gltf_buffer_N.bin, and the image names a buffer
# view. The file is valid glTF.
# It matters because tools that look for pictures beside a .gltf find none, and since a texture of
# another length changes numbers in the text: Impasto reads and writes images in buffers, too.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  numpy==2.4.6 pillow==13.0.0 trimesh==5.2.0

venv/bin/python - <<'PY'
import json
import sys

import PIL
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals

print("trimesh", trimesh.__version__, "| Pillow", PIL.__version__)

square = trimesh.Trimesh(
    vertices=[[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], faces=[[0, 1, 2], [0, 2, 3]])
square.visual = TextureVisuals(
    uv=[[0, 0], [1, 0], [1, 1], [0, 1]], image=Image.new("RGB", (8, 8), (200, 90, 40)))
files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(square))
model = json.loads(files["model.gltf"])
pictures = [name for name, data in files.items() if data.startswith(b"\x89PNG")]
for name, data in sorted(files.items()):
    print(f"{name:20} {len(data):5} bytes  {data[:8]}")
print("images:", model["images"])
in_buffers = all("bufferView" in image and "uri" not in image for image in model["images"])
if not in_buffers or [name.rsplit(".", 1)[-1] for name in pictures] != ["bin"]:
    sys.exit("changed: textures are files of their own, or elsewhere")
PY
