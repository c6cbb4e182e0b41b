"""The size of the contact sheet, the time of a build that changes one asset, and the memory of
`impasto plan --json`, in a project of COUNT assets.

    python3 tests/load/sheet.py IMPASTO COUNT...

Assets repeat a thousand pictures, which are painted once, so that a large project is built soon.
IMPASTO_MODELS_DIR names a folder with the weights.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import many

PICTURES = 1000


def make_project(folder, count):
    many.make_project(folder, 0)
    pictures = [many.png(number, 16) for number in range(min(count, PICTURES))]
    for number, path in enumerate(many.assets(count)):
        target = folder / "textures" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(pictures[number % len(pictures)])


def run(program, *arguments, codes=(0,)):
    """Runs the program; returns its seconds, its peak memory in KiB, and its output."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        process = subprocess.Popen([program, *arguments], stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            sys.exit(f"{arguments}: exit code {process.returncode}")
        out.seek(0)
        return took, usage.ru_maxrss, out.read()


def files(folder):
    """How many files a folder has, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def measure(program, count, scratch):
    project = scratch / "project"
    make_project(project, count)
    place = ["-q", "--cache-dir", str(scratch / "cache"), str(project)]

    _, check_kib, _ = run(program, "check", "-q", str(project), codes=(1,))
    took, plan_kib, document = run(program, "plan", "--json", str(project))
    _, text_kib, _ = run(program, "plan", "-q", str(project))
    if len(json.loads(document)["tasks"]) != count:
        sys.exit("the plan has another number of tasks")
    print(f"{count} stale assets: check {check_kib} KiB, plan {text_kib} KiB, "
          f"plan --json {plan_kib} KiB and {took:.2f} s, {len(document)} bytes")

    first, _, _ = run(program, "build", *place)
    changed = project / "textures" / many.assets(1)[0]
    changed.write_bytes(many.png(PICTURES, 16))
    again, _, _ = run(program, "build", *place)
    private = project / ".impasto"
    sheet = (private / "contact-sheet.html").stat().st_size
    thumbnails, bytes_of_them = files(private / "thumbnails")
    _, all_bytes = files(private)
    print(f"{count} assets: first build {first:.2f} s, after one change {again:.2f} s, "
          f"sheet {sheet} bytes, {thumbnails} thumbnails of {bytes_of_them} bytes, "
          f".impasto {all_bytes} bytes")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    for count in map(int, sys.argv[2:]):
        with tempfile.TemporaryDirectory() as scratch:
            measure(program, count, pathlib.Path(scratch))


if __name__ == "__main__":
    main()
