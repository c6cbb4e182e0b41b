"""Empty globs say why; links are followed only where the manifest allows, and never by outputs."""
import json
import os

from PIL import Image

HEAD = """[project]
name = "x"
{links}
[styles.s]
images = ["s.png"]
[[rules]]
match = "{glob}"
"""


def run(t):
    project, store = t.dir / "project", t.dir / "store"
    (project / "[wip] walls").mkdir(parents=True)
    store.mkdir()
    image = Image.effect_noise((32, 32), 60).convert("RGB")
    image.save(project / "[wip] walls" / "a.png")
    image.save(project / "s.png")
    image.save(store / "stored.png")

    def plan(glob, links="", **options):
        t.write(project / "impasto.toml", HEAD.format(links=links, glob=glob))
        return t.impasto("plan", str(project), "--json", **options)

    refused = plan("[wip] walls/**", ok=2).stderr
    t.check("[[]wip[]] walls/**" in refused, refused)
    tasks = json.loads(plan("[[]wip[]] walls/**").stdout)["tasks"]
    t.check(len(tasks) == 1, f"{tasks}")

    os.symlink(store / "stored.png", project / "linked.png")
    os.symlink(store, project / "more")
    found = json.loads(plan("**").stdout)
    unusable = " ".join(each["message"] for each in found["unusable"])
    t.check("linked.png" in unusable and "`links`" in unusable, unusable)
    named = [warning for warning in found["warnings"] if "more is a linked folder" in warning]
    t.check(len(named) == 1, f"{found['warnings']}")
    found = json.loads(plan("**", 'links = ["../store"]').stdout)
    painted = {task["asset"] for task in found["tasks"]}
    t.check({"linked.png", "more/stored.png"} <= painted and not found["unusable"], f"{found}")

    # An output never goes through a link.
    outside = t.dir / "outside"
    outside.mkdir()
    os.symlink(outside, project / "stylized")
    refused = t.impasto("build", str(project), ok=2).stderr
    t.check("is a link out of the project" in refused, refused)
    t.check(not list(outside.iterdir()), "something was written")
    kept = (store / "stored.png").read_bytes()
    os.symlink(store / "stored.png", t.dir / "result.png")
    t.identity(project / "s.png", t.dir / "result.png", "--force")
    t.check((store / "stored.png").read_bytes() == kept, "the store's file was changed")
