"""Spike-timing-dependent plasticity: spikes and pairs, what is asked of the instruments, what is recorded."""

import math
from functools import partial

import matplotlib.figure
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols.sensing import REFERENCE_READINGS
from protocols.spikes import SHAPES
from protocols.stdp import Parameters, protocol
from protocols.units import Oe, mA, ms
from protocols.vocabulary import MeasurementError, Trace

run = partial(run_protocol, protocol)

#: Heads of two slots, tails of four, delays of -2, 0 and +2 slots of 0.1 ms, and a train of two pulses.
TINY = {
    "t_head": 0.2 * ms, "t_tail": 0.4 * ms, "dt_max": 0.2 * ms, "dt_step": 0.2 * ms,
    "I_start": 20 * mA, "I_step": 10 * mA, "n_repeats": 1,
}  # fmt: skip

#: A tail of four slots that falls linearly, in the middle of each.
TAIL = (0.875, 0.625, 0.375, 0.125)


@st.composite
def any_parameters(draw):
    """Any request of some tens of pairs, with any two named spikes or one from a file."""
    slots = st.integers(1, 12)
    step = draw(slots)
    return Parameters(
        spike=draw(st.sampled_from(SHAPES)),
        spike_post=draw(st.sampled_from(["same", *SHAPES, (0.5, -1.0, 0.25)])),
        I_spike=draw(st.floats(1 * mA, 40 * mA)),
        t_head=draw(slots) * 0.1 * ms,
        t_tail=(12 + draw(slots)) * 0.1 * ms,
        tail_ratio=draw(st.floats(0, 1)),
        tau_spike=draw(st.floats(0.1 * ms, 10 * ms)),
        dt_step=step * 0.1 * ms,
        dt_max=step * draw(st.integers(1, 12 // step)) * 0.1 * ms,
        n_repeats=draw(st.integers(1, 3)),
        I_start=draw(st.floats(1 * mA, 50 * mA)),
        I_step=1 * mA,
        mu0_H_x=draw(st.floats(-0.2, 0.2)),
        mu0_H_z=draw(st.one_of(st.just(0.0), st.floats(-0.01, 0.01))),
        compliance=draw(st.floats(0.1, 50)),
        compliance_pulse=draw(st.floats(31, 105)),
    )


# --- order of things ---------------------------------------------------------------------------------


def test_only_heads_on_tails_are_above_a_single_spike_and_negative_where_pre_comes_first():
    """8 mA, spike 1, 6 ms: at most 8 mA but for the 2 ms of the second head, -8 (1 + g(4 ms and on)) mA."""
    current = np.array(Parameters().waveform(60)) / mA
    above = np.flatnonzero(np.abs(current) > 8 * (1 + 1e-12))
    assert list(above) == list(range(60, 80))
    g = 1 - (4 + 0.05 + 0.1 * np.arange(20)) / 16
    assert current[above] == pytest.approx(-8 * (1 + g))


def test_every_waveform_comes_after_a_train_and_between_two_readings():
    """Train, wait, read; spike or pair, wait, read: pre alone, post alone, then -0.2, 0 (no pair) and 0.2 ms.

    Before all of it one pulse makes a state in which the source's zero is measured, by readings on both ranges.
    """
    lab = ScriptedLab()
    run(lab, **TINY, t_pulse=5 * ms, settle=0.25, compliance_pulse=12.0, R_load=100.0)
    a, b, c, d = (8 * g for g in TAIL)
    alone = [8, 8, -a, -b, -c, -d, 0]
    first = [-8, -8, a + 8, b + 8, c - a, d - b, -c, -d, 0]
    train = ("train", [20, 0, -10, 0], 5 * ms)
    read, pause = ["read", "read"], ("wait", 0.25)

    def around(*what):
        return [train, pause, *read, *what, pause, *read]

    expected = [
        *around(("pair", alone, 0.1 * ms)),
        *around(("pair", [-current for current in alone], 0.1 * ms)),
        *around(("pair", first, 0.1 * ms)),
        *around(("wait", 0.7 * ms)),
        *around(("pair", [-current for current in first], 0.1 * ms)),
    ]
    seen = []
    for call in lab.of("play", "wait", "read_voltage"):
        if call[0] == "play":
            _, samples, slot, compliance, R_load = call
            assert (compliance, R_load) == (12.0, 100.0)
            samples = pytest.approx([current / mA for current in samples])
            seen.append(("pair" if slot == 0.1 * ms else "train", samples, slot))
        elif call[0] == "read_voltage":
            seen.append("read")
        elif call[1] != 2 * ms:  # the delay of a current reversal
            seen.append(("wait", pytest.approx(call[1])))
    zero = [("train", [20, 0], 5 * ms), pause, *["read"] * (2 * REFERENCE_READINGS + REFERENCE_READINGS)]
    assert seen == [*zero, *expected]


def test_trains_are_played_less_the_zero_of_the_source():
    """A source that drives +20 uA at 0 A gets trains of 19.98 and -10.02 mA, and the pairs as they are."""
    lab = ScriptedLab(zero=20e-6)
    run(lab, **TINY)
    trains = [call[1] for call in lab.of("play") if call[2] == 10 * ms][1:]
    assert len(trains) == 5
    assert trains[0] == pytest.approx([19.98 * mA, 0, -10.02 * mA, 0], rel=1e-6)


@pytest.mark.parametrize(("preparation", "sign"), [("saturate+", 1), ("saturate-", -1)])
def test_a_layer_may_be_saturated_before_every_waveform_instead(preparation, sign):
    """No train is played, magnet_z saturates before each of the five waveforms and is switched off again."""
    lab = ScriptedLab()
    rows, _ = run(lab, **TINY, preparation=preparation, mu0_H_sat=400 * Oe)
    assert all(call[2] == 0.1 * ms for call in lab.of("play"))
    assert [call[1] for call in lab.of("ramp z")] == [sign * 400 * Oe] * 5
    assert len(lab.of("park magnet_z")) == 6
    assert [row["R_before"] for row in rows] == pytest.approx([0.05 + sign * 0.4] * 3)


def test_a_layer_may_be_taken_as_the_waveform_before_has_left_it():
    """As is: nothing but the spikes is played, and each change begins where the one before ended."""
    lab = ScriptedLab(thresholds=(11 * mA, math.inf), polarity=-1)
    rows, _ = run(lab, **TINY, preparation="as-is")
    assert all(call[2] == 0.1 * ms for call in lab.of("play"))
    assert [row["R_before"] for row in rows[1:]] == [row["R_after"] for row in rows[:-1]]


def test_spikes_that_differ_are_played_at_no_delay_too():
    """Head and tail against a head alone leave the tail; the file's samples are in units of I_spike."""
    lab = ScriptedLab()
    run(lab, **TINY, spike_post=(1.0, 1.0))
    played = [call[1] for call in lab.of("play") if call[2] == 0.1 * ms]
    assert len(played) == 5
    assert played[3] == pytest.approx([0, 0, *(-8 * mA * g for g in TAIL), 0])


def test_the_fields_are_set_once_before_the_first_train():
    """magnet_z is switched off and mu0_H_x applied; neither is touched again."""
    lab = ScriptedLab()
    run(lab, **TINY)
    moved = [call for call in lab.calls if call[0].startswith(("ramp", "park"))]
    assert moved == [("park magnet_z",), ("ramp x", -500 * Oe)]
    assert lab.calls.index(moved[-1]) < lab.calls.index(lab.of("play")[0])


def test_delays_go_from_minus_to_plus_dt_max_and_over_again():
    """-12 to 12 ms in steps of 2 ms, 13 delays, three times."""
    p = Parameters()
    assert [delay / 10 for delay in p.delays] == [-12, -10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10, 12]
    assert protocol.n_rows(p) == 39
    rows, _ = run(ScriptedLab(), **{**TINY, "n_repeats": 2})
    order = [(round(row["dt_spike"] / ms, 9), row["repeat"]) for row in rows]
    assert order == [(-0.2, 1), (0, 1), (0.2, 1), (-0.2, 2), (0, 2), (0.2, 2)]


def test_the_change_is_what_the_pair_did_to_the_layer():
    """Half of the layer obeys 11 mA: the train (20 -16 12 -8 4 mA) leaves it up, and so does a pair of +15 mA.

    A pair of -15 mA, pre first, turns it down, by 2 x 0.2 ohm.
    """
    lab = ScriptedLab(thresholds=(11 * mA, math.inf), polarity=-1)
    rows, _ = run(lab, **{**TINY, "I_start": 20 * mA, "I_step": 4 * mA})
    assert [row["R_before"] for row in rows] == pytest.approx([0.05] * 3)
    assert [row["dR_xy"] for row in rows] == pytest.approx([0.0, 0.0, -0.4], abs=1e-9)
    for row in rows:
        assert row["R_after"] - row["R_before"] == row["dR_xy"]
        for when in ("before", "after"):
            R = (row[f"V_plus_{when}"] - row[f"V_minus_{when}"]) / (0.2 * mA)
            assert row[f"R_{when}"] == pytest.approx(R)


def test_a_source_in_compliance_ends_the_run():
    """Contacts that open during the second pair, after two spikes alone, leave one row."""
    measuring = protocol.measure(ScriptedLab(compliant_rows=14), Parameters(**TINY))
    next(measuring)
    with pytest.raises(MeasurementError, match="got the compliance limit"):
        next(measuring)


@given(p=any_parameters())
@settings(max_examples=50, deadline=None)
def test_rows_and_envelope_are_exact(p):
    """As many rows as announced, with every column; nothing beyond the envelope is asked for, and all of it is."""
    lab = ScriptedLab()
    rows = list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    assert len(rows) == protocol.n_rows(p)
    assert all(set(row) == {column.name for column in protocol.columns} for row in rows)
    played = lab.of("play")
    assert max(abs(current) for call in played for current in call[1]) == envelope.current
    assert all(call[1][-1] == 0 and any(call[1]) for call in played)
    assert len(played) == envelope.pulses
    voltages = [call[3] for call in played] + [call[2] for call in lab.of("prepare source")]
    assert max(voltages) == envelope.compliance
    for axis in "xz":
        reached = max((abs(value) for _, value in lab.of(f"ramp {axis}")), default=0.0)
        assert reached == envelope.mu0_H[f"magnet_{axis}"]
    assert set(protocol.roles) == {"source", "voltmeter", *envelope.mu0_H}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"t_head": 0.25 * ms}, r"t_head must be a multiple of the slot \(0\.1 ms\); got 0\.25 ms"),
        ({"t_tail": 0.01 * ms}, r"t_tail must be a multiple of the slot"),
        ({"dt_step": 1.23 * ms}, "dt_step must be a multiple of the slot"),
        ({"dt_max": 3 * ms}, r"dt_max must be a multiple of dt_step \(2 ms\); got 3 ms"),
        ({"I_spike": 30 * mA}, r"compliance_pulse must be at least the peak of a pair of spikes \* R_load"),
        ({"I_step": 30 * mA}, "I_step must be at most I_start"),
        ({"dt_max": 20 * ms}, r"dt_max must be at most the length of a spike \(18 ms\).*got 20 ms"),
        ({"dt_step": 0.1 * ms, "t_tail": 1.0, "dt_max": 1.0}, "dt_step must leave at most 2000000 samples"),
        ({"spike": "3"}, "one of 1, 2, rectangle, triangle, exponential, or @FILE.csv"),
        ({"spike": "same"}, "spike must be a shape or a file; got 'same'"),
        ({"spike": ()}, "spike must last at most 1.1 s; got 0 s"),
        ({"spike": (0.0, 0.0)}, "spike must drive a current; got 0 A throughout"),
        ({"spike_post": (0.0, 0.0)}, "spike_post must drive a current"),
        ({"spike": (1.0,) * 11001}, r"spike must last at most 1\.1 s; got 1\.1001 s"),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_the_reason(parameters, message):
    """The message says what must be and what came."""
    with pytest.raises(ValidationError, match=message):
        Parameters(**parameters)


# --- spikes from files -------------------------------------------------------------------------------

#: 8 mA for 0.2 ms, then -4 mA that falls to 0 within 0.2 ms.
CURVE = {"times": (1.0, 1.0002, 1.0002 + 1e-9, 1.0004), "values": (8e-3, 8e-3, -4e-3, 0.0)}


def test_a_curve_in_amperes_brings_its_own_height():
    """Samples in units of the largest one, which becomes I_spike: 8 8 -3 -1 mA in slots of 0.1 ms."""
    p = Parameters(**{**TINY, "t_head": 2 * ms}, spike=Trace(**CURVE, unit="A"))
    assert p.I_spike == pytest.approx(8 * mA)
    assert p.spike == pytest.approx([1, 1, -3 / 8, -1 / 8], rel=1e-4)
    assert p.spikes[0] == p.spikes[1] == pytest.approx([8 * mA, 8 * mA, -3 * mA, -1 * mA], rel=1e-4)


def test_a_curve_of_shares_is_scaled_by_i_spike():
    """0.5 of 6 mA is 3 mA; and a curve in amperes of the other spike stays as it is."""
    share = Trace((0.0, 0.4 * ms), (0.5, 0.5), "1")
    p = Parameters(**TINY, spike=share, spike_post=Trace((0.0, 0.1 * ms), (2e-3, 2e-3), "A"), I_spike=6 * mA)
    assert p.spikes[0] == pytest.approx([3 * mA] * 4)
    assert p.spikes[1] == pytest.approx([2 * mA])


def test_a_curve_in_amperes_and_a_height_contradict_each_other():
    """One of them would have to be ignored; so does a curve beyond the longest spike, or of 0 A."""
    with pytest.raises(
        ValidationError, match="I_spike must not be given where the file of spike is in amperes"
    ):
        Parameters(**TINY, spike=Trace(**CURVE, unit="A"), I_spike=8 * mA)
    with pytest.raises(ValidationError, match=r"spike must last at most 1\.1 s; got 2 s"):
        Parameters(spike=Trace((0.0, 2.0), (1.0, 1.0), "1"))
    with pytest.raises(ValidationError, match="spike must drive a current"):
        Parameters(**TINY, spike=Trace((0.0, 0.4 * ms), (0.0, 0.0), "A"))


# --- what is drawn and stored ------------------------------------------------------------------------


def window_of(p, n_repeats=2):
    """Columns of an antisymmetric window of 0.1 ohm with a scatter of 1 mohm."""
    dt = np.tile(np.array(p.delays) * 0.1 * ms, n_repeats)
    scatter = 1e-3 * np.resize([1, -1, 0], dt.shape)
    return {
        "dt_spike": dt,
        "dR_xy": np.sign(dt) * 0.1 * np.exp(-np.abs(dt) / 5e-3) + scatter,
        "R_before": 0.05 + scatter,
        "dR_pre": dt * 0 + 5e-3,
        "dR_post": dt * 0 - 4e-3,
        "u_I_sense": dt * 0,
    }


def test_the_waveforms_of_the_file_are_those_that_were_played():
    """One row for each delay, in order, continued by 0 A; a run cut short holds those that it came to."""
    lab = ScriptedLab()
    rows, p = run(lab, **{**TINY, "n_repeats": 2})
    found = protocol.waveforms(columns_of(protocol, rows), p)
    assert found.axis.name == "dt_spike"
    assert found.at / ms == pytest.approx([-0.2, 0, 0.2])
    assert found.current.shape == (3, len(found.time)) == (3, 9)
    assert found.time / ms == pytest.approx([0.1 * k for k in range(9)])
    played = [call[1] for call in lab.of("play") if call[2] == 0.1 * ms]
    assert found.current[0].tolist() == played[2]
    assert found.current[1].tolist() == [0.0] * 9
    assert found.current[2].tolist() == played[3]
    assert protocol.waveforms(columns_of(protocol, rows[:1]), p).at / ms == pytest.approx([-0.2])


def test_the_figure_shows_means_with_intervals_both_fits_and_the_spike():
    """Error bars of every delay, labelled, a line on each side, and the spike's head and tail in the inset."""
    p = Parameters(n_repeats=2)
    data = window_of(p)
    analysis = protocol.analyse(data, p)
    axes = matplotlib.figure.Figure().subplots()
    protocol.draw(axes, data, analysis, label="run")
    (bars,) = axes.containers
    assert bars.get_label() == "run"
    assert bars.lines[0].get_xdata() == pytest.approx(np.array(p.delays) / 10)
    fits = [line for line in axes.lines if len(line.get_xdata()) > 2 * len(p.delays)]
    assert sorted(np.sign(line.get_xdata()[0]) for line in fits) == [-1, 1]
    (inset,) = axes.child_axes
    current = inset.lines[-1].get_ydata()
    assert (max(current), min(current)) == pytest.approx((8, -8), rel=0.01)
    protocol.draw(axes, data, analysis)
    assert len(axes.child_axes) == 1


def test_the_analysis_has_the_fits_the_repeats_and_the_spikes():
    """The names of results and curves; one spike where both are equal, two where they differ."""
    p = Parameters(n_repeats=2)
    analysis = protocol.analyse(window_of(p), p)
    assert set(analysis.results) == {
        "A_plus", "tau_plus", "A_minus", "tau_minus", "asymmetry", "lone_spike_ratio",
    }  # fmt: skip
    assert set(analysis.curves) == {"fit_plus", "fit_minus", "dR_mean", "dR_ci", "spike_pre"}
    assert analysis.results["lone_spike_ratio"].value == pytest.approx(
        5e-3 / (0.1 * math.exp(-0.4)), rel=0.02
    )
    other = Parameters(n_repeats=2, spike_post="2")
    assert {"spike_pre", "spike_post"} < set(protocol.analyse(window_of(other), other).curves)
