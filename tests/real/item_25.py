"""Each kind of file comes back as another reader sees it, or what it lacks was said before."""

import json
import os
import pathlib
import shutil

import kept_page
import kinds
import kinds_dds
import kinds_ktx2
import kinds_light
import kinds_plain
import kinds_png
import kinds_psd
import kinds_tiff
import kinds_web

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "kept.md"
MODULES = [kinds_png, kinds_web, kinds_tiff, kinds_plain, kinds_light, kinds_dds, kinds_ktx2,
           kinds_psd]
PROJECT = """
[project]
name = "kept"

[styles.waves]
images = ["style.png"]

[defaults]
style_weight = 0
iterations = 1
min_scale = 0
palette = 0
optimizer = "adam"
learning_rate = 0.0001

[[rules]]
match = "opacity/**"

[[rules]]
match = "data/**"
alpha = "data"
"""


def files():
    """The kinds, by the names of their files."""
    found = [kind for module in MODULES for kind in module.kinds()]
    names = (f"{'data' if kind.alpha_is_data else 'opacity'}/{at:03}.{kind.extension}"
             for at, kind in enumerate(found))
    return dict(zip(names, found))


def painted(t, table):
    """Paints all of it, and returns what the program said before that each result will lack."""
    t.write("impasto.toml", PROJECT)
    shutil.copy(t.style, t.dir / "style.png")
    for name, kind in table.items():
        (t.dir / name).parent.mkdir(exist_ok=True)
        (t.dir / name).write_bytes(kind.data)
    said = t.impasto("inspect", "--json", *table).stdout.splitlines()
    facts = {fact["file"]: fact["lacks"] for fact in map(json.loads, said)}
    built = t.impasto("build", "--json", env={"IMPASTO_CACHE_DIR": str(t.dir / "cache")})
    summary = json.loads(built.stdout.splitlines()[-1])
    t.check(summary["painted"] == len(table), f"{summary}")
    return facts


def run(t):
    table = files()
    facts = painted(t, table)
    results, wrong = [], []
    for name, kind in table.items():
        before = kind.read(kind.data)
        after = kind.read((t.dir / "stylized" / name).read_bytes())
        results.append((kind, facts[name], before, after))
        wrong += [f"{kind.format}, {kind.pixels}, {kind.option} ({name}): {error}"
                  for error in kinds.judge(kind, facts[name], before, after)]
    t.check(not wrong, "\n".join(wrong))

    text = PAGE.read_text(encoding="utf-8")
    expected = kept_page.page(text, results)
    if os.environ.get("IMPASTO_WRITE_DOCS") == "1":
        PAGE.write_text(expected, encoding="utf-8")
    else:
        t.check(text == expected, "docs/kept.md is not what this run found: "
                "IMPASTO_WRITE_DOCS=1 tests/real/run 25 writes it anew")
