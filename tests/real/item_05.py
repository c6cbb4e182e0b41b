"""Files of several frames are refused by name, before anything is painted."""

import numpy as np
from PIL import Image


def frames(count):
    return [Image.fromarray(np.full((32, 32, 3), 40 * index, np.uint8)) for index in range(count)]


def run(t):
    textures = t.dir / "project" / "textures"
    (t.dir / "project" / "styles").mkdir(parents=True)
    textures.mkdir()
    (t.dir / "project" / "styles" / "style.png").write_bytes(t.style.read_bytes())
    (t.dir / "project" / "impasto.toml").write_text(
        '[project]\nname = "x"\noutput = "out/{dir}/{name}"\n\n'
        '[styles.one]\nimages = "styles/style.png"\n\n'
        '[[rules]]\nmatch = "textures/**"\nstyle = "one"\n')
    for extension, options in {
        "png": {"save_all": True, "duration": 100},
        "webp": {"save_all": True, "duration": 100, "lossless": True},
    }.items():
        for count in (2, 3):
            first, *rest = frames(count)
            file = textures / f"{count}.{extension}"
            first.save(file, append_images=rest, **options)
            refused = t.impasto("stylize", str(file), "--style", str(t.style), "-o",
                                str(t.dir / "out.png"), ok=2)
            t.check(f"has {count} frames" in refused.stderr, refused.stderr)
            t.check("not supported" in refused.stderr, refused.stderr)
            t.check(not (t.dir / "out.png").exists(), "something was painted")
    plan = t.impasto("plan", cwd=t.dir / "project", ok=None)
    said = plan.stdout + plan.stderr
    t.check("has 3 frames" in said, said)
    # A single picture is no animation.
    single = t.dir / "single.webp"
    frames(1)[0].save(single, lossless=True)
    t.identity(single, t.dir / "single-out.webp")
