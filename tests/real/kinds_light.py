"""OpenEXR and Radiance HDR: light without an upper end."""

import pathlib
import struct
import tempfile

import cv2
import imagecodecs
import numpy as np
import OpenEXR

from kinds import HEIGHT, WIDTH, Kind, Seen, noise, runs, smooth, unit

LOSSLESS = ["NO", "RLE", "ZIPS", "ZIP", "PIZ"]
LOSSY = ["PXR24", "B44", "B44A", "DWAA", "DWAB"]
OWN = {"channels", "compression", "dataWindow", "displayWindow", "lineOrder", "tiles", "type",
       "chunkCount", "dwaCompressionLevel", "version", "name"}


def light(channels, dtype, seed):
    """From a tiny light to a lamp; multiplied by alpha, the last of four."""
    colors = unit(4, seed)[..., :3]
    values = np.where(colors > 0.9, colors * 40, colors).astype(dtype)
    values[2] = np.array([1e-4, 1000, 60000])
    if channels < 4:
        return values[..., :channels]
    alpha = unit(4, seed)[..., 3:].astype(dtype)
    return np.concatenate([values * (alpha > 0), alpha], -1)


def exr(channels, compression="ZIP", **header):
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "a.exr")
        header = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION"),
                  "type": OpenEXR.scanlineimage} | header
        with OpenEXR.File(header, channels) as file:
            file.write(path)
        return pathlib.Path(path).read_bytes()


def read_exr(data):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.exr"
        path.write_bytes(data)
        file = OpenEXR.File(str(path), separate_channels=True)
        header, channels = file.header(), file.channels()
        samples = [np.array(channel.pixels) for channel in channels.values()]
    said = {key: str(value) for key, value in header.items() if key not in OWN}
    said |= {key: str(header.get(key)) for key in
             ("dataWindow", "displayWindow", "lineOrder", "compression", "type")}
    said["tiles"] = str(header["tiles"]) if "tiles" in header else None
    said["channels"] = [(name, pixels.dtype.name) for name, pixels in zip(channels, samples)]
    return Seen(samples, said)


def named(samples, names, prefix=""):
    return {prefix + name: np.ascontiguousarray(samples[..., at]) for at, name in enumerate(names)}


def openexr():
    def kind(pixels, option, channels, compression="ZIP", bound=None, **header):
        return Kind("OpenEXR", "exr", pixels, option, exr(channels, compression, **header),
                    read_exr, "OpenEXR", bound)

    for dtype, word in [("f2", "half floats"), ("f4", "single floats")]:
        bound = "one part in 100,000" if dtype == "f4" else None
        rgb, rgba = light(3, dtype, 31), light(4, dtype, 32)
        for compression in LOSSLESS + (["PXR24"] if dtype == "f2" else []):
            name = "no compression" if compression == "NO" else compression
            yield kind(f"RGB, {word}", f"scan lines, {name}", named(rgb, "RGB"), compression, bound)
            yield kind(f"RGBA, {word}", f"tiles, {name}", named(rgba, "RGBA"), compression, bound,
                       type=OpenEXR.tiledimage, tiles=OpenEXR.TileDescription())
        for compression in LOSSY[dtype == "f2":]:
            yield kind(f"RGB, {word}", f"scan lines, {compression}", named(
                (smooth(3, least=0.1) / 255).astype(dtype), "RGB"), compression, bound)
        gray = named(light(1, dtype, 34), "Y")
        yield kind(f"grey, {word}", "scan lines, ZIP", gray, bound=bound)
        colors = named(rgba, "RGBA")
        z = np.full((HEIGHT, WIDTH), np.inf, "f4")
        z[:20] = 3.25
        count = noise(1, "u2")[..., 0].astype("u4")
        yield kind(f"RGBA, {word}", "with a depth Z and integers", colors | {"Z": z, "id": count},
                   bound=bound)
        yield kind(f"RGBA, {word}", "of a layer", named(rgba, "RGBA", "beauty."), bound=bound)
        window = ((3, -2), (2 + WIDTH, HEIGHT - 3))
        yield kind(f"RGB, {word}", "windows", named(rgb, "RGB"), bound=bound, dataWindow=window,
                   displayWindow=((0, 0), (99, 79)))
        yield kind(f"RGB, {word}", "attributes", named(rgb, "RGB"), bound=bound, owner="somebody",
                   pixelAspectRatio=2.0, comments="by hand", whiteLuminance=120.0,
                   chromaticities=(0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329))
        below = rgb.copy()
        below[::3, ::5] *= -1
        yield kind(f"RGB, {word}", "some light below 0", named(below, "RGB"), bound=bound)
        yield kind(f"RGB, {word}", "rows from the bottom", named(rgb, "RGB"), bound=bound,
                   lineOrder=OpenEXR.DECREASING_Y)


def planes(pixels):
    """The rows of today: each byte of the pixels on its own, in runs."""
    out = b""
    for row in pixels:
        out += struct.pack(">BBH", 2, 2, len(row))
        for plane in row.T:
            for start, end in runs(plane[:, None]):
                out += bytes([128 + end - start if end - start > 1 else 1, plane[start]])
    return out


def repeats(pixels):
    """The rows of old: after a pixel, three ones and how often it comes again."""
    out = b""
    for row in pixels:
        for start, end in runs(row):
            again = bytes([1, 1, 1, end - start - 1])
            out += row[start].tobytes() + (again if end - start > 1 else b"")
    return out


def hdr(pixels, rows, lines=(), axes="-Y {} +X {}"):
    head = [b"#?RADIANCE", *lines, b"FORMAT=32-bit_rle_rgbe", b"",
            axes.format(*pixels.shape[:2]).encode()]
    return b"\n".join(head) + b"\n" + rows(pixels)


def rgbe(data):
    """The bytes of each pixel, whatever the rows are."""
    end = data.index(b"\n", data.index(b"\n\n") + 2)
    height, width = (int(word) for word in data[data.index(b"\n\n") + 2:end].split()[1::2])
    body, at = np.frombuffer(data[end + 1:], "u1"), 0
    if len(body) == 4 * height * width:
        return body.reshape(height, width, 4), "flat"
    if tuple(body[:4]) != (2, 2, *divmod(width, 256)):
        pixels = []
        for pixel in body.reshape(-1, 4):
            is_repeat = (pixel[:3] == 1).all()
            pixels += [pixels[-1]] * int(pixel[3]) if is_repeat else [pixel]
        return np.array(pixels).reshape(height, width, 4), "repeats"
    out = np.empty((height, 4, width), "u1")
    for row in out:
        at += 4
        for plane in row:
            x = 0
            while x < width:
                count = int(body[at])
                if count > 128:
                    count -= 128
                    plane[x:x + count] = body[at + 1]
                    at += 2
                else:
                    plane[x:x + count] = body[at + 1:at + 1 + count]
                    at += 1 + count
                x += count
    return out.transpose(0, 2, 1), "planes"


def read_hdr(data):
    pixels, rows = rgbe(data)
    head, _, rest = data.partition(b"\n\n")
    seen = [pixels]
    if rows != "repeats" and rest.startswith(b"-Y") and b"+X" in rest.split(b"\n")[0]:
        seen.append(cv2.imdecode(np.frombuffer(data, "u1"), cv2.IMREAD_UNCHANGED))
    return Seen(seen, {"lines": head.split(b"\n"), "size": rest.split(b"\n")[0], "rows": rows})


def radiance():
    def kind(option, pixels, rows, **more):
        return Kind("Radiance HDR", "hdr", "RGB and one exponent", option,
                    hdr(pixels, rows, **more), read_hdr, "OpenCV, numpy")

    light_of = imagecodecs.rgbe_encode(light(3, "f4", 35), header=False)
    pixels = np.frombuffer(light_of, "u1").reshape(HEIGHT, WIDTH, 4).copy()
    pixels[:, 10:20] = pixels[:, 10:11]
    lines = [b"EXPOSURE=2.5", b"# by hand", b"PRIMARIES=0.64 0.33 0.30 0.60 0.15 0.06 0.3127 0.329"]
    for name, rows in [("flat rows", np.ndarray.tobytes), ("rows of planes", planes),
                       ("rows of repeats", repeats)]:
        yield kind(name, pixels, rows)
        yield kind(f"{name}, header lines", pixels, rows, lines=lines)
        odd = np.ascontiguousarray(pixels[:HEIGHT - 3, :WIDTH - 5])
        yield kind(f"{name}, odd sides", odd, rows)
    wide = pixels.copy()
    wide[5, 3:9] = [[3, 2, 1, 132], [5, 100, 0, 131], [0, 9, 0, 130], [64, 0, 1, 127],
                    [1, 2, 3, 129], [0, 0, 0, 128]]
    for name, rows in [("flat rows", np.ndarray.tobytes), ("rows of planes", planes)]:
        yield kind(f"{name}, exponents that are larger than need be", wide, rows)
    for axes in ("-Y {} -X {}", "+Y {} +X {}", "+X {} -Y {}", "-X {} -Y {}"):
        yield kind(f"axes {axes.format('', '').replace('  ', ' ').strip()}", pixels, planes,
                   axes=axes)


def kinds():
    yield from openexr()
    yield from radiance()
