"""A model comes back with other textures and nothing else, and without seams, as trimesh sees it.

Called with files, it prints how visible their seams are.
"""

import collections
import json
import pathlib
import struct
import sys

import numpy as np
import trimesh

VASE = pathlib.Path(__file__).parents[2] / "examples" / "village" / "textures" / "vase.glb"


def parts(path):
    """The description and the buffer of a model."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20:20 + length]), data[28 + length:]


def views(model, buffer):
    for view in model["bufferViews"]:
        start = view.get("byteOffset", 0)
        yield buffer[start:start + view["byteLength"]]


def surface(path):
    """Corners of triangles: places on the surface and in the texture, and the texture."""
    scene = trimesh.load(path, process=False)
    (mesh,) = scene.geometry.values()
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), float)
    height, width = texture.shape[:2]
    # trimesh turns them upside down.
    at = (np.array([0, 1]) + np.array([1, -1]) * mesh.visual.uv) * [width, height]
    return mesh.vertices[mesh.faces], at[mesh.faces], texture


def sample(texture, at):
    """Bilinear, between the centres of texels."""
    height, width = texture.shape[:2]
    x, y = np.clip(at[..., 0] - 0.5, 0, width - 1.001), np.clip(at[..., 1] - 0.5, 0, height - 1.001)
    left, top = x.astype(int), y.astype(int)
    right, lower = (x - left)[..., None], (y - top)[..., None]
    upper = texture[top, left] * (1 - right) + texture[top, left + 1] * right
    below = texture[top + 1, left] * (1 - right) + texture[top + 1, left + 1] * right
    return upper * (1 - lower) + below * lower


def seams(path):
    """The mean difference across seams, and between texels as far apart within islands."""
    places, ats, texture = surface(path)
    edges = collections.defaultdict(list)
    for triangle, corners in enumerate(places):
        for one, other in [(0, 1), (1, 2), (2, 0)]:
            ends = sorted([(tuple(corners[one]), one), (tuple(corners[other]), other)])
            edges[ends[0][0], ends[1][0]].append((triangle, ends[0][1], ends[1][1]))
    across, within, count = 0.0, 0.0, 0
    shares = (np.arange(16) + 0.5)[:, None] / 16
    for sides in edges.values():
        if len(sides) != 2:
            continue
        ends = [ats[triangle][[one, other]] for triangle, one, other in sides]
        if np.abs(ends[0] - ends[1]).max() < 0.05:
            continue
        inner = []
        for (triangle, one, other), (start, end) in zip(sides, ends):
            along = start + shares * (end - start)
            apex = ats[triangle][3 - one - other] - start
            edge = (end - start) / np.linalg.norm(end - start)
            inward = apex - edge * (apex @ edge)
            inward /= np.linalg.norm(inward)
            inner.append([sample(texture, along + texels * inward) for texels in (1, 5, 7)])
        across += np.abs(inner[0][0] - inner[1][0]).mean()
        within += (np.abs(inner[0][1] - inner[0][2]).mean()
                   + np.abs(inner[1][1] - inner[1][2]).mean()) / 2
        count += 1
    return across / count, within / count, count


def in_files(t):
    """The same model as another exporter writes it in several files, which come back, too."""
    folder, painted = t.dir / "files", t.dir / "painted"
    folder.mkdir()
    scene = trimesh.load(VASE, process=False)
    own = trimesh.exchange.gltf.export_gltf(scene)
    for name, data in own.items():
        (folder / name).write_bytes(data)
    t.impasto("stylize", folder / "model.gltf", "--style", t.style, "--method", "arbitrary",
              "-o", painted / "model.gltf")
    description = json.loads(own["model.gltf"])
    texture = description["images"][0]
    holder = description["bufferViews"][texture["bufferView"]]["buffer"]
    changes = {"model.gltf", description["buffers"][holder]["uri"]}
    for name, data in own.items():
        t.check((painted / name).read_bytes() == data or name in changes, f"{name} has changed")
    across, within, count = seams(painted / "model.gltf")
    t.check(count == 96 and across < 1.5 * within, f"{across:.1f} across seams, {within:.1f} within")


def run(t):
    in_files(t)
    out = t.dir / "vase.glb"
    t.impasto("stylize", VASE, "--style", t.style, "--method", "arbitrary", "-o", out)
    (before, buffer), (after, painted) = parts(VASE), parts(out)
    texture = before["images"][0]["bufferView"]
    for index, (own, new) in enumerate(zip(views(before, buffer), views(after, painted))):
        t.check((own == new) == (index != texture), f"view {index} is not what it has to be")
    for model in (before, after):
        for entry in model["bufferViews"] + model["buffers"]:
            entry.pop("byteOffset", None)
            entry.pop("byteLength")
    t.check(before == after, "the description has changed")
    across, within, count = seams(VASE)
    t.check(count == 96 and across < 1.5 * within, "the vase itself has seams")
    across, within, _ = seams(out)
    t.check(across < 1.5 * within, f"{across:.1f} across seams, {within:.1f} within")


if __name__ == "__main__":
    for path in map(pathlib.Path, sys.argv[1:]):
        across, within, count = seams(path)
        print(f"{path.name}: {count} edges, {across:.1f} levels across seams, "
              f"{within:.1f} within islands, ratio {across / within:.2f}")
