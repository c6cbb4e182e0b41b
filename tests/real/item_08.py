"""A cut-out style, 70 % transparent, paints like its opaque crop, whatever lies under the rest."""
import numpy as np
from PIL import Image


def run(t):
    rng = np.random.default_rng(3)
    asset = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(asset).save(t.dir / "a.png")
    crop = rng.integers(0, 256, (36, 36, 3), dtype=np.uint8) // 2 + 60
    Image.fromarray(crop).save(t.dir / "crop.png")
    painted = {}
    for name, fill in [("magenta", (255, 0, 255)), ("green", (0, 255, 0))]:
        cut = np.zeros((64, 64, 4), dtype=np.uint8)
        cut[..., :3] = fill
        cut[10:46, 12:48, :3] = crop
        cut[10:46, 12:48, 3] = 255
        Image.fromarray(cut).save(t.dir / f"{name}.png")
    for preset in ["painterly", "texture", "gatys"]:
        for style in ["crop", "magenta", "green"]:
            out = t.dir / f"{preset}_{style}.png"
            t.impasto("stylize", "a.png", "--style", f"{style}.png", "-o", out, "--preset", preset,
                      "--iterations", "3", "--min-scale", "0", "-q")
            painted[style] = np.asarray(Image.open(out).convert("RGB")).astype(int)
        for style in ["magenta", "green"]:
            apart = np.abs(painted[style] - painted["crop"]).max()
            t.check(apart == 0, f"{preset}: {style} is {apart} levels from the crop")
