"""The cable between a simulated instrument and its interface: ideal, until something goes wrong on it.

An instrument without a `Line` has an ideal cable that nobody listens to. What can go wrong, and how it is said, is
in `sim_instruments.faults`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from sim_instruments.instrument import Instrument, Reply

#: Why nothing gets through: the cable is out, somebody else has locked the instrument, the interface itself fails.
Trouble = Literal["", "lost", "locked", "broken"]


class Disturbance(Protocol):
    """Something that alters what goes over a line, while it is on it."""

    def spoils(self, line: Line, message: str) -> bool:
        """Return True where a message does not reach the instrument."""
        ...

    def alters(self, line: Line, reply: Reply) -> None:
        """Alter a reply that the instrument has just put into its output queue."""
        ...


class Line:
    """One instrument's cable. Messages and queries are counted from 1, from the moment the bench was built."""

    def __init__(self, instrument: Instrument, name: str) -> None:
        self.instrument = instrument
        self.name = name
        self.trouble: Trouble = ""
        self.queries = 0
        self.disturbances: list[Disturbance] = []
        #: Called with each message before it is obeyed, and with each reply when the interface has taken it.
        self.said: list[Callable[[Line, str], None]] = []
        self.heard: list[Callable[[Line, Reply], None]] = []
        #: Text of the last reply, and of the last reply to each message: what a mixed-up or stuck one repeats.
        self.last_reply = b""
        self.last_replies: dict[str, bytes] = {}
        self.message = ""
        self._lost: list[Reply] = []

    def takes(self, message: str) -> bool:
        """Let a message pass; False where it does not reach the instrument."""
        for lost in self._lost:  # a reply that never comes must not keep those behind it for ever
            self.instrument.forget(lost)
        self._lost.clear()
        self.message = message
        self.queries += "?" in message
        for told in self.said:
            told(self, message)
        return not any(one.spoils(self, message) for one in tuple(self.disturbances))

    def gives(self, reply: Reply) -> None:
        """Let a reply pass that the instrument has just made."""
        for one in tuple(self.disturbances):
            one.alters(self, reply)
        if reply.line is not None:
            self.last_reply = self.last_replies[self.message] = reply.line

    def given(self, reply: Reply) -> None:
        """Say that the interface has taken a reply."""
        for told in self.heard:
            told(self, reply)

    def lose(self, reply: Reply) -> None:
        """Let a reply never arrive."""
        reply.ready_at = math.inf
        self._lost.append(reply)
