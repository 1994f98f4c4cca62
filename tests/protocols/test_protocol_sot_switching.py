"""Switching by current pulses: what it asks of the instruments, in which order, and what it records."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_lab import ScriptedLab, run_protocol

from protocols.sot_switching import Parameters, protocol
from protocols.units import Oe, mA, ms, mV
from protocols.vocabulary import MeasurementError

run = partial(run_protocol, protocol)

COARSE = {"I_max": 20 * mA, "I_step": 5 * mA}
GIVEN = {**COARSE, "R_AHE_reference": 0.4}
FIVE_PATCHES = (3.8 * mA, 7.8 * mA, 11.8 * mA, 15.8 * mA, 19.8 * mA)


@st.composite
def loop_parameters(draw):
    """Any request of up to a few hundred rows, with steps that do and do not divide the largest pulse."""
    I_max = draw(st.floats(1.1 * mA, 100 * mA))
    preparation = draw(st.sampled_from(["saturate+", "saturate-", "reset", "as-is"]))
    references = [0.4, -0.4] if preparation == "as-is" else [0.0, 0.4]
    return Parameters(
        mu0_H_x=draw(st.floats(-0.2, 0.2)),
        I_max=I_max,
        I_step=I_max / draw(st.one_of(st.integers(1, 30), st.floats(1, 30))),
        n_loops=draw(st.integers(1, 3)),
        compliance=draw(st.floats(0.1, 50)),
        compliance_pulse=draw(st.floats(31, 105)),
        preparation=preparation,
        R_AHE_reference=draw(st.sampled_from(references)),
        mu0_H_sat=draw(st.floats(0.01, 0.2)),
    )


# --- order of things ---------------------------------------------------------------------------------


def test_a_saturated_layer_is_prepared_before_the_field_is_held_and_before_the_first_pulse():
    """Saturate along z with no field in the plane, take the z field away, apply H_x, then pulse."""
    lab = ScriptedLab()
    run(lab, **GIVEN, preparation="saturate-")
    first_pulse = lab.calls.index(lab.of("play")[0])
    before = [call for call in lab.calls[:first_pulse] if call[0].startswith("ramp")]
    assert before == [("ramp x", 0.0), ("ramp z", -400 * Oe), ("ramp z", 0.0), ("ramp x", 800 * Oe)]


@pytest.mark.parametrize(("preparation", "sign"), [("saturate+", 1), ("saturate-", -1)])
def test_the_sign_of_the_preparation_is_the_state_that_the_first_reading_finds(preparation, sign):
    """R_xy = R_off +- R_AHE before any pulse."""
    rows, _ = run(ScriptedLab(), **GIVEN, preparation=preparation)
    assert rows[0]["I_pulse"] == 0
    assert rows[0]["R_xy"] == pytest.approx(0.05 + sign * 0.4)


def test_fields_stand_still_from_the_first_pulse_to_the_last_row():
    """Both fields are settled before the first pulse, the reset included, and nothing is ramped after it."""
    for preparation in ("saturate+", "reset"):
        lab = ScriptedLab()
        run(lab, **COARSE, preparation=preparation)
        first_pulse = lab.calls.index(lab.of("play")[0])
        assert not [call for call in lab.calls[first_pulse:] if call[0].startswith("ramp")]
        assert (lab.magnet_x.mu0_H, lab.magnet_z.mu0_H) == (800 * Oe, 0.0)


def test_a_reading_comes_after_the_end_of_the_pulse_and_the_wait():
    """A row is: pulse, wait, read the field, then one voltage at +I_sense and one at -I_sense."""
    lab = ScriptedLab()
    run(lab, **GIVEN, settle=0.25, t_pulse=1 * ms)
    start = lab.calls.index(("play", [5 * mA, 0.0], 1 * ms, 15.0, 300.0))
    assert lab.calls[start + 1 : start + 9] == [
        ("wait", 0.25),
        ("read x",),
        ("set_current", 0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
        ("set_current", -0.1 * mA),
        ("wait", 2 * ms),
        ("read_voltage",),
    ]


def test_instruments_are_prepared_once_with_what_was_asked_for():
    """Ranges are fixed for the whole run; a pulse brings its own compliance and goes back to the sense range."""
    lab = ScriptedLab()
    run(lab, **COARSE, I_sense=0.2 * mA, compliance=3.0, V_max=100 * mV, nplc=5.0)
    assert lab.of("prepare source", "prepare voltmeter") == [
        ("prepare voltmeter", 100 * mV, 5.0),
        ("prepare source", 0.2 * mA, 3.0),
    ]


def test_a_reset_is_one_pulse_of_minus_I_max_under_the_field():
    """The first pulse is -I_max with H_x on; nothing was saturated for it where R_AHE is given."""
    lab = ScriptedLab(thresholds=FIVE_PATCHES)
    rows, _ = run(lab, **GIVEN, preparation="reset")
    assert lab.of("play")[0][1] == [-20 * mA, 0.0]
    assert lab.of("ramp z") == [("ramp z", 0.0)]
    assert (rows[0]["I_pulse"], rows[0]["pulse"]) == (0.0, 1)


def test_a_layer_taken_as_it_is_meets_no_field_along_its_normal_and_no_pulse_before_the_first_row():
    """as-is: the state found is the state of the first row."""
    lab = ScriptedLab()
    lab.patches = [+1]
    rows, _ = run(lab, **GIVEN, preparation="as-is")
    assert lab.of("ramp z") == [("ramp z", 0.0)]
    assert rows[0]["pulse"] == 0
    assert rows[0]["R_xy"] == pytest.approx(0.45)


# --- the triangle ------------------------------------------------------------------------------------


def test_the_triangle_goes_from_zero_up_down_and_up_with_complete_branches():
    """+-20 mA in steps of 10 mA: initial 0 10, descending 20 10 0 -10 -20, ascending -10 0 10 20."""
    rows, _ = run(ScriptedLab(), I_max=20 * mA, I_step=10 * mA)
    assert [(round(row["I_pulse"] / mA, 9), row["branch"], row["loop"]) for row in rows] == [
        (0, 0, 0), (10, 0, 0),
        (20, -1, 1), (10, -1, 1), (0, -1, 1), (-10, -1, 1), (-20, -1, 1),
        (-10, 1, 1), (0, 1, 1), (10, 1, 1), (20, 1, 1),
    ]  # fmt: skip


def test_a_second_loop_goes_on_where_the_first_ended():
    """The +20 mA that ends loop 1 is not pulsed again at the start of loop 2, and 0 is not approached anew."""
    rows, _ = run(ScriptedLab(), I_max=20 * mA, I_step=10 * mA, n_loops=2)
    assert [(round(row["I_pulse"] / mA, 9), row["branch"], row["loop"]) for row in rows[9:13]] == [
        (10, 1, 1), (20, 1, 1), (10, -1, 2), (0, -1, 2),
    ]  # fmt: skip


def test_a_pulse_of_zero_is_not_played_and_its_row_is_read_all_the_same():
    """0 mA three times in a loop: eleven rows, eight pulses, and the count of pulses stands still there."""
    lab = ScriptedLab()
    rows, _ = run(lab, I_max=20 * mA, I_step=10 * mA)
    assert len(rows) == 11
    assert [call[1][0] / mA for call in lab.of("play")] == pytest.approx([10, 20, 10, -10, -20, -10, 10, 20])
    assert [row["pulse"] for row in rows] == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8]


def test_the_default_run_has_281_rows_and_278_pulses():
    """28 mA in steps of 0.5 mA: 56 rows up, 113 down, 112 up; three of them are 0."""
    assert protocol.n_rows(Parameters()) == 281
    assert protocol.envelope(Parameters()).pulses == 278
    assert protocol.envelope(Parameters(preparation="reset")).pulses == 279


@given(p=loop_parameters())
@settings(max_examples=40, deadline=None)
def test_the_number_of_rows_is_known_in_advance(p):
    """n_rows is exact, and every row holds every column and nothing else."""
    rows = list(protocol.measure(ScriptedLab(), p))
    assert len(rows) == protocol.n_rows(p)
    names = {column.name for column in protocol.columns}
    assert all(set(row) == names for row in rows)


@given(p=loop_parameters())
@settings(max_examples=40, deadline=None)
def test_nothing_beyond_the_envelope_is_asked_for(p):
    """Every current, voltage, field and pulse lies within the envelope, and the envelope is reached."""
    lab = ScriptedLab()
    rows = list(protocol.measure(lab, p))
    envelope = protocol.envelope(p)
    pulses = lab.of("play")
    assert envelope.current == p.I_max == max(abs(samples[0]) for _, samples, *_ in pulses)
    assert max(abs(value) for _, value in lab.of("set_current")) == p.I_sense < envelope.current
    voltages = [call[3] for call in pulses] + [call[2] for call in lab.of("prepare source")]
    assert max(voltages) == envelope.compliance
    for axis in "xz":
        reached = max(abs(value) for _, value in lab.of(f"ramp {axis}"))
        assert reached == envelope.mu0_H[f"magnet_{axis}"]
    assert len(pulses) == envelope.pulses == rows[-1]["pulse"]
    assert set(protocol.roles) == {"source", "voltmeter", *envelope.mu0_H}


@given(p=loop_parameters())
@settings(max_examples=40, deadline=None)
def test_every_pulse_is_rectangular_ends_at_zero_and_is_no_larger_than_I_max(p):
    """Two samples, the second 0 A; amplitudes are multiples of the step, the largest is I_max exactly."""
    lab = ScriptedLab()
    list(protocol.measure(lab, p))
    for _, samples, slot, compliance, R_load in lab.of("play"):
        current, after = samples
        assert after == 0
        assert 0 < abs(current) <= p.I_max
        assert abs(current) == p.I_max or current == round(current / p.I_step) * p.I_step
        assert (slot, compliance, R_load) == (p.t_pulse, p.compliance_pulse, p.R_load)


# --- the reference -----------------------------------------------------------------------------------


def test_the_reference_is_measured_in_saturation_both_ways_without_a_field_in_the_plane():
    """Ten readings, five at -400 and five at +400 Oe, before H_x is applied and before any pulse."""
    lab = ScriptedLab()
    run(lab, **COARSE, settle=0.25)
    held = lab.calls.index(("ramp x", 800 * Oe))
    assert lab.of("ramp x")[0] == ("ramp x", 0.0)
    seen = [call for call in lab.calls[:held] if call[0] in {"ramp z", "wait", "read_voltage"}]
    readings = [("wait", 2 * ms), ("read_voltage",)] * 10
    down, up = ([("ramp z", sign * 400 * Oe), ("wait", 0.25), *readings] for sign in (-1, 1))
    assert seen[: len(down + up)] == down + up


def test_the_measured_reference_is_in_every_row_and_free_of_offset_and_emf():
    """R_AHE = 0.4 ohm whatever R_off and the thermal EMF are, exact where nothing scatters."""
    rows, _ = run(ScriptedLab(R_off=0.3, emf=1e-3), **COARSE)
    for row in rows:
        assert row["R_AHE_reference"] == pytest.approx(0.4)
        assert row["u_R_AHE_reference"] == pytest.approx(0, abs=1e-9)


def test_the_scatter_of_the_readings_is_the_uncertainty_of_the_reference():
    """Five readings each of standard deviation 1 mohm: u(R_AHE) = 1 mohm / sqrt(10), on average."""
    rng = np.random.default_rng(8)

    class NoisyLab(ScriptedLab):
        @property
        def m(self):
            return super().m + rng.normal(scale=1e-3 * 2**0.5 / 0.4)  # two voltages make one reading

    found = [next(protocol.measure(NoisyLab(), Parameters(**COARSE))) for _ in range(200)]
    stated = np.mean([row["u_R_AHE_reference"] for row in found])
    assert stated == pytest.approx(np.std([row["R_AHE_reference"] for row in found]), rel=0.15)
    assert stated == pytest.approx(1e-3 / 10**0.5, rel=0.15)


def test_a_given_reference_is_taken_as_it_is_and_nothing_is_measured_for_it():
    """0.31 ohm goes into every row with no uncertainty; the only saturation is that of the preparation."""
    lab = ScriptedLab()
    rows, _ = run(lab, **COARSE, R_AHE_reference=0.31, preparation="saturate+")
    assert {(row["R_AHE_reference"], row["u_R_AHE_reference"]) for row in rows} == {(0.31, 0.0)}
    assert lab.of("ramp z") == [("ramp z", 400 * Oe), ("ramp z", 0.0)]


# --- what is recorded --------------------------------------------------------------------------------


def test_current_reversal_removes_a_thermal_emf():
    """An EMF a hundred times the Hall voltage is seen in both voltages and not at all in R_xy."""
    rows, _ = run(ScriptedLab(emf=5e-3), **GIVEN, preparation="saturate+")
    assert rows[0]["V_plus"] == pytest.approx(5e-3 + 0.45 * 0.1 * mA)
    assert rows[0]["V_minus"] == pytest.approx(5e-3 - 0.45 * 0.1 * mA)
    assert rows[0]["R_xy"] == pytest.approx(0.45, abs=1e-9)


def test_the_measured_field_is_recorded_beside_the_one_asked_for():
    """A magnet that stops 3 Oe short of its set-point is seen in mu0_H_x, not in mu0_H_x_set."""
    rows, _ = run(ScriptedLab(settling_error=-3 * Oe), **COARSE, mu0_H_x=-500 * Oe)
    assert rows[0]["mu0_H_x_set"] == -500 * Oe
    assert rows[0]["mu0_H_x"] == pytest.approx(-503 * Oe)


def test_the_time_of_a_row_is_the_clock_when_it_was_complete():
    """A pulse of 10 ms with as much at 0 A, 1 s of settling and two reversals of 2 ms: 1.024 s; 1.004 s without."""
    rows, _ = run(ScriptedLab(), **GIVEN, settle=1.0, preparation="as-is")
    times = np.array([row["time"] for row in rows])
    expected = np.where([row["I_pulse"] == 0 for row in rows], 1.004, 1.024)
    assert np.diff(times, prepend=0) == pytest.approx(expected)


@pytest.mark.parametrize("parameters", [COARSE, GIVEN])
def test_a_source_in_compliance_at_the_start_ends_the_run_before_the_first_pulse(parameters):
    """Open current leads: no row is written, and nothing was pulsed into the sample."""
    lab = ScriptedLab(compliant_rows=0)
    measuring = protocol.measure(lab, Parameters(**parameters, compliance=2.0))
    with pytest.raises(
        MeasurementError, match=r"must drive 0\.1 mA with less than 2 V; got the compliance limit"
    ):
        next(measuring)
    assert not lab.of("play")


def test_a_contact_that_opens_during_a_branch_is_noticed_at_zero_or_at_its_end():
    """A bond that opens after six readings (the last at +20 mA) ends the run at the next 0, the ninth row."""
    measuring = protocol.measure(ScriptedLab(compliant_rows=6), Parameters(**GIVEN))
    descending = [next(measuring) for _ in range(8)]
    assert descending[-1]["I_pulse"] == 5 * mA
    with pytest.raises(MeasurementError):
        next(measuring)
