"""Builds a project whose results are ready: in a coordinator's cache, then in the local one.

    python3 tests/load/fetch.py --program target/release/impasto [--count 5000] [--side 16]
                                [--folder FOLDER] [--coordinator-only]

Prints results a second, the peak memory of the command, and of the coordinator. The folder, by
default a temporary one, is made and removed; its disk is what is measured.
"""

import argparse
import pathlib
import tempfile

import many
import program as programs
import ready


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--program", required=True, type=pathlib.Path)
    flags.add_argument("--count", type=int, default=5_000)
    flags.add_argument("--side", type=int, default=16)
    flags.add_argument("--folder", type=pathlib.Path)
    flags.add_argument("--coordinator-only", action="store_true")
    args = flags.parse_args()
    program = str(args.program.resolve())
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        project, data, cache = (f"{folder}/{name}" for name in ("project", "data", "cache"))
        many.make_project(project, args.count, args.side)
        count = ready.make(program, project, data)
        build = [program, "build", "-q", "--cache-dir", cache]

        with programs.coordinator(program, data) as (url, process):
            farm = ["--coordinator", url, "--require-farm"]
            seconds, peak = programs.run(build + farm, cwd=project)
            served = programs.peak_mb(process)
        ready.check_outputs(project, count)
        served = "" if served is None else f", coordinator {served:.0f} MB"
        print(f"from a coordinator: {count} results in {seconds:.1f} s, ", end="")
        print(f"{count / seconds:.0f} a second, command {peak:.0f} MB{served}", flush=True)
        if args.coordinator_only:
            return

        ready.forget(project)
        seconds, peak = programs.run(build, cwd=project)
        ready.check_outputs(project, count)
        print(f"from the local cache: {count} results in {seconds:.1f} s, ", end="")
        print(f"{count / seconds:.0f} a second, command {peak:.0f} MB")


if __name__ == "__main__":
    main()
