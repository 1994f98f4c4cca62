"""Numbers with uncertainties of two kinds, noise and the step of the sweep: how they combine and repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from protocols.vocabulary import Result

#: Standard deviation of a value that may lie anywhere in an interval of length 1.
UNIFORM = 1 / math.sqrt(12)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard deviations from noise and from the step of the sweep.

    Noise is independent from estimate to estimate; the step is common to all, because all of them come from
    one list of set-points, so that no averaging reduces it. A value that was not found is NaN, with a note.
    """

    value: float
    noise: float = 0.0
    step: float = 0.0
    note: str = ""


def not_found(note: str) -> Estimate:
    """An estimate that could not be made, and why."""
    return Estimate(math.nan, math.nan, math.nan, note)


def half(a: Estimate, sign: Literal[-1, 1], b: Estimate) -> Estimate:
    """Half of the sum (sign +1) or difference (-1) of two estimates; what one misses, the whole misses."""
    return Estimate(
        (a.value + sign * b.value) / 2,
        math.hypot(a.noise, b.noise) / 2,
        (a.step + b.step) / 2,
        "; ".join(dict.fromkeys(note for note in (a.note, b.note) if note)),
    )


def mean(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over repeats, leaving out those that were not found; the notes say which were not, and why.

    Its noise is that of the repeats or, where larger, what their scatter says.
    """
    found = [e for e in estimates if not math.isnan(e.value)]
    missed = "; ".join(dict.fromkeys(e.note for e in estimates if math.isnan(e.value)))
    if not found:
        return not_found(missed or "there are no readings")
    n = len(found)
    values = np.array([e.value for e in found])
    scatter = float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return Estimate(
        float(np.mean(values)),
        max(scatter, math.hypot(*(e.noise for e in found)) / n),
        max(e.step for e in found),
        f"found in {n} of {len(estimates)} loops: {missed}" if missed else "",
    )


def result(estimate: Estimate, unit: str, help: str, display: str | None = None) -> Result:
    """Report an estimate (SI, in `unit`): both parts of its uncertainty are added in quadrature."""
    return Result(
        estimate.value, math.hypot(estimate.noise, estimate.step), unit, help, display, note=estimate.note
    )


def limited(width: Result, step: float) -> Result:
    """Return a width as it is or, where it is no larger than one step of the sweep, that step as an upper limit."""
    if not width.value <= step * (1 + 1e-6):
        return width
    return replace(width, value=step, uncertainty=step * UNIFORM, limit="upper")


def student_t(n_free: int, confidence: float) -> float:
    """Student's t of n_free (at least 1) degrees of freedom: |t| exceeds it with probability 1 - confidence.

    The distribution between -t and t as a finite series in theta = atan(t / sqrt(n_free)), Abramowitz and Stegun,
    Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4, is inverted by halving intervals of theta.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        theta = (low + high) / 2
        if _between_t(theta, n_free) < confidence:
            low = theta
        else:
            high = theta
    return math.sqrt(n_free) * math.tan((low + high) / 2)


def _between_t(theta: float, n_free: int) -> float:
    sine, cosine = math.sin(theta), math.cos(theta)
    is_odd = n_free % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if n_free > 1 else 0.0
    for k in range(3 if is_odd else 2, n_free - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return (theta + sine * total) * 2 / math.pi if is_odd else sine * total
