"""`watch` that begins right after a save waits for the file instead of finding nothing to paint."""
import os
import subprocess
import threading
import time

from PIL import Image


def run(t):
    image = Image.effect_noise((32, 32), 60).convert("RGB")
    (t.dir / "walls").mkdir()
    image.save(t.dir / "s.png")
    t.write(
        t.dir / "impasto.toml",
        '[project]\nname = "x"\n[defaults]\niterations = 1\nmin_scale = 0\noptimizer = "adam"\n'
        '[styles.s]\nimages = ["s.png"]\n[[rules]]\nmatch = "walls/**"\n',
    )
    program = t.impasto("completions", "bash").args[0]
    image.save(t.dir / "walls" / "a.png")
    watch = subprocess.Popen(
        [program, "watch", str(t.dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"IMPASTO_COORDINATOR": "", "IMPASTO_CACHE_DIR": str(t.dir / ".cache")},
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(watch.stdout), daemon=True)
    reader.start()
    try:
        output = t.dir / "stylized" / "walls" / "a.png"
        end = time.monotonic() + 60
        while time.monotonic() < end and not output.exists():
            time.sleep(0.1)
    finally:
        watch.terminate()
        watch.wait(20)
        reader.join(5)
    said = "".join(lines)
    t.check(output.exists(), f"not painted:\n{said}")
    t.check("nothing to paint" not in said and "all 0" not in said, said)
