"""Makes the JPEG files of this folder, and the pixels that libjpeg-turbo's djpeg reads from them.

Needs cjpeg, djpeg and jpegtran of libjpeg-turbo 2 or later, and numpy, Pillow and imagecodecs from
PyPI. The pixels are those of djpeg's default, which interpolates chroma: the decoders in use do too
and stay within 4 levels of it, but differ by up to 13 from `djpeg -nosmooth` on this picture.

A file's pixels depend on its sampling factors alone, so a folder of one set of factors has a single
`expected.png`. Its files differ in their scans and restart markers.
"""

import io
import pathlib
import shutil
import subprocess
import tempfile

import imagecodecs
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
# No multiple of 8, so that the last blocks and units are incomplete.
WIDTH, HEIGHT = 37, 29

SAMPLINGS = [
    "1x1,1x1,1x1", "2x1,1x1,1x1", "1x2,1x1,1x1", "2x2,1x1,1x1", "4x1,1x1,1x1", "4x2,1x1,1x1",
    "1x4,1x1,1x1", "2x1,1x2,1x2", "2x2,2x1,1x2", "2x1,2x1,1x1", "3x1,1x1,1x1", "3x2,1x1,1x1",
    # Luma is coarser than chroma.
    "1x1,2x1,2x1", "1x1,1x2,1x2", "1x1,2x2,2x2", "1x2,2x1,2x1", "1x1,2x1,1x1",
    # The middle factor is refused in sequential scans of its own.
    "4x1,2x1,2x1",
]
RESTARTS = {"": [], "-row": ["-restart", "1"], "-block": ["-restart", "1B"]}

APART = "0;\n1;\n2;\n"
PARTLY = "0;\n1 2;\n"
PROGRESSIVE_APART = """0: 0-0, 0, 1;
1: 0-0, 0, 1;
2: 0-0, 0, 1;
0: 1-5, 0, 2;
2: 1-63, 0, 1;
1: 1-63, 0, 1;
0: 6-63, 0, 2;
0: 1-63, 2, 1;
0: 0-0, 1, 0;
1: 0-0, 1, 0;
2: 0-0, 1, 0;
2: 1-63, 1, 0;
1: 1-63, 1, 0;
0: 1-63, 1, 0;
"""
APART_OF_FOUR = "0;\n1;\n2;\n3;\n"
PARTLY_OF_FOUR = "0 3;\n1 2;\n"


def picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    waves = [np.sin(x / 9 + y / 17), np.cos(y / 8 - x / 21), np.sin((x + y) / 13),
             np.cos((x - y) / 11)]
    return (128 + 100 * np.stack(waves, -1)).clip(0, 255).astype(np.uint8)


def run(*command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def expected(folder):
    """The pixels that djpeg reads from all files of a folder alike."""
    pixels = {run("djpeg", "-strict", "-pnm", file) for file in folder.glob("*.jpg")}
    assert len(pixels) == 1, folder
    image = Image.open(io.BytesIO(pixels.pop()))
    assert image.size == (WIDTH, HEIGHT), folder
    image.save(folder / "expected.png", optimize=True)


def main():
    for old in HERE.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    scripts = pathlib.Path(tempfile.mkdtemp())

    def script(name, text):
        (scripts / name).write_text(text)
        return ["-scans", str(scripts / name)]

    modes = {
        "baseline": ["-optimize"],
        "apart": ["-optimize", *script("apart", APART)],
        "partly": ["-optimize", *script("partly", PARTLY)],
        "progressive": ["-progressive"],
        "progressive-apart": script("progressive", PROGRESSIVE_APART),
    }
    four = {
        "baseline": ["-optimize"],
        "apart": ["-optimize", *script("apart4", APART_OF_FOUR)],
        "partly": ["-optimize", *script("partly4", PARTLY_OF_FOUR)],
        "progressive": ["-progressive"],
    }
    one = {"baseline": ["-optimize"], "progressive": ["-progressive"]}

    colors = picture()
    rgb = b"P6 %d %d 255\n" % (WIDTH, HEIGHT) + colors[..., :3].tobytes()

    def variants(name, jpeg, modes):
        folder = HERE / name
        folder.mkdir()
        for mode, switches in modes.items():
            for restart, more in RESTARTS.items():
                file = folder / f"{mode}{restart}.jpg"
                file.write_bytes(run("jpegtran", "-copy", "all", *switches, *more, data=jpeg))
        return folder

    for sampling in SAMPLINGS:
        jpeg = run("cjpeg", "-quality", "60", "-sample", sampling, data=rgb)
        expected(variants(sampling.replace(",", "-"), jpeg, modes))
    for factors in ["1x1", "2x2", "3x1"]:
        jpeg = run("cjpeg", "-quality", "60", "-grayscale", "-sample", factors, data=rgb)
        expected(variants(f"grey-{factors}", jpeg, one))
    jpeg = run("cjpeg", "-quality", "60", "-rgb", "-sample", "1x1", data=rgb)
    folder = variants("rgb", jpeg, modes)
    # Without Adobe's marker, the components' names say that they are red, green and blue.
    at = jpeg.index(b"\xff\xee")
    length = int.from_bytes(jpeg[at + 2:at + 4], "big")
    (folder / "by-name.jpg").write_bytes(jpeg[:at] + jpeg[at + 2 + length:])
    expected(folder)
    for inks in ["CMYK", "YCCK"]:
        for subsampling in ["444", "420"]:
            jpeg = imagecodecs.jpeg8_encode(
                colors, 60, colorspace="CMYK", outcolorspace=inks, subsampling=subsampling)
            expected(variants(f"{inks.lower()}-{subsampling}", jpeg, four))

    refused = HERE / "refused"
    refused.mkdir()
    for name, switches in {"arithmetic": [], "arithmetic-progressive": ["-progressive"]}.items():
        (refused / f"{name}.jpg").write_bytes(run("cjpeg", "-arithmetic", *switches, data=rgb))
    deep = colors[..., :3].astype(np.uint16) * 16
    (refused / "12-bit.jpg").write_bytes(
        imagecodecs.jpeg8_encode(deep, 60, bitspersample=12))
    (refused / "lossless.jpg").write_bytes(imagecodecs.ljpeg_encode(colors[..., 0]))
    shutil.rmtree(scripts)


main()
