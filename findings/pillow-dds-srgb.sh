#!/usr/bin/env bash
# Pillow 13.0.0 reads BC7_UNORM_SRGB from DDS files, but not BC1, BC2 or BC3 with the same suffix.
#
# Expected: a format and its _SRGB twin store the same bytes, so a reader that knows BC3_UNORM (77)
# and the sRGB form of BC7 (99) knows BC3_UNORM_SRGB (78).
# Seen: 71, 74, 77, 98 and 99 open; 72 (BC1 sRGB), 75 (BC2 sRGB) and 78 (BC3 sRGB) raise
# NotImplementedError, "Unimplemented DXGI format".
# It matters because colour textures are exported as sRGB: scripts that check a build with Pillow
# fail on exactly the textures that are marked rightly, and pass once the mark is dropped.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet pillow==13.0.0
cat >try.py <<'PY'
import struct

import PIL
from PIL import Image

print("Pillow", PIL.__version__)


def write(name, dxgi, pixels, size):
    header = struct.pack("<7I44x", 124, 0x81007, 4, 4, size, 0, 0)
    header += struct.pack("<II4s5I", 32, 4, b"DX10", 0, 0, 0, 0, 0)
    header += struct.pack("<5I", 0x1000, 0, 0, 0, 0)
    header += struct.pack("<5I", dxgi, 3, 0, 1, 0)
    with open(name, "wb") as file:
        file.write(b"DDS " + header + pixels)


block = bytes.fromhex("ffffffffffffffff") + bytes.fromhex("00f800f800000000")
mode6 = bytes([0x40]) + bytes(15)
known = {71: True, 72: False, 74: True, 75: False, 77: True, 78: False, 98: True, 99: True}
same = True
for dxgi, opens in known.items():
    pixels = {71: block[8:], 72: block[8:], 98: mode6, 99: mode6}.get(dxgi, block)
    write("a.dds", dxgi, pixels, len(pixels))
    try:
        with Image.open("a.dds") as image:
            image.load()
            seen, said = True, f"opens, {image.mode} {image.getpixel((0, 0))}"
    except NotImplementedError as error:
        seen, said = False, str(error)
    print(f"DXGI {dxgi}: {said}")
    same &= seen == opens
if not same:
    raise SystemExit("changed: other formats open now")
PY
venv/bin/python try.py
