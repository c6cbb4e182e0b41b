#!/usr/bin/env python3
"""The seams of textures that are painted in one pass.

    python3 seams.py PROGRAM [SIDE...]

Each texture of examples/village is painted from several places on, multiples of four pixels apart,
and turned back, so that every line is a seam in one painting and none in the others. Prints, for
each method, size and axis, the difference of the lines beside seams over that of the same lines
elsewhere, by channel: 1 is no seam. The same of lines far from seams, least and most, says how much
chance there is in it. The program's model store has the networks.
"""

import itertools
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

VILLAGE = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "village")
TEXTURES = ["brick_wall.png", "cobblestones.png", "grass.jpg", "planks.png", "roof_tiles.png"]
# How far from a seam lines are compared, as shares of the side; the others are for comparison.
BESIDE = [0, 0.23, 0.48, 0.73]
# In quarters of the side.
PLACES = [
    *[(0, 0), (0.7, 1.3), (1.1, 2.2), (1.6, 0.4)],
    *[(2.3, 1.8), (2.9, 3.1), (3.4, 0.9), (3.7, 2.6)],
]


def main():
    program, sides = sys.argv[1], [int(side) for side in sys.argv[2:]] or [256, 92, 90]
    with tempfile.TemporaryDirectory() as folder:
        compare(program, sides, folder)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def compare(program, sides, folder):
    network = os.path.join(folder, "26.safetensors")
    run(program, "models", "export", "multistyle26", "-o", network)
    style = os.path.join(VILLAGE, "styles", "starry_night.jpg")
    methods = {
        "arbitrary": ["--method", "arbitrary", "--style", style],
        "feedforward": ["--method", "feedforward", "--model", network, "--model-styles", "12"],
    }
    asset, result = os.path.join(folder, "asset.png"), os.path.join(folder, "result.png")

    def painted(texture, place, flags):
        turned = np.roll(texture, (-place[0], -place[1]), (0, 1))
        Image.fromarray(turned).save(asset)
        texture = ["--preset", "texture", "--tileable", "both", *flags]
        run(program, "stylize", asset, "-o", result, *texture)
        return np.roll(np.asarray(Image.open(result).convert("RGB"), float), place, (0, 1))

    for method, flags in methods.items():
        for side in sides:
            seams, others = np.zeros((2, len(BESIDE), 2, 3))
            places = [tuple(4 * int(share * side / 16) for share in place) for place in PLACES]
            for name in TEXTURES:
                picture = Image.open(os.path.join(VILLAGE, "textures", name)).convert("RGB")
                texture = np.asarray(picture.resize((side, side), Image.LANCZOS))
                pictures = [painted(texture, place, flags) for place in places]
                for own, place in enumerate(places):
                    for (line, beside), (axis, at) in itertools.product(
                        enumerate(BESIDE), enumerate(place)
                    ):
                        at = (at + int(beside * side)) % side
                        lines = [
                            np.abs(np.take(a, at, axis) - np.take(a, at - 1, axis)).mean(0)
                            for a in pictures
                        ]
                        seams[line, axis] += lines[own]
                        others[line, axis] += np.mean(lines[:own] + lines[own + 1 :], 0)
            (rows, columns), *plain = np.round(seams / others, 3).tolist()
            least, most = np.min(plain), np.max(plain)
            print(
                f"{method} {side}: rows {rows}, columns {columns}; "
                f"lines that are no seam {least} to {most}",
                flush=True,
            )


if __name__ == "__main__":
    main()
