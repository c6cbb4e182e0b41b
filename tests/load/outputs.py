"""Delivers outputs of 512 x 512 pixels from the local cache, and checks every byte of them.

    python3 tests/load/outputs.py --program target/release/impasto [--count 500] [--folder FOLDER]

Prints outputs a second, from the plan to the last delivery and for the whole command, which also
surveys the project and draws the contact sheet; and how fast the disk takes the same files if
nothing is synced. The folder, by default a temporary one, is made and removed; its disk is what is
measured.
"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import zlib

import many
import program as programs
import ready

SIDE = 512


def png(number):
    """A picture of which a quarter of the lines is noise: some 200 KB, as much as a painting."""
    dice = random.Random(number)
    lines = [bytes(1) + dice.randbytes(3 * SIDE) for _ in range(SIDE // 4)]
    pixels = b"".join(line * 4 for line in lines)
    header = SIDE.to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    parts = [many.chunk(b"IHDR", header), many.chunk(b"IDAT", zlib.compress(pixels, 1))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + many.chunk(b"IEND", b"")


def deliveries(command, project):
    """When the plan was made and each output delivered, and the command's peak memory in MB."""
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE)
    events = (b'"event":"planned"', b'"event":"delivered"')
    lines = (line for line in process.stdout if any(event in line for event in events))
    times = [time.monotonic() for _ in lines]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed with {process.returncode}")
    return times, usage.ru_maxrss / 1024


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--program", required=True, type=pathlib.Path)
    flags.add_argument("--count", type=int, default=500)
    flags.add_argument("--folder", type=pathlib.Path)
    args = flags.parse_args()
    program = str(args.program.resolve())
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        project, cache = f"{folder}/project", f"{folder}/cache"
        many.make_project(project, args.count)
        for number, path in enumerate(many.assets(args.count)):
            pathlib.Path(project, "textures", path).write_bytes(png(number))
        count = ready.make(program, project, cache)
        # A first plan looks at the pixels of every asset, which is not what is measured.
        build = [program, "build", "--json", "--cache-dir", cache]
        programs.run(build + ["--dry-run"], cwd=project)
        began = time.monotonic()
        times, peak = deliveries(build, project)
        whole = time.monotonic() - began
        ready.check_outputs(project, count)
        seconds = times[-1] - times[0]
        print(f"{count} outputs in {seconds:.2f} s, {count / seconds:.0f} a second; ", end="")
        print(f"the whole command {whole:.2f} s, peak {peak:.0f} MB", flush=True)
        began = time.monotonic()
        shutil.copytree(f"{project}/painted", f"{folder}/copy")
        seconds = time.monotonic() - began
        print(f"copied without a sync: {count / seconds:.0f} a second")


if __name__ == "__main__":
    main()
