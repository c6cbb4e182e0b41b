"""TIFF: samples, extra samples, strips and tiles, compressions, byte orders and tags."""

import io

import numpy as np
import tifffile

from kinds import HEIGHT, WIDTH, Kind, Seen, count_bits, multiplied, noise, smooth, unit
from kinds_png import XMP, profile

GRAY = {"photometric": "minisblack"}
RGB = {"photometric": "rgb"}
EXTRA = {0: "unspecified", 1: "associated alpha", 2: "straight alpha"}
WORDS = {"u1": "8 bits", "u2": "16 bits", "f4": "floats of 32 bits"}
PACKING = {1: "no compression", 5: "LZW", 7: "JPEG", 8: "Deflate", 32946: "Deflate",
           32773: "PackBits"}
NAMES = {None: "no compression", "lzw": "LZW", "deflate": "Deflate", "packbits": "PackBits"}
UNITS = {1: None, 2: 1.0, 3: 2.54}
# Document, description, make, model, program, date, artist, host, XMP, copyright, IPTC.
TEXT = [269, 270, 271, 272, 305, 306, 315, 316, 700, 33432, 33723]
IPTC = b"\x1c\x02\x50\0\x08Somebody"


def written(samples, **how):
    out, file = io.BytesIO(), {key: how.pop(key) for key in ("byteorder", "bigtiff") if key in how}
    with tifffile.TiffWriter(out, **file) as writer:
        writer.write(samples, metadata=None, **({"software": False} | how))
    return out.getvalue()


def density(tags):
    """Pixels of an inch, to a hundredth."""
    factor = UNITS[tags["ResolutionUnit"].value] if "ResolutionUnit" in tags else None
    if factor is None or "XResolution" not in tags:
        return None
    sides = (tags[name].value for name in ("XResolution", "YResolution"))
    return tuple(round(a / b * factor, 2) for a, b in sides)


def aspect(tags):
    """The shape of pixels that a resolution without a unit tells."""
    if "ResolutionUnit" not in tags or tags["ResolutionUnit"].value != 1:
        return None
    sides = (tags[name].value for name in ("XResolution", "YResolution"))
    return tuple(a / b for a, b in sides)


def read(data):
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        samples, tags, order = page.asarray(), page.tags, file.byteorder
        big = file.is_bigtiff
    if page.planarconfig == 2:
        samples = np.moveaxis(samples, 0, -1)
    photometric, bits = page.photometric.name, page.bitspersample
    if photometric == "PALETTE":
        samples = np.moveaxis(page.colormap, 0, -1)[samples] // 257
        samples = samples.astype("u1")
    elif bits < 8:
        samples = (samples * np.uint8(255 // ((1 << bits) - 1))).astype("u1")
    if photometric == "SEPARATED":
        left = 255 - samples.astype(float)
        samples = np.round(left[..., :3] * left[..., 3:] / 255).astype("u1")
    if photometric == "MINISWHITE":
        samples = 255 - samples
    said = {
        "colours": "grey" if photometric.startswith("MINIS") else "RGB",
        "palette": photometric == "PALETTE", "bits": bits if photometric != "PALETTE" else 8,
        "extra samples": [EXTRA[int(code)] for code in page.extrasamples],
        "sampling": tags["YCbCrSubSampling"].value if photometric == "YCBCR" else (1, 1),
        "lossy": page.compression == 7, "inks": photometric == "SEPARATED",
        "ICC profile": page.iccprofile, "density": density(tags),
        "aspect": aspect(tags),
        "orientation": tags["Orientation"].value if "Orientation" in tags else 1,
        "text": [(code, tags[code].value) for code in TEXT if code in tags],
    }
    return Seen([np.ascontiguousarray(samples).astype(samples.dtype.newbyteorder("="))], said, {
        "layout": ("in separate planes, " if page.planarconfig == 2 else "") + (
            "in tiles" if page.is_tiled else "in strips"),
        "packing": "with " + PACKING[page.compression] + (
            f" and predictor {page.predictor}" if page.predictor > 1 else ""),
        "bytes": "little-endian" if order == "<" else "big-endian",
        "file": "as BigTIFF" if big else "as a TIFF of 32-bit offsets"})


def kinds():
    def kind(pixels, option, samples, bound=None, **how):
        return Kind("TIFF", "tif", pixels, option, written(samples, **how), read, "tifffile",
                    bound)

    for dtype, word in WORDS.items():
        bound = "a last bit" if dtype == "f4" else None
        gray, rgb = noise(1, dtype, 11)[..., 0], noise(3, dtype, 12)
        predictor = 3 if dtype == "f4" else 2
        for name, samples, how in [("grey", gray, GRAY), ("RGB", rgb, RGB)]:
            pixels = f"{name}, {word}"
            for compression in (None, "lzw", "deflate", "packbits"):
                yield kind(pixels, f"strips, {NAMES[compression]}", samples, bound,
                           rowsperstrip=10, compression=compression, **how)
            for compression in ("lzw", "deflate"):
                yield kind(pixels, f"strips, {NAMES[compression]}, predictor {predictor}", samples,
                           bound, compression=compression, predictor=predictor, **how)
            yield kind(pixels, "tiles, Deflate", samples, bound, tile=(16, 32),
                       compression="deflate", **how)
            yield kind(pixels, f"tiles, big-endian, LZW, predictor {predictor}", samples, bound,
                       tile=(16, 16), compression="lzw", predictor=predictor, byteorder=">", **how)
            yield kind(pixels, "BigTIFF", samples, bound, bigtiff=True, **how)
            yield kind(pixels, "big-endian, odd sides", samples[:HEIGHT - 3, :WIDTH - 5], bound,
                       byteorder=">", **how)
        planes = np.moveaxis(rgb, -1, 0)
        yield kind(f"RGB, {word}", "separate planes", planes, bound, planarconfig="separate", **RGB)
        yield kind(f"RGB, {word}", "separate planes in tiles", planes[:, :32], bound,
                   tile=(16, 16), planarconfig="separate", **RGB)

        for name, colors, how in [("grey", 1, GRAY), ("RGB", 3, RGB)]:
            samples = noise(colors + 1, dtype, 13 + colors)
            if dtype == "f4":
                samples = unit(colors + 1, 13 + colors).astype(dtype)
            for extra in ("unassalpha", "unspecified"):
                option = "straight alpha" if extra == "unassalpha" else "unspecified sample"
                yield kind(f"{name}, {word}", option, samples, bound, extrasamples=[extra], **how)
            if dtype != "f4":
                yield kind(f"{name}, {word}", "associated alpha", multiplied(samples),
                           extrasamples=["assocalpha"], **how)
            more = np.concatenate([samples, samples[..., :2][..., ::-1]], -1)
            yield kind(f"{name}, {word}", "straight alpha and two samples more", more, bound,
                       extrasamples=["unassalpha", "unspecified", "unspecified"], **how)

    for name, channels, how in [("grey", 1, GRAY), ("RGB", 3, RGB)]:
        samples, clear = noise(channels, "f2", 20), unit(channels + 1, 21).astype("f2")
        pixels = f"{name}, floats of 16 bits"
        samples = samples[..., 0] if channels == 1 else samples
        yield kind(pixels, "strips, no compression", samples, rowsperstrip=10, **how)
        yield kind(pixels, "strips, Deflate", samples, compression="deflate", **how)
        yield kind(pixels, "tiles, big-endian, LZW", samples, tile=(16, 16), compression="lzw",
                   byteorder=">", **how)
        yield kind(pixels, "straight alpha", clear, extrasamples=["unassalpha"], **how)
        single = samples.astype("f4")
        beyond, light = single * 2 - 0.5, single * 40
        pixels = f"{name}, floats of 32 bits"
        yield kind(pixels, "some below 0 and some above 1", beyond, "a last bit", **how)
        yield kind(pixels, "light, to 40 times white", light, "one part in 100,000", **how)

    for bits in (1, 2, 4):
        samples = noise(1, seed=17)[..., 0] & ((1 << bits) - 1)
        yield kind(f"grey, {count_bits(bits)}", "plain",
                   samples.astype(bool if bits == 1 else "u1"), bitspersample=bits, **GRAY)
    yield kind("grey, 8 bits", "white is zero", noise(1)[..., 0], photometric="miniswhite")
    palette = np.random.default_rng(18).integers(0, 256, (3, 256)).astype("u2") * 257
    yield kind("palette, 8 bits", "plain", noise(1)[..., 0], photometric="palette",
               colormap=palette)

    rgb = noise(3, seed=19)
    for option, how in [
        ("ICC profile", {"iccprofile": profile()}),
        ("resolution in inches", {"resolution": (300, 150), "resolutionunit": "INCH"}),
        ("resolution in centimetres", {"resolution": (118.11, 59), "resolutionunit": "CENTIMETER"}),
        ("orientation", {"extratags": [(274, 3, 1, 6, True)]}),
        ("resolution without a unit", {"resolution": (2, 1), "resolutionunit": "NONE"}),
        ("artist, copyright, XMP and IPTC", {"extratags": [
            (315, 2, 0, "Somebody", True), (33432, 2, 0, "Nobody's", True),
            (700, 1, len(XMP), XMP, True), (33723, 7, len(IPTC), IPTC, True)]}),
        ("description, program, date, document, make, model and host", {
            "description": "a picture", "software": "Program 1.0",
            "datetime": "2026:01:02 03:04:05", "extratags": [
                (269, 2, 0, "a.tif", True), (271, 2, 0, "Maker", True),
                (272, 2, 0, "Model", True), (316, 2, 0, "a host", True)]}),
    ]:
        yield kind("RGB, 8 bits", option, rgb, **(RGB | how))
        yield kind("RGB, 16 bits", option, rgb.astype("u2") * 257, **(RGB | how))
    waves, inks = smooth(3), smooth(4)
    yield kind("YCbCr, 8 bits", "strips, JPEG", waves, 45, compression="jpeg", **RGB)
    yield kind("CMYK, 8 bits", "plain", inks, photometric="separated")
