"""Where nothing pulls, the input comes back bit for bit, whatever the optimiser and the preset."""
import numpy as np
from PIL import Image


def run(t):
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, (40, 53, 3), dtype=np.uint8)
    Image.fromarray(picture).save(t.dir / "a.png")
    Image.new("RGB", (33, 50), (200, 30, 90)).save(t.dir / "flat.png")
    quick = ["--iterations", "3", "--coarse-iterations", "3", "--min-scale", "24", "-q"]

    def same(name, asset, style, *more):
        out = t.dir / "out.png"
        t.impasto("stylize", asset, "--style", style, "-o", out, "--force", *quick, *more)
        expected = np.asarray(Image.open(t.dir / asset).convert("RGB")).astype(int)
        apart = np.abs(np.asarray(Image.open(out).convert("RGB")).astype(int) - expected).max()
        t.check(apart == 0, f"{name}: {apart} levels")

    for optimizer in ["lbfgs", "adam"]:
        for preset in ["painterly", "texture", "gatys"]:
            more = ["--optimizer", optimizer, "--preset", preset]
            same(f"no style weight {more}", "a.png", t.style, *more, "--style-weight", "0")
            same(f"no layer {more}", "a.png", t.style, *more, "--style-layers", "0,0,0,0,0",
                 "--tileable", "both")
            same(f"flat {more}", "flat.png", "flat.png", *more)
        same(f"its own style {optimizer}", "a.png", "a.png", "--preset", "gatys",
             "--optimizer", optimizer)
