#!/usr/bin/env bash
# Pillow 13.0.0 reads the first layer of a DDS texture array, and says of no other.
#
# Expected: a file of three layers has three frames, as TIFF pages and icons have in Pillow, or is
# refused by name, as formats of pixels that it does not know are.
# Seen: Image.open gives one picture without n_frames, seek(1) raises EOFError, no warning is given,
# and saving it writes a file of one layer: two thirds of the texture are gone. It is the same for
# the six faces of a cube map.
# It matters because a script that resizes or converts a folder of textures with Pillow returns
# arrays and skies that load without an error, and show one layer everywhere.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
venv/bin/python -W error - <<'PY'
import struct
import sys

import PIL
from PIL import Image

SIDE = 8
LAYER = 4 * SIDE * SIDE
print("Pillow", PIL.__version__)


def dds(layers, caps2, misc, count):
    """R8G8B8A8_UNORM without mips, in the header of Direct3D 10."""
    head = struct.pack("<37I", 0x20534444, 124, 0x100F, SIDE, SIDE, 4 * SIDE, 0, 1, *[0] * 11,
                       32, 4, 0x30315844, 0, 0, 0, 0, 0, 0x1008, caps2, 0, 0, 0, 28, 3, misc,
                       count, 0)
    return head + b"".join(bytes([40 * at, 0, 0, 255]) * SIDE * SIDE for at in range(layers))


same = True
FILES = [("array of 3", 3, dds(3, 0, 0, 3)), ("cube map", 6, dds(6, 0xFE00, 4, 1))]
for name, layers, file in FILES:
    with open("own.dds", "wb") as f:
        f.write(file)
    with Image.open("own.dds") as picture:
        frames = getattr(picture, "n_frames", None)
        try:
            picture.seek(1)
            second = "is read"
        except EOFError:
            second = "raises EOFError"
        picture.seek(0)
        picture.save("saved.dds")
    with open("saved.dds", "rb") as f:
        kept = len(f.read()) // LAYER
    print(f"{name}: n_frames {frames}, seek(1) {second}, saved: {kept} of {layers} pictures")
    same &= (frames, second, kept) == (None, "raises EOFError", 1)
if not same:
    sys.exit("changed: more of the file is read or said")
PY
