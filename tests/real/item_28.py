"""An array comes back with header, mips and layers, as numpy sees them, and each layer still tiles.

Called with files of layers as large as its own, in R8G8B8A8, it prints how visible their borders
are.
"""
import pathlib
import struct
import sys

import numpy
from PIL import Image

from kinds import HEIGHT, WIDTH
from kinds_ktx2 import ktx2
from texels import RGBA, Masked

VILLAGE = pathlib.Path(__file__).parents[2] / "examples" / "village" / "textures"
SIDE = 128
HEAD = 148


def ground():
    names = ["cobblestones.png", "grass.jpg", "brick_wall.png"]
    # Each pixel is the mean of four, so that they still tile.
    pictures = [Image.open(VILLAGE / name).convert("RGB") for name in names]
    return [numpy.asarray(picture.resize((SIDE, SIDE), Image.BOX)) for picture in pictures]


def dds(layers):
    """R8G8B8A8_UNORM_SRGB with all mips, in the header of Direct3D 10."""
    body = b""
    for layer in layers:
        picture = Image.fromarray(layer).convert("RGBA")
        side = SIDE
        while side:
            body += picture.resize((side, side), Image.BOX).tobytes()
            side //= 2
    return struct.pack("<37I", 0x20534444, 124, 0x2100F, SIDE, SIDE, 4 * SIDE, 0, SIDE.bit_length(),
                       *[0] * 11, 32, 4, 0x30315844, 0, 0, 0, 0, 0, 0x401008, 0, 0, 0, 0,
                       29, 3, 0, len(layers), 3) + body


def first_pictures(file):
    count = struct.unpack_from("<I", file, 140)[0]
    body = numpy.frombuffer(file[HEAD:], "u1").reshape(count, -1)
    return body[:, : 4 * SIDE * SIDE].reshape(count, SIDE, SIDE, 4)[..., :3].astype(int)


def borders(layer):
    """The mean difference across a layer's borders, and of neighbours within, for each axis."""
    found = []
    for axis in (0, 1):
        lines = numpy.moveaxis(layer.astype(int), axis, 0)
        found.append((abs(lines[0] - lines[-1]).sum(-1).mean(),
                      abs(numpy.diff(lines, axis=0)).sum(-1).mean()))
    return found


def run(t):
    before = dds(ground())
    (t.dir / "ground.dds").write_bytes(before)
    shown = t.impasto("inspect", "ground.dds").stdout
    t.check(f"an array of 3 layers of {SIDE} x {SIDE} pixels" in shown, shown)
    t.identity("ground.dds", "same.dds")
    same = (t.dir / "same.dds").read_bytes()
    t.check(same[:HEAD] == before[:HEAD] and len(same) == len(before), "another header")
    t.check((first_pictures(same) == first_pictures(before)).all(), "other layers")
    t.impasto("stylize", "ground.dds", "--style", t.style, "-o", "painted.dds", "--method",
              "arbitrary", "--tileable", "both", "-q")
    painted = first_pictures((t.dir / "painted.dds").read_bytes())
    for at, (own, layer) in enumerate(zip(ground(), painted)):
        t.check((own != layer).any(-1).mean() > 0.9, f"layer {at} is not painted")
        # Joints that lie on the border of a texture stay there.
        for (across, within), (before, _) in zip(borders(layer), borders(own)):
            said = f"layer {at}: {across:.1f} across borders, {within:.1f} within"
            t.check(across <= 1.1 * max(before, within), f"{said}, {before:.1f} across before")

    # The layers of a level follow each other.
    random = numpy.random.default_rng(28)
    texels = random.integers(0, 256, (4, HEIGHT, WIDTH, 4), "u1").tobytes()
    for packing in (0, 2, 3):
        file = bytearray(ktx2(37, Masked(4, RGBA), [texels], packing=packing))
        file[32:36] = struct.pack("<I", 4)
        (t.dir / "noise.ktx2").write_bytes(file)
        t.identity("noise.ktx2", "same.ktx2", "--force")
        same = (t.dir / "same.ktx2").read_bytes()
        t.check(same[:80] == file[:80], f"packing {packing}: another header")
        t.check(packing > 0 or same == file, "another file")
        t.identity("same.ktx2", "again.ktx2", "--force")
        t.check((t.dir / "again.ktx2").read_bytes() == same, f"packing {packing}: not stable")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for at, layer in enumerate(first_pictures(pathlib.Path(name).read_bytes())):
            said = [f"{across:.1f} and {within:.1f}" for across, within in borders(layer)]
            print(f"{name}, layer {at}: across borders and within:", *said)
