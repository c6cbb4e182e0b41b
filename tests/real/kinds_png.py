"""PNG: every colour type and depth, interlacing, transparency and what stands beside pixels."""

import io
import struct
import zlib

import cv2
import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from kinds import HEIGHT, WIDTH, Kind, Seen, count_bits, noise

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLORS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]
# What a file says of its colours and its size. All of it comes back as it is.
KEPT = [b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sRGB", b"gAMA", b"cHRM", b"pHYs"]
TEXT = [b"tEXt", b"zTXt", b"iTXt"]
XMP = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
       b'syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
       b'dc:rights="Somebody"/></rdf:RDF></x:xmpmeta>')
# Tags of EXIF that say something in words: a description, a camera, a program, a date, who made the
# picture and who may use it.
WORDS = {0x010E: "a picture", 0x010F: "Maker", 0x0110: "Model", 0x0131: "Program 1.0",
         0x0132: "2026:01:02 03:04:05", 0x013B: "Somebody", 0x8298: "Nobody's"}
ORIENTATION, OWN, COMMENT = 0x0112, 0x8769, 0x9286


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content))


def filtered(rows, step):
    """Rows with their filters: none, the pixel before, the row above, by turns."""
    above, out = np.zeros_like(rows[0]), b""
    for number, row in enumerate(rows):
        left = np.concatenate([np.zeros(step, "u1"), row[:-step]]) if row.size > step else 0
        out += bytes([number % 3]) + (row - [np.zeros_like(row), left, above][number % 3]).tobytes()
        above = row
    return out


def packed(samples, bits):
    """A rectangle of samples as bytes, row by row."""
    height, width, channels = samples.shape
    if bits == 16:
        rows = samples.astype(">u2").view("u1").reshape(height, -1)
    elif bits == 8:
        rows = samples.astype("u1").reshape(height, -1)
    else:
        each = np.unpackbits(samples.astype("u1"), axis=-1)[..., 8 - bits:]
        rows = np.packbits(each.reshape(height, -1), axis=-1)
    return filtered(rows, max(1, channels * bits // 8))


def png(color, bits, samples, chunks=(), interlaced=False):
    """`chunks` stand before the pixels."""
    height, width, _ = samples.shape
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    parts = [samples[y::down, x::across] for x, y, across, down in PASSES] if interlaced else [
        samples]
    data = b"".join(packed(part, bits) for part in parts if part.size)
    return b"".join([SIGNATURE, chunk(b"IHDR", head), *(chunk(*one) for one in chunks),
                     chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")])


def all_chunks(data):
    at = len(SIGNATURE)
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8:at + 8 + length]
        at += 12 + length


def chunks_of(data):
    found = {}
    for name, content in all_chunks(data):
        found.setdefault(name, content)
    return found


def by_opencv(data, color):
    """imagecodecs lets libpng print a warning for each interlaced file."""
    found = cv2.imdecode(np.frombuffer(data, "u1"), cv2.IMREAD_UNCHANGED)
    if color == 4:
        return found[..., [0, 3]]
    return found if color == 0 else cv2.cvtColor(
        found, cv2.COLOR_BGR2RGB if found.shape[-1] == 3 else cv2.COLOR_BGRA2RGBA)


def read(data):
    chunks = chunks_of(data)
    bits, color, *_, interlaced = struct.unpack(">8x5B", chunks[b"IHDR"])
    samples = by_opencv(data, color) if interlaced else imagecodecs.png_decode(data)
    transparency = "alpha" if color in (4, 6) or b"tRNS" in chunks else "none"
    said = {
        "colours": "grey" if color in (0, 4) else "RGB", "alpha": transparency == "alpha",
        "palette": color == 3, "bits": bits,
        "text": [one for one in all_chunks(data) if one[0] in TEXT],
        "EXIF": said_by_exif(Image.open(io.BytesIO(data))),
        "credentials": b"caBX" in chunks,
    }
    for name in KEPT:
        content = chunks.get(name)
        if name == b"iCCP" and content:
            content = zlib.decompress(content[content.index(b"\0") + 2:])
        said["ICC profile" if name == b"iCCP" else name.decode()] = content
    stored = {"rows": "interlaced" if interlaced else "without interlacing"}
    if b"tRNS" in chunks and color != 3:
        stored["transparency"] = "with a transparent colour"
    elif transparency == "alpha":
        stored["transparency"] = "with an alpha channel"
    return Seen([samples], said, stored)


def profile(gray=False):
    if not gray:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A grey profile: its class, its colours and a curve of gamma 2.2.
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, 0x0233, 0)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags, at = [(b"wtpt", white), (b"kTRC", curve)], 128 + 4 + 2 * 12
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s12x4s", at + len(body), b"\0\0\0\0", 0x02100000, b"mntr",
                       b"GRAY", b"XYZ ", b"acsp").ljust(68, b"\0")
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def exif(tags, comment=None):
    directory = Image.Exif()
    directory.update(tags)
    if comment:
        directory[OWN] = {COMMENT: b"ASCII\0\0\0" + comment}
    return directory.tobytes().removeprefix(b"Exif\0\0")


def said_by_exif(image):
    """The orientation and the words of an image's EXIF."""
    tags = image.getexif()
    words = {tag: tags[tag] for tag in WORDS if tag in tags}
    return tags.get(ORIENTATION, 1), words, tags.get_ifd(OWN).get(COMMENT)


def indices(bits):
    return noise(1, seed=5) & ((1 << bits) - 1)


def colors(bits):
    return np.random.default_rng(6).integers(0, 256, (1 << bits, 3)).astype("u1").tobytes()


def kinds():
    def kind(color, bits, samples, option, chunks=(), interlaced=False, **more):
        pixels = f"{COLORS[color]}, {count_bits(bits)}"
        return Kind("PNG", "png", pixels, option, png(color, bits, samples, chunks, interlaced),
                    read, "libpng (imagecodecs, OpenCV)", **more)

    for color, depths in [(0, (1, 2, 4, 8, 16)), (4, (8, 16)), (2, (8, 16)), (6, (8, 16))]:
        for bits in depths:
            if bits < 8:
                samples = indices(bits)
            else:
                samples = noise(CHANNELS[color], f"u{bits // 8}", seed=color + bits)
            yield kind(color, bits, samples, "plain")
            odd = samples[:HEIGHT - 3, :WIDTH - 5]
            yield kind(color, bits, odd, "interlaced, odd sides", interlaced=True)
    for bits in (1, 2, 4, 8):
        palette = (b"PLTE", colors(bits))
        holes = (b"tRNS", bytes([0, 255, 128, 7][:1 << bits]))
        yield kind(3, bits, indices(bits), "plain", [palette])
        yield kind(3, bits, indices(bits), "alpha", [palette, holes])
    yield kind(3, 8, indices(8), "interlaced", [(b"PLTE", colors(8))], True)
    for color, bits in [(0, 8), (0, 16), (2, 8), (2, 16)]:
        samples = noise(CHANNELS[color], f"u{bits // 8}", seed=7)
        key = b"".join(struct.pack(">H", int(level)) for level in samples[5, 5])
        yield kind(color, bits, samples, "a transparent colour", [(b"tRNS", key)])

    for bits in (8, 16):
        samples = noise(4, f"u{bits // 8}", seed=8)
        samples[samples[..., 3] == 0] = 0
        yield kind(6, bits, samples, 'black under alpha 0, by `alpha = "data"`', alpha_is_data=True)
    rgb, deep, gray = noise(3), noise(3, "u2"), noise(1)
    icc = (b"iCCP", b"profile\0\0" + zlib.compress(profile()))
    gray_icc = (b"iCCP", b"profile\0\0" + zlib.compress(profile(gray=True)))
    gamma = (b"gAMA", struct.pack(">I", 100000))
    wide = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
    for option, chunks in [
        ("ICC profile", [icc]), ("gAMA", [gamma]), ("gAMA and cHRM", [gamma, wide]),
        ("sRGB", [(b"sRGB", b"\x01")]),
        ("sRGB, gAMA and cHRM", [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455)), wide]),
        ("cICP", [(b"cICP", bytes([12, 13, 0, 1]))]),
        ("cICP, mDCV and cLLI", [
            (b"cICP", bytes([9, 16, 0, 1])),
            (b"mDCV", struct.pack(">8HII", 34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450,
                                  10_000_000, 50)),
            (b"cLLI", struct.pack(">II", 10_000_000, 4_000_000))]),
        ("pixel density", [(b"pHYs", struct.pack(">IIB", 11811, 5906, 1))]),
        ("pixel aspect without a unit", [(b"pHYs", struct.pack(">IIB", 2, 1, 0))]),
        ("EXIF orientation", [(b"eXIf", exif({ORIENTATION: 6}))]),
        ("EXIF orientation, text and comment", [
            (b"eXIf", exif(WORDS | {ORIENTATION: 6}, b"by hand"))]),
        ("title, author, comment, XMP", [
            (b"tEXt", b"Title\0A picture"), (b"tEXt", b"Author\0Somebody"),
            (b"zTXt", b"Comment\0\0" + zlib.compress(b"by hand " * 20)),
            (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]),
    ]:
        yield kind(2, 8, rgb, option, chunks)
        yield kind(2, 16, deep, option, chunks)
    yield kind(0, 8, gray, "ICC profile", [gray_icc])
    yield kind(0, 8, gray, "gAMA and pixel density", [
        gamma, (b"pHYs", struct.pack(">IIB", 3937, 3937, 1))])
    yield kind(2, 8, rgb, "content credentials (C2PA)", [(b"caBX", b"\0\0\0\x0cjumbc2pa")])
