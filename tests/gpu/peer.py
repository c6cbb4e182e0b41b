#!/usr/bin/env python3
"""PyTorch's side of the comparison: the same network with the same weights, the loss of preset
`gatys`, and a step of Adam on the pixels.

    peer.py time --size 512 --mode fp32|bf16 --device cuda:0 --models DIR
    peer.py loss --content C.bmp --style S.bmp --picture P.bmp --device cuda:0 --models DIR
    peer.py peak --device cuda:0

`time` prints how long a step takes: forward, losses, backward, Adam and the clamp to a picture's
range. `fp32` is eager with TF32 off; `bf16` computes in bf16 with channels last, under
torch.compile. `loss` prints the loss of a written picture in fp32, which `impasto stylize --init P
--iterations 1` has to agree with. `peak` prints how fast the device multiplies large
bf16 matrices. Each prints one JSON document. DIR is Impasto's model store.
"""

import argparse
import json
import pathlib
import statistics
import struct
import sys
import time

import torch
import torch.nn.functional as F

import pictures

LAYERS = """
    conv1_1 conv1_2 pool conv2_1 conv2_2 pool conv3_1 conv3_2 conv3_3 conv3_4 pool
    conv4_1 conv4_2 conv4_3 conv4_4 pool conv5_1
""".split()
STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT = "conv4_2"

# Of preset `gatys`, docs/ARCHITECTURE.md.
CONTENT_WEIGHT = 0.01
STYLE_WEIGHT = 10.0
# Caffe's means of BGR, which Impasto's weights are for.
MEANS = (103.939, 116.779, 123.68)

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def weights(models):
    """VGG-19 from Impasto's model store, as the store's own index names it."""
    index = pathlib.Path(models) / "vgg19.json"
    try:
        digest = json.loads(index.read_text())["current"]
    except (OSError, KeyError, ValueError) as error:
        sys.exit(
            f"error: there is no VGG-19 in {models} ({error}); "
            f"run `impasto models pull --models-dir {models}`"
        )
    data = bytearray((index.parent / f"vgg19-{digest}.safetensors").read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        tensors[name] = (
            torch.frombuffer(
                data, dtype=dtype, offset=8 + length + begin, count=(end - begin) // dtype.itemsize
            )
            .view(entry["shape"])
            .float()
        )
    return tensors


class Network(torch.nn.Module):
    """VGG-19 up to relu5_1, frozen: a picture in, the feature maps of the losses out."""

    def __init__(self, tensors, device, dtype, memory_format):
        super().__init__()
        self.dtype, self.memory_format = dtype, memory_format
        self.register_buffer("means", torch.tensor(MEANS, device=device).view(1, 3, 1, 1))
        for name in LAYERS:
            if name != "pool":
                self.register_buffer(
                    f"{name}_weight",
                    tensors[f"{name}.weight"]
                    .to(device, dtype)
                    .contiguous(memory_format=memory_format),
                )
                self.register_buffer(f"{name}_bias", tensors[f"{name}.bias"].to(device, dtype))

    def forward(self, picture):
        x = (picture - self.means).to(self.dtype).contiguous(memory_format=self.memory_format)
        maps = {}
        for name in LAYERS:
            if name == "pool":
                x = F.max_pool2d(x, 2, ceil_mode=True)
                continue
            x = F.relu(
                F.conv2d(
                    x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"), padding=1
                )
            )
            if name in STYLE or name == CONTENT:
                maps[name] = x
        return maps


def gram(features):
    """F F^T over the number of pixels, in fp32."""
    rows = features.flatten(2)
    return (rows @ rows.transpose(1, 2)).float() / rows.shape[2]


def losses(maps, content, grams):
    content_loss = CONTENT_WEIGHT * (maps[CONTENT].float() - content.float()).square().mean()
    style_loss = sum(
        STYLE_WEIGHT / maps[name].shape[1] ** 2 * (gram(maps[name]) - grams[name]).square().mean()
        for name in STYLE
    )
    return content_loss, style_loss


def pixels(picture, device):
    """Bytes [height, width, 3] as a batch of one."""
    return picture.to(device).float().permute(2, 0, 1).unsqueeze(0).contiguous()


def build(args, dtype, memory_format):
    device = torch.device(args.device)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    return device, Network(weights(args.models), device, dtype, memory_format)


def targets(network, content, style):
    with torch.no_grad():
        style_maps = network(style)
        grams = {name: gram(style_maps[name]) for name in STYLE}
        del style_maps
        return network(content)[CONTENT].clone(), grams


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(args):
    fast = args.mode == "bf16"
    device, network = build(
        args,
        torch.bfloat16 if fast else torch.float32,
        torch.channels_last if fast else torch.contiguous_format,
    )
    content, style = (pixels(pictures.waves(args.size, seed), device) for seed in (1, 2))
    content_target, grams = targets(network, content, style)
    picture = content.clone().requires_grad_()
    optimizer = torch.optim.Adam(
        [picture], lr=5.0, **({"fused": True} if device.type == "cuda" else {})
    )

    def evaluate(picture):
        return sum(losses(network(picture), content_target, grams))

    if fast:
        evaluate = torch.compile(evaluate, mode=args.compile_mode)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = evaluate(picture)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            picture.clamp_(0, 255)
        return loss.detach()

    first = step().item()
    # cuDNN and the compiler have looked for their fastest kernels by then.
    for _ in range(args.warm_up):
        step()
    wait(device)
    batches = []
    for _ in range(args.batches):
        began = time.perf_counter()
        for _ in range(args.steps):
            last = step()
        wait(device)
        batches.append((time.perf_counter() - began) / args.steps * 1e3)
    last = last.item()
    if not last < first:
        sys.exit(
            f"error: the loss went from {first} to {last}, and not down: its times mean nothing"
        )
    report = {
        "size": args.size,
        "mode": args.mode,
        "iteration_ms": statistics.median(batches),
        "batches_ms": batches,
        "first_loss": first,
        "last_loss": last,
    }
    report["torch"], report["device"] = torch.__version__, name_of(device)
    if device.type == "cuda":
        report["peak_memory_bytes"] = torch.cuda.max_memory_allocated(device)
        report["cudnn"] = torch.backends.cudnn.version()
    return report


def loss(args):
    device, network = build(args, torch.float32, torch.contiguous_format)
    content, style, picture = (
        pixels(pictures.read(path), device) for path in (args.content, args.style, args.picture)
    )
    content_target, grams = targets(network, content, style)
    with torch.no_grad():
        content_loss, style_loss = losses(network(picture), content_target, grams)
    return {
        "loss": (content_loss + style_loss).item(),
        "content_loss": content_loss.item(),
        "style_loss": style_loss.item(),
    }


def peak(args):
    device = torch.device(args.device)
    side = args.size
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        one @ other
    wait(device)
    times = []
    for _ in range(args.batches):
        began = time.perf_counter()
        for _ in range(args.steps):
            one @ other
        wait(device)
        times.append((time.perf_counter() - began) / args.steps)
    return {
        "size": side,
        "tflops": 2 * side**3 / statistics.median(times) / 1e12,
        "device": name_of(device),
    }


def name_of(device):
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    timed, checked, multiplied = (commands.add_parser(name) for name in ("time", "loss", "peak"))
    for command, run in ((timed, measure), (checked, loss), (multiplied, peak)):
        command.set_defaults(run=run)
        command.add_argument("--device", default="cuda:0")
    for command in (timed, checked):
        command.add_argument("--models", required=True)
    for command, size in ((timed, 512), (multiplied, 8192)):
        command.add_argument("--size", type=int, default=size)
        command.add_argument(
            "--steps", type=int, default=10, help="steps in a batch, between two looks at the clock"
        )
        command.add_argument("--batches", type=int, default=5)
    timed.add_argument("--mode", choices=("fp32", "bf16"), required=True)
    timed.add_argument("--warm-up", type=int, default=10)
    timed.add_argument("--compile-mode", default="default", help="torch.compile's mode")
    for name in ("--content", "--style", "--picture"):
        checked.add_argument(name, required=True)
    args = parser.parse_args()
    try:
        report = args.run(args)
    except torch.OutOfMemoryError as error:
        report = {"out_of_memory": str(error).splitlines()[0]}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
