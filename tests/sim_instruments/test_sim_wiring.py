"""Behind the terminals: what the sample feels when currents and fields change, and what the meters see of it."""

import dataclasses
import itertools

import numpy as np
import pytest
from benchtop import MAGNETS, SPEC, Lab

from sim_instruments.bench import MagnetSpec
from sim_instruments.wiring import ThermalEmf

# --- fields ---------------------------------------------------------------------------------------


def test_the_fields_of_the_magnets_add_as_vectors():
    """A probe sees the component along its magnet of all fields together; the sample feels the whole vector."""
    oblique = MagnetSpec("z", "supply_z", "gauss_z", (0.6, 0.0, 0.8), 5e-3, 0.4, 0.05)
    lab = Lab(spec=dataclasses.replace(SPEC, magnets=(MAGNETS[0], oblique)), record=True)
    lab.say("supply_x", "SETI 3")
    lab.say("supply_z", "SETI -10")
    lab.wait(20.0)
    assert lab.field("gauss_x") == pytest.approx(0.030 - 0.6 * 0.050, abs=1e-6)
    assert lab.field("gauss_z") == pytest.approx(0.6 * 0.030 - 0.050, abs=1e-6)
    lab.ask("meter")
    assert lab.bench.history[-1].mu0_H == pytest.approx((0.0, 0.0, -0.040))


def test_the_sample_feels_a_ramp_in_steps_no_larger_than_the_field_step():
    """2 A at 1 A/s are 10 mT in 2 s; in steps of 1 mT the middles are 0.5, 1.5 ... 9.5 mT, 0.2 s each."""
    lab = Lab(record=True, field_step=1e-3)
    lab.say("supply_z", "SETI 2")
    lab.wait(5.0)
    lab.ask("meter")
    *ramp, rest = lab.bench.history
    assert [interval.mu0_H[2] for interval in ramp] == pytest.approx([(n + 0.5) * 1e-3 for n in range(10)])
    assert [interval.dt for interval in ramp] == pytest.approx([0.2] * 10)
    assert rest.mu0_H == pytest.approx((0.0, 0.0, 10e-3))
    assert rest.dt == pytest.approx(3.0)


def test_a_ramp_that_was_turned_round_is_felt_as_it_was():
    """Up at 5 mT/s for 3 s, down for 2 s and up for 2 s, although nobody looked before the end."""
    lab = Lab(record=True, field_step=1e-3)
    for set_point, seconds in ((10, 3.0), (0, 2.0), (10, 2.0)):
        lab.say("supply_z", f"SETI {set_point}")
        lab.wait(seconds)
    lab.ask("meter")
    up = [(n + 0.5) * 1e-3 for n in range(15)]
    felt = [*up, *up[:4:-1], *up[5:]]
    assert [interval.mu0_H[2] for interval in lab.bench.history] == pytest.approx(felt)
    assert [interval.dt for interval in lab.bench.history] == pytest.approx([0.2] * 35)


def test_two_ramps_at_once_are_cut_where_either_ends():
    """The largest component decides on the steps; all of the time is accounted for."""
    lab = Lab(record=True, field_step=1e-3)
    lab.say("supply_x", "SETI 3")
    lab.wait(1.0)
    lab.say("supply_z", "RATE 4;SETI -4")
    lab.wait(5.0)
    lab.ask("meter")
    history = lab.bench.history
    assert sum(interval.dt for interval in history) == pytest.approx(6.0)
    for one, next_one in itertools.pairwise(history):
        change = np.abs(np.subtract(one.mu0_H, next_one.mu0_H))
        assert change.max() <= 1e-3 * (1 + 1e-6)
    ends = np.cumsum([interval.dt for interval in history])
    for corner in (1.0, 2.0, 3.0, 6.0):  # x starts at 0, z ramps from 1 to 2, x ends at 3
        assert np.abs(ends - corner).min() < 1e-9
    assert history[-1].mu0_H == pytest.approx((30e-3, 0.0, -20e-3))
    assert history[-1].dt == pytest.approx(3.0)


def test_the_gaussmeter_of_a_ramping_magnet_lags_by_up_to_one_reading():
    """At 10 readings per second and 5 mT/s the reading at 4.57 s is the field of 4.5 s."""
    lab = Lab()
    lab.say("gauss_z", "RDGMODE 1,3,1,1,1")
    lab.say("supply_z", "SETI 10")
    lab.wait(4.57)
    assert lab.field("gauss_z") == pytest.approx(22.5e-3, abs=1e-6)


def test_a_meter_that_remembers_looks_past_a_ramp_that_has_just_begun():
    """The reading completed before STOP belongs to the ramp before it."""
    lab = Lab()
    lab.say("gauss_z", "RDGMODE 1,3,1,1,1")
    lab.say("supply_z", "SETI 10")
    lab.wait(4.57)
    lab.say("supply_z", "SETI 0")
    lab.wait(0.01)
    assert lab.field("gauss_z") == pytest.approx(22.5e-3, abs=1e-6)


# --- the bar --------------------------------------------------------------------------------------


def test_the_voltmeter_sees_the_hall_voltage_and_the_thermal_emf():
    """V = I R_xy + emf; up and without field R_xy = R_AHE + R_off = 0.45 ohm."""
    lab = Lab(emf=ThermalEmf(2e-6, 0.5e-6, 100.0))
    assert float(lab.ask("meter")) == pytest.approx(2e-6)
    lab.say("source", "1e-4")
    lab.wait(25.0)
    assert float(lab.ask("meter")) == pytest.approx(45e-6 + 2.5e-6)
    lab.wait(50.0)
    assert float(lab.ask("meter")) == pytest.approx(45e-6 + 1.5e-6)


def test_reversing_the_current_cancels_the_thermal_emf():
    """Half the difference of the two polarities is I R_xy; the slow swing leaves less than 0.1 nV."""
    lab = Lab(emf=ThermalEmf(2e-6, 0.3e-6, 1800.0))
    lab.wait(100.0)
    readings = []
    for current in ("1e-4", "-1e-4"):
        lab.say("source", current)
        lab.wait(0.1)
        readings.append(float(lab.ask("meter")))
    assert (readings[0] - readings[1]) / 2 == pytest.approx(45e-6, abs=1e-10)
    assert abs(sum(readings) / 2) > 1e-6


def test_a_constant_drive_is_one_step_however_long_it_lasts():
    """Nobody looks for an hour: one interval of an hour."""
    lab = Lab(record=True)
    lab.say("source", "1e-3")
    lab.wait(3600.0)
    lab.say("source", "0")
    assert lab.bench.history == [(1e-3, (0.0, 0.0, 0.0), 3600.0)]


def test_nothing_is_drawn_while_nothing_can_switch():
    """All up in a field that holds them up: time passes, the sample takes no step."""
    lab = Lab(record=True)
    lab.say("supply_z", "SETI 5")
    lab.wait(10.0)
    for _ in range(20):
        lab.ask("meter")
        lab.wait(1.0)
    assert len(lab.bench.history) > 20
    assert lab.bench.sample.steps == 0
    lab.say("supply_z", "SETI -10")
    lab.wait(20.0)
    lab.ask("meter")
    assert lab.bench.sample.steps > 0
    assert lab.bench.sample.m_z == -1.0


def test_a_current_pulse_lasts_as_long_as_the_clock_says():
    """Whatever is driven between two moments is felt for exactly that time."""
    lab = Lab(record=True)
    lab.say("source", "0.02")
    lab.wait(0.010)
    lab.say("source", "0")
    lab.wait(1.0)
    lab.ask("meter")
    assert [(one.current, one.dt) for one in lab.bench.history] == [
        (0.02, pytest.approx(0.010)),
        (0.0, pytest.approx(1.0)),
    ]


def test_the_envelope_is_what_was_done_to_the_bar():
    """2 mA for 10 s and -3 mA for 5 s in 264 ohm; one magnet to -10 mT at 2.5 mT/s, the other never on."""
    lab = Lab()
    lab.say("supply_z", "RATE 0.5;SETI -2")
    for current, seconds in (("0.002", 10.0), ("-0.003", 5.0)):
        lab.say("source", current)
        lab.wait(seconds)
    lab.say("source", "0")
    lab.say("supply_z", "SETI 0")
    lab.wait(10.0)
    envelope = lab.bench.envelope
    assert envelope.I_max == 3e-3
    assert envelope.energy == pytest.approx(264 * (4e-6 * 10 + 9e-6 * 5))
    assert envelope.charge == pytest.approx(0.035)
    assert envelope.mu0_H_max == pytest.approx({"x": 0.0, "z": 10e-3})
    assert envelope.mu0_H_rate_max == pytest.approx({"x": 0.0, "z": 2.5e-3})


def test_the_envelope_knows_a_ramp_that_was_stopped_by_what_it_reached():
    """It is not the set point that counts."""
    lab = Lab()
    lab.say("supply_z", "SETI 60")
    lab.wait(3.0)
    lab.say("supply_z", "STOP")
    lab.wait(1.0)
    assert lab.bench.envelope.mu0_H_max["z"] == pytest.approx(15e-3)
