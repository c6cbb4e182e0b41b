#!/usr/bin/env bash
# trimesh 5.2.0 drops from a GLB how its textures are laid, and their depth, on load and export.
#
# Expected: load() and export() of a model keep its material: wrap mode, filter, repetition
# (KHR_texture_transform), strength of normals and occlusion, and 16-bit samples; or it is said
# what is lost.
# Seen: the textures come back by themselves. A clamped, unfiltered texture is repeated and smooth,
# twice the repetition is once, half-strength normals are at full strength, 16 bits are 8, and one
# image that three slots shared is stored three times.
# It matters because trimesh is what Python pipelines cut or simplify meshes with: the geometry is
# right, the names are right, and the surface looks different.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  numpy==2.4.6 pillow==13.0.0 trimesh==5.2.0

venv/bin/python - <<'PY'
import io
import json
import struct
import sys
import zlib

import PIL
import trimesh

print("trimesh", trimesh.__version__, "| Pillow", PIL.__version__)

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

side = 8
rows = b"".join(
    b"\0" + b"".join(struct.pack(">3H", 1000 + x, 2000 + y, 3001) for x in range(side))
    for y in range(side)
)
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0))
png += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

parts = [
    struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0),
    struct.pack("<6f", 0, 0, 1, 0, 0, 1),
    struct.pack("<3H", 0, 1, 2),
    png,
]
views, data = [], b""
for part in parts:
    views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
    data += part + b"\0" * (-len(part) % 4)

CLAMP, NEAREST = 33071, 9728
repeated = {"index": 0, "extensions": {"KHR_texture_transform": {"scale": [2, 2]}}}
gltf = {
    "asset": {"version": "2.0"},
    "extensionsUsed": ["KHR_texture_transform"],
    "scene": 0,
    "scenes": [{"nodes": [0]}],
    "nodes": [{"mesh": 0}],
    "meshes": [{"primitives": [
        {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}
    ]}],
    "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
         "min": [0, 0, 0], "max": [1, 1, 0]},
        {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
        {"bufferView": 2, "componentType": 5123, "count": 3, "type": "SCALAR"},
    ],
    "bufferViews": views,
    "buffers": [{"byteLength": len(data)}],
    "images": [{"bufferView": 3, "mimeType": "image/png"}],
    "samplers": [{"wrapS": CLAMP, "wrapT": CLAMP, "magFilter": NEAREST}],
    "textures": [{"sampler": 0, "source": 0}],
    "materials": [{
        "pbrMetallicRoughness": {"baseColorTexture": repeated},
        "normalTexture": {"index": 0, "scale": 0.5},
        "occlusionTexture": {"index": 0, "strength": 0.25},
    }],
}
text = json.dumps(gltf).encode()
text += b" " * (-len(text) % 4)
glb = struct.pack("<4s2I", b"glTF", 2, 28 + len(text) + len(data))
glb += struct.pack("<I4s", len(text), b"JSON") + text
glb += struct.pack("<I4s", len(data), b"BIN\0") + data

def summary(glb):
    size = struct.unpack_from("<I", glb, 12)[0]
    model, binary = json.loads(glb[20:20 + size]), glb[28 + size:]
    depths = []
    for image in model["images"]:
        start = model["bufferViews"][image["bufferView"]].get("byteOffset", 0)
        depths.append(binary[start + 24])
    material = model["materials"][0]
    return {
        "image depths": depths,
        "samplers": model.get("samplers"),
        "base colour": material["pbrMetallicRoughness"]["baseColorTexture"].get("extensions"),
        "normal scale": material["normalTexture"].get("scale"),
        "occlusion strength": material["occlusionTexture"].get("strength"),
    }

before = summary(glb)
after = summary(trimesh.load(io.BytesIO(glb), file_type="glb").export(file_type="glb"))
for key in before:
    print(f"{key + ':':20} {before[key]} -> {after[key]}")
lost = {"image depths": [8, 8, 8], "samplers": None, "base colour": None,
        "normal scale": None, "occlusion strength": None}
if before["image depths"] != [16] or after != lost:
    sys.exit("changed: other settings are kept or lost")
PY
