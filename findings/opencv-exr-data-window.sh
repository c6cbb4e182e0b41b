#!/usr/bin/env bash
# OpenCV 4.14.0 gives of an OpenEXR frame only the part that was rendered, without saying where.
#
# Expected: two frames with the same 8 x 8 display window give two 8 x 8 pictures; what lies outside
# the data window is black, what lies outside the display window is cut.
# Seen: imread() gives the data window alone: 4 x 3 for a cropped frame, 10 x 10 for one with two
# extra rows and columns. The offset can not be asked for, so the part can not be put back.
# It matters because renderers crop frames to what is not empty and add overscan for blurs: the
# frames of one sequence then differ in size, and flow and masks are laid on the wrong pixels.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  numpy==2.4.6 opencv-python-headless==4.14.0.94 OpenEXR==3.5.3

OPENCV_IO_ENABLE_OPENEXR=1 venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import OpenEXR

print("OpenCV", cv2.__version__, "| OpenEXR", OpenEXR.__version__)

def window(left, top, right, bottom):
    return np.array([left, top], np.int32), np.array([right, bottom], np.int32)

cases = [
    ("whole", window(0, 0, 7, 7), (8, 8)),
    ("cropped", window(2, 1, 5, 3), (4, 3)),
    ("overscan", window(-1, -1, 8, 8), (10, 10)),
]
same = True
for name, data, known in cases:
    width, height = (data[1] - data[0] + 1).tolist()
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": data,
        "displayWindow": window(0, 0, 7, 7),
    }
    ramp = np.arange(1, 3 * width * height + 1, dtype=np.float32).reshape(height, width, 3)
    OpenEXR.File(header, {"RGB": ramp}).write("frame.exr")

    seen = cv2.imread("frame.exr", cv2.IMREAD_UNCHANGED)
    size = seen.shape[1], seen.shape[0]
    print(f"{name:8}  display window 8 x 8, data window from {data[0].tolist()}: got", *size)
    same &= size == known and np.array_equal(seen[..., ::-1], ramp)
if not same:
    sys.exit("changed: the pictures are others now")
PY
