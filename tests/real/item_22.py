"""Manners: exit codes, bare flags, orphans, JSON errors of watch, terminals and screenshots."""

import fcntl
import io
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import numpy as np
from art import save
from PIL import Image

MANIFEST = """[project]
name = "art"
output = "painted/{dir}/{name}"
[defaults]
iterations = 2
coarse_iterations = 2
min_scale = 0
tileable = true
[styles.night]
images = "styles/night.png"
[[rules]]
match = "textures/**"
style = "night"
"""

QUICK = ["--iterations", "1", "--coarse-iterations", "1", "--min-scale", "0", "-q"]


def on_terminal(command, columns, env, interrupt_after=None):
    """Runs a program on a terminal of this width; what it wrote, and its exit code."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(command[0], command, env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    written, until = b"", time.monotonic() + 60
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        try:
            part = os.read(terminal, 65536) if ready else None
        except OSError:
            break
        if part == b"":
            break
        written += part or b""
        if interrupt_after and interrupt_after in written:
            os.write(terminal, b"\x03")
            interrupt_after = None
    _, status = os.waitpid(child, 0)
    return written.decode(errors="replace"), os.waitstatus_to_exitcode(status)


def run(t):
    art = t.dir / "art"
    save(art / "styles/night.png", 9)
    save(art / "textures/brick.png", 1)
    save(art / "textures/old/wall.png", 2)
    t.write(art / "impasto.toml", MANIFEST)
    style = art / "styles/night.png"

    # One rule for what was named and cannot be used.
    whole = io.BytesIO()
    Image.open(art / "textures/brick.png").save(whole, "JPEG")
    cut, empty = t.dir / "cut.jpg", t.dir / "empty.jpg"
    cut.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    empty.write_bytes(b"")
    for bad in [cut, empty, t.dir / "missing.jpg"]:
        t.impasto("stylize", bad, "--style", style, "-o", t.dir / "o.png", *QUICK, ok=2)

    # A flag that stands bare leaves the picture after it alone.
    brick = art / "textures/brick.png"
    for flag in [["--tileable"], ["--tileable", "both"], ["--tileable=x"], ["--preserve-color"]]:
        t.impasto("stylize", *flag, brick, "--style", style, "-o", t.dir / "o.png", *QUICK)
    t.check("synthesize" not in t.impasto("stylize", "--help").stdout, "synthesize is listed")

    t.impasto("build", art)
    (art / "textures/old/wall.png").unlink()
    named = t.impasto("clean", art, "-n").stdout
    t.check("painted/textures/old/wall.png" in named, named)
    t.check((art / "painted/textures/old/wall.png").is_file(), "-n removes")
    t.impasto("clean", art)
    t.check(not (art / "painted/textures/old").exists(), "the orphan or its folder is left")
    t.check((art / "painted/textures/brick.png").is_file(), "an output that is made was removed")
    t.check("no orphans" in t.impasto("clean", art).stdout, "the record keeps an orphan")

    sheet = (art / ".impasto/contact-sheet.html").read_text()
    t.check("loading=\"lazy\"" not in sheet, "pictures of the sheet are lazy")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser:
        shot = t.dir / "sheet.png"
        t.run(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}",
              "--window-size=900,700", f"file://{art}/.impasto/contact-sheet.html")
        pixels = np.asarray(Image.open(shot).convert("RGB")).reshape(-1, 3)
        t.check(len(np.unique(pixels, axis=0)) > 2000, "the screenshot shows no pictures")

    program = str(t.impasto("--version").args[0])
    env = {**os.environ, "IMPASTO_CONFIG": str(t.dir / "none.toml"),
           "IMPASTO_CACHE_DIR": str(t.dir / "cache"), "TERM": "xterm-256color"}
    t.write(art / "textures/bad.png", "no picture")
    save(art / "textures/brick.png", 5)
    written, code = on_terminal([program, "build", str(art)], 44, env)
    t.check(code == 1 and written.count("is not an image") == 1, f"{code}: {written}")
    t.check("0/2" in written or "1/2" in written or "0/1" in written, written)
    slow = [program, "build", str(art), "--iterations", "50000", "--plateau", "0"]
    began = time.monotonic()
    written, code = on_terminal(slow, 44, env, interrupt_after=b" of 50000")
    t.check(code == 130 and time.monotonic() - began < 30, f"{code}: {written[-400:]}")

    watching = subprocess.Popen([program, "watch", str(art), "--json"], env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    events = []
    for line in watching.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "summary":
            (art / "impasto.toml").write_text(MANIFEST.replace("match", "mtach"))
        if events[-1]["event"] == "error":
            break
    watching.send_signal(signal.SIGTERM)
    watching.communicate(timeout=30)
    t.check("mtach" in events[-1]["message"], f"{events[-1]}")
    t.check(watching.returncode == 130, f"exit code {watching.returncode}")
