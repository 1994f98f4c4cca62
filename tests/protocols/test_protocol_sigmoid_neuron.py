"""The sigmoid neuron: which pulses are played, where RESETs are needed, and what a run gives back."""

import math
import subprocess
import sys
from functools import partial
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols.sigmoid_neuron import Parameters, protocol
from protocols.units import Oe, mA, ms
from protocols.vocabulary import MeasurementError

matplotlib.use("Agg")

run = partial(run_protocol, protocol)
as_data = partial(columns_of, protocol)

COARSE = {"I_first": -5 * mA, "I_last": 20 * mA, "I_step": 5 * mA, "I_reset": 20 * mA, "n_cycles": 1}


def sigmoid_layer(X_0=16.0, K=2.5, n=400):
    """A layer whose thresholds (mA) are spread like the slope of a sigmoid; RESET needs a negative current."""
    shares = (np.arange(n) + 0.5) / n
    thresholds = np.clip(X_0 + K * np.log(shares / (1 - shares)), 0.2, None)
    return ScriptedLab(thresholds=tuple(thresholds * mA), polarity=-1)


def amplitudes(lab):
    """Amplitudes of the pulses (mA) in the order in which they were played."""
    return [round(samples[0] / mA, 6) for _, samples, *_ in lab.of("play")]


@st.composite
def neuron_parameters(draw):
    """Any request of up to a few hundred rows."""
    I_reset = draw(st.floats(1 * mA, 50 * mA))
    I_first = draw(st.one_of(st.just(0.0), st.floats(-I_reset, 0.5 * mA)))
    I_last = draw(st.floats(0.6 * mA, 50 * mA))
    return Parameters(
        mu0_H_x=draw(st.floats(-0.2, 0.2)),
        I_first=I_first,
        I_last=I_last,
        I_step=(I_last - I_first) / draw(st.one_of(st.integers(1, 40), st.floats(1, 40))),
        I_reset=I_reset,
        n_cycles=draw(st.integers(1, 3)),
        order=draw(st.sampled_from(["ascending", "random"])),
        order_seed=draw(st.integers(0, 2**63)),
        reset=draw(st.sampled_from(["when-needed", "never"])),
        compliance=draw(st.floats(0.1, 50)),
        compliance_pulse=draw(st.floats(16, 105)),
    )


# --- pulses ------------------------------------------------------------------------------------------


def test_ascending_currents_need_no_RESET_but_the_one_at_the_start():
    """I_last for R_hi, RESET for R_lo, then one SET for each current; 0 is no pulse but a row."""
    lab = ScriptedLab()
    rows, _ = run(lab, **COARSE)
    assert amplitudes(lab) == [20, -20, -5, 5, 10, 15, 20]
    assert [round(row["I_set"] / mA, 6) for row in rows] == [-5, 0, 5, 10, 15, 20]
    assert {row["n_resets"] for row in rows} == {1}


def test_every_cycle_begins_with_its_own_ends():
    """The pulses of a cycle are played again in the next, R_hi and R_lo included."""
    lab = ScriptedLab()
    rows, _ = run(lab, **{**COARSE, "n_cycles": 2})
    assert amplitudes(lab) == [20, -20, -5, 5, 10, 15, 20] * 2
    assert [row["cycle"] for row in rows] == [1] * 6 + [2] * 6


@pytest.mark.parametrize("seed", range(5))
def test_a_RESET_is_played_exactly_where_the_current_is_lower_than_the_one_before(seed):
    """The order is read from the rows; the pulses must be those that the rule makes of it."""
    lab = ScriptedLab()
    rows, _ = run(lab, **{**COARSE, "n_cycles": 3}, order="random", order_seed=seed)
    expected = []
    for cycle in (1, 2, 3):
        currents = [round(row["I_set"] / mA, 6) for row in rows if row["cycle"] == cycle]
        assert sorted(currents) == [-5, 0, 5, 10, 15, 20]
        expected += [20, -20]
        for k, current in enumerate(currents):
            if k > 0 and current < currents[k - 1]:
                expected.append(-20)
            if current != 0:
                expected.append(current)
    assert amplitudes(lab) == expected
    assert rows[-1]["pulse"] == len(expected)
    assert rows[-1]["n_resets"] == expected.count(-20)


def test_shuffles_come_from_the_seed_and_differ_between_cycles():
    """The same seed gives the same order, another seed another; no cycle repeats the first."""

    def orders(seed):
        rows, _ = run(ScriptedLab(), I_step=1 * mA, order="random", order_seed=seed)
        return [tuple(row["I_set"] for row in rows if row["cycle"] == cycle) for cycle in (1, 2, 3)]

    assert orders(7) == orders(7)
    assert len({*orders(7), *orders(8)}) == 6


def test_never_leaves_out_all_RESETs_but_that_of_R_lo():
    """A random order without RESETs plays I_last, one RESET and the currents."""
    lab = ScriptedLab()
    rows, _ = run(lab, **COARSE, order="random", reset="never")
    assert amplitudes(lab)[:2] == [20, -20]
    assert amplitudes(lab)[2:] == [round(row["I_set"] / mA, 6) for row in rows if row["I_set"]]


def test_a_reading_comes_after_the_end_of_the_pulse_and_the_wait():
    """RESET, wait, SET, wait, read the field, then one voltage at +I_sense and one at -I_sense."""
    lab = ScriptedLab()
    rows, _ = run(lab, **COARSE, settle=0.25, t_pulse=1 * ms, order="random")
    lower = next(after["I_set"] for before, after in pairwise(rows) if 0 != after["I_set"] < before["I_set"])
    calls = [call for call in lab.calls if call[0] != "note"]
    start = calls.index(("play", [lower, 0.0], 1 * ms, 15.0, 300.0))
    assert calls[start - 2 : start + 8] == [
        ("play", [-20 * mA, 0.0], 1 * ms, 15.0, 300.0),
        ("wait", 0.25),
        ("play", [lower, 0.0], 1 * ms, 15.0, 300.0),
        ("wait", 0.25),
        ("read x",),
        ("set_current", 0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
        ("set_current", -0.1 * mA),
        ("wait", 2 * ms),
    ]


def test_the_field_stands_still_from_the_first_pulse_to_the_last_row():
    """mu0_H_x is ramped once, before any pulse."""
    lab = ScriptedLab()
    run(lab, **COARSE)
    assert lab.of("ramp x", "ramp z") == [("ramp x", -500 * Oe)]
    assert lab.calls.index(("ramp x", -500 * Oe)) < lab.calls.index(lab.of("play")[0])


def test_the_default_run_has_108_rows_and_111_pulses():
    """36 currents of which one is 0, with two pulses for the ends, three times."""
    assert protocol.n_rows(Parameters()) == 108
    assert protocol.envelope(Parameters()).pulses == 3 * (35 + 2)


@given(p=neuron_parameters())
@settings(max_examples=60, deadline=None)
def test_rows_pulses_and_the_largest_magnitudes_are_known_in_advance(p):
    """n_rows and envelope are exact, and every row holds every column and nothing else."""
    lab = ScriptedLab()
    rows = list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    assert len(rows) == protocol.n_rows(p)
    names = {column.name for column in protocol.columns}
    assert all(set(row) == names for row in rows)
    pulses = lab.of("play")
    assert len(pulses) == envelope.pulses == rows[-1]["pulse"]
    assert envelope.current == max(abs(samples[0]) for _, samples, *_ in pulses)
    assert max(abs(value) for _, value in lab.of("set_current")) == p.I_sense < envelope.current
    voltages = [call[3] for call in pulses] + [call[2] for call in lab.of("prepare source")]
    assert max(voltages) == envelope.compliance
    assert envelope.mu0_H == {"magnet_x": abs(lab.of("ramp x")[0][1])}
    assert set(protocol.roles) == {"source", "voltmeter", *envelope.mu0_H}


# --- what comes out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["ascending", "random"])
def test_the_sigmoid_of_the_layer_comes_back_in_any_order_of_the_currents(order):
    """X_0 = 16 mA and K = 2.5 mA, the same in every cycle: with its RESETs the state knows no past."""
    rows, p = run(sigmoid_layer(), order=order)
    found = protocol.analyse(as_data(rows), p).results
    assert set(found) == {"X_0", "K", "cycle_noise", "r_squared", "residual_max"}
    assert found["X_0"].value == pytest.approx(16 * mA, abs=0.05 * mA)
    assert found["K"].value == pytest.approx(2.5 * mA, abs=0.05 * mA)
    assert found["cycle_noise"].value == pytest.approx(0, abs=1e-9)
    assert found["r_squared"].value > 0.9999


def test_without_its_RESET_a_lower_current_leaves_the_state_of_the_higher_one():
    """24, then 16 mA: about 0.96 without RESET, one half with it."""

    def Y_at_16_mA(reset):
        for seed in range(20):  # an order in which 16 mA comes right after 24 mA
            p = {"I_first": 8 * mA, "I_last": 32 * mA, "I_step": 8 * mA, "I_reset": 32 * mA, "n_cycles": 1}
            rows, _ = run(sigmoid_layer(), **p, order="random", order_seed=seed, reset=reset)
            order = [round(row["I_set"] / mA) for row in rows]
            k = order.index(16)
            if order[:k][-1:] == [24] and 32 not in order[:k]:
                return (rows[k]["R_xy"] - rows[k]["R_lo"]) / (rows[k]["R_hi"] - rows[k]["R_lo"])
        raise AssertionError("no seed gives the order")

    assert Y_at_16_mA("never") == pytest.approx(1 / (1 + math.exp(-8 / 2.5)), abs=0.01)
    assert Y_at_16_mA("when-needed") == pytest.approx(0.5, abs=0.01)


def test_the_ends_are_those_of_the_layer_whatever_the_field_makes_of_up_and_down():
    """R_hi after I_last, R_lo after RESET: with the field reversed R_lo is the larger, and Y the same."""
    found = []
    for mu0_H_x in (-500 * Oe, 500 * Oe):
        rows, p = run(sigmoid_layer(), mu0_H_x=mu0_H_x)
        found.append((rows[0], protocol.analyse(as_data(rows), p).results))
    (row, results), (other_row, other_results) = found
    assert row["R_hi"] - row["R_lo"] == pytest.approx(-(other_row["R_hi"] - other_row["R_lo"]))
    assert row["R_hi"] > row["R_lo"]
    assert results["X_0"].value == pytest.approx(other_results["X_0"].value)


def test_the_scatter_of_the_readings_is_the_uncertainty_of_the_span():
    """Two means of five readings of standard deviation 1 mohm each: 1 mohm * sqrt(2/5), on average."""
    rng = np.random.default_rng(8)

    class NoisyLab(ScriptedLab):
        @property
        def m(self):
            return super().m + rng.normal(scale=1e-3 * 2**0.5 / 0.4)  # two voltages make one reading

    squares = [next(protocol.measure(NoisyLab(), Parameters(**COARSE)))["u_span"] ** 2 for _ in range(200)]
    assert np.mean(squares) ** 0.5 == pytest.approx(1e-3 * 0.4**0.5, rel=0.1)


def test_without_a_field_nothing_switches_and_there_is_no_Y():
    """H_x = 0 is a request like any other; the analysis says why there is no number."""
    rows, p = run(sigmoid_layer(), mu0_H_x=0.0)
    analysis = protocol.analyse(as_data(rows), p)
    assert math.isnan(analysis.results["X_0"].value)
    assert analysis.warnings[0].startswith("R_xy does not switch")


def test_open_current_leads_end_the_run_before_its_first_row():
    """A source in compliance at R_hi raises, and no current of the cycle is set."""
    lab = ScriptedLab(compliant_rows=0)
    with pytest.raises(MeasurementError, match="got the compliance limit"):
        next(protocol.measure(lab, Parameters(**COARSE)))
    assert amplitudes(lab) == [20]


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"I_first": 30 * mA}, r"I_first must be below I_last \(30 mA\); got 30 mA"),
        ({"I_first": -31 * mA}, r"I_first must be at least -I_reset \(-30 mA\), .*; got -31 mA"),
        ({"I_step": 36 * mA}, r"I_step must be at most I_last - I_first \(35 mA\); got 36 mA"),
        ({"I_step": 0.0}, "I_step"),
        ({"I_step": 1e-300}, "I_step must leave at most 1000000 rows in 3 cycle"),
        ({"I_step": 0.01 * mA, "n_cycles": 1000}, "I_step must leave at most 1000000 rows in 1000 cycle"),
        ({"I_last": 60 * mA}, r"compliance_pulse must be at least I_last \* R_load"),
        ({"I_reset": 60 * mA}, r"compliance_pulse must be at least I_reset \* R_load"),
        ({"I_last": 0.05 * mA}, r"I_last must be above I_sense \(0.1 mA\); got 0.05 mA"),
        ({"n_cycles": 0}, "n_cycles"),
        ({"order": "descending"}, "order"),
        ({"order_seed": -1}, "order_seed"),
        ({"reset": "always"}, "reset"),
        ({"R_AHE_reference": 0.4}, "R_AHE_reference"),
    ],
)
def test_parameters_that_make_no_cycle_are_refused_with_one_message(bad, complaint):
    """One wrong value, one complaint, and it names the parameter."""
    with pytest.raises(ValidationError, match=complaint) as refused:
        Parameters(**bad)
    assert refused.value.error_count() == 1


def test_the_defaults_are_those_of_the_source():
    """-5 to 30 mA, RESET at -30 mA, -500 Oe, 10 ms, read at 0.1 mA; every parameter has a meaning."""
    p = Parameters()
    assert (p.I_first, p.I_last, p.I_reset, p.I_step) == (-5 * mA, 30 * mA, 30 * mA, 1 * mA)
    assert (p.mu0_H_x, p.t_pulse, p.I_sense) == (-500 * Oe, 10 * ms, 0.1 * mA)
    assert all(info.description for info in Parameters.model_fields.values())


def test_the_description_reads_as_a_methods_section():
    """The caption is one line; the description says Method, Reports and Source."""
    assert "\n" not in protocol.caption
    for heading in ("Method ", "Reports ", "Source "):
        assert f"\n{heading}" in "\n" + protocol.description


def test_listing_the_protocol_does_not_load_numpy():
    """`labctl protocols` starts fast because importing a protocol imports no array library."""
    code = "import sys, protocols.sigmoid_neuron; sys.exit('numpy' in sys.modules)"
    path = ":".join(entry for entry in sys.path if entry)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path})


# --- the figure --------------------------------------------------------------------------------------


def test_the_figure_shows_readings_means_and_the_fit_in_one_colour():
    """Y against milliampere: 108 pale readings, 36 means with the label, one line."""
    rows, p = run(sigmoid_layer())
    axes = Figure().subplots()
    protocol.draw(axes, as_data(rows), protocol.analyse(as_data(rows), p), label="t = 2 nm", color="C2")
    readings, means, fit = axes.lines[2:]
    assert len(readings.get_xdata()) == 108
    assert means.get_xdata()[[0, -1]] == pytest.approx([-5, 30])
    assert means.get_ydata()[[0, -1]] == pytest.approx([0, 1], abs=0.01)
    assert np.interp(16, fit.get_xdata(), fit.get_ydata()) == pytest.approx(0.5, abs=0.02)
    assert {line.get_color() for line in (readings, means, fit)} == {"C2"}
    assert axes.get_legend_handles_labels()[1] == ["t = 2 nm"]
    assert "mA" in axes.get_xlabel()
    (beside,) = axes.texts
    X_0, K = (float(line.split()[2]) for line in beside.get_text().splitlines())
    assert pytest.approx((16, 2.5), abs=0.05) == (X_0, K)


def test_over_the_sigmoid_a_run_without_RESETs_scatters_with_no_line_no_mean_and_no_numbers():
    """Two runs on one Axes: the second adds its 108 readings as crosses, under its own label, and nothing else."""
    axes = Figure().subplots()
    for reset, color in (("when-needed", "C0"), ("never", "C1")):
        rows, p = run(sigmoid_layer(), order="random", reset=reset)
        data = as_data(rows)
        protocol.draw(axes, data, protocol.analyse(data, p), label=reset, color=color)
    (crosses,) = [line for line in axes.lines if line.get_color() == "C1"]
    assert (crosses.get_marker(), len(crosses.get_xdata())) == ("x", 108)
    assert axes.get_legend_handles_labels()[1] == ["when-needed", "never"]
    assert [text.get_color() for text in axes.texts] == ["C0"]


@pytest.mark.parametrize("end", [0, 1, 40])
@pytest.mark.parametrize("mu0_H_x", [-500 * Oe, 0.0])
def test_a_run_that_was_stopped_or_did_not_switch_can_still_be_drawn(end, mu0_H_x):
    """What is not there is not drawn."""
    rows, p = run(sigmoid_layer(), mu0_H_x=mu0_H_x)
    data = as_data(rows[:end])
    figure = Figure()
    protocol.draw(figure.subplots(), data, protocol.analyse(data, p))
    figure.canvas.draw()
