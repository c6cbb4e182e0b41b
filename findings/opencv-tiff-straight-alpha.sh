#!/usr/bin/env bash
# OpenCV 5.0.0 reads an 8-bit TIFF with straight alpha as if it were multiplied; a 16-bit one not.
#
# Expected: IMREAD_UNCHANGED gives the stored samples, at both depths, since ExtraSamples = 2 says
# that the colours are not multiplied by alpha, and since PNG files are read that way.
# Seen: the 8-bit colours come back multiplied by alpha and rounded, without a word; the same
# pixels at 16 bits come back as stored.
# It matters because a decal or foliage texture darkens at its edges after one read and write, and
# what alpha 0 covers (edge padding, packed data) becomes black for good.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  numpy==2.4.6 opencv-python-headless==5.0.0.93 tifffile==2026.3.3

venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import tifffile

print("OpenCV", cv2.__version__, "| tifffile", tifffile.__version__)

# Red, green, blue, alpha: opaque, a quarter, and colour kept under alpha 0.
stored = [(200, 100, 50, 255), (200, 100, 50, 64), (200, 100, 50, 0)]
pixels = np.array([stored], np.uint8)

def read_back(samples):
    tifffile.imwrite("straight.tif", samples, photometric="rgb", extrasamples=["unassalpha"])
    bgra = cv2.imread("straight.tif", cv2.IMREAD_UNCHANGED)
    return bgra[..., [2, 1, 0, 3]]

eight = read_back(pixels)
sixteen = read_back(pixels.astype(np.uint16) * 257)
print("stored        ", stored)
print("read, 8 bits  ", [tuple(map(int, p)) for p in eight[0]])
print("read, 16 bits ", [tuple(map(int, p)) for p in sixteen[0] // 257], "(divided by 257)")

multiplied = [(200, 100, 50, 255), (50, 25, 13, 64), (0, 0, 0, 0)]
if eight.tolist() != [[list(p) for p in multiplied]]:
    sys.exit("changed: the 8-bit file is no longer multiplied")
if not np.array_equal(sixteen, pixels.astype(np.uint16) * 257):
    sys.exit("changed: the 16-bit file is no longer given as stored")
PY
