"""What may be asked twice is asked again within a budget; what may not never is."""

import re

import pytest
from driver_fakes import Echo, FakeClock, FakeResource, wired
from fake_6221 import IDENTITY, WavePlayer

from drivers._wire import REPEATS, REPEATS_OF_A_SESSION, Wire
from drivers.errors import OutOfStep, PulseUnconfirmed, WireTimeout
from drivers.keithley_6221 import Keithley6221


def answering(told=None):
    """A wire to an instrument that answers `VALUE?` with 7, and its resource."""
    echo = Echo({"*IDN?": "MAKER,MODEL 1,1,1", "VALUE?": "7"})
    clock = FakeClock()
    resource = FakeResource(echo, clock)
    wire = Wire(resource, clock, "meter", note=None if told is None else told.append)  # type: ignore[arg-type]
    wire.expect(re.compile("MAKER.*"))
    return wire, resource, echo


@pytest.fixture
def source_and_resource():
    player = WavePlayer()
    wire, resource = wired(player, "source")
    player.now = resource.clock.now
    source = Keithley6221(wire)
    wire.expect(re.compile(re.escape(IDENTITY)))
    source.connect()
    source.prepare(1e-4, 10.0)
    return source, resource, player


def test_a_late_answer_to_a_repeatable_query_is_dropped_asked_again_counted_and_told():
    """The answer is the second one's, the session is in step, and the log says what happened."""
    told = []
    wire, resource, _ = answering(told)
    resource.late["VALUE?"] = 3.0
    assert wire.number("VALUE?", is_repeatable=True) == 7
    assert resource.said == ["VALUE?", "*IDN?", "*CLS", "VALUE?"]
    assert wire.repeats == 1
    assert not wire.suspect
    (line,) = told
    assert line.startswith("meter: 'VALUE?' is asked again, 1 of 2: meter must answer 'VALUE?' within 2 s")


def test_a_garbled_answer_is_asked_again_too():
    """Half a number is no number; the whole one comes with the second answer."""
    wire, resource, echo = answering()
    answers = iter(["7E", "7"])
    resource.answer = lambda line: next(answers) if line == "VALUE?" else echo(line)
    assert wire.number("VALUE?", is_repeatable=True) == 7
    assert wire.repeats == 1


def test_a_query_that_is_not_repeatable_is_asked_once():
    """The default: a query that takes something out of the instrument is never repeated."""
    wire, resource, _ = answering()
    resource.late["VALUE?"] = 3.0
    with pytest.raises(WireTimeout):
        wire.number("VALUE?")
    assert resource.said == ["VALUE?"]
    assert wire.repeats == 0


def test_the_budget_of_a_query_ends():
    """Never an answer: the question is put three times, then the timeout is raised."""
    wire, resource, echo = answering()
    echo.mute.add("VALUE?")
    with pytest.raises(WireTimeout, match="within 2 s"):
        wire.number("VALUE?", is_repeatable=True)
    assert resource.said.count("VALUE?") == 1 + REPEATS


def test_the_budget_of_a_session_ends():
    """A cable that loses every other answer is not used for a whole night."""
    wire, resource, _ = answering()
    for _ in range(REPEATS_OF_A_SESSION):
        resource.late["VALUE?"] = 3.0
        assert wire.number("VALUE?", is_repeatable=True) == 7
    resource.late["VALUE?"] = 3.0
    with pytest.raises(WireTimeout):
        wire.number("VALUE?", is_repeatable=True)
    assert wire.repeats == REPEATS_OF_A_SESSION


def test_where_the_session_cannot_be_brought_into_step_nothing_is_repeated():
    """Somebody else at the address: the question is not put to him."""
    wire, resource, echo = answering()
    echo.mute.add("VALUE?")
    echo.state["*IDN?"] = "SOMEBODY,ELSE,1,1"
    with pytest.raises(OutOfStep):
        wire.number("VALUE?", is_repeatable=True)
    assert resource.said.count("VALUE?") == 1


def test_inside_once_even_a_repeatable_query_is_asked_once():
    """And outside of it again."""
    wire, resource, _ = answering()
    resource.late["VALUE?"] = 3.0
    with wire.once(), pytest.raises(WireTimeout):
        wire.number("VALUE?", is_repeatable=True)
    resource.late["VALUE?"] = 3.0
    assert wire.number("VALUE?", is_repeatable=True) == 7


@pytest.mark.parametrize("query", ["STAT:OPER?", "STAT:MEAS?", "OUTP?"])
def test_a_pulse_whose_end_was_not_confirmed_is_never_repeated(source_and_resource, query):
    """Whatever reply is lost after the start: one start, no repeat, and an error that says so."""
    source, resource, _ = source_and_resource
    whole = resource.write

    def write(text):
        if "SOUR:WAVE:INIT" in resource.said and text == query:
            resource.late[query] = 1e6
        return whole(text)

    resource.write = write
    with pytest.raises(PulseUnconfirmed, match="nothing is repeated"):
        source.play([1e-3, 0.0], 1e-2, compliance=10.0, R_load=300.0)
    assert resource.said.count("SOUR:WAVE:INIT") == 1
    assert source.wire.repeats == 0


def test_a_level_whose_read_back_was_not_heard_is_asked_for_again_and_said_once(source_and_resource):
    """What is set is read and may be asked for twice; errors, of which SYST:ERR? takes one away, may not."""
    source, resource, _ = source_and_resource
    resource.said.clear()
    resource.late["SOUR:CURR?"] = 3.0
    source.set_current(1e-4)
    assert resource.said.count("SOUR:CURR 0.0001") == 1
    assert source.wire.repeats == 1


def test_a_setting_whose_acceptance_was_not_heard_is_not_said_again(source_and_resource):
    """SYST:ERR? takes an entry out of the queue: a lost one is a lost error."""
    source, resource, _ = source_and_resource
    resource.said.clear()
    resource.late["SYST:ERR?"] = 3.0
    with pytest.raises(WireTimeout):
        source.compliance = 5.0
    assert resource.said == ["SOUR:CURR:COMP 5", "SYST:ERR?"]
