"""What is left after demagnetizing: values, uncertainties and warnings for readings that are known."""

import math

import numpy as np
import pytest

from protocols.analysis.demagnetization import residual

READINGS = [0.061, 0.063, 0.062, 0.062]  # mean 0.062, standard deviation of the mean 0.408e-3


def test_the_residual_is_the_mean_less_the_offset():
    """0.062 - 0.050 = 0.012 ohm, 3 % of 0.4 ohm, whichever sign R_AHE has; no warning."""
    for R_AHE in (0.4, -0.4):
        analysis = residual(READINGS, R_AHE=R_AHE, R_off=0.05)
        assert analysis.results["R_xy_residual"].value == pytest.approx(0.012)
        assert analysis.results["R_xy_residual_over_R_AHE"].value == pytest.approx(0.03)
        assert not analysis.warnings


def test_the_uncertainty_adds_scatter_and_offset():
    """Scatter 0.408 mohm and u(R_off) 0.3 mohm: 0.506 mohm, and 0.127 % of R_AHE."""
    results = residual(READINGS, R_AHE=0.4, R_off=0.05, u_R_off=0.3e-3).results
    assert results["R_xy_residual"].uncertainty == pytest.approx(0.5066e-3, rel=1e-3)
    assert results["R_xy_residual_over_R_AHE"].uncertainty == pytest.approx(1.2666e-3, rel=1e-3)


def test_an_error_of_the_sense_current_cancels_in_the_ratio_where_the_reference_shares_it():
    """1 % of the residual where shared (0.12 mohm), of the whole reading where not (0.62 mohm)."""
    readings = [0.062, 0.062]
    shared = residual(readings, R_AHE=0.4, R_off=0.05, scale=0.01).results
    assert shared["R_xy_residual"].uncertainty == pytest.approx(0.12e-3)
    assert shared["R_xy_residual_over_R_AHE"].uncertainty == pytest.approx(0.0)
    foreign = residual(readings, R_AHE=0.4, R_off=0.05, scale=0.01, is_scale_common=False).results
    assert foreign["R_xy_residual"].uncertainty == pytest.approx(0.62e-3)
    assert foreign["R_xy_residual_over_R_AHE"].uncertainty == pytest.approx(1.55e-3)


def test_the_uncertainty_of_the_ratio_holds_that_of_R_AHE():
    """A residual of half of R_AHE known to 2 %: 0.01."""
    share = residual([0.25, 0.25], R_AHE=0.4, u_R_AHE=8e-3, R_off=0.05).results["R_xy_residual_over_R_AHE"]
    assert (share.value, share.uncertainty) == pytest.approx((0.5, 0.01))


@pytest.mark.parametrize(("R", "is_warned"), [(0.069, False), (0.071, True), (0.031, False), (0.029, True)])
def test_more_than_five_percent_of_R_AHE_either_way_is_a_warning(R, is_warned):
    """5 % of 0.4 ohm is 20 mohm about R_off = 50 mohm."""
    warnings = residual([R, R], R_AHE=0.4, R_off=0.05).warnings
    assert any("not demagnetized" in warning for warning in warnings) == is_warned


@pytest.mark.parametrize(
    ("readings", "reference", "note"),
    [
        ([], {"R_AHE": 0.4, "R_off": 0.05}, "are needed; there are 0"),
        ([0.06], {"R_AHE": 0.4, "R_off": 0.05}, "are needed; there are 1"),
        (READINGS, {"R_AHE": 0.4, "R_off": math.nan}, "R_off is not known"),
        (READINGS, {"R_AHE": math.nan, "R_off": 0.05}, "R_AHE is not known"),
        (READINGS, {"R_AHE": 0.4, "u_R_AHE": 0.2, "R_off": 0.05}, "R_AHE is not known"),
    ],
)
def test_what_is_missing_is_nan_and_said(readings, reference, note):
    """A run that was cut short, or a reference lost in its noise, gives NaN with a note and a warning."""
    analysis = residual(readings, **reference)
    share = analysis.results["R_xy_residual_over_R_AHE"]
    assert math.isnan(share.value)
    assert math.isnan(share.uncertainty)
    assert note in share.note
    assert any(note in warning for warning in analysis.warnings)


def test_readings_that_are_no_numbers_are_refused():
    """NaN among the readings is an error of the caller."""
    with pytest.raises(ValueError, match="must be one-dimensional and finite"):
        residual(np.array([0.1, math.nan]), R_AHE=0.4, R_off=0.05)
