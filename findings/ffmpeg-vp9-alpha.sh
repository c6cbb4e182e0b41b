#!/usr/bin/env bash
# ffmpeg 9.0 (from imageio-ffmpeg 0.8.1) unpacks a transparent WebM clip into opaque pictures.
#
# Expected: a VP9 clip that says alpha_mode 1 gives RGBA pictures, since the same program has just
# written the alpha, and since it keeps ProRes 4444's.
# Seen: the decoder that is taken by itself knows only the colours, so the PNG has three channels
# and no warning is given. With `-c:v libvpx-vp9` before `-i` the same clip gives four.
# It matters because WebM is how effects and overlays with alpha travel: what comes back after work
# on single frames is a solid rectangle, and the loss cannot be seen in the exit status or the log.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 pillow==13.0.0

venv/bin/python - <<'PY'
import subprocess
import sys

import imageio_ffmpeg
import PIL
from PIL import Image

ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
version = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True).stdout
print("ffmpeg", version.split()[2], "| Pillow", PIL.__version__)

def run(*args):
    done = subprocess.run([ffmpeg, "-v", "warning", "-y", *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stderr

# Half transparent red, four frames.
raw = bytes([255, 0, 0, 128]) * (64 * 48) * 4
with open("red.raw", "wb") as f:
    f.write(raw)
source = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", "64x48", "-r", "25", "-i", "red.raw"]
run(*source, "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-lossless", "1", "red.webm")
run(*source, "-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", "red.mov")

def first(clip, *decoder):
    said = run(*decoder, "-i", clip, "-frames:v", "1", "-update", "1", "-pred", "none", "one.png")
    with Image.open("one.png") as im:
        im.load()
        alpha = im.getpixel((8, 8))[3] if im.mode == "RGBA" else None
        return im.mode, alpha, said

webm = first("red.webm")
forced = first("red.webm", "-c:v", "libvpx-vp9")
prores = first("red.mov")
print("WebM, no options:          ", webm[0], webm[1], "warnings:", repr(webm[2]))
print("WebM, -c:v libvpx-vp9 -i:  ", forced[0], forced[1])
print("ProRes 4444, no options:   ", prores[0], prores[1])
if webm != ("RGB", None, ""):
    sys.exit("changed: the alpha is kept, or its loss is told")
if any(mode != "RGBA" or abs(alpha - 128) > 2 for mode, alpha, _ in (forced, prores)):
    sys.exit("changed: the other two no longer keep it")
PY
