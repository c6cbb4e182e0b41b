"""A cube map comes back with its header, its mips and no seams, as numpy sees its faces on a cube.

Called with files of faces as large as its own, in R8G8B8A8, it prints how visible their seams are.
"""
import pathlib
import struct
import sys

import numpy

SIDE = 128
# What each face shows at a share of its width and height, as Direct3D lays faces out.
AXES = [lambda u, v: (1 + 0 * u, -v, -u), lambda u, v: (-1 + 0 * u, -v, u),
        lambda u, v: (u, 1 + 0 * u, v), lambda u, v: (u, -1 + 0 * u, -v),
        lambda u, v: (u, -v, 1 + 0 * u), lambda u, v: (-u, -v, -1 + 0 * u)]


def directions(face, right, down):
    return numpy.stack(AXES[face](2 * right - 1, 2 * down - 1), -1)


def sky(face):
    """Hills under a sky with a sun, without seams."""
    middle = (numpy.arange(SIDE) + 0.5) / SIDE
    at = directions(face, *numpy.meshgrid(middle, middle))
    x, y, z = numpy.moveaxis(at / numpy.linalg.norm(at, axis=-1, keepdims=True), -1, 0)
    cloud = numpy.sin(7 * x + 5 * y) + numpy.cos(6 * z - 3 * x + 4 * y)
    sun = numpy.clip(0.6 * x + 0.4 * y + 0.7 * z, 0, 1) ** 40
    hill = y < 0.1 * numpy.sin(3 * numpy.arctan2(x, z)) - 0.05
    air = numpy.stack([120 + 40 * y + 20 * cloud + 120 * sun, 150 + 20 * y + 20 * cloud + 80 * sun,
                       200 + 30 * y + 12 * cloud], -1)
    earth = numpy.stack([70 + 20 * cloud, 90 + 20 * cloud, 50 + 10 * cloud], -1)
    return numpy.clip(numpy.where(hill[..., None], earth, air), 0, 255).astype("u1")


def head(code):
    """Of Direct3D 10, with all mips."""
    mips = SIDE.bit_length()
    return struct.pack("<37I", 0x20534444, 124, 0x2100F, SIDE, SIDE, 4 * SIDE, 0, mips,
                       *[0] * 11, 32, 4, 0x30315844, 0, 0, 0, 0, 0, 0x401008, 0xFE00, 0, 0, 0,
                       code, 3, 4, 1, 3)


def cube(faces, code=29):
    """R8G8B8A8_UNORM_SRGB."""
    body = b""
    for face in faces:
        picture = numpy.dstack([face, numpy.full(face.shape[:2], 255, "u1")])
        while True:
            body += picture.tobytes()
            if picture.shape[0] == 1:
                break
            picture = picture[::2, ::2]
    return head(code) + body


def first_pictures(file):
    body = numpy.frombuffer(file[148:], "u1").reshape(6, -1)
    return body[:, : 4 * SIDE * SIDE].reshape(6, SIDE, SIDE, 4)[..., :3].astype(int)


def seams(faces):
    """The mean difference across edges of the cube, and of neighbours within faces."""
    across = {}
    middle = (numpy.arange(SIDE) + 0.5) / SIDE
    for face in range(6):
        for pixels, right, down in [
            (faces[face][0], middle, 0 * middle), (faces[face][-1], middle, 0 * middle + 1),
            (faces[face][:, 0], 0 * middle, middle), (faces[face][:, -1], 0 * middle + 1, middle),
        ]:
            for at, pixel in zip(directions(face, right, down), pixels):
                across.setdefault(tuple((at * 4096).round().astype(int)), []).append(pixel)
    assert all(len(pair) == 2 for pair in across.values())
    between = numpy.mean([abs(one - other).sum() for one, other in across.values()])
    within = numpy.mean([abs(numpy.diff(faces, axis=axis)).sum(-1).mean() for axis in (1, 2)])
    return between, within


def run(t):
    faces = [sky(face) for face in range(6)]
    before = cube(faces)
    (t.dir / "sky.dds").write_bytes(before)
    shown = t.impasto("inspect", "sky.dds").stdout
    t.check(f"whose faces have {SIDE} x {SIDE} pixels" in shown, shown)
    t.identity("sky.dds", "same.dds")
    same = (t.dir / "same.dds").read_bytes()
    t.check(same[:148] == before[:148] and len(same) == len(before), "another header")
    t.check((first_pictures(same) == first_pictures(before)).all(), "other faces")
    t.impasto("stylize", "sky.dds", "--style", t.style, "-o", "painted.dds", "--method",
              "arbitrary", "-q")
    painted = first_pictures((t.dir / "painted.dds").read_bytes())
    for face in range(6):
        t.check((painted[face] != faces[face]).any(-1).mean() > 0.9, f"face {face} is not painted")
    across, within = seams(painted)
    t.check(across <= 1.5 * within, f"seams: {across:.1f} across, {within:.1f} within")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        across, within = seams(first_pictures(pathlib.Path(name).read_bytes()))
        print(f"{name}: {across:.1f} levels across edges, {within:.1f} within, "
              f"{across / within:.2f}")
