"""Spike-timing-dependent plasticity: spikes and pairs, what is asked of the instruments, what is recorded."""

import math
from functools import partial

import matplotlib.figure
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted_lab import ScriptedLab, run_protocol

from protocols.spikes import pair, spike
from protocols.stdp import Parameters, protocol
from protocols.units import Oe, mA, ms
from protocols.vocabulary import MeasurementError

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
    """Any request of some tens of pairs, with spikes that overlap and spikes that do not."""
    slots = st.integers(1, 12)
    step = draw(slots)
    return Parameters(
        spike=draw(st.sampled_from(["1", "2"])),
        I_spike=draw(st.floats(0.2 * mA, 40 * mA)),
        t_head=draw(slots) * 0.1 * ms,
        t_tail=draw(slots) * 0.1 * ms,
        dt_step=step * 0.1 * ms,
        dt_max=step * draw(st.integers(1, 5)) * 0.1 * ms,
        n_repeats=draw(st.integers(1, 3)),
        I_start=draw(st.floats(1 * mA, 50 * mA)),
        I_step=1 * mA,
        mu0_H_x=draw(st.floats(-0.2, 0.2)),
        mu0_H_z=draw(st.one_of(st.just(0.0), st.floats(-0.01, 0.01))),
        compliance=draw(st.floats(0.1, 50)),
        compliance_pulse=draw(st.floats(31, 105)),
    )


# --- spikes and pairs --------------------------------------------------------------------------------


def test_spike_1_is_a_head_and_a_tail_of_the_other_sign_that_falls_linearly():
    """Two slots of +1, then -7/8, -5/8, -3/8, -1/8: the line from -1 to 0 in the middle of each slot."""
    assert spike("1", 2, 4) == pytest.approx([1, 1, -0.875, -0.625, -0.375, -0.125])


def test_spike_2_falls_exponentially_and_ends_at_zero():
    """The defining formula at the middle of the first and the last of 160 slots, with 5 ms in a tail of 16 ms."""
    tail = spike("2", 20, 160)[20:]
    for k in (0, 80, 159):
        u = (k + 0.5) * 0.1
        g = (math.exp(-u / 5) - math.exp(-3.2)) / (1 - math.exp(-3.2))
        assert tail[k] == pytest.approx(-g)


def test_a_pair_is_pre_minus_post_and_ends_at_zero():
    """Post two slots after pre: its head lies on the beginning of pre's tail and is added to it."""
    a, b, c, d = TAIL
    one = [1, 1, -a, -b, -c, -d]
    assert pair(one, 2) == pytest.approx([1, 1, -a - 1, -b - 1, a - c, b - d, c, d, 0])


@given(
    shape=st.sampled_from(["1", "2"]), head=st.integers(1, 9), tail=st.integers(1, 30), n=st.integers(0, 50)
)
def test_exchanging_the_spikes_reverses_the_current_exactly(shape, head, tail, n):
    """A delay of -n drives minus the current of a delay of n, sample by sample; a delay of 0 none at all."""
    one = spike(shape, head, tail)
    forward, backward = pair(one, n), pair(one, -n)
    assert backward == [-current for current in forward]
    assert len(forward) == head + tail + n + 1
    if n == 0:
        assert not any(forward)


def test_only_heads_on_tails_are_above_a_single_spike_and_negative_where_pre_comes_first():
    """8 mA, spike 1, 6 ms: at most 8 mA but for the 2 ms of the second head, -8 (1 + g(4 ms and on)) mA."""
    current = np.array(Parameters().waveform(60)) / mA
    above = np.flatnonzero(np.abs(current) > 8 * (1 + 1e-12))
    assert list(above) == list(range(60, 80))
    g = 1 - (4 + 0.05 + 0.1 * np.arange(20)) / 16
    assert current[above] == pytest.approx(-8 * (1 + g))


# --- order of things ---------------------------------------------------------------------------------


def test_every_pair_comes_after_a_train_and_between_two_readings():
    """Train, wait, read; pair, wait, read: for the delays -0.2, 0 and 0.2 ms, where that of 0 plays no pair."""
    lab = ScriptedLab()
    run(lab, **TINY, t_pulse=5 * ms, settle=0.25, compliance_pulse=12.0, R_load=100.0)
    a, b, c, d = (8 * g for g in TAIL)
    first = [-8, -8, a + 8, b + 8, c - a, d - b, -c, -d, 0]
    train = ("train", [20, 0, -10, 0], 5 * ms)
    read, pause = ["read", "read"], ("wait", 0.25)
    expected = [
        train, pause, *read, ("pair", first, 0.1 * ms), pause, *read,
        train, pause, *read, ("wait", 0.7 * ms), pause, *read,
        train, pause, *read, ("pair", [-current for current in first], 0.1 * ms), pause, *read,
    ]  # fmt: skip
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
    assert seen == expected


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
    """Contacts that open during the second pair leave one row."""
    measuring = protocol.measure(ScriptedLab(compliant_rows=2), Parameters(**TINY))
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
    ],
)
def test_a_request_that_cannot_be_is_refused_with_the_reason(parameters, message):
    """The message says what must be and what came."""
    with pytest.raises(ValidationError, match=message):
        Parameters(**parameters)


def test_the_figure_shows_every_pair_in_milliseconds_and_both_fits():
    """Points of all rows, labelled, and one line on each side."""
    p = Parameters(n_repeats=1)
    dt = np.array(p.delays) * 0.1 * ms
    data = {"dt_spike": dt, "dR_xy": np.sign(dt) * 0.1 * np.exp(-np.abs(dt) / 5e-3), "u_I_sense": dt * 0}
    axes = matplotlib.figure.Figure().subplots()
    protocol.draw(axes, data, protocol.analyse(data, p), label="run")
    (points,) = [line for line in axes.lines if line.get_label() == "run"]
    assert points.get_xdata() == pytest.approx(dt / ms)
    fits = [line for line in axes.lines if len(line.get_xdata()) > len(dt)]
    assert sorted(np.sign(line.get_xdata()[0]) for line in fits) == [-1, 1]
