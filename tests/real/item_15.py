"""Depfiles as Ninja reads them: odd names, a new texture, and one after a failed asset."""

import shlex

from art import MANIFEST, later, save


def run(t):
    art = t.dir / "art: 1\\ of #2"
    art.mkdir()
    t.write(art / "impasto.toml", MANIFEST)
    save(art / "styles/night.png", 0)
    save(art / "textures/a $b.png", 1)
    program = t.impasto("--version").args[0]
    build = shlex.join([str(program), "build", str(art)]).replace("$", "$$")
    t.write(t.dir / "build.ninja", f"""rule paint
  command = {build} --depfile $out.d --depfile-target $out && touch $out
  depfile = $out.d
  deps = gcc
  restat = 1
build stamp: paint
""")
    stamp, ninja = t.dir / "stamp", ["ninja", "-C", str(t.dir)]
    t.run(*ninja)
    later(stamp)
    t.check("no work" in t.run(*ninja).stdout, "Ninja is dirty without a change")
    save(art / "textures/new.png", 2)
    t.check("no work" not in t.run(*ninja).stdout, "a new texture is not noticed")
    t.check((art / "painted/textures/new.png").is_file(), "a new texture is not painted")
    later(stamp)
    save(art / "textures/a $b.png", 3)
    t.check("no work" not in t.run(*ninja).stdout, "a changed texture is not noticed")
    t.check("no work" in t.run(*ninja).stdout, "Ninja is dirty for ever")

    t.write(art / "textures/broken.png", "no picture")
    depfile = t.dir / "after a failure.d"
    t.impasto("build", art, "--depfile", depfile, "--depfile-target", "stamp", ok=1)
    t.check("broken.png" in depfile.read_text(), "the failed asset is no dependency")
