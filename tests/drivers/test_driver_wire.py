"""The wire: log, time limits, and no answer ever given to the wrong question."""

import re

import pytest
from driver_fakes import FakeClock, FakeResource, wired
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from drivers._wire import Wire
from drivers.errors import InstrumentError, Overload, ReplyGarbled, WireLost, WireTimeout

IDENTITY = "MAKER,MODEL 1,123,A01"


def meter(line):
    """Answer a query `VALUE <n>?` with n, and *IDN?."""
    if line == "*IDN?":
        return IDENTITY
    found = re.fullmatch(r"VALUE (\S+)\?", line)
    return found[1] if found else None


@pytest.fixture
def wire_and_resource():
    wire, resource = wired(meter)
    wire.expect(re.compile(re.escape(IDENTITY)))
    return wire, resource


def test_every_line_is_logged_with_its_time_and_direction():
    """The log gets each line once, with the clock's time, in the order of the wire."""
    lines = []
    clock = FakeClock()
    wire = Wire(FakeResource(meter, clock), clock, "meter", lambda *line: lines.append(line))
    wire.say("RANGE 1")
    clock.wait(2.5)
    wire.ask("VALUE 7?")
    assert lines == [
        (0.0, "meter", "say", "RANGE 1"),
        (2.5, "meter", "say", "VALUE 7?"),
        (2.5, "meter", "hear", "7"),
    ]


def test_both_terminators_are_line_feed_and_a_carriage_return_is_dropped():
    """A Lake Shore ends its replies with CR LF, a Keithley with LF."""
    wire, resource = wired(lambda line: "+01.0000\r")
    assert (resource.write_termination, resource.read_termination) == ("\n", "\n")
    assert wire.ask("RDGI?") == "+01.0000"


def test_a_slow_query_gets_its_own_time_limit_and_the_usual_one_comes_back(wire_and_resource):
    """The long limit of one reading must not stay for the next query."""
    wire, resource = wire_and_resource
    resource.late["VALUE 7?"] = 9.0
    assert wire.ask("VALUE 7?", timeout=10.0) == "7"
    assert resource.timeout == 2000.0


def test_a_timeout_names_instrument_command_elapsed_time_and_the_last_five_exchanges(wire_and_resource):
    """Whoever reads it at night must see what was going on."""
    wire, _ = wire_and_resource
    for n in range(7):
        wire.ask(f"VALUE {n}?")
    with pytest.raises(WireTimeout) as caught:
        wire.ask("SILENCE?")
    text = str(caught.value)
    assert "meter must answer 'SILENCE?' within 2 s" in text
    assert "2 s. The session is suspect" in text
    listed = text.partition("Last exchanges:")[2].strip().splitlines()
    assert [line.split(" s > ")[1] for line in listed] == [
        "VALUE 3?  < 3",
        "VALUE 4?  < 4",
        "VALUE 5?  < 5",
        "VALUE 6?  < 6",
        "SILENCE?",
    ]


@pytest.mark.parametrize("lateness", [2.1, 3.9, 4.1, 5.5, 7.0])
def test_a_reply_that_comes_late_is_never_the_answer_to_a_later_question(wire_and_resource, lateness):
    """Off by one is the worst fault there is: after a timeout each answer still belongs to its question."""
    wire, resource = wire_and_resource
    resource.late["VALUE 1?"] = lateness
    with pytest.raises(WireTimeout):
        wire.ask("VALUE 1?")
    assert wire.suspect
    assert [wire.ask(f"VALUE {n}?") for n in (2, 3, 4)] == ["2", "3", "4"]
    assert not wire.suspect


def test_a_late_identity_does_not_pass_for_the_answer_to_the_next_one(wire_and_resource):
    """Where the lost query was *IDN? itself, its late reply looks like the proof; only silence behind it is."""
    wire, resource = wire_and_resource
    resource.late["*IDN?"] = 4.05
    with pytest.raises(WireTimeout):
        wire.ask("*IDN?")
    assert wire.ask("VALUE 5?") == "5"


def test_errors_of_the_accident_are_cleared_before_the_next_command(wire_and_resource):
    """What the resynchronisation itself provokes (-410, -420) must not be put down to the next command."""
    wire, resource = wire_and_resource
    with pytest.raises(WireTimeout):
        wire.ask("SILENCE?")
    resource.said.clear()
    wire.say("RANGE 1")
    assert resource.said == ["*IDN?", "*CLS", "RANGE 1"]
    assert resource.cleared == 1


def test_a_session_that_cannot_be_proven_raises_and_sends_nothing_of_the_request(wire_and_resource):
    """Another instrument at the address is worse than none."""
    wire, resource = wire_and_resource
    with pytest.raises(WireTimeout):
        wire.ask("SILENCE?")
    resource.answer = lambda line: "SOMEBODY,ELSE,1,1" if line == "*IDN?" else "1"
    with pytest.raises(WireTimeout, match="its own identity"):
        wire.say("RANGE 1")
    assert "RANGE 1" not in resource.said
    assert resource.said.count("*IDN?") == 3
    assert wire.suspect


def test_an_urgent_line_goes_out_even_on_a_suspect_session(wire_and_resource):
    """Parking must not wait for proof."""
    wire, resource = wire_and_resource
    with pytest.raises(WireTimeout):
        wire.ask("SILENCE?")
    resource.said.clear()
    wire.say("OUTP OFF", urgent=True)
    assert resource.said == ["OUTP OFF"]


def test_a_serial_line_is_not_given_a_device_clear(wire_and_resource):
    """A break on RS-232 is garbage to some instruments."""
    wire, resource = wire_and_resource
    resource.interface_type = InterfaceType.asrl
    with pytest.raises(WireTimeout):
        wire.ask("SILENCE?")
    assert wire.ask("VALUE 1?") == "1"
    assert resource.cleared == 0


@pytest.mark.parametrize(
    "reply", ["", "+1.2.3", "1,2", "1.5E", "nan", "inf", "0x10", "1_000", ".5", "1 2", "OL"]
)
def test_what_is_not_a_whole_decimal_number_is_garbled_and_never_a_value(reply):
    """No float() of a prefix, and none of the spellings that only Python reads as numbers."""
    wire, _ = wired(lambda line: reply)
    with pytest.raises(ReplyGarbled):
        wire.number("RDGI?")
    assert wire.suspect


@pytest.mark.parametrize(
    ("reply", "value"), [("+1.23456789E-06", 1.23456789e-6), ("5.00", 5.0), ("-0", 0.0), ("1e3", 1000.0)]
)
def test_numbers_are_read_as_they_are_printed(reply, value):
    """The manual's styles are all understood."""
    assert wired(lambda line: reply)[0].number("READ?") == value


@pytest.mark.parametrize("reply", ["+9.9E37", "-9.9E37", "9.9e+37", "+9.91E37"])
def test_the_overflow_mark_is_an_overload_of_either_sign(reply):
    """9.9E37 parses as a valid float and must not become one."""
    wire, _ = wired(lambda line: reply)
    with pytest.raises(Overload):
        wire.number("READ?")
    assert not wire.suspect


@pytest.mark.parametrize(
    "failure", [VisaIOError(StatusCode.error_connection_lost), InvalidSession(), OSError(19, "gone")]
)
def test_a_lost_interface_is_an_instrument_error_that_says_so(failure):
    """PyVISA's, the socket's and the USB driver's errors come out as one."""
    wire, resource = wired(meter)

    def broken(text):
        raise failure

    resource.write = broken
    with pytest.raises(WireLost, match="meter must be reachable"):
        wire.say("RANGE 1")


def test_bytes_that_are_not_ascii_are_garbled():
    """Line noise is refused, not decoded somehow."""
    wire, resource = wired(meter)

    def noise():
        return b"\xff1.0".decode("ascii")

    resource.read = noise
    with pytest.raises(ReplyGarbled):
        wire.ask("VALUE 1?")
    assert wire.suspect


def test_a_log_that_fails_does_not_keep_an_urgent_line_from_the_wire():
    """A full disk must not stop the parking; the line is sent before it is logged."""
    clock = FakeClock()
    resource = FakeResource(meter, clock)

    def full_disk(*line):
        raise OSError(28, "No space left on device")

    wire = Wire(resource, clock, "meter", full_disk)
    with pytest.raises(OSError, match="No space"):
        wire.say("OUTP OFF", urgent=True)
    assert resource.said == ["OUTP OFF"]


def test_a_log_that_fails_between_question_and_answer_leaves_the_session_suspect():
    """The answer is still under way: it must not meet the next question."""
    clock = FakeClock()
    resource = FakeResource(meter, clock)
    broken = [True]

    def flaky(*line):
        if broken.pop() if broken else False:
            raise OSError(28, "No space left on device")

    wire = Wire(resource, clock, "meter", flaky)
    with pytest.raises(OSError, match="No space"):
        wire.ask("VALUE 1?")
    assert wire.ask("VALUE 2?") == "2"


def test_a_card_that_needs_time_is_read_only_after_its_pause():
    """The answer is not asked for at once; a line without an answer costs nothing."""
    wire, resource = wired(meter)
    wire.pace(2e-3)
    assert wire.ask("VALUE 1?") == "1"
    wire.say("SET 1")
    assert resource.clock.waits == [2e-3]


def test_resynchronisations_are_counted():
    """Who keeps in mind what he sent can tell that the session was interrupted."""
    wire, _ = wired(meter)
    assert wire.resynchronisations == 0
    wire.distrust()
    wire.ask("VALUE 1?")
    assert wire.resynchronisations == 1


def test_device_clear_and_serial_poll_reach_the_interface():
    """They are the interface's own functions, not lines."""
    wire, resource = wired(meter)
    wire.device_clear()
    assert resource.cleared == 1
    assert wire.serial_poll() == 64
    assert resource.said == []


def test_every_error_of_the_tree_is_an_instrument_error_with_its_rule_in_words():
    """One except clause catches them all, and each says what it means."""
    import drivers.errors

    classes = [thing for thing in vars(drivers.errors).values() if isinstance(thing, type)]
    assert len(classes) == 14
    for thing in classes:
        assert issubclass(thing, InstrumentError)
        assert thing.__name__ in (drivers.errors.__doc__ or "")
