#!/usr/bin/env bash
# OpenCV 5.0.0 never reaches white in a 5:6:5 BMP, and spills channels in a 10:10:10 one.
#
# Expected: the masks of a BI_BITFIELDS bitmap say where a channel lies and how wide it is, so a
# channel with all bits set is full intensity (255).
# Seen: 5:6:5 samples are shifted but not spread, so 31 becomes 248 and 63 becomes 252: white is
# (248, 252, 248). With three 10-bit masks behind a 40-byte header the masks are ignored and the
# bits cut at bytes: pure red is 240, pure green has red in it, pure blue has green in it.
# It matters because old game art and embedded screens keep such files, and a picture that is a
# little too dark and tinted passes every check that only asks whether the file could be read.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  numpy==2.4.6 opencv-python-headless==5.0.0.93 pillow==13.0.0

venv/bin/python - <<'PY'
import struct
import sys

import cv2
import PIL
from PIL import Image

print("OpenCV", cv2.__version__, "| Pillow", PIL.__version__)

def write(path, bits, masks, pixels):
    row = b"".join(struct.pack("<H" if bits == 16 else "<I", p) for p in pixels)
    row += b"\0" * (-len(row) % 4)
    info = struct.pack("<IiiHHIIiiII", 40, len(pixels), 1, 1, bits, 3, len(row), 2835, 2835, 0, 0)
    start = 14 + 40 + 12
    with open(path, "wb") as f:
        f.write(b"BM" + struct.pack("<IHHI", start + len(row), 0, 0, start))
        f.write(info + struct.pack("<3I", *masks) + row)

def opencv(path):
    bgr = cv2.imread(path, cv2.IMREAD_COLOR)[0]
    return [tuple(int(v) for v in p[::-1]) for p in bgr]

names = ("white", "red", "green", "blue")

write("565.bmp", 16, (0xF800, 0x07E0, 0x001F), (0xFFFF, 0xF800, 0x07E0, 0x001F))
seen = opencv("565.bmp")
with Image.open("565.bmp") as im:
    other = [im.getpixel((x, 0)) for x in range(4)]
for name, a, b in zip(names, seen, other):
    print(f"5:6:5    {name:5}  OpenCV {a}  Pillow {b}")
if other != [(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)]:
    sys.exit("changed: Pillow no longer spreads the samples")
if seen != [(248, 252, 248), (248, 0, 0), (0, 252, 0), (0, 0, 248)]:
    sys.exit("changed: OpenCV reads 5:6:5 otherwise")

red, green, blue = 0x3FF00000, 0x000FFC00, 0x000003FF
write("101010.bmp", 32, (red, green, blue), (red | green | blue, red, green, blue))
seen = opencv("101010.bmp")
for name, a in zip(names, seen):
    print(f"10:10:10 {name:5}  OpenCV {a}")
if seen != [(255, 255, 255), (240, 0, 0), (15, 252, 0), (0, 3, 255)]:
    sys.exit("changed: OpenCV reads 10:10:10 otherwise")
PY
