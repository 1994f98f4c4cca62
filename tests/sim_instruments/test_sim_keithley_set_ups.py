"""Both Keithleys: memories, binary answers, status formats, math and limits, and what is only kept."""

import struct

import pytest
from rig_2182a import Rig as Meter
from rig_6221 import Rig as Source
from rig_delta import Rig as Pair

# --- memories -------------------------------------------------------------------------------------


def test_a_memory_brings_every_setting_back_and_lets_nothing_flow():
    """Level, range, compliance, sweep with its coupled values, wave, elements; the output stays off."""
    source = Source()
    asked = (
        "SOUR:CURR?",
        "SOUR:CURR:RANG?",
        "SOUR:CURR:COMP?",
        "SOUR:CURR:STAR?",
        "SOUR:CURR:STOP?",
        "SOUR:CURR:STEP?",
        "SOUR:CURR:CENT?",
        "SOUR:SWE:POIN?",
        "SOUR:WAVE:FREQ?",
        "SOUR:WAVE:FUNC?",
        "TRIG:OUTP?",
        "FORM:ELEM?",
        "FORM?",
    )
    source.say("SOUR:CURR:RANG 2e-3", "SOUR:CURR 1.5e-3;CURR:COMP 25;:OUTP ON")
    source.say("SOUR:CURR:STAR 1e-3;STOP 7e-3;:SOUR:SWE:POIN 7;:SOUR:WAVE:FREQ 137;FUNC RAMP")
    source.say("TRIG:OUTP DEL;:FORM:ELEM READ,SOUR;:FORM DRE")
    kept = [source.ask(line) for line in asked]
    source.say("*SAV 3", "*RST")
    source.clock.wait(2.0)
    assert [source.ask(line) for line in asked] != kept
    source.say("*RCL 3")
    source.clock.wait(2.0)
    assert [source.ask(line) for line in asked] == kept
    assert source.ask("OUTP?") == "0"
    assert source.now() == 0.0
    source.say("OUTP ON")
    assert source.now() == pytest.approx(1.5e-3)
    assert source.ask("SYST:ERR?") == '0,"No error"'


def test_an_empty_memory_is_the_reset_state_and_a_fifth_is_none():
    """*RCL of a memory that was never written, and of one that is not there (-222)."""
    source = Source()
    source.say("SOUR:CURR:COMP 25", "*RCL 1")
    source.clock.wait(2.0)
    assert float(source.ask("SOUR:CURR:COMP?")) == 10.0
    source.say("SOUR:CURR:COMP 25", "*RCL 5")
    assert source.ask("SYST:ERR?").startswith("-222,")
    assert float(source.ask("SOUR:CURR:COMP?")) == 25.0


def test_recalling_ends_what_runs():
    """A delta that runs is un-armed, as *RST does it; the current is gone."""
    pair = Pair()
    pair.say("*SAV 0")
    pair.run("DELT", "SOUR:DELT:HIGH 1e-3", "SOUR:DELT:COUN 1000", seconds=2.0)
    pair.say("*RCL 0")
    pair.clock.wait(2.0)
    assert pair.ask("SOUR:DELT:ARM?") == "0"
    assert pair.current() == 0.0


def test_a_meters_memory_has_its_filters_and_triggers():
    """The 2182A has one memory, and it does not touch the buffer."""
    meter = Meter()
    meter.say("SENS:VOLT:NPLC 2;DFIL OFF;:TRIG:COUN 3;:TRAC:POIN 7;:CALC1:KMAT:MMF 2", "*SAV 0", "*RST")
    meter.clock.wait(1.0)
    meter.say("*RCL 0")
    meter.clock.wait(1.0)
    assert [float(meter.ask(line)) for line in ("SENS:VOLT:NPLC?", "SENS:VOLT:DFIL?", "TRIG:COUN?")] == [
        2,
        0,
        3,
    ]
    assert [float(meter.ask(line)) for line in ("TRAC:POIN?", "CALC1:KMAT:MMF?")] == [7, 2]


# --- binary answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "size"), [("SRE", "f"), ("DRE", "d"), ("REAL,32", "f"), ("REAL,64", "d")])
@pytest.mark.parametrize(("border", "order"), [("NORM", ">"), ("SWAP", "<")])
def test_delta_readings_in_binary_are_those_in_text(form, size, border, order):
    """#0, then every element of every reading, most significant byte first or last, then LF."""
    pair = Pair()
    pair.run("DELT", "SOUR:DELT:HIGH 1e-3", "SOUR:DELT:COUN 5", "FORM:ELEM READ,TST,SOUR,AVOL")
    text = pair.numbers("TRAC:DATA?")
    pair.say(f"FORM {form};:FORM:BORD {border}", "TRAC:DATA?")
    reply = pair.source.next_reply(pair.clock.now())
    assert reply[:2] == b"#0"
    assert reply[-1:] == b"\n"
    numbers = struct.unpack(f"{order}{len(text)}{size}", reply[2:-1])
    assert numbers == pytest.approx(text, rel=1e-5, abs=1e-12)
    assert len(text) == 20
    pair.say("SENS:DATA?")
    latest = struct.unpack(f"{order}4{size}", pair.source.next_reply(pair.clock.now())[2:-1])
    assert latest == numbers[-4:]
    pair.say("FORM ASC")
    assert pair.error() == 0


def test_preset_swaps_the_bytes_and_reset_does_not():
    """622x: *RST NORMal, SYSTem:PRESet SWAPped."""
    source = Source()
    assert source.ask("FORM:BORD?") == "NORM"
    source.say("SYST:PRES")
    source.clock.wait(2.0)
    assert source.ask("FORM:BORD?") == "SWAP"
    source.say("*RST")
    source.clock.wait(2.0)
    assert source.ask("FORM:BORD?") == "NORM"


@pytest.mark.parametrize(("form", "size", "exact"), [("SRE", "f", 1e-7), ("DRE", "d", 1e-8)])
def test_a_meters_buffer_in_binary(form, size, exact):
    """SWAPped from *RST on; only the buffer is binary, a reading stays text."""
    meter = Meter(noise=True)
    meter.say("SENS:VOLT:DFIL OFF", "TRAC:POIN 4;FEED SENS;FEED:CONT NEXT", "TRIG:COUN 4;:INIT")
    assert meter.ask("*OPC?") == "1"
    text = [float(part) for part in meter.ask("TRAC:DATA?").split(",")]
    meter.say(f"FORM {form}", "TRAC:DATA?")
    reply = meter.meter.next_reply(meter.clock.now())
    assert struct.unpack(f"<4{size}", reply[2:-1]) == pytest.approx(text, rel=exact)
    assert float(meter.ask("FETC?")) == text[-1]


# --- status formats -------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "prefix", "base"), [("HEX", "#H", 16), ("OCT", "#Q", 8), ("BIN", "#B", 2)])
def test_registers_in_other_number_systems_are_the_same_registers(form, prefix, base):
    """Asked in decimal, then otherwise; what is answered may be said again."""
    source = Source()
    source.say("*ESE 60;*SRE 176;:STAT:MEAS:ENAB 1023")
    asked = ("*ESE?", "*SRE?", "STAT:MEAS:ENAB?", "STAT:OPER:COND?", "*STB?")
    decimal = [int(source.ask(line)) for line in asked]
    source.say(f"FORM:SREG {form}")
    answers = [source.ask(line) for line in asked]
    assert all(answer.startswith(prefix) for answer in answers)
    assert [int(answer[2:], base) for answer in answers] == decimal
    source.say("STAT:MEAS:ENAB 0", f"STAT:MEAS:ENAB {answers[2]}")
    assert source.ask("STAT:MEAS:ENAB?") == answers[2]


@pytest.mark.parametrize(("mask", "code"), [("#B12", -120), ("#H", -120), ("#Q777777", -222), ("#X1", -101)])
def test_a_mask_that_is_no_number_of_its_system_is_refused(mask, code):
    """A 2 in binary, no digits, more than 16 bits, a system that there is not."""
    source = Source()
    source.say(f"STAT:MEAS:ENAB {mask}")
    assert int(source.ask("SYST:ERR?").split(",")[0]) == code
    assert source.ask("STAT:MEAS:ENAB?") == "0"


# --- the 6221's digital outputs and display -------------------------------------------------------


def test_the_limit_test_fails_in_compliance():
    """1 V over 264 ohm are 3.8 mA: 3 mA pass, 5 mA do not; without the test nothing fails."""
    source = Source()
    source.say("SOUR:CURR:RANG 20e-3;COMP 1;:OUTP ON", "CALC3:LIM ON", "SOUR:CURR 3e-3")
    assert source.ask("CALC3:LIM:FAIL?") == "0"
    source.say("SOUR:CURR 5e-3")
    assert source.ask("CALC3:LIM:FAIL?") == "1"
    source.say("CALC3:LIM OFF")
    assert source.ask("CALC3:LIM:FAIL?") == "0"


def test_a_text_for_the_display_keeps_its_blanks_and_quotes():
    """Two windows, each with its own text; quotes in it are doubled on the wire."""
    source = Source()
    source.say("DISP:TEXT:DATA 'Hall bar; \"A\"'", 'DISP:WIND2:TEXT:DATA "be low"')
    assert source.ask("DISP:WIND1:TEXT:DATA?") == '"Hall bar; ""A"""'
    assert source.ask("DISP:WIND2:TEXT:DATA?") == '"be low"'


# --- the 2182A's math and limits ------------------------------------------------------------------


def quick():
    """A meter that makes a reading of one conversion."""
    meter = Meter()
    meter.say("SENS:VOLT:DFIL OFF;NPLC 1")
    return meter


def test_math_is_of_the_reading_and_beside_it():
    """2 X - 1 mV of 1 mV is 1 mV; 1 mV is 25 % above 0.8 mV; the reading stays what it is."""
    meter = quick()
    meter.say("CALC1:FORM MXB;KMAT:MMF 2;MBF -1e-3;:CALC1:STAT ON")
    assert meter.read() == pytest.approx(1e-3)
    assert float(meter.ask("CALC1:DATA?")) == pytest.approx(1e-3)
    meter.volts = 4e-3
    assert meter.read() == pytest.approx(4e-3)
    assert float(meter.ask("CALC1:DATA?")) == pytest.approx(7e-3)
    meter.volts = 1e-3
    meter.say("CALC1:FORM PERC;KMAT:PERC 0.8e-3")
    meter.read()
    assert float(meter.ask("CALC1:DATA:FRES?")) == pytest.approx(25.0)
    meter.say("CALC1:DATA:FRES?")
    assert meter.error() == -230


def test_a_reading_can_be_the_reference():
    """ACQuire: the next one that is the same differs by 0 %."""
    meter = quick()
    meter.say("CALC1:FORM PERC;STAT ON")
    meter.read()
    meter.say("CALC1:KMAT:PERC:ACQ")
    meter.read()
    assert float(meter.ask("CALC1:DATA?")) == pytest.approx(0.0, abs=1e-9)


def test_the_buffer_may_take_the_results_instead():
    """TRACe:FEED CALCulate: ten times 1 mV."""
    meter = quick()
    meter.say("CALC1:FORM MXB;KMAT:MMF 10;:CALC1:STAT ON", "TRAC:POIN 3;FEED CALC;FEED:CONT NEXT")
    meter.say("TRIG:COUN 3;:INIT")
    assert meter.ask("*OPC?") == "1"
    assert [float(part) for part in meter.ask("TRAC:DATA?").split(",")] == pytest.approx([1e-2] * 3)


def test_a_limit_that_was_passed_stays_failed_until_it_is_cleared():
    """Low limit 1 of 2 mV: 1 mV fails with its bit, a good reading after it does not mend that, clearing does."""
    meter = quick()
    meter.say("CALC3:LIM1:LOW 2e-3;UPP 5e-3;STAT ON;CLE:AUTO OFF")
    meter.read()
    assert meter.ask("CALC3:LIM1:FAIL?") == "1"
    assert int(meter.ask("STAT:MEAS:COND?")) & 0b11110 == 0b00010
    meter.volts = 3e-3
    meter.read()
    assert meter.ask("CALC3:LIM1:FAIL?") == "1"
    assert int(meter.ask("STAT:MEAS:COND?")) & 0b11110 == 0
    meter.say("CALC3:LIM1:CLE")
    assert meter.ask("CALC3:LIM1:FAIL?") == "0"
    assert meter.ask("CALC3:LIM2:FAIL?") == "0"


def test_with_automatic_clearing_each_measurement_is_judged_alone():
    """The *RST state: high limit 2, once passed and once not."""
    meter = quick()
    meter.say("CALC3:LIM2:UPP 0.5e-3;LOW -1;STAT ON")
    meter.read()
    assert meter.ask("CALC3:LIM2:FAIL?") == "1"
    assert int(meter.ask("STAT:MEAS:COND?")) & 0b11110 == 0b10000
    meter.volts = 0.1e-3
    meter.read()
    assert meter.ask("CALC3:LIM2:FAIL?") == "0"
