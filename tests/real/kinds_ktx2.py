"""KTX2: samples, blocks, packings, levels, orientations and names with values, by hand."""

import struct
import zlib

import imagecodecs
import numpy as np

import blocks
import texels
from kinds import HEIGHT, WIDTH, Kind, Seen, multiplied, noise
from kinds_dds import LEAST
from texels import RGBA, Blocks, Masked, Samples

IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
ALL_LEVELS = 6
BLUE_FIRST = (0xFF0000, 0xFF00, 0xFF)
TWO = (0xFF, 0xFF00, 0)
# Vulkan's number and name of each format, and how texels are stored.
FORMATS = [
    (9, "R8_UNORM", Masked(1, RGBA[:1])), (15, "R8_SRGB", Masked(1, RGBA[:1])),
    (16, "R8G8_UNORM", Masked(2, TWO)), (22, "R8G8_SRGB", Masked(2, TWO)),
    (23, "R8G8B8_UNORM", Masked(3, RGBA[:3])), (29, "R8G8B8_SRGB", Masked(3, RGBA[:3])),
    (30, "B8G8R8_UNORM", Masked(3, BLUE_FIRST)), (36, "B8G8R8_SRGB", Masked(3, BLUE_FIRST)),
    (37, "R8G8B8A8_UNORM", Masked(4, RGBA)), (43, "R8G8B8A8_SRGB", Masked(4, RGBA)),
    (44, "B8G8R8A8_UNORM", Masked(4, texels.BGRA)), (50, "B8G8R8A8_SRGB", Masked(4, texels.BGRA)),
    (70, "R16_UNORM", Samples("u2", 1)), (77, "R16G16_UNORM", Samples("u2", 2)),
    (84, "R16G16B16_UNORM", Samples("u2", 3)), (91, "R16G16B16A16_UNORM", Samples("u2", 4)),
    (76, "R16_SFLOAT", Samples("f2", 1)), (83, "R16G16_SFLOAT", Samples("f2", 2)),
    (90, "R16G16B16_SFLOAT", Samples("f2", 3)), (97, "R16G16B16A16_SFLOAT", Samples("f2", 4)),
    (100, "R32_SFLOAT", Samples("f4", 1)), (103, "R32G32_SFLOAT", Samples("f4", 2)),
    (106, "R32G32B32_SFLOAT", Samples("f4", 3)), (109, "R32G32B32A32_SFLOAT", Samples("f4", 4)),
    (131, "BC1_RGB_UNORM", Blocks(1)), (132, "BC1_RGB_SRGB", Blocks(1)),
    (133, "BC1_RGBA_UNORM", Blocks(1, True)), (134, "BC1_RGBA_SRGB", Blocks(1, True)),
    (135, "BC2_UNORM", Blocks(2)), (136, "BC2_SRGB", Blocks(2)), (137, "BC3_UNORM", Blocks(3)),
    (138, "BC3_SRGB", Blocks(3)), (139, "BC4_UNORM", Blocks(4)), (141, "BC5_UNORM", Blocks(5)),
    (143, "BC6H_UFLOAT", Blocks(6)), (145, "BC7_UNORM", Blocks(7)), (146, "BC7_SRGB", Blocks(7)),
]
PACKINGS = {0: "not packed", 2: "Zstandard", 3: "ZLIB"}
NAMES = [(b"KTXwriter", b"by hand\0"), (b"myStudio", b"\1\2\3")]


def description(layout, srgb, is_multiplied):
    """The basic block: model, BT.709, curve, and what each sample is."""
    if isinstance(layout, Blocks):
        model, sides, size = 127 + layout.kind, bytes([3, 3, 0, 0]), blocks.BYTES[layout.kind]
        samples = [(0, 8 * size - 1, 0, 0xFFFFFFFF)]
    else:
        model, sides = 1, bytes(4)
        channels = getattr(layout, "channels", 0) or sum(map(bool, layout.masks))
        size = layout.bytes_of(1, 1)
        bits, kind = 8 * size // channels, 0xC0 if getattr(layout, "dtype", "u1")[0] == "f" else 0
        top = struct.unpack("<I", struct.pack("<f", 1))[0] if kind else (1 << bits) - 1
        samples = [(bits * at, bits - 1, kind | (at if at < 3 else 15), top)
                   for at in range(channels)]
    entries = b"".join(struct.pack("<HBBIII", at, length, channel, 0, 0, top)
                       for at, length, channel, top in samples)
    block = struct.pack("<IHHBBBB4s8B", 0, 2, 24 + len(entries), model, 1, 2 if srgb else 1,
                        int(is_multiplied), sides, size, *bytes(7)) + entries
    return struct.pack("<I", 4 + len(block)) + block


def ktx2(number, layout, pictures, srgb=False, names=(), packing=0, is_multiplied=False):
    """The smallest picture comes first, as the format wants it."""
    pack = {0: bytes, 2: imagecodecs.zstd_encode, 3: zlib.compress}[packing]
    start = 80 + 24 * len(pictures)
    about = description(layout, srgb, is_multiplied)
    data = b""
    for name, value in names:
        entry = name + b"\0" + value
        data += struct.pack("<I", len(entry)) + entry + bytes(-len(entry) % 4)
    word = np.dtype(getattr(layout, "dtype", "u1")).itemsize
    head = IDENTIFIER + struct.pack(
        "<9I4I2Q", number, word, WIDTH, HEIGHT, 0, 0, 1, len(pictures), packing, start, len(about),
        start + len(about) if data else 0, len(data), 0, 0)
    step = np.lcm(blocks.BYTES[layout.kind] if isinstance(layout, Blocks) else layout.bytes_of(
        1, 1), 4)
    body, index = about + data, []
    for picture in reversed(pictures):
        packed = pack(picture)
        body += bytes(-(start + len(body)) % step if packing == 0 else 0)
        index.insert(0, struct.pack("<3Q", start + len(body), len(packed), len(picture)))
        body += packed
    return head + b"".join(index) + body


def reader(layout):
    def read(data):
        levels, packing, about, length, at, size = struct.unpack_from("<6I", data, 40)
        unpack = {0: bytes, 2: imagecodecs.zstd_decode, 3: zlib.decompress}[packing]
        found = []
        for level in range(levels):
            start, packed, _ = struct.unpack_from("<3Q", data, 80 + 24 * level)
            found.append((unpack(data[start:start + packed]),
                          blocks.size_of(level, WIDTH, HEIGHT)))
        first, sides = found[0]
        said = {"head": data[:48], "description": data[about:about + length],
                "names": data[at:at + size]}
        return Seen([layout.samples(first, *sides)], said,
                    mips=[layout.unit(part, *side) for part, side in found])
    return read


def kind(number, name, option, layout, levels=1, body=None, read_as=None, **how):
    pictures = [body or layout.picture(number, levels > 1)]
    pictures += [bytes(layout.bytes_of(*blocks.size_of(level, WIDTH, HEIGHT)))
                 for level in range(1, levels)]
    srgb, bound, what = name.endswith("SRGB"), None, "numpy, imagecodecs"
    if isinstance(layout, Blocks):
        bound, what = LEAST, "bcdec (imagecodecs)"
    elif getattr(layout, "dtype", "") == "f4":
        bound = "one part in 100,000"
    also = texels.right_mips(layout, srgb, True) if levels > 1 else ()
    return Kind("KTX2", "ktx2", name, option, ktx2(number, layout, pictures, srgb, **how),
                reader(read_as or layout), what, bound, *also)


def kinds():
    for number, name, layout in FORMATS:
        yield kind(number, name, "one level", layout)
        if number not in (133, 134):
            yield kind(number, name, "all levels", layout, ALL_LEVELS)
    rgba, deep, packed = Masked(4, RGBA), Samples("u2", 4), Blocks(7)
    for packing, option in list(PACKINGS.items())[1:]:
        yield kind(43, "R8G8B8A8_SRGB", option, rgba, packing=packing)
        yield kind(43, "R8G8B8A8_SRGB", f"{option}, all levels", rgba, ALL_LEVELS, packing=packing)
        yield kind(91, "R16G16B16A16_UNORM", option, deep, packing=packing)
        yield kind(146, "BC7_SRGB", option, packed, packing=packing)
    for way in (b"rd", b"ru", b"ld", b"lu"):
        yield kind(43, "R8G8B8A8_SRGB", f"KTXorientation {way.decode()}", rgba,
                   names=[(b"KTXorientation", way + b"\0")])
    yield kind(43, "R8G8B8A8_SRGB", "names and values", rgba, names=NAMES)
    yield kind(146, "BC7_SRGB", "names and values", packed, names=NAMES)
    yield kind(43, "R8G8B8A8_SRGB", "KTXswizzle rgb1", rgba, read_as=Masked(4, RGBA[:3]),
               names=[(b"KTXswizzle", b"rgb1\0")])
    yield kind(16, "R8G8_UNORM", "KTXswizzle rrrg, grey with alpha", Masked(2, RGBA[:2]),
               names=[(b"KTXswizzle", b"rrrg\0")])
    yield kind(43, "R8G8B8A8_SRGB", "multiplied alpha", rgba, is_multiplied=True,
               body=multiplied(noise(4, seed=44)).tobytes())
