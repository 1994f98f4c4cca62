"""Sigmoid analysis against curves whose centre and width are known: values, uncertainties, and what is missing."""

import math

import numpy as np
import pytest

from protocols.analysis.sigmoid import activation, logistic, sigmoid
from protocols.units import mA

CURRENTS = np.arange(-5, 31) * mA


def readings(X_0, K, *, n_cycles=3, noise=0.0, rng=None, R_lo=-0.3, R_hi=0.5, currents=CURRENTS):
    """Rows of cycles over 1/(1 + exp(-(X - X_0)/K)), as keyword arguments of the analysis."""
    X = np.tile(currents, n_cycles)
    Y = np.array([1 / (1 + math.exp(-(x - X_0) / K)) for x in X])
    if rng is not None:
        Y = Y + rng.normal(scale=noise, size=Y.shape)
    return {
        "I_set": X,
        "R_xy": R_lo + (R_hi - R_lo) * Y,
        "R_lo": np.full(X.shape, R_lo),
        "R_hi": np.full(X.shape, R_hi),
        "cycle": np.repeat(np.arange(n_cycles) + 1, len(currents)),
    }


@pytest.mark.parametrize(("X_0", "K"), [(16.4, 2.55), (12.0, 0.7), (3.3, 1.4), (20.0, 6.0)])
def test_an_exact_sigmoid_comes_back_with_its_centre_and_width(X_0, K):
    """Without noise X_0 and K are exact, r_squared is 1 and nothing is left over."""
    found = sigmoid(**readings(X_0 * mA, K * mA)).results
    assert found["X_0"].value == pytest.approx(X_0 * mA, rel=1e-6)
    assert found["K"].value == pytest.approx(K * mA, rel=1e-6)
    assert found["r_squared"].value == pytest.approx(1)
    assert found["residual_max"].value == pytest.approx(0, abs=1e-7)
    assert found["cycle_noise"].value == pytest.approx(0, abs=1e-12)


def test_the_order_of_the_rows_does_not_matter():
    """Shuffled currents give the numbers of ascending ones."""
    rng = np.random.default_rng(3)
    rows = readings(16 * mA, 2 * mA, noise=0.01, rng=rng)
    shuffled = rng.permutation(len(rows["I_set"]))
    a = sigmoid(**rows).results
    b = sigmoid(**{name: column[shuffled] for name, column in rows.items()}).results
    for name in a:
        assert b[name].value == pytest.approx(a[name].value, rel=1e-9)


def test_a_device_whose_RESET_state_is_the_larger_resistance_gives_the_same_sigmoid():
    """Y runs from 0 after RESET to 1 whatever the sign of R_hi - R_lo."""
    found = sigmoid(**readings(16 * mA, 2 * mA, R_lo=0.5, R_hi=-0.3)).results
    assert found["X_0"].value == pytest.approx(16 * mA)
    assert found["K"].value == pytest.approx(2 * mA)


@pytest.mark.parametrize("n_cycles", [1, 3])
def test_the_stated_uncertainties_cover_the_errors(n_cycles):
    """Over 150 noisy runs, errors divided by their uncertainties have a standard deviation near 1, mean near 0."""
    rng = np.random.default_rng(11)
    pulls = {"X_0": [], "K": []}
    truth = {"X_0": 16.4 * mA, "K": 2.55 * mA}
    for _ in range(150):
        found = sigmoid(**readings(*truth.values(), n_cycles=n_cycles, noise=0.02, rng=rng)).results
        for name, pull in pulls.items():
            pull.append((found[name].value - truth[name]) / found[name].uncertainty)
    for pull in pulls.values():
        assert 0.75 < np.std(pull) < 1.25
        assert abs(np.mean(pull)) < 0.3


def test_cycles_that_differ_as_a_whole_are_in_the_uncertainty_of_the_centre():
    """Centres of 15, 16 and 17 mA: the mean is good to 1 mA / sqrt(3), however smooth each cycle is."""
    parts = [readings(X_0 * mA, 2 * mA, n_cycles=1) for X_0 in (15, 16, 17)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows["cycle"] = np.repeat([1, 2, 3], len(CURRENTS))
    X_0 = sigmoid(**rows).results["X_0"]
    assert X_0.value == pytest.approx(16 * mA, rel=0.01)
    assert X_0.uncertainty == pytest.approx(1 / 3**0.5 * mA, rel=0.02)


def test_cycles_of_different_widths_are_in_the_uncertainty_of_the_width():
    """Widths of 1, 2 and 3 mA: K is good to 1 mA / sqrt(3), though the mean curve is smooth."""
    parts = [readings(16 * mA, K * mA, n_cycles=1) for K in (1, 2, 3)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows["cycle"] = np.repeat([1, 2, 3], len(CURRENTS))
    assert sigmoid(**rows).results["K"].uncertainty == pytest.approx(1 / 3**0.5 * mA, rel=0.02)


def test_the_scatter_of_r_squared_and_residual_max_is_what_their_uncertainties_say():
    """A curve with a bump of 0.05 and noise of 0.005, 60 times: stated and seen agree within a half."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(60):
        rows = readings(16 * mA, 2 * mA, noise=0.005, rng=rng)
        rows["R_xy"] += 0.8 * 0.05 * np.exp(-(((rows["I_set"] - 20 * mA) / (3 * mA)) ** 2))
        found.append(sigmoid(**rows).results)
    for name in ("r_squared", "residual_max"):
        stated = np.mean([results[name].uncertainty for results in found])
        assert stated == pytest.approx(np.std([results[name].value for results in found]), rel=0.5)


def test_cycle_noise_is_the_scatter_of_single_readings_at_one_current():
    """0.01 of noise in 30 cycles comes back to a few per cent, and its uncertainty says so."""
    rng = np.random.default_rng(2)
    noise = sigmoid(**readings(16 * mA, 2 * mA, n_cycles=30, noise=0.01, rng=rng)).results["cycle_noise"]
    assert noise.value == pytest.approx(0.01, abs=3 * noise.uncertainty)
    assert noise.uncertainty == pytest.approx(0.01 / (2 * 29 * len(CURRENTS)) ** 0.5, rel=0.1)


def test_cycle_noise_of_two_known_readings():
    """Y of 0.4 and 0.6 at one current, equal elsewhere: variance 0.02 at one of 36 currents."""
    rows = readings(16 * mA, 2 * mA, n_cycles=2)
    here = np.flatnonzero(rows["I_set"] == 15 * mA)
    rows["R_xy"][here] = -0.3 + 0.8 * np.array([0.4, 0.6])
    assert sigmoid(**rows).results["cycle_noise"].value == pytest.approx((0.02 / 36) ** 0.5)


def test_one_cycle_shows_no_noise_between_cycles():
    """cycle_noise is not found, the fit is; what is computed from the noise has no uncertainty."""
    found = sigmoid(**readings(16 * mA, 2 * mA, n_cycles=1)).results
    assert math.isnan(found["cycle_noise"].value)
    assert found["cycle_noise"].note == "noise between cycles needs two cycles"
    assert found["K"].value == pytest.approx(2 * mA)
    assert math.isnan(found["r_squared"].uncertainty)


def test_residual_max_and_r_squared_of_a_curve_that_is_no_sigmoid():
    """One reading moved by 0.1: the residual is nearly that, and r_squared what numpy finds for the same line."""
    rows = readings(16 * mA, 2 * mA, n_cycles=1)
    rows["R_xy"][2] += 0.08
    analysis = sigmoid(**rows)
    found, Y = analysis.results, (rows["R_xy"] + 0.3) / 0.8
    line = 1 / (1 + np.exp(-(CURRENTS - found["X_0"].value) / found["K"].value))
    assert found["residual_max"].value == pytest.approx(0.1, rel=0.05)
    assert found["r_squared"].value == pytest.approx(1 - np.mean((Y - line) ** 2) / np.var(Y))


def test_a_current_that_was_read_more_often_weighs_more():
    """Nine more readings of an outlier pull the fit further than one does."""
    shifts = []
    for repeats in (0, 9):
        rows = readings(16 * mA, 2 * mA, n_cycles=1)
        here = np.flatnonzero(rows["I_set"] == 16 * mA)
        rows["R_xy"][here] += 0.08
        rows = {name: np.concatenate([a, np.repeat(a[here], repeats)]) for name, a in rows.items()}
        rows["cycle"] = np.ones(len(rows["I_set"]))
        shifts.append(16 * mA - sigmoid(**rows).results["X_0"].value)
    assert shifts[1] > 3 * shifts[0] > 0


@pytest.mark.parametrize("middle", [(), (0.4,)])
def test_a_sharp_step_gives_a_centre_and_an_upper_limit_of_the_width(middle):
    """0 up to 10 mA, 1 from 11 (or 12) mA on: K is at most the distance over 2 ln 9 = 4.394."""
    Y = np.array([0.0] * 16 + [*middle] + [1.0] * (20 - len(middle)))
    rows = readings(16 * mA, 2 * mA, n_cycles=1)
    rows["R_xy"] = -0.3 + 0.8 * Y
    analysis = sigmoid(**rows)
    gap = (1 + len(middle)) * mA
    K, X_0 = analysis.results["K"], analysis.results["X_0"]
    assert (K.limit, X_0.limit) == ("upper", "")
    assert K.value == pytest.approx(gap / 4.394449)
    assert 10 * mA < X_0.value < 10 * mA + gap
    assert X_0.uncertainty == pytest.approx(gap / 12**0.5)
    assert math.isnan(analysis.results["r_squared"].value)
    assert "Y_fit" not in analysis.curves


@pytest.mark.parametrize(
    "Y",
    [
        np.full(36, 0.98),
        np.linspace(1, 0, 36),
        np.linspace(0, 0.4, 36),
        np.tile([0.6, 0.4, 0.62, 0.38], 9),
        np.array([0.45] + [0.6] * 35),
        np.array([0.0] * 8 + [0.2] + [0.0] * 9 + [1.0] * 9 + [0.8] + [1.0] * 8),
    ],
)
def test_readings_that_no_sigmoid_goes_through_are_said_to_be_so(Y):
    """A state that stays, falls, ends before its middle, wavers or jumps: not found, with a note and a warning."""
    rows = readings(16 * mA, 2 * mA, n_cycles=1)
    rows["R_xy"] = -0.3 + 0.8 * Y
    analysis = sigmoid(**rows)
    for name in ("X_0", "K", "r_squared", "residual_max"):
        assert math.isnan(analysis.results[name].value)
    assert analysis.results["X_0"].note == "no sigmoid goes through Y"
    assert analysis.warnings == ["no sigmoid goes through Y"]


def test_readings_without_order_are_never_passed_off_as_a_sigmoid():
    """40 random permutations of 0 ... 1: either nothing is found, or r_squared is in the warning."""
    rng = np.random.default_rng(1)
    rows = readings(16 * mA, 2 * mA, n_cycles=1)
    for _ in range(40):
        rows["R_xy"] = -0.3 + 0.8 * rng.permutation(np.linspace(0, 1, 36))
        analysis = sigmoid(**rows)
        assert analysis.warnings
        X_0 = analysis.results["X_0"]
        assert X_0.note if math.isnan(X_0.value) else -5 * mA <= X_0.value <= 30 * mA


def test_a_bad_fit_is_a_warning():
    """A staircase of three levels is fitted, and the warning gives r_squared."""
    rows = readings(16 * mA, 2 * mA, n_cycles=1)
    rows["R_xy"] = -0.3 + 0.8 * np.repeat([0.0, 0.3, 0.8], 12)
    (warning,) = sigmoid(**rows).warnings
    assert warning.startswith("the sigmoid describes Y badly: r_squared is 0.")


@pytest.mark.parametrize(("span", "u_span"), [(0.0, 0.0), (1e-3, 5e-4)])
def test_a_layer_that_does_not_switch_has_no_Y(span, u_span):
    """R_hi equal to R_lo, exactly or within 5 standard uncertainties: nothing is divided by the noise."""
    rows = readings(16 * mA, 2 * mA, R_lo=0.1, R_hi=0.1 + span)
    analysis = sigmoid(**rows, u_span=u_span)
    assert all(math.isnan(result.value) for result in analysis.results.values())
    assert analysis.warnings[0].startswith("R_xy does not switch")
    assert not analysis.curves


@pytest.mark.parametrize("end", [0, 1, 2, 20, 22, 37, 50])
def test_a_run_that_was_stopped_still_has_all_results_by_name(end):
    """Any number of rows: the five names are there, found or not."""
    rows = {name: column[:end] for name, column in readings(16 * mA, 2 * mA).items()}
    found = sigmoid(**rows).results
    assert set(found) == {"X_0", "K", "cycle_noise", "r_squared", "residual_max"}
    for result in found.values():
        assert math.isfinite(result.value) or result.note


def test_the_curves_are_the_means_and_the_fitted_line():
    """Y_mean has one point for each current, Y_fit runs over the same range."""
    curves = sigmoid(**readings(16 * mA, 2 * mA)).curves
    assert curves["Y_mean"].x == pytest.approx(CURRENTS)
    fit = curves["Y_fit"]
    assert (fit.x[0], fit.x[-1]) == (CURRENTS[0], CURRENTS[-1])
    assert np.interp(16 * mA, fit.x, fit.y) == pytest.approx(0.5, abs=1e-3)


def test_the_noise_curve_is_the_scatter_over_the_cycles_at_each_current():
    """Y of 0.4, 0.5 and 0.6 at 15 mA, equal elsewhere: 0.1 there and 0 at the 35 others, both ends among them."""
    rows = readings(16 * mA, 2 * mA)
    rows["R_xy"][rows["I_set"] == 15 * mA] = -0.3 + 0.8 * np.array([0.4, 0.5, 0.6])
    noise = sigmoid(**rows).curves["Y_noise"]
    assert noise.x == pytest.approx(CURRENTS)
    assert noise.y == pytest.approx(np.where(np.arange(-5, 31) == 15, 0.1, 0.0), abs=1e-12)


def test_the_noise_curve_holds_no_current_that_was_read_only_once():
    """Stopped after 4 currents of the second cycle, the noise is known at 4; after one cycle there is no curve."""
    rows = readings(16 * mA, 2 * mA)
    for end, known in ((40, CURRENTS[:4]), (36, None)):
        curve = sigmoid(**{name: column[:end] for name, column in rows.items()}).curves.get("Y_noise")
        assert (curve is None) if known is None else curve.x == pytest.approx(known)


@pytest.mark.parametrize("column", ["I_set", "R_xy", "R_lo", "cycle"])
def test_columns_that_do_not_fit_together_are_refused(column):
    """A column that is shorter, or holds a NaN, raises ValueError that names it."""
    rows = readings(16 * mA, 2 * mA)
    with pytest.raises(ValueError, match="of one length"):
        sigmoid(**{**rows, column: rows[column][:-1]})
    broken = rows[column].astype(float)
    broken[4] = np.nan
    with pytest.raises(ValueError, match=f"{column} must be finite; got nan in row 4"):
        sigmoid(**{**rows, column: broken})


def test_activation_is_nought_at_R_lo_and_one_at_R_hi():
    """Linear in between; NaN where both are one."""
    Y = activation([0.2, 0.6, 0.4, 0.4], [0.2, 0.2, 0.2, 0.3], [0.6, 0.6, 0.6, 0.3])
    assert Y[:3] == pytest.approx([0, 1, 0.5])
    assert math.isnan(Y[3])


def test_the_logistic_function_does_not_overflow():
    """Far from the centre it is 0 and 1, at X_0 + K 1/(1 + 1/e)."""
    assert logistic([-1e3, 1e3], 0.0, 1e-6) == pytest.approx([0, 1])
    assert logistic([3.0], 1.0, 2.0) == pytest.approx([0.7310585786])
