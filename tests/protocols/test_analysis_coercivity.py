"""Coercivity: loops whose answer is known by hand or by formula come back within the stated uncertainty."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.analysis.coercivity import coercivity
from protocols.units import Oe

NAMES = {"mu0_H_c", "mu0_H_c_up", "mu0_H_c_down", "R_AHE", "R_off", "squareness", "width_10_90"}
ATANH_08 = 1.0986122886681098  # tanh(1.0986...) = 0.8


def sweep(H_max, step, n_loops=1):
    """Fields (Oe) and branches of loops, each branch with both of its ends."""
    down = np.arange(H_max, -H_max - step / 2, -step)
    H = np.tile(np.concatenate([down, down[::-1]]), n_loops)
    branch = np.tile(np.repeat([-1, 1], len(down)), n_loops)
    return H, branch, np.repeat(np.arange(1, n_loops + 1), 2 * len(down))


def tanh_loop(
    *, H_c=150.0, R_AHE=0.4, R_off=0.05, w=20.0, bias=0.0, H_max=400.0, step=5.0, noise=0.0, rng=None
):
    """A loop m = tanh((H - bias -+ H_c) / w), with noise (ohm); w = 0 is a sharp one."""
    H, branch, _ = sweep(H_max, step)
    x = H - bias - branch * H_c
    m = np.tanh(x / w) if w else np.where(x > 0, 1.0, -1.0)
    R_xy = R_off + R_AHE * m
    if noise:
        R_xy = R_xy + rng.normal(scale=noise, size=len(H))
    return H * Oe, R_xy, branch


def by_hand():
    """Nine fields, R_xy = 1.05 and 0.25 ohm, reversals between -100 and -200 Oe and between +100 and +200 Oe."""
    H = [400, 300, 200, 100, 0, -100, -200, -300, -400, -400, -300, -200, -100, 0, 100, 200, 300, 400]
    R = [
        1.05,
        1.05,
        1.05,
        1.05,
        1.05,
        1.05,
        0.25,
        0.25,
        0.25,
        0.25,
        0.25,
        0.25,
        0.25,
        0.25,
        0.25,
        1.05,
        1.05,
        1.05,
    ]
    return np.array(H) * Oe, np.array(R), np.repeat([-1, 1], 9)


def test_a_sharp_loop_worked_out_by_hand():
    """Levels 1.05 and 0.25 ohm: R_AHE 0.4, R_off 0.65; both reversals in the middle of 100 ... 200 Oe."""
    found = coercivity(*by_hand()).results
    assert set(found) == NAMES
    assert found["mu0_H_c_up"].value == pytest.approx(150 * Oe)
    assert found["mu0_H_c_down"].value == pytest.approx(-150 * Oe)
    assert found["mu0_H_c"].value == pytest.approx(150 * Oe)
    assert found["R_AHE"].value == pytest.approx(0.4)
    assert found["R_off"].value == pytest.approx(0.65)
    assert found["squareness"].value == pytest.approx(1.0)


def test_a_reversal_within_one_step_gives_an_upper_limit_of_the_width():
    """The jump took less than the 100 Oe between two fields; interpolation would invent 80 Oe."""
    width = coercivity(*by_hand()).results["width_10_90"]
    assert (width.value, width.limit) == (pytest.approx(100 * Oe), "upper")


def test_the_field_step_is_in_the_uncertainty_and_averaging_branches_does_not_remove_it():
    """Anywhere in 100 Oe: 100 / sqrt(12) = 28.87 Oe for each branch and for their mean."""
    found = coercivity(*by_hand()).results
    for name in ("mu0_H_c", "mu0_H_c_up", "mu0_H_c_down"):
        assert found[name].uncertainty == pytest.approx(28.8675 * Oe, rel=1e-4)


def test_results_carry_their_si_unit_and_a_display_unit():
    """Fields are tesla inside and oersted at the door; resistances are ohm; ratios are 1."""
    found = coercivity(*by_hand()).results
    for name, result in found.items():
        unit = "T" if name.startswith(("mu0_H", "width")) else "ohm" if name.startswith("R_") else "1"
        assert (result.unit, result.display) == (unit, "Oe" if unit == "T" else None)
        assert result.help


def test_a_gradual_loop_gives_back_its_formula():
    """tanh((H - H_c)/w): width 2 w atanh(0.8), squareness tanh(H_c/w)."""
    found = coercivity(*tanh_loop(H_c=120, w=60, H_max=600, step=2)).results
    assert found["mu0_H_c"].value == pytest.approx(120 * Oe, rel=1e-3)
    assert found["width_10_90"].value == pytest.approx(2 * 60 * ATANH_08 * Oe, rel=1e-3)
    assert found["width_10_90"].limit == ""
    assert found["squareness"].value == pytest.approx(math.tanh(2.0), rel=1e-3)


def test_a_biased_loop_keeps_its_signs():
    """Shifted by +60 Oe: up at +210, down at -90 Oe, half the distance still 150 Oe."""
    found = coercivity(*tanh_loop(H_c=150, bias=60, w=5, step=2)).results
    assert found["mu0_H_c_up"].value == pytest.approx(210 * Oe, abs=0.1 * Oe)
    assert found["mu0_H_c_down"].value == pytest.approx(-90 * Oe, abs=0.1 * Oe)
    assert found["mu0_H_c"].value == pytest.approx(150 * Oe, abs=0.1 * Oe)


def test_a_loop_biased_beyond_its_coercive_field_is_not_measured_by_magnitudes():
    """Up at +150, down at +50 Oe: half the distance is 50 Oe, the mean of the magnitudes would be 100."""
    found = coercivity(*tanh_loop(H_c=50, bias=100, w=5, step=2)).results
    assert found["mu0_H_c_down"].value == pytest.approx(50 * Oe, abs=0.1 * Oe)
    assert found["mu0_H_c"].value == pytest.approx(50 * Oe, abs=0.1 * Oe)


def test_a_loop_of_the_other_polarity_has_a_negative_height():
    """R_xy larger at negative field: R_AHE < 0, everything else as before."""
    found = coercivity(*tanh_loop(R_AHE=-0.4, w=10, step=2)).results
    assert found["R_AHE"].value == pytest.approx(-0.4, rel=1e-4)
    assert found["mu0_H_c_up"].value == pytest.approx(150 * Oe, rel=1e-3)
    assert found["mu0_H_c_down"].value == pytest.approx(-150 * Oe, rel=1e-3)
    assert found["squareness"].value == pytest.approx(1.0, rel=1e-3)
    assert found["width_10_90"].value == pytest.approx(2 * 10 * ATANH_08 * Oe, rel=0.02)


def test_swapping_the_branch_labels_turns_the_loop_inside_out():
    """A clockwise loop has a negative coercive field: the labels matter, the sign of the field alone does not."""
    mu0_H, R_xy, branch = tanh_loop(w=20, step=2)
    found = coercivity(-mu0_H, R_xy, -branch).results
    assert found["R_AHE"].value == pytest.approx(-0.4, rel=1e-3)
    assert found["mu0_H_c"].value == pytest.approx(150 * Oe, rel=1e-3)
    assert coercivity(*tanh_loop(H_c=-150, w=20, step=2)).results["mu0_H_c"].value == pytest.approx(
        -150 * Oe, rel=1e-3
    )


@settings(max_examples=60, deadline=None)
@given(
    H_c=st.floats(20, 250),
    R_AHE=st.floats(0.01, 10).flatmap(lambda R: st.sampled_from([R, -R])),
    R_off=st.floats(-5, 5),
    step=st.floats(1, 12),
)
def test_a_sharp_loop_comes_back_within_its_step(H_c, R_AHE, R_off, step):
    """Whatever the step: no crossing is off by more than half of it, i.e. sqrt(3) uncertainties."""
    found = coercivity(*tanh_loop(H_c=H_c, R_AHE=R_AHE, R_off=R_off, w=0, step=step)).results
    assert found["R_AHE"].value == pytest.approx(R_AHE)
    assert found["R_off"].value == pytest.approx(R_off)
    for name, truth in (("mu0_H_c", H_c), ("mu0_H_c_up", H_c), ("mu0_H_c_down", -H_c)):
        assert abs(found[name].value / Oe - truth) <= step / 2 * (1 + 1e-6)
        assert found[name].uncertainty / Oe == pytest.approx(step / math.sqrt(12), rel=1e-3)
    assert found["width_10_90"].limit == "upper"


@pytest.mark.parametrize("noise", [0.2e-3, 4e-3])
@pytest.mark.parametrize("w", [0.0, 3.0, 20.0])
def test_uncertainties_cover_the_truth(noise, w):
    """In 100 random loops each result lies within two uncertainties of the truth at least 90 times.

    The noises are 0.2 mohm (20 nV at 0.1 mA) and twenty times that, on R_AHE = 0.4 ohm.
    """
    rng = np.random.default_rng(20220)
    hits = dict.fromkeys(NAMES, 0)
    for _ in range(100):
        H_c, step = rng.uniform(90, 200), rng.choice([2.0, 5.0, 7.0])
        found = coercivity(*tanh_loop(H_c=H_c, w=w, H_max=399, step=step, noise=noise, rng=rng)).results
        truth = {
            "mu0_H_c": H_c * Oe, "mu0_H_c_up": H_c * Oe, "mu0_H_c_down": -H_c * Oe,
            "R_AHE": 0.4, "R_off": 0.05,
            "squareness": math.tanh(H_c / w) if w else 1.0, "width_10_90": 2 * w * ATANH_08 * Oe,
        }  # fmt: skip
        for name, result in found.items():
            is_within = abs(result.value - truth[name]) < 2 * result.uncertainty
            hits[name] += truth[name] <= result.value if result.limit else is_within
    assert min(hits.values()) >= 90, hits


def test_noise_is_in_the_uncertainty_of_a_crossing():
    """Where noise moves the crossing by more than a field step, the step alone would not cover the truth."""
    rng = np.random.default_rng(5)
    found = [coercivity(*tanh_loop(w=40, step=1, noise=40e-3, rng=rng)).results for _ in range(100)]
    errors = np.array([result["mu0_H_c_up"].value / Oe - 150 for result in found])
    stated = np.array([result["mu0_H_c_up"].uncertainty / Oe for result in found])
    assert np.mean(np.abs(errors) < 2 * stated) >= 0.9
    assert np.mean(np.abs(errors) < 2 / math.sqrt(12)) < 0.7


def test_uncertainties_of_the_levels_are_not_wider_than_the_scatter():
    """R_AHE scatters over 100 noisy loops as its uncertainty says, within 30 %."""
    rng = np.random.default_rng(7)
    found = [coercivity(*tanh_loop(noise=4e-3, rng=rng)).results["R_AHE"] for _ in range(100)]
    scatter = np.std([result.value for result in found])
    assert np.mean([result.uncertainty for result in found]) == pytest.approx(scatter, rel=0.3)


def test_a_glitch_in_a_tail_does_not_move_the_crossing_by_more_than_a_step():
    """One reading of the wrong sign far from the reversal crosses zero twice; neither is taken for H_c."""
    mu0_H, R_xy, branch = tanh_loop(H_c=150, w=10, step=5)
    R_xy[10] = -0.3  # +350 Oe on the descending branch
    found = coercivity(mu0_H, R_xy, branch).results
    assert abs(found["mu0_H_c_down"].value / Oe + 150) < 5.5


def test_noise_that_crosses_to_and_fro_picks_none_of_the_crossings():
    """Crossings at 95, 105 and 115 Oe (by construction) count as 95 - 105 + 115 = 105 Oe."""
    H = np.arange(400.0, -401, -10)
    m_up = np.where(H[::-1] < 95, -1.0, 1.0)
    m_up[H[::-1] == 110] = -1.0  # 90: -1, 100: +1, 110: -1, 120: +1
    R_xy = np.concatenate([np.where(H > -95, 1.0, -1.0), m_up])
    found = coercivity(np.concatenate([H, H[::-1]]) * Oe, R_xy, np.repeat([-1, 1], len(H))).results
    assert found["mu0_H_c_up"].value == pytest.approx(105 * Oe)


def test_a_layer_that_never_reverses_gives_no_number_and_says_so():
    """R_xy stays up, with noise: everything is NaN with a note, and there is a warning."""
    rng = np.random.default_rng(3)
    H, branch, _ = sweep(100, 5)
    analysis = coercivity(H * Oe, 0.45 + rng.normal(scale=2e-4, size=len(H)), branch)
    assert all(math.isnan(result.value) for result in analysis.results.values())
    assert all(math.isnan(result.uncertainty) for result in analysis.results.values())
    assert analysis.results["mu0_H_c"].note == "R_xy does not reverse between -100 Oe and +100 Oe"
    assert list(analysis.warnings) == ["R_xy does not reverse between -100 Oe and +100 Oe"]
    assert analysis.results["width_10_90"].limit == ""


def test_a_silent_meter_is_not_a_loop():
    """Exactly constant R_xy (no noise at all) is no reversal either, whatever rounding leaves of its height."""
    H, branch, _ = sweep(100, 20)
    H, branch = H[3:], branch[3:]  # tails of different lengths, whose means of one number differ by rounding
    for R_xy in (0.8701448475755365, 0.8543091061357349):
        assert math.isnan(coercivity(H * Oe, np.full(len(H), R_xy), branch).results["R_AHE"].value)


def test_a_layer_that_goes_down_and_stays_down_does_not_close():
    """The descending crossing is found; the ascending one is not, and the loop is reported as open."""
    H, branch, _ = sweep(400, 10)
    analysis = coercivity(H * Oe, np.where((branch < 0) & (H > -155), 0.45, -0.35), branch)
    assert analysis.results["mu0_H_c_down"].value == pytest.approx(-155 * Oe)
    assert math.isnan(analysis.results["mu0_H_c_up"].value)
    assert math.isnan(analysis.results["mu0_H_c"].value)
    assert "ascending branch ends at +400 Oe" in analysis.results["mu0_H_c"].note
    assert analysis.results["R_AHE"].value == pytest.approx(0.4)
    assert any("does not close at +400 Oe" in text for text in analysis.warnings)


def test_a_tail_that_is_still_reversing_is_a_warning_and_does_not_set_the_level():
    """tanh 150 Oe wide: at +320 ... +400 Oe the ascending branch is on its way, the descending one saturated."""
    analysis = coercivity(*tanh_loop(H_c=150, w=150, step=5))
    assert any("ascending branch is not flat from +320 Oe to +400 Oe" in text for text in analysis.warnings)
    assert not any("descending branch is not flat from +" in text for text in analysis.warnings)
    assert analysis.results["R_AHE"].value == pytest.approx(0.4, rel=0.005)


def test_an_ordinary_slope_is_left_in_and_enters_the_uncertainty():
    """0.5 mohm/Oe adds 0.18 ohm at the 360 Oe of the mean tail; every tail changes by 0.04 ohm."""
    mu0_H, R_xy, branch = tanh_loop(w=0, step=5)
    analysis = coercivity(mu0_H, R_xy + 5e-4 * mu0_H / Oe, branch)
    assert analysis.results["R_AHE"].value == pytest.approx(0.58)
    assert analysis.results["R_AHE"].uncertainty == pytest.approx(0.02 / math.sqrt(2), rel=1e-3)
    assert sum("R_xy changes by 0.04 ohm" in text for text in analysis.warnings) == 4


def test_a_clean_loop_has_no_warnings():
    """Ordinary noise is not a warning: a hundred noisy loops raise none."""
    rng = np.random.default_rng(11)
    assert all(not coercivity(*tanh_loop(noise=4e-3, rng=rng)).warnings for _ in range(100))


@pytest.mark.parametrize("end", [0, 1, 2, 40, 100, 161, 170, 240, 300])
def test_a_run_that_was_cut_short_is_analysed_as_far_as_it_goes(end):
    """Any beginning of a loop is data: what is not in it is NaN, nothing is an exception."""
    mu0_H, R_xy, branch = (column[:end] for column in tanh_loop(H_c=150, w=20, step=5))
    analysis = coercivity(mu0_H, R_xy, branch)
    assert set(analysis.results) == NAMES
    assert math.isfinite(analysis.results["mu0_H_c_down"].value) == (end >= 161)
    assert math.isfinite(analysis.results["mu0_H_c"].value) == (end >= 300)
    for result in analysis.results.values():
        assert math.isfinite(result.value) or result.note


def test_several_loops_are_averaged_and_their_scatter_is_the_uncertainty():
    """Coercive fields of 140, 150 and 160 Oe: mean 150, scatter 10 / sqrt(3) = 5.77 Oe."""
    parts = [tanh_loop(H_c=H_c, w=5, step=1) for H_c in (140.0, 150.0, 160.0)]
    mu0_H, R_xy, branch = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    found = coercivity(mu0_H, R_xy, branch, np.repeat([1, 2, 3], len(parts[0][0]))).results
    assert found["mu0_H_c"].value == pytest.approx(150 * Oe, abs=0.05 * Oe)
    assert found["mu0_H_c"].uncertainty == pytest.approx(math.hypot(5.7735, 0.2887) * Oe, rel=1e-3)


def test_a_loop_that_was_not_finished_is_left_out_of_the_mean():
    """Two loops, the second cut in its descending branch: the first one's coercive field, and a note."""
    mu0_H, R_xy, branch = tanh_loop(H_c=150, w=5, step=2)
    second = [column[:150] for column in (mu0_H, R_xy, branch)]
    both = [np.concatenate(pair) for pair in zip((mu0_H, R_xy, branch), second, strict=True)]
    analysis = coercivity(*both, np.repeat([1, 2], [len(mu0_H), 150]))
    assert analysis.results["mu0_H_c"].value == pytest.approx(150 * Oe, rel=1e-3)
    assert analysis.results["mu0_H_c"].note.startswith("found in 1 of 2 loops")
    assert all(text.startswith("loop 2: ") for text in analysis.warnings)


def test_a_layer_that_reverses_at_zero_field_has_an_uncertain_squareness():
    """Jumping between -10 and +10 Oe on both branches: no remanence, and +-1 cannot be excluded."""
    H, branch, _ = sweep(390, 20)
    squareness = coercivity(H * Oe, np.where(H > 0, 0.4, -0.4), branch).results["squareness"]
    assert squareness.value == pytest.approx(0.0, abs=1e-9)
    assert squareness.uncertainty == pytest.approx(1.0)


def test_too_few_readings_in_the_tails_are_a_warning():
    """With one reading in each tail the noise is unknown; the uncertainty then says less than it seems to."""
    analysis = coercivity(*by_hand())
    assert list(analysis.warnings) == [
        "the tails hold too few readings to know the noise; uncertainties hold the field step only"
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda H, R, b: (H[:-1], R, b), r"one length; got mu0_H \(17,\), R_xy \(18,\)"),
        (lambda H, R, b: (H[None], R[None], b[None]), "one-dimensional"),
        (lambda H, R, b: (H, np.where(H == 0, np.nan, R), b), "R_xy must be finite; got nan in row 4"),
        (lambda H, R, b: (H, R, b * 2), "branch must be -1 or [+]1; got -2"),
        (lambda H, R, b: (H, R, b, [1, 2]), r"loop \(2,\)"),
    ],
)
def test_arrays_that_are_not_a_loop_are_refused(change, complaint):
    """The message says what must be and what came."""
    with pytest.raises(ValueError, match=complaint):
        coercivity(*change(*by_hand()))
