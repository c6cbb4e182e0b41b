"""An asset keeps its stored grid and orientation; a photograph and a style are turned upright."""

import numpy as np
import tifffile
from PIL import Image, ImageOps

ORIENTATION = 0x0112


def stored_grid(file):
    """The pixels as stored, and the tag; Pillow turns TIFF when it reads one."""
    if file.suffix == ".tif":
        with tifffile.TiffFile(file) as tiff:
            tag = tiff.pages[0].tags.get(ORIENTATION)
            return tiff.pages[0].asarray(), int(tag.value) if tag else 1
    picture = Image.open(file)
    return np.asarray(picture.convert("RGB")), picture.getexif().get(ORIENTATION, 1)


def run(t):
    project = t.dir / "project"
    (project / "textures").mkdir(parents=True)
    (project / "styles").mkdir()
    (project / "styles" / "style.png").write_bytes(t.style.read_bytes())
    (project / "impasto.toml").write_text(
        '[project]\nname = "x"\noutput = "out/{dir}/{name}"\n\n[defaults]\niterations = 1\n'
        'style_weight = 0\noptimizer = "adam"\nlearning_rate = 0.0001\npalette = 0\n'
        'min_scale = 0\n\n'
        '[styles.one]\nimages = "styles/style.png"\n\n'
        '[[rules]]\nmatch = "textures/**"\nstyle = "one"\n')
    y, x = np.mgrid[0:24, 0:40]
    stored = np.stack([x * 6, y * 10, (x + y) * 3], -1).astype(np.uint8)
    for extension in ("png", "jpg", "webp", "tif"):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            options = {"quality": 95, "subsampling": 0} if extension == "jpg" else {}
            if extension == "webp":
                options = {"lossless": True}
            Image.fromarray(stored).save(
                project / "textures" / f"{orientation}.{extension}", exif=exif, **options)
    t.impasto("build", "-q", cwd=project)
    for file in sorted((project / "textures").iterdir()):
        before, _ = stored_grid(file)
        after, tag = stored_grid(project / "out" / "textures" / file.name)
        t.check(after.shape == (24, 40, 3), f"{file.name} became {after.shape}")
        t.check(tag == int(file.stem), f"{file.name} has orientation {tag}")
        far = abs(before.astype(int) - after).max()
        t.check(far <= (8 if file.suffix == ".jpg" else 0), f"{file.name} differs by {far}")
    # A photograph is turned, and no tag says so again.
    for orientation in (3, 6, 8):
        file = project / "textures" / f"{orientation}.png"
        out = t.dir / "photo.png"
        t.identity(file, out)
        upright = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
        painted = Image.open(out)
        t.check(painted.getexif().get(ORIENTATION, 1) == 1, "the photograph is turned twice")
        t.check(painted.size == upright.shape[1::-1], f"{orientation}: {painted.size}")
        t.check((np.asarray(painted.convert("RGB")) == upright).all(), f"{orientation} differs")
        out.unlink()
