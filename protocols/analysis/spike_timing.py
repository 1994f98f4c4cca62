"""Window of spike-timing-dependent plasticity: height and decay time of the change on each side.

Window       dR = A exp(-|dt| / tau), Bi and Poo, J. Neurosci. 18, 10464 (1998), fitted to each sign of
             dt = t_post - t_pre by itself: A_plus, tau_plus to dt > 0, A_minus, tau_minus to dt < 0. Each A has
             the sign of the change on its side. Pairs closer than dt_min, where the spikes' heads cancel in part,
             are left out, and so is dt = 0, where equal spikes cancel.
Fit          Least squares by Gauss-Newton with halved steps, in A and 1/tau. The start is a line through ln|dR|,
             weighted by dR**2. Every pair has the same weight, because the scatter does not depend on dt; the mean
             of a delay thereby has a weight that is proportional to its number of pairs.
Uncertainty  One standard deviation from the covariance of the fit. The variance of a pair is that of the repeats
             about their means, pooled over the side, or that of the means about the fit where this is larger or
             there are no repeats. The sense current's uncertainty is added to A; tau has none of it.
Warnings     Means that depart from the fit significantly (variance ratio above 4) and by more than 2 % of A: the
             window is not exponential, and A and tau depend on the delays that were measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.estimates import Estimate, not_found, result
from protocols.vocabulary import Analysis, Curve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_N_ITERATIONS: Final = 100
_CONVERGED: Final = 1e-10  # relative change of the sum of squares
_SIGNIFICANT: Final = 3.0  # standard deviations that A must have for a window to be there
_STEEPEST: Final = 10.0  # decay times within the first delay, or the first step between delays
_SMALLEST: Final = 1e-100  # ohm: what is below has no logarithm worth fitting
_FAINT: Final = 1e-3  # of the largest change: too faint to start a fit from
_GROWTH: Final = 100.0  # e-folds over the window
_VARIANCE_RATIO: Final = 4.0
_TOLERANCE: Final = 0.02  # of A: departures from an exponential by more are worth a warning
_N_CURVE: Final = 100


def window(dt_spike: ArrayLike, dR_xy: ArrayLike, *, dt_min: float, scale: float = 0.0) -> Analysis:
    """Fit both sides of a window dR_xy (ohm) against dt_spike = t_post - t_pre (s), arrays of shape (n,).

    Pairs with |dt_spike| < dt_min (s) are left out; `scale` is the relative standard uncertainty of the sense
    current. The results are A_plus, A_minus (ohm), tau_plus, tau_minus (s); the curves fit_plus, fit_minus are the
    fits. A side on which nothing changes, that does not decay, or that has fewer than two delays or three pairs,
    is NaN with a note. Raises ValueError for arrays of different shapes or numbers that are not finite.
    """
    dt, dR = (np.asarray(a, dtype=np.float64) for a in (dt_spike, dR_xy))
    if dt.ndim != 1 or dt.shape != dR.shape or not np.all(np.isfinite(dt) & np.isfinite(dR)):
        raise ValueError(
            "dt_spike and dR_xy must be one-dimensional, of one length and finite; "
            f"got shapes {dt.shape} and {dR.shape}"
        )
    results, curves, warnings = {}, {}, []
    for side, sign, where in (("plus", +1, "dt_spike > 0"), ("minus", -1, "dt_spike < 0")):
        here = sign * dt >= dt_min * (1 - 1e-9)
        height, tau, departs = _fit_side(sign * dt[here], dR[here])
        warnings += [f"{where}: {note}" for note in (height.note, departs) if note]
        height = Estimate(height.value, math.hypot(height.noise, scale * height.value), note=height.note)
        results[f"A_{side}"] = result(height, "ohm", f"height of the window at {where}, extrapolated to 0")
        results[f"tau_{side}"] = result(tau, "s", f"decay time of the window at {where}", "ms")
        if not height.note:
            x = np.linspace(dt_min, np.max(sign * dt[here]), _N_CURVE)
            y = height.value * np.exp(-x / tau.value)
            curves[f"fit_{side}"] = Curve(
                sign * x, y, "dt_spike", "s", "dR_xy", "ohm", f"fitted window at {where}"
            )
    return Analysis(results, curves, tuple(warnings))


def _fit_side(x: Array, y: Array) -> tuple[Estimate, Estimate, str]:
    """A (ohm) and tau (s) of y against x = |dt| (s) and what departs; both say why where they are not known."""

    def missing(why: str) -> tuple[Estimate, Estimate, str]:
        return not_found(why), not_found(why), ""

    delays, at = np.unique(x, return_inverse=True)
    if len(delays) < 2 or len(x) < 3:
        return missing(f"there are {len(x)} pairs at {len(delays)} delays, at least 3 at 2 are needed")
    count = np.bincount(at)
    means = np.bincount(at, y) / count
    pure = float(np.sum((y - means[at]) ** 2)) / max(len(x) - len(delays), 1)
    # counted from the first delay and in units of the largest change the fit is well-conditioned
    first, span, largest = delays[0], delays[-1] - delays[0], float(np.max(np.abs(y)))
    fitted = _exponential((x - first) / span, y / largest) if largest > _SMALLEST else None
    if fitted is None or fitted[1] <= 0:
        return missing("dR_xy has no sign of its own or does not decay with the delay")
    rate = fitted[1] / float(span)
    if rate * max(first, delays[1] - first) > _STEEPEST:
        return missing("dR_xy decays within the first delays, too fast for them")
    A = largest * fitted[0] * math.exp(rate * first)
    lack = float(count @ (means - A * np.exp(-rate * delays)) ** 2) / max(len(delays) - 2, 1)
    jacobian = _jacobian((x - first) / span, *fitted)
    covariance = np.linalg.inv(jacobian.T @ jacobian) * max(pure, lack) / largest**2
    at_zero = np.array([1 / fitted[0], first / span])  # of ln A, with respect to the two that were fitted
    u_A = abs(A) * math.sqrt(at_zero @ covariance @ at_zero)
    u_rate = math.sqrt(covariance[1, 1]) / span
    if not abs(A) > _SIGNIFICANT * u_A:
        return missing(f"dR_xy does not change beyond its scatter (A = {A:.3g} ohm +- {u_A:.2g} ohm)")
    rms = math.sqrt(lack * (len(delays) - 2) / len(x))
    is_other = lack > _VARIANCE_RATIO * pure and rms > _TOLERANCE * abs(A)
    departs = (
        f"the window is not exponential: it departs from the fit by {rms:.2g} ohm rms" if is_other else ""
    )
    return Estimate(A, u_A), Estimate(1 / rate, u_rate / rate**2), departs


def _exponential(x: Array, y: Array) -> tuple[float, float] | None:
    """Least-squares A and rate of y = A exp(-rate x), x and |y| within 0 ... 1; None where there is no start."""
    sign = 1.0 if np.sum(y) > 0 else -1.0
    kept = sign * y > _FAINT
    if len(np.unique(x[kept])) < 2:
        return None
    weight, log = y[kept] ** 2, np.log(sign * y[kept])
    from_mean = x[kept] - np.average(x[kept], weights=weight)
    rate = -float(weight * from_mean @ log) / float(weight * from_mean @ from_mean)
    found = np.array([sign * math.exp(np.average(log + rate * x[kept], weights=weight)), rate])
    squares = _sum_of_squares(x, y, found)
    for _ in range(_N_ITERATIONS):
        residual = y - found[0] * np.exp(-found[1] * x)
        step = np.linalg.lstsq(_jacobian(x, *found), residual, rcond=None)[0]
        while (new := _sum_of_squares(x, y, found + step)) > squares:
            step = step / 2
        if squares - new <= _CONVERGED * squares:
            break
        found, squares = found + step, new
    return float(found[0]), float(found[1])


def _jacobian(x: Array, A: float, rate: float) -> Array:
    decay = np.exp(-rate * x)
    return np.stack([decay, -A * x * decay], axis=1)


def _sum_of_squares(x: Array, y: Array, parameters: Array) -> float:
    """Residual sum of squares; infinite where the exponential grows out of all bounds."""
    A, rate = parameters
    if -rate > _GROWTH:
        return math.inf
    return float(np.sum((y - A * np.exp(-rate * x)) ** 2))
