"""TGA: cut-outs, attributes types, origins, run lengths, image ID and footer come back."""

import struct

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 24, 17
SIGNATURE = b"TRUEVISION-XFILE.\0"


def header(kind, bits, descriptor, id_bytes=0):
    return struct.pack("<BBBHHBHHHHBB", id_bytes, 0, kind, 0, 0, 0, 0, 0, WIDTH, HEIGHT, bits,
                       descriptor)


def across_rows(pixels):
    """Run-length packets that do not care for rows, as TGA 1.0 allows."""
    packed = b""
    while pixels:
        count = next((n for n, p in enumerate(pixels[:128]) if p != pixels[0]),
                     min(len(pixels), 128))
        packed += bytes([127 + count]) + pixels[0]
        pixels = pixels[count:]
    return packed


def runs_within_rows(data, size):
    at, pixel = 0, 0
    while pixel < WIDTH * HEIGHT:
        count = (data[at] & 127) + 1
        if pixel % WIDTH + count > WIDTH:
            return False
        at += 1 + size * (1 if data[at] & 128 else count)
        pixel += count
    return True


def painted(t, data):
    file, out = t.dir / "in.tga", t.dir / "out.tga"
    out.unlink(missing_ok=True)
    file.write_bytes(data)
    t.identity(file, out)
    Image.open(out).load()
    return out.read_bytes()


def run(t):
    random = np.random.default_rng(3)
    colors = random.integers(0, 256, (HEIGHT, WIDTH, 4)).astype("u1")
    colors[:, 3:9] = colors[:, 3:4]
    pixels = [bytes(pixel) for pixel in colors.reshape(-1, 4)]
    raw = b"".join(pixels)
    attribute = colors[..., 3]

    # A cut-out of one bit, of which 1 is opaque.
    words = random.integers(0, 1 << 16, HEIGHT * WIDTH).astype("<u2")
    out = painted(t, header(2, 16, 1) + words.tobytes())
    t.check(out[16:18] == bytes([16, 1]), "16 bits and one attribute bit")
    bits = np.frombuffer(out[18:18 + 2 * words.size], "<u2") >> 15
    t.check(np.array_equal(bits, words >> 15), "the cut-out")

    # All origins, with and without run lengths.
    for origin in range(4):
        for kind in (2, 10):
            body = raw if kind == 2 else across_rows(pixels)
            out = painted(t, header(kind, 32, 8 | origin << 4) + body)
            row = f"origin {origin}, type {kind}"
            t.check((out[2], out[17]) == (kind, 8 | origin << 4), f"{row}: {out[2]}, {out[17]}")
            if kind == 10:
                t.check(runs_within_rows(out[18:], 4), f"{row}: a packet crosses a row")
            else:
                back = np.frombuffer(out[18:18 + len(raw)], "u1").reshape(HEIGHT, WIDTH, 4)
                t.check(np.array_equal(back[..., 3], attribute), f"{row}: alpha")

    # What the extension area says of the fourth byte; the ID and the footer stay.
    for kind in range(5):
        data = header(2, 32, 8, 2) + b"ID" + raw
        area = bytearray(495)
        area[:2] = struct.pack("<H", 495)
        area[494] = kind
        at = len(data)
        data += bytes(area) + struct.pack("<II", at, 0) + SIGNATURE
        out = painted(t, data)
        t.check(out[18:20] == b"ID" and out.endswith(SIGNATURE), f"type {kind}: ID and footer")
        extension, = struct.unpack("<I", out[-26:-22])
        t.check(out[extension + 494] == kind, f"type {kind}: {out[extension + 494]}")
        back = np.frombuffer(out[20:20 + len(raw)], "u1").reshape(HEIGHT, WIDTH, 4)
        t.check(np.array_equal(back[..., 3], attribute), f"type {kind}: the fourth byte")
        # Types 0 to 2 are no cut-out: PNG gets no alpha.
        png = t.dir / f"type{kind}.png"
        t.identity(t.dir / "in.tga", png)
        t.check(("A" in Image.open(png).getbands()) == (kind >= 3), f"type {kind}: alpha in PNG")

    # From another format: not compressed, the bottom row first.
    source, out = t.dir / "in.png", t.dir / "made.tga"
    Image.fromarray(colors, "RGBA").save(source)
    t.identity(source, out)
    made = out.read_bytes()
    t.check((made[2], made[16], made[17]) == (2, 32, 8), "the layout that engines read")
