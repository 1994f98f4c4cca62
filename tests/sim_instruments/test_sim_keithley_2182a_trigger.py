"""The simulated 2182A: how the trigger model gets to a reading, and where readings are kept."""

from __future__ import annotations

import math

import pytest
from rig_2182a import Rig


@pytest.fixture
def rig() -> Rig:
    """Filter off, 10 mV range, 1 PLC."""
    rig = Rig()
    rig.say("SENS:VOLT:DFIL OFF", "SENS:VOLT:RANG 0.01", "SENS:VOLT:NPLC 1")
    return rig


# --- trigger model --------------------------------------------------------------------------------


def test_a_measurement_is_overlapped_and_can_be_waited_for(rig: Rig) -> None:
    """INIT returns at once; *OPC? is answered when the meter is idle again."""
    rig.say("TRIG:COUN 3", "INIT")
    assert int(rig.ask("STAT:OPER:COND?")) & 0x410 == 0x010
    assert rig.seconds("*OPC?") == pytest.approx(3 / 15)
    assert int(rig.ask("STAT:OPER:COND?")) & 0x410 == 0x400


def test_a_second_initiate_is_ignored(rig: Rig) -> None:
    """-213 while a measurement is under way."""
    rig.say("TRIG:SOUR BUS", "INIT", "INIT")
    assert rig.error() == -213


def test_a_bus_trigger_releases_one_pass(rig: Rig) -> None:
    """*TRG and GET; bit 5 of the operation condition while it waits."""
    rig.say("TRIG:SOUR BUS", "TRIG:COUN 2", "INIT")
    assert int(rig.ask("STAT:OPER:COND?")) & 32
    rig.say("*TRG")
    assert float(rig.ask("FETC?")) == pytest.approx(1e-3)
    assert int(rig.ask("STAT:OPER:COND?")) & 32
    rig.volts = 2e-3
    rig.meter.group_trigger()
    assert float(rig.ask("SENS:DATA:FRES?")) == pytest.approx(1e-3)
    assert float(rig.ask("SENS:DATA:FRES?")) == pytest.approx(2e-3)
    rig.meter.group_trigger()
    assert rig.error() == -211


def test_an_external_edge_releases_one_pass_after_the_automatic_delay(rig: Rig) -> None:
    """1 ms below the 100 V range; a bus trigger is out of place then."""
    rig.say("TRIG:SOUR EXT", "INIT", "*TRG")
    assert rig.error() == -211
    rig.meter.external_trigger()
    assert rig.seconds("*OPC?") == pytest.approx(0.001 + 1 / 15)
    rig.say("SENS:VOLT:RANG 100", "INIT")
    rig.meter.external_trigger()
    assert rig.seconds("*OPC?") == pytest.approx(0.005 + 1 / 15)


def test_a_waiting_trigger_can_be_signalled(rig: Rig) -> None:
    """TRIGger:SIGNal stops the wait, whatever the source."""
    rig.say("TRIG:SOUR MAN", "INIT", "TRIG:SIGN")
    assert float(rig.ask("FETC?")) == pytest.approx(1e-3)


def test_the_timer_sets_the_pace(rig: Rig) -> None:
    """The first pass at once, the others on the tick, or as fast as the meter can."""
    rig.say("TRIG:SOUR TIM", "TRIG:TIM 0.5", "TRIG:COUN 3", "INIT")
    assert rig.seconds("*OPC?") == pytest.approx(2 * 0.5 + 1 / 15)
    rig.say("TRIG:TIM 0.001", "INIT")
    assert rig.seconds("*OPC?") == pytest.approx(3 / 15)


def test_a_trigger_delay_comes_before_each_pass(rig: Rig) -> None:
    """Not before each sample."""
    rig.say("TRIG:DEL 1", "TRIG:COUN 2", "SAMP:COUN 3", "INIT")
    assert rig.seconds("*OPC?") == pytest.approx(2 * (1 + 3 / 15))


def test_abort_ends_a_measurement(rig: Rig) -> None:
    """Back to idle with no reading."""
    rig.say("TRIG:COUN INF", "INIT", "ABOR")
    assert rig.ask("*OPC?") == "1"
    rig.say("FETC?")
    assert rig.meter.next_reply(rig.clock.now() + 1, message_exchange=False) is None
    assert rig.error() == -230


def test_continuous_measurement_goes_on_through_an_abort(rig: Rig) -> None:
    """FETCh? repeats the last reading; FRESh? waits for the next; READ? is -213 but answered."""
    rig.say("INIT:CONT ON")
    rig.clock.wait(1.0)
    assert rig.seconds("FETC?") == 0.0
    rig.volts = 2e-3
    rig.clock.wait(0.2)
    assert float(rig.ask("FETC?")) == pytest.approx(2e-3)
    rig.say("ABOR")
    assert rig.seconds("FETC?") == pytest.approx(1 / 15)
    assert rig.error() == 0
    assert rig.read() == pytest.approx(2e-3)
    assert rig.error() == -213
    rig.say("INIT:CONT OFF")
    assert rig.ask("*OPC?") == "1"


def test_a_fresh_reading_is_never_the_same_twice(rig: Rig) -> None:
    """Idle, the second request is refused; the latest may be repeated."""
    rig.read()
    rig.ask("SENS:DATA:FRES?")
    assert rig.ask("SENS:DATA?") == rig.ask("SENS:DATA?")
    rig.say("SENS:DATA:FRES?")
    assert rig.meter.next_reply(rig.clock.now() + 1, message_exchange=False) is None
    assert rig.error() == -230


def test_several_samples_are_read_in_one_reply_through_the_buffer(rig: Rig) -> None:
    """READ? with SAMPle:COUNt above 1; a second one finds the buffer occupied (-225)."""
    rig.say("SAMP:COUN 3")
    assert len(rig.ask("READ?").split(",")) == 3
    assert len(rig.ask("TRAC:DATA?").split(",")) == 3
    rig.say("READ?")
    assert rig.meter.next_reply(rig.clock.now() + 5, message_exchange=False) is None
    assert rig.error() == -225
    rig.say("TRAC:CLE")
    assert len(rig.ask("READ?").split(",")) == 3


def test_measure_configures_first(rig: Rig) -> None:
    """Integration, filter and trigger are those of *RST afterwards, continuous initiation is off."""
    rig.say("INIT:CONT ON", "TRIG:SOUR BUS", "SAMP:COUN 5")
    assert float(rig.ask("MEAS:VOLT?")) == pytest.approx(1e-3)
    settings = "SENS:VOLT:NPLC?;DFIL?;RANG:AUTO?;:INIT:CONT?;:TRIG:SOUR?;:SAMP:COUN?"
    assert rig.ask(settings) == "5.00;1;1;0;IMM;1"
    assert rig.error() == 0


def test_preset_measures_continuously(rig: Rig) -> None:
    """TRIGger:COUNt is infinite; *RST goes back to idle."""
    rig.say("SYST:PRES")
    rig.clock.wait(1.0)
    assert rig.ask("INIT:CONT?;:TRIG:COUN?") == "1;+9.9e37"
    assert float(rig.ask("SENS:DATA:FRES?")) == pytest.approx(1e-3)
    rig.say("*RST")
    rig.clock.wait(1.0)
    assert int(rig.ask("STAT:OPER:COND?")) & 1024


# --- buffer ---------------------------------------------------------------------------------------


def test_the_buffer_fills_and_stops(rig: Rig) -> None:
    """Bits 7, 8 and 9 of the measurement condition: two readings, half full, full."""
    rig.say("TRAC:POIN 6", "TRAC:FEED SENS", "TRAC:FEED:CONT NEXT", "TRIG:COUN 9", "INIT")
    rig.clock.wait(2.5 / 15)
    assert int(rig.ask("STAT:MEAS:COND?")) & 0x380 == 0x080
    rig.clock.wait(1.0 / 15)
    assert int(rig.ask("STAT:MEAS:COND?")) & 0x380 == 0x180
    rig.ask("*OPC?")
    assert int(rig.ask("STAT:MEAS:COND?")) & 0x380 == 0x380
    assert len(rig.ask("TRAC:DATA?").split(",")) == 6
    assert rig.ask("TRAC:FEED:CONT?") == "NEV"
    rig.say("TRAC:CLE")
    assert int(rig.ask("STAT:MEAS:COND?")) & 0x380 == 0


@pytest.mark.parametrize("line", ["TRAC:FEED NONE", "TRAC:FEED:CONT NEV"])
def test_a_buffer_that_is_not_fed_stays_empty(rig: Rig, line: str) -> None:
    """Its data are -230 then."""
    rig.say("TRAC:FEED:CONT NEXT", line)
    rig.read()
    rig.say("TRAC:DATA?")
    assert rig.meter.next_reply(rig.clock.now() + 1, message_exchange=False) is None
    assert rig.error() == -230


@pytest.mark.parametrize(
    ("kind", "value"), [("MEAN", 2e-3), ("MAX", 3e-3), ("MIN", 1e-3), ("SDEV", math.sqrt(2) * 1e-3)]
)
def test_statistics_of_the_buffer(rig: Rig, kind: str, value: float) -> None:
    """Of 1 mV and 3 mV."""
    rig.say("TRAC:POIN 2", "TRAC:FEED:CONT NEXT")
    rig.read()
    rig.volts = 3e-3
    rig.read()
    assert float(rig.ask(f":CALC2:FORM {kind};:CALC2:STAT ON;:CALC2:IMM?;")) == pytest.approx(value)
    assert float(rig.ask("CALC2:DATA?")) == pytest.approx(value)


def test_statistics_that_cannot_be_worked_out_are_refused(rig: Rig) -> None:
    """Switched off -221, without readings -230; an overflow among the readings is an overflow."""
    rig.say("CALC2:FORM MEAN", "CALC2:IMM")
    assert rig.error() == -221
    rig.say("CALC2:STAT ON", "CALC2:IMM")
    assert rig.error() == -230
    rig.say("TRAC:POIN 2", "TRAC:FEED:CONT NEXT")
    rig.read()
    rig.volts = 1.0
    rig.ask("READ?")
    assert rig.ask("CALC2:IMM?") == "+9.9E37"
