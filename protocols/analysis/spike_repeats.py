"""Repeats of a plasticity window: interval of the mean, asymmetry, lone spikes, and whether it can be judged.

Interval     dR_mean is the mean over the repeats at each delay, dR_ci the half-width of its 95 % confidence
             interval by Student's t with n - 1 degrees of freedom; the sense current's uncertainty, common to all,
             is left out. One pair has no interval: NaN, and no dR_ci where every delay has one pair.
Asymmetry    Over the delays from dt_min on that were measured with both signs: the root mean square of the
             half-sums (dR(+dt) + dR(-dt)) / 2 over that of the half-differences, 0 for an antisymmetric window.
             Equal spikes drive opposite currents at opposite delays, so that an antisymmetric window is what a
             layer gives that is demagnetized and answers to both signs of the current alike. Scatter adds to it.
Lone spikes  The larger of the two mean changes by the spike of pre and of post alone, over the largest mean change
             by a pair, as magnitudes.
Judged       A window says something of the spikes only where the layer is in one and the same state before every
             pair, from which it can go either way. Where R_before scatters by more than a tenth of the window's
             height (standard deviation; the height is the largest mean change), where the asymmetry exceeds one
             quarter, or where nothing changes by more than three times the scatter of a mean, the window is shown
             and warned of, and asymmetry and lone-spike ratio are not found. The three bounds are choices of this
             package.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.estimates import Estimate, mean, not_found, result, student_t
from protocols.vocabulary import Analysis, Curve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_CONFIDENCE: Final = 0.95
_SAME_STATE: Final = 0.1  # scatter of the state before the pairs, over the height of the window
_BOTH_WAYS: Final = 0.25  # asymmetry
_SIGNIFICANT: Final = 3.0  # standard deviations of a mean
_UNJUDGED: Final = "the window is shown, not judged"


def statistics(
    dt_spike: ArrayLike,
    dR_xy: ArrayLike,
    *,
    R_before: ArrayLike,
    dR_lone: tuple[ArrayLike, ArrayLike],
    dt_min: float,
) -> Analysis:
    """Mean, interval, asymmetry and lone spikes of a window dR_xy (ohm) against dt_spike (s), arrays of shape (n,).

    R_before (ohm, shape (n,)) was read before each pair; dR_lone are the changes (ohm) by the spike of pre and of
    post alone, one for each repeat. The results are asymmetry and lone_spike_ratio, the curves dR_mean and dR_ci.
    """
    dt, dR, before = (np.asarray(a, dtype=np.float64) for a in (dt_spike, dR_xy, R_before))
    delays, at = np.unique(dt, return_inverse=True)
    count = np.bincount(at, minlength=len(delays))
    means = np.bincount(at, dR, len(delays)) / np.maximum(count, 1)
    squares = np.bincount(at, (dR - means[at]) ** 2, len(delays))
    free = np.sum(count - 1)
    u_means = math.sqrt(np.sum(squares) / free) / np.sqrt(count) if free > 0 else np.zeros_like(means)

    asymmetry = _asymmetry(delays, means, u_means, dt_min)
    why = _unjudged(means, u_means, before, asymmetry)
    lone = _lone(means, u_means, dR_lone)
    results = {
        "asymmetry": result(
            not_found(_UNJUDGED) if why else asymmetry,
            "1",
            "rms half-sum over rms half-difference of both sides",
        ),
        "lone_spike_ratio": result(
            not_found(_UNJUDGED) if why else lone, "1", "change by a spike alone over the largest by a pair"
        ),
    }
    curves = {
        "dR_mean": Curve(delays, means, "dt_spike", "s", "dR_mean", "ohm", "mean of dR_xy over the repeats")
    }
    if np.any(count > 1):
        half = np.full_like(means, math.nan)
        for k in np.flatnonzero(count > 1):
            n = int(count[k])
            half[k] = student_t(n - 1, _CONFIDENCE) * math.sqrt(squares[k] / (n - 1) / n)
        curves["dR_ci"] = Curve(
            delays,
            half,
            "dt_spike",
            "s",
            "dR_ci",
            "ohm",
            "half-width of the 95 % confidence interval of dR_mean",
        )
    return Analysis(results, curves, (f"{why}: {_UNJUDGED}",) if why else ())


def _unjudged(means: Array, u_means: Array, before: Array, asymmetry: Estimate) -> str:
    """Why a window must not be judged; empty where it may be."""
    height = float(np.max(np.abs(means), initial=0.0))
    if not height > _SIGNIFICANT * float(np.max(u_means, initial=0.0)):
        return "no pair changes dR_xy beyond its scatter"
    scatter = float(np.std(before, ddof=1)) if len(before) > 1 else 0.0
    if scatter > _SAME_STATE * height:
        return (
            f"the layer is not demagnetized alike before each pair: R_before scatters by {scatter:.2g} ohm, more "
            f"than {_SAME_STATE:.0%} of the window's height of {height:.2g} ohm"
        )
    if asymmetry.value > _BOTH_WAYS:
        return (
            "the layer does not go both ways from where the pairs find it: the asymmetry is "
            f"{asymmetry.value:.2g}, above {_BOTH_WAYS:g}"
        )
    return ""


def _asymmetry(delays: Array, means: Array, u_means: Array, dt_min: float) -> Estimate:
    """Rms half-sum over rms half-difference, with the scatter of the means as its noise."""
    sides = [
        (plus, int(np.argmin(np.abs(delays + delays[plus]))))
        for plus in np.flatnonzero((delays >= dt_min * (1 - 1e-9)) & (delays > 0))
    ]
    both = [(p, m) for p, m in sides if math.isclose(delays[p], -delays[m], rel_tol=1e-9)]
    if not both:
        return not_found("no delay was measured with both signs")
    plus, minus = (np.array(side) for side in zip(*both, strict=True))
    even = math.sqrt(np.mean((means[plus] + means[minus]) ** 2)) / 2
    odd = math.sqrt(np.mean((means[plus] - means[minus]) ** 2)) / 2
    if odd == 0:
        return Estimate(math.inf) if even else not_found("nothing changes")
    u = math.sqrt(np.mean(u_means[plus] ** 2 + u_means[minus] ** 2) / len(both)) / 2
    return Estimate(even / odd, math.hypot(1.0, even / odd) * u / odd)


def _lone(means: Array, u_means: Array, dR_lone: tuple[ArrayLike, ArrayLike]) -> Estimate:
    changes = [
        mean([Estimate(float(change)) for change in np.asarray(lone, dtype=np.float64)]) for lone in dR_lone
    ]
    largest = int(np.argmax(np.abs(means))) if len(means) else 0
    height = abs(float(means[largest])) if len(means) else 0.0
    found = [change for change in changes if not change.note]
    if not found or height == 0:
        return not_found("no pair changes dR_xy, or no spike was played alone")
    lone = max(found, key=lambda change: abs(change.value))
    ratio = abs(lone.value) / height
    return Estimate(ratio, math.hypot(lone.noise, ratio * float(u_means[largest])) / height)
