#!/usr/bin/env bash
# bpy 5.0.1 gives the pixels of an 8-bit PNG as encoded levels, and of a 16-bit PNG as linear light.
#
# Expected: two PNGs of the same colour, which differ in their depth alone and both say "sRGB",
# have the same numbers in image.pixels.
# Seen: the 8-bit picture's numbers are its levels as they are stored, those of the 16-bit one have
# gone through the sRGB curve: a level of 200 of 255 is 0.784 in one and 0.578 in the other. The
# name of the colour space is "sRGB" in both; only is_float tells them apart.
# It matters because scripts in Blender bake, compare and check textures by image.pixels: a model
# with 16-bit textures is judged, or baked anew, with colours that are far too dark.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# bpy 5.0 is made for Python 3.11.
python3.11 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check bpy==5.0.1

venv/bin/python - <<'PY'
import os
import struct
import sys
import zlib

import bpy

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def png(depth):
    sample = {8: lambda level: bytes([level]), 16: lambda level: struct.pack(">H", level * 257)}
    pixel = b"".join(sample[depth](level) for level in (200, 100, 50))
    head = struct.pack(">IIBBBBB", 2, 2, depth, 2, 0, 0, 0)
    rows = (b"\0" + 2 * pixel) * 2
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    )

print("bpy", bpy.app.version_string)
seen = {}
for depth in (8, 16):
    name = os.path.abspath(f"{depth}.png")
    with open(name, "wb") as f:
        f.write(png(depth))
    image = bpy.data.images.load(name)
    pixel = tuple(round(value, 3) for value in image.pixels[:3])
    seen[depth] = (image.colorspace_settings.name, image.is_float, pixel)
    print(f"{depth:2} bits: colour space {seen[depth][0]}, float {seen[depth][1]}, pixel {pixel}")
known = {
    8: ("sRGB", False, (0.784, 0.392, 0.196)),
    16: ("sRGB", True, (0.578, 0.127, 0.032)),
}
if seen != known:
    sys.exit("changed: the same colour has other numbers")
PY
