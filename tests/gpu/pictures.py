"""Pictures for the checks: made from waves, like those of `impasto bench`, and stored as BMP, which
needs no library to read or write."""

import math
import struct

import torch

HEADER = struct.Struct("<2sIHHI IiiHHIIiiII")


def waves(side, seed):
    """A square picture of shapes in three colours with a little noise, as bytes [height, width, 3]
    in BGR; `seed` varies it."""
    noise = torch.rand(side, side, 3, generator=torch.Generator().manual_seed(seed)) * 24 - 12
    turn = 1.0 + seed
    x = (torch.arange(side) * 0.11).view(1, side, 1)
    y = (torch.arange(side) * 0.07).view(side, 1, 1)
    phase = torch.tensor([4.0, 2.0, 0.0])
    picture = (
        128
        + 80 * torch.sin(x * math.sin(turn) + y * math.cos(turn) + torch.sin(x * y * 0.02) + phase)
        + noise
    )
    return picture.round().clamp(0, 255).to(torch.uint8)


def write(path, picture):
    """Writes bytes [height, width, 3] in BGR."""
    height, width, _ = picture.shape
    padding = -3 * width % 4
    # Rows go from the lowest up and end at multiples of four bytes.
    rows = torch.nn.functional.pad(picture.flip(0).reshape(height, 3 * width), (0, padding))
    header = HEADER.pack(
        b"BM",
        HEADER.size + rows.numel(),
        0,
        0,
        HEADER.size,
        40,
        width,
        height,
        1,
        24,
        0,
        rows.numel(),
        2835,
        2835,
        0,
        0,
    )
    with open(path, "wb") as file:
        file.write(header)
        file.write(bytes(rows.flatten().tolist()))


def read(path):
    """Reads what `write` and Impasto write: bytes [height, width, 3] in BGR."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    magic, _, _, _, begin, _, width, height, _, bits, compression, *_ = HEADER.unpack_from(data)
    if magic != b"BM" or bits != 24 or compression != 0 or height < 1:
        raise SystemExit(f"error: {path} is no BMP of 24 bits as this script reads them")
    stride = (3 * width + 3) // 4 * 4
    rows = torch.frombuffer(data, dtype=torch.uint8, offset=begin, count=stride * height).view(
        height, stride
    )
    return rows[:, : 3 * width].reshape(height, width, 3).flip(0)


def psnr(one, other):
    """Peak signal to noise in dB, 100 at most, which is that of pictures that are the same."""
    error = (one.double() - other.double()).square().mean().item()
    return min(100.0, 10 * math.log10(255 * 255 / error)) if error > 0 else 100.0
