"""Projects of many small assets, and the same graph for Ninja: the load of the scripts beside this.

    python3 tests/load/many.py FOLDER COUNT [SIDE]
"""

import pathlib
import random
import struct
import sys
import zlib

# Painting changes no pixel, and costs as little as painting can.
MANIFEST = """[project]
name = "many"
output = "painted/{dir}/{name}"

[defaults]
iterations = 1
coarse_iterations = 1
min_scale = 0
style_weight = 0
palette = 0
optimizer = "adam"
learning_rate = 0.0001

[styles.night]
images = "styles/night.png"

[[rules]]
match = "textures/**"
style = "night"
"""

PER_FOLDER = 1000


def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(number, side):
    """A picture of smooth noise that no other number has, as the bytes of a PNG."""
    dice = random.Random(number)
    row = bytes(dice.randrange(256) for _ in range(3 * side))
    lines = [bytes(1) + bytes((value + line) % 256 for value in row) for line in range(side)]
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"".join(lines), 1))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def assets(count):
    """The paths of the assets, below `textures`."""
    return [f"{n // PER_FOLDER:03}/asset_{n:06}.png" for n in range(count)]


def make_project(folder, count, side=16):
    """Writes a project of `count` assets of side x side pixels."""
    folder = pathlib.Path(folder)
    (folder / "styles").mkdir(parents=True)
    (folder / "impasto.toml").write_text(MANIFEST)
    (folder / "styles/night.png").write_bytes(png(-1, 32))
    for number, path in enumerate(assets(count)):
        target = folder / "textures" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png(number, side))


def make_ninja(folder, count):
    """Writes a build.ninja that copies each asset of the project to its output."""
    folder = pathlib.Path(folder)
    lines = ["rule paint", "  command = cp $in $out"]
    lines += [f"build copied/{path}: paint textures/{path}" for path in assets(count)]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    make_project(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:4]))
    make_ninja(sys.argv[1], int(sys.argv[2]))
