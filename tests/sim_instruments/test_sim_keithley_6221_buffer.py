"""Elements, buffer, statistics and math of the simulated 6221, and its relay to the 2182A."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from rig_delta import OHMS, Rig

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_2182a import Keithley2182ASim
from sim_instruments.ports import SerialCable

DELTA = ("SOUR:DELT:HIGH 1e-3", "SOUR:DELT:COUN 4")


def ramp(amperes: float, time: float) -> float:
    """A resistance that grows: every reading is another."""
    return (OHMS + 0.1 * time) * amperes


# --- elements and timestamps ----------------------------------------------------------------------


def test_elements_come_in_one_order_whichever_they_are_asked_in() -> None:
    """622x-901-01 p. 6-12: reading with unit, time, source, average, compliance, number."""
    rig = Rig()
    rig.run("DELT", *DELTA)
    rig.say("FORM:ELEM RNUM, COMP, AVOL, SOUR, TST, UNIT, READ")
    reading, time, source, average, compliance, number = rig.ask("TRAC:DATA:SEL? 1,1").split(",")
    assert reading.removesuffix("VDC") != reading
    assert float(reading.removesuffix("VDC")) == pytest.approx(10e-3)
    assert float(time) == pytest.approx(1 / 24, abs=1e-6)
    assert float(source) == pytest.approx(1e-3)
    assert average == "+9.9E37", "delta has no average voltage (p. 13-7: not a number)"
    assert (float(compliance), float(number)) == (0.0, 2.0)
    rig.say("FORM:ELEM ALL")
    assert rig.ask("TRAC:DATA:SEL? 1,1").count(",") == 5
    rig.say("FORM:ELEM DEF")
    assert rig.ask("FORM:ELEM?") == "READ,TST"


def test_timestamps_count_from_the_first_reading_or_from_the_one_before() -> None:
    """622x-901-01 p. 13-7."""
    rig = Rig()
    rig.run("DELT", *DELTA, "FORM:ELEM TST")
    assert rig.numbers("TRAC:DATA?") == pytest.approx([k / 24 for k in range(4)], abs=1e-6)
    rig.say("TRAC:TST:FORM DELT")
    assert rig.numbers("TRAC:DATA?") == pytest.approx([0.0] + [1 / 24] * 3, abs=1e-6)
    assert rig.numbers("TRAC:DATA:SEL? 2,1") == pytest.approx([1 / 24], abs=1e-6)


def test_numbers_and_time_can_be_reset_during_a_run() -> None:
    """SYST:RNUM:RES and SYST:TST:RES."""
    rig = Rig()
    rig.run("DELT", "FORM:ELEM TST,RNUM", seconds=5)
    assert rig.numbers("SENS:DATA?")[1] > 100
    rig.say("SYST:RNUM:RES", "SYST:TST:RES")
    rig.clock.wait(0.1)
    time, number = rig.numbers("SENS:DATA?")
    assert 0.0 < time <= 0.1
    assert number == 2.0


@pytest.mark.parametrize(
    "line", ["FORM:ELEM READ,ALL", "FORM:ELEM", "FORM:ELEM FOO", "FORM REAL", "FORM REAL,48", "FORM SRE,32"]
)
def test_elements_and_formats_that_are_not_there_are_refused(line: str) -> None:
    """And the elements stay."""
    rig = Rig()
    rig.say(line)
    assert rig.error() < 0
    assert rig.ask("FORM:ELEM?") == "READ,TST"


# --- buffer ---------------------------------------------------------------------------------------


def test_the_measurement_register_shows_the_buffer_filling() -> None:
    """Of 8: two, a quarter, half, notify at 5, three quarters, full."""
    rig = Rig()
    rig.say('SYST:COMM:SER:SEND "VOLT:NPLC 1"', "SOUR:DELT:COUN 8", "SOUR:DELT:ARM", "TRAC:POIN 8;NOT 5")
    assert rig.error() == 0
    rig.say("INIT")
    started = rig.clock.now()
    seen: dict[int, int] = {}
    for stored in range(1, 9):
        rig.clock.run_until(started + (stored + 2) / 24 + 1e-3)
        assert rig.ask("TRAC:POIN:ACT?") == str(stored)
        for bit in (6, 7, 8, 9, 12, 13):
            if int(rig.ask("STAT:MEAS:COND?")) & 1 << bit:
                seen.setdefault(bit, stored)
    assert seen == {7: 2, 12: 2, 8: 4, 6: 5, 13: 6, 9: 8}
    assert int(rig.ask("STAT:MEAS?")) & 1 << 5, "reading available"
    assert rig.ask("TRAC:FREE?") == f"{2097152 - 256},256"
    rig.say("TRAC:CLE")
    assert int(rig.ask("STAT:MEAS:COND?")) == 0
    assert rig.ask("TRAC:FREE?") == "2097152,0"


def test_a_buffer_that_is_not_fed_stays_empty() -> None:
    """TRAC:FEED NONE; readings arrive all the same."""
    rig = Rig()
    rig.run("DELT", "TRAC:FEED NONE", seconds=1)
    assert rig.numbers("SENS:DATA?")[0] == pytest.approx(10e-3)
    rig.say("TRAC:DATA?")
    assert rig.error() == -230


def test_switched_off_during_a_run_the_buffer_stays_as_it_is() -> None:
    """TRAC:FEED:CONT NEV; NEXT then starts it again from the beginning."""
    rig = Rig()
    rig.run("DELT", seconds=1)
    rig.say("TRAC:FEED:CONT NEV")
    stored = rig.ask("TRAC:POIN:ACT?")
    rig.clock.wait(1)
    assert rig.ask("TRAC:POIN:ACT?") == stored != "0"
    rig.say("TRAC:FEED:CONT NEXT")
    rig.clock.wait(0.05)
    assert rig.ask("TRAC:POIN:ACT?") == "1"


def test_reset_leaves_buffer_settings_and_readings() -> None:
    """622x-901-01 p. 6-16 to 6-18."""
    rig = Rig()
    rig.run("DELT", *DELTA)
    rig.say("TRAC:TST:FORM DELT", "*RST")
    assert rig.ask("TRAC:POIN?;POIN:ACT?;:TRAC:TST:FORM?") == "4;4;DELT"


@pytest.mark.parametrize("line", ["TRAC:DATA:SEL? 4,1", "TRAC:DATA:SEL? -1,1", "TRAC:DATA:SEL? 0,0"])
def test_readings_that_are_not_there_cannot_be_selected(line: str) -> None:
    """-222, and no answer; too many are cut down to those there are."""
    rig = Rig()
    rig.run("DELT", *DELTA)
    assert len(rig.numbers("TRAC:DATA:SEL? 2,1000")) == 2 * 2
    rig.say(line)
    assert rig.error() == -222


# --- statistics and math --------------------------------------------------------------------------


def test_statistics_are_those_of_the_readings_in_the_buffer() -> None:
    """All five."""
    rig = Rig(ramp)
    values = rig.measure("DELT", *DELTA)
    rig.say("CALC2:STAT ON")
    for kind, known in (
        ("MEAN", statistics.fmean(values)),
        ("SDEV", statistics.stdev(values)),
        ("MAX", max(values)),
        ("MIN", min(values)),
        ("PKPK", max(values) - min(values)),
    ):
        rig.say(f"CALC2:FORM {kind}")
        assert float(rig.ask("CALC2:IMM?")) == pytest.approx(known, abs=2e-8)


def test_statistics_without_readings_are_refused() -> None:
    """-221 while off, -230 without readings, and no answer."""
    rig = Rig()
    for lines, code in (
        (["CALC2:IMM"], -221),
        (["CALC2:STAT ON", "CALC2:IMM?"], -230),
        (["CALC2:DATA?"], -230),
    ):
        rig.say(*lines)
        assert rig.error() == code


@pytest.mark.parametrize(("kind", "value"), [("MXB", 2 * 10e-3 + 5), ("REC", 2 / 10e-3 + 5), ("NONE", 10e-3)])
def test_math_is_applied_to_what_the_buffer_stores(kind: str, value: float) -> None:
    """Post-math readings are stored, pre-math ones with TRAC:FEED SENS; SENS:DATA? is always pre-math."""
    rig = Rig()
    rig.say("CALC:KMAT:MMF 2;MBF 5", f"CALC:FORM {kind};STAT ON")
    assert rig.measure("DELT", *DELTA) == pytest.approx([value] * 4)
    rig.say("SOUR:SWE:ABOR", "TRAC:FEED SENS", "SOUR:DELT:COUN INF")
    rig.run("DELT", seconds=1)
    assert rig.numbers("TRAC:DATA?")[0] == pytest.approx(10e-3)
    assert rig.numbers("SENS:DATA?")[0] == pytest.approx(10e-3)
    if kind != "NONE":
        assert rig.numbers("CALC:DATA?")[0] == pytest.approx(value)
        rig.numbers("CALC:DATA:FRES?")
    rig.say("CALC:DATA:FRES?")
    assert rig.error() == -230


def test_the_reciprocal_of_nothing_is_an_overflow() -> None:
    """m / 0."""
    rig = Rig(lambda amperes, time: 0.0)
    assert rig.measure("DELT", *DELTA, "CALC:FORM REC;STAT ON") == [9.9e37] * 4


# --- relay ----------------------------------------------------------------------------------------


def test_what_is_sent_over_the_relay_is_obeyed_and_its_answers_come_back() -> None:
    """Doubled quotes stand for one; the text carries the meter's own terminator; several answers come together."""
    rig = Rig()
    rig.say('SYST:COMM:SER:SEND "SENS:FUNC ""VOLT"""', "SYST:COMM:SER:SEND 'VOLT:NPLC 2'")
    rig.say('SYST:COMM:SER:SEND "VOLT:NPLC?"', "SYST:COMM:SER:SEND 'FUNC?'")
    assert rig.ask("SYST:COMM:SER:ENT?") == '2.00\r"VOLT:DC"\r'
    assert rig.ask("SYST:COMM:SER:ENT?") == ""


@pytest.mark.parametrize("terminator", ["\r", "\n", "\r\n"])
def test_the_meter_ends_its_lines_with_the_terminator_it_is_set_to(terminator: str) -> None:
    """It is selectable on the unit."""
    cable = SerialCable()
    Keithley2182ASim(
        VirtualClock(), lambda: 0.0, np.random.default_rng(1), relay=cable, serial_terminator=terminator
    )
    assert cable.meter is not None
    cable.meter.receive("*ESE?")
    assert cable.meter.transmitted() == f"0{terminator}"


def test_a_reading_comes_back_when_it_is_done() -> None:
    """Nothing before."""
    rig = Rig(lambda amperes, time: 1e-3)
    rig.say('SYST:COMM:SER:SEND "VOLT:DFIL OFF;:READ?"')
    assert rig.ask("SYST:COMM:SER:ENT?") == ""
    rig.clock.wait(1)
    assert float(rig.ask("SYST:COMM:SER:ENT?")) == pytest.approx(1e-3)


def test_a_long_answer_comes_in_pieces() -> None:
    """Thirty readings; 256 characters each time, put together again."""
    rig = Rig(lambda amperes, time: 1e-3)
    rig.say('SYST:COMM:SER:SEND "VOLT:DFIL OFF;:TRAC:POIN 30;FEED:CONT NEXT;:TRIG:COUN 30;:INIT"')
    rig.clock.wait(60)
    rig.say('SYST:COMM:SER:SEND "TRAC:DATA?"')
    pieces: list[str] = []
    while piece := rig.ask("SYST:COMM:SER:ENT?"):
        pieces.append(piece)
    assert [len(piece) for piece in pieces[:-1]] == [256] * (len(pieces) - 1)
    assert len(pieces) > 1
    assert [float(text) for text in "".join(pieces).split(",")] == pytest.approx([1e-3] * 30)


def test_what_the_meter_refuses_is_its_own_error() -> None:
    """The source's queue stays empty, and ^C clears the meter's input."""
    rig = Rig()
    rig.say('SYST:COMM:SER:SEND "NOSUCH 1"', 'SYST:COMM:SER:SEND "READ?"', 'SYST:COMM:SER:SEND "\x03"')
    rig.clock.wait(60)
    assert rig.ask("SYST:COMM:SER:ENT?") == ""
    assert rig.error() == 0
    rig.say('SYST:COMM:SER:SEND "SYST:ERR?"')
    assert rig.ask("SYST:COMM:SER:ENT?").startswith("-113")


def test_with_nothing_on_the_cable_the_relay_is_silent() -> None:
    """An empty line."""
    rig = Rig(relay=False)
    rig.say('SYST:COMM:SER:SEND "*IDN?"')
    assert rig.ask("SYST:COMM:SER:ENT?") == ""


@pytest.mark.parametrize(
    ("text", "code"), [("*IDN?", -104), ("IDN", -104), ('"*IDN?', -151), ("'a'b'", -151), ("", -109)]
)
def test_a_text_without_its_quotes_is_refused(text: str, code: int) -> None:
    """And nothing is sent."""
    rig = Rig()
    rig.say(f"SYST:COMM:SER:SEND {text}")
    assert rig.error() == code
    assert rig.ask("SYST:COMM:SER:ENT?") == ""
