"""Blocks of 4 x 4 texels as BC1 to BC7 pack them, and the mips of a texture.

The packers are simple: the darkest and the brightest texel of a block, and mixtures of them.
"""

import imagecodecs
import numpy as np

BYTES = {1: 8, 2: 16, 3: 16, 4: 8, 5: 16, 6: 16, 7: 16}
CHANNELS = {1: 4, 2: 4, 3: 4, 4: 1, 5: 2, 6: 3, 7: 4}
# Of 64, how much of the second end each index of four bits is.
WEIGHTS = np.array([0, 4, 9, 13, 17, 21, 26, 30, 34, 38, 43, 47, 51, 55, 60, 64])


def bits_of(fields):
    """16 bytes of numbers, each of so many bits, the lowest first."""
    number, at = 0, 0
    for value, bits in fields:
        number |= int(value) << at
        at += bits
    return number.to_bytes(16, "little")


def nearest(texels, colors):
    return ((texels[:, None] - colors[None]) ** 2).sum(-1).argmin(1)


def ends(texels):
    order = texels[:, :3].sum(1).argsort(kind="stable")
    return texels[order[0]], texels[order[-1]]


def five_six_five(color):
    return (int(color[0]) >> 3) << 11 | (int(color[1]) >> 2) << 5 | int(color[2]) >> 3


def widened(word):
    red, green, blue = word >> 11, word >> 5 & 63, word & 31
    return np.array([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2])


def pack1(texels, holes=None):
    """`holes` says which texels are transparent; without, none may be."""
    rgb = texels[:, :3].astype(int)
    low, high = sorted(map(five_six_five, ends(rgb)))
    if holes is None:
        one, two = widened(high), widened(low)
        mixed = [one, two, (2 * one + two) // 3, (one + 2 * two) // 3]
        # Equal ends have no fourth colour.
        index = nearest(rgb, np.array(mixed[:4 if high > low else 2]))
        first, second = high, low
    else:
        one, two = widened(low), widened(high)
        index = np.where(holes, 3, nearest(rgb, np.array([one, two, (one + two) // 2])))
        first, second = low, high
    return bits_of([(first, 16), (second, 16), *((number, 2) for number in index)])[:8]


def pack4(levels):
    low, high = int(levels.min()), int(levels.max())
    steps = [high, low] + [((7 - at) * high + at * low) // 7 for at in range(1, 7)]
    index = nearest(levels.astype(int)[:, None], np.array(steps if high > low else [high])[:, None])
    return bits_of([(high, 8), (low, 8), *((number, 3) for number in index)])[:8]


def pack7(texels):
    """Mode 6: one pair of ends of 7 bits and one more that all channels share."""
    pair = [end.astype(int) for end in ends(texels)]
    shared = [int(round((end & 1).mean())) for end in pair]
    whole = [end >> 1 << 1 | bit for end, bit in zip(pair, shared)]
    mixed = (whole[0] * (64 - WEIGHTS[:, None]) + whole[1] * WEIGHTS[:, None] + 32) >> 6
    index = nearest(texels.astype(int), mixed)
    if index[0] > 7:
        pair, shared, index = pair[::-1], shared[::-1], 15 - index
    fields = [(pair[at][channel] >> 1, 7) for channel in range(4) for at in range(2)]
    return bits_of([(1 << 6, 7), *fields, *((bit, 1) for bit in shared), (index[0], 3),
                    *((number, 4) for number in index[1:])])


def pack6(light):
    """The mode of one pair of ends of 10 bits, without a sign."""
    bits = light.astype("f2").view("u2").astype(int)
    pair = [np.clip(end * 64 // 31 >> 6, 1, 1022) for end in ends(bits)]
    wide = [(end << 6) + 32 for end in pair]
    mixed = (wide[0] * (64 - WEIGHTS[:, None]) + wide[1] * WEIGHTS[:, None] + 32) >> 6
    index = nearest(bits, mixed * 31 >> 6)
    if index[0] > 7:
        pair, index = pair[::-1], 15 - index
    fields = [(end[channel], 10) for end in pair for channel in range(3)]
    return bits_of([(3, 5), *fields, (index[0], 3), *((number, 4) for number in index[1:])])


def pack_block(kind, texels, holes):
    if kind == 1:
        return pack1(texels, texels[:, 3] < 128 if holes else None)
    if kind == 2:
        return bits_of([(level >> 4, 4) for level in texels[:, 3]])[:8] + pack1(texels)
    if kind == 3:
        return pack4(texels[:, 3]) + pack1(texels)
    if kind in (4, 5):
        return b"".join(pack4(texels[:, at]) for at in range(kind - 3))
    return pack7(texels) if kind == 7 else pack6(texels)


def pack(kind, samples, holes=False):
    """Of sides that are no multiples of 4, the last column and row repeat."""
    height, width = samples.shape[:2]
    full = np.pad(samples, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    return b"".join(
        pack_block(kind, full[y:y + 4, x:x + 4].reshape(16, -1), holes)
        for y in range(0, height, 4) for x in range(0, width, 4))


def unpack(kind, data, width, height):
    full = (height + -height % 4, width + -width % 4)
    shape = full if kind == 4 else (*full, CHANNELS[kind])
    found = imagecodecs.bcn_decode(data, kind, shape=shape).reshape(*full, -1)
    return found[:height, :width]


def size_of(mip, width, height):
    return max(1, width >> mip), max(1, height >> mip)


def shares(old, new):
    """How much of each of `old` pixels is in each of `new` ones."""
    edges = np.arange(new + 1) * old / new
    pixel = np.arange(old)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(covered, 0, None) * new / old


def mips(first, count, is_encoded, is_opacity):
    """What each smaller picture should be, from 0 to 1: the mean of light, by alpha if it is so."""
    height, width = first.shape[:2]
    light = first.copy()
    colors = slice(None, 3 if first.shape[-1] == 4 else None)
    if is_encoded:
        levels = first[..., colors]
        light[..., colors] = np.where(
            levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    alpha = light[..., 3:] if is_opacity and first.shape[-1] == 4 else None
    out = []
    for mip in range(1, count):
        wide, high = size_of(mip, width, height)
        rows, columns = shares(light.shape[0], high), shares(light.shape[1], wide)

        def mean(values):
            return np.einsum("yj,xi,jic->yxc", rows, columns, values)

        if alpha is None:
            light = mean(light)
        else:
            opacity = mean(alpha)
            light = np.concatenate([mean(light[..., :3] * alpha) / opacity, opacity], -1)
            alpha = opacity
        mip = light.copy()
        if is_encoded:
            dark = light[..., colors]
            mip[..., colors] = np.where(
                dark <= 0.0031308, dark * 12.92, 1.055 * dark ** (1 / 2.4) - 0.055)
        out.append(mip)
    return out
