"""Colours under alpha 0 are kept, unless there are none; `alpha = "data"` always keeps them."""

import numpy
from PIL import Image


def run(t):
    rng = numpy.random.default_rng(6)
    size = 48
    colours = rng.integers(0, 256, (size, size, 3), dtype=numpy.uint8)
    ramp = numpy.broadcast_to(numpy.arange(size) * 5, (size, size)).astype(numpy.uint8)
    half = numpy.where(numpy.arange(size) < size // 2, 0, 255)[None, :].repeat(size, 0)
    alphas = {"ramp": ramp, "half": half.astype(numpy.uint8), "none": ramp * 0}

    def painted(name, pixels, *more):
        source, target = t.dir / f"{name}.png", t.dir / f"{name}-out.png"
        Image.fromarray(pixels).save(source)
        t.identity(source, target, *more)
        return numpy.asarray(Image.open(target))

    for name, alpha in alphas.items():
        pixels = numpy.dstack([colours, alpha])
        after = painted(name, pixels)
        t.check(numpy.array_equal(after, pixels), f"{name}: colours under alpha 0 changed")

    for level in (0, 255):
        pixels = numpy.dstack([colours, alphas["half"]])
        pixels[alphas["half"] == 0, :3] = level
        hidden = alphas["half"] == 0
        after = painted(f"empty{level}", pixels)
        t.check(numpy.array_equal(after[..., 3], pixels[..., 3]), "alpha changed")
        t.check(numpy.array_equal(after[~hidden], pixels[~hidden]), "visible colours changed")
        filled = (after[hidden][:, :3] != level).any(1).mean()
        t.check(filled > 0.99, f"empty colour {level} was not filled: {filled}")
        after = painted(f"data{level}", pixels, "--alpha", "data")
        t.check(numpy.array_equal(after, pixels), f"with alpha = data, {level} was filled")

    project = t.dir / "project"
    t.write("project/impasto.toml", """
[project]
name = "leaves"
[defaults]
iterations = 1
min_scale = 0
[styles.waves]
images = ["styles/waves.png"]
[[rules]]
match = ["*.png"]
""")
    (project / "styles").mkdir()
    Image.open(t.style).save(project / "styles/waves.png")
    Image.fromarray(numpy.dstack([colours, alphas["half"]])).save(project / "leaf.png")
    said = t.impasto("plan", project)
    text = said.stdout + said.stderr
    t.check("alpha" in text and "leaf.png" in text, f"plan does not warn:\n{text}")
