"""Switching by current pulses: what a run gives back, which requests are refused, and the figure."""

import subprocess
import sys
from functools import partial

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols.sot_switching import Parameters, protocol
from protocols.units import Oe, mA, ms, us

matplotlib.use("Agg")

run = partial(run_protocol, protocol)
as_data = partial(columns_of, protocol)

COARSE = {"I_max": 20 * mA, "I_step": 5 * mA}
FIVE_PATCHES = (3.8 * mA, 7.8 * mA, 11.8 * mA, 15.8 * mA, 19.8 * mA)


def analysed(lab, **parameters):
    rows, p = run(lab, **parameters)
    return protocol.analyse(as_data(rows), p)


# --- what comes out ----------------------------------------------------------------------------------


def test_the_run_gives_back_the_thresholds_that_the_layer_has():
    """Patches at 3.8, 7.8 ... 19.8 mA: six states, threshold of the third, 10-90 % from the first to the last.

    Each is seen between 0.3 mA below and 0.2 mA above, e.g. the first between 3.5 and 4 mA, where m goes from -1 to
    -0.6: 10 % is half of that step, 5 % a quarter.
    """
    found = analysed(ScriptedLab(thresholds=FIVE_PATCHES, emf=1e-4), I_max=25 * mA, I_step=0.5 * mA).results
    assert found["I_th_up"].value == pytest.approx(11.75 * mA)
    assert found["I_th_down"].value == pytest.approx(-11.75 * mA)
    assert found["switching_ratio"].value == pytest.approx(1)
    assert found["n_states"].value == 6
    assert found["dI_10_90"].value == pytest.approx(16 * mA)
    assert found["dI_5_95"].value == pytest.approx(16.25 * mA)


def test_one_threshold_comes_back_within_its_step_with_the_reference_measured():
    """Half of the layer (one patch of two) switches at 12.2 mA: I_th in 12 ... 12.5 mA and a ratio of 1/2."""
    found = analysed(ScriptedLab(thresholds=(12.2 * mA, 1.0)), I_max=20 * mA).results
    assert found["I_th"].value == pytest.approx(12.25 * mA)
    assert found["switching_ratio"].value == pytest.approx(0.5)


@pytest.mark.parametrize(("polarity", "mu0_H_x"), [(1, 800), (1, -800), (-1, 800), (-1, -800)])
def test_the_polarity_flips_with_the_field_and_with_the_sample(polarity, mu0_H_x):
    """Positive current leaves the larger R_xy where the sample's sign times that of the field is positive."""
    lab = ScriptedLab(thresholds=FIVE_PATCHES, polarity=polarity)
    found = analysed(lab, **COARSE, mu0_H_x=mu0_H_x * Oe).results
    assert found["polarity"].value == polarity * np.sign(mu0_H_x)
    assert found["switching_ratio"].value == pytest.approx(1)


@pytest.mark.parametrize("preparation", ["saturate+", "saturate-", "reset"])
def test_without_a_field_in_the_plane_nothing_switches(preparation):
    """H_x = 0 is a request like any other: ratio 0, polarity 0, no threshold, and a warning."""
    lab = ScriptedLab(thresholds=FIVE_PATCHES)
    analysis = analysed(lab, I_max=20 * mA, I_step=1 * mA, mu0_H_x=0.0, preparation=preparation)
    assert analysis.results["switching_ratio"].value == pytest.approx(0, abs=1e-9)
    assert analysis.results["polarity"].value == 0
    assert np.isnan(analysis.results["I_th"].value)
    assert list(analysis.warnings) == ["R_xy does not reverse between -20 mA and +20 mA"]


def test_the_initial_leg_starts_from_the_prepared_state_and_the_branches_do_not_depend_on_it():
    """From up and from down the first rows differ; thresholds and ratio are the same."""
    up, down = (
        run(ScriptedLab(thresholds=FIVE_PATCHES), **COARSE, preparation=preparation)
        for preparation in ("saturate+", "saturate-")
    )
    assert up[0][0]["R_xy"] != down[0][0]["R_xy"]
    results = [protocol.analyse(as_data(rows), p).results for rows, p in (up, down)]
    assert results[0]["I_th"].value == pytest.approx(results[1]["I_th"].value)


def test_the_accuracy_of_the_current_is_in_the_ratio_where_the_reference_comes_from_elsewhere():
    """The source is good to 0.1 %: a reference measured with the same current cancels it, a given one does not."""
    for reference, expected in ((0.0, 0.0), (0.4, 1e-3)):
        found = analysed(ScriptedLab(thresholds=FIVE_PATCHES), **COARSE, R_AHE_reference=reference).results
        assert found["switching_ratio"].uncertainty == pytest.approx(expected, rel=1e-6, abs=1e-9)


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"mu0_H_x": 2.1}, "mu0_H_x"),
        ({"mu0_H_x": -2.1}, "mu0_H_x"),
        ({"I_max": 0.0}, "I_max"),
        ({"I_max": -28 * mA}, "I_max"),
        ({"I_max": float("nan")}, "I_max"),
        ({"I_max": 1.1}, "I_max"),
        ({"I_step": 0.0}, "I_step"),
        ({"I_step": 29 * mA}, r"I_step must be at most I_max \(28 mA\); got 29 mA"),
        ({"I_step": 1e-300}, "I_step must leave at most 1000000 rows"),
        ({"I_step": 0.001 * mA, "n_loops": 10}, "I_step must leave at most 1000000 rows in 10"),
        (
            {"I_max": 0.1 * mA, "I_step": 0.1 * mA},
            r"I_max must be above I_sense \(0.1 mA\); got 0.1 mA",
        ),
        (
            {"R_load": 600.0},
            r"compliance_pulse must be at least I_max \* R_load \(16.8 V for 28 mA through 600 ohm\); got 15 V",
        ),
        ({"compliance_pulse": 8.0}, "compliance_pulse must be at least .* got 8 V"),
        ({"preparation": "as-is"}, "R_AHE_reference must be given where preparation is as-is"),
        ({"preparation": "saturate"}, "preparation"),
        ({"t_pulse": 99 * us}, "t_pulse"),
        ({"t_pulse": 1.1}, "t_pulse"),
        ({"I_sense": 0.0}, "I_sense"),
        ({"I_sense": 1.01 * mA}, "I_sense"),
        ({"settle": -1.0}, "settle"),
        ({"nplc": 0.0}, "nplc"),
        ({"compliance": 0.0}, "compliance"),
        ({"compliance_pulse": 200.0}, "compliance_pulse"),
        ({"R_load": 0.0}, "R_load"),
        ({"V_max": 0.0}, "V_max"),
        ({"mu0_H_sat": 0.0}, "mu0_H_sat"),
        ({"R_AHE_reference": float("inf")}, "R_AHE_reference"),
        ({"n_loops": 0}, "n_loops"),
        ({"H_x": 800 * Oe}, "H_x"),
    ],
)
def test_parameters_that_make_no_loop_are_refused_with_one_message(bad, complaint):
    """One wrong value, one complaint, and it names the parameter."""
    with pytest.raises(ValidationError, match=complaint) as refused:
        Parameters(**bad)
    assert refused.value.error_count() == 1


def test_the_limits_themselves_are_accepted():
    """Limits are inclusive: one step to I_max, a compliance that just suffices, no field, both ends of t_pulse."""
    Parameters(I_max=10 * mA, I_step=10 * mA, R_load=1000.0, compliance_pulse=10.0)
    Parameters(mu0_H_x=0.0, t_pulse=100 * us, settle=0.0)
    Parameters(mu0_H_x=-2.0, t_pulse=1.0, preparation="as-is", R_AHE_reference=-0.4)


def test_every_parameter_says_its_unit_and_meaning():
    """What `describe` prints is there for all of them, and the defaults are those of the source."""
    for name, info in Parameters.model_fields.items():
        assert info.description, name
        assert {"unit", "display"} <= set(info.json_schema_extra), name
    p = Parameters()
    assert (p.mu0_H_x, p.I_max, p.t_pulse, p.I_sense) == (800 * Oe, 28 * mA, 10 * ms, 0.1 * mA)


def test_the_description_reads_as_a_methods_section():
    """The caption is one line; the description says Method, Reports and Source."""
    assert "\n" not in protocol.caption
    assert protocol.description.startswith("Method ")
    for heading in ("Method ", "Reports ", "Source "):
        assert f"\n{heading}" in "\n" + protocol.description


def test_listing_the_protocol_does_not_load_numpy():
    """`labctl protocols` starts fast because importing a protocol imports no array library."""
    code = "import sys, protocols.sot_switching; sys.exit('numpy' in sys.modules)"
    path = ":".join(entry for entry in sys.path if entry)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path})


# --- the figure --------------------------------------------------------------------------------------


def test_the_figure_shows_both_branches_against_the_pulse_in_milliampere():
    """R_xy in ohm against I_pulse in mA, a pale initial leg, arrowheads at the thresholds the way R_xy goes."""
    rows, p = run(ScriptedLab(thresholds=(12.2 * mA,)), I_max=20 * mA, I_step=0.5 * mA)
    axes = Figure().subplots()
    protocol.draw(axes, as_data(rows), protocol.analyse(as_data(rows), p))
    assert "mA" in axes.get_xlabel()
    assert "Ω" in axes.get_ylabel()
    loop, initial, down, up = axes.lines[2:]
    assert loop.get_xdata()[[0, 80, -1]] == pytest.approx([20, -20, 20])
    assert (len(loop.get_xdata()), len(initial.get_xdata())) == (161, 40)
    assert initial.get_alpha() < 0.5
    assert (down.get_marker(), up.get_marker()) == ("v", "^")
    assert down.get_xdata() == pytest.approx([-12.25])
    assert up.get_xdata() == pytest.approx([12.25])
    assert up.get_ydata() == pytest.approx([0.05])


def test_arrowheads_turn_with_the_polarity():
    """With the field reversed, R_xy falls on the ascending branch."""
    rows, p = run(ScriptedLab(thresholds=FIVE_PATCHES), **COARSE, mu0_H_x=-800 * Oe)
    axes = Figure().subplots()
    protocol.draw(axes, as_data(rows), protocol.analyse(as_data(rows), p))
    assert [line.get_marker() for line in axes.lines[-2:]] == ["^", "v"]


def test_several_runs_share_one_figure():
    """Each run has its own colour and one legend entry; the zero lines are drawn once."""
    axes = Figure().subplots()
    for threshold, color in ((7.0, "C0"), (13.0, "C3")):
        rows, p = run(ScriptedLab(thresholds=(threshold * mA,)), **COARSE)
        data = as_data(rows)
        protocol.draw(axes, data, protocol.analyse(data, p), label=f"{threshold} mA", color=color)
    assert axes.get_legend_handles_labels()[1] == ["7.0 mA", "13.0 mA"]
    assert [line.get_color() for line in axes.lines].count("0.8") == 2
    assert {line.get_color() for line in axes.lines} == {"0.8", "C0", "C3"}


@pytest.mark.parametrize("end", [1, 3, 9, 21])
def test_a_run_that_never_switched_or_was_stopped_can_still_be_drawn(end):
    """A threshold that was not found leaves no mark and breaks nothing."""
    rows, p = run(ScriptedLab(), **COARSE)
    figure = Figure()
    data = as_data(rows[:end])
    protocol.draw(figure.subplots(), data, protocol.analyse(data, p))
    figure.canvas.draw()
