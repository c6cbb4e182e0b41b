"""Projects whose results are ready in a cache, although nobody has painted them.

A result is a file in `actions/` that names a file in `blobs/`. As the result of each asset serves
the asset itself: a picture of the right size and format. The program names its digest, by taking
the asset in, and the action, in its plan.
"""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess

import program as programs


def make(program, project, data_dir):
    """Fills `data_dir` with a result for every asset of `project`. Returns their number."""
    spare = f"{data_dir}.spare"
    with programs.coordinator(program, spare) as (url, _):
        programs.run([program, "submit", "--coordinator", url], cwd=project)
    shutil.rmtree(pathlib.Path(project) / ".impasto", ignore_errors=True)
    # By content, since Python has no BLAKE3.
    digests = {}
    for blob in pathlib.Path(spare, "blobs").glob("[0-9a-f][0-9a-f]/*"):
        digests[hashlib.sha256(blob.read_bytes()).digest()] = (blob.name, blob.stat().st_size)
    pathlib.Path(data_dir).mkdir()
    pathlib.Path(spare, "blobs").rename(pathlib.Path(data_dir, "blobs"))
    shutil.rmtree(spare)
    count = 0
    for action, asset in planned(program, project):
        content = pathlib.Path(project, asset).read_bytes()
        write_result(data_dir, action, *digests[hashlib.sha256(content).digest()], size(content))
        count += 1
    return count


def planned(program, project):
    """The action and the asset of each task, without the whole plan in memory."""
    command = [program, "plan", "--json"]
    plan = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True)
    pattern = re.compile(r'"action":\s*"([0-9a-f]{64})",\s*"asset":\s*"([^"]+)"')
    rest = ""
    while chunk := plan.stdout.read(1 << 20):
        rest += chunk
        end = 0
        for found in pattern.finditer(rest):
            yield found.groups()
            end = found.end()
        rest = rest[max(end, len(rest) - 4096) :]
    if plan.wait() != 0:
        raise SystemExit(f"{command} failed")


def size(png):
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def write_result(data_dir, action, digest, size_bytes, pixels):
    blob = {"digest": digest, "size_bytes": size_bytes}
    output = {"part": "color", "blob": blob, "width": pixels[0], "height": pixels[1]}
    report = {"iterations": 1, "compute_ms": 1, "device": "nobody"}
    entry = {"version": 1, "action": action, "result": {"outputs": [output], "report": report}}
    path = pathlib.Path(data_dir, "actions", action[:2], f"{action}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry, separators=(",", ":")))


def check_outputs(project, count):
    """Every output has the bytes of its asset."""
    project = pathlib.Path(project)
    outputs = [path for path in (project / "painted").rglob("*") if path.is_file()]
    if len(outputs) != count:
        raise SystemExit(f"{len(outputs)} outputs instead of {count}")
    for output in outputs:
        asset = project / output.relative_to(project / "painted")
        if output.read_bytes() != asset.read_bytes():
            raise SystemExit(f"{output} has other bytes than its result")


def forget(project):
    """Removes all that a build left in a project."""
    project = pathlib.Path(project)
    for folder in ("painted", ".impasto"):
        shutil.rmtree(project / folder, ignore_errors=True)
    (project / "impasto.lock").unlink(missing_ok=True)
