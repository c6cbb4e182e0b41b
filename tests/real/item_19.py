"""One asset of a project: `build --only`, `preview`, and outputs that never replace inputs."""

import os

from art import MANIFEST, save
from PIL import Image

QUICK = ["--iterations", "1", "--coarse-iterations", "1", "--min-scale", "0", "-q"]


def run(t):
    art = t.dir / "art"
    for seed, name in enumerate(["brick", "wall", "old/wall"]):
        save(art / f"textures/{name}.png", seed)
    save(art / "styles/night.png", 9)
    t.write(art / "impasto.toml", MANIFEST)

    t.impasto("build", art, "--only", "textures/brick.png")
    painted = sorted(path.name for path in (art / "painted").rglob("*.png"))
    t.check(painted == ["brick.png"], f"painted {painted}")
    t.impasto("check", art, "--only", "**/brick.png")
    t.impasto("check", art, ok=1)
    told = t.impasto("build", art, "--only", "textures/brik.png", ok=2).stderr
    t.check("textures/brick.png" in told, told)

    before = (art / "painted/textures/brick.png").read_bytes(), (art / "impasto.lock").read_bytes()
    t.impasto("preview", art, "--size", "32")
    after = (art / "painted/textures/brick.png").read_bytes(), (art / "impasto.lock").read_bytes()
    t.check(before == after, "a preview changes an output or the record")
    folder = art / ".impasto/preview"
    sizes = [Image.open(path).size for path in (folder / "pictures").rglob("*.png")]
    t.check(sizes == [(32, 32)] * 3, f"previews of {sizes}")
    t.check((folder / "contact-sheet.html").is_file(), "previews have no contact sheet")

    told = t.impasto("build", art / "textures/brick.png", ok=2).stderr
    t.check("is a picture" in told and "--only" in told, told)

    os.link(art / "textures/wall.png", t.dir / "hard.png")
    asset, style = art / "textures/wall.png", art / "styles/night.png"
    original = asset.read_bytes()
    for output in [asset, art / "textures/../textures/wall.png", t.dir / "hard.png", style]:
        told = t.impasto("stylize", asset, "--style", style, "-o", output, *QUICK, ok=2).stderr
        t.check("overwrite" in told and "--force" in told, told)
    t.check(asset.read_bytes() == original, "the original was overwritten")
    t.impasto("stylize", asset, "--style", style, "-o", asset, "--force", *QUICK)
    t.check(asset.read_bytes() != original, "--force does not write")
    for own in ["textures/brick.png", "styles/night.png", "impasto.toml", "impasto.lock",
                "painted/textures/brick.png"]:
        before = (art / own).read_bytes()
        told = t.impasto("build", art, "--depfile", art / own, ok=2).stderr
        t.check("overwrite" in told and (art / own).read_bytes() == before, f"{own}: {told}")
