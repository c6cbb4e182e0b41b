"""JPEGs of every layout of scans, restarts and sampling factors are read as djpeg reads them."""

import itertools
import shutil

import numpy as np
from PIL import Image
from real import Skipped

WIDTH, HEIGHT = 45, 38
TOLERANCE = 6

LAYOUTS = {
    "one": "0 1 2;\n",
    "apart": "0;\n1;\n2;\n",
    "partly": "0;\n1 2;\n",
    "progressive": "0 1 2: 0-0, 0, 1;\n0: 1-63, 0, 1;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n"
                   "0: 1-63, 1, 0;\n0 1 2: 0-0, 1, 0;\n",
}
RESTARTS = [[], ["-restart", "1"], ["-restart", "2B"]]
SAMPLINGS = ["1x1,1x1,1x1", "2x2,1x1,1x1", "1x2,1x1,1x1", "1x1,2x1,2x1", "1x1,2x2,2x2",
             "3x1,1x1,1x1"]
# What the real program paints; the others are read by the tests of its library.
PAINTED = [
    ("2x2,1x1,1x1", "apart", 0), ("1x1,1x1,1x1", "apart", 2), ("1x1,2x1,2x1", "one", 0),
    ("1x1,2x2,2x2", "progressive", 2), ("3x1,1x1,1x1", "partly", 1),
]


def make(t, sampling, layout, restart):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    waves = np.stack([np.sin(x / 9 + y / 17), np.cos(y / 8 - x / 21), np.sin((x + y) / 13)], -1)
    picture = t.dir / "picture.ppm"
    Image.fromarray((128 + 100 * waves).astype(np.uint8)).save(picture)
    script = t.dir / "scans.txt"
    script.write_text(LAYOUTS[layout])
    file = t.dir / f"{sampling.replace(',', '-')}-{layout}-{restart}.jpg"
    t.run("cjpeg", "-quality", "92", "-sample", sampling, "-scans", str(script),
          *RESTARTS[restart], "-outfile", str(file), str(picture))
    return file


def pixels(t, file):
    read = t.dir / "read.ppm"
    t.run("djpeg", "-strict", "-pnm", "-outfile", str(read), str(file))
    return np.asarray(Image.open(read).convert("RGB")).astype(int)


def run(t):
    if not (shutil.which("cjpeg") and shutil.which("djpeg")):
        raise Skipped("libjpeg-turbo's cjpeg and djpeg are not here; the matrix in "
                      "worker/assets/tests/files/jpeg.rs holds the same")
    for sampling, layout, restart in PAINTED:
        file = make(t, sampling, layout, restart)
        out = t.dir / "out.png"
        out.unlink(missing_ok=True)
        t.identity(file, out)
        far = abs(np.asarray(Image.open(out).convert("RGB")).astype(int) - pixels(t, file)).max()
        t.check(far <= TOLERANCE, f"{file.name} differs from djpeg by {far} levels")
    # Headers of all of them are accepted.
    for sampling, layout, restart in itertools.product(SAMPLINGS, LAYOUTS, range(3)):
        file = make(t, sampling, layout, restart)
        t.impasto("stylize", str(file), "--style", str(t.style), "-o", str(t.dir / "no.png"),
                  "--dry-run")
    for switches in (["-arithmetic"], ["-arithmetic", "-progressive"]):
        file = t.dir / "arithmetic.jpg"
        t.run("cjpeg", *switches, "-outfile", str(file), str(t.dir / "picture.ppm"))
        refused = t.impasto("stylize", str(file), "--style", str(t.style), "-o",
                            str(t.dir / "no.png"), ok=2)
        t.check("arithmetic coding" in refused.stderr and "not supported" in refused.stderr,
                refused.stderr)
        t.check("damaged" not in refused.stderr, refused.stderr)
