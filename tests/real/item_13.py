"""Extreme sizes and flat pictures are finite, and no `size` changes a shape."""
import numpy as np
from PIL import Image


def run(t):
    rng = np.random.default_rng(2)
    white = np.zeros((40, 40, 3), dtype=np.uint8)
    white[20, 20] = 255
    quick = ["--iterations", "1", "--coarse-iterations", "1", "-q", "--force"]
    cases = {
        "16x17": rng.integers(0, 256, (17, 16, 3), dtype=np.uint8),
        "94x94": rng.integers(0, 256, (94, 94, 3), dtype=np.uint8),
        "17x600": rng.integers(0, 256, (600, 17, 3), dtype=np.uint8),
        "grey": np.full((40, 40, 3), 128, dtype=np.uint8),
        "black": np.zeros((40, 40, 3), dtype=np.uint8),
        "white pixel": white,
    }
    for name, pixels in cases.items():
        Image.fromarray(pixels).save(t.dir / "a.png")
        for preset in ["painterly", "texture", "gatys"]:
            t.impasto("stylize", "a.png", "--style", t.style, "-o", "out.png", "--preset", preset,
                      *quick)
            size = Image.open(t.dir / "out.png").size
            t.check(size == pixels.shape[1::-1], f"{name}, {preset}: {size}")
    strip = rng.integers(0, 256, (128, 64, 3), dtype=np.uint8)
    Image.fromarray(strip).save(t.dir / "strip.png")
    t.impasto("stylize", "strip.png", "--style", t.style, "-o", "out.png", "--size", "40", *quick)
    size = Image.open(t.dir / "out.png").size
    t.check(size == (20, 40), f"64 x 128 at 40: {size}")
    Image.fromarray(strip[:, :8]).save(t.dir / "thin.png")
    t.impasto("stylize", "thin.png", "--style", t.style, "-o", "out.png", "--size", "32", *quick)
    size = Image.open(t.dir / "out.png").size
    t.check(size[0] * 16 == size[1], f"8 x 128 at 32: {size}")
