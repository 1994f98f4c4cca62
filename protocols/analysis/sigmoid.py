"""Sigmoid activation of a switching device: centre X_0, width K, noise between cycles, quality of the fit.

Activation   Y = (R_xy - R_lo) / (R_hi - R_lo), with R_lo after a RESET and R_hi after the largest current of the
             same cycle: 0 and 1 by definition, whichever of the two resistances is larger.
Fit          Y = 1 / (1 + exp(-(X - X_0) / K)), X the current, to the mean of Y at each current, weighted with the
             number of its readings: least squares by Levenberg and Marquardt in X_0 and ln K, from the
             crossings of 1/2, 1/4 and 3/4 by the readings.
Sharp        Where fewer than two currents leave Y between 10 % and 90 %, no width can be fitted: X_0 is where the
             readings cross 1/2, and K at most the distance of the currents around the step over 2 ln 9.
Noise        cycle_noise is the standard deviation of one Y at one current, over cycles, pooled over the currents
             (rms). It contains the noise of the readings. The curve Y_noise has it current by current.
Uncertainty  One standard deviation. X_0 and K: from the scatter of the means about the curve, which holds what
             the curve does not describe as well as noise, or, where larger, from the scatter of fits to the single
             cycles. r_squared, residual_max: from cycle_noise. The accuracy of the current is not included.
Source       Li et al., Chin. Phys. B 31, 117106 (2022), Fig. 4(b) and the sigmoid in its text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from protocols.analysis.branches import SIGNIFICANT
from protocols.analysis.estimates import UNIFORM
from protocols.vocabulary import Analysis, Curve, Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_WIDTH: Final = 2 * math.log(9)  # 10 % to 90 % of a sigmoid, in units of K
_MAX_ITERATIONS: Final = 200
_CONVERGED: Final = 1e-10  # of K: a smaller step is none
_LONGEST: Final = 2.0  # in K and in ln K: a longer step would leave the exponential
_DAMPING_MIN: Final = 1e-9  # of the curvature: with less, the readings alone might not determine a step
_SINGULAR: Final = (
    1e12  # condition of the curvature beyond which the readings do not determine both parameters
)
_POOR: Final = 0.99  # an r_squared below this is worth a warning

_REPORTS: Final = {
    "X_0": ("A", "current at which Y is 1/2, centre of the sigmoid", "mA"),
    "K": ("A", "width of the sigmoid Y = 1 / (1 + exp(-(X - X_0) / K))", "mA"),
    "cycle_noise": (
        "1",
        "standard deviation of Y at one current between cycles, rms over the currents",
        None,
    ),
    "r_squared": ("1", "share of the variance of the mean Y that the sigmoid describes", None),
    "residual_max": ("1", "largest distance of the mean Y from the sigmoid", None),
}


@dataclass(frozen=True, slots=True)
class _Fit:
    """A sigmoid (A) with standard uncertainties (A)."""

    X_0: float
    K: float
    u_X_0: float
    u_K: float


def activation(R_xy: ArrayLike, R_lo: ArrayLike, R_hi: ArrayLike) -> NDArray[np.float64]:
    """Return Y, shape (n,), from resistances (ohm) of that shape; NaN where R_hi is R_lo."""
    R, lo, hi = (np.asarray(a, dtype=np.float64) for a in (R_xy, R_lo, R_hi))
    return np.divide(R - lo, hi - lo, out=np.full(R.shape, np.nan), where=hi != lo)


def logistic(X: ArrayLike, X_0: float, K: float) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-(X - X_0) / K)) for currents X (A), without overflow; K (A) is positive."""
    return 0.5 * (1 + np.tanh((np.asarray(X, dtype=np.float64) - X_0) / (2 * K)))


def sigmoid(
    I_set: ArrayLike,
    R_xy: ArrayLike,
    R_lo: ArrayLike,
    R_hi: ArrayLike,
    cycle: ArrayLike,
    *,
    u_span: float = 0.0,
) -> Analysis:
    """Fit a sigmoid to R_xy (ohm) after currents I_set (A), over cycles.

    The arrays have shape (n,): R_lo and R_hi (ohm) are those of the cycle that the row belongs to, `cycle` numbers
    the cycles. u_span (ohm) is the standard uncertainty of R_hi - R_lo: a span that is not well above it has no Y.
    The results are X_0, K (A; an upper limit where the step is sharp), cycle_noise, r_squared and residual_max;
    the curves are Y_mean, at every current; Y_noise, at those that were read twice at least; and, where there is a
    fit, Y_fit. What the data do not contain is NaN with a note.
    Raises ValueError for arrays of different shapes and for numbers that are not finite.
    """
    X, R, lo, hi, number = _checked(I_set=I_set, R_xy=R_xy, R_lo=R_lo, R_hi=R_hi, cycle=cycle)
    if not len(X):
        return _nothing("there are no readings")
    span = float(np.min(np.abs(hi - lo)))
    if span == 0 or span <= SIGNIFICANT * u_span:
        return _nothing(f"R_xy does not switch: R_hi - R_lo is {span:.2g} ohm")
    Y = activation(R, lo, hi)
    currents, mean, count = _means(X, Y)
    scatter, freedom = _scatter(X, Y)
    dof = int(np.sum(freedom))
    noise = math.sqrt(float(scatter @ (scatter * freedom)) / dof) if dof else math.nan
    curves = {"Y_mean": _curve(currents, mean, "mean of Y over the cycles, at each current")}
    if dof:
        repeated = freedom > 0
        curves["Y_noise"] = _curve(
            currents[repeated], scatter[repeated], "standard deviation of Y over the cycles, at each current"
        )
    found: dict[str, tuple[float, float, str]] = {"cycle_noise": _noise_result(noise, dof)}
    fit, problem = _fit(currents, mean, count), ""
    if fit is None:
        step = _sharp_step(currents, mean)
        problem = "too few currents leave Y between 10 % and 90 %" if step else "no sigmoid goes through Y"
        for name in _REPORTS.keys() - found.keys():
            found[name] = (math.nan, math.nan, problem)
        if step:
            found["X_0"], found["K"] = step
        return Analysis(_results(found, is_limited=step is not None), curves, [problem])
    u_X_0, u_K = _scatter_of_cycles(X, Y, number)
    found["X_0"] = (fit.X_0, max(fit.u_X_0, u_X_0), "")
    found["K"] = (fit.K, max(fit.u_K, u_K), "")
    residual = mean - logistic(currents, fit.X_0, fit.K)
    u_mean = noise / math.sqrt(float(np.mean(count)))
    squares, total = float(residual @ residual), float(np.sum((mean - np.mean(mean)) ** 2))
    r_squared, u_r_squared = 1 - squares / total, 2 * u_mean * math.sqrt(squares) / total
    found["r_squared"] = (r_squared, u_r_squared, "")
    found["residual_max"] = (float(np.max(np.abs(residual))), u_mean, "")
    fine = np.linspace(currents[0], currents[-1], 201)
    curves["Y_fit"] = _curve(fine, logistic(fine, fit.X_0, fit.K), "sigmoid fitted to the mean of Y")
    poor = [f"the sigmoid describes Y badly: r_squared is {r_squared:.4g}"] if r_squared < _POOR else []
    return Analysis(_results(found, is_limited=False), curves, poor)


def _checked(**named: ArrayLike) -> list[Array]:
    arrays = {name: np.asarray(a, dtype=np.float64) for name, a in named.items()}
    if len({a.shape for a in arrays.values()}) > 1 or any(a.ndim != 1 for a in arrays.values()):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(f"the columns must be one-dimensional and of one length; got {shapes}")
    for name, a in arrays.items():
        if not np.all(np.isfinite(a)):
            row = int(np.argmin(np.isfinite(a)))
            raise ValueError(f"{name} must be finite; got {a[row]} in row {row}")
    return list(arrays.values())


def _nothing(problem: str) -> Analysis:
    """All results not found, for one reason."""
    found = dict.fromkeys(_REPORTS, (math.nan, math.nan, problem))
    return Analysis(_results(found, is_limited=False), warnings=[problem])


def _results(found: dict[str, tuple[float, float, str]], *, is_limited: bool) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for name, (unit, text, display) in _REPORTS.items():
        value, uncertainty, note = found[name]
        limit = "upper" if is_limited and name == "K" else ""
        results[name] = Result(value, uncertainty, unit, text, display, limit, note)
    return results


def _curve(X: Array, Y: Array, text: str) -> Curve:
    return Curve(X, Y, "I_set", "A", "Y", "1", text)


def _means(X: Array, Y: Array) -> tuple[Array, Array, Array]:
    """The currents (A), ascending, the mean of Y at each and the number of readings in it."""
    currents, where, count = np.unique(X, return_inverse=True, return_counts=True)
    return currents, np.bincount(where, Y) / count, count.astype(np.float64)


def _scatter(X: Array, Y: Array) -> tuple[Array, Array]:
    """Standard deviation of one Y at each current, ascending, 0 where it was read once, and its freedom."""
    _, mean, count = _means(X, Y)
    _, where = np.unique(X, return_inverse=True)
    squares, freedom = np.bincount(where, (Y - mean[where]) ** 2), count - 1
    return np.sqrt(squares / np.maximum(freedom, 1)), freedom


def _noise_result(noise: float, dof: int) -> tuple[float, float, str]:
    if not dof:
        return math.nan, math.nan, "noise between cycles needs two cycles"
    return noise, noise / math.sqrt(2 * dof), ""


def _crossing(X: Array, Y: Array, level: float) -> float | None:
    """The first current (A) at which Y, interpolated between readings, rises through a level."""
    rises = np.flatnonzero((Y[:-1] < level) & (Y[1:] >= level))
    if not len(rises):
        return None
    k = int(rises[0])
    return float(X[k] + (level - Y[k]) / (Y[k + 1] - Y[k]) * (X[k + 1] - X[k]))


def _n_within(Y: Array) -> int:
    return int(np.sum((Y > 0.1) & (Y < 0.9)))


def _sharp_step(X: Array, Y: Array) -> tuple[tuple[float, float, str], tuple[float, float, str]] | None:
    """X_0 and the upper limit of K where Y goes from below 10 % to above 90 % at once; None where it does not."""
    below, above = X[Y <= 0.1], X[Y >= 0.9]
    centre = _crossing(X, Y, 0.5)
    if centre is None or not len(below) or not len(above) or below[-1] > above[0] or _n_within(Y) > 1:
        return None
    gap = float(above[0] - below[-1])
    return (centre, gap * UNIFORM, ""), (gap / _WIDTH, gap / _WIDTH * UNIFORM, "")


def _scatter_of_cycles(X: Array, Y: Array, number: Array) -> tuple[float, float]:
    """Standard deviations of the means of X_0 and K over fits to the single cycles; 0 for fewer than two fits."""
    fits: list[_Fit] = []
    for n in np.unique(number):
        currents, mean, count = _means(X[number == n], Y[number == n])
        fit = _fit(currents, mean, count)
        if fit is not None:
            fits.append(fit)
    if len(fits) < 2:
        return 0.0, 0.0
    return (
        float(np.std([fit.X_0 for fit in fits], ddof=1)) / math.sqrt(len(fits)),
        float(np.std([fit.K for fit in fits], ddof=1)) / math.sqrt(len(fits)),
    )


def _fit(X: Array, Y: Array, weight: Array) -> _Fit | None:
    """Weighted least squares for X_0 and K; None where the readings do not determine both.

    X_0 must lie within the currents: a centre outside of them is not measured, only extrapolated.
    """
    start = [_crossing(X, Y, level) for level in (0.25, 0.5, 0.75)]
    centre = start[1]
    if len(X) < 3 or _n_within(Y) < 2 or centre is None:
        return None
    width = abs(start[2] - start[0]) if start[0] is not None and start[2] is not None else 0.0
    unit = max(width / (2 * math.log(3)), float(np.min(np.diff(X))))  # the fit works in units of its first K
    x, root = (X - centre) / unit, np.sqrt(weight)
    solution = _levenberg_marquardt(x, Y, root)
    if solution is None:
        return None
    x_0, log_K = solution
    K = math.exp(log_K)
    jacobian = _jacobian(x, x_0, K) * root[:, None]
    normal = jacobian.T @ jacobian
    if not np.linalg.cond(normal) < _SINGULAR or not x[0] <= x_0 <= x[-1]:
        return None
    residual = root * (Y - logistic(x, x_0, K))
    variance = np.linalg.inv(normal) * float(residual @ residual) / (len(X) - 2)
    u_x_0, u_log_K = np.sqrt(np.diag(variance))
    return _Fit(centre + unit * x_0, unit * K, unit * float(u_x_0), unit * K * float(u_log_K))


def _jacobian(x: Array, x_0: float, K: float) -> Array:
    """Derivatives of the sigmoid by x_0 and by ln K, shape (n, 2)."""
    y = logistic(x, x_0, K)
    slope = y * (1 - y)
    return np.stack([-slope / K, -slope * (x - x_0) / K], axis=1)


def _levenberg_marquardt(x: Array, y: Array, root: Array) -> tuple[float, float] | None:
    """Minimise sum((root (y - sigmoid(x)))**2) from x_0 = 0 and ln K = 0; None where it does not converge."""
    p, damping = np.zeros(2), 1e-3

    def weighted(p: Array) -> Array:
        return root * (y - logistic(x, float(p[0]), math.exp(p[1])))

    residual = weighted(p)
    for _ in range(_MAX_ITERATIONS):
        jacobian = _jacobian(x, float(p[0]), math.exp(p[1])) * root[:, None]
        normal = jacobian.T @ jacobian
        damped = normal + damping * np.diag(np.diag(normal) + 1e-12)
        step = np.linalg.solve(damped, jacobian.T @ residual)
        length = float(np.max(np.abs(step)))
        if length > _LONGEST:
            step *= _LONGEST / length
        trial = weighted(p + step)
        if float(trial @ trial) <= float(residual @ residual):
            p, residual, damping = p + step, trial, max(damping / 10, _DAMPING_MIN)
            if length < _CONVERGED:
                return float(p[0]), float(p[1])
        elif damping > 1e8:  # rounding alone keeps a smaller step from being better: this is the minimum
            return float(p[0]), float(p[1])
        else:
            damping *= 10
    return None
