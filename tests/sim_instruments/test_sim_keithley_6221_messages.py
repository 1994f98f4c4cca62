"""Whatever a 6221 with its 2182A is told, in any order and however mangled: no exception, no invented reply."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig_delta import OHMS, Rig

from sim_instruments.keithley_6221 import Keithley6221Sim

#: Every header that is obeyed, in its long form with the words in brackets.
HEADERS = sorted(
    re.sub(r"[\[\]]", "", header).replace("1:", ":") for header in Keithley6221Sim.declared_headers()
)
WORDS = [
    "ON",
    "OFF",
    "INF",
    "DEF",
    "MIN",
    "MAX",
    "LIST",
    "LOG",
    "FIX",
    "BUS",
    "TLIN",
    "OHMS",
    "ALL",
    "REP",
    "REC",
    "W",
]
NUMBERS = st.one_of(
    st.integers(-3, 20).map(str),
    st.sampled_from(
        ["1e-3", "-1e-3", "2e-5", "1e-4", "0.5", "1e300", "-1e-300", "9.9e37", "nan", "inf", "1e", "0x1"]
    ),
    st.floats(allow_nan=False).map(repr),
)
ARGUMENT = st.one_of(
    NUMBERS, st.sampled_from(WORDS), st.sampled_from(['"*IDN?"', '"READ?"', "'*RST'", '"\x03"', '"'])
)
UNIT = st.builds(
    lambda header, arguments: f"{header} {','.join(arguments)}".strip(),
    st.sampled_from(HEADERS),
    st.lists(ARGUMENT, max_size=3),
)
#: What makes something happen, so that it does not remain for chance to find it.
ACTION = st.sampled_from(
    ["INIT", "ABOR", "*TRG", "*RST", "*OPC?", "*WAI", "OUTP OFF", "TRIG:SIGN", "TRAC:DATA?", "SENS:DATA?"]
    + [f"SOUR:{mode}:ARM" for mode in ("SWE", "DELT", "PDEL", "DCON", "WAVE")]
    + [
        "SOUR:SWE:ABOR",
        "SOUR:WAVE:INIT",
        'SYST:COMM:SER:SEND "INIT"',
        "SYST:COMM:SER:ENT?",
        "SOUR:DELT:COUN 3",
    ]
)
LEGAL = st.lists(UNIT | ACTION, min_size=1, max_size=3).map(";:".join)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A message with bytes cut out, put in or turned around."""
    message = bytearray(draw(LEGAL).encode("latin-1"))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(message)))
        if draw(st.booleans()):
            del message[place : place + draw(st.integers(1, 5))]
        else:
            message[place:place] = draw(st.binary(min_size=1, max_size=4))
    return bytes(message)


MESSAGE = st.one_of(LEGAL.map(lambda text: text.encode("latin-1")), mangled(), st.binary(max_size=60))


@settings(max_examples=300)
@given(st.lists(st.tuples(MESSAGE, st.sampled_from([0.0, 0.01, 2.0])), max_size=12))
def test_nothing_upsets_the_source(messages: list[tuple[bytes, float]]) -> None:
    """It goes on answering, its current stays within what it can, and *RST and a delta run put everything right."""
    rig = Rig()
    for message, seconds in messages:
        rig.source.write(message + b"\n")
        rig.clock.wait(seconds)
        assert abs(rig.current()) <= 0.105 * (1 + 1e-9)
    rig.source.device_clear()
    rig.meter.device_clear()
    rig.clock.wait(5)
    rig.say("*RST", "*CLS", 'SYST:COMM:SER:SEND "*RST"')
    rig.clock.wait(5)
    while rig.ask("SYST:COMM:SER:ENT?"):
        pass
    assert rig.error() == 0
    set_up = ("SOUR:DELT:HIGH 1e-3", "SOUR:DELT:COUN 3", "TRAC:FEED SENS")
    assert rig.measure("DELT", *set_up) == pytest.approx([OHMS * 1e-3] * 3, rel=1e-5)


@settings(max_examples=200)
@given(mangled() | st.binary(max_size=40))
def test_what_asks_nothing_is_not_answered(message: bytes) -> None:
    """A reply needs a question mark; what is refused leaves an error."""
    rig = Rig()
    message = message.replace(b"?", b"!")
    rig.source.write(message + b"\n")
    rig.clock.wait(10)
    assert not rig.source.has_output


@pytest.mark.parametrize("header", [header for header in HEADERS if header.endswith("?")])
def test_every_query_is_answered_or_refused(header: str) -> None:
    """One line, or one error and no line."""
    rig = Rig()
    rig.say(header)
    rig.clock.wait(10)
    answered = rig.source.has_output
    if answered:
        assert rig.source.next_reply(rig.clock.now()) is not None
        assert not rig.source.has_output
    assert (rig.error() == 0) == answered


@pytest.mark.parametrize("header", [header for header in HEADERS if not header.endswith("?")])
def test_every_command_is_silent(header: str) -> None:
    """Without its arguments, with one of the wrong kind, and with too many."""
    for arguments in ("", " 'x'", " 1,2,3,4,5,6,7,8,9", " @"):
        rig = Rig()
        rig.say(header + arguments)
        rig.clock.wait(10)
        assert not rig.source.has_output
