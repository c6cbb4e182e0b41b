"""A small project that several items build."""

import time

import numpy as np
from PIL import Image

MANIFEST = """[project]
name = "art"
output = "painted/{dir}/{name}"
[defaults]
iterations = 1
coarse_iterations = 1
min_scale = 0
[styles.night]
images = "styles/night.png"
[[rules]]
match = "textures/**"
style = "night"
"""


def save(path, seed, side=64, **more):
    """Writes a picture of smooth blotches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).resize((side, side), Image.BICUBIC).save(path, **more)


def later(path):
    """Waits until a file that is written now is newer than `path`."""
    probe = path.with_name("probe")
    while not probe.exists() or probe.stat().st_mtime_ns <= path.stat().st_mtime_ns:
        probe.write_text("")
        time.sleep(0.005)
