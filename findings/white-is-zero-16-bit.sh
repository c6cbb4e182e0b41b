#!/usr/bin/env bash
# Pillow 13.0.0 and OpenCV 5.0.0 turn an 8-bit WhiteIsZero TIFF upright, but not a 16-bit one.
#
# Expected: PhotometricInterpretation 0 says that 0 is white, at every depth; a reader either always
# turns the samples over or never does.
# Seen: both turn the 8-bit file over and give the 16-bit one as stored, so black and white change
# places between two files of the same picture. In Pillow's case the mode (I;16) tells nothing.
# It matters because scans and height maps come as 16-bit TIFF: hills become pits, and a fallback to
# 8 bits (a preview, a proxy) shows the right way round and hides it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  numpy==2.4.6 opencv-python-headless==5.0.0.93 pillow==13.0.0 tifffile==2026.3.3

venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import PIL
import tifffile
from PIL import Image

print("Pillow", PIL.__version__, "| OpenCV", cv2.__version__, "| tifffile", tifffile.__version__)

def read_back(samples):
    tifffile.imwrite("w.tif", samples, photometric="miniswhite", compression=None)
    with Image.open("w.tif") as im:
        return np.asarray(im).tolist(), cv2.imread("w.tif", cv2.IMREAD_UNCHANGED).tolist()

eight = np.array([[0, 10, 128, 255]], np.uint8)
sixteen = np.array([[0, 2570, 32896, 65535]], np.uint16)
for samples, want in ((eight, (255 - eight).tolist()), (sixteen, sixteen.tolist())):
    pillow, opencv = read_back(samples)
    print(samples.dtype, "stored, 0 is white:", samples.tolist())
    print("  Pillow:", pillow, " OpenCV:", opencv, " (0 is black to both)")
    if pillow != want or opencv != want:
        sys.exit(f"changed: {samples.dtype} is read otherwise")
PY
