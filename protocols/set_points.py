"""Set-points of a one-way sweep: every multiple of a step between two ends, both ends included."""

from __future__ import annotations

import math


def set_points(first: float, last: float, step: float) -> list[float]:
    """Return the levels from first up to last (first < last, step > 0), ascending.

    The ends are exactly as given; between them lie the integer multiples of step, made by multiplication, so that
    nothing accumulates and zero is 0.0. Where an end is no multiple, the step next to it is shorter.
    """
    return [first, *(k * step for k in _between(first, last, step)), last]


def n_set_points(first: float, last: float, step: float) -> int:
    """How many levels `set_points` has for the same arguments, without making them."""
    return 2 + len(_between(first, last, step))


def _between(first: float, last: float, step: float) -> range:
    """The integers k with first < k step < last; an end within 1e-9 of a multiple is that multiple."""
    low, high = first / step, last / step
    start = round(low) + 1 if _is_whole(low) else math.ceil(low)
    stop = round(high) if _is_whole(high) else math.floor(high) + 1
    return range(start, max(start, stop))


def _is_whole(ratio: float) -> bool:
    return math.isclose(ratio, round(ratio), rel_tol=1e-9)
