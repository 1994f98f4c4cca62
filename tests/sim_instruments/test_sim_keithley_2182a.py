"""The simulated 2182A: when a reading is there, and what it is worth."""

from __future__ import annotations

import numpy as np
import pytest
from rig_2182a import Rig


@pytest.fixture
def rig() -> Rig:
    """Filter off, 10 mV range, 1 PLC."""
    rig = Rig()
    rig.say("SENS:VOLT:DFIL OFF", "SENS:VOLT:RANG 0.01", "SENS:VOLT:NPLC 1")
    return rig


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line_frequency", "nplc", "seconds"),
    [
        (60.0, 5, 1 / 3),
        (60.0, 1, 1 / 18),
        (60.0, 0.1, 1 / 80),
        (60.0, 0.01, 1 / 115),
        (50.0, 1, 1 / 15),
        (50.0, 10, 1.0),
    ],
)
def test_a_reading_takes_as_long_as_on_the_instrument(
    line_frequency: float, nplc: float, seconds: float
) -> None:
    """Data-sheet rates with both autozeros on and filters off."""
    rig = Rig(line_frequency=line_frequency)
    rig.say("SENS:VOLT:DFIL OFF", f"SENS:VOLT:NPLC {nplc}")
    assert rig.seconds("READ?") == pytest.approx(seconds)


def test_between_the_tabled_rates_the_time_grows_with_the_integration(rig: Rig) -> None:
    """Monotonic, and proportional beyond 5 PLC."""
    times: list[float] = []
    for nplc in (0.02, 0.05, 0.2, 0.5, 2, 3, 7, 20, 40):
        rig.say(f"SENS:VOLT:NPLC {nplc}")
        times.append(rig.seconds("READ?"))
    assert times == sorted(times)
    assert times[-1] == pytest.approx(2 * times[-2])


def test_autozero_and_filters_cost_time(rig: Rig) -> None:
    """Front autozero off halves a reading (p. 2-7), the analog filter adds 125 ms, autozero off gains little."""
    plain = rig.seconds("READ?")
    rig.say("SYST:FAZ OFF")
    assert rig.seconds("READ?") == pytest.approx(plain / 2)
    rig.say("SYST:FAZ ON", "SENS:VOLT:LPAS ON")
    assert rig.seconds("READ?") == pytest.approx(plain + 0.125)
    rig.say("SENS:VOLT:LPAS OFF", "SYST:AZER OFF")
    assert 0.9 * plain < rig.seconds("READ?") < plain


def test_the_first_reading_after_reset_takes_ten_conversions() -> None:
    """The moving filter of ten is on after *RST and fills once; then one conversion a reading."""
    rig = Rig()
    rig.say("*RST")
    rig.clock.wait(1.0)
    first, second = rig.seconds("READ?"), rig.seconds("READ?")
    assert first == pytest.approx(10 * second)
    assert second == pytest.approx(0.5)


def test_the_repeating_filter_takes_its_count_every_time(rig: Rig) -> None:
    """Four conversions for each reading."""
    one = rig.seconds("READ?")
    rig.say("SENS:VOLT:DFIL ON", "SENS:VOLT:DFIL:TCON REP", "SENS:VOLT:DFIL:COUN 4")
    assert [rig.seconds("READ?"), rig.seconds("READ?")] == pytest.approx([4 * one, 4 * one])


def test_line_synchronisation_waits_for_the_line(rig: Rig) -> None:
    """A conversion of 1 PLC or more begins on a multiple of 20 ms."""
    plain = rig.seconds("READ?")
    rig.say("SYST:LSYN ON")
    rig.clock.run_until(1.003)
    rig.ask("READ?")
    assert rig.clock.now() == pytest.approx(1.02 + plain)


@pytest.mark.parametrize(("aperture", "nplc"), [("0.02", "1.00"), ("1", "50.00")])
def test_integration_can_be_set_in_seconds(rig: Rig, aperture: str, nplc: str) -> None:
    """APERture and NPLCycles are one setting."""
    rig.say(f"SENS:VOLT:APER {aperture}")
    assert rig.ask("SENS:VOLT:NPLC?") == nplc
    assert float(rig.ask("SENS:VOLT:APER?")) == pytest.approx(float(aperture))


def test_a_line_of_50_hertz_allows_50_cycles() -> None:
    """And no other mains is known."""
    rig = Rig()
    rig.say("SENS:VOLT:NPLC 51")
    assert rig.error() == -222
    assert rig.ask("SYST:LFR?") == "50"
    with pytest.raises(ValueError, match="50 or 60 Hz"):
        Rig(line_frequency=400.0)


# --- value ----------------------------------------------------------------------------------------


def test_the_value_is_the_mean_over_the_conversion(rig: Rig) -> None:
    """A step in the middle counts half; one before or after counts all or nothing."""

    def step() -> None:
        rig.volts = 3e-3

    rig.clock.after(0.03, step)
    assert rig.read() == pytest.approx(2e-3)
    assert rig.read() == pytest.approx(3e-3)


def test_the_moving_filter_averages_small_changes(rig: Rig) -> None:
    """Within the window (0.01 % of 10 mV is 1 uV) the mean of the last two."""
    rig.say("SENS:VOLT:DFIL ON", "SENS:VOLT:DFIL:COUN 2")
    rig.read()
    rig.volts += 0.5e-6
    assert rig.read() == pytest.approx(1e-3 + 0.25e-6)
    assert rig.read() == pytest.approx(1e-3 + 0.5e-6)


def test_a_step_beyond_the_window_fills_the_filter_afresh(rig: Rig) -> None:
    """The reading after the step knows nothing of before, and takes two conversions; a window of 0 is none."""
    rig.say("SENS:VOLT:DFIL ON", "SENS:VOLT:DFIL:COUN 2")
    rig.read()
    one = rig.seconds("READ?")
    rig.volts = 5e-3
    assert rig.seconds("READ?") == pytest.approx(2 * one)
    assert float(rig.ask("FETC?")) == pytest.approx(5e-3)
    rig.say("SENS:VOLT:DFIL:WIND 0")
    rig.read()
    rig.volts = 1e-3
    assert rig.read() == pytest.approx(3e-3)


@pytest.mark.parametrize(
    ("volts", "full_scale"), [(0.0119, 0.01), (0.0121, 0.1), (0.9, 1.0), (-11.9, 10.0), (119.0, 100.0)]
)
def test_autorange_takes_the_lowest_range_that_measures_so_much(volts: float, full_scale: float) -> None:
    """A range measures to 120 %."""
    rig = Rig()
    rig.say("SENS:VOLT:DFIL OFF")
    rig.volts = volts / 2
    rig.read()
    rig.volts = volts
    assert rig.read() == pytest.approx(volts)
    assert float(rig.ask("SENS:VOLT:RANG?")) == full_scale


def test_a_voltage_beyond_the_range_overflows(rig: Rig) -> None:
    """+9.9E37 and bit 0 of the measurement condition, until a reading fits again."""
    rig.volts = -0.0125
    assert rig.ask("READ?") == "+9.9E37"
    assert int(rig.ask("STAT:MEAS:COND?")) & 1
    rig.volts = -0.0115
    assert rig.read() == pytest.approx(-0.0115)
    assert not int(rig.ask("STAT:MEAS:COND?")) & 1


def test_a_reference_is_subtracted_when_it_is_switched_on(rig: Rig) -> None:
    """Acquired from the last reading, or set by hand."""
    rig.read()
    rig.say("SENS:VOLT:REF:ACQ")
    assert rig.read() == pytest.approx(1e-3)
    rig.say("SENS:VOLT:REF:STAT ON")
    assert rig.read() == pytest.approx(0.0, abs=1e-12)
    rig.say("SENS:VOLT:REF 0.25e-3")
    assert rig.read() == pytest.approx(0.75e-3)
    assert float(rig.ask("SENS:VOLT:REF?")) == pytest.approx(0.25e-3)


def test_channel_2_has_terminals_and_settings_of_its_own() -> None:
    """Three ranges from 100 mV; channel 1 does not notice."""
    rig = Rig(channel2=lambda: 0.05)
    rig.say("SENS:VOLT:DFIL OFF", "SENS:VOLT:CHAN2:DFIL OFF", "SENS:CHAN 2")
    assert rig.read() == pytest.approx(0.05)
    assert float(rig.ask("SENS:VOLT:CHAN2:RANG?")) == 0.1
    rig.say("SENS:CHAN 1")
    assert rig.read() == pytest.approx(1e-3)


def test_channel_2_without_a_wire_is_shorted(rig: Rig) -> None:
    """0 V."""
    rig.say("SENS:CHAN 2")
    assert rig.read() == 0.0


@pytest.mark.parametrize(("unit", "value"), [("C", 23.0), ("F", 73.4), ("K", 296.15)])
def test_channel_0_is_the_internal_temperature(rig: Rig, unit: str, value: float) -> None:
    """In the unit of UNIT:TEMPerature."""
    rig.say("SENS:CHAN 0", f"UNIT:TEMP {unit}")
    assert rig.read() == pytest.approx(value)


def test_noise_falls_with_the_root_of_the_integration_time() -> None:
    """70 nV peak to peak at 1 PLC on the 10 mV range is 11.7 nV rms."""
    spread: dict[int, float] = {}
    for nplc in (1, 4):
        rig = Rig(noise=True)
        rig.say("SENS:VOLT:DFIL OFF", "SENS:VOLT:RANG 0.01", f"SENS:VOLT:NPLC {nplc}")
        spread[nplc] = float(np.std([rig.read() for _ in range(400)]))
    assert spread[1] == pytest.approx(11.7e-9, rel=0.15)
    assert spread[4] == pytest.approx(spread[1] / 2, rel=0.15)


def test_noise_and_errors_follow_from_the_seed() -> None:
    """The same seed gives the same readings, another one others."""
    readings = [[Rig(noise=True, accuracy=True, seed=seed).read() for _ in range(3)] for seed in (1, 1, 2)]
    assert readings[0] == readings[1] != readings[2]


def test_every_unit_is_within_its_specification_and_none_is_perfect() -> None:
    """10 mV range: 50 ppm of reading and 4 ppm of range."""
    errors: list[float] = []
    for unit in range(40):
        rig = Rig(accuracy=True, serial=str(unit))
        rig.volts = 0.01
        rig.say("SENS:VOLT:DFIL OFF", "SENS:VOLT:RANG 0.01")
        errors.append(rig.read() - 0.01)
    limit = 54e-6 * 0.01
    assert max(map(abs, errors)) <= limit
    assert np.std(errors) > limit / 10


def test_front_autozero_off_lets_an_offset_through() -> None:
    """Up to 500 uV in plain voltage mode (p. 2-7)."""
    offsets: list[float] = []
    for unit in range(20):
        rig = Rig(accuracy=True, serial=str(unit))
        rig.volts = 0.0
        rig.say("SENS:VOLT:DFIL OFF", "SENS:VOLT:RANG 0.01", "SYST:FAZ OFF")
        offsets.append(rig.read())
    assert 200e-6 < max(map(abs, offsets)) < 501e-6
