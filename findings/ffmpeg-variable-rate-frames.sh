#!/usr/bin/env bash
# ffmpeg 9.0 (from imageio-ffmpeg 0.8.1) makes up frames when it unpacks a clip into pictures.
#
# Expected: `ffmpeg -i clip.mkv %03d.png` writes one picture for each frame of the clip.
# Seen: where the time between frames varies, the picture writer is taken for a constant-rate one:
# 14 frames become 30 pictures, 16 of them copies. `-fps_mode passthrough` gives the 14.
# It matters because screen recordings and telephone clips have a variable rate: each copy is worked
# on anew, flow between two copies is zero, and the numbers no longer fit the clip's own frames.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6

venv/bin/python - <<'PY'
import glob
import hashlib
import subprocess
import sys
from fractions import Fraction

import av
import imageio_ffmpeg
import numpy as np

ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
version = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True).stdout
print("ffmpeg", version.split()[2], "| PyAV", av.__version__)

# Fourteen different grey frames within one second: 30 a second, with two pauses.
times = [0, 33, 67, 100, 300, 333, 367, 700, 733, 767, 800, 900, 933, 967]
ms = Fraction(1, 1000)
with av.open("clip.mkv", "w") as clip:
    stream = clip.add_stream("ffv1", rate=30)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.time_base = stream.codec_context.time_base = ms
    for i, at in enumerate(times):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 15 * i, np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = at, ms
        clip.mux(stream.encode(frame))
    clip.mux(stream.encode())
with av.open("clip.mkv") as clip:
    stored = sum(1 for _ in clip.decode(video=0))

def unpack(name, *options):
    command = [ffmpeg, "-v", "error", "-i", "clip.mkv", *options, f"{name}-%03d.png"]
    subprocess.run(command, check=True)
    files = sorted(glob.glob(f"{name}-*.png"))
    different = {hashlib.sha256(open(f, "rb").read()).hexdigest() for f in files}
    return len(files), len(different)

plain = unpack("plain")
passthrough = unpack("pass", "-fps_mode", "passthrough")
print("frames in the clip:", stored)
print("pictures, different ones; no options:              ", *plain)
print("pictures, different ones; -fps_mode passthrough:   ", *passthrough)
if (stored, plain, passthrough) != (14, (30, 14), (14, 14)):
    sys.exit("changed: the number of pictures is another")
PY
