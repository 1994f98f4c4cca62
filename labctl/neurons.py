"""Measured neurons, from the files of sigmoid-neuron runs to what a network can compute with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labctl.errors import DataError
from labctl.record import Quantity
from labctl.runfile import Run, read_run
from protocols.analysis.network import MeasuredNeuron

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PROTOCOL = "sigmoid-neuron"


@dataclass(frozen=True, slots=True)
class Neuron:
    """A measured neuron: its run, mean Y and noise against current (A), and the currents X_0 and K (A).

    `remarks` say what was not taken from the neuron's own file.
    """

    run: Run
    current: NDArray[np.float64]
    Y: NDArray[np.float64]
    noise: NDArray[np.float64]
    X_0: float
    K: float
    remarks: Sequence[str] = field(default_factory=list[str])

    @property
    def activation(self) -> MeasuredNeuron:
        """The neuron as a network's activation."""
        return MeasuredNeuron(self.current, self.Y, self.noise, self.X_0, self.K)

    @property
    def sample(self) -> str:
        """Name of the sample."""
        return self.run.sample_name

    @property
    def mu0_H_x(self) -> float:
        """The field along the current that was asked for (T)."""
        return float(self.run.parameters["mu0_H_x"].value)

    def quantities(self, number: int) -> dict[str, Quantity]:
        """Everything that the network was given of this neuron, for the result's file."""
        help = f"of neuron {number}"
        return {
            f"neuron_{number}_file": Quantity(str(self.run.path)),
            f"neuron_{number}_uuid": Quantity(self.run.uuid),
            f"neuron_{number}_sample": Quantity(self.sample),
            f"neuron_{number}_I_set": Quantity(self.current.tolist(), "A", f"currents {help}"),
            f"neuron_{number}_Y": Quantity(self.Y.tolist(), "1", f"mean Y {help} at its currents"),
            f"neuron_{number}_Y_noise": Quantity(
                self.noise.tolist(), "1", f"standard deviation of Y {help} between cycles, at its currents"
            ),
        }


def read_neurons(paths: Sequence[Path], scale_from: Path | None) -> list[Neuron]:
    """Read neurons from their runs; DataError, in one line, for a file that is none.

    X_0 and K are the run's own. Where it has no measured width (no sigmoid, or a step that is sharper than the
    distance of the currents), both are those of the run `scale_from`.
    """
    scale = _scale(_neuron_run(scale_from)) if scale_from is not None else None
    if scale_from is not None and scale is None:
        raise DataError(f"--scale-from must be a run with a measured X_0 and K; {scale_from} has none.")
    return [_neuron(path, scale, scale_from) for path in paths]


def _neuron(path: Path, scale: tuple[float, float] | None, scale_from: Path | None) -> Neuron:
    run = _neuron_run(path)
    if "Y_mean" not in run.curves:
        raise DataError(
            f"{path} must have a curve Y against current; it has none: {'; '.join(run.warnings)}."
        )
    remarks: list[str] = []
    X_0_and_K = _scale(run)
    if X_0_and_K is None:
        if scale is None:
            raise DataError(
                f"{path} must have a measured width K to turn a network's numbers into currents; it has none "
                f"({'; '.join(run.warnings)}). Give --scale-from FILE, the run of a neuron that has one."
            )
        X_0_and_K = scale
        remarks.append(f"{path} has no measured K: X_0 and K are those of {scale_from}")
    mean = run.curves["Y_mean"]
    noise, remark = _noise(run, mean.x)
    remarks += [f"{path} {remark}"] if remark else []
    return Neuron(run, mean.x, mean.y, noise, *X_0_and_K, remarks)


def _neuron_run(path: Path) -> Run:
    run = read_run(path)
    if run.protocol != _PROTOCOL:
        raise DataError(f"{path} must be a run of {_PROTOCOL}; it is one of {run.protocol}.")
    return run


def _scale(run: Run) -> tuple[float, float] | None:
    """X_0 and K (A) where both were measured; a K that is only an upper limit was not."""
    X_0, K = run.results.get("X_0"), run.results.get("K")
    if X_0 is None or K is None or K.limit or not (math.isfinite(X_0.value) and K.value > 0):
        return None
    return X_0.value, K.value


def _noise(run: Run, current: NDArray[np.float64]) -> tuple[NDArray[Any], str]:
    """Noise at every current and a remark: current by current where the file says so, else one for all, else 0."""
    curve, pooled = run.curves.get("Y_noise"), run.results.get("cycle_noise")
    if curve is not None and len(curve.x) and np.all(np.isfinite(curve.y)):
        return np.interp(current, curve.x, curve.y), ""
    if pooled is not None and math.isfinite(pooled.value):
        return np.full(current.shape, pooled.value), ""
    return np.zeros(current.shape), "has one cycle: its noise was not measured and is taken as 0"
