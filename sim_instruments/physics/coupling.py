"""What the patches do to each other: wall energy helps a reversal spread, stray fields hold it back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Coupling(Protocol):
    """The seam between one patch and the others; a lattice of neighbours would fit here too.

    An implementation turns the state of all patches into the field that each of them feels.
    """

    def strength(self, b: float) -> float:
        """Return the coupling (T) at the reduced in-plane field b = H_in/H_k, 0 <= b <= 1; negative opposes."""
        ...

    def field(
        self, strength: float | NDArray[np.float64], up: NDArray[np.bool_]
    ) -> float | NDArray[np.float64]:
        """Return the coupling field along +z (T): one number for all patches, or one per patch, shape (N,).

        Proportional to the strength. For K strengths, shape (K, 1), that is of shape (K, 1) or (K, N).
        """
        ...


@dataclass(frozen=True, slots=True)
class MeanField:
    """Every patch feels the mean magnetization: a random-threshold Ising film in the mean field.

    Sethna et al., Phys. Rev. Lett. 70, 3347 (1993), cond-mat/9210018. `mu0_J_0` (T) is the wall coupling
    without in-plane field, `mu0_J_D` (T) the stray-field coupling.
    """

    mu0_J_0: float
    mu0_J_D: float

    def strength(self, b: float) -> float:
        """Return J(b) = J_0 [sqrt(1-b^2) - b arccos b] - J_D sqrt(1-b^2) (T), 0 <= b <= 1.

        The bracket is the energy of a 180 degree wall whose moments an in-plane field favours, over its value
        at b = 0 (from sigma_w = 4 sqrt(A K)); the stray field goes with m_z. Both forms are our derivation.
        """
        m_z = math.sqrt(1.0 - b * b)
        return self.mu0_J_0 * (m_z - b * math.acos(b)) - self.mu0_J_D * m_z

    def field(
        self, strength: float | NDArray[np.float64], up: NDArray[np.bool_]
    ) -> float | NDArray[np.float64]:
        """Return J m (T), m the mean magnetization of the patches (-1 ... 1)."""
        return strength * mean_magnetization(up)


def mean_magnetization(up: NDArray[np.bool_]) -> float:
    """Return m = (N_up - N_down)/N, -1 ... 1."""
    return 2.0 * int(np.count_nonzero(up)) / up.size - 1.0
