"""Switching: loops whose answer is known by hand or by formula come back within the stated uncertainty."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.analysis.switching import switching
from protocols.units import mA

NAMES = ["I_th", "I_th_up", "I_th_down", "dI_10_90", "dI_5_95", "switching_ratio", "n_states", "polarity"]
CURRENTS = [name for name in NAMES if name.startswith(("I_", "dI_"))]
ATANH_08 = 1.0986122886681098  # tanh(1.0986...) = 0.8
ATANH_09 = 1.4722194895832204  # tanh(1.4722...) = 0.9


def triangle(I_max, step):
    """Amplitudes (mA) and branches: 0 to just below +I_max, +I_max to -I_max, back to +I_max."""
    n = round(I_max / step)
    down = np.arange(n, -n - 1, -1) * step
    I_pulse = np.concatenate([np.arange(n) * step, down, down[-2::-1]])
    return I_pulse, np.repeat([0, -1, 1], [n, 2 * n + 1, 2 * n])


def tanh_loop(
    *,
    I_th=15.0,
    w=2.0,
    height=0.7,
    R_off=0.05,
    bias=0.0,
    I_max=28.0,
    step=0.5,
    polarity=1,
    noise=0.0,
    rng=None,
):
    """A loop R_off + polarity height/2 tanh((I - bias -+ I_th) / w), with noise (ohm); w = 0 is a sharp one."""
    I_pulse, branch = triangle(I_max, step)
    x = I_pulse - bias - np.where(branch == 0, 1, branch) * I_th
    m = np.tanh(x / w) if w else np.where(x > 0, 1.0, -1.0)
    R_xy = R_off + polarity * height / 2 * m
    if noise:
        R_xy = R_xy + rng.normal(scale=noise, size=len(R_xy))
    return I_pulse * mA, R_xy, branch


def staircase(levels, *, noise=0.0, rng=None, height=0.8, step=0.5, plateau=1.0, start=8.0):
    """A loop that goes up through `levels` (shares of the height) in plateaus (mA) from `start`, and back alike."""
    I_pulse, branch = triangle(28.0, step)
    way = np.where(branch == -1, -I_pulse, I_pulse)  # along the branch, whichever it is
    share = np.array([0.0, *levels, 1.0])[
        np.clip(np.floor((way - start) / plateau + 1), 0, len(levels) + 1).astype(int)
    ]
    R_xy = height * (np.where(branch == -1, 1 - share, share) - 0.5)
    if noise:
        R_xy = R_xy + rng.normal(scale=noise, size=len(R_xy))
    return I_pulse * mA, R_xy, branch


def test_a_sharp_loop_worked_out_by_hand():
    """+-4 mA in steps of 1 mA, jumps of 0.6 ohm between 2 and 3 mA, R_AHE = 0.4 ohm: 2.5 mA, ratio 0.75."""
    I_pulse = np.array([0, 1, 2, 3, 4, 3, 2, 1, 0, -1, -2, -3, -4, -3, -2, -1, 0, 1, 2, 3, 4]) * mA
    R_xy = np.array([-0.3] * 3 + [0.3] * 8 + [-0.3] * 8 + [0.3] * 2)
    branch = [0] * 4 + [-1] * 9 + [1] * 8
    found = switching(I_pulse, R_xy, branch, R_AHE=0.4).results
    assert list(found) == NAMES
    assert found["I_th_up"].value == pytest.approx(2.5 * mA)
    assert found["I_th_down"].value == pytest.approx(-2.5 * mA)
    assert found["I_th"].value == pytest.approx(2.5 * mA)
    assert found["switching_ratio"].value == pytest.approx(0.75)
    assert found["polarity"].value == 1
    assert found["n_states"].value == 2
    for name in ("dI_10_90", "dI_5_95"):
        assert (found[name].value, found[name].limit) == (pytest.approx(1 * mA), "upper")
    for name in ("I_th", "I_th_up", "I_th_down"):
        assert found[name].uncertainty == pytest.approx(1 * mA / math.sqrt(12))


def test_results_carry_their_unit_and_say_which_convention_they_follow():
    """Currents are ampere inside and mA at the door; the shares of the height are in the help of the widths."""
    found = switching(*tanh_loop(), R_AHE=0.4).results
    for name, result in found.items():
        assert (result.unit, result.display) == (("A", "mA") if name in CURRENTS else ("1", None))
    assert "10 % to 90 % of the height of one branch (our convention)" in found["dI_10_90"].help
    assert "5 % to 95 % of the height of one branch (our convention)" in found["dI_5_95"].help
    assert "5 % of the height of one branch (our convention)" in found["n_states"].help


def test_a_gradual_loop_gives_back_its_formula():
    """tanh((I - I_th)/w): 10-90 % is 2 w atanh(0.8), 5-95 % is 2 w atanh(0.9); all twenty bins are visited."""
    found = switching(*tanh_loop(I_th=12, w=3, step=0.1), R_AHE=0.4).results
    assert found["I_th"].value == pytest.approx(12 * mA, rel=1e-3)
    assert found["dI_10_90"].value == pytest.approx(2 * 3 * ATANH_08 * mA, rel=2e-3)
    assert found["dI_5_95"].value == pytest.approx(2 * 3 * ATANH_09 * mA, rel=2e-3)
    assert found["dI_10_90"].limit == ""
    assert found["switching_ratio"].value == pytest.approx(0.7 / 0.8, rel=1e-3)
    assert found["n_states"].value == 20


def test_a_normal_spread_of_thresholds_gives_its_quantiles():
    """Thresholds spread normally by 4 mA: 10-90 % is 2 x 1.2816 x 4 mA, 5-95 % is 2 x 1.6449 x 4 mA."""
    I_pulse, branch = triangle(40.0, 0.5)
    x = (I_pulse - np.where(branch == 0, 1, branch) * 18.0) / 4
    R_xy = 0.3 * np.array([math.erf(value / math.sqrt(2)) for value in x])
    found = switching(I_pulse * mA, R_xy, branch, R_AHE=0.4).results
    assert found["dI_10_90"].value == pytest.approx(2 * 1.2815516 * 4 * mA, rel=5e-3)
    assert found["dI_5_95"].value == pytest.approx(2 * 1.6448536 * 4 * mA, rel=5e-3)


def test_the_other_polarity_has_the_same_thresholds():
    """R_xy lower after positive current: polarity -1, and nothing else changes."""
    one = switching(*tanh_loop(polarity=1), R_AHE=0.4).results
    other = switching(*tanh_loop(polarity=-1), R_AHE=0.4).results
    assert (one["polarity"].value, other["polarity"].value) == (1, -1)
    for name in NAMES[:-1]:
        assert other[name].value == pytest.approx(one[name].value), name


def test_a_biased_loop_keeps_its_signs():
    """Shifted by +4 mA: up at +19, down at -11 mA, half the distance still 15 mA."""
    found = switching(*tanh_loop(bias=4.0, w=1.0), R_AHE=0.4).results
    assert found["I_th_up"].value == pytest.approx(19 * mA, abs=0.01 * mA)
    assert found["I_th_down"].value == pytest.approx(-11 * mA, abs=0.01 * mA)
    assert found["I_th"].value == pytest.approx(15 * mA, abs=0.01 * mA)


def test_the_initial_leg_does_not_enter():
    """Whatever R_xy does before the first +I_max, the results are those of the two branches."""
    I_pulse, R_xy, branch = tanh_loop()
    other = np.where(branch == 0, 7.0, R_xy)
    assert switching(I_pulse, other, branch, R_AHE=0.4) == switching(I_pulse, R_xy, branch, R_AHE=0.4)


@settings(max_examples=60, deadline=None)
@given(
    I_th=st.floats(2, 20),
    height=st.floats(0.01, 10),
    R_off=st.floats(-5, 5),
    n=st.integers(20, 200),
    polarity=st.sampled_from([1, -1]),
)
def test_a_single_jump_comes_back_within_its_step(I_th, height, R_off, n, polarity):
    """Whatever the step: no threshold is off by more than half of it, and a jump has two states."""
    step = 28.0 / n
    loop = tanh_loop(I_th=I_th, height=height, R_off=R_off, w=0, step=step, polarity=polarity)
    found = switching(*loop, R_AHE=height).results
    for name, truth in (("I_th", I_th), ("I_th_up", I_th), ("I_th_down", -I_th)):
        assert abs(found[name].value / mA - truth) <= step / 2 * (1 + 1e-6)
        assert found[name].uncertainty / mA == pytest.approx(step / math.sqrt(12), rel=1e-3)
    assert found["switching_ratio"].value == pytest.approx(0.5)
    assert found["n_states"].value == 2
    assert found["polarity"].value == polarity
    assert found["dI_10_90"].limit == found["dI_5_95"].limit == "upper"


@pytest.mark.parametrize("noise", [0.2e-3, 3e-3])
@pytest.mark.parametrize("w", [0.0, 0.4, 3.0])
def test_uncertainties_cover_the_truth(noise, w):
    """In 100 random loops each result lies within two uncertainties of the truth at least 90 times.

    The noises are 0.2 mohm (20 nV at 0.1 mA) and fifteen times that, on a height of 0.7 ohm.
    """
    rng = np.random.default_rng(20220)
    truth = {"dI_10_90": 2 * w * ATANH_08 * mA, "dI_5_95": 2 * w * ATANH_09 * mA, "polarity": 1.0}
    hits = dict.fromkeys([name for name in NAMES if name != "n_states"], 0)
    for _ in range(100):
        I_th, step = rng.uniform(8, 16), rng.choice([0.2, 0.5, 0.7])
        R_AHE = 0.4 + rng.normal(scale=2e-3)
        loop = tanh_loop(I_th=I_th, w=w, step=step, noise=noise, rng=rng)
        found = switching(*loop, R_AHE=R_AHE, u_R_AHE=2e-3).results
        truth |= {"I_th": I_th * mA, "I_th_up": I_th * mA, "I_th_down": -I_th * mA, "switching_ratio": 0.875}
        for name in hits:
            result = found[name]
            is_within = abs(result.value - truth[name]) <= 2 * result.uncertainty
            hits[name] += truth[name] <= result.value if result.limit else is_within
    assert min(hits.values()) >= 90, hits


def test_uncertainty_of_the_ratio_is_not_wider_than_its_scatter():
    """The ratio scatters over 100 noisy loops as its uncertainty says, within 30 %."""
    rng = np.random.default_rng(7)
    found = [
        switching(*tanh_loop(noise=4e-3, rng=rng), R_AHE=0.4).results["switching_ratio"] for _ in range(100)
    ]
    scatter = np.std([result.value for result in found])
    assert np.mean([result.uncertainty for result in found]) == pytest.approx(scatter, rel=0.3)


@pytest.mark.parametrize(
    ("levels", "n_states"),
    [
        ([], 2),
        ([0.5], 3),
        ([0.125, 0.333, 0.611, 0.9], 6),
        ([0.01, 0.02, 0.5], 3),  # the first two are within 5 % of the saturated state
        ([0.22, 0.24, 0.7], 4),  # two readings of one bin
        (list(np.arange(1, 19) / 20 + 0.025), 20),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.5e-3])
def test_a_staircase_has_as_many_states_as_bins_with_a_plateau(levels, n_states, noise):
    """Plateaus in different bins of 5 % count, plateaus in one bin count once; ordinary noise changes nothing."""
    loop = staircase(levels, noise=noise, rng=np.random.default_rng(4))
    found = switching(*loop, R_AHE=0.4).results["n_states"]
    assert found.value == n_states
    assert found.uncertainty <= 0.5


def test_a_plateau_in_the_middle_of_the_height_makes_the_threshold_uncertain_by_its_length():
    """With half of the layer switched from 8 to 12 mA, noise decides where in between the middle is crossed."""
    rng = np.random.default_rng(6)
    loops = (staircase([0.5], noise=0.5e-3, rng=rng, plateau=4.0) for _ in range(50))
    found = [switching(*loop, R_AHE=0.4).results["I_th_up"] for loop in loops]
    assert sum(abs(I_th.value - 10 * mA) < 2 * I_th.uncertainty for I_th in found) >= 45
    assert np.mean([I_th.uncertainty for I_th in found]) < 3 * mA


def test_a_plateau_on_the_edge_of_two_bins_counts_once():
    """Noise puts readings at 25, 50 and 75 % of the height on both sides of an edge; they are still five states."""
    rng = np.random.default_rng(9)
    for _ in range(20):
        loop = staircase([0.25, 0.5, 0.75], noise=0.5e-3, rng=rng, plateau=3.0, start=4.0)
        found = switching(*loop, R_AHE=0.4).results["n_states"]
        assert found.value == 5
        assert found.uncertainty > 0.5


def test_branches_with_different_numbers_of_states_are_averaged_and_their_difference_is_the_uncertainty():
    """Two states going up, four going down: 3 +- 1."""
    I_pulse, R_xy, branch = staircase([])
    _, gradual, _ = staircase([0.3, 0.7])
    found = switching(I_pulse, np.where(branch == -1, gradual, R_xy), branch, R_AHE=0.4).results["n_states"]
    assert (found.value, found.uncertainty) == (3, pytest.approx(1))


def test_noise_that_hides_the_states_gives_no_number_and_says_so():
    """Noise of 3 % of the height cannot tell bins of 5 %; the thresholds are found all the same."""
    loop = tanh_loop(noise=0.02, rng=np.random.default_rng(2))
    found = switching(*loop, R_AHE=0.4).results
    assert math.isnan(found["n_states"].value)
    assert "does not resolve states of 5 %" in found["n_states"].note
    assert math.isfinite(found["I_th"].value)


@pytest.mark.parametrize("noise", [0.0, 0.2e-3])
def test_a_layer_that_does_not_switch_has_a_ratio_of_zero_and_no_threshold(noise):
    """As with no field in the plane: ratio 0 within its uncertainty, one state, polarity 0, currents not found."""
    I_pulse, branch = triangle(28.0, 0.5)
    R_xy = 0.45 + np.random.default_rng(3).normal(scale=noise, size=len(I_pulse))
    analysis = switching(I_pulse * mA, R_xy, branch, R_AHE=0.4)
    found = analysis.results
    assert found["switching_ratio"].value == pytest.approx(0, abs=max(3 * noise, 1e-9))
    assert abs(found["switching_ratio"].value) <= 3 * found["switching_ratio"].uncertainty + 1e-12
    assert found["switching_ratio"].note == ""
    assert (found["n_states"].value, found["polarity"].value) == (1, 0)
    for name in CURRENTS:
        assert math.isnan(found[name].value)
        assert found[name].note == "R_xy does not reverse between -28 mA and +28 mA"
        assert found[name].limit == ""
    assert list(analysis.warnings) == ["R_xy does not reverse between -28 mA and +28 mA"]


def test_the_ratio_of_what_does_not_switch_is_covered_by_its_uncertainty():
    """In 100 noisy runs without switching, the ratio is within two uncertainties of 0 at least 90 times."""
    I_pulse, branch = triangle(28.0, 0.5)
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(100):
        R_xy = rng.normal(0.45, 1e-3, len(I_pulse))
        ratio = switching(I_pulse * mA, R_xy, branch, R_AHE=0.4).results["switching_ratio"]
        hits += ratio.value <= 2 * ratio.uncertainty
    assert hits >= 90


def test_a_branch_that_does_not_saturate_is_a_warning_and_the_height_is_what_the_largest_pulse_left():
    """At I_th = I_max = 28 mA half of the layer has switched when the triangle turns: a minor loop is measured."""
    I_pulse, branch = triangle(28.0, 0.5)
    up = np.tanh((I_pulse - 28.0) / 3.0)  # 0 at +28 mA, -1 far below
    R_xy = np.where(branch == 1, up, np.where(branch == -1, -1 - np.tanh((-I_pulse - 28.0) / 3.0), up))
    analysis = switching(I_pulse * mA, 0.4 * R_xy, branch, R_AHE=0.4)
    assert analysis.results["switching_ratio"].value == pytest.approx(0.5)
    for name in ("ascending", "descending"):
        assert sum(f"the {name} branch is not flat" in text for text in analysis.warnings) == 1
    assert not any("does not close" in text for text in analysis.warnings)


def test_a_branch_that_switches_late_but_well_is_measured_as_exactly_as_an_early_one():
    """I_th = 24.8 of 28 mA lies in the tail: a warning, but levels come from what the largest pulses left."""
    analysis = switching(*tanh_loop(I_th=24.8, w=0.2), R_AHE=0.4)
    assert analysis.results["I_th"].value == pytest.approx(24.8 * mA, abs=0.25 * mA)
    assert analysis.results["switching_ratio"].value == pytest.approx(0.875)
    assert analysis.results["switching_ratio"].uncertainty < 1e-6
    assert len(analysis.warnings) == 2


def test_a_layer_that_switches_once_and_stays_does_not_close():
    """Down at -15 mA and never up again: the loop is reported as open and one threshold is missing."""
    I_pulse, branch = triangle(28.0, 0.5)
    R_xy = np.where((branch == 0) | ((branch == -1) & (I_pulse > -15.2)), 0.4, -0.4)
    analysis = switching(I_pulse * mA, R_xy, branch, R_AHE=0.4)
    assert analysis.results["I_th_down"].value == pytest.approx(-15.25 * mA)
    assert math.isnan(analysis.results["I_th"].value)
    assert "ascending branch ends at +28 mA before 50 % of the reversal" in analysis.results["I_th"].note
    assert any("does not close at +28 mA" in text for text in analysis.warnings)


@pytest.mark.parametrize("R_AHE", [0.0, math.nan])
def test_without_a_reference_only_the_ratio_is_missing(R_AHE):
    """R_AHE of 0 or NaN is no reference: the ratio is NaN with a note, everything else is there."""
    found = switching(*tanh_loop(), R_AHE=R_AHE).results
    assert math.isnan(found["switching_ratio"].value)
    assert found["switching_ratio"].note == "R_AHE is not known"
    assert all(math.isfinite(found[name].value) for name in NAMES if name != "switching_ratio")


def test_a_reference_lost_in_its_uncertainty_is_no_reference():
    """A layer that the saturating field does not reverse gives R_AHE = 0 but for noise."""
    ratio = switching(*tanh_loop(), R_AHE=1e-4, u_R_AHE=0.9e-4).results["switching_ratio"]
    assert math.isnan(ratio.value)
    assert "must be well above its uncertainty of 9e-05 ohm; it is 0.0001 ohm" in ratio.note


def test_a_reference_of_negative_sign_gives_the_same_ratio():
    """Only the height counts: polarity is about R_xy, the ratio about magnitudes."""
    one, other = (switching(*tanh_loop(), R_AHE=R_AHE).results for R_AHE in (0.4, -0.4))
    assert one == other
    assert other["switching_ratio"].value > 0


def test_uncertainties_of_reference_and_current_are_in_the_ratio():
    """0.875 with 3 % from R_AHE and 4 % from the sense current is 5 % uncertain; thresholds are not touched."""
    exact = switching(*tanh_loop(w=0), R_AHE=0.4).results
    found = switching(*tanh_loop(w=0), R_AHE=0.4, u_R_AHE=0.012, scale=0.04).results
    assert found["switching_ratio"].uncertainty == pytest.approx(0.05 * 0.875)
    assert exact["switching_ratio"].uncertainty < 1e-9
    assert found["I_th"] == exact["I_th"]


def test_a_loop_higher_than_its_reference_is_a_warning():
    """A height of 0.7 ohm over 2 x 0.3 ohm: more than all cannot switch."""
    assert not switching(*tanh_loop(), R_AHE=0.35, u_R_AHE=0.001).warnings
    (warning,) = switching(*tanh_loop(), R_AHE=0.3).warnings
    assert warning == "the branches are 116.7 % of 2 R_AHE high: R_AHE is not this sample's"


def test_a_clean_loop_has_no_warnings():
    """Ordinary noise is not a warning: fifty noisy loops raise none."""
    rng = np.random.default_rng(11)
    loops = (tanh_loop(w=1, noise=2e-3, rng=rng) for _ in range(50))
    assert all(not switching(*loop, R_AHE=0.4).warnings for loop in loops)


@pytest.mark.parametrize("end", [0, 1, 40, 56, 57, 100, 160, 169, 200, 250, 260])
def test_a_run_that_was_cut_short_is_analysed_as_far_as_it_goes(end):
    """Any beginning of a loop is data: what is not in it is NaN with a note, nothing is an exception."""
    I_pulse, R_xy, branch = (column[:end] for column in tanh_loop(w=1))
    analysis = switching(I_pulse, R_xy, branch, R_AHE=0.4)
    assert list(analysis.results) == NAMES
    assert math.isfinite(analysis.results["I_th_down"].value) == (end >= 160)
    assert math.isfinite(analysis.results["I_th"].value) == (end >= 260)
    assert math.isfinite(analysis.results["n_states"].value) == (end >= 260)
    for result in analysis.results.values():
        assert math.isfinite(result.value) or result.note


def test_several_loops_are_averaged_and_their_scatter_is_the_uncertainty():
    """Thresholds of 14, 15 and 16 mA: mean 15, scatter 1 / sqrt(3) = 0.577 mA."""
    parts = [tanh_loop(I_th=I_th, w=1, step=0.1) for I_th in (14.0, 15.0, 16.0)]
    I_pulse, R_xy, branch = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    loop = np.repeat([1, 2, 3], len(parts[0][0]))
    found = switching(I_pulse, R_xy, branch, loop, R_AHE=0.4).results
    assert found["I_th"].value == pytest.approx(15 * mA, rel=1e-3)
    assert found["I_th"].uncertainty == pytest.approx(math.hypot(0.57735, 0.1 / math.sqrt(12)) * mA, rel=1e-2)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda pulse, R, b: (pulse[:-1], R, b), r"one length; got I_pulse \(280,\), R_xy \(281,\)"),
        (
            lambda pulse, R, b: (pulse, np.where(pulse == 0, np.inf, R), b),
            "R_xy must be finite; got inf in row 0",
        ),
        (lambda pulse, R, b: (pulse, R, b * 2), "branch must be -1, 0 or [+]1; got -2"),
    ],
)
def test_arrays_that_are_not_a_loop_are_refused(change, complaint):
    """The message says what must be and what came."""
    with pytest.raises(ValueError, match=complaint):
        switching(*change(*tanh_loop()), R_AHE=0.4)
