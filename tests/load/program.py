"""Runs the program and measures it, for the scripts beside this."""

import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
import time


def run(command, **options):
    """Runs a command. Returns its seconds and its peak memory in MB; fails if it does."""
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **options)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            text = log.read().decode(errors="replace")
            raise SystemExit(f"{command} failed with {process.returncode}:\n{text[-4000:]}")
    return seconds, usage.ru_maxrss / 1024


@contextlib.contextmanager
def coordinator(program, data_dir):
    """Runs a coordinator on any free port. Gives its URL and its process."""
    pathlib.Path(data_dir).mkdir(parents=True, exist_ok=True)
    log = pathlib.Path(data_dir) / "log"
    command = [program, "coordinator", "--listen", "127.0.0.1:0", "--data-dir", data_dir]
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield f"http://{address(process, log)}", process
    finally:
        process.terminate()
        process.wait()


def address(process, log):
    """The address that a coordinator logs once it listens."""
    for _ in range(600):
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
        found = re.search(r"listening.*?address=([0-9.:]+)", text)
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the coordinator does not listen:\n{log.read_text()}")


def peak_mb(process):
    """The most memory that a process had so far; None where the system does not tell."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return None
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
