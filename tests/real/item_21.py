"""A style's frame is named and can be cut off; `synth` keeps the size of its example's pixels, its
grain and its pattern.

Called with the program and textures, it prints grain and pattern of what `synth` makes of them.
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


def autocorrelation(path, reach):
    """Of luma, at all distances of at most `reach` pixels along each axis."""
    luma = numpy.asarray(Image.open(path).convert("RGB"), float) @ [0.2126, 0.7152, 0.0722]

    def sums(plane):
        wide = numpy.fft.fft2(plane, [side + reach for side in plane.shape])
        near = numpy.roll(numpy.fft.ifft2(abs(wide) ** 2).real, (reach, reach), (0, 1))
        return near[: 2 * reach + 1, : 2 * reach + 1]

    found = sums(luma - luma.mean()) / sums(numpy.ones_like(luma)).clip(1)
    return found / found[reach, reach]


def pattern(path, example, reach=96):
    """How far the autocorrelation is the example's, beyond 12 pixels: their correlation."""
    down, across = numpy.mgrid[-reach:reach + 1, -reach:reach + 1]
    far = numpy.hypot(down, across) > 12
    both = [autocorrelation(each, reach)[far] for each in (path, example)]
    return numpy.corrcoef(*both)[0, 1]


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

    # Tiles stand in rows, as far apart as on the example.
    example = VILLAGE / "roof_tiles.png"
    t.impasto("synth", example, "--size", "128", "--tileable", "both", "-o", "r.png", cwd=t.dir)
    found = pattern(t.dir / "r.png", example, 48)
    t.check(found > 0.7, f"a pattern like that of the example by {found:.2f}")


if __name__ == "__main__":
    program, *textures = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for texture in textures:
            row = []
            for share in ("0", "0.5", "1"):
                made = pathlib.Path(folder, "made.png")
                subprocess.run([program, "synth", texture, "--size", "256", "--tileable", "both",
                                "--pattern", share, "-o", made, "-q"], check=True)
                row.append(f"{grain(made):.1f} {pattern(made, texture):.2f}")
            name = pathlib.Path(texture).name
            print(f"{name}: grain {grain(texture):.1f}; made with pattern 0, 0.5, 1:",
                  ", ".join(row), flush=True)
