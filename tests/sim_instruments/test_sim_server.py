"""The bench on real sockets: packets cut anywhere, clients that vanish, one client where the port takes one."""

import asyncio
import gc
import os
import socket
import threading

import pytest

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument
from sim_instruments.server import PATIENCE, Served

pytestmark = pytest.mark.slow


class Parrot(Instrument):
    """Answers `say X` with X, `later S X` with X in S seconds; keeps everything it was told."""

    def __init__(self, clock):
        super().__init__(clock)
        self.told = []

    def execute(self, message):
        self.told.append(message)
        word, _, rest = message.partition(" ")
        if word == "say":
            self.reply(rest)
        elif word == "later":
            seconds, _, text = rest.partition(" ")
            owed = self.owe()
            self.clock.after(float(seconds), lambda: self.settle(owed, text))


class LonelyParrot(Parrot):
    clients_max = 1


class Room:
    """Two parrots served in a thread of their own, and clients that talk to them."""

    def __init__(self, factor=1.0):
        self.clock = VirtualClock()
        self.parrots = {"one": LonelyParrot(self.clock), "many": Parrot(self.clock)}
        self.served = Served(self.parrots, self.clock, factor)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.ports = asyncio.run_coroutine_threadsafe(self.served.open("127.0.0.1", 0), self.loop).result(5)
        self.clients = []

    def client(self, name):
        opened = socket.create_connection(("127.0.0.1", self.ports[name]), timeout=5)
        self.clients.append(opened)
        return opened

    def close(self):
        for client in self.clients:
            client.close()

        async def end():
            self.served.close()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture
def room():
    made = Room()
    yield made
    made.close()


def line(client):
    received = b""
    while not received.endswith(b"\n"):
        part = client.recv(4096)
        if not part:
            raise ConnectionError(received)
        received += part
    return received


def test_a_message_may_come_in_pieces_and_several_in_one_packet(room):
    """The stream is cut at LF and nowhere else; CR before it is no part of the message."""
    client = room.client("many")
    for byte in b"say hello\r\n":
        client.send(bytes([byte]))
    assert line(client) == b"hello\n"
    client.sendall(b"say a\nsay b\nsay c\n")
    assert b"".join(line(client) for _ in range(1)).startswith(b"a\n")


def test_receiving_a_line_keeps_only_its_own_instrument_busy(room):
    """While one parrot still receives a line, for five seconds, the other one has long answered."""
    room.parrots["one"].message_time = 5.0
    room.client("one").sendall(b"say a\n")
    other = room.client("many")
    other.sendall(b"say b\n")
    assert line(other) == b"b\n"
    assert room.parrots["one"].told == []


def test_lines_to_one_instrument_are_received_one_after_the_other():
    """Two lines at once of half a second each: the second is obeyed after a second."""
    clock, times = VirtualClock(), []
    parrot = Parrot(clock)
    parrot.message_time = 0.5
    for text in (b"say a\n", b"say b\n"):
        parrot.receive(text, lambda: times.append(clock.now()))
    clock.run_until(2.0)
    assert times == [0.5, 1.0]
    assert parrot.told == ["say a", "say b"]


def test_what_a_vanished_client_began_to_say_is_forgotten(room):
    """Half a line and a closed line leave nothing: the next client's first message is its own."""
    room.client("one").sendall(b"say ghost")
    room.clients[-1].close()
    for _ in range(100):
        client = room.client("one")
        client.sendall(b"say mine\n")
        try:
            assert line(client) == b"mine\n"
            break
        except ConnectionError:  # the port has not noticed yet that its client is gone
            continue
    assert room.parrots["one"].told == ["say mine"]


def test_what_a_vanished_client_was_owed_goes_to_nobody(room):
    """A late reply to a client that is gone is not given to the next one."""
    room.client("many").sendall(b"later 0.2 for the first\n")
    room.clients[-1].close()
    client = room.client("many")
    client.sendall(b"later 0.4 for the second\n")
    assert line(client) == b"for the second\n"


def test_two_clients_of_one_instrument_each_get_their_own_replies(room):
    """Replies go to whoever asked, also where they fall due after another one has spoken."""
    first, second = room.client("many"), room.client("many")
    first.sendall(b"later 0.2 first\n")
    second.sendall(b"say second\nlater 0.3 second again\n")
    assert line(first) == b"first\n"
    got = line(second)
    got += b"" if got.count(b"\n") == 2 else line(second)
    assert got == b"second\nsecond again\n"


def test_a_port_for_one_client_closes_the_line_of_a_second(room):
    """The 6221's own LAN port: the second is hung up on, the first goes on undisturbed."""
    first = room.client("one")
    first.sendall(b"say a\n")
    assert line(first) == b"a\n"
    assert room.client("one").recv(10) == b""
    first.sendall(b"say b\n")
    assert line(first) == b"b\n"


def test_a_line_that_never_ends_is_hung_up_on(room):
    """A client that floods a port without a terminator loses its line, and the instrument hears nothing."""
    client = room.client("many")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        client.sendall(b"x" * (2 * PATIENCE + (16 << 20)))
    assert room.parrots["many"].told == []


def test_thousands_of_connections_leak_nothing(room):
    """2000 connects and disconnects, some in mid-message: as many open files and clients as before."""

    def open_files():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to count open files")
    first = room.client("many")
    first.sendall(b"say a\n")
    line(first)
    before = open_files()
    for number in range(2000):
        with socket.create_connection(("127.0.0.1", room.ports["many"]), timeout=5) as client:
            if number % 3 == 0:
                client.sendall(b"say x")
            elif number % 3 == 1:
                client.sendall(b"say x\n")
    first.sendall(b"say b\n")
    assert line(first) == b"b\n"
    for _ in range(100):
        if open_files() <= before + 1:
            break
        first.sendall(b"say again\n")
        line(first)
    assert open_files() <= before + 1


def test_time_passes_by_the_stated_factor():
    """At 50 times the wall clock a reply due in 5 s is there in about a tenth of a second, not at once."""
    room = Room(factor=50.0)
    try:
        client = room.client("many")
        started = room.loop.time()
        client.sendall(b"later 5 done\n")
        assert line(client) == b"done\n"
        assert 0.1 <= room.loop.time() - started < 2.0
    finally:
        room.close()


@pytest.mark.parametrize("factor", [0.5, 0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_must_be_at_least_one(factor):
    """Slower than the wall would outlast the clients' timeouts."""
    with pytest.raises(ValueError, match="factor"):
        Served({}, VirtualClock(), factor)
