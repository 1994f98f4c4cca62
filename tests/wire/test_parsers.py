"""Anything may be said to a simulated instrument: it answers what it was asked, and nothing else.

The messages are made from the witnesses' own lines by a seeded generator. 10 000 for each instrument in the
ordinary suite, a million in the nightly one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import witness
from spoken import SIMULATORS
from test_simulators_against_witness import SET_UPS

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument
from sim_instruments.scpi import ScpiInstrument

ORDINARY, NIGHTLY = 10_000, 1_000_000
#: Virtual seconds let pass after each message; what has not answered by then may answer later.
PAUSE = 0.05
QUEUE_LIMIT = 64


def lines_of(name: str) -> list[str]:
    """Every line that the witness of an instrument has said, each once."""
    exchanges = witness.load(name).exchanges
    return sorted({line for exchange in exchanges for line in (*exchange.after, *exchange.say)})


def mangled(rng: random.Random, line: str, lines: list[str]) -> bytes:
    """One message made from a legal line, in one of eight ways."""
    way = rng.randrange(8)
    if way == 0:
        return line.encode("latin-1")
    if way == 1:
        return line[: rng.randrange(len(line) + 1)].encode("latin-1")
    if way == 2:
        place = rng.randrange(len(line))
        return (line[:place] + chr(rng.randrange(32, 127)) + line[place + 1 :]).encode("latin-1")
    if way == 3:
        return ";".join(rng.choices(lines, k=rng.randrange(2, 6))).encode("latin-1")
    if way == 4:
        return rng.randbytes(rng.randrange(1, 40)).replace(b"\n", b" ")
    if way == 5:
        header, _, _ = line.partition(" ")
        argument = rng.choice(
            ["", "1e400", "-1E-400", "NAN", "INF", "9.9E37", '"', "'a;b'", "#12ab", "1,2,3,4", "MAX"]
        )
        return f"{header} {argument}".encode("latin-1")
    if way == 6:
        return (line * rng.randrange(2, 40)).encode("latin-1")
    return ("".join(rng.sample(line, len(line)))).encode("latin-1")


def messages(name: str, count: int) -> Iterator[bytes]:
    """So many messages for an instrument, the same ones every time."""
    rng, lines = random.Random(f"{name} 1"), lines_of(name)
    for _ in range(count):
        yield mangled(rng, rng.choice(lines), lines)


def torture(name: str, count: int) -> Instrument:
    """Say them all; no exception may escape, and no reply may be there that nobody asked for."""
    clock = VirtualClock()
    instrument = SET_UPS[name](SIMULATORS[name], clock, witness.load(name).exchanges[0])
    asked = answered = 0
    for message in messages(name, count):
        asked += message.count(b"?")
        try:
            instrument.write(message + b"\n", message_exchange=False)
            while instrument.next_reply(clock.now() + PAUSE, message_exchange=False) is not None:
                answered += instrument.ended  # a piece of a stream answers nobody
        except Exception as failure:
            raise AssertionError(f"{name} met {message!r}") from failure
        assert answered <= asked, message
    return instrument


def works(name: str, instrument: Instrument) -> None:
    """After a clear the instrument still knows who it is."""
    instrument.device_clear()
    if name == "srs_sr830":
        instrument.write(b"OUTX1\n")  # some message has sent its replies to the other port
    instrument.write(b"*IDN?\n")
    reply = instrument.next_reply(instrument.clock.now() + 60.0)
    assert reply is not None, name
    assert witness.load(name).instrument["idn_example"].split(",")[0].encode() in reply


@pytest.mark.parametrize("name", sorted(SIMULATORS))
def test_nothing_that_is_said_breaks_an_instrument(name: str) -> None:
    """10 000 messages: no exception, no invented reply, and it answers *IDN? afterwards."""
    works(name, torture(name, ORDINARY))


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", sorted(SIMULATORS))
def test_nothing_in_a_million_messages_breaks_an_instrument(name: str) -> None:
    """The same, a hundred times longer."""
    works(name, torture(name, NIGHTLY))


SCPI = sorted(name for name, kind in SIMULATORS.items() if issubclass(kind, ScpiInstrument))


@pytest.mark.parametrize("name", SCPI)
def test_every_message_of_nonsense_leaves_an_error_and_the_queue_ends(name: str) -> None:
    """A header that does not exist is one entry in the error queue; the queue is finite and then says 0."""
    clock = VirtualClock()
    instrument = SET_UPS[name](SIMULATORS[name], clock, witness.load(name).exchanges[0])
    rng = random.Random(2)
    for _ in range(100):
        nonsense = "".join(rng.choices("QXZJ", k=12))
        instrument.write(f"*CLS\n{nonsense} 1\nSYST:ERR?\n".encode(), message_exchange=False)
        reply = instrument.next_reply(clock.now() + 60.0, message_exchange=False)
        assert reply is not None
        assert reply.startswith(b"-113,"), nonsense
    for _ in range(1000):
        instrument.write(b"QQQQ\n", message_exchange=False)
    for _taken in range(QUEUE_LIMIT):
        instrument.write(b"SYST:ERR?\n", message_exchange=False)
        reply = instrument.next_reply(clock.now() + 60.0, message_exchange=False)
        assert reply is not None
        if reply.startswith((b"0,", b"+0,")):
            return
    raise AssertionError("the error queue never ends")
