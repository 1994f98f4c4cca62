"""An electromagnet as the sample sees it: a field along one direction, proportional to the coil current."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Magnet:
    """A magnet that gives `mu0_H_per_A` (T/A, either sign) along `direction`, a unit vector (x, y, z).

    x is along the current in the bar, z along the film normal. Linear, without remanence or lag (our choice).
    A direction that is not of length 1 (to 1e-6), or a number that is not finite, raises ValueError.
    """

    mu0_H_per_A: float
    direction: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not math.isfinite(self.mu0_H_per_A):
            raise ValueError(f"a magnet's field per ampere must be finite; got {self.mu0_H_per_A!r} T/A")
        if not abs(math.hypot(*self.direction) - 1.0) <= 1e-6:
            raise ValueError(f"a magnet's direction must be a unit vector; got {self.direction!r}")

    def mu0_H(self, current: float) -> tuple[float, float, float]:
        """Return the field mu0 H = (T/A) I direction (T, T, T) at a coil current in A."""
        size = self.mu0_H_per_A * current
        x, y, z = self.direction
        return size * x, size * y, size * z
