#!/usr/bin/env bash
# Pillow 13.0.0 applies a PNG's transparent colour (tRNS) to the wrong pixels unless it has 8 bits.
#
# Expected: tRNS names one sample value at the file's own depth; after convert("RGBA") exactly the
# pixels with that value are transparent, as at 8 bits.
# Seen: the samples are widened or cut to 8 bits, the key is not. A 2-bit key matches nothing, a
# 16-bit RGB key matches nothing, and a 16-bit grey key is cut to its low byte, so that a different
# shade turns transparent while the keyed one stays opaque.
# It matters because low depths are what optimisers write for masks and icons: the cut-out is gone,
# or a hole appears elsewhere, with no warning.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0

venv/bin/python - <<'PY'
import io
import struct
import sys
import zlib

import PIL
from PIL import Image

print("Pillow", PIL.__version__)

GREY, RGB = 0, 2

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def alphas(width, depth, colour, row, key):
    png = b"\x89PNG\r\n\x1a\n"
    png += chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0))
    png += chunk(b"tRNS", key) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    with Image.open(io.BytesIO(png)) as im:
        rgba = im.convert("RGBA")
    return [rgba.getpixel((x, 0))[3] for x in range(width)]

def be16(*values):
    return struct.pack(f">{len(values)}H", *values)

cases = [
    ("8-bit grey 0 85 170 255, key 85",
     alphas(4, 8, GREY, bytes([0, 85, 170, 255]), be16(85)),
     [255, 0, 255, 255], [255, 0, 255, 255]),
    ("2-bit grey 0 1 2 3, key 1",
     alphas(4, 2, GREY, bytes([0b00011011]), be16(1)),
     [255, 0, 255, 255], [255, 255, 255, 255]),
    ("16-bit RGB, the first pixel is the key",
     alphas(2, 16, RGB, be16(0x1234, 0x5678, 0x9ABC, 0xFFFF, 0, 0), be16(0x1234, 0x5678, 0x9ABC)),
     [0, 255], [255, 255]),
    ("16-bit grey 0x1234 0x0034 0xffff, key 0x1234",
     alphas(3, 16, GREY, be16(0x1234, 0x0034, 0xFFFF), be16(0x1234)),
     [0, 255, 255], [255, 0, 255]),
]
for name, seen, right, known in cases:
    print(f"{name}: alpha {seen}, by the format {right}")
    if seen != known:
        sys.exit("changed: the transparent pixels are others now")
PY
