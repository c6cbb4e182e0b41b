"""JPEG, WebP and QOI."""

import io
import struct

import imagecodecs
import numpy as np
import qoi
from PIL import Image

from kinds import HEIGHT, WIDTH, Kind, Seen, noise, smooth
from kinds_png import ORIENTATION, WORDS, XMP, exif, profile, said_by_exif

# What stands before EXIF in a JPEG.
EXIF = b"Exif\0\0"
COMMENT, APP_1, PHOTOSHOP = 0xFE, 0xE1, 0xED
XMP_NAME, MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
# The fields of IPTC's that name the author and the rights, as Photoshop stores them.
FIELDS = b"\x1c\x02\x50\0\x08Somebody" + b"\x1c\x02\x74\0\x07Nobody."
IPTC = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(FIELDS)) + FIELDS + bytes(
    len(FIELDS) % 2)
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
    shape = image.info.get("jfif_density") if image.info.get("jfif_unit") == 0 else None
    text = [one for one in segments(data) if one[0] in (COMMENT, PHOTOSHOP) or (
        one[0] == APP_1 and one[1].startswith(XMP_NAME))]
    return Seen([samples], {
        "colours": "grey" if image.mode == "L" else "RGB", "inks": inks,
        "scans": "progressive" if frame[0] == 0xC2 else "baseline",
        "sampling": "4:4:4" if len(set(factors)) == 1 else "subsampled",
        "ICC profile": image.info.get("icc_profile"),
        "density": density and tuple(round(side) for side in density),
        "aspect": shape if shape and shape[0] != shape[1] else None,
        "EXIF": said_by_exif(image), "text": text,
        "rights": sum(body.startswith(MORE_XMP) for _, body in segments(data)),
    }, {"colours": "as grey" if len(names) == 1 else "as RGB" if names == b"RGB" else "as YCbCr"})


def with_segments(data, more):
    """A JPEG that has more segments after JFIF."""
    at = 4 + struct.unpack_from(">H", data, 4)[0]
    body = b"".join(struct.pack(">BBH", 255, marker, len(one) + 2) + one for marker, one in more)
    return data[:at] + body + data[at:]


def with_aspect(data, across, down):
    """A JPEG whose JFIF tells the shape of pixels, without a unit."""
    return data[:13] + struct.pack(">BHH", 0, across, down) + data[18:]


def jpeg():
    def kind(pixels, option, samples, bound, more=(), aspect=None, **how):
        data = saved(samples, "JPEG", **({"quality": 95, "subsampling": 0} | how))
        data = with_segments(data, more) if more else data
        return Kind("JPEG", "jpg", pixels, option, with_aspect(data, *aspect) if aspect else data,
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
        ("EXIF orientation, text and comment", {"exif": EXIF + exif(
            WORDS | {ORIENTATION: 3}, b"by hand")}),
        ("pixel aspect without a unit", {"aspect": (2, 1)}),
        ("comment", {"more": [(COMMENT, b"by hand")]}),
        ("XMP", {"more": [(APP_1, XMP_NAME + XMP)]}),
        ("IPTC", {"more": [(PHOTOSHOP, IPTC)]}),
        ("EXIF text, comments and XMP", {"exif": EXIF + exif(WORDS), "more": [
            (COMMENT, b"by hand"), (APP_1, XMP_NAME + XMP), (COMMENT, b"again")]}),
        ("XMP with an extension", {"more": [
            (APP_1, XMP_NAME + XMP), (APP_1, MORE_XMP + b"0" * 32 + struct.pack(">II", 4, 0)
                                      + b"<x/>")]}),
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
    return Seen([imagecodecs.webp_decode(data)], {
        "lossy": b"VP8 " in chunks, "ICC profile": image.info.get("icc_profile"),
        "EXIF": said_by_exif(image), "XMP": chunks.get(b"XMP "),
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
            ("EXIF text and comment", {"exif": exif(WORDS, b"by hand")}),
            ("XMP", {"xmp": XMP}),
            ("EXIF orientation, EXIF text, XMP and ICC profile", {
                "exif": exif(WORDS | {ORIENTATION: 5}), "xmp": XMP, "icc_profile": profile()}),
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
