"""What every simulated instrument has at its back: bytes in, bytes out, a status byte, a clear and a trigger."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.line import Line


def unit_stream(serial: str) -> np.random.Generator:
    """Return the random stream of one unit's fixed errors: its serial number says it all, a run's seed nothing."""
    return np.random.default_rng(zlib.crc32(serial.encode()))


class Reply:
    """One reply line that the instrument owes: the text may still be missing (a measurement under way).

    `asker` is whoever has to get it, where a server lets several clients talk to one instrument. `ends` is
    False for a piece of a stream, without END behind it. `message` is the number of the message that asked for it,
    from 1, and `altered` says that it is not what the instrument has answered.
    """

    __slots__ = ("altered", "asker", "ends", "line", "message", "ready_at")

    def __init__(self, message: int = 0) -> None:
        self.asker: object = None
        self.message = message
        self.altered = False
        self.ends = True
        self.line: bytes | None = None
        self.ready_at = 0.0


class Instrument(ABC):
    """An instrument as its interface sees it. The VISA session and the socket server both talk to this.

    A subclass implements `execute` (one complete program message, terminator stripped) and answers with
    `reply` when it knows the text, or with `owe` now and `settle` later (from an event on the clock) when a
    measurement has to end first. Receiving a message costs `message_time` seconds on the virtual clock.

    GPIB, USB-TMC and VXI-11 keep to the message exchange protocol of IEEE 488.2 (6.3): a new message throws
    away an unread reply, and reading with nothing asked is an error. A raw socket and a serial line know no
    such protocol; their side says `message_exchange=False`, and replies simply queue up.
    """

    terminator_out: bytes = b"\n"
    #: Seconds on the virtual clock that receiving and parsing one message costs.
    message_time: float = 0.0
    #: How many clients its LAN port takes at a time; None: the gateway before its bus takes any number.
    clients_max: int | None = None

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._received = bytearray()
        self._replies: deque[Reply] = deque()
        self._received_at = 0.0
        #: The cable, where somebody listens to it or something is wrong with it; None: an ideal one.
        self.line: Line | None = None
        #: How many messages have been obeyed.
        self.messages = 0
        #: Whether END came with the last byte of the reply that was read last.
        self.ended = True

    # --- what a subclass provides -----------------------------------------------------------------

    @abstractmethod
    def execute(self, message: str) -> None:
        """Obey one program message (latin-1 text, terminator stripped, not empty)."""

    def serial_poll(self) -> int:
        """Return the status byte as a serial poll reads it (bit 6 is RQS, cleared by the poll)."""
        return 0

    @property
    def service_request(self) -> bool:
        """True while the instrument asserts SRQ."""
        return False

    def device_clear(self) -> None:
        """Selected device clear: forget half-received input and unread output; settings stay."""
        self._received.clear()
        self._replies.clear()

    def group_trigger(self) -> None:  # noqa: B027  an instrument without a trigger ignores GET
        """Group execute trigger (GET)."""

    def interrupted(self) -> None:  # noqa: B027
        """A new message came before the pending reply was read; the base has dropped the reply."""

    def unterminated(self) -> None:  # noqa: B027
        """Somebody read although nothing was asked."""

    def power_cycle(self) -> None:
        """Lose the mains and get them back: what was set is gone, what drove something drives nothing."""
        self._received.clear()
        self._replies.clear()

    def complain(self, code: int) -> None:  # noqa: B027
        """Put an error into the list of errors, where there is one; `code` is SCPI's."""

    @property
    def mishaps(self) -> Mapping[str, Callable[[bool], None]]:
        """What can happen to the instrument itself, by name: called with True as it begins, False as it ends."""
        return {}

    # --- what a subclass uses ---------------------------------------------------------------------

    def reply(self, text: str | bytes, ready_at: float | None = None) -> None:
        """Queue one reply line; `ready_at` is the virtual time (s) from which it can be read, default now.

        Bytes are a binary reply: they go out as they are, without terminator, END with the last of them.
        """
        self.settle(self.owe(), text, ready_at)

    def stream(self, data: bytes) -> None:
        """Send bytes that nobody asked for, without END: a piece of a longer message for whoever listens."""
        piece = self.owe()
        piece.ends = False
        self.settle(piece, data)

    def discard_stream(self) -> None:
        """Throw away the pieces of a stream that nobody has read."""
        self._replies = deque(reply for reply in self._replies if reply.ends)

    def owe(self) -> Reply:
        """Take the next place in the output queue for a reply whose text is not known yet."""
        owed = Reply(self.messages)
        self._replies.append(owed)
        return owed

    def settle(self, owed: Reply, text: str | bytes, ready_at: float | None = None) -> None:
        """Give an owed reply its text, or its bytes; one that was cleared meanwhile goes nowhere."""
        owed.line = text if isinstance(text, bytes) else text.encode("latin-1") + self.terminator_out
        owed.ready_at = self.clock.now() if ready_at is None else ready_at
        if self.line is not None:
            self.line.gives(owed)

    def follow_with(self, reply: Reply, line: bytes, ready_at: float) -> None:
        """Put another line right behind a reply, from the same message, to be read from `ready_at` (s) on."""
        behind = Reply(reply.message)
        behind.line, behind.ready_at, behind.asker = line, ready_at, reply.asker
        if reply in self._replies:
            self._replies.insert(self._replies.index(reply) + 1, behind)

    def forget(self, owed: Reply) -> None:
        """Take back an owed reply: the query turned out to have no answer."""
        if owed in self._replies:
            self._replies.remove(owed)

    # --- what the interface uses ------------------------------------------------------------------

    @property
    def has_output(self) -> bool:
        """True while a reply is ready to be read (what MAV shows)."""
        head = self._replies[0] if self._replies else None
        return head is not None and head.line is not None and head.ready_at <= self.clock.now()

    def write(self, data: bytes, *, end: bool = True, message_exchange: bool = True) -> None:
        """Receive bytes from the bus; LF ends a message, and so does END (EOI) where `end` is true."""
        self._received += data
        while (cut := self._received.find(b"\n")) >= 0:
            line = bytes(self._received[:cut])
            del self._received[: cut + 1]
            self._receive(line, message_exchange)
        if end and self._received:
            line = bytes(self._received)
            self._received.clear()
            self._receive(line, message_exchange)

    def receive(self, line: bytes, before: Callable[[], None]) -> None:
        """Receive one line of a raw socket while the bench's time goes on: `before` is called, then it is obeyed.

        That is `message_time` from now, or from when the line before it has been received: only this instrument
        is kept busy by it.
        """
        message = line.decode("latin-1").strip()
        if not message:
            return

        def obey() -> None:
            before()
            self._accept(message, message_exchange=False)

        self._received_at = max(self._received_at, self.clock.now()) + self.message_time
        self.clock.at(self._received_at, obey)

    def _receive(self, line: bytes, message_exchange: bool) -> None:
        message = line.decode("latin-1").strip()
        if not message:
            return
        if self.message_time:
            self.clock.wait(self.message_time)
        self._accept(message, message_exchange)

    def _accept(self, message: str, message_exchange: bool) -> None:
        """Obey a message that has arrived, after the message exchange protocol has had its say."""
        if self.line is not None and not self.line.takes(message):
            return
        if message_exchange and self._replies:
            self._replies.clear()
            self.interrupted()
        self.messages += 1
        self.execute(message)

    def next_reply(self, deadline: float, *, message_exchange: bool = True) -> bytes | None:
        """Return the next complete reply line (with terminator), or None when none is ready by `deadline` (s).

        The clock is moved to the moment the reply is ready, or to the deadline; a reply that is late stays
        queued, as it does in the instrument. With nothing asked at all, `unterminated` is told first.
        """
        if message_exchange and not self._replies:
            self.unterminated()
        while True:
            head = self._replies[0] if self._replies else None
            if head is not None and head.line is not None and head.ready_at <= deadline:
                if head.ready_at > self.clock.now():
                    self.clock.run_until(head.ready_at)
                self._replies.popleft()
                self.ended = head.ends
                if self.line is not None:
                    self.line.given(head)
                return head.line
            if not self.clock.run_next(deadline):
                self.clock.run_until(deadline)
                return None

    @property
    def owed(self) -> Sequence[Reply]:
        """The replies that are not read yet, the oldest first."""
        return self._replies

    def put_back(self, data: bytes) -> None:
        """Take back the end of a reply that the controller did not read; the next read begins with it."""
        rest = Reply(self.messages)
        rest.line = data
        rest.ends = self.ended
        rest.ready_at = self.clock.now()
        self._replies.appendleft(rest)

    def discard_output(self) -> None:
        """Throw away every reply that is ready, as flushing the receive buffer of a raw interface does."""
        while self.has_output:
            self._replies.popleft()
