"""The bench as a VISA library, opened through pyvisa as any client opens real instruments."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import pyvisa
from pyvisa import constants
from pyvisa.constants import ResourceAttribute, StatusCode

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument
from sim_instruments.visa import BenchLibrary

GPIB = "GPIB0::5::INSTR"
SOCKET = "TCPIP0::localhost::1394::SOCKET"
SERIAL = "ASRL3::INSTR"
USB = "USB0::0x05E6::0x6221::123::INSTR"
VXI11 = "TCPIP0::192.168.0.5::INSTR"
WITH_END = [GPIB, USB, VXI11]
RAW = [SOCKET, SERIAL]


class Parrot(Instrument):
    """Answers `say text` with the text, `late s` after s seconds, and `long n` with n letters."""

    message_time = 0.001

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.heard: list[str] = []
        self.told: list[str] = []
        self.requests_service = False

    def execute(self, message: str) -> None:
        self.heard.append(message)
        word, _, text = message.partition(" ")
        if word == "say":
            self.reply(text)
        elif word == "late":
            self.reply("late", self.clock.now() + float(text))
        elif word == "long":
            self.reply("x" * int(text))

    def serial_poll(self) -> int:
        return 0x42

    def group_trigger(self) -> None:
        self.told.append("trigger")

    def interrupted(self) -> None:
        self.told.append("interrupted")

    def unterminated(self) -> None:
        self.told.append("unterminated")

    @property
    def service_request(self) -> bool:
        return self.requests_service


class Room:
    """One parrot on every kind of interface."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.parrot = Parrot(self.clock)
        self.library = BenchLibrary(dict.fromkeys([*WITH_END, *RAW], self.parrot), self.clock)
        self.manager = pyvisa.ResourceManager(self.library)

    def open(self, name: str, **settings: object) -> pyvisa.resources.MessageBasedResource:
        ends = {"read_termination": "\n", "write_termination": "\n"}
        return self.manager.open_resource(name, **{**ends, **settings})  # type: ignore[return-value,arg-type]


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.manager.close()


# --- opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WITH_END, *RAW, "GPIB::5", "gpib0::5", "TCPIP::localhost::1394::SOCKET"])
def test_every_kind_of_resource_opens_and_answers(room: Room, name: str) -> None:
    """Under its full name, and under those that VISA completes."""
    assert room.open(name).query("say hello") == "hello"


def test_resources_are_listed(room: Room) -> None:
    """By VISA expression; the default shows instruments, not sockets."""
    assert len(room.manager.list_resources()) == 4
    assert room.manager.list_resources("?*SOCKET") == (SOCKET,)
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_NFOUND"):
        room.manager.list_resources("PXI?*")


@pytest.mark.parametrize("name", ["GPIB0::6::INSTR", "TCPIP0::localhost::1395::SOCKET", "GPIB0::INTFC"])
def test_what_is_not_on_the_bench_is_not_found(room: Room, name: str) -> None:
    """VI_ERROR_RSRC_NFOUND, as from a real library."""
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_NFOUND"):
        room.open(name)


def test_libraries_share_nothing() -> None:
    """Two benches with the same names in one process."""
    one, two = Room(), Room()
    assert one.manager is not two.manager
    one.open(GPIB).write("hello one")
    two.open(GPIB).write("hello two")
    assert (one.parrot.heard, two.parrot.heard) == (["hello one"], ["hello two"])
    one.manager.close()
    assert two.open(GPIB).query("say alive") == "alive"
    two.manager.close()


def test_two_sessions_to_one_resource_talk_to_one_instrument(room: Room) -> None:
    """What one asks, the other may read."""
    first, second = room.open(GPIB), room.open(GPIB)
    first.write("say shared")
    assert second.read() == "shared"


def test_closing_leaves_no_session_behind(room: Room) -> None:
    """And a closed resource cannot be used."""
    with room.open(GPIB) as resource:
        assert len(room.library.sessions) == 2
    assert len(room.library.sessions) == 1
    with pytest.raises(pyvisa.errors.InvalidSession):
        resource.write("hello")
    room.manager.close()
    assert room.library.sessions == {}


def test_plain_pyvisa_sim_still_works(room: Room) -> None:
    """The bench's sessions do not take the place of pyvisa-sim's."""
    manager = pyvisa.ResourceManager("@sim")
    with manager.open_resource("ASRL1::INSTR", read_termination="\n", write_termination="\r\n") as plain:
        assert plain.query("?IDN") == "LSG Serial #1234"  # type: ignore[attr-defined]
    manager.close()


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_END)
def test_end_comes_with_the_last_byte(room: Room, name: str) -> None:
    """No termination character is needed where the interface has END."""
    resource = room.open(name, read_termination=None)
    resource.write("say one")
    assert resource.read_raw() == b"one\n"


def test_a_socket_has_no_end(room: Room) -> None:
    """Without a termination character a read goes on to the count, or to the timeout."""
    resource = room.open(SOCKET, read_termination=None, timeout=500)
    resource.write("say one")
    assert resource.read_bytes(4) == b"one\n"
    resource.write("say two")
    start = room.clock.now()
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read_raw()
    assert room.clock.now() == pytest.approx(start + 0.5)


def test_a_serial_line_ends_a_read_at_the_termination_character_by_itself(room: Room) -> None:
    """END_IN is the termination character by default; switched off, only the count or the timeout is left."""
    resource = room.open(SERIAL, read_termination=None, timeout=500)
    resource.write("say one")
    assert resource.read_raw() == b"one\n"
    resource.end_input = constants.SerialTermination.none  # type: ignore[attr-defined]
    resource.write("say two")
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read_raw()


@pytest.mark.parametrize("name", [*WITH_END, *RAW])
def test_a_termination_character_stops_a_read_inside_the_reply(room: Room, name: str) -> None:
    """The rest is read next."""
    resource = room.open(name, read_termination=";")
    resource.write("say one;two;three;")
    assert [resource.read(), resource.read(), resource.read()] == ["one", "two", "three"]


@pytest.mark.parametrize("name", [*WITH_END, *RAW])
def test_a_count_stops_a_read(room: Room, name: str) -> None:
    """A reply can be taken byte by byte, and in chunks smaller than itself."""
    resource = room.open(name, chunk_size=7)
    assert resource.query("long 100") == "x" * 100
    resource.write("say abc")
    assert b"".join(resource.read_bytes(1) for _ in range(4)) == b"abc\n"


def test_end_can_be_suppressed(room: Room) -> None:
    """Then a read goes on into the next reply."""
    resource = room.open(USB, read_termination=None, timeout=100)
    resource.set_visa_attribute(ResourceAttribute.suppress_end_enabled, True)
    resource.write("say one")
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read_raw()


def test_an_unread_remainder_is_lost_with_the_next_message_on_gpib(room: Room) -> None:
    """It is part of a reply that was not read to its end."""
    resource = room.open(GPIB)
    resource.write("say one")
    assert resource.read_bytes(2) == b"on"
    assert resource.query("say two") == "two"
    assert room.parrot.told == ["interrupted"]


@pytest.mark.parametrize("name", RAW)
def test_raw_interfaces_queue_replies(room: Room, name: str) -> None:
    """No message exchange protocol: nothing is interrupted, and reading too much is only a timeout."""
    resource = room.open(name, timeout=10)
    resource.write("say one")
    resource.write("say two")
    assert [resource.read(), resource.read()] == ["one", "two"]
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read()
    assert room.parrot.told == []


# --- time -----------------------------------------------------------------------------------------


def test_a_timeout_costs_virtual_time_only(room: Room) -> None:
    """A minute on the bench, next to nothing on the wall."""
    resource = room.open(GPIB, timeout=60_000)
    wall = time.perf_counter()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        resource.read()
    assert caught.value.error_code == StatusCode.error_timeout
    assert room.clock.now() == pytest.approx(60.0)
    assert time.perf_counter() - wall < 0.5
    assert room.parrot.told == ["unterminated"]


def test_a_late_reply_is_waited_for_and_no_longer(room: Room) -> None:
    """The clock stops where the reply is ready."""
    resource = room.open(GPIB, timeout=5000)
    assert resource.query("late 2") == "late"
    assert room.clock.now() == pytest.approx(2.001)


def test_a_reply_after_the_timeout_is_still_there(room: Room) -> None:
    """One late reply shifts the readings of a client that does not resynchronise."""
    resource = room.open(SOCKET, timeout=1000)
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.query("late 1.5")
    resource.write("say other")
    room.clock.wait(1.0)
    assert [resource.read(), resource.read()] == ["late", "other"]


def test_an_immediate_timeout_takes_what_is_there(room: Room) -> None:
    """Timeout 0 moves no clock."""
    resource = room.open(GPIB, timeout=0)
    assert resource.query("say now") == "now"
    before = room.clock.now()
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read()
    assert room.clock.now() == before


# --- the rest of the interface --------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_END)
def test_interfaces_with_a_protocol_poll_trigger_and_clear(room: Room, name: str) -> None:
    """Serial poll, group trigger, device clear."""
    resource = room.open(name, timeout=0)
    assert resource.read_stb() == 0x42
    resource.assert_trigger()
    assert room.parrot.told == ["trigger"]
    resource.write("say lost")
    resource.clear()
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read()


def test_a_socket_can_neither_poll_nor_trigger(room: Room) -> None:
    """VI_ERROR_NSUP_OPER."""
    resource = room.open(SOCKET)
    for action in (resource.read_stb, resource.assert_trigger):
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_NSUP_OPER"):
            action()


@pytest.mark.parametrize("name", RAW)
def test_flushing_a_raw_interface_throws_unread_replies_away(room: Room, name: str) -> None:
    """As clearing it does; a reply that is not there yet still comes."""
    resource = room.open(name)
    for forget in (
        lambda: resource.flush(constants.BufferOperation.discard_receive_buffer),
        resource.clear,
    ):
        resource.write("say old")
        forget()
        assert resource.query("say new") == "new"


def test_a_service_request_can_be_waited_for(room: Room) -> None:
    """In virtual time; without one the wait ends with a timeout."""
    resource = room.open(GPIB)

    def request() -> None:
        room.parrot.requests_service = True

    room.clock.after(3.0, request)
    resource.wait_for_srq(10_000)  # type: ignore[attr-defined]
    assert room.clock.now() == pytest.approx(3.0)
    room.parrot.requests_service = False
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.wait_for_srq(1000)  # type: ignore[attr-defined]


def test_waiting_without_listening_is_refused(room: Room) -> None:
    """VI_ERROR_NENABLED, also after listening was switched off."""
    resource = room.open(GPIB)
    request, queue = constants.EventType.service_request, constants.EventMechanism.queue
    resource.enable_event(request, queue)
    resource.disable_event(request, queue)
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_NENABLED"):
        resource.wait_on_event(request, 10)


def test_an_exclusive_lock_keeps_other_sessions_out(room: Room) -> None:
    """Until it is released, or its session closed."""
    first, second = room.open(GPIB), room.open(SOCKET)
    first.lock_excl()
    assert first.query("say mine") == "mine"
    for action in (lambda: second.write("hello"), lambda: second.lock_excl()):
        with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_LOCKED"):
            action()
    first.unlock()
    assert second.query("say free") == "free"
    first.lock_excl()
    first.close()
    assert second.query("say free") == "free"


def test_a_shared_lock_is_shared_by_its_key(room: Room) -> None:
    """Sessions without the key stay out."""
    first, second, third = room.open(GPIB), room.open(GPIB), room.open(GPIB)
    key = first.lock()
    assert second.lock(requested_key=key) == key
    assert second.query("say two") == "two"
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_LOCKED"):
        third.lock()
    first.unlock()
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_LOCKED"):
        third.write("hello")
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_SESN_NLOCKED"):
        first.unlock()


def test_a_message_may_come_in_pieces(room: Room) -> None:
    """Without END (send_end off) only LF ends it."""
    resource = room.open(GPIB, write_termination="", send_end=False)
    resource.write("say in two")
    resource.write_raw(b" pieces\n")
    assert resource.read() == "in two pieces"
    assert room.parrot.heard == ["say in two pieces"]
