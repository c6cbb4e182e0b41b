"""The fixed set: photographs and tileable textures from packages, with paintings as styles."""

import dataclasses
import importlib.util
import pathlib

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STYLES = {
    "starry": ROOT / "examples/village/styles/starry_night.jpg",
    "brush": ROOT / "examples/fabric/styles/terracotta_brush.jpg",
}
# scikit-image's photographs: public domain or CC0.
PHOTOGRAPHS = ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg"]
# miniworld's textures (Apache-2.0), all of which repeat.
TEXTURES = [
    "brick_wall_1.png",
    "cardboard_1.png",
    "ceiling_tiles_1.png",
    "grass_1.png",
    "marble_1.png",
    "rock_1.png",
    "wood_planks_1.png",
    "metal_grill_1.png",
]


@dataclasses.dataclass
class Subject:
    name: str
    file: pathlib.Path
    style: pathlib.Path
    preset: str
    flags: list


def folder(package, below):
    return pathlib.Path(importlib.util.find_spec(package).origin).parent / below


def fixed_set(out, sizes):
    """The subjects at each size, reduced to it from what the packages have."""
    out.mkdir(parents=True, exist_ok=True)
    sources = [(folder("skimage", "data") / name, "painterly", []) for name in PHOTOGRAPHS]
    textures = folder("miniworld", "textures")
    sources += [(textures / name, "texture", ["--tileable=both"]) for name in TEXTURES]
    for size in sizes:
        for number, (source, preset, flags) in enumerate(sources):
            style = list(STYLES)[number % len(STYLES)]
            name = f"{source.stem}-{style}-{size}"
            file = out / f"{source.stem}-{size}.png"
            reduce(source, size, preset == "texture").save(file)
            yield Subject(name, file, STYLES[style], preset, flags)


def reduce(source, size, square):
    """A picture whose longer side is `size`; textures are square."""
    picture = Image.open(source).convert("RGB")
    factor = size / max(picture.size)
    sides = (size, size) if square else tuple(round(side * factor) for side in picture.size)
    return picture.resize(sides, Image.LANCZOS)
