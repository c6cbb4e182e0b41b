"""JPEG, WebP and QOI."""

import io
import struct

import imagecodecs
import numpy as np
import qoi
from PIL import Image

from kinds import HEIGHT, WIDTH, Kind, Seen, noise, smooth
from kinds_png import exif, profile

# What stands before EXIF in a JPEG.
EXIF = b"Exif\0\0"
ORIENTATION, ARTIST = 0x0112, 0x013B
SAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}


def saved(samples, name, mode=None, **how):
    samples = samples[..., 0] if samples.shape[-1] == 1 else samples
    image, out = Image.fromarray(samples, mode), io.BytesIO()
    image.save(out, name, **how)
    return out.getvalue()


def segments(data):
    """Markers and contents before the pixels."""
    at = 2
    while data[at + 1] != 0xDA:
        length = struct.unpack_from(">H", data, at + 2)[0]
        yield data[at + 1], data[at + 4:at + 2 + length]
        at += 2 + length


def read_jpeg(data):
    image = Image.open(io.BytesIO(data))
    inks = image.mode == "CMYK"
    samples = np.asarray(image.convert("RGB")) if inks else imagecodecs.jpeg8_decode(data)
    frame = next((marker, body) for marker, body in segments(data) if marker in range(0xC0, 0xC4))
    factors = [frame[1][7 + 3 * at] for at in range(frame[1][5])]
    names = bytes(frame[1][6 + 3 * at] for at in range(frame[1][5]))
    density = image.info.get("dpi") if image.info.get("jfif_unit", 1) else None
    tags = image.getexif()
    return Seen([samples], {
        "colours": "grey" if image.mode == "L" else "RGB", "inks": inks,
        "scans": "progressive" if frame[0] == 0xC2 else "baseline",
        "sampling": "4:4:4" if len(set(factors)) == 1 else "subsampled",
        "ICC profile": image.info.get("icc_profile"),
        "density": density and tuple(round(side) for side in density),
        "orientation": tags.get(ORIENTATION, 1), "rights": tags.get(ARTIST),
    }, {"colours": "as grey" if len(names) == 1 else "as RGB" if names == b"RGB" else "as YCbCr"})


def jpeg():
    def kind(pixels, option, samples, bound, **how):
        return Kind("JPEG", "jpg", pixels, option,
                    saved(samples, "JPEG", **({"quality": 95, "subsampling": 0} | how)),
                    read_jpeg, "libjpeg-turbo (imagecodecs, Pillow)", bound)

    rgb, gray = smooth(3), smooth(1)
    yield kind("grey, 8 bits", "baseline", gray, 45)
    yield kind("grey, 8 bits", "progressive", gray, 45, progressive=True)
    for level, name in SAMPLING.items():
        for progressive in (False, True):
            yield kind("YCbCr, 8 bits", f"{name}, {'progressive' if progressive else 'baseline'}",
                       rgb, 40, subsampling=level, progressive=progressive)
    yield kind("YCbCr, 8 bits", "restart markers", rgb, 40, restart_marker_rows=1)
    yield kind("YCbCr, 8 bits", "odd sides", rgb[:HEIGHT - 3, :WIDTH - 5], 40)
    yield kind("RGB, 8 bits", "not converted to YCbCr", rgb, 40, keep_rgb=True)
    for option, how in [
        ("ICC profile", {"icc_profile": profile()}), ("pixel density", {"dpi": (300, 150)}),
        ("EXIF orientation", {"exif": EXIF + exif({ORIENTATION: 8})}),
        ("EXIF orientation and artist", {"exif": EXIF + exif(
            {ORIENTATION: 3, ARTIST: "Somebody"})}),
    ]:
        yield kind("YCbCr, 8 bits", option, rgb, 40, **how)
    yield kind("grey, 8 bits", "ICC profile", gray, 45, icc_profile=profile(gray=True))
    yield kind("CMYK, 8 bits", "baseline", smooth(4), 35, mode="CMYK")


def webp_chunks(data):
    at, found = 12, {}
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        found[name] = data[at + 8:at + 8 + length]
        at += 8 + length + length % 2
    return found


def read_webp(data):
    chunks, image = webp_chunks(data), Image.open(io.BytesIO(data))
    tags = image.getexif()
    return Seen([imagecodecs.webp_decode(data)], {
        "lossy": b"VP8 " in chunks, "ICC profile": image.info.get("icc_profile"),
        "orientation": tags.get(ORIENTATION, 1),
        "rights": (tags.get(ARTIST), b"XMP " in chunks),
    })


def webp():
    def kind(pixels, option, samples, bound=None, **how):
        return Kind("WebP", "webp", pixels, option,
                    saved(samples, "WEBP", **({"lossless": True, "exact": True} | how)),
                    read_webp, "libwebp (imagecodecs)", bound)

    for channels, pixels in [(3, "RGB, 8 bits"), (4, "RGBA, 8 bits")]:
        samples = noise(channels, seed=8)
        yield kind(pixels, "lossless", samples)
        yield kind(pixels, "lossless, odd sides", samples[:HEIGHT - 3, :WIDTH - 5])
        for option, how in [
            ("ICC profile", {"icc_profile": profile()}),
            ("EXIF orientation", {"exif": exif({ORIENTATION: 5})}),
            ("EXIF artist", {"exif": exif({ARTIST: "Somebody"})}),
        ]:
            yield kind(pixels, option, samples, **how)
        yield kind(pixels, "lossy", smooth(channels), None, lossless=False, quality=80)


def read_qoi(data):
    return Seen([qoi.decode(data), imagecodecs.qoi_decode(data)],
                {"channels": data[12], "curve": data[13]})


def quite_ok():
    for channels, pixels in [(3, "RGB, 8 bits"), (4, "RGBA, 8 bits")]:
        for curve, option in enumerate(["sRGB", "linear"]):
            for name, picture in [("noise", noise(channels, seed=9)), ("waves", smooth(channels))]:
                data = bytearray(qoi.encode(np.ascontiguousarray(picture)))
                data[13] = curve
                yield Kind("QOI", "qoi", pixels, f"{option}, {name}", bytes(data), read_qoi,
                           "qoi, imagecodecs")


def kinds():
    yield from jpeg()
    yield from webp()
    yield from quite_ok()
