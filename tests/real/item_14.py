"""`init` leaves out data maps, by name; `plan` warns of them, by name and by pixels."""
import json
import math

from PIL import Image

MAPS = [
    "brick_nor_gl_4k.png",
    "brick_arm_4k.png",
    "Bricks001_4K-PNG_NormalGL.png",
    "T_Brick_N.1001.png",
    "Wall_MetallicSmoothness.png",
    "Wall_MaskMap.png",
    "brick/normal.png",
    "brick/roughness.png",
    "tfzkbb_2K_Normal_LOD0.jpg",
    "WallNormalMap.png",
]
PICTURES = ["left_arm.png", "right_leg.png", "abnormalmap.png"]


def normal_map():
    image = Image.new("RGB", (48, 48))
    for x in range(48):
        for y in range(48):
            dx, dy = 0.4 * math.sin(x / 3), 0.4 * math.cos(y / 4)
            length = math.sqrt(dx * dx + dy * dy + 1)
            vector = (-dx / length, -dy / length, 1 / length)
            image.putpixel((x, y), tuple(round((n + 1) * 127.5) for n in vector))
    return image


def run(t):
    for name in [*MAPS, *PICTURES, "styles/s.png"]:
        path = t.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((32, 32), 60).convert("RGB").save(path)
    said = t.impasto("init", str(t.dir)).stdout
    for name in MAPS:
        t.check(name in said, f"init does not name {name}:\n{said}")
    plan = json.loads(t.impasto("plan", str(t.dir), "--json").stdout)
    painted = sorted(task["asset"] for task in plan["tasks"])
    t.check(painted == sorted(PICTURES), f"painted: {painted}")

    # A rule that paints everything is warned of, by names and by pixels.
    normal_map().save(t.dir / "bumps.png")
    t.write(
        t.dir / "all.toml",
        '[project]\nname = "x"\n[styles.s]\nimages = ["styles/s.png"]\n[[rules]]\nmatch = "**"\n',
    )
    warnings = t.impasto("plan", str(t.dir / "all.toml")).stderr
    t.check("by name a data map" in warnings, warnings)
    t.check("bumps.png, by its pixels a normal map" in warnings, warnings)
    t.check("left_arm" not in warnings, warnings)

    # A picture that init's rule would take later is named.
    (t.dir / "rock_arm.png").write_bytes((t.dir / "left_arm.png").read_bytes())
    (t.dir / "rock_diff.png").write_bytes((t.dir / "left_arm.png").read_bytes())
    t.write(
        t.dir / "arm.toml",
        '[project]\nname = "x"\n[styles.s]\nimages = ["styles/s.png"]\n'
        '[[rules]]\nname = "maps"\nmatch = "**/*_arm.*"\nskip = true\n[[rules]]\nmatch = "**"\n',
    )
    warnings = t.impasto("plan", str(t.dir / "arm.toml")).stderr
    t.check("rule `maps` skips left_arm.png" in warnings, warnings)
