"""Repeats of a window: intervals, asymmetry and lone spikes that are known, and windows that must not be judged."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.analysis.estimates import student_t
from protocols.analysis.spike_repeats import statistics

DELAYS = np.arange(-12, 13, 2) * 1e-3
ODD = np.sign(DELAYS) * 0.1 * np.exp(-np.abs(DELAYS) / 5e-3)


def judged(dR, *, dt=DELAYS, before=None, pre=(0.0,), post=(0.0,)):
    """Statistics of a window whose layer is in one state before every pair unless `before` says otherwise."""
    before = np.full_like(dt, 0.05) if before is None else before
    return statistics(dt, dR, R_before=before, dR_lone=(np.array(pre), np.array(post)), dt_min=2e-3)


# --- confidence intervals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_free", "confidence", "t"),
    [
        (1, 0.95, 12.706), (2, 0.95, 4.303), (3, 0.95, 3.182), (4, 0.95, 2.776), (9, 0.95, 2.262),
        (30, 0.95, 2.042), (120, 0.95, 1.980), (1, 0.5, 1.0), (5, 0.99, 4.032), (10, 0.9, 1.812),
    ],
)  # fmt: skip
def test_students_t_is_that_of_the_tables(n_free, confidence, t):
    """Two-sided values, Abramowitz and Stegun, table 26.10."""
    assert student_t(n_free, confidence) == pytest.approx(t, abs=6e-4)


def test_the_mean_of_three_has_the_interval_of_a_textbook():
    """0.1 with repeats of +-3 mohm and 0: s = 3 mohm, 4.3027 x 3 / sqrt(3) mohm."""
    dt = np.repeat([-4e-3, 4e-3], 3)
    dR = np.array([0.1, 0.103, 0.097, -0.1, -0.103, -0.097])
    curves = judged(dR, dt=dt).curves
    assert curves["dR_mean"].y == pytest.approx([0.1, -0.1])
    assert curves["dR_ci"].x == pytest.approx([-4e-3, 4e-3])
    assert curves["dR_ci"].y == pytest.approx([4.30265 * 3e-3 / 3**0.5] * 2, rel=1e-5)


def test_ninety_five_per_cent_of_the_intervals_hold_the_truth():
    """Of 13 delays x 300 windows of three pairs with normal scatter, 94 to 96 %."""
    rng = np.random.default_rng(5)
    dt, truth = np.tile(DELAYS, 3), np.tile(ODD, 3)
    hits = 0
    for _ in range(300):
        curves = judged(truth + rng.normal(scale=3e-3, size=dt.shape), dt=dt).curves
        hits += np.sum(np.abs(curves["dR_mean"].y - ODD) < curves["dR_ci"].y)
    assert hits / (300 * 13) == pytest.approx(0.95, abs=0.01)


def test_one_pair_has_no_interval():
    """None at all for one repeat; NaN at the delay that a run cut short reached once."""
    assert "dR_ci" not in judged(ODD).curves
    half = judged(np.append(ODD, ODD[0]), dt=np.append(DELAYS, DELAYS[0])).curves["dR_ci"].y
    assert half[0] == 0
    assert np.all(np.isnan(half[1:]))


# --- asymmetry and lone spikes -----------------------------------------------------------------------


def test_an_antisymmetric_window_has_no_asymmetry():
    """Neither its size nor its sign counts."""
    for scale in (1.0, -0.3):
        assert judged(scale * ODD).results["asymmetry"].value == pytest.approx(0, abs=1e-12)
        assert not judged(scale * ODD).warnings


@given(st.floats(-0.2, 0.2))
@settings(max_examples=25, deadline=None)
def test_sides_of_unequal_height_are_asymmetric_by_half_their_difference(e):
    """Heights of 1 + e and 1 - e, whatever their sign: |e|."""
    dR = ODD * np.where(DELAYS > 0, 1 + e, 1 - e)
    assert judged(dR).results["asymmetry"].value == pytest.approx(abs(e), abs=1e-9)


def test_overlapping_heads_and_the_zero_do_not_count():
    """Below dt_min anything may happen."""
    dt, dR = np.append(DELAYS, [-1e-3, 1e-3]), np.append(ODD, [0.1, 0.1])
    assert judged(dR, dt=dt).results["asymmetry"].value == pytest.approx(0, abs=1e-12)


def test_the_uncertainty_of_the_asymmetry_is_its_scatter():
    """Over 300 windows with heights of 1.1 and 0.9 and a noise of 2 mohm, three repeats."""
    rng = np.random.default_rng(6)
    dt, truth = np.tile(DELAYS, 3), np.tile(ODD * np.where(DELAYS > 0, 1.1, 0.9), 3)
    found = [
        judged(truth + rng.normal(scale=2e-3, size=dt.shape), dt=dt).results["asymmetry"] for _ in range(300)
    ]
    spread = np.std([result.value for result in found])
    assert np.mean([result.uncertainty for result in found]) == pytest.approx(spread, rel=0.15)


def test_the_lone_spike_that_does_more_counts():
    """Means of 4 and -6 mohm under a largest change of 0.1 exp(-0.4) ohm."""
    result = judged(ODD, pre=(3e-3, 5e-3), post=(-6e-3, -6e-3)).results["lone_spike_ratio"]
    assert result.value == pytest.approx(6e-3 / (0.1 * math.exp(-0.4)))
    assert result.uncertainty == pytest.approx(0, abs=1e-12)


def test_the_lone_spike_has_the_scatter_of_its_repeats():
    """2 and 6 mohm: a standard deviation of the mean of 2 mohm."""
    result = judged(ODD, pre=(2e-3, 6e-3)).results["lone_spike_ratio"]
    assert result.uncertainty == pytest.approx(2e-3 / (0.1 * math.exp(-0.4)))


# --- windows that are shown, not judged --------------------------------------------------------------


def is_unjudged(analysis, why):
    """True where a warning says why, and neither number is given."""
    (warning,) = analysis.warnings
    found = [analysis.results[name] for name in ("asymmetry", "lone_spike_ratio")]
    return why in warning and "not judged" in warning and all(math.isnan(r.value) and r.note for r in found)


def test_a_layer_that_is_not_demagnetized_alike_is_not_judged():
    """R_before that scatters by 20 % of the window's height; 5 % is judged."""
    scatter = np.resize([1, -1], DELAYS.shape)
    height = 0.1 * math.exp(-0.4)
    assert is_unjudged(judged(ODD, before=0.2 * height * scatter), "not demagnetized alike")
    assert not judged(ODD, before=0.05 * height * scatter).warnings


def test_a_layer_that_goes_one_way_only_is_not_judged():
    """Nothing happens at dt > 0, or the same as at dt < 0."""
    assert is_unjudged(judged(np.where(DELAYS > 0, 0.0, ODD)), "does not go both ways")
    assert is_unjudged(judged(np.abs(ODD)), "does not go both ways")


def test_a_layer_that_does_not_switch_is_not_judged():
    """Noise, or nothing at all."""
    noise = np.random.default_rng(7).normal(scale=1e-4, size=3 * len(DELAYS))
    assert is_unjudged(judged(noise, dt=np.tile(DELAYS, 3)), "beyond its scatter")
    assert is_unjudged(judged(0 * ODD), "beyond its scatter")


@given(st.lists(st.tuples(st.sampled_from(list(DELAYS)), st.floats(-1, 1), st.floats(-1, 1)), max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_finite_data_end_in_numbers_or_notes(pairs):
    """Never an exception or a warning of numpy, however few pairs there are."""
    dt, dR, lone = (np.array([pair[k] for pair in pairs]) for k in range(3))
    for result in judged(dR, dt=dt, pre=lone[:1], post=lone[1:3]).results.values():
        assert math.isnan(result.value) == bool(result.note)
