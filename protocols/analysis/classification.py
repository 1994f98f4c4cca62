"""Accuracy and loss of trained networks: means over seeds, and how far devices are behind the ideal sigmoid.

Values        Accuracy and loss after the last epoch, on the test images, mean over seeds. The gap is the accuracy
              with the ideal sigmoid less that with the device, for each seed by itself: both began with the same
              weights and saw the same batches, so that what a seed does to both is not in it. Positive: the device
              is worse.
Uncertainty   One standard deviation of the mean, from the scatter over seeds. The test images are taken as they
              are.
What is whose The accuracies and losses are those of one schedule (epochs, batches, learning rate, first weights):
              with another both accuracies change together. The gap is what the device does: its curve, noise and
              ends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from protocols.vocabulary import Analysis, Curve, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

IDEAL = 0
"""The number of the ideal sigmoid among the neurons; devices are counted from 1."""

_SCHEDULE = "with this schedule, which is our choice"
_DEVICE = "the device's doing: same first weights and same batches for both"


def suffix(neuron: int, n_devices: int) -> str:
    """Return what names of a neuron's results end in: "ideal", "device" or, where there are several, "device_2"."""
    if neuron == IDEAL:
        return "ideal"
    return "device" if n_devices == 1 else f"device_{neuron}"


def classification(data: Mapping[str, Array], *, epochs: int, devices: Sequence[str]) -> Analysis:
    """Report trainings from their rows: columns neuron, seed, epoch, accuracy, loss, clamped, mu0_H_x, each (n,).

    `epochs` is the last epoch of a whole training, `devices` the names of neurons 1, 2 ...; trainings without their
    last epoch (stopped) are left out of the results. The results are accuracy, loss and, for devices, accuracy_gap,
    of every neuron; curves are the means over seeds at each epoch, their help the name for a legend, and
    accuracy_against_mu0_H_x (T) where the devices were measured in different fields.
    """
    n_devices = len(devices)
    results: dict[str, Result] = {}
    curves: dict[str, Curve] = {}
    warnings: list[str] = []
    final = data["epoch"] == epochs
    ideal = _by_seed(data, "accuracy", final & (data["neuron"] == IDEAL))
    at_end: list[tuple[float, float]] = []
    for neuron in range(n_devices + 1):
        name, here = suffix(neuron, n_devices), data["neuron"] == neuron
        accuracy = _by_seed(data, "accuracy", final & here)
        whose = "ideal sigmoid" if neuron == IDEAL else "device"
        if neuron != IDEAL and n_devices > 1:
            whose = f"device {neuron} ({devices[neuron - 1]})"
        results[f"accuracy_{name}"] = _mean(
            list(accuracy.values()), f"share of the test digits recognised, {whose}", _SCHEDULE
        )
        loss = list(_by_seed(data, "loss", final & here).values())
        results[f"loss_{name}"] = _mean(loss, f"mean cross-entropy of the test digits, {whose}")
        for quantity in ("accuracy", "loss"):
            curves[f"{quantity}_{name}"] = _against_epoch(data, quantity, here, whose)
        if neuron == IDEAL:
            continue
        gap = [ideal[seed] - accuracy[seed] for seed in ideal.keys() & accuracy.keys()]
        results[f"accuracy_gap{name.removeprefix('device')}"] = _mean(
            gap, f"accuracy with the ideal sigmoid less that with the {whose}", _DEVICE
        )
        fields = data["mu0_H_x"][here]
        at_end.append((float(fields[0]) if len(fields) else math.nan, results[f"accuracy_{name}"].value))
        beyond = _mean(list(_by_seed(data, "clamped", final & here).values()), "").value
        if beyond > 0.5:
            warnings.append(
                f"{beyond:.0%} of the currents into the {whose} are beyond its ends, where it is a constant"
            )
    fields, accuracies = np.array(at_end, dtype=np.float64).reshape(-1, 2).T
    if n_devices > 1 and len(np.unique(fields)) == n_devices:
        order = np.argsort(fields)
        curves["accuracy_against_mu0_H_x"] = Curve(
            fields[order], accuracies[order], "mu0_H_x", "T", "accuracy", "1", "accuracy of the devices"
        )
    return Analysis(results, curves, warnings)


def _by_seed(data: Mapping[str, Array], name: str, where: NDArray[np.bool_]) -> dict[int, float]:
    return dict(zip(data["seed"][where].astype(int).tolist(), data[name][where].tolist(), strict=True))


def _mean(values: list[float], help: str, note: str = "") -> Result:
    if not values:
        return Result(math.nan, math.nan, "1", help, note="no training reached its last epoch")
    if len(values) == 1:
        one = "one seed has no scatter"
        return Result(values[0], math.nan, "1", help, note=f"{note}; {one}" if note else one)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Result(float(np.mean(values)), error, "1", help, note=note)


def _against_epoch(data: Mapping[str, Array], name: str, here: NDArray[np.bool_], whose: str) -> Curve:
    epochs, where = np.unique(data["epoch"][here], return_inverse=True)
    mean = np.bincount(where, data[name][here]) / np.bincount(where)
    return Curve(epochs.astype(np.float64), mean, "epoch", "1", name, "1", whose)
