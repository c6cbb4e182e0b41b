"""TGA and BMP, written by hand."""

import io
import struct

import numpy as np
from PIL import Image

from kinds import HEIGHT, WIDTH, Kind, Seen, count_bits, multiplied, noise, runs
from kinds_png import profile

SIGNATURE = b"TRUEVISION-XFILE.\0"
ORIGINS = ["bottom left", "bottom right", "top left", "top right"]


def tga(kind, bits, body, descriptor, size=(WIDTH, HEIGHT), image_id=b"", palette=None):
    head = struct.pack("<BBB", len(image_id), palette is not None, kind)
    head += struct.pack("<HHB", 0, len(palette), 8 * palette.shape[1]) if palette is not None else (
        bytes(5))
    head += struct.pack("<HHHHBB", 3, 7, *size, bits, descriptor) + image_id
    return head + (palette.tobytes() if palette is not None else b"") + body


def packets(pixels):
    """Run lengths: of equal pixels, and of others one by one, within a row of up to 128."""
    out = b""
    for row in pixels:
        for start, end in runs(row):
            out += bytes([127 + end - start if end - start > 1 else 0]) + row[start].tobytes()
    return out


def areas(data, attributes, author=b"Somebody"):
    """An extension area, a developer area of one field, and the footer."""
    field, at = b"by hand", len(data)
    developer = struct.pack("<HHII", 1, 40000, at, len(field))
    extension = bytearray(495)
    extension[:2] = struct.pack("<H", 495)
    extension[2:2 + len(author)] = author
    extension[494] = attributes
    start = at + len(field) + len(developer)
    return data + field + developer + bytes(extension) + struct.pack(
        "<II", start, at + len(field)) + SIGNATURE


def read_tga(data):
    id_bytes, mapped, kind = data[:3]
    bits, descriptor = data[16:18]
    start = 18 + id_bytes
    said = {"palette": mapped == 1, "image ID": data[18:start], "screen": data[8:12],
            "run lengths": kind >= 8, "origin": ORIGINS[descriptor >> 4 & 3],
            "footer": data.endswith(SIGNATURE), "colours": "grey" if kind & 3 == 3 else "RGB"}
    said["bits"], said["attribute bits"] = data[7] if mapped else bits, descriptor & 15
    if said["footer"]:
        extension, developer = struct.unpack("<II", data[-26:-18])
        if extension:
            area = bytearray(data[extension:extension + 495])
            area[482:494] = bytes(12)
            said["extension area"] = bytes(area)
        if developer:
            number, at, length = struct.unpack_from("<HII", data, developer + 2)
            said["developer area"] = number, data[at:at + length]
    with Image.open(io.BytesIO(data)) as image:
        samples = np.asarray(image.convert("RGB") if image.mode == "P" and (
            image.palette.mode == "RGB") else image.convert("RGBA") if image.mode == "P" else image)
    return Seen([samples], said)


def targa():
    def kind(pixels, option, data):
        return Kind("TGA", "tga", pixels, option, data, read_tga, "Pillow, numpy")

    rows = noise(4, seed=20)
    rows[:, 3:9] = rows[:, 3:4]
    words = np.random.default_rng(21).integers(0, 1 << 16, (HEIGHT, WIDTH)).astype("<u2")
    words[0, :8], words[1, 4:20] = 0, words[1, 4]
    words = words.view("u1").reshape(HEIGHT, WIDTH, 2)
    table = [("grey, 8 bits", 3, 8, rows[..., :1], 0),
             ("grey with alpha, 16 bits", 3, 16, rows[..., [0, 3]], 8),
             ("RGB, 24 bits", 2, 24, rows[..., :3], 0), ("RGBA, 32 bits", 2, 32, rows, 8),
             ("RGB and one bit, 16 bits", 2, 16, words, 1)]
    for pixels, number, bits, body, attributes in table:
        for origin, name in enumerate(ORIGINS):
            yield kind(pixels, name, tga(number, bits, body.tobytes(), attributes | origin << 4))
        for origin in (0, 2):
            yield kind(pixels, f"run lengths, {ORIGINS[origin]}", tga(
                number | 8, bits, packets(body), attributes | origin << 4))
        odd = np.ascontiguousarray(body[:HEIGHT - 3, :WIDTH - 5])
        yield kind(pixels, "odd sides", tga(
            number, bits, odd.tobytes(), attributes, (WIDTH - 5, HEIGHT - 3)))
        plain = tga(number, bits, body.tobytes(), attributes, image_id=b"an ID")
        yield kind(pixels, "image ID", plain)
        yield kind(pixels, "image ID, extension and developer area", areas(
            plain, 3 if attributes else 0))
    declared = tga(2, 32, rows.tobytes(), 0)
    yield kind("RGBA, 32 bits", "no attribute bits declared", declared)
    for attributes, name in [(0, "no alpha"), (1, "undefined, may be ignored"),
                             (2, "undefined, to be kept"), (3, "alpha"), (4, "multiplied alpha")]:
        pixels = multiplied(rows) if attributes == 4 else rows
        yield kind("RGBA, 32 bits", f"fourth byte by the extension area: {name}", areas(
            tga(2, 32, pixels.tobytes(), 8), attributes))
    random = np.random.default_rng(22)
    for count, name in [(3, "palette, 24 bits"), (4, "palette, 32 bits")]:
        palette = random.integers(0, 256, (256, count)).astype("u1")
        for run_lengths in (False, True):
            body = packets(rows[..., :1]) if run_lengths else rows[..., :1].tobytes()
            yield kind(name, "run lengths" if run_lengths else "plain", tga(
                1 | 8 * run_lengths, 8, body, 8 * (count == 4), palette=palette))


def bmp(samples, bits, masks=None, header=40, palette=None, top_down=False, compression=0,
        extra=b"", density=(2835, 2835), packed=None):
    """`samples` are bytes of pixels, row by row from the top; `packed` is stored in their place."""
    height = len(samples)
    rows = samples.reshape(height, -1)
    width = rows.shape[1] * 8 // bits
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    body = packed or (rows if top_down else rows[::-1]).tobytes()
    info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits,
                       compression, len(body), *density, len(palette) // 4 if palette else 0, 0)
    if masks:
        info += struct.pack("<4I" if header > 52 else "<3I", *masks)
    if header > 52:
        # sRGB, or an embedded profile that stands at the end.
        info += (b"DEBM" if extra else b"BGRs") + bytes(48)
        if header == 124:
            at = header + len(body)
            info += struct.pack("<4I", 4, at if extra else 0, len(extra), 0)
    info += palette or b""
    start = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", start + len(body) + len(extra), 0, 0, start) + info + (
        body + extra)


def part(words, mask):
    """The nearest level of 8 bits to the bits of a mask."""
    most = mask // (mask & -mask)
    return np.round((words & mask) // (mask & -mask) * (255 / most)).astype("u1")


def read_bmp(data):
    header, _, height, _, bits, compression = struct.unpack_from("<IiiHHI", data, 14)
    masks = struct.unpack_from("<4I", data, 54)[:4 if header > 52 else 3]
    masks = masks if compression == 3 else None
    alpha = masks is not None and len(masks) == 4 and masks[3] != 0
    if bits == 16:
        # Pillow cuts levels off where others round them.
        words = np.frombuffer(data[-2 * WIDTH * HEIGHT:], "<u2").reshape(HEIGHT, WIDTH)[::-1]
        samples = np.stack([part(words, mask) for mask in (masks or (0x7C00, 0x3E0, 0x1F))[:3]], -1)
    else:
        with Image.open(io.BytesIO(data)) as image:
            samples = np.asarray(image.convert("RGBA" if alpha else "RGB"))
    low = bits == 16 or bits < 8
    return Seen([samples], {
        "palette": bits <= 8, "bits": "fewer than 8" if low else "8",
        "density": struct.unpack_from("<ii", data, 38), "alpha": alpha,
        "ICC profile": data[70:74] == b"DEBM" and header == 124,
    }, {"rows": "from the top" if height < 0 else "from the bottom",
        "bits": f"in {bits} bits"})


def windows():
    def kind(pixels, option, data, **more):
        return Kind("BMP", "bmp", pixels, option, data, read_bmp, "Pillow, numpy", **more)

    rows = noise(4, seed=23)
    words = np.random.default_rng(24).integers(0, 1 << 16, (HEIGHT, WIDTH)).astype("<u2")
    words = words.view("u1").reshape(HEIGHT, WIDTH, 2)
    normal = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield kind("RGB, 24 bits a pixel", "plain", bmp(rows[..., :3], 24))
    yield kind("RGB, 24 bits a pixel", "top-down", bmp(rows[..., :3], 24, top_down=True))
    yield kind("RGB, 24 bits a pixel", "odd sides", bmp(rows[:33, :43, :3], 24))
    yield kind("RGB, 24 bits a pixel", "pixel density", bmp(
        rows[..., :3], 24, density=(11811, 5906)))
    yield kind("RGB, 24 bits a pixel", "ICC profile", bmp(
        rows[..., :3], 24, header=124, masks=(0, 0, 0, 0), extra=profile()))
    yield kind("RGB, 32 bits a pixel", "plain", bmp(rows, 32))
    for header, name in [(108, "version 4"), (124, "version 5")]:
        yield kind("RGBA, 32 bits a pixel", name, bmp(rows, 32, normal, header, compression=3))
    yield kind("RGBA, 32 bits a pixel", "top-down", bmp(
        rows, 32, normal, 108, compression=3, top_down=True))
    yield kind("RGB, 16 bits a pixel", "5:5:5", bmp(words, 16))
    yield kind("RGB, 16 bits a pixel", "5:6:5", bmp(
        words, 16, (0xF800, 0x7E0, 0x1F), compression=3))
    colors = np.random.default_rng(25).integers(0, 256, (256, 4)).astype("u1")
    colors[:, 3] = 0
    for bits in (1, 4, 8):
        indices = rows[..., :1] & ((1 << bits) - 1)
        each = np.unpackbits(indices, axis=-1)[..., 8 - bits:].reshape(HEIGHT, -1)
        palette = colors[:1 << bits].tobytes()
        yield kind(f"palette, {count_bits(bits)}", "plain", bmp(
            np.packbits(each, axis=-1), bits, palette=palette))
    packed = b"".join(b"".join(bytes([1, index]) for index in row) + bytes(2)
                      for row in rows[::-1, :, 0].tolist()) + bytes([0, 1])
    yield kind("palette, 8 bits", "run lengths", bmp(
        rows[..., :1], 8, palette=colors.tobytes(), compression=1, packed=packed))


def kinds():
    yield from targa()
    yield from windows()
