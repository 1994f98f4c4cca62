"""The plasticity window: heights and decay times of exponentials that are known, with and without noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.analysis.spike_timing import window

DELAYS = np.arange(-12, 13, 2) * 1e-3


def exponentials(dt, A_plus, tau_plus, A_minus, tau_minus):
    """A exp(-|dt| / tau) on each side of dt (s), 0 at dt = 0."""
    plus, minus = A_plus * np.exp(-np.abs(dt) / tau_plus), A_minus * np.exp(-np.abs(dt) / tau_minus)
    return np.where(dt > 0, plus, np.where(dt < 0, minus, 0.0))


def values(analysis):
    return [analysis.results[name].value for name in ("A_plus", "tau_plus", "A_minus", "tau_minus")]


@given(
    A_plus=st.floats(0.01, 1), A_minus=st.floats(0.01, 1), sign=st.sampled_from([-1, 1]),
    tau_plus=st.floats(1e-3, 50e-3), tau_minus=st.floats(1e-3, 50e-3),
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_exponentials_are_found_exactly(A_plus, A_minus, sign, tau_plus, tau_minus):
    """Noise-free windows of either polarity give back what they were made of; A_plus belongs to dt > 0."""
    made = [sign * A_plus, tau_plus, -sign * A_minus, tau_minus]
    analysis = window(DELAYS, exponentials(DELAYS, *made), dt_min=2e-3)
    assert values(analysis) == pytest.approx(made, rel=1e-5)
    assert not analysis.warnings


def test_a_window_of_one_sign_is_found_too():
    """A change that is positive whichever spike comes first: both heights are positive."""
    made = [0.2, 4e-3, 0.1, 8e-3]
    assert values(window(DELAYS, exponentials(DELAYS, *made), dt_min=2e-3)) == pytest.approx(made, rel=1e-5)


def test_the_plateau_of_overlapping_heads_and_the_zero_are_left_out():
    """Whatever happens at |dt| < 2 ms does not count, and the delay of 2 ms itself does."""
    made = [0.2, 4e-3, -0.1, 8e-3]
    dR = exponentials(DELAYS, *made)
    near = np.array([-1.9e-3, -1e-3, 0.0, 1e-3, 1.9e-3])
    spoilt = window(np.concatenate([DELAYS, near]), np.concatenate([dR, near * 0 + 0.05]), dt_min=2e-3)
    assert values(spoilt) == pytest.approx(made, rel=1e-5)
    changed = window(DELAYS, np.where(np.abs(DELAYS) < 2.1e-3, 0.5 * dR, dR), dt_min=2e-3)
    assert values(changed) != pytest.approx(made, rel=1e-2)


@pytest.mark.parametrize("n_repeats", [1, 3])
def test_the_stated_uncertainty_is_the_scatter_of_the_results(n_repeats):
    """Over 300 windows with noise of 3 mohm the results scatter as much as they say, and about the truth."""
    rng = np.random.default_rng(3)
    made = np.array([0.2, 5e-3, -0.15, 6e-3])
    dt = np.tile(DELAYS, n_repeats)
    found, stated = [], []
    for _ in range(300):
        results = window(
            dt, exponentials(dt, *made) + rng.normal(scale=3e-3, size=dt.shape), dt_min=2e-3
        ).results
        chosen = [results[name] for name in ("A_plus", "tau_plus", "A_minus", "tau_minus")]
        found.append([result.value for result in chosen])
        stated.append([result.uncertainty**2 for result in chosen])
    spread = np.std(found, axis=0)
    assert np.all(np.abs(np.mean(found, axis=0) - made) < 4 * spread / 300**0.5 + 0.01 * np.abs(made))
    ratio = np.sqrt(np.mean(stated, axis=0)) / spread
    # of two variances the larger is taken where there are repeats: the statement is then on the safe side
    assert np.all((ratio > 0.85) & (ratio < (1.2 if n_repeats == 1 else 1.4)))


def test_the_sense_current_enters_the_heights_and_not_the_times():
    """1 % of 0.2 ohm is 2 mohm; a noise-free tau stays exact."""
    made = [0.2, 4e-3, -0.1, 8e-3]
    results = window(DELAYS, exponentials(DELAYS, *made), dt_min=2e-3, scale=0.01).results
    assert results["A_plus"].uncertainty == pytest.approx(2e-3, rel=1e-3)
    assert results["A_minus"].uncertainty == pytest.approx(1e-3, rel=1e-3)
    assert results["tau_plus"].uncertainty == pytest.approx(0, abs=1e-9)


def test_a_window_that_is_no_exponential_is_a_warning_and_widens_the_uncertainty():
    """A straight line to zero, well beyond a scatter of 0.1 mohm: warned of on both sides, u(A) of some percent."""
    rng = np.random.default_rng(4)
    dt = np.tile(DELAYS, 3)
    line = np.sign(dt) * 0.17 * (1 - np.abs(dt) / 14e-3)
    analysis = window(dt, line + rng.normal(scale=1e-4, size=dt.shape), dt_min=2e-3)
    assert [warning.split(":")[0] for warning in analysis.warnings] == ["dt_spike > 0", "dt_spike < 0"]
    assert all("not exponential" in warning for warning in analysis.warnings)
    assert analysis.results["A_plus"].uncertainty > 5e-3


def test_the_fitted_curves_lie_on_the_exponentials_over_the_delays_that_were_fitted():
    """From 2 to 12 ms on each side, with the sign of the side."""
    made = [0.2, 4e-3, -0.1, 8e-3]
    curves = window(DELAYS, exponentials(DELAYS, *made), dt_min=2e-3).curves
    assert (curves["fit_plus"].x[0], curves["fit_plus"].x[-1]) == pytest.approx((2e-3, 12e-3))
    assert (curves["fit_minus"].x[0], curves["fit_minus"].x[-1]) == pytest.approx((-2e-3, -12e-3))
    for curve in curves.values():
        assert curve.y == pytest.approx(exponentials(curve.x, *made), rel=1e-5)


@pytest.mark.parametrize(
    ("dR", "note"),
    [
        (np.zeros(6), "has no sign of its own"),
        (np.array([2, 1, -1, 2, -2, 1]) * 1e-3, "does not change beyond its scatter"),
        (np.array([0.2, 0, 0, 0, 1e-3, 0]), "too fast"),
        (np.exp(np.arange(6) / 3.0), "does not decay"),
    ],
)
def test_a_side_without_a_window_is_nan_and_said(dR, note):
    """No change, noise alone, or a change that grows with the delay: no number, no curve, a warning."""
    analysis = window(np.arange(2, 13, 2) * 1e-3, dR, dt_min=2e-3)
    for name in ("A_plus", "tau_plus"):
        assert math.isnan(analysis.results[name].value)
        assert math.isnan(analysis.results[name].uncertainty)
        assert note in analysis.results[name].note
    assert "fit_plus" not in analysis.curves
    assert any(warning.startswith("dt_spike > 0") for warning in analysis.warnings)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_run_that_was_cut_short_says_what_is_missing(n):
    """Two pairs do not make a fit, and one side may be there without the other."""
    dt = np.concatenate([DELAYS[:6], DELAYS[7 : 7 + n]])
    analysis = window(dt, exponentials(dt, 0.2, 4e-3, -0.1, 8e-3), dt_min=2e-3)
    assert "at least 3 at 2 are needed" in analysis.results["A_plus"].note
    assert analysis.results["A_minus"].value == pytest.approx(-0.1, rel=1e-5)


@given(st.lists(st.tuples(st.sampled_from(list(DELAYS)), st.floats(-1, 1)), max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_finite_data_end_in_numbers_or_notes(pairs):
    """Never an exception, a warning of numpy, or a decay time that is not positive."""
    dt, dR = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
    for name, result in window(dt, dR, dt_min=2e-3).results.items():
        assert math.isnan(result.value) == bool(result.note)
        assert not name.startswith("tau") or result.note or result.value > 0


@pytest.mark.parametrize(("dt", "dR"), [([1e-3], [0.1, 0.2]), ([1e-3], [math.nan]), ([[1e-3]], [[0.1]])])
def test_arrays_that_do_not_fit_are_refused(dt, dR):
    """Shapes and finiteness are the caller's."""
    with pytest.raises(ValueError, match="must be one-dimensional, of one length and finite"):
        window(dt, dR, dt_min=2e-3)
