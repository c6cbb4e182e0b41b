"""A JPEG that is cut off is refused as truncated, even if an end marker closes it."""

import numpy as np
from PIL import Image


def run(t):
    noise = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
    for name, options in {"baseline": {}, "progressive": {"progressive": True}}.items():
        file = t.dir / f"{name}.jpg"
        Image.fromarray(noise).save(file, quality=90, **options)
        whole = file.read_bytes()
        for part in (0.5, 0.9):
            cut = whole[:int(len(whole) * part)]
            for end in (b"", b"\xff\xd9"):
                file.write_bytes(cut + end)
                out = t.dir / "out.png"
                # The same code as for an empty file.
                refused = t.impasto("stylize", str(file), "--style", str(t.style), "-o", str(out),
                                    "-q", ok=2)
                t.check("is truncated" in refused.stderr, refused.stderr)
                t.check(not out.exists(), "a part was painted")
    empty = t.dir / "empty.jpg"
    empty.write_bytes(b"")
    t.impasto("stylize", str(empty), "--style", str(t.style), "-o", str(t.dir / "out.png"), ok=2)
