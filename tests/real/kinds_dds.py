"""DDS: masks, numbers of Direct3D 9 and 10, blocks and mips, written by hand."""

import struct

import blocks
import texels
from kinds import HEIGHT, WIDTH, Kind, Seen, multiplied, noise, smooth
from texels import BGRA, RGBA, Blocks, Masked, Samples

ALL_MIPS = 6
RGB, ALPHA, ALPHA_ONLY, FOUR_CC, GRAY = 0x40, 1, 2, 4, 0x20000
TEN = (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)

# Names of Direct3D 9, what the header says, and how pixels are stored.
MASKS = [
    ("A8R8G8B8", RGB | ALPHA, Masked(4, BGRA)), ("A8B8G8R8", RGB | ALPHA, Masked(4, RGBA)),
    ("X8R8G8B8", RGB, Masked(4, BGRA[:3])), ("R8G8B8", RGB, Masked(3, BGRA[:3])),
    ("R5G6B5", RGB, Masked(2, (0xF800, 0x7E0, 0x1F))),
    ("A1R5G5B5", RGB | ALPHA, Masked(2, (0x7C00, 0x3E0, 0x1F, 0x8000))),
    ("X1R5G5B5", RGB, Masked(2, (0x7C00, 0x3E0, 0x1F))),
    ("A4R4G4B4", RGB | ALPHA, Masked(2, (0xF00, 0xF0, 0xF, 0xF000))),
    ("A2B10G10R10", RGB | ALPHA, Masked(4, TEN)), ("L8", GRAY, Masked(1, (0xFF,))),
    ("L16", GRAY, Masked(2, (0xFFFF,))), ("A8L8", GRAY | ALPHA, Masked(2, (0xFF, 0xFF00))),
    ("A4L4", GRAY | ALPHA, Masked(1, (0xF, 0xF0))),
    ("A8", ALPHA_ONLY, Masked(1, (0, 0, 0, 0xFF))),
]
FOUR_CCS = [
    (36, "A16B16G16R16", Samples("u2", 4)), (113, "A16B16G16R16F", Samples("f2", 4)),
    (116, "A32B32G32R32F", Samples("f4", 4)), (b"DXT1", "BC1", Blocks(1)),
    (b"DXT1", "BC1, holes", Blocks(1, True)), (b"DXT3", "BC2", Blocks(2)),
    (b"DXT5", "BC3", Blocks(3)), (b"ATI1", "BC4", Blocks(4)), (b"BC4U", "BC4", Blocks(4)),
    (b"ATI2", "BC5", Blocks(5)), (b"BC5U", "BC5", Blocks(5)),
]
DXGI = [
    (2, "R32G32B32A32_FLOAT", Samples("f4", 4)), (10, "R16G16B16A16_FLOAT", Samples("f2", 4)),
    (11, "R16G16B16A16_UNORM", Samples("u2", 4)), (24, "R10G10B10A2_UNORM", Masked(4, TEN)),
    (28, "R8G8B8A8_UNORM", Masked(4, RGBA)), (29, "R8G8B8A8_UNORM_SRGB", Masked(4, RGBA)),
    (35, "R16G16_UNORM", Masked(4, (0xFFFF, 0xFFFF0000, 0))),
    (49, "R8G8_UNORM", Masked(2, (0xFF, 0xFF00, 0))), (56, "R16_UNORM", Masked(2, (0xFFFF,))),
    (61, "R8_UNORM", Masked(1, (0xFF,))), (65, "A8_UNORM", Masked(1, (0, 0, 0, 0xFF))),
    (85, "B5G6R5_UNORM", Masked(2, (0xF800, 0x7E0, 0x1F))),
    (86, "B5G5R5A1_UNORM", Masked(2, (0x7C00, 0x3E0, 0x1F, 0x8000))),
    (87, "B8G8R8A8_UNORM", Masked(4, BGRA)), (91, "B8G8R8A8_UNORM_SRGB", Masked(4, BGRA)),
    (88, "B8G8R8X8_UNORM", Masked(4, BGRA[:3])),
    (93, "B8G8R8X8_UNORM_SRGB", Masked(4, BGRA[:3])),
    (115, "B4G4R4A4_UNORM", Masked(2, (0xF00, 0xF0, 0xF, 0xF000))),
    (71, "BC1_UNORM", Blocks(1)), (72, "BC1_UNORM_SRGB", Blocks(1)), (74, "BC2_UNORM", Blocks(2)),
    (75, "BC2_UNORM_SRGB", Blocks(2)), (77, "BC3_UNORM", Blocks(3)),
    (78, "BC3_UNORM_SRGB", Blocks(3)), (80, "BC4_UNORM", Blocks(4)), (83, "BC5_UNORM", Blocks(5)),
    (95, "BC6H_UF16", Blocks(6)), (98, "BC7_UNORM", Blocks(7)), (99, "BC7_UNORM_SRGB", Blocks(7)),
]
# The least dB of blocks that are packed again.
LEAST = 50
ALPHA_MODES = {1: "straight alpha", 2: "multiplied alpha", 3: "opaque", 4: "alpha that is data"}


def dds(layout, body, flags=FOUR_CC, code=0, dxgi=None, mips=1, mode=0):
    pitch = layout.bytes_of(WIDTH, HEIGHT if isinstance(layout, Blocks) else 1)
    size_flag = 0x80000 if isinstance(layout, Blocks) else 8
    masks, bits = [0] * 4, 0
    if not flags & FOUR_CC:
        bits = 8 * layout.size
        colors = layout.masks if len(layout.masks) > 2 else (layout.masks[0], 0, 0,
                                                             *layout.masks[1:])
        masks[:len(colors)] = colors
    code = b"DX10" if dxgi else code
    code = int.from_bytes(code, "little") if isinstance(code, bytes) else code
    head = struct.pack(
        "<4s7I44x2I6I5I", b"DDS ", 124, 0x1007 | size_flag | (0x20000 if mips > 1 else 0), HEIGHT,
        WIDTH, pitch, 0, mips, 32, flags, code, bits, *masks,
        0x1000 | (0x400008 if mips > 1 else 0), 0, 0, 0, 0)
    return head + (struct.pack("<5I", dxgi, 3, 0, 1, mode) if dxgi else b"") + body


def reader(layout, mips):
    def read(data):
        start = 148 if data[84:88] == b"DX10" else 128
        found, rest = texels.pictures(layout, data[start:], WIDTH, HEIGHT, mips)
        first, size = found[0]
        return Seen([layout.samples(first, *size)], {"header": data[:start], "rest": rest},
                    mips=[layout.unit(part, *size) for part, size in found])
    return read


def is_encoded(layout, dxgi):
    """Which levels are taken for light as sRGB encodes it."""
    if isinstance(layout, Blocks):
        return layout.kind not in (4, 5, 6)
    if isinstance(layout, Samples):
        return layout.dtype == "u2"
    is_two = len(layout.masks) == 3 and not layout.masks[2]
    return not is_two and (len(layout.masks) > 2 or not dxgi)


def kind(name, option, layout, mips=1, seed=41, body=None, **how):
    body = body or layout.picture(seed, mips > 1)
    for mip in range(1, mips):
        # To be made anew, whatever they were.
        body += bytes(layout.bytes_of(*blocks.size_of(mip, WIDTH, HEIGHT)))
    bound, what = None, "numpy"
    if isinstance(layout, Blocks):
        bound, what = LEAST, "bcdec (imagecodecs)"
    elif getattr(layout, "dtype", "") == "f4":
        bound = "one part in 100,000"
    also = texels.right_mips(
        layout, is_encoded(layout, "dxgi" in how), how.get("mode") != 4) if mips > 1 else ()
    return Kind("DDS", "dds", name, option, dds(layout, body, mips=mips, **how),
                reader(layout, mips), what, bound, *also)


def kinds():
    for mips, option in [(1, "one picture"), (ALL_MIPS, "all mips")]:
        for name, flags, layout in MASKS:
            if mips == 1 or not isinstance(layout, Masked) or layout.size > 2 or name[0] == "L":
                yield kind(name, option, layout, mips, flags=flags)
        for code, name, layout in FOUR_CCS:
            letters = code.decode() if isinstance(code, bytes) else f"number {code}"
            if mips == 1 or not getattr(layout, "holes", False):
                yield kind(f"{name} ({letters})", option, layout, mips, code=code)
        for code, name, layout in DXGI:
            if mips == 1 or not isinstance(layout, Masked) or layout.size == 4 or code in (49, 61):
                yield kind(name, option, layout, mips, dxgi=code)
    yield kind("BC7_UNORM_SRGB", "3 mips", Blocks(7), 3, dxgi=99)
    pixels = noise(4, seed=42)
    for mode, option in ALPHA_MODES.items():
        yield kind("R8G8B8A8_UNORM_SRGB", option, Masked(4, RGBA[:3] if mode == 3 else RGBA),
                   dxgi=29, mode=mode, body=(multiplied(pixels) if mode == 2 else pixels).tobytes())
    yield kind("R8G8B8A8_UNORM_SRGB", "alpha that is data, all mips", Masked(4, RGBA), ALL_MIPS,
               dxgi=29, mode=4)
    pixels = multiplied(smooth(4, 43, least=0.1))
    for code, layout in [(b"DXT2", Blocks(2)), (b"DXT4", Blocks(3))]:
        name = f"BC{layout.kind}, multiplied alpha ({code.decode()})"
        yield kind(name, "one picture", layout, code=code, body=blocks.pack(layout.kind, pixels))
