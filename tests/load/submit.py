"""Submits many tiny assets to fresh coordinators, with two programs in turn.

    python3 tests/load/submit.py --program target/release/impasto [--against OLD] [--count 5000]
                                 [--side 16] [--folder FOLDER]

Prints the seconds of `impasto submit`, its peak memory and the coordinator's, and how many times
faster the first program is. Each program talks to its own coordinator.
"""

import argparse
import pathlib
import shutil
import tempfile

import many
import program as programs


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--program", required=True, type=pathlib.Path)
    flags.add_argument("--against", type=pathlib.Path)
    flags.add_argument("--count", type=int, default=5_000)
    flags.add_argument("--side", type=int, default=16)
    flags.add_argument("--folder", type=pathlib.Path)
    args = flags.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        many.make_project(f"{folder}/project", args.count, args.side)
        seconds = {}
        for name in filter(None, (args.program, args.against)):
            seconds[name] = submit(str(name.resolve()), f"{folder}/project", args.count)
    if args.against:
        print(f"{seconds[args.against] / seconds[args.program]:.1f} times faster")


def submit(program, project, count):
    data = f"{project}.data"
    with programs.coordinator(program, data) as (url, process):
        command = [program, "submit", "--coordinator", url]
        seconds, peak = programs.run(command, cwd=project)
        served = programs.peak_mb(process)
    stored = sum(1 for _ in pathlib.Path(data, "blobs").glob("[0-9a-f][0-9a-f]/*"))
    # The assets, their style and the list of tasks; weights too.
    if stored < count + 2:
        raise SystemExit(f"{program} has stored {stored} blobs of {count} assets")
    served = "" if served is None else f", coordinator {served:.0f} MB"
    print(f"{program}: {count} assets in {seconds:.1f} s, {count / seconds:.0f} a second, ", end="")
    print(f"command {peak:.0f} MB{served}", flush=True)
    for left in (data, f"{project}/.impasto"):
        shutil.rmtree(left, ignore_errors=True)
    return seconds


if __name__ == "__main__":
    main()
