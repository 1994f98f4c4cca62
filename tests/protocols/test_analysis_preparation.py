"""Judgement of a prepared state: what counts as saturated and as demagnetized, and where nothing is said."""

import math
import re

import pytest

from protocols.analysis.preparation import doubts, judged
from protocols.vocabulary import Analysis

SAMPLE = {"R_AHE": 0.4, "R_off": 0.05}


@pytest.mark.parametrize(
    ("preparation", "R_xy"),
    [("saturate+", 0.45), ("saturate-", -0.35), ("demagnetize", 0.05), ("demagnetize", 0.069)],
)
def test_a_state_as_it_was_asked_for_is_not_doubted(preparation, R_xy):
    """R_off +- R_AHE is saturated; R_off within 5 % of R_AHE, 0.02 ohm, is demagnetized."""
    assert doubts(preparation, R_xy, **SAMPLE) == []


@pytest.mark.parametrize(
    ("preparation", "R_xy", "said"),
    [
        (
            "saturate+",
            -0.35,
            r"not saturated up at the start: .* -100 % of R_AHE, it must be \+95 % at least",
        ),
        (
            "saturate-",
            0.25,
            r"not saturated down at the start: .* \+50 % of R_AHE, it must be -95 % at least",
        ),
        ("demagnetize", 0.072, r"not demagnetized at the start: .* \+5.5 % of R_AHE, it must be within 5 %"),
        ("demagnetize", -0.35, "not demagnetized at the start: .* -100 % of R_AHE"),
    ],
)
def test_another_state_is_a_warning_with_the_number(preparation, R_xy, said):
    """The other saturated state, half of one, and a residual above 5 %."""
    (warning,) = doubts(preparation, R_xy, **SAMPLE)
    assert re.search(said, warning)


def test_a_sample_whose_up_state_is_the_smaller_resistance_is_judged_alike():
    """R_AHE = -0.4 ohm: up is -0.35 ohm."""
    assert doubts("saturate+", -0.35, R_AHE=-0.4, R_off=0.05) == []
    assert doubts("saturate+", 0.45, R_AHE=-0.4, R_off=0.05)


@pytest.mark.parametrize(
    ("preparation", "R_xy", "R_AHE", "R_off"),
    [
        ("as-is", 0.2, 0.4, 0.05),
        ("reset", 0.2, 0.4, 0.05),
        ("saturate+", math.nan, 0.4, 0.05),
        ("saturate+", 0.2, math.nan, 0.05),
        ("saturate+", 0.2, 0.4, math.nan),
        ("demagnetize", 0.2, 0.0, 0.05),
    ],
)
def test_what_was_not_prepared_or_cannot_be_compared_is_not_judged(preparation, R_xy, R_AHE, R_off):
    """as-is and reset promise nothing; without a reading or a reference there is nothing to compare."""
    assert doubts(preparation, R_xy, R_AHE=R_AHE, R_off=R_off) == []


def test_a_doubt_comes_before_the_warnings_of_the_analysis():
    """What was wrong at the start is read first; results stay as they are."""
    analysis = Analysis({}, warnings=("the loop does not close",))
    first, second = judged(analysis, "demagnetize", 0.45, **SAMPLE).warnings
    assert first.startswith("the layer was not demagnetized")
    assert second == "the loop does not close"
    assert judged(analysis, "as-is", 0.45, **SAMPLE) is analysis
