"""The snippets of docs/build-systems.md: CMake, Ninja and Make build once, rest, and notice."""

import os
import pathlib
import sys

from art import MANIFEST, later, save

PAGE = pathlib.Path(__file__).parents[2] / "docs/build-systems.md"


def snippet(language):
    return PAGE.read_text().split(f"```{language}\n")[1].split("```")[0]


def run(t):
    program = pathlib.Path(t.impasto("--version").args[0]).resolve()
    # The build systems are beside this script's Python.
    folders = [program.parent, pathlib.Path(sys.executable).parent, os.environ["PATH"]]
    path = f"PATH={os.pathsep.join(map(str, folders))}"
    files = {"ninja": "build.ninja", "make": "Makefile", "cmake": "CMakeLists.txt"}
    for system, file in files.items():
        tree = t.dir / system
        save(tree / "art/textures/wall.png", 1)
        save(tree / "art/styles/night.png", 0)
        t.write(tree / "art/impasto.toml", MANIFEST)
        t.write(tree / file, snippet(system))
        build, stamp = [system, "-C", str(tree)], tree / "art.stamp"
        if system == "cmake":
            out = tree / "out"
            t.run("env", path, "cmake", "-G", "Ninja", "-S", str(tree), "-B", str(out))
            build, stamp = ["cmake", "--build", str(out)], out / "art.stamp"

        def changed():
            """Whether the stamp is touched by a build."""
            later(stamp)
            before = stamp.stat().st_mtime_ns
            t.run("env", path, *build)
            return stamp.stat().st_mtime_ns > before

        t.run("env", path, *build)
        t.check((tree / "art/painted/textures/wall.png").is_file(), f"{system} paints nothing")
        t.check(not changed(), f"{system} is dirty without a change")
        for what, file in [("style", "styles/night"), ("new texture", "textures/new")]:
            later(stamp)
            save(tree / f"art/{file}.png", 7)
            t.check(changed(), f"{system} does not notice a {what}")
            t.check(not changed(), f"{system} is dirty after a {what}")
