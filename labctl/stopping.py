"""How a run is asked to stop: signals that only set a flag, and the places where the flag is looked at.

The first Ctrl-C finishes the point and then parks. The second breaks the point off: the next line to an
instrument, or the next look at the clock in a wait, raises `BrokenOff`, never anything in between: a query under
way is waited for, until its answer or its time limit (2 s, for a reading its own length and more). Further ones
cannot cut a ramp, and whoever sent them is told so. SIGTERM (a supervisor, or `labctl stop`) and SIGHUP (the
terminal is gone) leave the point GRACE seconds. Ctrl-Z does nothing: a run stopped with its current on is a hang.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from labctl.errors import StoppedError

if TYPE_CHECKING:
    from labctl.heartbeat import Guard

_Handler = Callable[[int, object], None] | signal.Handlers

#: Seconds (wall) that a point has left to end by itself after a SIGTERM or SIGHUP (our choice).
GRACE: Final = 0.5
#: Seconds (wall) that storing a row may take where a disk is slow to take it (our choice).
DISK: Final = 30.0
_CAUSES: Final = {
    signal.SIGINT: "stopped by the user",
    signal.SIGTERM: "stopped by SIGTERM",
    signal.SIGHUP: "stopped because the terminal was closed",
}


class BrokenOff(BaseException):
    """A point was broken off by request; the reason is its text. No protocol's `except Exception` may keep it."""


class StopRequests:
    """What has been asked for so far; a signal handler writes it, `heed` and the engine look at it."""

    def __init__(self) -> None:
        self.reason = ""
        self.is_parking = False
        self.answers = 0  # how often `answer_impatience` has written something
        self._asked = 0
        self._told = 0
        self._point_ends = math.inf

    def ask(self, number: int) -> None:
        """Take one request, as a signal handler does: a flag is set and nothing else happens."""
        self._asked += 1
        self.reason = self.reason or _CAUSES[signal.Signals(number)]
        if self._asked > 1:
            self._point_ends = 0.0
        elif number != signal.SIGINT:
            self._point_ends = time.monotonic() + GRACE

    def heed(self) -> None:
        """Raise BrokenOff where the point must not go on."""
        if self._asked and time.monotonic() >= self._point_ends:
            raise BrokenOff(self.reason)

    def begin_parking(self) -> None:
        """Take all that has been asked for so far as granted."""
        self._told = self._asked
        self.is_parking = True

    def answer_impatience(self) -> None:
        """Say on standard error that parking goes on, once for each request that has come since it began."""
        while self._told < self._asked:
            self._told += 1
            self.answers += 1
            with suppress(OSError):  # the terminal may be gone
                os.write(2, b"\nlabctl: the station is being parked; a ramp cannot be cut short.\n")


class Watch:
    """What is looked after before every exchange on a wire and while a clock is waited for.

    It tells the guard that this process lives, and for how long it may now be silent; it notices that the guard is
    gone, and that a point is to be broken off. While the station is parked it raises nothing.
    """

    __slots__ = ("guard", "is_parking", "stop")

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.stop: StopRequests | None = None
        self.is_parking = False

    def announce(self, silence: float = 0.0) -> None:
        """Give the guard a sign of life, and say that the next may be late by `silence` (s); never raises."""
        if self.guard is not None:
            self.guard.beat(silence)

    def __call__(self, silence: float = 0.0) -> None:
        """Look after everything; what follows may take `silence` (s)."""
        self.announce(silence)
        if self.is_parking:
            return
        if self.stop is not None:
            self.stop.heed()
        if self.guard is not None:
            self.guard.check()


@contextmanager
def stop_requests() -> Generator[StopRequests]:
    """Turn SIGINT, SIGTERM and SIGHUP into requests while a run goes on (in the main thread only)."""
    stop = StopRequests()
    handlers: dict[signal.Signals, _Handler] = {signal.SIGTSTP: signal.SIG_IGN}
    for number in _CAUSES:
        handlers[number] = lambda number, _frame: stop.ask(number)
    with _on_signals(handlers):
        yield stop


@contextmanager
def stops_at_once() -> Generator[StopRequests]:
    """As `stop_requests` where no instrument is driven: what goes on is given up on the spot, as StoppedError.

    Whoever might catch the first interruption on its way out looks at the reason.
    """
    stop = StopRequests()

    def interrupt(number: int, _frame: object) -> None:
        stop.ask(number)
        raise KeyboardInterrupt

    try:
        with _on_signals(dict.fromkeys(_CAUSES, interrupt)):
            yield stop
    except KeyboardInterrupt:
        raise StoppedError(f"{stop.reason or 'stopped by the user'}; no instrument was driven.") from None


@contextmanager
def _on_signals(handlers: Mapping[signal.Signals, _Handler]) -> Generator[None]:
    """Handle signals in another way for a while; in the main thread only, which alone is told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
