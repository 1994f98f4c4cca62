"""Fits to harmonics of the Hall voltage: lines, the anisotropy field, what stays at high fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_FEWEST: Final = 4  # points that a fit must have
_N_WINDOWS: Final = 50
_N_SECTIONS: Final = 40  # of an interval by the golden section: far below any noise
_TINY: Final = 1e-300
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
#: Where the pole of a torque may be, in H_k: patches differ by that much (our choice).
_POLE: Final = (0.7, 1.3)
_CLOSEST: Final = 0.9  # of the lowest field: how near to it the pole may be


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line by its middle, y = mean_y + slope (x - mean_x), with standard uncertainties, or why not.

    The points lie within `reach` of the middle.
    """

    mean_x: float = math.nan
    reach: float = math.nan
    mean_y: float = math.nan
    slope: float = math.nan
    u_mean: float = math.nan
    u_slope: float = math.nan
    note: str = ""

    def at(self, x: Array) -> Array:
        """Return y at x."""
        return self.mean_y + self.slope * (x - self.mean_x)

    @property
    def root(self) -> float:
        """Where the line is zero."""
        return self.mean_x - self.mean_y / self.slope

    @property
    def u_root(self) -> float:
        """Standard uncertainty of the root; middle and slope are uncorrelated."""
        return math.hypot(self.u_mean / self.slope, self.mean_y * self.u_slope / self.slope**2)


def line(x: Array, y: Array, what: str) -> Line:
    """Fit a line to points of equal weight, shapes (n,); `what` is what the note calls them where they are few."""
    n = len(x)
    if n < _FEWEST or np.ptp(x) == 0:
        return Line(note=f"{what}: at least {_FEWEST} fields are needed; there are {len(np.unique(x))}")
    mean_x, mean_y = float(np.mean(x)), float(np.mean(y))
    from_mean = x - mean_x
    squares = float(from_mean @ from_mean)
    slope = float(from_mean @ y) / squares
    residual = y - mean_y - slope * from_mean
    noise = math.sqrt(float(residual @ residual) / (n - 2))
    reach = float(np.max(np.abs(from_mean)))
    return Line(mean_x, reach, mean_y, slope, noise / math.sqrt(n), noise / math.sqrt(squares))


@dataclass(frozen=True, slots=True)
class Anisotropy:
    """mu0_H_k (T) by both laws, and V_0 (V rms, with the sign of R_AHE) by cos(arcsin); a note says why not."""

    mu0_H_k: float = math.nan
    u_mu0_H_k: float = math.nan
    mu0_H_k_parabola: float = math.nan
    u_mu0_H_k_parabola: float = math.nan
    V_0: float = math.nan
    u_V_0: float = math.nan
    note: str = ""

    def at(self, mu0_H: Array) -> Array:
        """Return V_1w (V rms) of a layer that is magnetized up, |mu0_H| (T) within H_k."""
        return self.V_0 * np.sqrt(1 - (mu0_H / self.mu0_H_k) ** 2)


def fit_anisotropy(mu0_H: Array, V_odd: Array, window: float) -> Anisotropy:
    """Fit V_odd (V rms), half the difference of both states, against mu0_H (T) within `window` of H_k.

    H_k decides which fields count and comes from them: from all of them first, then until it does not change.
    """
    is_inside = np.ones(len(mu0_H), dtype=bool)
    found = line(mu0_H**2, V_odd**2, "H_k")
    for _ in range(_N_WINDOWS):
        if found.note or not (found.slope < -3 * found.u_slope and found.root > 0):
            break
        narrower = np.abs(mu0_H) < window * math.sqrt(found.root)
        if np.array_equal(narrower, is_inside):
            break
        is_inside = narrower
        found = line(mu0_H[is_inside] ** 2, V_odd[is_inside] ** 2, f"H_k within {window:g} of it")
    if found.note:
        return Anisotropy(note=found.note)
    if not (found.slope < -3 * found.u_slope and found.root > 0):
        return Anisotropy(note="V_1w does not fall with the field: there is no H_k to be found")
    parabola = line(mu0_H[is_inside] ** 2, V_odd[is_inside], "H_k")
    square = found.mean_y - found.slope * found.mean_x
    u_square = math.hypot(found.u_mean, found.u_slope * found.mean_x)
    H_k, H_parabola = math.sqrt(found.root), math.sqrt(parabola.root / 2)
    return Anisotropy(
        H_k,
        found.u_root / (2 * H_k),
        H_parabola,
        parabola.u_root / (4 * H_parabola),
        math.copysign(math.sqrt(square), parabola.mean_y),
        u_square / (2 * math.sqrt(square)),
    )


@dataclass(frozen=True, slots=True)
class HighFields:
    """What stays at any field, y = constant + b / (H - H_s), with its standard uncertainty, or why not."""

    constant: float = math.nan
    u_constant: float = math.nan
    note: str = ""


def fit_high_fields(mu0_H: Array, y: Array, mu0_H_k: float) -> HighFields:
    """Fit constant, b and H_s to y (shape (n,)) at fields mu0_H (T) above H_k; H_s is near H_k and below them."""
    if len(mu0_H) <= _FEWEST:
        return HighFields(note=f"more than {_FEWEST} high fields are needed; there are {len(mu0_H)}")

    def fitted(H_s: float) -> Line:
        return line(1 / (mu0_H - H_s), y, "high fields")

    def misfit(H_s: float) -> float:
        return fitted(H_s).u_mean

    low, high = (bound * mu0_H_k for bound in _POLE)
    H_s = _smallest(misfit, low, min(high, _CLOSEST * float(np.min(mu0_H))))
    found = fitted(H_s)
    n = len(y)
    noise = found.u_mean * math.sqrt(n * (n - 2) / (n - 3))  # H_s was fitted besides
    turning = 1 / (mu0_H - H_s)
    jacobian = np.stack([np.ones_like(mu0_H), turning, found.slope * turning**2], axis=1)
    inverse = np.linalg.pinv(jacobian / np.maximum(np.max(np.abs(jacobian), axis=0), _TINY))
    return HighFields(float(found.at(np.zeros(1))[0]), noise * float(np.linalg.norm(inverse[0])))


def _smallest(misfit: Callable[[float], float], low: float, high: float) -> float:
    """Where a misfit with one minimum is smallest, by golden section."""
    for _ in range(_N_SECTIONS):
        width = _GOLDEN * (high - low)
        left, right = high - width, low + width
        if misfit(left) < misfit(right):
            high = right
        else:
            low = left
    return (low + high) / 2


def propagated(
    f: Callable[[Sequence[float]], Sequence[float]], values: Sequence[float], uncertainties: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return f(values) and its standard uncertainties, the values being uncorrelated (JCGM 100:2008, 5.1.2)."""
    centre = list(f(values))
    squares = [0.0] * len(centre)
    for k, u in enumerate(uncertainties):
        if u == 0:
            continue
        moved = f([value + u * (j == k) for j, value in enumerate(values)])
        squares = [square + (new - old) ** 2 for square, new, old in zip(squares, moved, centre, strict=True)]
    return centre, [math.sqrt(square) for square in squares]
