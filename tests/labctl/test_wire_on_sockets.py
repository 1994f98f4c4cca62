"""A session on a real socket through pyvisa-py: packets, late and doubled replies, terminators, a line hung up."""

import re
import socket
import threading

import pytest
import pyvisa

from drivers._wire import Wire
from drivers.errors import InstrumentError, ReplyGarbled, WireTimeout
from labctl import rawsocket
from labctl.clock import WallClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

IDENTITY = "ACME,METER,1,1"


class Unit:
    """An instrument on a socket: `answer(line)` gives pauses (s) and packets to send after them; None hangs up."""

    def __init__(self, answer):
        self.answer = answer
        self.heard = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        clock = WallClock()
        client, _ = self.server.accept()
        with client, client.makefile("rb") as lines:
            for line in lines:
                text = line.decode().strip()
                self.heard.append(text)
                packets = [(0.0, (IDENTITY + "\n").encode())] if text == "*IDN?" else self.answer(text)
                for pause, packet in packets:
                    clock.wait(pause)
                    if packet is None:
                        return
                    client.sendall(packet)

    def close(self):
        self.server.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def wired():
    """Make a Wire to a unit that answers as told; all are closed at the end."""
    manager = pyvisa.ResourceManager("@py")
    opened = []

    def make(answer, timeout=1.0):
        unit = Unit(answer)
        resource = manager.open_resource(f"TCPIP0::127.0.0.1::{unit.port}::SOCKET")
        opened.append((resource, unit))
        unread = rawsocket.unread(manager, resource)
        wire = Wire(resource, WallClock(), "meter", timeout=timeout, unread=unread)
        wire.expect(re.compile(re.escape(IDENTITY)))
        return wire, unit

    yield make
    for resource, unit in opened:
        resource.close()
        unit.close()
    manager.close()


def test_a_reply_split_over_packets_is_whole(wired):
    """Three packets with pauses between them are one number."""
    wire, _ = wired(lambda line: [(0.0, b"1."), (0.1, b"25E-"), (0.1, b"3\n")])
    assert wire.number("READ?") == 1.25e-3


def test_two_replies_in_one_packet_are_never_off_by_one(wired):
    """A doubled reply: the second is found before the next question, which gets its own answer."""
    replies = iter([b"1.5\n1.5\n", b"2.5\n", b"3.5\n"])
    wire, unit = wired(lambda line: [(0.0, next(replies))] if line == "READ?" else [])
    assert [wire.number("READ?") for _ in range(3)] == [1.5, 2.5, 3.5]
    assert unit.heard.count("*IDN?") == 1  # proven once, and no more than that


def test_a_reply_after_the_timeout_never_answers_a_later_question(wired):
    """The late 1.5 is thrown away, and the next question gets its own 2.5."""
    pauses = iter([(1.5, b"1.5\n"), (0.0, b"2.5\n")])
    wire, unit = wired(lambda line: [next(pauses)] if line == "READ?" else [])
    with pytest.raises(WireTimeout):
        wire.number("READ?")
    assert wire.number("READ?") == 2.5
    assert "*IDN?" in unit.heard  # it was proven, not hoped


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r\r\n"])
def test_a_carriage_return_before_the_end_is_no_part_of_the_reply(wired, ending):
    """LF and CR LF end a reply alike."""
    wire, _ = wired(lambda line: [(0.0, b"+1.000000E+00" + ending)])
    assert wire.number("READ?") == 1.0


@pytest.mark.parametrize("reply", [b"1.5\r", b"1.5"])
def test_a_reply_without_a_line_feed_is_a_timeout_and_not_a_value(wired, reply):
    """On a raw socket nothing else says that a number is whole: 1.5 might go on as 1.53."""
    wire, _ = wired(lambda line: [(0.0, reply)] if line == "READ?" else [], timeout=0.5)
    with pytest.raises(WireTimeout):
        wire.number("READ?")
    assert wire.suspect


def test_a_reply_beyond_the_chunk_size_is_whole(wired):
    """64 kB of numbers in one reply, in packets of all sizes."""
    numbers = ",".join(f"{k:+.6E}" for k in range(5000))
    wire, _ = wired(lambda line: [(0.0, numbers.encode()), (0.05, b"\n")])
    assert wire.ask("TRAC:DATA?") == numbers


@pytest.mark.parametrize(
    "reply", [b"\xff\xfe1.5\n", b"\x001.5\n", b"1.5 V\n", b"1,5\n", b"nan\n", b"#15hello\n"]
)
def test_garbage_is_refused_and_the_session_is_proven_before_it_is_used_again(wired, reply):
    """Noise, a comma for a point, a unit, a binary block: none of it becomes a number."""
    replies = iter([reply, b"2.5\n"])
    wire, unit = wired(lambda line: [(0.0, next(replies))] if line == "READ?" else [], timeout=0.5)
    with pytest.raises(ReplyGarbled):
        wire.number("READ?")
    assert wire.number("READ?") == 2.5
    assert "*IDN?" in unit.heard


def test_a_unit_that_prints_numbers_another_way_is_read_all_the_same(wired):
    """1.5, +1.5E0 and 1.500000000E+00 are one number."""
    replies = iter([b"1.5\n", b"+1.5E0\n", b"1.500000000E+00\n"])
    wire, _ = wired(lambda line: [(0.0, next(replies))])
    assert [wire.number("READ?") for _ in range(3)] == [1.5, 1.5, 1.5]


def test_a_line_that_is_hung_up_is_an_error_in_finite_time(wired):
    """The unit closes its end in mid-query: an instrument error now, and at every later question."""
    wire, _ = wired(lambda line: [(0.0, b"1."), (0.0, None)], timeout=0.5)
    for _ in range(2):
        with pytest.raises(InstrumentError):
            wire.number("READ?")
