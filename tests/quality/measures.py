"""What the eye sees in a picture, in figures."""

import numpy as np
from PIL import Image


def of(picture, asset, style):
    after, before = rgb(picture), rgb(asset)
    found = {
        "lattice": lattice(after),
        "finest": finest_octave(picture),
        "style_finest": finest_octave(style, max(after.shape[:2])),
        "seam": seam(after),
    }
    low, low_after = low_pass(luminance(before)), low_pass(luminance(after))
    ranks = [values.ravel().argsort().argsort() for values in (low, low_after)]
    found["low_pass_deviation"] = float(low_after.std() / max(low.std(), 1e-9))
    found["low_pass_rank"] = float(np.corrcoef(*ranks)[0, 1])
    found["mean"] = float(luminance(after).mean() - luminance(before).mean())
    return found


def rgb(file):
    return np.asarray(Image.open(file).convert("RGB"), float)


def luminance(picture):
    return picture / 255 @ np.array([0.2126, 0.7152, 0.0722])


def lattice(picture):
    """The largest ratio, on either axis, of the mean difference of neighbouring lines at multiples
    of 2, 4, 8 or 16 to that at odd lines: 1 if coarse scales have left no grid."""
    largest = 0.0
    for axis in (0, 1):
        steps = np.abs(picture - np.roll(picture, 1, axis)).mean(axis=(1 - axis, 2))
        lines = np.arange(len(steps))
        odd = max(steps[lines % 2 == 1].mean(), 1e-9)
        for period in (2, 4, 8, 16):
            at = (lines % period == 0) & ((lines % (2 * period) != 0) | (period == 16)) & (lines > 0)
            if at.any():
                largest = max(largest, steps[at].mean() / odd)
    return float(largest)


def finest_octave(file, longer_side=None):
    """The root mean square, in levels, of luminance from 0.25 to 0.5 cycles a pixel."""
    picture = Image.open(file).convert("L")
    if longer_side and max(picture.size) > longer_side:
        factor = longer_side / max(picture.size)
        picture = picture.resize([round(side * factor) for side in picture.size], Image.LANCZOS)
    values = np.asarray(picture, float)
    side = min(values.shape)
    window = np.hanning(side)[:, None] * np.hanning(side)
    power = np.abs(np.fft.fft2((values[:side, :side] - values.mean()) * window)) ** 2
    cycles = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    band = power[(cycles >= 0.25) & (cycles < 0.5)].sum()
    return float(np.sqrt(band / (window**2).sum() / side / side))


def low_pass(values, cycles=8):
    """Luminance up to so many cycles a side."""
    height, width = values.shape
    across, down = np.fft.fftfreq(width) * width, np.fft.fftfreq(height) * height
    keep = np.hypot(down[:, None], across) <= cycles
    return np.fft.ifft2(np.fft.fft2(values) * keep).real


def seam(picture):
    """The larger ratio, on either axis, of the difference across the wrap to that inside."""
    ratios = []
    for axis in (0, 1):
        inside = np.abs(np.diff(picture, axis=axis)).mean()
        across = np.abs(np.take(picture, 0, axis) - np.take(picture, -1, axis)).mean()
        ratios.append(across / max(inside, 1e-9))
    return float(max(ratios))
