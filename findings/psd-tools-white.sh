#!/usr/bin/env bash
# psd-tools 1.26.0 and Pillow 13.0.0 disagree on the colours of half-transparent pixels of a PSD.
#
# Expected: what `PSDImage.frompil` makes of an RGBA picture, `topil` gives back.
# Seen: it stores colours as they are, and reads them as Photoshop stores them, blended with white.
# So (200, 100, 50) with alpha 128 comes back as (145, 0, 0). Pillow takes no white out of any file:
# of one that is blended as Photoshop's are it shows the white as part of the colour, and a viewer
# that puts the picture on black shows a pale rim.
# It matters because nothing in a merged image tells the two apart but colours that are darker than
# the white that would be in them; a plain layer does, whose colours are straight.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0 psd-tools==1.26.0

venv/bin/python - <<'PY'
import struct
import sys

import PIL
from PIL import Image
import psd_tools
from psd_tools import PSDImage

print("Pillow", PIL.__version__, "psd-tools", psd_tools.__version__)
red = (200, 100, 50, 128)

PSDImage.frompil(Image.new("RGBA", (2, 1), red)).save("straight.psd")
back = PSDImage.open("straight.psd").topil().getpixel((0, 0))
print(f"psd-tools writes {red} and reads {back}")

# The same pixel blended with white, in a document whose merged image is transparent: not packed, a
# list of one layer without pixels, the planes one after the other.
white = [round(color * 128 / 255 + 127) for color in red[:3]]
layer = struct.pack(">h4iH", -1, 0, 0, 0, 0, 0) + b"8BIMnorm\xff\0\x08\0"
layer += struct.pack(">I", 12) + bytes(12)
section = struct.pack(">I", len(layer)) + layer + bytes(4)
with open("blended.psd", "wb") as f:
    f.write(b"8BPS" + struct.pack(">H6xHIIHH", 1, 4, 1, 2, 8, 3) + bytes(8))
    f.write(struct.pack(">I", len(section)) + section + bytes(2))
    f.write(bytes(level for plane in (*white, 128) for level in (plane, plane)))
by_tools = PSDImage.open("blended.psd").topil().getpixel((0, 0))
with Image.open("blended.psd") as im:
    by_pillow = im.getpixel((0, 0))
print(f"blended with white: psd-tools reads {by_tools}, Pillow {by_pillow}")

if back == red:
    sys.exit("changed: psd-tools reads what it writes")
if max(abs(one - other) for one, other in zip(by_tools, red)) > 1:
    sys.exit("changed: psd-tools does not take white out of the colours")
if by_pillow != (*white, 128):
    sys.exit("changed: Pillow takes white out of the colours")
PY
