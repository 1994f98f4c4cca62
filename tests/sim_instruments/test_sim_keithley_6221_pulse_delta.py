"""Pulse delta of the simulated 6221 with a 2182A: formulae, the pulses that flow and when, sweeps, refusals."""

from __future__ import annotations

import math

import pytest
from rig_delta import OHMS, Rig

PULSES = ("SOUR:PDEL:HIGH 1e-3", "SOUR:PDEL:WIDT 1e-3", "SOUR:PDEL:SDEL 1e-4", "SOUR:PDEL:COUN 3")


def heated(amperes: float, time: float, after: float = math.inf) -> float:
    """10 ohm, 10 uV of thermal voltage, and 1 mV more once the pulse has heated the device."""
    return OHMS * amperes + 10e-6 + (1e-3 if time > after else 0.0)


def after_the_first_pulse(low_measurements: int) -> float:
    """Return the first reading where what the pulse heated still shows at the low level after it."""
    hot = [math.inf]
    rig = Rig(lambda amperes, time: heated(amperes, time, hot[0]))
    rig.say(*PULSES, "SOUR:PDEL:COUN 1", f"SOUR:PDEL:LME {low_measurements}", "SOUR:PDEL:ARM")
    assert rig.error() == 0
    second_crossing = math.ceil(rig.clock.now() * 60) / 60 + 1 / 60
    hot[0] = second_crossing + 2e-3
    rig.say("INIT")
    rig.clock.wait(1)
    return rig.numbers("TRAC:DATA?")[0]


def test_the_examples_of_the_manual() -> None:
    """2182A-900-01 appendix I: 0.01, 10.01, 0.01 mV are 10 mV; 1.01 at the end makes 9.5, or 10 by two points."""
    assert Rig(heated).measure("PDEL", *PULSES) == pytest.approx([10e-3] * 3)
    assert Rig(heated).measure("PDEL", *PULSES, "SOUR:PDEL:LME 1") == pytest.approx([10e-3] * 3)
    assert after_the_first_pulse(2) == pytest.approx(9.5e-3)
    assert after_the_first_pulse(1) == pytest.approx(10e-3)


def test_a_drift_falls_out_with_three_points_and_not_with_two() -> None:
    """1 mV/s is 16.7 uV from one line cycle to the next."""
    drift = {
        low: Rig(lambda amperes, time: OHMS * amperes + 1e-3 * time).measure(
            "PDEL", *PULSES, f"SOUR:PDEL:LME {low}"
        )
        for low in (1, 2)
    }
    assert drift[2] == pytest.approx([10e-3] * 3, abs=1e-8)
    assert drift[1] == pytest.approx([10e-3 + 1e-3 / 60] * 3, abs=1e-8)


def test_a_reading_is_the_voltage_of_high_minus_low() -> None:
    """-0.5 mA to 1 mA over 10 ohm: 15 mV, and 10 ohm."""
    low = "SOUR:PDEL:LOW -0.5e-3"
    assert Rig().measure("PDEL", *PULSES, low) == pytest.approx([15e-3] * 3)
    assert Rig().measure("PDEL", *PULSES, low, "UNIT OHMS") == pytest.approx([10.0] * 3)


def test_power_is_that_of_the_pulse_or_its_average() -> None:
    """10 uW for 1 ms of 5 line cycles of 60 Hz."""
    assert Rig().measure("PDEL", *PULSES, "UNIT W") == pytest.approx([10e-6] * 3)
    average = Rig().measure("PDEL", *PULSES, "UNIT W", "UNIT:POW AVER")
    assert average == pytest.approx([10e-6 * 1e-3 * 60 / 5] * 3)


@pytest.mark.parametrize("line_frequency", [50.0, 60.0])
def test_pulses_come_in_the_second_line_cycle_of_each_interval(line_frequency: float) -> None:
    """They begin at a zero crossing of the line, last their width, and stand alone; the low level between."""
    rig = Rig(line_frequency=line_frequency)
    rig.say(*PULSES, "SOUR:PDEL:LOW 1e-4", "SOUR:PDEL:INT 7")
    since = rig.run("PDEL")
    crossing = math.ceil(since * line_frequency) / line_frequency - since
    steps = rig.levels(since)
    assert steps[0] == (0.0, pytest.approx(1e-4))
    for number in range(3):
        begin, end = steps[1 + 2 * number : 3 + 2 * number]
        assert begin == (pytest.approx(crossing + (1 + 7 * number) / line_frequency), pytest.approx(1e-3))
        assert end == (pytest.approx(begin[0] + 1e-3), pytest.approx(1e-4))
    assert steps[7][1] == 0.0, "nothing flows after the last reading"
    assert len(steps) == 8


def test_there_are_twelve_readings_a_second_at_60_hz() -> None:
    """Intervals of 5 line cycles."""
    rig = Rig()
    rig.run("PDEL", *PULSES, "SOUR:PDEL:COUN 20")
    assert rig.numbers("TRAC:DATA?")[1::2] == pytest.approx([k / 12 for k in range(20)], abs=1e-6)
    assert rig.ask("TRAC:DATA:TYPE?") == "PULS"


def test_pulses_end_although_the_meter_is_not_triggered() -> None:
    """Without the link the first low measurement is never done, and no pulse begins: the low level flows."""
    rig = Rig(link=False)
    since = rig.run("PDEL", *PULSES, "SOUR:PDEL:LOW 1e-4")
    assert max(level for _, level in rig.levels(since)) == pytest.approx(1e-4)


def test_an_abort_in_the_middle_of_a_pulse_ends_it() -> None:
    """And the run that follows has whole pulses."""
    rig = Rig(line_frequency=60.0)
    rig.say(*PULSES, "SOUR:PDEL:WIDT 12e-3", "SOUR:PDEL:ARM")
    assert rig.error() == 0
    since = rig.clock.now()
    rig.say("INIT")
    second = math.ceil(since * 60) / 60 + 1 / 60
    rig.clock.run_until(second + 5e-3)
    assert rig.current() == pytest.approx(1e-3)
    rig.say("ABOR")
    assert rig.current() == 0.0
    rig.say("INIT")
    assert rig.ask("*OPC?") == "1"
    assert rig.numbers("TRAC:DATA?")[::2] == pytest.approx([10e-3] * 3)
    pulses = [time for time, level in rig.levels(second + 5e-3) if level == pytest.approx(1e-3)]
    ends = [time for time, level in rig.levels(second + 6e-3) if level == 0.0]
    assert len(pulses) == 3
    assert ends


def test_pulse_heights_follow_a_sweep_and_its_delay_is_the_cycle() -> None:
    """The manual's example (622x-900-01 p. 5-23): 2 to 10 mA in steps of 2 mA; twice; 0.5 s each."""
    rig = Rig()
    rig.say(
        "SOUR:SWE:SPAC LIN", "SOUR:CURR:STAR 2e-3;STOP 10e-3;STEP 2e-3", "SOUR:DEL 0.5", "SOUR:SWE:COUN 2"
    )
    heights = [2e-3, 4e-3, 6e-3, 8e-3, 10e-3]
    values = rig.measure("PDEL", *PULSES, "SOUR:PDEL:SWE ON", "FORM:ELEM READ,SOUR")
    assert values == pytest.approx([OHMS * height for height in heights * 2])
    assert rig.numbers("TRAC:DATA?")[1::2] == pytest.approx(heights * 2)
    rig.say("FORM:ELEM TST")
    assert rig.numbers("TRAC:DATA?") == pytest.approx([0.5 * k for k in range(10)], abs=1e-6)


def test_pulse_heights_follow_a_list_with_delays_of_its_own() -> None:
    """Rounded up to the next zero crossing of the line."""
    rig = Rig()
    rig.say("SOUR:SWE:SPAC LIST", "SOUR:LIST:CURR 1e-3,2e-3,4e-3", "SOUR:LIST:DEL 0.1,0.21,0.1")
    assert rig.measure("PDEL", *PULSES, "SOUR:PDEL:SWE ON") == pytest.approx([10e-3, 20e-3, 40e-3])
    assert rig.numbers("TRAC:DATA?")[1::2] == pytest.approx([0.0, 6 / 60, 6 / 60 + 13 / 60], abs=1e-6)


def test_the_source_delay_lets_a_device_settle() -> None:
    """One that needs 0.4 ms reads low when it is measured from 0.1 ms on, and right from 0.5 ms on."""

    def law(amperes: float, time: float) -> float:
        stepped = rig.load.given[-1][0] if rig.load.given else 0.0
        return OHMS * amperes if time - stepped > 4e-4 else 0.0

    rig = Rig(law)
    early = rig.measure("PDEL", *PULSES)
    assert early == pytest.approx([5e-3] * 3), "the mean of both ends"
    late = rig.measure("PDEL", "SOUR:SWE:ABOR", *PULSES, "SOUR:PDEL:SDEL 5e-4")
    assert late == pytest.approx([10e-3] * 3)


@pytest.mark.parametrize(
    "set_up",
    [
        "SOUR:CURR:RANG 2e-3;:SOUR:PDEL:HIGH 5e-3;RANG FIX",
        "SOUR:PDEL:SWE ON;:SOUR:SWE:SPAC LOG;:SOUR:CURR:STAR 0",
    ],
)
def test_pulses_that_cannot_be_are_refused_at_arming(set_up: str) -> None:
    """Too high for the fixed range, a logarithmic sweep from zero: -221."""
    rig = Rig()
    rig.say(set_up)
    assert rig.error() == 0
    rig.say("SOUR:PDEL:ARM")
    assert rig.error() == -221


def test_a_source_delay_leaves_time_for_the_conversion() -> None:
    """As long as the pulse, it counts as 34 us less, and the pulse is read."""
    rig = Rig()
    assert rig.measure("PDEL", *PULSES, "SOUR:PDEL:WIDT 1e-3;SDEL 1e-3") == pytest.approx([10e-3] * 3)


def test_the_shortest_pulse_is_accepted() -> None:
    """50 us with 16 us of delay; the noise of so short an integration is that of 33 us."""
    rig = Rig(noise=True)
    values = rig.measure("PDEL", "SOUR:PDEL:HIGH 1e-4;WIDT 50e-6;SDEL 16e-6;COUN 200")
    mean = sum(values) / 200
    rms = math.sqrt(sum((value - mean) ** 2 for value in values) / 200)
    assert rms == pytest.approx(70e-9 / 6 / math.sqrt(33e-6 * 60) * math.sqrt(1.5), rel=0.2)
