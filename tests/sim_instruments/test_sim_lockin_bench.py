"""The lock-in on the bench: harmonics of the Hall voltage, locked to the phase marker of the source."""

import cmath
import dataclasses
import math

import pytest
from benchtop import INSTRUMENTS, NM, SPEC, Lab
from rig_lockin import INPUT_OVERLOAD, LOCKIN_SPEC, UNLOCKED, AcLab

from sim_instruments.keithley_6221_source import DcSource
from sim_instruments.ports import TriggerLink, Waveform
from sim_instruments.wiring import ThermalEmf

R_XY = 0.45  # ohm; all up, no field: R_AHE + R_off
RMS = 1 / math.sqrt(2)


def degrees(phasor):
    return math.degrees(cmath.phase(phasor))


# --- the first harmonic, and the reference --------------------------------------------------------


def test_the_first_harmonic_is_the_peak_times_the_hall_resistance_over_root_two():
    """In X, and nothing in Y: the voltage is in phase with the current."""
    lab = AcLab()
    lab.start(peak=1e-3)
    assert lab.settled().real == pytest.approx(1e-3 * R_XY * RMS, rel=1e-5)
    assert lab.settled().imag == pytest.approx(0.0, abs=1e-9)


def test_the_first_harmonic_changes_sign_with_the_magnetization():
    """Down, R_xy is -R_AHE + R_off = -0.35 ohm."""
    lab = AcLab()
    lab.to_field("supply_z", -10)
    lab.to_field("supply_z", 0)
    lab.start(peak=1e-3)
    assert lab.settled().real == pytest.approx(-1e-3 * 0.35 * RMS, rel=1e-5)


def test_thermal_voltage_in_the_leads_does_not_alternate():
    """A microvolt of DC is in the voltmeter and not in the lock-in."""
    lab = AcLab(emf=ThermalEmf(5e-6, 0.0, 1.0))
    assert float(lab.ask("meter")) == pytest.approx(5e-6)
    lab.start(peak=1e-3)
    assert lab.settled().real == pytest.approx(1e-3 * R_XY * RMS, rel=1e-5)


@pytest.mark.parametrize("marker", [30.0, 90.0, 200.0, 359.0])
def test_a_marker_off_the_beginning_turns_each_harmonic_by_its_multiple(marker):
    """The edge comes p degrees into the period: phi at 1w, 2 phi at 2w."""
    turned = {}
    for where in (0.0, marker):
        lab = AcLab()
        lab.to_field("supply_x", 4)
        lab.start(4e-3, 1e3, marker=where)
        turned[where] = [lab.settled(harmonic) for harmonic in (1, 2)]
    for harmonic, (straight, late) in enumerate(zip(*turned.values(), strict=True), start=1):
        assert abs(late) == pytest.approx(abs(straight), rel=1e-4)
        assert abs(straight) > 1e-8
        assert math.remainder(degrees(late / straight) - harmonic * marker, 360) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("spec", "set_up"),
    [
        (LOCKIN_SPEC, "SOUR:WAVE:PMAR:STAT OFF"),
        (LOCKIN_SPEC, "SOUR:WAVE:PMAR:OLIN 4"),
        (dataclasses.replace(LOCKIN_SPEC, reference_line=5), "SOUR:WAVE:OFFS 0"),
    ],
    ids=["off", "on another line", "plugged to another line"],
)
def test_without_edges_on_its_line_the_lock_in_is_unlocked(spec, set_up):
    """The current flows, and there is nothing to lock to."""
    lab = AcLab(spec=spec)
    lab.start(1e-3, 1e3, set_up)
    assert lab.settled() == 0
    assert lab.bench.envelope.I_max == 1e-3
    assert lab.status() & UNLOCKED
    assert float(lab.ask("lockin", "FREQ?")) == 0.0


def test_the_reference_line_is_where_it_is_plugged():
    """Marker and REF IN on line 5."""
    lab = AcLab(spec=dataclasses.replace(LOCKIN_SPEC, reference_line=5))
    lab.start(1e-3, 1e3, "SOUR:WAVE:PMAR:OLIN 5")
    assert lab.settled().real == pytest.approx(1e-3 * R_XY * RMS, rel=1e-5)


def test_edges_come_from_the_start_to_the_end():
    """Armed, not yet; stopped or reset, no more."""
    lab = AcLab()
    for end in ("SOUR:WAVE:ABOR", "*RST"):
        assert float(lab.ask("lockin", "FREQ?")) == 0.0
        lab.say("source", "OUTP ON")
        lab.start(1e-3, 250.0, "SOUR:WAVE:PMAR:OLIN 4", "SOUR:WAVE:PMAR:OLIN 3")
        lab.status()
        lab.wait(1.0)
        assert float(lab.ask("lockin", "FREQ?")) == 250.0
        assert not lab.status() & UNLOCKED
        lab.say("source", end)
        assert lab.status() & UNLOCKED


def test_a_reset_takes_the_edges_from_the_line_they_are_on():
    """*RST moves the marker to its default line; none is left behind on the other."""
    lab = AcLab(spec=dataclasses.replace(LOCKIN_SPEC, reference_line=6))
    lab.start(1e-3, 250.0, "SOUR:WAVE:PMAR:OLIN 6")
    assert float(lab.ask("lockin", "FREQ?")) == 250.0
    lab.say("source", "*RST")
    assert float(lab.ask("lockin", "FREQ?")) == 0.0


def test_an_output_that_is_off_gives_edges_and_no_voltage():
    """The wave runs in the source."""
    lab = AcLab()
    lab.start(1e-3, 1e3, "OUTP OFF")
    lab.status()
    assert lab.settled() == 0
    assert not lab.status() & UNLOCKED
    lab.say("source", "OUTP ON")
    assert lab.settled().real == pytest.approx(1e-3 * R_XY * RMS, rel=1e-5)


def test_a_sine_that_starts_is_followed_as_four_poles_do():
    """After t = 5 time constants: 1 - exp(-5)(1 + 5 + 25/2 + 125/6) of the final value."""
    lab = AcLab(time_constant=1.0)
    lab.start(1e-3)
    lab.wait(5.0)
    risen = 1 - math.exp(-5) * (1 + 5 + 25 / 2 + 125 / 6)
    assert lab.xy().real == pytest.approx(risen * 1e-3 * R_XY * RMS, rel=1e-5)
    lab.settled()
    lab.stop()
    lab.wait(5.0)
    assert lab.xy().real == pytest.approx((1 - risen) * 1e-3 * R_XY * RMS, rel=1e-5)


def test_a_wave_that_ends_by_itself_has_been_there_until_its_end():
    """Five seconds of sine, looked at when they are over: no less, whoever looks late."""
    lab = AcLab(time_constant=1.0)
    lab.start(1e-3, 1e3, "SOUR:WAVE:DUR:CYCL 5000")
    lab.wait(5.0 - 1e-4)
    before = lab.xy()
    again = AcLab(time_constant=1.0)
    again.start(1e-3, 1e3, "SOUR:WAVE:DUR:CYCL 5000")
    again.wait(5.0)
    assert again.bench.envelope.charge == pytest.approx(5.0 * 1e-3 * 2 / math.pi, rel=1e-3)
    assert again.xy().real == pytest.approx(before.real, rel=1e-3)


# --- the second harmonic --------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("direction", [1, -1])
def test_the_second_harmonic_is_in_y_with_the_sign_of_magnetization_and_field(sign, direction):
    """Y = -I_pk dR / (2 sqrt 2), and dR is both that of two DC readings and that of the damping-like field.

    H_DL adds to a field along x where m is up and I positive, and is taken from it where m is down: R_xy
    = +-R_AHE (1 - (H/H_k)^2/2) loses R_AHE H H_DL/H_k^2 in both states. H_DL = 2.232 Oe/mA times 4 mA,
    H = 400 Oe, H_k = 2000 Oe. The film's thermal voltage is allowed for in the wide bound.
    """
    lab = AcLab()
    lab.to_field("supply_z", 10 * sign)
    lab.to_field("supply_z", 0)
    lab.to_field("supply_x", 4 * direction)
    resistances = []
    for current in (4e-3, -4e-3):
        lab.say("source", f"SOUR:CURR {current}")
        lab.wait(0.1)
        resistances.append(float(lab.ask("meter")) / current)
    dR = (resistances[0] - resistances[1]) / 2
    lab.start(4e-3)
    second = lab.settled(harmonic=2)
    assert lab.bench.sample.m_z == sign
    assert second.imag == pytest.approx(-4e-3 * dR * RMS / 2, rel=1e-3)
    assert second.imag == pytest.approx(4e-3 * RMS / 2 * direction * 0.4 * 400 * 8.93 / 2000**2, rel=0.05)
    assert abs(second.real) < 1e-3 * abs(second.imag)


def test_settling_after_a_change_of_harmonic_takes_the_time_constant():
    """From V_1w to V_2w: what is left after t is (V_1w - V_2w) exp(-t)(1 + t + t^2/2 + t^3/6), t in constants."""
    lab = AcLab(time_constant=1.0)
    lab.to_field("supply_x", 4)
    lab.start(4e-3)
    first, second = lab.settled(1), lab.settled(2)
    lab.settled(1)
    lab.say("lockin", "HARM 2")
    for t in (5.0, 10.0):
        lab.wait(5.0)
        left = math.exp(-t) * (1 + t + t**2 / 2 + t**3 / 6)
        assert lab.xy() == pytest.approx(second + left * (first - second), rel=1e-4)


# --- reserve --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reserve", "is_overloaded"), [(0, False), (1, False), (2, True)])
def test_a_large_fundamental_under_a_small_harmonic_needs_reserve(reserve, is_overloaded):
    """12 mA make 3.8 mV rms: beyond the 3.16 mV that low noise takes at full scales below that."""
    lab = AcLab()
    lab.to_field("supply_x", 1)
    lab.start(12e-3)
    lab.say("lockin", f"HARM 2;SENS 17;RMOD {reserve}")
    lab.wait(10.0)
    lab.status()
    lab.wait(1.0)
    assert bool(lab.status() & INPUT_OVERLOAD) == is_overloaded


# --- other waves ----------------------------------------------------------------------------------


def test_a_square_wave_has_the_harmonics_of_a_square_wave():
    """4/pi of the height at 1w, a third of it at 3w, none at 2w."""
    lab = AcLab()
    lab.start(1e-3, 1e3, "SOUR:WAVE:FUNC SQU;DCYC 50")
    first = 4 / math.pi * 1e-3 * R_XY * RMS
    assert lab.settled(1) == pytest.approx(first, rel=1e-4)
    assert lab.settled(2) == pytest.approx(0, abs=1e-8)
    assert lab.settled(3) == pytest.approx(first / 3, rel=1e-4)


def test_a_square_wave_fills_the_input_with_all_of_its_height():
    """24.3 mA make 10.9 mV rms, harmonics and all; a sine of the same first harmonic has 9.8 mV."""
    lab = AcLab()
    lab.start(24.3e-3, 1e3, "SOUR:WAVE:FUNC SQU")
    lab.say("lockin", "SENS 20;RMOD 2")  # 10 mV full scale, low noise: 10 mV at the input
    lab.wait(10.0)
    lab.status()
    lab.wait(1.0)
    assert lab.status() & INPUT_OVERLOAD


def test_a_sine_that_the_compliance_cuts_off_is_no_sine():
    """264 ohm at 1 V let 3.8 mA through: the third harmonic of a clipped sine shows."""
    lab = AcLab()
    lab.start(8e-3, 1e3, "SOUR:CURR:COMP 1")
    cut = 1 / 264
    edge = math.asin(cut / 8e-3)
    first = (8e-3 * (2 * edge - math.sin(2 * edge)) + 4 * cut * math.cos(edge)) / math.pi
    assert lab.settled(1).real == pytest.approx(first * R_XY * RMS, rel=5e-3)
    assert lab.settled(3).real > 0.1 * first * R_XY * RMS


def test_a_single_pulse_does_not_reach_the_lock_in():
    """One cycle is a pulse."""
    lab = AcLab()
    lab.start(20e-3, 10.0, "SOUR:WAVE:FUNC SQU;DUR:CYCL 1")
    lab.wait(0.05)
    assert lab.xy() == 0


# --- changes --------------------------------------------------------------------------------------


def test_during_a_ramp_the_output_lags_and_after_it_it_is_right():
    """Behind n poles V(t) comes n tau late, and with it the mean of a parabola over a variance of n tau^2.

    Nobody looks between. 1 A/s are 10 mT/s along x; V = V_0 - a t^2 with a = I R_AHE (10 mT/s)^2/(2 H_k^2).
    """
    resting = {}
    for amperes in (3.6, 4, 6):
        lab = AcLab()
        lab.to_field("supply_x", amperes)
        lab.start(0.1e-3)
        resting[amperes] = lab.settled().real
    lab = AcLab()
    lab.start(0.1e-3)
    lab.settled()
    lab.say("supply_x", "SETI 6")
    lab.wait(4.0)
    moving = lab.xy().real
    a = 0.1e-3 * RMS * 0.4 * 10e-3**2 / (2 * 200e-3**2)  # V/s^2
    lag = resting[3.6] - a * 4 * 0.1**2 - resting[4]
    assert moving - resting[4] == pytest.approx(lag, rel=0.02)
    lab.wait(2.0 + 4.0)
    assert lab.xy().real == pytest.approx(resting[6], rel=1e-5)


def test_a_wave_that_ended_in_a_ramp_is_followed_to_its_end_and_no_further():
    """Three seconds of a wave in six of a ramp, caught up with at the end: what is left decays from its end on."""
    lab = AcLab(time_constant=1.0)
    source = lab.bench.instruments["source"]
    lab.start(0.1e-3, 1e3)
    lab.settled()
    lab.to_field("supply_x", 0)
    lab.say("supply_x", "SETI 6")
    wave = Waveform(lab.bench.clock.now(), (1e-4, -1e-4), (0.5e-3, 0.5e-3), 3000)
    source.group(DcSource)._load.drive(wave)  # not through the source, which would look at the end
    lab.wait(6.0)
    assert abs(lab.xy()) > 1e-6
    assert lab.bench.envelope.pulses == 2
    lab.wait(30.0)
    assert abs(lab.xy()) < 1e-9


def test_a_sample_that_switches_in_a_ramp_is_seen_to_have_switched():
    """Up, a field of -50 mT along z, and the first harmonic is that of the state down; the source never stops."""
    lab = AcLab()
    lab.start(1e-3)
    assert lab.settled().real > 0
    lab.to_field("supply_z", -10)
    assert lab.settled().real == pytest.approx(-1e-3 * 0.35 * RMS, rel=1e-4)


def test_one_lock_in_more_does_not_change_the_readings_of_the_others():
    """The noise of each is its own, and a sample that is told of is not disturbed."""
    without = dataclasses.replace(LOCKIN_SPEC, instruments=LOCKIN_SPEC.instruments[:-1], lockin=None)
    readings = []
    for spec in (LOCKIN_SPEC, without):
        lab = Lab(2 * NM, spec, noise=True, accuracy=True)
        lab.say("source", "SOUR:CURR 1e-3;:OUTP ON")
        values = []
        for amperes in (-1, -2, -3, -4, 0):
            lab.say("supply_z", f"SETI {amperes}")
            lab.wait(3.0)
            values.append(lab.ask("meter"))
        readings.append((values, lab.bench.envelope))
    assert readings[0] == readings[1]


# --- wired wrongly --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "change", "message"),
    [
        (LOCKIN_SPEC, {"lockin": "nobody"}, "not on the bench"),
        (LOCKIN_SPEC, {"lockin": None}, "lockin cannot be wired"),
        (LOCKIN_SPEC, {"lockin": "meter"}, "meter cannot be wired"),
        (LOCKIN_SPEC, {"reference_line": 7}, "lines 1 to 6; got 7"),
        (
            SPEC,
            {"instruments": (*INSTRUMENTS, LOCKIN_SPEC.instruments[-1]), "lockin": "lockin"},
            "source cannot be wired like this.*trigger_link",
        ),
    ],
)
def test_a_lock_in_that_cannot_be_wired_says_which_wire(spec, change, message):
    """No signal, no reference, a source without a trigger link."""
    with pytest.raises(ValueError, match=message):
        Lab(spec=dataclasses.replace(spec, **change))


def test_a_trigger_line_tells_before_it_changes():
    """Whoever integrates must know until when it was as it was."""
    line = TriggerLink().line(3)
    seen = []
    line.about_to_change = lambda: seen.append((line.frequency, line.phase))
    line.carry(1e3, 0.5)
    line.carry(None)
    assert seen == [(None, 0.0), (1e3, 0.5)]
