"""Kinds of picture files, and whether one comes back as it was: what item 25 is made of."""

import dataclasses
import re

import numpy as np

WIDTH, HEIGHT = 48, 36

# What the program says will be lost, and which property then differs; None if none has to, as long
# as nothing is painted.
LOSSES = [
    ("indexed colours become RGB", "palette"),
    ("samples of fewer than 8 bits become 8", "bits"),
    ("lossy (webp|tiff) is written lossless", "lossy"),
    ("lossy compression of exr becomes ZIP", "compression"),
    ("progressive JPEG becomes baseline", "scans"),
    ("JPEG with subsampled chroma becomes 4:4:4", "sampling"),
    ("CMYK becomes RGB", "inks"),
    (".* has no colour profile", "ICC profile"),
    (r"\d+ layers become one picture", "layers"),
    ("some text on author or rights", "rights"),
    ("content credentials", "credentials"),
    ("a (dds|ktx2) of one or two channels keeps only", None),
]


# How far each float may be off.
FLOATS = {"a last bit": lambda value: np.spacing(np.abs(value)),
          "one part in 100,000": lambda value: 1e-5 * np.abs(value)}


@dataclasses.dataclass
class Seen:
    """What a reader sees of a file: samples, what it says, and how they are stored.

    What a file says has to come back. How samples are stored may change, and the page says so.
    """

    samples: list
    said: dict
    stored: dict = dataclasses.field(default_factory=dict)
    # The pictures of a texture, the first one too, from 0 to 1.
    mips: list = dataclasses.field(default_factory=list)
    # The pixels of a document's only layer, if it has any: colours and alpha, from 0 to 1.
    layer: object = None


@dataclasses.dataclass
class Kind:
    format: str
    extension: str
    pixels: str
    option: str
    data: bytes
    read: object
    reader: str
    # The least signal-to-noise ratio in dB, or one of FLOATS; without, every bit has to come back.
    bound: object = None
    # Judges more than samples and properties: of what was seen before and after, an error. And
    # what it holds.
    also: object = None
    also_says: str = ""
    alpha_is_data: bool = False


def unit(channels, seed, height=HEIGHT, width=WIDTH):
    """Noise over gradients from 0 to 1, with both extremes. A last of four or two channels is like
    alpha: a third is 0, a third is 1."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    slope = (x / (width - 1) + y / (height - 1))[..., None] / 2
    values = np.where(y[..., None] % 2 == 0, random.random((height, width, channels)), slope)
    values[0, :, :] = np.linspace(0, 1, width)[:, None]
    if channels in (2, 4):
        third = width // 3
        values[:, :third, -1], values[:, -third:, -1] = 0, 1
    return values


def noise(channels, dtype="u1", seed=1, height=HEIGHT, width=WIDTH):
    """The same in levels. Every level of 8 bits occurs."""
    values = unit(channels, seed, height, width)
    if np.dtype(dtype).kind == "f":
        return values.astype(dtype)
    levels = np.round(values * np.iinfo(dtype).max).astype(dtype)
    if dtype == "u1":
        levels[4:].reshape(-1, channels)[:256] = np.arange(256)[:, None]
    return levels


def smooth(channels, seed=2, height=HEIGHT, width=WIDTH, least=0.0, length=7):
    """Waves, which lossy formats are made for; levels of 8 bits."""
    y, x = np.mgrid[0:height, 0:width]
    phases = np.random.default_rng(seed).uniform(0, 6, (2, channels))
    waves = [np.sin(x / length + a) + np.cos(y / length + b) for a, b in phases.T]
    values = np.stack(waves, -1) / 4 + 0.5
    return np.round(255 * (least + (1 - least) * values)).astype("u1")


def multiplied(samples):
    """Integers, all but the last of a pixel multiplied by it, which is alpha."""
    part = samples[..., -1:] / np.iinfo(samples.dtype).max
    colors = np.round(samples[..., :-1] * part).astype(samples.dtype)
    return np.concatenate([colors, samples[..., -1:]], -1)


def runs(row):
    """Where each run of equal pixels starts and ends."""
    ends = [*(np.nonzero((row[1:] != row[:-1]).any(-1))[0] + 1).tolist(), len(row)]
    return zip([0, *ends], ends)


def count_bits(bits):
    return f"{bits} bit{'s' if bits > 1 else ''}"


def ratio(found, wanted):
    """The signal-to-noise ratio in dB."""
    most = np.iinfo(wanted.dtype).max if wanted.dtype.kind == "u" else np.abs(wanted).max()
    error = np.mean((found.astype(float) - wanted.astype(float)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(float(most) ** 2 / error)


def compare(found, wanted, bound):
    """What is wrong with samples, if anything."""
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        return f"{wanted.dtype} {wanted.shape} became {found.dtype} {found.shape}"
    if bound is None:
        if found.tobytes() == wanted.tobytes():
            return None
        places = np.argwhere(found != wanted)
        if not len(places):
            return "a 0 has another sign"
        at = tuple(places[0].tolist())
        return f"{len(places)} samples differ; at {at} {wanted[at]} became {found[at]}"
    if bound in FLOATS:
        # Infinity too may come back as it was.
        different = found != wanted
        found, wanted = found[different].astype(float), wanted[different]
        off = np.abs(found - wanted) / FLOATS[bound](wanted)
        return None if (off <= 1).all() else f"off by {off.max():.1f} times {bound}"
    reached = ratio(found, wanted)
    return None if reached >= bound else f"{reached:.1f} dB, less than {bound}"


def judge(kind, lacks, before, after):
    """What is wrong with the result of a file, of which the program said what it will lack."""
    wrong, may_differ = [], {}
    for text in lacks:
        known = [key for start, key in LOSSES if re.match(start, text)]
        if known:
            may_differ[known[0]] = text
        else:
            wrong.append(f"a loss that this test does not know: {text}")
    for key in sorted(before.said.keys() | after.said.keys()):
        had, has = before.said.get(key), after.said.get(key)
        if had != has and key not in may_differ:
            wrong.append(f"{key}: {str(had)[:99]} became {str(has)[:99]}")
        if had == has and key in may_differ:
            wrong.append(f"it says `{may_differ[key]}`, but {key} is the same")
    wrong += [f"it says `{text}`, which the test cannot see" for key, text in may_differ.items()
              if key is not None and key not in before.said]
    if len(before.samples) != len(after.samples):
        wrong.append(f"{len(before.samples)} arrays of samples became {len(after.samples)}")
    wrong += [error for pair in zip(after.samples, before.samples)
              if (error := compare(*pair, kind.bound))]
    if kind.also and not wrong:
        wrong += filter(None, [kind.also(before, after)])
    return wrong
