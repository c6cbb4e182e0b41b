"""Colours count by alpha where a picture is resized: black beside white at alpha 10."""
import numpy as np
from PIL import Image


def run(t):
    a = np.zeros((64, 64, 4), dtype=np.uint8)
    a[:, 0::2] = (0, 0, 0, 255)
    a[:, 1::2] = (255, 255, 255, 10)
    Image.fromarray(a).save(t.dir / "a.png")
    t.identity("a.png", "half.png", "--size", "32")
    half = np.asarray(Image.open(t.dir / "half.png").convert("RGBA")).astype(int)[:, 2:-2]
    t.check(half[..., :3].min() >= 8 and half[..., :3].max() <= 11,
            f"{half[..., 0].min()} to {half[..., 0].max()}")
    t.check(abs(half[..., 3].mean() - 132.5) < 1.5, f"alpha {half[..., 3].mean()}")
    # A cut-out fence: grey bars of level 51 before transparent white.
    fence = np.zeros((128, 128, 4), dtype=np.uint8)
    fence[..., :3] = 255
    fence[:, 3::8] = fence[:, 4::8] = (51, 51, 51, 255)
    Image.fromarray(fence).save(t.dir / "fence.png")
    t.identity("fence.png", "small.png", "--size", "32")
    small = np.asarray(Image.open(t.dir / "small.png").convert("RGBA")).astype(int)
    seen = small[small[..., 3] > 0][:, :3]
    t.check(abs(seen.mean() - 51) < 2, f"the fence is {seen.mean():.0f}")
