"""Small stand-ins for MNIST and for measured neurons, drawn by the tests: seven-segment digits, sigmoid curves."""

import gzip
import math
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from stored_runs import END, begun

from labctl.idx import read_digits
from labctl.store import Quantity
from protocols.vocabulary import Analysis, Curve, Result

MA = 1e-3
NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "t10k": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
#: Which of the segments top, upper left, upper right, middle, lower left, lower right, bottom each digit lights.
SEGMENTS = (
    (1, 1, 1, 0, 1, 1, 1),
    (0, 0, 1, 0, 0, 1, 0),
    (1, 0, 1, 1, 1, 0, 1),
    (1, 0, 1, 1, 0, 1, 1),
    (0, 1, 1, 1, 0, 1, 0),
    (1, 1, 0, 1, 0, 1, 1),
    (1, 1, 0, 1, 1, 1, 1),
    (1, 0, 1, 0, 0, 1, 0),
    (1, 1, 1, 1, 1, 1, 1),
    (1, 1, 1, 1, 0, 1, 1),
)
PLACES = (
    (0, range(1, 6)),
    (range(1, 4), 0),
    (range(1, 4), 6),
    (4, range(1, 6)),
    (range(5, 8), 0),
    (range(5, 8), 6),
    (8, range(1, 6)),
)


def seven_segments(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy digits of 9 x 7 bytes as a pocket calculator shows them, with their labels."""
    rng = np.random.default_rng(seed)
    strokes = np.zeros((7, 9, 7), int)
    for segment, (rows, columns) in enumerate(PLACES):
        strokes[segment, rows, columns] = 180
    labels = rng.integers(10, size=n)
    images = np.tensordot(np.array(SEGMENTS)[labels], strokes, axes=1) + rng.integers(75, size=(n, 9, 7))
    return images.astype(np.uint8), labels.astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_digits(folder: Path, *, n_train: int = 1200, n_test: int = 400, packed: bool = False) -> Path:
    """Write the four files, seven-segment digits in them; return the folder."""
    folder.mkdir(exist_ok=True)
    for name, n in (("train", n_train), ("t10k", n_test)):
        for file, array in zip(NAMES[name], seven_segments(n, seed=n), strict=True):
            if packed:
                (folder / f"{file}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (folder / file).write_bytes(idx(array))
    return folder


def write_neuron(
    path: Path,
    *,
    protocol: str = "sigmoid-neuron",
    mu0_H_x: float = -0.05,
    K: float = 2.5,
    K_limit: str = "",
    noise: float = 0.001,
    noise_curve: list[float] | None = None,
    Y: list[float] | None = None,
) -> Path:
    """Write a neuron's run: a sigmoid of centre 16 mA and width 2.5 mA, or Y, at 36 currents; K (mA) as told."""
    I = np.arange(-5, 31) * MA
    curve = np.array([1 / (1 + math.exp((16 - i / MA) / 2.5)) for i in I]) if Y is None else np.array(Y)
    curves = {"Y_mean": Curve(I, curve, "I_set", "A", "Y", "1", "mean of Y")}
    if noise_curve is not None:
        curves["Y_noise"] = Curve(I, np.array(noise_curve), "I_set", "A", "Y", "1", "noise of Y")
    results = {
        "X_0": Result(16 * MA if K == K else K, 0.05 * MA, "A", "centre"),
        "K": Result(K * MA, 0.04 * MA, "A", "width", limit=K_limit),
        "cycle_noise": Result(noise, 1e-4, "1", "noise"),
    }
    warnings = [] if K == K else ["no sigmoid goes through Y"]
    store = begun(path, protocol=protocol, parameters={"mu0_H_x": Quantity(mu0_H_x, "T", "field")})
    return store.finish(
        "complete", "", END, 9.5, Analysis(results, curves if len(curve) else {}, warnings), "by hand"
    )


def write_part(source: Path, folder: Path, *, n_train: int, n_test: int) -> Path:
    """Write the first images of the four files of `source`; return the folder."""
    folder.mkdir()
    for digits, names, n in zip(read_digits(source), NAMES.values(), (n_train, n_test), strict=True):
        images = digits.images[:n].reshape(n, 28, 28)
        for name, array in zip(names, (images, digits.labels[:n].astype(np.uint8)), strict=True):
            (folder / name).write_bytes(idx(array))
    return folder


def real_mnist() -> Path:
    """The folder with MNIST's own four files; a test that needs them is skipped where there are none."""
    beside = Path(__file__).parents[3] / "shared" / "mnist"
    folder = Path(os.environ.get("LABCTL_MNIST", beside))
    if not list(folder.glob("train-images-idx3-ubyte*")):
        pytest.skip(f"MNIST is not in {folder}; LABCTL_MNIST names another folder")
    return folder
