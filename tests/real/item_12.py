"""The least memory that an error names is true, and enough; no picture is cut into crumbs."""
import re
import signal
import subprocess
import time

import numpy as np
from PIL import Image

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def run(t):
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (600, 712, 3), dtype=np.uint8)).save(t.dir / "a.png")
    command = ["stylize", "a.png", "--style", str(t.style), "-o", "out.png", "--iterations", "1",
               "--min-scale", "0"]
    named = set()
    for limit in ["100M", "150M", "200M"]:
        said = t.impasto(*command, "--max-memory", limit, ok=2).stderr
        amount, unit = re.search(r"at least ([\d.]+) (\w+)", said).groups()
        named.add(float(amount) * UNITS[unit])
    t.check(max(named) - min(named) < 16 << 20, f"named: {sorted(named)}")
    enough = int(max(named)) + (12 << 20)
    began = time.monotonic()
    said = t.impasto(*command, "--max-memory", str(enough), "-v").stderr
    found = re.search(r"(\d+) tiles", said)
    tiles = int(found.group(1)) if found else 1
    t.check(tiles <= 30, f"{tiles} tiles, {time.monotonic() - began:.0f} s")
    # A step that takes longer than it takes to be canceled.
    command[command.index("1")] = "40"
    child = subprocess.Popen([str(t.program), *command, "--max-memory", str(enough)], cwd=t.dir,
                             env=t.environment(), stderr=subprocess.DEVNULL)
    time.sleep(3)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    child.wait(timeout=60)
    took = time.monotonic() - began
    t.check(took < 10, f"SIGTERM took {took:.0f} s")
