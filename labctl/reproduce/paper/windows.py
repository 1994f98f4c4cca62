"""Plasticity windows as numbers: mean change at each delay, and a criterion for its sign and decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from labctl.reproduce.judging import SIGNIFICANT
from labctl.reproduce.plan import Verdict

if TYPE_CHECKING:
    from labctl.runfile import Run

#: Delays (s) below this are left out: the heads of the spikes cancel in part.
HEAD = 2e-3
_MILLI = 1e-3


@dataclass(frozen=True, slots=True)
class Window:
    """Mean dR (ohm) at each delay (s), with one standard uncertainty (ohm) for all of them.

    The uncertainty is the scatter of single pairs, pooled over the delays, over the root of the repeats.
    """

    mean: dict[float, float]
    u: float

    @property
    def delays(self) -> list[float]:
        """The positive delays (s) from HEAD on, ascending."""
        return sorted(dt for dt in self.mean if dt >= HEAD * (1 - 1e-9))

    @property
    def largest(self) -> float:
        """The largest magnitude of the change (ohm) at any of these delays, of either sign."""
        return max(abs(self.mean[sign * dt]) for dt in self.delays for sign in (+1, -1))


def window_of(run: Run) -> Window:
    """The window that a run of the protocol stdp measured."""
    pairs: dict[float, list[float]] = {}
    for dt, dR in zip(run.columns["dt_spike"].tolist(), run.columns["dR_xy"].tolist(), strict=True):
        pairs.setdefault(round(dt, 7), []).append(dR)
    mean = {dt: sum(values) / len(values) for dt, values in pairs.items()}
    squares = sum((value - mean[dt]) ** 2 for dt, values in pairs.items() for value in values)
    freedom = max(sum(len(values) - 1 for values in pairs.values()), 1)
    repeats = min(len(values) for values in pairs.values())
    return Window(mean, math.sqrt(squares / freedom / repeats))


def is_timed(window: Window) -> bool:
    """Opposite orders of the spikes give opposite signs; the change falls with the delay down to its scatter."""
    if not window.largest > 5 * window.u:
        return False
    first = window.delays[0]
    orders = math.copysign(1, window.mean[first]) * math.copysign(1, window.mean[-first])
    significant = all(abs(window.mean[sign * first]) > SIGNIFICANT * window.u for sign in (+1, -1))
    decays = all(
        abs(window.mean[sign * b]) < abs(window.mean[sign * a]) + SIGNIFICANT * window.u
        for sign in (+1, -1)
        for a, b in pairwise(window.delays)
    )
    ends = all(abs(window.mean[sign * window.delays[-1]]) < 0.5 * window.largest for sign in (+1, -1))
    return orders < 0 and significant and decays and ends


def timed(runs: Sequence[Run]) -> Verdict:
    """Every window has the sign of the order of its spikes and decays with their delay."""
    windows = [window_of(run) for run in runs]
    return Verdict(all(map(is_timed, windows)), "; ".join(map(_words, windows)), _told(windows))


def _words(window: Window) -> str:
    values = ", ".join(
        f"{window.mean[dt] / _MILLI:+.0f}/{window.mean[-dt] / _MILLI:+.0f}" for dt in window.delays
    )
    first, last = (1e3 * window.delays[k] for k in (0, -1))
    return f"ΔR at ±{first:g} … ±{last:g} ms: {values} mΩ (± {window.u / _MILLI:.1g} mΩ)"


def _told(windows: Sequence[Window]) -> dict[str, object]:
    return {
        "dt_spike": [list(window.mean) for window in windows],
        "dR_xy": [list(window.mean.values()) for window in windows],
        "u_dR_xy": [window.u for window in windows],
    }
