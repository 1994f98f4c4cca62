"""Coercive field, height, offset, squareness and width of Hall-resistance loops.

A loop is read as R_xy = R_off + R_AHE m, with m = +1 in the saturated state at positive field and m = -1 at
negative field: a full loop is 2 R_AHE high, and R_AHE is negative where R_xy is larger at negative field.

Levels       The tails are the outer fifth of the field on each side. R_xy as it leaves saturation (the start
             of a branch) is the level of that side; R_xy as it arrives there (the end of the other branch)
             is averaged in where both agree. No ordinary Hall slope is subtracted.
Crossings    A branch crosses a level of m where it starts plus the length of field over which m, linearly
             interpolated between readings, has not yet passed the level. A single crossing is the ordinary
             linear interpolation; where noise crosses several times, to and fro, all of them count, with
             alternating signs, and none is picked.
Uncertainty  One standard deviation, of two parts. Field step: a reversal may fall anywhere between two
             fields, step / sqrt(12); averaging branches or loops does not reduce it, because all of them
             share one list of fields. Noise: the scatter of R_xy about a line in the tails, divided by the
             slope of the loop at the crossing; where the scatter between several loops is larger, that.
             Tails that tilt or differ beyond their noise add half of the difference to the levels. Noise of the
             measured field is not included. R_AHE and R_off carry, besides, the uncertainty of the current
             that they were divided by, common to all readings.
Warnings     Tails that tilt, or a loop that fails to close, by more than 2 % of its height; branches that do
             not cross; too few readings to know the noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.estimates import UNIFORM, Estimate, half, mean, not_found, result
from protocols.units import Oe
from protocols.vocabulary import Analysis, Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_TAIL: Final = 0.8  # of the largest field on each side
_TOLERANCE: Final = 0.02  # of the height: tails that tilt or differ by more are worth a warning
_SIGNIFICANT: Final = 5.0  # standard deviations
_NEGLIGIBLE: Final = 1e-9  # of R_xy: what rounding may leave of a height

_REPORTS: Final = {
    "mu0_H_c": ("T", "coercive field, half the distance between the crossings of R_off", "Oe"),
    "mu0_H_c_up": ("T", "field where the ascending branch crosses R_off, signed", "Oe"),
    "mu0_H_c_down": ("T", "field where the descending branch crosses R_off, signed", "Oe"),
    "R_AHE": ("ohm", "half the height of the loop, positive where R_xy is larger at positive field", None),
    "R_off": ("ohm", "middle of the loop", None),
    "squareness": ("1", "remanence over saturation M_r/M_s, mean of both branches", None),
    "width_10_90": ("T", "field between 10 % and 90 % of the reversal, mean of both branches", "Oe"),
}


@dataclass(frozen=True, slots=True)
class _Branch:
    """One sweep of the field (T), descending (sign -1) or ascending (+1), with y: R_xy (ohm) or m."""

    sign: int
    mu0_H: Array
    y: Array

    @property
    def name(self) -> str:
        return "ascending" if self.sign > 0 else "descending"

    def tail(self, side: int) -> _Branch:
        """The readings in the outer fifth of the field on one side (+1 or -1), as far as the branch went."""
        end = float(np.max(side * self.mu0_H, initial=0.0))
        here = side * self.mu0_H >= (_TAIL * end if end > 0 else np.inf)
        return _Branch(self.sign, self.mu0_H[here], self.y[here])

    def line(self) -> tuple[float, float, float, int]:
        """Fit a line: its rise over the branch, the deviation of that per unit noise, residual square sum, dof."""
        n = len(self.y)
        if n < 3 or np.ptp(self.mu0_H) == 0:
            return 0.0, 0.0, 0.0, 0
        x = self.mu0_H - np.mean(self.mu0_H)
        sum_xx = float(x @ x)
        slope = float(x @ self.y) / sum_xx
        residual = self.y - np.mean(self.y) - slope * x
        span = float(np.ptp(x))
        return slope * span, span / sum_xx**0.5, float(residual @ residual), n - 2


def coercivity(
    mu0_H: ArrayLike,
    R_xy: ArrayLike,
    branch: ArrayLike,
    loop: ArrayLike | None = None,
    *,
    scale: float = 0.0,
) -> Analysis:
    """Analyse one or several loops of R_xy (ohm) against mu0_H (T).

    The arguments have shape (n,) and the order of measurement: `branch` is -1 where the field descends and +1
    where it ascends; `loop` numbers the loops and may be left out where there is one. `scale` is the
    relative standard uncertainty that all R_xy have in common (that of the sense current). The results are
    mu0_H_c, mu0_H_c_up, mu0_H_c_down (T; the crossings are signed: ordinarily up > 0 > down), R_AHE, R_off
    (ohm), squareness and width_10_90 (T; an upper limit of one field step where the reversal is no wider).
    With several loops they are means over loops. What the data do not contain, because the run was cut short
    or nothing reversed, is NaN with a note. Raises ValueError for arrays of different shapes, for numbers that
    are not finite, and for a branch that is neither -1 nor +1.
    """
    H, R, sign, number = _checked(mu0_H, R_xy, branch, loop)
    mu0_H_step = _field_step(H, sign, number)
    loops: list[Mapping[str, Estimate]] = []
    warnings: list[str] = []
    numbers = np.unique(number)
    for n in numbers:
        here = {s: (number == n) & (sign == s) for s in (-1, +1)}
        down, up = (_Branch(s, H[here[s]], R[here[s]]) for s in (-1, +1))
        estimates, said = _one_loop(down, up, mu0_H_step)
        loops.append(estimates)
        said = [*said, *(note for e in estimates.values() if e.note for note in e.note.split("; "))]
        where = f"loop {n:g}: " if len(numbers) > 1 else ""
        warnings += [where + text for text in dict.fromkeys(said)]
    results = {name: result(mean([found[name] for found in loops]), *_REPORTS[name]) for name in _REPORTS}
    for name in ("R_AHE", "R_off"):
        height = results[name]
        results[name] = replace(height, uncertainty=math.hypot(height.uncertainty, scale * height.value))
    results["width_10_90"] = _limited(results["width_10_90"], mu0_H_step)
    return Analysis(results, warnings=tuple(warnings) if len(H) else ("there are no readings",))


def _checked(
    mu0_H: ArrayLike, R_xy: ArrayLike, branch: ArrayLike, loop: ArrayLike | None
) -> tuple[Array, Array, Array, Array]:
    H, R, sign = (np.asarray(a, dtype=np.float64) for a in (mu0_H, R_xy, branch))
    number = np.ones(H.shape) if loop is None else np.asarray(loop, dtype=np.float64)
    named = {"mu0_H": H, "R_xy": R, "branch": sign, "loop": number}
    if any(a.ndim != 1 or a.shape != H.shape for a in named.values()):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in named.items())
        raise ValueError(
            f"mu0_H, R_xy, branch and loop must be one-dimensional and of one length; got {shapes}"
        )
    for name, a in named.items():
        if not np.all(np.isfinite(a)):
            row = int(np.argmin(np.isfinite(a)))
            raise ValueError(f"{name} must be finite; got {a[row]} in row {row}")
    if not np.all(np.abs(sign) == 1):
        raise ValueError(f"branch must be -1 or +1; got {sign[np.abs(sign) != 1][0]:g}")
    return H, R, sign, number


def _field_step(H: Array, sign: Array, number: Array) -> float:
    """Median distance of neighbouring fields of one branch (T); 0 where there are no neighbours."""
    neighbours = (np.diff(sign) == 0) & (np.diff(number) == 0)
    return float(np.median(np.abs(np.diff(H)[neighbours]))) if np.any(neighbours) else 0.0


def _one_loop(down: _Branch, up: _Branch, mu0_H_step: float) -> tuple[Mapping[str, Estimate], Sequence[str]]:
    """All that one loop gives, by name, and what its tails warn of."""
    noise, warnings = _noise(down, up)
    height = _mean_y(down.tail(+1), up.tail(+1)) - _mean_y(up.tail(-1), down.tail(-1))
    R_plus, said_plus = _level(down.tail(+1), up.tail(+1), noise, abs(height))
    R_minus, said_minus = _level(up.tail(-1), down.tail(-1), noise, abs(height))
    R_AHE, R_off = half(R_plus, -1, R_minus), half(R_plus, +1, R_minus)
    if R_AHE.note:
        return dict.fromkeys(_REPORTS, not_found(R_AHE.note)), warnings
    if abs(R_AHE.value) <= max(_SIGNIFICANT * R_AHE.noise, _NEGLIGIBLE * abs(R_off.value)):
        fields = np.concatenate([down.mu0_H, up.mu0_H]) / Oe
        flat = f"R_xy does not reverse between {fields.min():+.6g} Oe and {fields.max():+.6g} Oe"
        return dict.fromkeys(_REPORTS, not_found(flat)), warnings
    down, up = (replace(b, y=(b.y - R_off.value) / R_AHE.value) for b in (down, up))
    m_noise = float(np.hypot(noise, R_off.noise)) / abs(R_AHE.value)
    found = {"R_AHE": R_AHE, "R_off": R_off}
    found["mu0_H_c_up"] = _crossing(up, 0.0, m_noise, mu0_H_step)
    found["mu0_H_c_down"] = _crossing(down, 0.0, m_noise, mu0_H_step)
    found["mu0_H_c"] = half(found["mu0_H_c_up"], -1, found["mu0_H_c_down"])
    found["width_10_90"] = half(_width(up, m_noise, mu0_H_step), +1, _width(down, m_noise, mu0_H_step))
    found["squareness"] = half(_remanence(down, m_noise), -1, _remanence(up, m_noise))
    return found, [*warnings, *said_plus, *said_minus]


def _noise(down: _Branch, up: _Branch) -> tuple[float, Sequence[str]]:
    """Standard deviation of one reading of R_xy (ohm), from the tails as they leave saturation."""
    lines = [tail.line() for tail in (down.tail(+1), up.tail(-1))]
    freedom = sum(dof for _, _, _, dof in lines)
    if freedom == 0:
        return 0.0, [
            "the tails hold too few readings to know the noise; uncertainties hold the field step only"
        ]
    return (sum(square_sum for _, _, square_sum, _ in lines) / freedom) ** 0.5, []


def _mean_y(first: _Branch, second: _Branch) -> float:
    """Mean of the first branch or, where it is empty, of the second; NaN where both are."""
    y = first.y if len(first.y) else second.y
    return float(np.mean(y)) if len(y) else np.nan


def _level(
    leaving: _Branch, arriving: _Branch, noise: float, height: float
) -> tuple[Estimate, Sequence[str]]:
    """Saturated R_xy (ohm) of one side from its two tails, and what is wrong with them."""
    tails = [tail for tail in (leaving, arriving) if len(tail.y)]
    if not tails:
        return not_found("the readings do not reach fields of both signs"), []
    warnings: list[str] = []
    tilts: list[float] = []
    for tail in tails:
        rise, rise_error, _, _ = tail.line()
        tilts.append(_significant(rise, rise_error * noise))
        if tilts[-1] > _TOLERANCE * height:
            ends = " to ".join(f"{mu0_H / Oe:+.6g} Oe" for mu0_H in tail.mu0_H[[0, -1]])
            warnings.append(f"the {tail.name} branch is not flat from {ends}: R_xy changes by {rise:.3g} ohm")
    gap = 0.0
    if len(tails) == 2:
        leaves, arrives = float(np.mean(leaving.y)), float(np.mean(arriving.y))
        gap = _significant(arrives - leaves, noise * (1 / len(leaving.y) + 1 / len(arriving.y)) ** 0.5)
        if gap > _TOLERANCE * height:
            warnings.append(
                f"the loop does not close at {arriving.mu0_H[-1] / Oe:+.6g} Oe: "
                f"R_xy leaves at {leaves:.5g} ohm and arrives at {arrives:.5g} ohm"
            )
            tails, tilts, gap = [leaving], tilts[:1], 0.0
    y = np.concatenate([tail.y for tail in tails])
    return Estimate(float(np.mean(y)), float(np.hypot(noise / len(y) ** 0.5, max(*tilts, gap) / 2))), warnings


def _significant(change: float, error: float) -> float:
    """Magnitude of a change, or 0 where its own standard deviation explains it."""
    return abs(change) if abs(change) > _SIGNIFICANT * error else 0.0


def _where(branch: _Branch, level: float) -> float:
    """Field (T) at which a normalised branch passes a level of m: the module's rule for crossings."""
    left = branch.sign * (level - branch.y)  # how far m still has to go
    before, size = np.clip(left, 0, None), np.abs(left)
    before, size = before[:-1] + before[1:], size[:-1] + size[1:]
    share = np.divide(before, size, out=np.full(len(size), 0.5), where=size > 0)
    return float(branch.mu0_H[0] + share @ np.diff(branch.mu0_H))


def _crossing(branch: _Branch, level: float, m_noise: float, mu0_H_step: float) -> Estimate:
    """Field (T) at which a normalised branch passes a level of m, or why it does not."""
    if len(branch.y) < 2:
        return not_found(f"there is no {branch.name} branch")
    if branch.sign * (float(np.median(branch.y[-3:])) - level) <= 0:
        reversal = 50 * (1 + branch.sign * level)
        end = f"{branch.mu0_H[-1] / Oe:+.6g} Oe"
        return not_found(f"the {branch.name} branch ends at {end} before {reversal:.0f} % of the reversal")
    inverse_slope = abs(_where(branch, level + 0.1) - _where(branch, level - 0.1)) / 0.2
    return Estimate(_where(branch, level), m_noise * inverse_slope, mu0_H_step * UNIFORM)


def _width(branch: _Branch, m_noise: float, mu0_H_step: float) -> Estimate:
    """Field (T) between 10 % and 90 % of the reversal of one branch; each end is known to a field step."""
    ends = [_crossing(branch, branch.sign * level, m_noise, mu0_H_step) for level in (-0.8, +0.8)]
    between = half(ends[1], -1, ends[0])
    return replace(between, value=2 * abs(between.value), noise=2 * between.noise, step=2**0.5 * between.step)


def _remanence(branch: _Branch, m_noise: float) -> Estimate:
    """Normalised m at zero field, linearly interpolated; where m jumps there, the jump is its uncertainty."""
    order = np.argsort(branch.mu0_H)
    H, m = branch.mu0_H[order], branch.y[order]
    k = int(np.searchsorted(H, 0.0))
    if k == 0 or k == len(H):
        return not_found(f"the {branch.name} branch does not pass zero field")
    w = float(H[k] / (H[k] - H[k - 1]))
    value = w * m[k - 1] + (1 - w) * m[k]
    return Estimate(float(value), m_noise, float(abs(m[k] - m[k - 1])) * min(w, 1 - w))


def _limited(width: Result, mu0_H_step: float) -> Result:
    """The width as it is or, where it is no larger than one field step (T), that step as an upper limit."""
    if not width.value <= mu0_H_step * (1 + 1e-6):
        return width
    return replace(width, value=mu0_H_step, uncertainty=mu0_H_step * UNIFORM, limit="upper")
