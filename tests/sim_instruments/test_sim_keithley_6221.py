"""The simulated 6221 as a DC source: what its load sees, and what its status says."""

from __future__ import annotations

import numpy as np
import pytest

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_6221 import Keithley6221Sim


class Recorder:
    """A resistor that remembers every current it was given."""

    def __init__(self, resistance: float = 264.0) -> None:
        self.resistance = resistance
        self.currents: list[float] = []

    def drive(self, current: float) -> None:
        self.currents.append(current)

    @property
    def current(self) -> float:
        return self.currents[-1] if self.currents else 0.0


class Rig:
    """A 6221 on a resistor."""

    def __init__(self, *, resistance: float = 264.0, accuracy: bool = False, unit: int = 1) -> None:
        self.clock = VirtualClock()
        self.load = Recorder(resistance)
        self.source = Keithley6221Sim(self.clock, self.load, accuracy=accuracy, serial=str(unit))

    def say(self, *lines: str) -> None:
        for line in lines:
            self.source.write(line.encode() + b"\n")

    def ask(self, line: str) -> str:
        self.say(line)
        reply = self.source.next_reply(self.clock.now() + 10.0)
        assert reply is not None
        return reply.decode().removesuffix("\n")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_current_flows_only_with_the_output_on(rig: Rig) -> None:
    """The level alone does nothing; each change reaches the load once."""
    rig.say("SOUR:CURR 1e-3")
    assert rig.load.currents == []
    rig.say("OUTP ON", "OUTP ON", "SOUR:CURR 1e-3", "SOUR:CURR -2e-3", "OUTP OFF")
    assert rig.load.currents == pytest.approx([1e-3, -2e-3, 0.0])


@pytest.mark.parametrize("line", ["SOUR:CLE", "*RST", "SYST:PRES"])
def test_clear_and_reset_stop_the_current(rig: Rig, line: str) -> None:
    """Level to zero, output off."""
    rig.say("SOUR:CURR 1e-3", "OUTP ON", line)
    assert rig.load.current == 0.0
    assert rig.ask("OUTP?;:SOUR:CURR?") == "0;0.000000E+00"


def test_a_message_takes_ten_milliseconds_and_reset_a_second(rig: Rig) -> None:
    """On the virtual clock; what follows *RST waits for it."""
    rig.ask("OUTP?")
    assert rig.clock.now() == pytest.approx(0.01)
    rig.say("*RST")
    rig.ask("OUTP?")
    assert rig.clock.now() == pytest.approx(0.01 + 0.01 + 1.0)


@pytest.mark.parametrize(
    ("current", "range_", "full_scale"),
    [
        (2.1e-9, "2e-9", 2e-9),
        (2.11e-9, "20e-9", 20e-9),
        (0.001, "0.001", 2e-3),
        (-0.0211, "-0.0211", 0.1),
        (0.1, "0.105", 0.1),
    ],
)
def test_a_fixed_range_is_the_lowest_that_fits_and_carries_105_per_cent(
    rig: Rig, current: float, range_: str, full_scale: float
) -> None:
    """2n to 100m in decades of 2, and 100 mA."""
    rig.say(f"SOUR:CURR:RANG {range_}", f"SOUR:CURR {current}")
    assert float(rig.ask("SOUR:CURR:RANG?")) == pytest.approx(full_scale)
    assert float(rig.ask("SOUR:CURR?")) == pytest.approx(current)


def test_a_level_above_the_fixed_range_is_refused(rig: Rig) -> None:
    """-222, and the old current goes on flowing."""
    rig.say("SOUR:CURR:RANG 2e-3", "SOUR:CURR 1e-3", "OUTP ON", "SOUR:CURR 2.2e-3")
    assert rig.ask("SYST:ERR?") == '-222,"Parameter data out of range"'
    assert rig.load.current == pytest.approx(1e-3)


def test_autorange_follows_the_level(rig: Rig) -> None:
    """Setting a range by hand ends autorange."""
    rig.say("SOUR:CURR:RANG:AUTO ON", "SOUR:CURR 5e-6")
    assert float(rig.ask("SOUR:CURR:RANG?")) == 20e-6
    rig.say("SOUR:CURR 30e-3")
    assert float(rig.ask("SOUR:CURR:RANG?")) == 0.1
    rig.say("SOUR:CURR:RANG 0.1")
    assert rig.ask("SOUR:CURR:RANG:AUTO?") == "0"


def test_a_range_below_the_present_level_is_a_conflict(rig: Rig) -> None:
    """-221, range and level stay."""
    rig.say("SOUR:CURR 5e-3", "SOUR:CURR:RANG 2e-3")
    assert rig.ask("SYST:ERR?").startswith("-221")
    assert float(rig.ask("SOUR:CURR:RANG?")) == 0.1


def test_compliance_limits_the_current(rig: Rig) -> None:
    """1 V over 264 ohm is 3.79 mA; measurement bit 3 tells."""
    rig.say("SOUR:CURR:COMP 1", "SOUR:CURR -10e-3", "OUTP ON")
    assert rig.load.current == pytest.approx(-1 / 264)
    assert int(rig.ask("STAT:MEAS:COND?")) & 8
    rig.say("SOUR:CURR:COMP 10")
    assert rig.load.current == pytest.approx(-10e-3)
    assert not int(rig.ask("STAT:MEAS:COND?")) & 8


def test_compliance_has_steps_of_ten_millivolts(rig: Rig) -> None:
    """Other values are rounded."""
    rig.say("SOUR:CURR:COMP 1.234")
    assert float(rig.ask("SOUR:CURR:COMP?")) == pytest.approx(1.23)


def test_a_short_circuit_has_no_compliance_limit() -> None:
    """0 ohm carries any current."""
    rig = Rig(resistance=0.0)
    rig.say("SOUR:CURR 0.1", "OUTP ON")
    assert rig.load.current == pytest.approx(0.1)


def test_an_open_interlock_switches_off_and_keeps_off(rig: Rig) -> None:
    """TRIPped? answers 0 (tripped), bit 1 of the measurement condition is set, OUTP ON is refused."""
    rig.say("SOUR:CURR 1e-3", "OUTP ON")
    rig.source.interlock_closed = False
    assert rig.load.current == 0.0
    assert rig.ask("OUTP?;:OUTP:INT:TRIP?;:STAT:MEAS:COND?") == "0;0;2"
    rig.say("OUTP ON")
    assert rig.ask("SYST:ERR?").startswith("-221")
    rig.source.interlock_closed = True
    rig.say("OUTP ON")
    assert rig.load.current == pytest.approx(1e-3)


def test_the_level_is_rounded_to_the_resolution_of_the_range(rig: Rig) -> None:
    """10 uA on the 100 mA range, 100 nA on the 2 mA range."""
    rig.say("SOUR:CURR:RANG 0.1", "SOUR:CURR 1.234567e-3", "OUTP ON")
    assert rig.load.current == pytest.approx(1.23e-3)
    rig.say("SOUR:CURR:RANG 2e-3")
    assert rig.load.current == pytest.approx(1.2346e-3)


#: Specification page, User's Manual 622x-900-01: range, per cent of reading, offset.
ACCURACY = [(200e-6, 0.05, 100e-9), (2e-3, 0.05, 1e-6), (20e-3, 0.05, 10e-6), (0.1, 0.1, 50e-6)]


@pytest.mark.parametrize(("full_scale", "per_cent", "offset"), ACCURACY)
def test_every_unit_is_within_its_specification_and_none_is_perfect(
    full_scale: float, per_cent: float, offset: float
) -> None:
    """Forty units: each error within the limit, the same at every switch-on, and different between units."""
    errors: list[float] = []
    for unit in range(40):
        rig = Rig(accuracy=True, unit=unit, resistance=1.0)
        rig.say(f"SOUR:CURR:RANG {full_scale}", f"SOUR:CURR {full_scale}", "OUTP ON", "OUTP OFF", "OUTP ON")
        assert rig.load.currents[0] == rig.load.currents[2]
        errors.append(rig.load.current - full_scale)
    limit = per_cent / 100 * full_scale + offset
    assert max(map(abs, errors)) <= limit
    assert np.std(errors) > limit / 10
    assert len(set(errors)) == 40


def test_the_identity_has_the_serial_number_it_was_given() -> None:
    """Two blanks before the board revision, one behind it, as real units answer."""
    source = Keithley6221Sim(VirtualClock(), Recorder(), serial="42")
    source.write(b"*IDN?\n")
    assert source.next_reply(1.0) == b"KEITHLEY INSTRUMENTS INC.,MODEL 6221,42,D04  /700x \n"


def test_the_beeper_takes_a_tone_and_a_switch(rig: Rig) -> None:
    """`SYST:BEEP 440, 0.1` is what PyMeasure sends."""
    rig.say("SYST:BEEP 440, 0.1", "SYST:BEEP:STAT OFF", "DISP:ENAB 0", "UNIT:VOLT:DC OHMS")
    assert rig.ask("SYST:ERR?;BEEP:STAT?;:DISP:ENAB?;:UNIT?") == '0,"No error";0;0;OHMS'


def test_units_of_readings_and_power_are_kept(rig: Rig) -> None:
    """UNIT:POWer chooses between peak and average."""
    rig.say("UNIT SIEM", "UNIT:POW AVER")
    assert rig.ask("UNIT:VOLT:DC?;:UNIT:POW:TYPE?") == "SIEM;AVER"
