"""How DDS and KTX2 store texels: as words with masks, as samples, or in blocks."""

import dataclasses

import numpy as np

import blocks
from kinds import HEIGHT, WIDTH, noise, ratio, smooth

RGBA = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


@dataclasses.dataclass(frozen=True)
class Masked:
    """Numbers of so many bytes; the bits of red, green, blue and alpha, or of grey and alpha."""

    size: int
    masks: tuple

    def bytes_of(self, width, height):
        return width * height * self.size

    def words(self, data):
        each = np.frombuffer(data, "u1").reshape(-1, self.size).astype("u4")
        return (each << (8 * np.arange(self.size, dtype="u4"))).sum(1, dtype="u4")

    def samples(self, data, width, height):
        """The bits that have a meaning."""
        used = np.bitwise_or.reduce(np.array(self.masks, "u4"))
        return (self.words(data) & used).reshape(height, width)

    def unit(self, data, width, height):
        words = self.words(data).astype("u8")
        parts = [(words & mask) / max(mask, 1) for mask in self.masks]
        if len(parts) == 2:
            parts = [parts[0]] * 3 + parts[1:]
        kept = parts if len(parts) < 4 or self.masks[-1] else parts[:3]
        return np.stack(kept, -1).reshape(height, width, -1)

    def picture(self, seed, soft=False):
        """Bytes for the whole of a picture. `soft` is for mips: alpha that is no cut-out."""
        words = self.words(noise(self.size, seed=seed).tobytes())
        mask = self.masks[-1] if len(self.masks) in (2, 4) and soft else 0
        if mask:
            step = mask & -mask
            most = mask // step
            alpha = (words & mask) // step
            # Few levels are a cut-out in any case.
            alpha = most // 4 + alpha // 2 if most > 3 else np.full_like(alpha, most)
            words = words & ~np.uint32(mask) | alpha.astype("u4") * np.uint32(step)
        return words[:, None].view("u1")[:, :self.size].tobytes()


@dataclasses.dataclass(frozen=True)
class Samples:
    dtype: str
    channels: int

    def bytes_of(self, width, height):
        return width * height * self.channels * np.dtype(self.dtype).itemsize

    def samples(self, data, width, height):
        return np.frombuffer(data, self.dtype).reshape(height, width, self.channels)

    def unit(self, data, width, height):
        full = 1 if self.dtype[0] == "f" else np.iinfo(self.dtype).max
        return self.samples(data, width, height).astype(float) / full

    def picture(self, seed, soft=False):
        values = noise(self.channels, self.dtype, seed)
        if soft and self.channels == 4:
            values[..., 3] = values[..., 3] / 2 + values.max() / 4
        return values.tobytes()


@dataclasses.dataclass(frozen=True)
class Blocks:
    kind: int
    holes: bool = False

    def bytes_of(self, width, height):
        return -(-width // 4) * -(-height // 4) * blocks.BYTES[self.kind]

    def samples(self, data, width, height):
        return blocks.unpack(self.kind, data, width, height)

    def unit(self, data, width, height):
        texels = self.samples(data, width, height)
        found = texels.astype(float) / (1 if texels.dtype.kind == "f" else 255)
        return found if self.kind != 1 or self.holes else found[..., :3]

    def picture(self, seed, soft=False):
        picture = smooth(
            blocks.CHANNELS[self.kind], seed, least=0.1, length=20 if soft else 7)
        if soft:
            # Every other texel is bright, so that a mean of light is not one of levels. Small mips
            # have little room for colours that do not lie on a line.
            y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
            levels = picture[..., :1] * 0.4 + 140 * ((x + y) % 2)[..., None]
            picture = np.round(levels * [1, 0.75, 0.5, 0][:picture.shape[-1]]).astype("u1")
            picture[..., 3:] = 255
        if self.kind == 6:
            picture = (picture / 64).astype("f4")
        return blocks.pack(self.kind, picture, self.holes)


def pictures(layout, data, width, height, count):
    """Each picture of a texture, the largest first, from bytes that follow one another."""
    out = []
    for mip in range(count):
        size = blocks.size_of(mip, width, height)
        length = layout.bytes_of(*size)
        out.append((data[:length], size))
        data = data[length:]
    return out, data


def right_mips(layout, is_encoded, is_opacity):
    """Judges mips that were made anew, and says what it holds."""
    least = 30 if isinstance(layout, Blocks) else None

    def judge(before, after):
        wanted = blocks.mips(before.mips[0], len(before.mips), is_encoded, is_opacity)
        for mip, (found, right) in enumerate(zip(after.mips[1:], wanted), 1):
            off, reached = np.abs(found - right).max() * 255, ratio(found, right)
            if least is None and off > 1:
                return f"mip {mip} is off by {off:.1f} levels"
            if least is not None and reached < least:
                return f"mip {mip} has {reached:.1f} dB"
        return None
    return judge, f"mips made anew, {f'at least {least} dB' if least else 'within one level'}"
