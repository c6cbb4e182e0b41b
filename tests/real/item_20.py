"""`plan` says what will happen: a line per rule, time, losses, presets, and why a file is taken."""
import json

from PIL import Image

MANIFEST = """[project]
name = "x"
output = "out/{dir}/{stem}_{asset_ext}.{ext}"
exclude = ["old/**"]
[styles.s]
images = ["s.png"]
[[rules]]
name = "walls"
match = "walls/**"
preset = "texture"
[[rules]]
name = "ui"
match = "ui/*"
format = "tga"
"""


def run(t):
    image = Image.effect_noise((32, 32), 60).convert("RGB")
    for folder in ["walls", "ui", "old"]:
        (t.dir / folder).mkdir()
        for index in range(4):
            image.save(t.dir / folder / f"{folder}{index}.png")
    image.save(t.dir / "s.png")
    image.quantize(8).save(t.dir / "walls" / "indexed.png")
    t.write(t.dir / "impasto.toml", MANIFEST)
    plan = t.impasto("plan", str(t.dir))
    lines = plan.stdout.splitlines()
    t.check(len(lines) == 4, f"a heading, two rules and a total:\n{plan.stdout}")
    t.check("9 stale, 0 up to date" in lines[-1] and "~" in lines[-1], plan.stdout)
    t.check("walls0" not in plan.stdout, plan.stdout)
    t.check("walls0" in t.impasto("plan", str(t.dir), "-v").stdout, "-v lists assets")
    losses = [line for line in plan.stderr.splitlines() if "indexed" in line]
    t.check(len(losses) == 1, plan.stderr)
    tasks = json.loads(t.impasto("plan", str(t.dir), "--json").stdout)["tasks"]
    outputs = [task["output"] for task in tasks if task["asset"] == "ui/ui0.png"]
    t.check(outputs == ["out/ui/ui0_png.tga"], f"{outputs}")

    for name, expected in [
        ("walls/walls0.png", "rule `walls` takes it"),
        ("old/old0.png", "`exclude` of [project] names it"),
        ("s.png", "it is an image of style `s`"),
        ("walls/a.xcf", "does not read `.xcf`"),
        ("other.png", "no rule matches it"),
    ]:
        said = t.impasto("plan", ".", "--why", name, cwd=t.dir).stdout
        t.check(expected in said, f"{name}: {said}")

    presets = json.loads(t.impasto("presets", "--json").stdout)
    t.check(presets["gatys"]["iterations"] == 300, f"{presets}")
    t.check("palette" in t.impasto("presets").stdout, "the table has every parameter")
    flags = t.impasto("stylize", "--help").stdout
    t.check("gatys 300" in " ".join(flags.split()), "--help shows each preset's value")

    (t.dir / "walls" / "a.xcf").write_bytes(b"gimp xcf ")
    for glob, expected in [
        ("walls/*.xcf", ".xcf"),
        ("wals/**", "did you mean walls"),
        ("walls", "walls/**"),
        ("!walls/**", "`exclude`"),
    ]:
        t.write(t.dir / "none.toml", MANIFEST.replace('"walls/**"', f'"{glob}"').replace(
            '"ui/*"', f'"{glob}"'))
        refused = t.impasto("plan", str(t.dir / "none.toml"), ok=2).stderr
        t.check(expected in refused, f"{glob}: {refused}")

    t.impasto("stylize", "s.png", "--style", str(t.style), "-o", "o.png", "--quality", "80",
              cwd=t.dir, ok=2)
    t.write(t.dir / "q.toml", MANIFEST + "quality = 80\n")
    refused = t.impasto("plan", str(t.dir / "q.toml"), ok=2).stderr
    t.check("tga has no quality" in refused, refused)
