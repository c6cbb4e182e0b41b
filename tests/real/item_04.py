"""A PNG's cICP comes back, alone and beside gAMA, cHRM and an ICC profile."""

import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

CODE_POINTS = {"P3": bytes([12, 13, 0, 1]), "PQ": bytes([9, 16, 0, 1])}


def chunk(name, content):
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def chunks(data):
    at, found = 8, {}
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        found.setdefault(name, data[at + 8:at + 8 + length])
        at += 12 + length
    return found


def run(t):
    grid = np.arange(32 * 32 * 3).reshape(32, 32, 3) * 7 % 256
    for name, code_points in CODE_POINTS.items():
        more = {
            "alone": [],
            "light": [(b"mDCV", bytes(range(24))), (b"cLLI", bytes(range(8)))],
            "gamma": [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(
                ">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))],
            "profile": [],
        }
        for case, beside in more.items():
            source, out = t.dir / f"{name}-{case}.png", t.dir / f"{name}-{case}-out.png"
            profile = None
            if case == "profile":
                profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
            Image.fromarray(grid.astype(np.uint8)).save(source, icc_profile=profile)
            data = source.read_bytes()
            colors = [(b"cICP", code_points), *beside]
            # After the 8 bytes of the signature and the 25 of IHDR.
            source.write_bytes(data[:33] + b"".join(chunk(*one) for one in colors) + data[33:])
            t.identity(source, out)
            found = chunks(out.read_bytes())
            for key, content in colors:
                t.check(found.get(key) == content, f"{source.name} lost {key.decode()}")
            if profile:
                t.check(Image.open(out).info.get("icc_profile") == profile,
                        f"{source.name} lost its profile")
            t.check((np.asarray(Image.open(out).convert("RGB")) == grid).all(),
                    f"{source.name} has other pixels")
