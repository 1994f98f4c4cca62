"""The SCPI engine of the simulators: errors, status, overlapped operations and the message exchange."""

from __future__ import annotations

import pytest
from scpi_toy import NO_ERROR, Bus


@pytest.fixture
def bus() -> Bus:
    return Bus()


# --- reset and errors -----------------------------------------------------------------------------


def test_reset_restores_settings_but_not_what_keeps(bus: Bus) -> None:
    """*RST leaves the error queue and the settings declared to keep."""
    bus.say("SOUR:VOLT 4;:LAMP:MEM 5;:NOSUCH")
    bus.say("*RST")
    assert bus.ask("SOUR:VOLT?;:LAMP:MEM?") == "1.000;5"
    assert bus.errors() == [-113]


def test_a_message_during_reset_waits_for_its_end(bus: Bus) -> None:
    """*RST takes half a second; the query behind it is answered then, and is no error."""
    start = bus.clock.now()
    bus.say("*RST")
    assert bus.ask("OUTP?") == "0"
    assert bus.clock.now() == pytest.approx(start + 0.5)
    assert bus.errors() == []


def test_the_error_queue_is_first_in_first_out_and_ends_with_overflow(bus: Bus) -> None:
    """Ten entries; the last one tells that more came (2182A-900-01 p. 11-18)."""
    bus.say("OUTP 2")
    for _ in range(14):
        bus.say("NOSUCH")
    assert bus.errors() == [-224] + [-113] * 8 + [-350]


@pytest.mark.parametrize("line", ["*CLS", "SYST:CLE", "STAT:QUE:CLE"])
def test_the_error_queue_can_be_emptied(bus: Bus, line: str) -> None:
    """Three ways."""
    bus.say("NOSUCH")
    bus.say(line)
    assert bus.ask("STAT:QUE?") == NO_ERROR


# --- status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "bit"), [("NOSUCH", 5), ("SOUR:VOLT 9", 4), ("OUTP 2", 4), ("SOUR:VOLT x.y", 5)]
)
def test_each_class_of_error_has_its_bit(bus: Bus, line: str, bit: int) -> None:
    """Command error 5, execution error 4 (622x-901-01 p. 11-11); reading clears."""
    bus.say("*CLS")
    bus.say(line)
    assert bus.ask("*ESR?") == str(1 << bit)
    assert bus.ask("*ESR?") == "0"


def test_power_on_is_told_once(bus: Bus) -> None:
    """Bit 7 of the standard event register."""
    assert bus.ask("*ESR?") == "128"
    assert bus.ask("*ESR?") == "0"


def test_an_event_is_latched_when_its_condition_begins(bus: Bus) -> None:
    """Reading the event register clears it although the condition lasts; a second event needs a new edge."""
    register = bus.toy.status.operation
    register.set(4, True)
    assert bus.ask("STAT:OPER:COND?;EVEN?;EVEN?") == "16;16;0"
    register.set(4, True)
    assert bus.ask("STAT:OPER?") == "0"
    register.set(4, False)
    register.set(4, True)
    assert bus.ask("STAT:OPER:COND?;:STAT:OPER?") == "16;16"


@pytest.mark.parametrize(("word", "weight"), [("MEAS", 1), ("QUES", 8), ("OPER", 128)])
def test_an_enabled_event_shows_in_the_status_byte(bus: Bus, word: str, weight: int) -> None:
    """Bit 0, 3 or 7, until the event is read or the enable register is preset."""
    name = {"MEAS": "measurement", "QUES": "questionable", "OPER": "operation"}[word]
    getattr(bus.toy.status, name).pulse(9)
    assert bus.ask("*STB?") == "0"
    bus.say(f"STAT:{word}:ENAB 512")
    assert bus.ask(f"*STB?;:STAT:{word}:ENAB?") == f"{weight};512"
    bus.say("STAT:PRES")
    assert bus.ask("*STB?") == "0"
    assert bus.ask(f"STAT:{word}?") == "512"


def test_a_service_request_is_made_once_and_cleared_by_the_poll(bus: Bus) -> None:
    """RQS in the serial poll goes with the poll; MSS in *STB? stays while its reason stays."""
    bus.say("*CLS;*SRE 4")
    assert not bus.toy.service_request
    bus.say("NOSUCH")
    assert bus.toy.service_request
    assert bus.ask("*STB?") == "68"
    assert bus.toy.serial_poll() == 68
    assert bus.toy.serial_poll() == 4
    assert not bus.toy.service_request
    assert bus.ask("*STB?") == "68"


def test_service_is_requested_when_a_reply_becomes_available(bus: Bus) -> None:
    """Message available is bit 4; it goes when the reply has been read, and comes back with the next."""
    bus.say("*SRE 16")
    for _ in range(2):
        bus.say("*IDN?")
        assert bus.toy.serial_poll() == 80
        assert bus.hear() == "TOY"
        assert bus.toy.serial_poll() == 0


def test_bit_six_of_the_service_request_enable_register_cannot_be_set(bus: Bus) -> None:
    """IEEE 488.2-1992, 11.3.2.3."""
    bus.say("*SRE 255;*ESE 48")
    assert bus.ask("*SRE?;*ESE?") == "191;48"


# --- overlapped operations ------------------------------------------------------------------------


def test_operation_complete_is_told_when_the_operation_ends(bus: Bus) -> None:
    """*OPC sets bit 0 of the standard event register 2 s later."""
    bus.say("*CLS;:LAMP:WARM;*OPC")
    assert bus.ask("*ESR?") == "0"
    bus.clock.wait(2.0)
    assert bus.ask("*ESR?") == "1"


def test_the_operation_complete_query_is_answered_when_the_operation_ends(bus: Bus) -> None:
    """*OPC? waits, and so does what follows *WAI."""
    assert bus.ask("LAMP:WARM;*OPC?") == "1"
    assert bus.clock.now() == pytest.approx(2.0)
    assert bus.ask("LAMP:WARM;*WAI;*IDN?") == "TOY"
    assert bus.clock.now() == pytest.approx(4.0)


@pytest.mark.parametrize("line", ["*CLS", "*RST"])
def test_a_waiting_operation_complete_can_be_forgotten(bus: Bus, line: str) -> None:
    """*CLS and *RST put *OPC back to idle (IEEE 488.2-1992, 12.5.2)."""
    bus.say("*CLS;:LAMP:WARM;*OPC")
    bus.say(line)
    bus.clock.wait(3.0)
    assert bus.ask("*ESR?") == "0"


def test_a_slow_answer_holds_up_the_rest_of_its_message(bus: Bus) -> None:
    """The reply comes whole, when the slow part is there."""
    assert bus.ask("OUTP?;:LAMP:BRIG?;:OUTP ON;:OUTP?") == "0;7;1"
    assert bus.clock.now() == pytest.approx(1.0)


def test_a_slow_query_may_end_in_an_error(bus: Bus) -> None:
    """Then there is no reply, but for what was answered before."""
    bus.say("LAMP:FLIC?")
    assert bus.toy.next_reply(5.0, message_exchange=False) is None
    assert bus.ask("OUTP?;:LAMP:FLIC?") == "0"
    assert bus.errors() == [-230, -230]


# --- message exchange -----------------------------------------------------------------------------


def test_an_unread_reply_is_lost_on_gpib(bus: Bus) -> None:
    """-410: the new message is obeyed, the old reply gone (IEEE 488.2-1992, 6.3.2.3)."""
    bus.say("*IDN?")
    assert bus.ask("OUTP?") == "0"
    assert bus.errors() == [-410]


def test_a_slow_query_is_cut_off_on_gpib(bus: Bus) -> None:
    """The rest of its message is dropped, and the answer that comes too late goes nowhere."""
    bus.say("LAMP:BRIG?;:OUTP ON")
    assert bus.ask("OUTP?") == "0"
    bus.clock.wait(2.0)
    assert bus.errors() == [-410]


def test_reading_without_asking_is_an_error_on_gpib(bus: Bus) -> None:
    """-420, bit 2 of the standard event register."""
    bus.say("*CLS")
    assert bus.hear() is None
    assert bus.ask("*ESR?") == "4"
    assert bus.errors() == [-420]


def test_a_raw_interface_keeps_every_reply_and_knows_no_query_errors() -> None:
    """A socket or a serial line has no message exchange protocol: replies queue up."""
    bus = Bus(raw=True)
    assert bus.hear() is None
    bus.say("*IDN?")
    bus.say("LAMP:BRIG?")
    bus.say("OUTP?")
    assert [bus.hear(), bus.hear(), bus.hear()] == ["TOY", "7", "0"]
    assert bus.errors() == []


def test_an_interrupted_backlog_leaves_one_reply(bus: Bus) -> None:
    """Two queries sent during *RST: the second cuts off the first when its turn comes."""
    bus.say("*RST")
    bus.say("*IDN?")
    bus.say("OUTP?")
    assert bus.hear() == "0"
    assert bus.errors() == [-410]


def test_device_clear_forgets_the_message_and_keeps_the_settings(bus: Bus) -> None:
    """Half-received bytes, a slow query and waiting messages go; nothing is an error."""
    bus.say("SOUR:VOLT 4")
    bus.say("LAMP:BRIG?;:OUTP ON")
    bus.toy.write(b"SOUR:VO", end=False)
    bus.toy.device_clear()
    bus.clock.wait(2.0)
    assert not bus.toy.has_output
    assert bus.ask("OUTP?;:SOUR:VOLT?") == "0;4.000"
    assert bus.errors() == []
