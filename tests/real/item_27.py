"""Textures are made to tile and their holes filled, without seams and as sharp as before.

Called with textures, it prints how visible the seams of each are before and after, and how sharp
what fills a hole is beside the texture itself: by Impasto, and by OpenCV's inpainting.
"""
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy
from PIL import Image

TEXTURES = pathlib.Path(__file__).resolve().parents[2] / "examples/village/textures"


def seam(picture):
    """The difference across borders, over that which one in twenty lines inside exceeds, on the
    worse axis. A seam shows above 1."""
    picture = picture.astype(float)

    def ratio(rows):
        inside = abs(numpy.diff(rows, axis=0)).mean(axis=(1, 2))
        return abs(rows[0] - rows[-1]).mean() / numpy.quantile(inside, 0.95)

    return max(ratio(picture), ratio(picture.transpose(1, 0, 2)))


def sharpness(picture, where):
    """The mean size of the Laplacian of the grey picture."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)
    return abs(cv2.Laplacian(gray, cv2.CV_64F))[where].mean()


def hole(shape):
    """An ellipse a third as wide and high as the picture."""
    height, width = shape[:2]
    mask = numpy.zeros((height, width), "u1")
    middle, axes = (width // 2, height // 2), (width // 6, height // 6)
    cv2.ellipse(mask, middle, axes, 0, 0, 360, 255, -1)
    return mask


def filled(impasto, folder, picture):
    """The picture made to tile, and with a hole filled: by Impasto, and by OpenCV."""
    mask = hole(picture.shape)
    damaged = numpy.where(mask[..., None] > 0, numpy.array([255, 0, 255], "u1"), picture)
    for name, image in [("whole.png", picture), ("hole.png", damaged), ("mask.png", mask)]:
        Image.fromarray(image).save(folder / name)
    impasto("fill", "whole.png", "--seamless", "-o", "tile.png")
    impasto("fill", "hole.png", "--mask", "mask.png", "--join", "8", "-o", "filled.png")
    tile, mended = (numpy.asarray(Image.open(folder / name)) for name in ("tile.png", "filled.png"))
    telea = cv2.inpaint(damaged[..., ::-1], mask, 5, cv2.INPAINT_TELEA)[..., ::-1].copy()
    return tile, mended, telea, mask > 0


def looked_at(picture, results):
    tile, mended, telea, inside = results
    core = cv2.erode(inside.astype("u1"), numpy.ones((9, 9))) > 0
    own = sharpness(picture, ~inside)
    return (seam(picture), seam(tile), sharpness(mended, core) / own, sharpness(telea, core) / own)


def run(t):
    for name in ("cobblestones.png", "grass.jpg", "brick_wall.png"):
        # A crop that ends where nothing does.
        picture = numpy.asarray(Image.open(TEXTURES / name).convert("RGB"))[11:-34, 7:-38]
        picture = numpy.ascontiguousarray(picture)
        results = filled(t.impasto, t.dir, picture)
        before, after, sharp, _ = looked_at(picture, results)
        t.check(before > 1.2 and after <= 1, f"{name}: seams {before:.2f}, {after:.2f}")
        t.check(0.8 < sharp < 1.25, f"{name}: {sharp:.2f} as sharp")
        tile, mended, _, inside = results
        far = cv2.dilate(inside.astype("u1"), numpy.ones((17, 17))) == 0
        t.check((mended[far] == picture[far]).all(), f"{name}: other pixels have changed")
        t.check(not (mended[inside] == [255, 0, 255]).all(-1).any(), f"{name}: a hole is left")
        band = min(picture.shape[:2]) // 8
        middle = (slice(band, -band), slice(band, -band))
        t.check((tile[middle] == picture[middle]).all(), f"{name}: its middle has changed")

    # Normals come from where the colours do.
    for name in ("brick_wall", "brick_wall_n"):
        crop = Image.open(TEXTURES / f"{name}.png").convert("RGB").crop((7, 11, 200, 190))
        crop.save(t.dir / f"{name}.png")
    t.impasto("fill", "brick_wall.png", "--seamless", "-o", "wall.png", "--along",
              "brick_wall_n.png=wall_n.png")
    before, after = (numpy.asarray(Image.open(t.dir / name)).reshape(-1, 3)
                     for name in ("brick_wall_n.png", "wall_n.png"))
    known = {tuple(normal) for normal in before}
    t.check(all(tuple(normal) in known for normal in after), "a normal that the map did not have")
    t.check((before != after).any(-1).mean() > 0.05, "the normals were not filled")


if __name__ == "__main__":
    program = pathlib.Path(sys.argv[1]).resolve()
    print("| texture | pixels | seams before | after | sharpness, Impasto | OpenCV (Telea) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for path in map(pathlib.Path, sys.argv[2:]):
        with tempfile.TemporaryDirectory() as folder:
            def impasto(*args):
                subprocess.run([program, *args, "-q"], cwd=folder, check=True)
            own = numpy.asarray(Image.open(path).convert("RGB"))
            own = numpy.ascontiguousarray(own[own.shape[0] // 19:, own.shape[1] // 17:])
            before, after, sharp, telea = looked_at(own, filled(impasto, pathlib.Path(folder), own))
            print(f"| {path.stem} | {own.shape[1]} x {own.shape[0]} | {before:.2f} | {after:.2f} "
                  f"| {sharp:.2f} | {telea:.2f} |")
