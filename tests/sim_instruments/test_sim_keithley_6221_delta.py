"""Delta and differential conductance of the simulated 6221 with a 2182A: formulae, timing, life cycle, refusals."""

from __future__ import annotations

import math

import pytest
from rig_delta import OHMS, Rig

DELTA = ("SOUR:DELT:HIGH 1e-3", "SOUR:DELT:COUN 5")


# --- the formula ----------------------------------------------------------------------------------


def test_a_steady_thermal_voltage_falls_out_of_delta() -> None:
    """The manual's example (2182A-900-01 appendix I): +10.01, -9.99, +10.01 mV are 10 mV, again and again."""
    rig = Rig(lambda amperes, time: OHMS * amperes + 10e-6)
    assert rig.measure("DELT", *DELTA) == pytest.approx([10e-3] * 5, rel=1e-6)


def test_a_thermal_voltage_that_drifts_steadily_falls_out_of_delta() -> None:
    """100 uV/s; two conversions alone would be off by 2 uV."""
    rig = Rig(lambda amperes, time: OHMS * amperes + 100e-6 * time)
    assert rig.measure("DELT", *DELTA) == pytest.approx([10e-3] * 5, rel=1e-6)


def test_a_drift_that_is_not_steady_does_not_fall_out() -> None:
    """A quadratic voltage c t^2 leaves c dt^2 / 2 of alternating sign, dt from conversion to conversion."""
    c, dt = 0.05, 1 / 24
    rig = Rig(lambda amperes, time: OHMS * amperes + c * time**2)
    off = [value - 10e-3 for value in rig.measure("DELT", *DELTA, 'SYST:COMM:SER:SEND "VOLT:RANG 1"')]
    assert off == pytest.approx([c * dt**2 / 2 * (-1) ** n for n in range(5)], rel=2e-3)


def test_delta_is_the_voltage_at_half_the_difference_of_high_and_low() -> None:
    """1 mA and -0.5 mA over 10 ohm: 7.5 mV, and 10 ohm all the same."""
    rig = Rig()
    assert rig.measure("DELT", *DELTA, "SOUR:DELT:LOW -0.5e-3") == pytest.approx([7.5e-3] * 5)
    rig.say("UNIT OHMS", "INIT")
    rig.clock.wait(10)
    assert rig.numbers("TRAC:DATA?")[::2] == pytest.approx([10.0] * 5)


@pytest.mark.parametrize(
    ("unit", "value"),
    [("V", 10e-3), ("OHMS", 10.0), ("W", 10e-6), ("W;:UNIT:POW AVER", 10e-6), ("SIEM", 0.1)],
)
def test_a_reading_is_expressed_in_the_unit_chosen(unit: str, value: float) -> None:
    """1 mA over 10 ohm; delta knows no duty cycle."""
    assert Rig().measure("DELT", *DELTA, f"UNIT {unit}") == pytest.approx([value] * 5)


def test_noise_of_the_meter_is_in_the_readings() -> None:
    """11.7 nV rms at 1 PLC and 10 mV: weights 1/4, 1/2, 1/4 leave the root of 3/8 of it."""
    rig = Rig(noise=True)
    values = rig.measure("DELT", "SOUR:DELT:HIGH 1e-6", "SOUR:DELT:COUN 400")
    mean = sum(values) / 400
    assert mean == pytest.approx(10e-6, abs=3e-9)
    rms = math.sqrt(sum((value - mean) ** 2 for value in values) / 400)
    assert rms == pytest.approx(70e-9 / 6 * math.sqrt(3 / 8), rel=0.15)


# --- timing and what flows ------------------------------------------------------------------------


def test_the_current_reverses_24_times_a_second_at_1_plc_and_60_hz() -> None:
    """High first; five readings are seven conversions, and then nothing flows."""
    rig = Rig()
    rig.say(*DELTA)
    started = rig.run("DELT")
    steps = rig.levels(started)
    assert [time for time, _ in steps] == pytest.approx([k / 24 for k in range(8)])
    assert [level for _, level in steps] == pytest.approx([1e-3, -1e-3] * 3 + [1e-3, 0.0])
    times = rig.numbers("TRAC:DATA?")[1::2]
    assert times == pytest.approx([k / 24 for k in range(5)], abs=1e-6)


def test_delay_and_integration_make_a_conversion_longer() -> None:
    """0.1 s before each, 5 PLC twice in each, at 50 Hz."""
    rig = Rig(line_frequency=50.0)
    rig.say(*DELTA)
    started = rig.run("DELT", "SOUR:DELT:DEL 0.1", 'SYST:COMM:SER:SEND "VOLT:NPLC 5"')
    cycle = 0.1 + 2 * 5 / 50 + (1 / 24 - 2 / 60 - 2e-3)
    assert [time for time, _ in rig.levels(started)] == pytest.approx([cycle * k for k in range(8)])


def test_a_delay_of_infinity_measures_nothing() -> None:
    """It is accepted, and the first current just flows."""
    rig = Rig()
    rig.run("DELT", *DELTA, "SOUR:DELT:DEL INF")
    assert rig.current() == pytest.approx(1e-3)
    assert rig.numbers("SENS:DATA?")[0] == 9.9e37


# --- life cycle -----------------------------------------------------------------------------------


def test_a_run_ends_after_its_count_and_another_overwrites_the_buffer() -> None:
    """Still armed (622x-900-01 p. 5-34); *OPC? is answered at the end."""
    rig = Rig()
    assert len(rig.measure("DELT", *DELTA)) == 5
    assert rig.ask("SOUR:DELT:ARM?") == "1"
    assert int(rig.ask("STAT:OPER?")) & 2
    rig.say("INIT")
    assert rig.ask("TRAC:POIN:ACT?") == "0"
    assert rig.ask("*OPC?") == "1"
    assert rig.ask("TRAC:POIN:ACT?") == "5"
    rig.say("SOUR:SWE:ABOR")
    assert rig.ask("SOUR:DELT:ARM?;:OUTP?;:TRAC:DATA:TYPE?;:TRAC:POIN:ACT?") == "0;0;DELT;5"


def test_an_endless_run_goes_on_when_the_buffer_is_full() -> None:
    """The buffer size was set to 3: no more is stored, readings go on until SWE:ABOR."""
    rig = Rig()
    rig.run("DELT", "TRAC:POIN 3", seconds=10)
    assert rig.ask("TRAC:POIN:ACT?") == "3"
    assert rig.numbers("SENS:DATA?")[1] == pytest.approx(10 - 3 / 24, abs=0.05)
    rig.say("SOUR:SWE:ABOR")
    assert rig.current() == 0.0
    assert int(rig.ask("STAT:OPER?")) & 4


def test_a_fresh_reading_is_returned_once() -> None:
    """-230 until the next (622x-901-01 p. 5-15); the latest again, after the end too; neither un-armed."""
    rig = Rig()
    rig.run("DELT", "SOUR:DELT:DEL 1", seconds=4.0)
    rig.numbers("SENS:DATA:FRES?")
    rig.say("SENS:DATA:FRES?")
    assert rig.error() == -230
    assert rig.numbers("SENS:DATA?") == rig.numbers("SENS:DATA:LAT?")
    rig.clock.wait(1.1)
    rig.numbers("SENS:DATA:FRES?")
    rig.say("ABOR")
    assert rig.numbers("SENS:DATA?")[0] == pytest.approx(10e-3)
    rig.say("SOUR:SWE:ABOR", "SENS:DATA?")
    assert rig.error() == -221
    rig.say("SENS:DATA:FRES?")
    assert rig.error() == -221


def test_an_aborted_run_leaves_nothing_behind_for_the_next() -> None:
    """Started again in the middle of a conversion, the first reading is right and as late as ever."""
    rig = Rig()
    rig.run("DELT", *DELTA, seconds=1.4 / 24)
    rig.say("ABOR", "INIT")
    started = rig.clock.now()
    assert rig.ask("*OPC?") == "1"
    assert rig.clock.now() - started == pytest.approx(7 / 24)
    assert rig.numbers("TRAC:DATA?")[::2] == pytest.approx([10e-3] * 5)


def test_reset_ends_a_run_and_gives_the_meter_back() -> None:
    """Nothing flows, and the meter reads again by itself."""
    rig = Rig()
    rig.run("DELT", seconds=1)
    rig.say("*RST")
    rig.clock.wait(1)
    assert rig.current() == 0.0
    rig.say('SYST:COMM:SER:SEND "READ?"')
    rig.clock.wait(10)
    assert float(rig.ask("SYST:COMM:SER:ENT?")) == pytest.approx(0.0)


def test_arming_another_mode_un_arms_delta() -> None:
    """622x-900-01 p. 5-34; what ran ends."""
    rig = Rig()
    rig.run("DELT", seconds=1)
    rig.say("SOUR:PDEL:ARM")
    assert rig.ask("SOUR:DELT:ARM?;:SOUR:PDEL:ARM?;:SOUR:DCON:ARM?") == "0;1;0"
    assert rig.current() == 0.0


def test_compliance_shows_and_ends_a_run_that_is_told_to_abort() -> None:
    """0.1 V over 264 ohm let 0.38 mA through: half of the readings' currents, marked, or no reading at all."""
    rig = Rig()
    values = rig.measure("DELT", *DELTA, "SOUR:CURR:COMP 0.1", "FORM:ELEM READ,COMP")
    assert values == pytest.approx([OHMS * 0.1 / 264] * 5, rel=1e-4)
    assert rig.numbers("TRAC:DATA?")[1::2] == [1.0] * 5
    rig.say("SOUR:SWE:ABOR", "*CLS")
    rig.run("DELT", "SOUR:DELT:CAB ON")
    assert int(rig.ask("STAT:OPER?")) & 0b110 == 0b100
    assert rig.ask("TRAC:POIN:ACT?") == "0"
    assert rig.current() == 0.0


def test_an_overflow_of_the_meter_is_an_overflow_of_the_readings() -> None:
    """10 mV on the 10 mV range is 12 mV at most; 20 mV are +9.9E37 and bit 0."""
    rig = Rig()
    values = rig.measure("DELT", "SOUR:DELT:HIGH 2e-3;COUN 2", 'SYST:COMM:SER:SEND "VOLT:RANG 0.01"')
    assert values == [9.9e37] * 2
    assert int(rig.ask("STAT:MEAS?")) & 1


def test_without_a_meter_nothing_is_present_nor_armed() -> None:
    """-241."""
    rig = Rig(relay=False)
    assert rig.ask("SOUR:DELT:NVPR?;:SOUR:PDEL:NVPR?;:SOUR:DCON:NVPR?") == "0;0;0"
    for mode in ("DELT", "PDEL", "DCON"):
        rig.say(f"SOUR:{mode}:ARM")
        assert rig.ask("SYST:ERR?") == '-241,"Hardware missing"'
        assert rig.ask(f"SOUR:{mode}:ARM?") == "0"


def test_without_the_trigger_link_a_run_waits_for_ever() -> None:
    """The meter is there, but hears no trigger: waiting in the trigger layer."""
    rig = Rig(link=False)
    rig.run("DELT", *DELTA, seconds=1000)
    assert int(rig.ask("STAT:OPER:COND?")) & (1 << 5 | 1 << 3) == 1 << 5 | 1 << 3
    assert rig.ask("TRAC:POIN:ACT?") == "0"


def test_other_trigger_lines_than_the_meters_lead_nowhere() -> None:
    """The meter answers on line 1."""
    rig = Rig()
    rig.run("DELT", *DELTA, "TRIG:ILIN 4")
    assert rig.ask("TRAC:POIN:ACT?") == "0"


# --- filter ---------------------------------------------------------------------------------------


def test_a_repeating_filter_makes_one_reading_of_many() -> None:
    """Two readings of four deltas each: ten conversions, and the mean of alternating errors is nothing."""
    rig = Rig(lambda amperes, time: OHMS * amperes + 0.05 * time**2)
    rig.say("SENS:AVER:TCON REP;COUN 4;STAT ON", 'SYST:COMM:SER:SEND "VOLT:RANG 1"')
    rig.say("SOUR:DELT:COUN 2")
    started = rig.run("DELT")
    assert rig.numbers("TRAC:DATA?")[::2] == pytest.approx([10e-3] * 2, rel=1e-4)
    assert rig.levels(started)[-1][0] == pytest.approx(10 / 24)


def test_a_moving_filter_gives_a_reading_for_each_and_settles() -> None:
    """10 ohm become 20 in the middle: four readings on the way, with none of them lost; window 0 is none."""
    start = 3.0
    rig = Rig(lambda amperes, time: (OHMS if time < start else 2 * OHMS) * amperes)
    rig.say("SENS:AVER:COUN 4;STAT ON", "SOUR:DELT:HIGH 1e-4")
    rig.run("DELT", seconds=start - rig.clock.now() - 1.5)
    assert int(rig.ask("STAT:OPER:COND?")) & 1 << 8
    rig.clock.run_until(start + 0.7)
    values = rig.numbers("TRAC:DATA?")[::2]
    assert values[0] == pytest.approx(1e-3)
    assert values[-1] == pytest.approx(2e-3)
    assert sum(1.001e-3 < value < 1.999e-3 for value in values) in (5, 6)


def test_a_window_makes_the_filter_start_afresh() -> None:
    """The same step is beyond 1 % of 10 mV: only the mixed deltas stand between."""
    start = 3.0
    rig = Rig(lambda amperes, time: (OHMS if time < start else 2 * OHMS) * amperes)
    rig.say("SENS:AVER:COUN 10;WIND 1;STAT ON", "SOUR:DELT:HIGH 1e-4", 'SYST:COMM:SER:SEND "VOLT:RANG 0.01"')
    rig.run("DELT", seconds=start - rig.clock.now() - 1.5)
    rig.clock.run_until(start + 0.7)
    values = rig.numbers("TRAC:DATA?")[::2]
    assert sum(1.001e-3 < value < 1.999e-3 for value in values) <= 3
    assert values[-1] == pytest.approx(2e-3)


# --- differential conductance ---------------------------------------------------------------------

A, B = 10.0, 1e7
SWEEP = "SOUR:DCON:STAR -1e-3;STOP 1e-3;STEP 1e-4;DELT 2e-5"


def cubic(amperes: float, time: float) -> float:
    """A device whose resistance grows with the current, and a thermal voltage that drifts."""
    return A * amperes + B * amperes**3 + 5e-6 + 1e-6 * time


def test_differential_conductance_follows_the_slope_of_the_curve() -> None:
    """V = a I + b I^3 from STARt to STOP, both included: a + 3 b I^2, and what the finite steps s and d add.

    With X and Z at I -+ s + d and Y at I - d that is b (d^2 + 3 s^2 / 2 + 3 I s^2 / 2 d); the last of
    these alternates.
    """
    rig = Rig(cubic)
    values = rig.measure("DCON", SWEEP, "UNIT OHMS", "FORM:ELEM READ,SOUR")
    currents = rig.numbers("TRAC:DATA?")[1::2]
    assert currents == pytest.approx([-1e-3 + 1e-4 * n for n in range(21)], abs=1e-9)
    d, s = 2e-5, 1e-4
    known = [
        A + B * (3 * current**2 + d**2 + 1.5 * s**2 + (-1) ** n * 1.5 * current * s**2 / d)
        for n, current in enumerate(currents)
    ]
    assert values == pytest.approx(known, rel=1e-4)


@pytest.mark.parametrize(("unit", "value"), [("V", 200e-6), ("SIEM", 0.1), ("OHMS", 10.0)])
def test_a_straight_device_has_one_conductance(unit: str, value: float) -> None:
    """Up and down."""
    for ends in ("STAR 0;STOP 5e-4", "STAR 5e-4;STOP 0"):
        rig = Rig()
        values = rig.measure("DCON", f"SOUR:DCON:{ends};STEP 1e-4;DELT 2e-5", f"UNIT {unit}")
        assert values == pytest.approx([value] * 6)


def test_average_voltage_and_power_are_those_of_the_stair() -> None:
    """AVOL of a straight device is R I, and its power R I^2 (622x-900-01 p. 5-38)."""
    rig = Rig()
    values = rig.measure("DCON", "SOUR:DCON:STAR 1e-4;STOP 3e-4;STEP 1e-4", "UNIT W", "FORM:ELEM READ,AVOL")
    assert values == pytest.approx([1e-7, 4e-7, 9e-7])
    assert rig.numbers("TRAC:DATA?")[1::2] == pytest.approx([1e-3, 2e-3, 3e-3])


def test_a_step_beyond_the_way_makes_a_hundred_points() -> None:
    """622x-900-01 p. 5-38."""
    assert len(Rig().measure("DCON", "SOUR:DCON:STAR 0;STOP 1e-4;STEP 1e-2")) == 100


@pytest.mark.parametrize("line", ["SOUR:DCON:STEP 0", "SOUR:DCON:STOP 0.105"])
def test_a_staircase_that_cannot_be_is_refused_at_arming(line: str) -> None:
    """-221; the last A/D needs a step and DELTa beyond STOP."""
    rig = Rig()
    rig.say(line, "SOUR:DCON:ARM")
    assert rig.error() == -221
    assert rig.ask("SOUR:DCON:ARM?") == "0"


def test_the_zero_of_differential_conductance_is_not_simulated() -> None:
    """What is not simulated is refused."""
    rig = Rig()
    rig.say("SOUR:DCON:NVZ?")
    assert rig.error() == -113
