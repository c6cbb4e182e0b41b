"""Sides that are no multiple of 16 have neither a line at the wrap nor a rim at the border."""
import numpy as np
from PIL import Image


def blots(width, height):
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    on = np.cos(6 * np.pi * x / width) + np.cos(4 * np.pi * y / height) > 0.9
    return np.where(on[..., None], np.uint8([255, 0, 255]), np.uint8([255, 255, 255]))


def run(t):
    def painted(width, height, *more):
        Image.fromarray(blots(width, height)).save(t.dir / "a.png")
        out = t.dir / "out.png"
        t.impasto("stylize", "a.png", "--style", t.style, "-o", out, "--force", "-q", *more)
        return np.asarray(Image.open(out).convert("RGB")).astype(float)

    for pooling in ["max", "average"]:
        for width, height in [(97, 67), (96, 64)]:
            a = painted(width, height, "--tileable", "both", "--pooling", pooling)
            for axis in (0, 1):
                inner = np.abs(np.diff(a, axis=axis)).mean()
                wrap = np.abs(a.take(0, axis) - a.take(-1, axis)).mean()
                t.check(wrap < 2.2 * inner, f"{width} {pooling}: the wrap is {wrap / inner:.1f}")
    for padding in ["zero", "reflect", "replicate"]:
        a = painted(81, 81, "--preset", "gatys", "--iterations", "30", "--padding", padding)
        for axis in (0, 1):
            steps = np.abs(np.diff(a, axis=axis)).mean(axis=(1 - axis, 2))
            rim = max(steps[0], steps[-1]) / steps.mean()
            t.check(rim < 2.2, f"{padding}: the rim is {rim:.1f}")
