"""Rows of a harmonic Hall measurement as the analysis takes them: turned to the phase, by sweep, in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from protocols.harmonic_readings import SWEPT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Phasors = NDArray[np.complex128]

_SAME_DIRECTION: Final = 1e-6  # rad


@dataclass(frozen=True, slots=True)
class Readings:
    """All rows of a run, shape (n,): fields (T), directions (rad), states, stages, branches, harmonics (V rms).

    The harmonics are phasors. The real part of V_1w is that of sin(wt), of V_2w that of cos(2wt): V_1w is X + iY of
    a lock-in, V_2w is Y - iX; as read, or turned by `turned`.
    """

    mu0_H_set: Array
    mu0_H_x: Array
    mu0_H_y: Array
    phi: Array
    state: Array
    stage: Array
    branch: Array
    V_1w: Phasors
    V_2w: Phasors

    @classmethod
    def of(cls, data: Mapping[str, Array]) -> Self:
        """Make them of the columns of a run; numbers that are not finite raise ValueError."""
        names = ("mu0_H_set", "mu0_H_x", "mu0_H_y", "phi", "state", "stage", "branch")
        V_1w = np.asarray(data["V_1w_rms"]) + 1j * np.asarray(data["V_1w_quadrature_rms"])
        V_2w = np.asarray(data["V_2w_rms"]) - 1j * np.asarray(data["V_2w_quadrature_rms"])
        if not (np.all(np.isfinite(V_1w)) and np.all(np.isfinite(V_2w))):
            raise ValueError("harmonics must be finite; got a reading that is not")
        columns = {name: np.asarray(data[name], dtype=np.float64) for name in names}
        return cls(**columns, V_1w=V_1w, V_2w=V_2w)

    @property
    def phase(self) -> float:
        """Phase (rad, within a quarter of a period) that all first harmonics have."""
        return float(np.angle(np.sum(self.V_1w**2))) / 2

    def turned(self) -> Self:
        """Return them as a lock-in with a perfect reference reads them."""
        return replace(
            self,
            V_1w=self.V_1w * np.exp(-1j * self.phase),
            V_2w=self.V_2w * np.exp(-2j * self.phase),
        )

    def only(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Some of the rows, by a mask or by their numbers."""
        return type(self)(*(getattr(self, item.name)[keep] for item in fields(self)))

    def swept(self, phi: float) -> Self:
        """The sweeps in one direction, of both states."""
        return self.only((self.stage == SWEPT) & (np.abs(self.phi - phi) < _SAME_DIRECTION))

    def paired(self) -> tuple[Self, Self]:
        """Rows of both states (up, down) at the fields that both have, in the order of the fields."""
        up, down = self.only(self.state > 0), self.only(self.state < 0)
        _, at_up, at_down = np.intersect1d(up.mu0_H_set, down.mu0_H_set, return_indices=True)
        return up.only(at_up), down.only(at_down)

    @property
    def along(self) -> Array:
        """Measured field (T) along the direction of the sweep."""
        return self.mu0_H_x * np.cos(self.phi) + self.mu0_H_y * np.sin(self.phi)
