"""Demagnetizing by pulses: the train, what is asked of the instruments and in which order, what is reported."""

from functools import partial

import matplotlib.figure
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted_lab import ScriptedLab, columns_of, run_protocol

from protocols.demagnetize import Parameters, protocol
from protocols.steps import decreasing_currents
from protocols.units import Oe, mA, ms
from protocols.vocabulary import MeasurementError

run = partial(run_protocol, protocol)

SHORT = {"I_start": 4 * mA, "I_step": 1 * mA}
GIVEN = {**SHORT, "R_AHE_reference": 0.4, "R_off_reference": 0.05}


@st.composite
def any_parameters(draw):
    """Any request of some hundred pulses at most, under both laws and in both modes."""
    I_start = draw(st.floats(1.1 * mA, 100 * mA))
    preparation = draw(st.sampled_from(["saturate+", "saturate-", "as-is"]))
    return Parameters(
        mu0_H_x=draw(st.floats(-0.2, 0.2)),
        mu0_H_z=draw(st.one_of(st.just(0.0), st.floats(-0.01, 0.01))),
        I_start=I_start,
        I_step=I_start / draw(st.one_of(st.integers(1, 60), st.floats(1, 60))),
        law=draw(st.sampled_from(["linear", "geometric"])),
        ratio=draw(st.floats(0.01, 0.97)),
        mode=draw(st.sampled_from(["waveform", "pulses"])),
        compliance=draw(st.floats(0.1, 50)),
        compliance_pulse=draw(st.floats(31, 105)),
        preparation=preparation,
        R_AHE_reference=draw(st.sampled_from([0.4, -0.4] if preparation == "as-is" else [0.0, 0.4])),
        mu0_H_sat=draw(st.floats(0.005, 0.2)),
        n_repeats=draw(st.integers(2, 5)),
    )


# --- the train ---------------------------------------------------------------------------------------


def test_the_default_train_is_56_pulses_from_28_to_half_a_milliampere_under_minus_500_oersted():
    """+28, -27.5, +27 ... +1, -0.5 mA."""
    p = Parameters()
    assert p.mu0_H_x == -500 * Oe
    assert len(p.train) == 56
    assert np.array(p.train[:3]) / mA == pytest.approx([28, -27.5, 27])
    assert np.array(p.train[-2:]) / mA == pytest.approx([1, -0.5])


def test_a_geometric_train_ends_with_the_last_amplitude_that_is_no_smaller_than_the_step():
    """Halved from 8 mA: 8, -4, 2, -1 with I_step = 1 mA, and no 0.5 mA."""
    assert decreasing_currents(8 * mA, 1 * mA, "geometric", 0.5) == [8 * mA, -4 * mA, 2 * mA, -1 * mA]


def test_a_step_that_does_not_divide_the_start_shortens_the_first_step_only():
    """From 2.5 mA in steps of 1 mA: +2.5, -2, +1."""
    assert decreasing_currents(2.5 * mA, 1 * mA, "linear", 0.5) == [2.5 * mA, -2 * mA, 1 * mA]


@given(p=any_parameters())
@settings(max_examples=50, deadline=None)
def test_pulses_alternate_and_decrease_between_start_and_step(p):
    """Signs alternate from +, sizes fall strictly, none is above I_start or below I_step."""
    train = np.array(p.train)
    assert train[0] == p.I_start
    assert np.all(np.sign(train) == [(-1) ** k for k in range(len(train))])
    assert np.all(np.diff(np.abs(train)) < 0)
    assert np.abs(train[-1]) >= p.I_step * (1 - 1e-6)


# --- order of things ---------------------------------------------------------------------------------


def test_a_train_is_one_waveform_of_pulses_and_pauses_of_equal_length():
    """4, 0, -3, 0, 2, 0, -1, 0 mA, 1 ms each, under the limits of pulses."""
    lab = ScriptedLab()
    run(lab, **GIVEN, t_pulse=1 * ms, compliance_pulse=12.0, R_load=250.0)
    ((_, samples, slot, compliance, R_load),) = lab.of("play")
    assert np.array(samples) / mA == pytest.approx([4, 0, -3, 0, 2, 0, -1, 0])
    assert (slot, compliance, R_load) == (1 * ms, 12.0, 250.0)


def test_mode_pulses_plays_the_same_pulses_one_by_one_and_reads_after_each():
    """Rows: before, after each of 4 pulses, and 2 more; the same amplitudes as the waveform."""
    lab = ScriptedLab()
    rows, _ = run(lab, **GIVEN, mode="pulses", n_repeats=2)
    assert [samples[1] for _, samples, *_ in lab.of("play")] == [0.0] * 4
    assert [samples[0] / mA for _, samples, *_ in lab.of("play")] == pytest.approx([4, -3, 2, -1])
    assert [row["pulse"] for row in rows] == [0, 1, 2, 3, 4, 4, 4]
    assert [row["repeat"] for row in rows] == [0, 0, 0, 0, 0, 1, 2]
    assert [row["I_pulse"] / mA for row in rows] == pytest.approx([0, 4, -3, 2, -1, -1, -1])


def test_mode_waveform_reads_before_the_train_and_repeatedly_after_it():
    """One row before, three after, and the train's end is what the last ones follow."""
    rows, _ = run(ScriptedLab(), **GIVEN, n_repeats=3)
    assert [(row["pulse"], row["repeat"]) for row in rows] == [(0, 0), (4, 1), (4, 2), (4, 3)]


@pytest.mark.parametrize(("preparation", "sign"), [("saturate+", 1), ("saturate-", -1)])
def test_the_layer_is_prepared_then_the_normal_field_switched_off_and_the_in_plane_field_applied(
    preparation, sign
):
    """Saturation without a field in the plane; nothing is ramped once pulses flow."""
    lab = ScriptedLab()
    rows, _ = run(lab, **GIVEN, preparation=preparation)
    moved = [call for call in lab.calls if call[0].startswith(("ramp", "park", "play"))]
    assert moved[:4] == [
        ("ramp x", 0.0), ("ramp z", sign * 400 * Oe), ("park magnet_z",), ("ramp x", -500 * Oe),
    ]  # fmt: skip
    assert [call[0] for call in moved[4:]] == ["play"]
    assert rows[0]["R_xy"] == pytest.approx(0.05 + sign * 0.4)


def test_a_field_that_cancels_a_stray_one_is_held_instead():
    """mu0_H_z = 0.3 Oe: magnet_z is ramped there and not switched off."""
    lab = ScriptedLab()
    run(lab, **GIVEN, mu0_H_z=0.3 * Oe)
    assert lab.of("ramp z")[-1] == ("ramp z", 0.3 * Oe)
    assert not lab.of("park magnet_z")


def test_the_reference_is_the_half_difference_and_the_half_sum_of_the_saturated_states():
    """R_AHE = -0.3 and R_off = 0.07 ohm are found whatever the thermal EMF, and stand in every row."""
    rows, _ = run(ScriptedLab(R_AHE=-0.3, R_off=0.07, emf=1e-3), **SHORT)
    for row in rows:
        assert (row["R_AHE_reference"], row["R_off_reference"]) == pytest.approx((-0.3, 0.07))
        assert row["u_R_AHE_reference"] == row["u_R_off_reference"] == pytest.approx(0, abs=1e-9)


def test_a_source_in_compliance_ends_the_run_before_the_train():
    """Open current leads: no row, no pulse."""
    lab = ScriptedLab(compliant_rows=0)
    with pytest.raises(MeasurementError, match="got the compliance limit"):
        run(lab, **GIVEN)
    assert not lab.of("play")


@given(p=any_parameters())
@settings(max_examples=50, deadline=None)
def test_rows_and_envelope_are_exact(p):
    """As many rows as announced, with every column; nothing beyond the envelope, and all of it used."""
    lab = ScriptedLab()
    rows = list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    assert len(rows) == protocol.n_rows(p)
    assert all(set(row) == {column.name for column in protocol.columns} for row in rows)
    played = lab.of("play")
    assert max(abs(current) for call in played for current in call[1]) == envelope.current == p.I_start
    assert all(call[1][-1] == 0 for call in played)
    assert len(played) == envelope.pulses
    voltages = [call[3] for call in played] + [call[2] for call in lab.of("prepare source")]
    assert max(voltages) == envelope.compliance
    for axis in "xz":
        reached = max((abs(value) for _, value in lab.of(f"ramp {axis}")), default=0.0)
        assert reached == envelope.mu0_H[f"magnet_{axis}"]
    assert set(protocol.roles) == {"source", "voltmeter", *envelope.mu0_H}


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"I_start": 1 * mA, "I_step": 2 * mA}, r"I_step must be at most I_start \(1 mA\); got 2 mA"),
        ({"I_start": 60 * mA}, r"compliance_pulse must be at least I_start \* R_load \(18 V"),
        ({"I_start": 0.05 * mA, "I_step": 0.01 * mA}, r"I_start must be above I_sense \(0\.1 mA\)"),
        ({"I_step": 1e-300}, "I_step must leave at most 10000 pulses"),
        ({"I_step": 1e-300, "law": "geometric", "ratio": 0.999}, "I_step must leave at most 10000 pulses"),
        ({"R_off_reference": 0.1}, "R_off_reference must be given together with R_AHE_reference"),
        ({"preparation": "as-is"}, "R_AHE_reference must be given where preparation is as-is"),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_the_reason(parameters, message):
    """The message says what must be and what came."""
    with pytest.raises(ValidationError, match=message):
        Parameters(**parameters)


# --- what is reported --------------------------------------------------------------------------------


def test_a_layer_of_equal_shares_up_and_down_is_demagnetized():
    """Each of four patches obeys the last pulse that reaches it: -1, 2, -3, 4 mA leave two up and two down."""
    lab = ScriptedLab(thresholds=(0.5 * mA, 1.5 * mA, 2.5 * mA, 3.5 * mA), polarity=-1)
    rows, p = run(lab, **SHORT)
    analysis = protocol.analyse(columns_of(protocol, rows), p)
    assert analysis.results["R_xy_residual"].value == pytest.approx(0.0, abs=1e-9)
    assert not analysis.warnings


def test_a_layer_that_no_pulse_switches_is_reported_as_not_demagnetized():
    """Saturated down and left there: -0.4 ohm, -1, and a warning that says so."""
    rows, p = run(ScriptedLab(), **SHORT, preparation="saturate-")
    analysis = protocol.analyse(columns_of(protocol, rows), p)
    assert analysis.results["R_xy_residual"].value == pytest.approx(-0.4)
    assert analysis.results["R_xy_residual_over_R_AHE"].value == pytest.approx(-1.0)
    (warning,) = analysis.warnings
    assert "not demagnetized: R_xy - R_off is -100 % of R_AHE" in warning


@pytest.mark.parametrize(("mode", "label"), [("pulses", "Pulse"), ("waveform", "Reading")])
def test_the_figure_shows_a_point_for_every_reading(mode, label):
    """R_xy against the number of pulses where it was read after each, else against that of the reading."""
    rows, p = run(ScriptedLab(), **GIVEN, mode=mode)
    data = columns_of(protocol, rows)
    axes = matplotlib.figure.Figure().subplots()
    protocol.draw(axes, data, protocol.analyse(data, p), label="run")
    (drawn,) = [line for line in axes.lines if line.get_label() == "run"]
    assert list(drawn.get_ydata()) == list(data["R_xy"])
    assert axes.get_xlabel() == label
