"""Times builds that have nothing to do beside Ninja on the same folder, and weighs what is stored.

    python3 tests/load/noop.py PROGRAM FOLDER [COUNT [ROUNDS]]

FOLDER is made with COUNT assets (20,000) if it does not exist, painted into FOLDER-cache, and
copied by the same graph for Ninja: one edge for each asset. Both are then warm, and their builds
with nothing to do run in pairs, ROUNDS (7) times. Needs a model store, as painting does. Fails if
the median build takes longer than the median run of Ninja, or if `.impasto` holds more than 1,024
bytes an asset.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

import many

MOST_BYTES_PER_ASSET = 1024


def run(command, folder):
    """Runs a command that has to succeed; returns seconds, peak memory in bytes and its output."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {output[-2000:]}")
    return took, usage.ru_maxrss * 1024, output


def stored_bytes(folder):
    """The bytes of the files of each kind in `.impasto`, by the first part of their path."""
    state = folder / ".impasto"
    kinds = {}
    for file in state.rglob("*"):
        if file.is_file():
            kind = file.relative_to(state).parts[0]
            kinds[kind] = kinds.get(kind, 0) + file.stat().st_size
    return kinds


def median(runs):
    return statistics.median(took for took, _, _ in runs)


def main(program, folder, count=20_000, rounds=7):
    folder, count, rounds = pathlib.Path(folder).resolve(), int(count), int(rounds)
    program = str(pathlib.Path(program).resolve())
    build = [program, "build", ".", "--cache-dir", f"{folder}-cache"]
    if not folder.exists():
        many.make_project(folder, count)
        many.make_ninja(folder, count)
    # What is too new to be trusted is read again, so both run twice before they are timed.
    for _ in range(2):
        run(build, folder)
        run(["ninja"], folder)
    impasto, ninja, checks = [], [], []
    for _ in range(rounds):
        impasto.append(run(build, folder))
        ninja.append(run(["ninja"], folder))
        checks.append(run([program, "check", "."], folder))
    for took, _, output in impasto:
        if f"all {count} assets are up to date" not in output:
            sys.exit(f"a build had something to do: {output[-2000:]}")

    ratio = median(impasto) / median(ninja)
    kinds = stored_bytes(folder)
    per_asset = sum(kinds.values()) / count
    print(f"assets                 {count}")
    print(f"impasto build, no-op   {median(impasto):.3f} s, "
          f"peak {max(peak for _, peak, _ in impasto) / 2**20:.0f} MiB")
    print(f"impasto check          {median(checks):.3f} s")
    print(f"ninja, no-op           {median(ninja):.3f} s, "
          f"peak {max(peak for _, peak, _ in ninja) / 2**20:.0f} MiB")
    print(f"ratio                  {ratio:.2f}")
    print(f"bytes in .impasto      {per_asset:.0f} an asset")
    for kind, size in sorted(kinds.items(), key=lambda entry: -entry[1]):
        print(f"  {kind:<21}{size / count:.1f}")
    if ratio > 1:
        sys.exit("a build with nothing to do takes longer than Ninja")
    if per_asset > MOST_BYTES_PER_ASSET:
        sys.exit(f".impasto holds more than {MOST_BYTES_PER_ASSET} bytes an asset")


if __name__ == "__main__":
    main(*sys.argv[1:])
