"""Branches of a Hall-resistance loop: saturated levels, crossings and widths, whatever was swept.

A loop is read as R_xy = middle + half_height m, with m = +1 in the state that was left at the positive end of the
sweep and m = -1 in the state at the negative end: half_height is negative where R_xy is larger at the negative end.

Levels       The tails are the outer fifth of the sweep on each side. R_xy as it leaves saturation (the start
             of a branch) is the level of that side. In a sweep of a field, R_xy as it arrives there (the end of the
             other branch) is averaged in where both agree; in a sweep of pulses it is not, because only the
             largest pulse makes the state. No slope is subtracted.
Crossings    A branch crosses a level of m where it starts plus the length of the sweep over which m, linearly
             interpolated between readings, has not yet passed the level. A single crossing is the ordinary
             linear interpolation; where noise crosses several times, to and fro, all of them count, with
             alternating signs, and none is picked.
Uncertainty  One standard deviation, of two parts. Step: a reversal may fall anywhere between two set-points,
             step / sqrt(12); averaging branches or loops does not reduce it, because all of them share one list
             of set-points. Noise: the scatter of R_xy about a line in the tails, divided by the slope of the loop
             at the crossing, or half of the length of a plateau that lies within it; where the scatter between
             several loops is larger, that. Tails that tilt or differ beyond their noise add half of the
             difference to the levels.
Warnings     Tails that tilt, or a loop that fails to close, by more than 2 % of its height; branches that do
             not cross; too few readings to know the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.estimates import UNIFORM, Estimate, half, mean, not_found

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_TAIL: Final = 0.8  # of the largest set-point on each side
_TOLERANCE: Final = 0.02  # of the height: tails that tilt or differ by more are worth a warning
_NEGLIGIBLE: Final = 1e-9  # of R_xy: what rounding may leave of a height

#: Standard deviations beyond which a difference is taken for real.
SIGNIFICANT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Axis:
    """What is swept: its column, its name in words, its display unit and that unit's SI value.

    `is_pulsed` says that the state stays when the set-point is gone; a pulsed loop may have an initial leg.
    """

    symbol: str
    name: str
    unit: str
    factor: float
    is_pulsed: bool = False

    def show(self, value: float) -> str:
        """Write an SI value with its sign and display unit, as "+400 Oe"."""
        return f"{value / self.factor:+.6g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Branch:
    """One sweep of x (SI), descending (sign -1) or ascending (+1), with y: R_xy (ohm) or m."""

    axis: Axis
    sign: int
    x: Array
    y: Array

    @property
    def name(self) -> str:
        """The direction of the sweep in words."""
        return "ascending" if self.sign > 0 else "descending"

    def tail(self, side: int) -> Branch:
        """The readings in the outer fifth of the sweep on one side (+1 or -1), as far as the branch went."""
        end = float(np.max(side * self.x, initial=0.0))
        here = side * self.x >= (_TAIL * end if end > 0 else np.inf)
        return replace(self, x=self.x[here], y=self.y[here])

    def line(self) -> tuple[float, float, float, int]:
        """Fit a line: its rise over the branch, the deviation of that per unit noise, residual square sum, dof."""
        n = len(self.y)
        if n < 3 or np.ptp(self.x) == 0:
            return 0.0, 0.0, 0.0, 0
        x = self.x - np.mean(self.x)
        sum_xx = float(x @ x)
        slope = float(x @ self.y) / sum_xx
        residual = self.y - np.mean(self.y) - slope * x
        span = float(np.ptp(x))
        return slope * span, span / sum_xx**0.5, float(residual @ residual), n - 2

    def where(self, level: float) -> float:
        """The x at which a normalised branch passes a level of m: the module's rule for crossings."""
        left = self.sign * (level - self.y)  # how far m still has to go
        before, size = np.clip(left, 0, None), np.abs(left)
        before, size = before[:-1] + before[1:], size[:-1] + size[1:]
        share = np.divide(before, size, out=np.full(len(size), 0.5), where=size > 0)
        return float(self.x[0] + share @ np.diff(self.x))


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop with its levels (ohm) known; `down` and `up` hold m.

    `m_noise` is the standard deviation of one m, `step` (SI) that of the sweep. Where `problem` says why there is
    no m, because readings are missing or nothing reverses, the branches hold R_xy as measured.
    """

    half_height: Estimate
    middle: Estimate
    down: Branch
    up: Branch
    m_noise: float
    step: float
    problem: str
    warnings: Sequence[str]

    def crossing(self, branch: Branch, level: float) -> Estimate:
        """The x (SI) at which one of the two branches passes a level of m, or why it does not."""
        if self.problem:
            return not_found(self.problem)
        if len(branch.y) < 2:
            return not_found(f"there is no {branch.name} branch")
        if branch.sign * (float(np.median(branch.y[-3:])) - level) <= 0:
            reversal = 50 * (1 + branch.sign * level)
            end = branch.axis.show(float(branch.x[-1]))
            return not_found(
                f"the {branch.name} branch ends at {end} before {reversal:.0f} % of the reversal"
            )
        reach = min(0.1, (1 - abs(level)) / 2)
        inverse_slope = abs(branch.where(level + reach) - branch.where(level - reach)) / (2 * reach)
        plateau = abs(branch.where(level + self.m_noise) - branch.where(level - self.m_noise))
        noise = max(self.m_noise * inverse_slope, plateau / 2)
        return Estimate(branch.where(level), noise, self.step * UNIFORM)

    def width(self, share: float) -> Estimate:
        """Length of the sweep (SI) in which the middle `share` (0 ... 1) of the reversal happens, mean of branches.

        Each of its two ends is known to a step.
        """
        return half(self._width(self.up, share), +1, self._width(self.down, share))

    def _width(self, branch: Branch, share: float) -> Estimate:
        ends = [self.crossing(branch, branch.sign * level) for level in (-share, +share)]
        between = half(ends[1], -1, ends[0])
        return replace(
            between, value=2 * abs(between.value), noise=2 * between.noise, step=2**0.5 * between.step
        )


@dataclass(frozen=True, slots=True)
class Loops:
    """The loops of one run, by number, and the step (SI) that they share."""

    step: float
    numbered: Mapping[float, Loop]

    def means(
        self, names: Sequence[str], estimate: Callable[[Loop], Mapping[str, Estimate]]
    ) -> tuple[Mapping[str, Estimate], Sequence[str]]:
        """Mean over the loops of each named estimate, and all warnings; those of several loops say which."""
        found: list[Mapping[str, Estimate]] = []
        warnings: list[str] = []
        for number, loop in self.numbered.items():
            found.append(estimate(loop))
            notes = [note for e in found[-1].values() if e.note for note in e.note.split("; ")]
            where = f"loop {number:g}: " if len(self.numbered) > 1 else ""
            warnings += [where + text for text in dict.fromkeys([*loop.warnings, *notes])]
        means = {name: mean([estimates[name] for estimates in found]) for name in names}
        return means, warnings if found else ["there are no readings"]


def read_loops(axis: Axis, x: ArrayLike, R_xy: ArrayLike, branch: ArrayLike, loop: ArrayLike | None) -> Loops:
    """Split a run into loops and find the levels of each.

    The arrays have shape (n,) and the order of measurement: x is what was swept (SI), R_xy in ohm; `branch` is -1
    where x descends and +1 where it ascends, or 0 on the initial leg of a pulsed loop, which is left out; `loop`
    numbers the loops and may be None where there is one. Raises ValueError for arrays of different shapes, for
    numbers that are not finite, and for any other branch.
    """
    arrays = [np.asarray(a, dtype=np.float64) for a in (x, R_xy, branch)]
    arrays.append(np.ones(arrays[0].shape) if loop is None else np.asarray(loop, dtype=np.float64))
    _check(dict(zip((axis.symbol, "R_xy", "branch", "loop"), arrays, strict=True)), axis.is_pulsed)
    X, R, sign, number = (a[arrays[2] != 0] for a in arrays)
    neighbours = (np.diff(sign) == 0) & (np.diff(number) == 0)
    step = float(np.median(np.abs(np.diff(X)[neighbours]))) if np.any(neighbours) else 0.0
    numbered: dict[float, Loop] = {}
    for n in np.unique(number):
        here = {s: (number == n) & (sign == s) for s in (-1, +1)}
        down, up = (Branch(axis, s, X[here[s]], R[here[s]]) for s in (-1, +1))
        numbered[float(n)] = _read_loop(down, up, step)
    return Loops(step, numbered)


def _check(named: Mapping[str, Array], is_pulsed: bool) -> None:
    shapes = {a.shape for a in named.values()}
    if len(shapes) > 1 or any(a.ndim != 1 for a in named.values()):
        *most, last = named
        raise ValueError(
            f"{', '.join(most)} and {last} must be one-dimensional and of one length; got "
            + ", ".join(f"{name} {a.shape}" for name, a in named.items())
        )
    for name, a in named.items():
        if not np.all(np.isfinite(a)):
            row = int(np.argmin(np.isfinite(a)))
            raise ValueError(f"{name} must be finite; got {a[row]} in row {row}")
    sign = named["branch"]
    unknown = ~np.isin(sign, (-1, 0, +1) if is_pulsed else (-1, +1))
    if np.any(unknown):
        known = "-1, 0 or +1" if is_pulsed else "-1 or +1"
        raise ValueError(f"branch must be {known}; got {sign[unknown][0]:g}")


def _read_loop(down: Branch, up: Branch, step: float) -> Loop:
    """Levels and normalised branches of one loop, and what its tails warn of."""
    noise, warnings = _noise(down, up)
    height = _mean_y(down.tail(+1), up.tail(+1)) - _mean_y(up.tail(-1), down.tail(-1))
    positive, said_positive = _level(down.tail(+1), up.tail(+1), noise, abs(height))
    negative, said_negative = _level(up.tail(-1), down.tail(-1), noise, abs(height))
    half_height, middle = half(positive, -1, negative), half(positive, +1, negative)
    problem = half_height.note
    if abs(half_height.value) <= max(SIGNIFICANT * half_height.noise, _NEGLIGIBLE * abs(middle.value)):
        x = np.concatenate([down.x, up.x])
        ends = " and ".join(down.axis.show(float(end)) for end in (x.min(), x.max()))
        problem = f"R_xy does not reverse between {ends}"
    if problem:
        return Loop(half_height, middle, down, up, np.nan, step, problem, warnings)
    down, up = (replace(b, y=(b.y - middle.value) / half_height.value) for b in (down, up))
    m_noise = float(np.hypot(noise, middle.noise)) / abs(half_height.value)
    said = [*warnings, *said_positive, *said_negative]
    return Loop(half_height, middle, down, up, m_noise, step, "", said)


def _noise(down: Branch, up: Branch) -> tuple[float, Sequence[str]]:
    """Standard deviation of one reading of R_xy (ohm), from the tails as they leave saturation."""
    lines = [tail.line() for tail in (down.tail(+1), up.tail(-1))]
    freedom = sum(dof for _, _, _, dof in lines)
    if freedom == 0:
        only = f"uncertainties hold the {down.axis.name} step only"
        return 0.0, [f"the tails hold too few readings to know the noise; {only}"]
    return (sum(square_sum for _, _, square_sum, _ in lines) / freedom) ** 0.5, []


def _mean_y(first: Branch, second: Branch) -> float:
    """Mean of the first branch or, where it is empty, of the second; NaN where both are."""
    y = first.y if len(first.y) else second.y
    return float(np.mean(y)) if len(y) else np.nan


def _level(leaving: Branch, arriving: Branch, noise: float, height: float) -> tuple[Estimate, Sequence[str]]:
    """Saturated R_xy (ohm) of one side from its two tails, and what is wrong with them."""
    axis = leaving.axis
    tails = [tail for tail in (leaving, arriving) if len(tail.y)]
    if not tails:
        return not_found(f"the readings do not reach {axis.name}s of both signs"), []
    warnings: list[str] = []
    tilts: list[float] = []
    for tail in tails:
        rise, rise_error, _, _ = tail.line()
        tilts.append(_significant(rise, rise_error * noise))
        if tilts[-1] > _TOLERANCE * height:
            ends = " to ".join(axis.show(float(x)) for x in tail.x[[0, -1]])
            warnings.append(f"the {tail.name} branch is not flat from {ends}: R_xy changes by {rise:.3g} ohm")
    gap = 0.0
    if len(tails) == 2:
        leaves, arrives = float(np.mean(leaving.y)), float(np.mean(arriving.y))
        gap = _significant(arrives - leaves, noise * (1 / len(leaving.y) + 1 / len(arriving.y)) ** 0.5)
        is_open = gap > _TOLERANCE * height
        if is_open and not (axis.is_pulsed and tilts[1] > _TOLERANCE * height):
            warnings.append(
                f"the loop does not close at {axis.show(float(arriving.x[-1]))}: "
                f"R_xy leaves at {leaves:.5g} ohm and arrives at {arrives:.5g} ohm"
            )
        if is_open or axis.is_pulsed:
            tails, tilts, gap = [leaving], tilts[:1], 0.0
    y = np.concatenate([tail.y for tail in tails])
    return Estimate(float(np.mean(y)), float(np.hypot(noise / len(y) ** 0.5, max(*tilts, gap) / 2))), warnings


def _significant(change: float, error: float) -> float:
    """Magnitude of a change, or 0 where its own standard deviation explains it."""
    return abs(change) if abs(change) > SIGNIFICANT * error else 0.0
