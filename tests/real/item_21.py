"""A style's frame is named and can be cut off; `synth` keeps the size of its example's pixels, and
its grain.

Called with the program and textures, it prints the grain of what `synth` makes of them.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

VILLAGE = pathlib.Path(__file__).parents[2] / "examples" / "village" / "textures"


def grain(path):
    """RMS of luma's finest octave, 0.25 to 0.5 cycles a pixel, in levels."""
    luma = numpy.asarray(Image.open(path).convert("RGB"), float) @ [0.2126, 0.7152, 0.0722]
    spectrum = numpy.abs(numpy.fft.fft2(luma - luma.mean())) ** 2
    down, across = numpy.meshgrid(*map(numpy.fft.fftfreq, luma.shape), indexing="ij")
    return numpy.sqrt(spectrum[numpy.hypot(down, across) >= 0.25].sum()) / luma.size


def run(t):
    rock = Image.effect_noise((64, 64), 90).convert("RGB")
    scan = Image.new("RGB", (84, 104))
    scan.paste(rock, (10, 20))
    scan.save(t.dir / "scan.png")
    rock.save(t.dir / "rock.png")
    rock.save(t.dir / "a.png")
    head = '[project]\nname = "x"\n[styles.s]\nimages = [{}]\n[[rules]]\nmatch = "a.png"\n'

    def plan(images, ok=True):
        t.write(t.dir / "impasto.toml", head.format(images))
        return t.impasto("plan", str(t.dir), "--json", ok=ok)

    warnings = json.loads(plan('"scan.png"').stdout)["warnings"]
    t.check(any("scan.png has a uniform border" in each for each in warnings), f"{warnings}")
    cut = "{ left = 10, top = 20, right = 10, bottom = 20 }"
    found = json.loads(plan(f'{{ path = "scan.png", crop = {cut} }}').stdout)
    t.check(not found["warnings"], f"{found['warnings']}")
    refused = plan('{ path = "scan.png", crop = 40 }', ok=2).stderr
    t.check("scan.png" in refused and "crop 40" in refused, refused)
    rocky = json.loads(plan('"rock.png"').stdout)
    t.check(not rocky["warnings"], f"{rocky['warnings']}")

    # A cropped style paints as the cropped picture does.
    paint = ["--iterations", "2", "--min-scale", "0", "--optimizer", "adam", "-q"]
    for style, more, out in [
        ("scan.png", ["--style-crop", "10,20,10,20"], "cut.png"),
        ("rock.png", [], "whole.png"),
    ]:
        t.impasto("stylize", "a.png", "--style", style, "-o", out, *more, *paint, cwd=t.dir)
    same = numpy.asarray(Image.open(t.dir / "cut.png"))
    t.check((same == numpy.asarray(Image.open(t.dir / "whole.png"))).all(), "the crop is not exact")

    # Stripes of 8 pixels stay stripes of 8 pixels in a smaller and a larger texture.
    stripes = numpy.zeros((96, 96, 3), numpy.uint8)
    stripes[:, (numpy.arange(96) // 8) % 2 == 1] = 255
    Image.fromarray(stripes).save(t.dir / "stripes.png")
    t.impasto("synth", "stripes.png", "--size", "48", "-o", "t.png", "--preset", "texture",
              "--iterations", "120", "--optimizer", "lbfgs", "--plateau", "0", cwd=t.dir)
    made = numpy.asarray(Image.open(t.dir / "t.png").convert("L")).astype(float)
    turns = (numpy.diff((made > 128).astype(int), axis=1) != 0).sum(axis=1).mean()
    t.check(3 <= turns <= 9, f"{turns} edges in 48 pixels of stripes 8 wide: 5 is right")

    # No noise is left of what a texture begins with.
    example = VILLAGE / "cobblestones.png"
    t.impasto("synth", example, "--size", "64", "--tileable", "both", "-o", "c.png", cwd=t.dir)
    ratio = grain(t.dir / "c.png") / grain(example)
    t.check(0.5 < ratio < 1.2, f"{ratio:.2f} times the grain of the example")


FEW = ["--preset", "texture", "--iterations", "9", "--coarse-iterations", "12",
       "--min-scale", "128"]

if __name__ == "__main__":
    program, *textures = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for texture in textures:
            row = [f"{grain(texture):.1f}"]
            for flags in (FEW, []):
                made = pathlib.Path(folder, "made.png")
                subprocess.run([program, "synth", texture, "--size", "256", "--tileable", "both",
                                *flags, "-o", made, "-q"], check=True)
                row.append(f"{grain(made):.1f}")
            name = pathlib.Path(texture).name
            print(name, "grain, with few steps, by default:", *row, flush=True)
