"""The checks of tests/gpu/verify, which finds a Python with PyTorch and calls this.

The checks, in this order: the engine's tests on the GPU; the loss of one picture, against PyTorch's;
painted pictures, by optimisation and in one pass, against the CPU's; times beside PyTorch's,
alternating; and a picture far too large to be painted untiled. Results go to a folder: `verify.md`,
`verify.json` and the log of every command.
"""

import argparse
import glob
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import threading
import time

CHECKS = ("tests", "loss", "picture", "one_pass", "speed", "large")

# Sums in another order differ by 1e-6 of the loss, a wrong layer or weight by percents.
LOSS_TOLERANCE = 1e-3
# Steps of L-BFGS enlarge what roundings differ by: with the card's kernels on a processor, three of
# them leave 41 dB in `exact` and 37 in `fast`, and ten of them 30 and 27. A wrong border or a lost
# channel shows far below.
PICTURE_STEPS = 3
EXACT_DB = 36.0
FAST_DB = 32.0
# One pass is in single precision everywhere, and only its sums are taken in another order.
ONE_PASS_DB = 60.0

# Multiplications and additions of an iteration for each pixel: the convolutions there and back, and
# the Gram products of five layers there and back.
FLOP_PER_PIXEL = 4 * (361_152 + 17_408)


def arguments():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        prog="verify", description="Checks and measures a CUDA build of Impasto beside PyTorch."
    )
    parser.add_argument(
        "dist",
        type=pathlib.Path,
        nargs="?",
        default=here,
        help="what deploy/cuda/build made [default: this script's folder]",
    )
    parser.add_argument(
        "--python", help="a Python that has PyTorch; without it a virtual environment is made"
    )
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument(
        "--models",
        default=os.environ.get("IMPASTO_MODELS_DIR"),
        help="Impasto's model store [env: IMPASTO_MODELS_DIR] [default: one in the results, filled "
        "from the network]",
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        default=pathlib.Path("impasto-verify"),
        help="the folder of the results",
    )
    parser.add_argument(
        "--only", default=",".join(CHECKS), help=f"which checks, of {','.join(CHECKS)}"
    )
    parser.add_argument(
        "--sizes", default="512,1024,2048,4096", help="sides of the pictures that are timed"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each program takes its turn at each size"
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=20,
        help="iterations that Impasto times in a turn; PyTorch times as many, five times",
    )
    parser.add_argument(
        "--picture",
        type=int,
        default=512,
        metavar="PIXELS",
        help="the side of the pictures that are compared",
    )
    parser.add_argument(
        "--peak",
        type=int,
        default=8192,
        metavar="SIDE",
        help="the side of the matrices whose product is the measure of the card",
    )
    parser.add_argument(
        "--large",
        type=int,
        default=16384,
        metavar="PIXELS",
        help="the side of the picture that is painted in tiles",
    )
    parser.add_argument("--compile-mode", default="default", help="torch.compile's mode")
    parser.add_argument("-n", "--dry-run", action="store_true", help="print the commands")
    args = parser.parse_args()
    args.checks = args.only.split(",")
    if unknown := set(args.checks) - set(CHECKS):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    if args.rounds < 1 or args.steps < 1:
        parser.error("--rounds and --steps are at least 1")
    args.sizes = [int(size) for size in args.sizes.split(",")]
    return args


class Failed(Exception):
    """What was wrong, in a line."""


class Machine:
    """Runs commands in the right environment and keeps what they print."""

    def __init__(self, args):
        self.args, self.ran = args, 0
        self.here = pathlib.Path(__file__).resolve().parent
        self.dist = args.dist.resolve()
        self.out = args.out.resolve()
        self.models = (
            str(pathlib.Path(args.models).resolve()) if args.models else str(self.out / "models")
        )
        # PyTorch's wheels bring the libraries that Impasto loads; those beside the program come
        # first. PyTorch itself finds its own.
        folders = [str(self.dist / "lib")] + [
            folder for entry in sys.path for folder in sorted(glob.glob(f"{entry}/nvidia/*/lib"))
        ]
        if os.environ.get("LD_LIBRARY_PATH"):
            folders.append(os.environ["LD_LIBRARY_PATH"])
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(folders),
            "IMPASTO_TEST_DEVICE": args.device,
            "IMPASTO_MODELS_DIR": self.models,
        }
        self.peer_environment = {
            **os.environ,
            "TORCHINDUCTOR_CACHE_DIR": str(self.out / "inductor"),
        }

    def run(self, what, command):
        """A command's output and its peak memory. The output is also in a log among the results."""
        command = [str(word) for word in command]
        self.ran += 1
        if self.args.dry_run:
            print(shlex.join(command))
            return "", 0
        print(f"-- {what}", file=sys.stderr, flush=True)
        log = self.out / f"{self.ran:02}-{what.replace(' ', '-')}.log"
        environment = self.peer_environment if command[0] == sys.executable else self.environment
        with open(log, "w") as errors, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=self.out, text=True
        ) as process:
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        with open(log, "a") as file:
            file.write(output)
        if process.returncode != 0:
            last = [line for line in log.read_text().splitlines() if line.strip()][-3:]
            raise Failed(
                f"{what}: `{shlex.join(command)}` ended with {process.returncode}: "
                f"{' / '.join(last)} (all of it in {log})"
            )
        return output, usage.ru_maxrss * 1024

    def document(self, what, command):
        output, _ = self.run(what, command)
        return {} if self.args.dry_run else json.loads(output.strip().splitlines()[-1])

    def impasto(self, *words):
        return [self.dist / "impasto", *words]

    def peer(self, *words):
        return [sys.executable, self.here / "peer.py", *words, "--device", self.args.device]

    def stylize(self, what, output, *words):
        common = ("--style", self.out / "style.bmp", "-o", self.out / output, "--seed", 1, "--json")
        return self.document(
            what, self.impasto("stylize", self.out / "content.bmp", *common, *words)
        )


def tests(machine, report):
    output, _ = machine.run(
        "tests of the engine", [machine.dist / "bin/tensor", "--test-threads", 1]
    )
    report["tests"] = [line for line in output.splitlines() if line.startswith("test result")]


def loss(machine, report):
    """The loss of a picture that is neither content nor style, measured by one iteration."""
    args = machine.args
    begin = (
        "--init",
        machine.out / "begin.bmp",
        "--iterations",
        1,
        "--preset",
        "gatys",
        "--profile",
        "exact",
    )
    ours = machine.stylize("loss", "begun.bmp", *begin, "--device", args.device).get("report", {})
    pictures = [
        word for name in ("content", "style") for word in (f"--{name}", machine.out / f"{name}.bmp")
    ]
    theirs = machine.document(
        "loss by pytorch",
        machine.peer(
            "loss", *pictures, "--picture", machine.out / "begin.bmp", "--models", machine.models
        ),
    )
    if args.dry_run:
        return
    report["loss"] = {"impasto": ours, "pytorch": theirs}
    for term in ("content_loss", "style_loss"):
        error = abs(ours[term] - theirs[term]) / abs(theirs[term])
        report["loss"][f"{term}_error"] = error
        if not error < LOSS_TOLERANCE:
            raise Failed(f"{term} is {ours[term]}, and PyTorch's {theirs[term]}")


def picture(machine, report):
    """A few steps on the card, in both profiles, against the processor's."""
    recipe = ("--preset", "gatys", "--iterations", PICTURE_STEPS)
    machine.stylize(
        "picture by the processor", "cpu.bmp", *recipe, "--device", "cpu", "--profile", "exact"
    )
    found = {}
    for profile, least in (("exact", EXACT_DB), ("fast", FAST_DB)):
        ran = machine.stylize(
            f"picture {profile}",
            f"{profile}.bmp",
            *recipe,
            "--device",
            machine.args.device,
            "--profile",
            profile,
        )
        if not machine.args.dry_run:
            from pictures import psnr, read

            found[profile] = {
                "psnr_db": psnr(
                    read(machine.out / f"{profile}.bmp"), read(machine.out / "cpu.bmp")
                ),
                "least_db": least,
                **ran["report"],
            }
    report["picture"] = found
    for profile, ran in found.items():
        if not ran["psnr_db"] >= ran["least_db"]:
            raise Failed(
                f"profile {profile} paints another picture than the CPU: {ran['psnr_db']:.1f} dB, "
                f"where {ran['least_db']:.0f} are required"
            )


def one_pass(machine, report):
    """A picture in one pass on the card, against the processor's."""
    ran = {}
    for name, device in (("cpu", "cpu"), ("card", machine.args.device)):
        what, output = f"one pass on the {name}", f"one-{name}.bmp"
        words = ("--method", "arbitrary", "--device", device)
        ran[name] = machine.stylize(what, output, *words).get("report", {})
    if machine.args.dry_run:
        return
    from pictures import psnr, read

    found = psnr(read(machine.out / "one-card.bmp"), read(machine.out / "one-cpu.bmp"))
    report["one_pass"] = {"psnr_db": found, "least_db": ONE_PASS_DB, **ran}
    if warning := ran["card"].get("warning"):
        raise Failed(f"one pass did not run on the card: {warning}")
    if not found >= ONE_PASS_DB:
        raise Failed(
            f"one pass paints another picture than on the CPU: {found:.1f} dB, "
            f"where {ONE_PASS_DB:.0f} are required"
        )


def speed(machine, report):
    """All four take turns, so that a warm card or a busy machine meets each of them."""
    args = machine.args
    report["speed"], report["peak_tflops"] = [], 0.0
    look_for_peak(machine, report)
    for size in args.sizes:
        times = {name: [] for name in ("fast", "exact", "fp32", "bf16")}
        details, absent = {}, {}
        for turn in range(1, args.rounds + 1):
            for name in times:
                if name in absent:
                    continue
                what = f"speed {size} {name} {turn}"
                if name in ("fast", "exact"):
                    command = machine.impasto(
                        "bench",
                        "--json",
                        "--size",
                        size,
                        "--steps",
                        args.steps,
                        "--profile",
                        name,
                        "--device",
                        args.device,
                    )
                else:
                    mode = (
                        "--mode",
                        name,
                        "--models",
                        machine.models,
                        "--steps",
                        args.steps,
                        "--compile-mode",
                        args.compile_mode,
                    )
                    command = machine.peer("time", "--size", size, *mode)
                try:
                    ran = machine.document(what, command)
                except Failed as failure:
                    # The others' times are worth having all the same.
                    report["failed"].append(str(failure))
                    absent[name] = "failed"
                    continue
                if ran.get("out_of_memory"):
                    absent[name] = "does not fit"
                elif not args.dry_run:
                    details[name] = ran
                    times[name].append(
                        ran["sizes"][0]["iteration_ms"] if "sizes" in ran else ran["iteration_ms"]
                    )
        if args.dry_run:
            continue
        look_for_peak(machine, report)
        medians = {
            name: None if name in absent else statistics.median(taken)
            for name, taken in times.items()
        }
        report["speed"].append(
            {
                "size": size,
                "iteration_ms": medians,
                "absent": absent,
                "turns_ms": times,
                "details": details,
            }
        )


def look_for_peak(machine, report):
    """The best of several looks, one after each size: a warm card is slower than a cold one."""
    found = machine.document("peak", machine.peer("peak", "--size", machine.args.peak))
    report["peak_tflops"] = max(report["peak_tflops"], found.get("tflops", 0.0))


def large(machine, report):
    """A few iterations at a side where the card cannot hold the picture in one piece."""
    args = machine.args
    side = args.large
    command = machine.impasto(
        "stylize",
        machine.out / "content.bmp",
        "--style",
        machine.out / "style.bmp",
        "-o",
        machine.out / "large.bmp",
        "--size",
        side,
        "--min-scale",
        0,
    )
    command += ["--iterations", 3, "--seed", 1, "--json", "-v", "--device", args.device]
    with MemoryOfCard(args) as card:
        began = time.monotonic()
        output, memory = machine.run("large picture", command)
    if args.dry_run:
        return
    ran = json.loads(output.strip().splitlines()[-1])
    (machine.out / "large.bmp").unlink()
    if (ran["width"], ran["height"]) != (side, side):
        raise Failed(f"the large picture is {ran['width']} x {ran['height']}")
    report["large"] = {
        "side": side,
        "seconds": time.monotonic() - began,
        "host_memory_bytes": memory,
        "card_memory_bytes": card.most,
        **ran["report"],
    }


class MemoryOfCard:
    """The peak memory of the GPU in use by all programs, as nvidia-smi reports it."""

    def __init__(self, args):
        self.index = args.device.partition(":")[2] or "0"
        self.most, self.done = None, threading.Event()
        self.thread = None if args.dry_run else threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        query = [
            "nvidia-smi",
            "-i",
            self.index,
            "--query-gpu=memory.used",
            "--format=csv,noheader,nounits",
        ]
        while not self.done.wait(0.5):
            try:
                used = (
                    int(subprocess.run(query, capture_output=True, text=True, check=True).stdout)
                    << 20
                )
            except (OSError, ValueError, subprocess.CalledProcessError):
                return
            self.most = max(self.most or 0, used)

    def __enter__(self):
        if self.thread:
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        if self.thread:
            self.thread.join()


def table(report):
    """Times as a table, a row for each size."""
    peak = report["peak_tflops"]
    head = [
        "size",
        "Impasto fast",
        "Impasto exact",
        "PyTorch fp32",
        "PyTorch bf16, compiled",
        "exact: times PyTorch",
        "fast: times PyTorch",
        "fast: share of peak",
        "PyTorch bf16: share of peak",
    ]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]

    def ratio(theirs, ours):
        return "" if theirs is None or ours is None else f"{theirs / ours:.2f}"

    for row in report["speed"]:
        taken, size = row["iteration_ms"], row["size"]

        def share(value):
            return (
                ""
                if value is None
                else f"{size * size * FLOP_PER_PIXEL / (value * 1e9) / peak:.0%}"
            )

        cells = [
            str(size),
            *(
                row["absent"].get(name) or f"{taken[name]:.2f} ms"
                for name in ("fast", "exact", "fp32", "bf16")
            ),
        ]
        cells += [
            ratio(taken["fp32"], taken["exact"]),
            ratio(taken["bf16"], taken["fast"]),
            share(taken["fast"]),
            share(taken["bf16"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Time of an iteration: median of turns. The peak is {peak:.0f} TFLOP/s, of large bf16 products "
        "in PyTorch. Impasto's iterations are of L-BFGS, PyTorch's of Adam.",
    ]
    return lines


def text(report):
    lines = [f"# Impasto on {report.get('card', 'a card')}", ""]
    if report.get("speed"):
        lines += [*table(report), ""]
    if "tests" in report:
        lines += [f"- Tests of the engine: {'; '.join(report['tests'])}"]
    if "loss" in report:
        lines += [
            f"- Loss of one picture: content {report['loss'].get('content_loss_error', 1):.1e}, "
            f"style {report['loss'].get('style_loss_error', 1):.1e} off PyTorch's"
        ]
    for profile, ran in report.get("picture", {}).items():
        lines += [
            f"- Picture in profile {profile} ({ran['device']}): {ran['psnr_db']:.1f} dB from the CPU's"
        ]
    if "one_pass" in report:
        ran = report["one_pass"]
        lines += [
            f"- Picture in one pass ({ran['card'].get('device', 'a card')}): "
            f"{ran['psnr_db']:.1f} dB from the CPU's"
        ]
    if "large" in report:
        ran = report["large"]
        card = (
            "unknown"
            if ran["card_memory_bytes"] is None
            else f"{ran['card_memory_bytes'] / 2**30:.1f} GiB"
        )
        lines += [
            f"- {ran['side']} x {ran['side']}: {ran['iterations']} iterations in {ran['seconds']:.0f} s, "
            f"{card} of the GPU's memory, {ran['host_memory_bytes'] / 2**30:.1f} GiB of the machine's"
        ]
    lines += [f"- FAILED: {message}" for message in report["failed"]]
    return "\n".join(lines) + "\n"


def prepare(machine, report):
    args = machine.args
    if not args.dry_run:
        try:
            import torch

            from pictures import waves, write
        except ImportError as error:
            sys.exit(
                f"error: {sys.executable} has no PyTorch ({error}); name one that has with --python"
            )
        if not os.access(machine.dist / "impasto", os.X_OK):
            sys.exit(
                f"error: {machine.dist} has no program `impasto`; "
                "name the folder that deploy/cuda/build made"
            )
        if args.device.startswith("cuda") and not torch.cuda.is_available():
            sys.exit(
                f"error: PyTorch of {sys.executable} sees no GPU, so there is nothing to compare with"
            )
        machine.out.mkdir(parents=True, exist_ok=True)
        for name, seed in (("content", 1), ("style", 2), ("begin", 3)):
            write(machine.out / f"{name}.bmp", waves(args.picture, seed))
        report["card"] = (
            torch.cuda.get_device_name(args.device)
            if args.device.startswith("cuda")
            else args.device
        )
        report["torch"], report["build"] = (
            torch.__version__,
            (machine.dist / "BUILD").read_text().splitlines(),
        )
    if not args.models:
        for model in ("vgg19", "arbitrary"):
            machine.run("models", machine.impasto("models", "pull", model))


def main():
    args = arguments()
    machine = Machine(args)
    report = {"device": args.device, "failed": []}
    try:
        prepare(machine, report)
    except Failed as failure:
        sys.exit(f"error: {failure}")
    for check in (tests, loss, picture, one_pass, speed, large):
        if check.__name__ in args.checks:
            try:
                check(machine, report)
            except Failed as failure:
                print(f"error: {failure}", file=sys.stderr)
                report["failed"].append(str(failure))
    if args.dry_run:
        return
    (machine.out / "verify.json").write_text(json.dumps(report, indent=1))
    (machine.out / "verify.md").write_text(text(report))
    print(text(report))
    if report["failed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
