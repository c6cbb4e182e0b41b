"""EXR, Radiance, QOI and KTX2 come back with what they hold, as other programs see them."""

import struct

import cv2
import numpy as np
import OpenEXR
import qoi

SIDE = 48


def smooth(channels, seed):
    """Blotches from 0.1 to 0.9."""
    small = np.random.default_rng(seed).uniform(0.1, 0.9, (5, 5, channels)).astype(np.float32)
    return np.clip(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0.05, 0.95)


def near(t, found, wanted, most, what):
    t.check(found.shape == wanted.shape, f"{what} has the shape {found.shape}")
    off = np.abs(found.astype(float) - wanted.astype(float)).max()
    t.check(off <= most, f"{what} is off by {off}")


def exr(t):
    colors = smooth(3, 1)
    for kind in [np.float16, np.float32]:
        for compression in [OpenEXR.ZIP_COMPRESSION, OpenEXR.PIZ_COMPRESSION]:
            channels = {name: colors[..., at].astype(kind) for at, name in enumerate("RGB")}
            channels["A"] = np.ones((SIDE, SIDE), kind)
            channels["Z"] = np.full((SIDE, SIDE), np.inf, np.float32)
            window = ((3, -2), (2 + SIDE, SIDE - 3))
            header = {
                "compression": compression, "type": OpenEXR.scanlineimage, "owner": "somebody",
                "dataWindow": window, "displayWindow": ((0, 0), (99, 79)),
                "pixelAspectRatio": 2.0,
            }
            source, out = t.dir / "a.exr", t.dir / "out.exr"
            with OpenEXR.File(header, channels) as file:
                file.write(str(source))
            t.identity(source, out, "--force")
            before = OpenEXR.File(str(source), separate_channels=True)
            after = OpenEXR.File(str(out), separate_channels=True)
            t.check(list(after.channels()) == list(before.channels()), "the channels differ")
            for name, channel in before.channels().items():
                found = after.channels()[name].pixels
                t.check(found.dtype == channel.pixels.dtype, f"{name} is {found.dtype}")
                if name == "Z":
                    t.check(np.isinf(found).all(), "the distance has changed")
                else:
                    near(t, found, channel.pixels, 0.01, f"{name} of {kind.__name__}")
            for key in header.keys() - {"type"}:
                t.check(str(after.header()[key]) == str(before.header()[key]), f"{key} has changed")


def radiance(t):
    source, out = t.dir / "a.hdr", t.dir / "out.hdr"
    cv2.imwrite(str(source), smooth(3, 2))
    data = source.read_bytes()
    end = data.index(b"\n\n")
    source.write_bytes(data[:end] + b"\nEXPOSURE=2.5\n# by hand" + data[end:])
    t.identity(source, out)
    lines = out.read_bytes().split(b"\n\n")[0].split(b"\n")
    t.check(b"EXPOSURE=2.5" in lines and b"# by hand" in lines, f"{lines}")
    before, after = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in [source, out])
    near(t, after, before, 0.02, "the light")


def quite_ok(t):
    for channels in [3, 4]:
        pixels = (smooth(channels, 3) * 255).astype(np.uint8)
        source, out = t.dir / f"{channels}.qoi", t.dir / f"{channels}-out.qoi"
        data = bytearray(qoi.encode(pixels))
        data[13] = 1
        source.write_bytes(data)
        t.identity(source, out)
        found = out.read_bytes()
        t.check(found[12:14] == bytes([channels, 1]), f"{found[:14]}")
        near(t, qoi.decode(found), pixels, 2, f"{channels} channels")


def ktx2(t):
    pixels = (smooth(4, 4) * 255).astype(np.uint8)
    # R8G8B8A8_SRGB: a basic block of four samples, of which alpha is linear.
    samples = b"".join(
        struct.pack("<HBBIII", 8 * at, 7, channel, 0, 0, 255)
        for at, channel in enumerate([0, 1, 2, 0x1f]))
    block = struct.pack("<IHHBBBB4s8s", 0, 2, 24 + len(samples), 1, 1, 2, 0, bytes(4),
                        bytes([4, 0, 0, 0, 0, 0, 0, 0])) + samples
    description = struct.pack("<I", 4 + len(block)) + block
    entry = b"KTXwriter\0by hand\0"
    data = struct.pack("<I", len(entry)) + entry
    data += bytes(-len(data) % 4)
    at = 80 + 24
    start = -(-(at + len(description) + len(data)) // 4) * 4
    head = b"\xabKTX 20\xbb\r\n\x1a\n" + struct.pack(
        "<9I4I2Q", 43, 1, SIDE, SIDE, 0, 0, 1, 1, 0, at, len(description),
        at + len(description), len(data), 0, 0)
    file = head + struct.pack("<3Q", start, pixels.nbytes, pixels.nbytes) + description + data
    source, out = t.dir / "a.ktx2", t.dir / "out.ktx2"
    source.write_bytes(file.ljust(start, b"\0") + pixels.tobytes())
    t.identity(source, out)
    found = out.read_bytes()
    t.check(found[:start] == source.read_bytes()[:start], "what stands before the pixels differs")
    texels = np.frombuffer(found[start:], np.uint8).reshape(SIDE, SIDE, 4)
    near(t, texels, pixels, 2, "KTX2")


def run(t):
    exr(t)
    radiance(t)
    quite_ok(t)
    ktx2(t)
