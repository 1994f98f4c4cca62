"""The wire: one VISA session with its log and time limits, brought back into step after a lost reply."""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

from drivers.errors import InstrumentError, OutOfStep, Overload, ReplyGarbled, WireLost, WireTimeout

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

#: Called for every line as log(time, name, "say" | "hear", text); it should not raise.
Log = Callable[[float, str, Literal["say", "hear"], str], None]

NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
INFINITY: Final = 9.9e37  # SCPI 1999.0 volume 1, section 7.2.1.4: what an instrument prints for overflow

CLEAR_STATUS: Final = "*CLS"  # said only when resynchronising
IDENTIFY: Final = "*IDN?"

#: How often a repeatable query is said again before its failure is raised, and all of a session's together (our
#: choice): one late reply in a night is an accident, twenty are a cable.
REPEATS: Final = 2
REPEATS_OF_A_SESSION: Final = 20

_T = TypeVar("_T")
_EXCHANGES_KEPT = 5
_RESYNC_ATTEMPTS = 3
_STALE_LINES = 32
_SILENCE = 0.5  # s in which nothing may follow the identity before the session counts as in step


class Clock(Protocol):
    """Time as drivers need it: the wall clock of a station, or the virtual clock of a bench."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        ...


class Wire:
    """One instrument's session: lines said and answers heard, one at a time.

    `resource` is an open PyVISA message-based resource; both its terminators are set to LF and a CR before
    the LF of a reply is dropped, which fits every instrument here. `timeout` is the usual time limit (s).
    `unread`, where the interface can tell, says whether bytes have come that nobody has read: before a question
    there must be none, or a doubled reply would shift every later answer by one.
    `heed` is called before every exchange that is not urgent, with the time (s) that it may take; where it raises,
    nothing is sent.

    After a failed exchange the session is *suspect*: a late reply would shift every later answer by one.
    The failed query raises, and before the next exchange the session is resynchronised.

    A query that is *repeatable*, because asking twice changes nothing, is said again after a resynchronisation
    where its answer did not come or was garbled: `REPEATS` times, `REPEATS_OF_A_SESSION` times in all. Each time
    `note` is told, and `repeats` counts it. Nothing else is ever repeated.
    """

    __slots__ = (
        "_clock",
        "_failed_limit",
        "_heed",
        "_identity",
        "_lines",
        "_log",
        "_may_repeat",
        "_note",
        "_pause",
        "_repeats",
        "_resource",
        "_resynchronisations",
        "_suspect",
        "_timeout",
        "_unread",
        "name",
    )

    def __init__(
        self,
        resource: MessageBasedResource,
        clock: Clock,
        name: str,
        log: Log | None = None,
        timeout: float = 2.0,
        unread: Callable[[], bool] | None = None,
        note: Callable[[str], None] | None = None,
        heed: Callable[[float], None] | None = None,
    ) -> None:
        self.name = name
        self._note = note
        self._heed = heed
        self._may_repeat = True
        self._repeats = 0
        self._unread = unread
        self._resource = resource
        self._clock = clock
        self._log = log
        self._timeout = timeout
        self._pause = 0.0
        self._suspect = False
        self._resynchronisations = 0
        self._failed_limit = timeout
        self._identity = re.compile(".+")
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=2 * _EXCHANGES_KEPT)
        resource.write_termination = "\n"
        resource.read_termination = "\n"
        self._limit(timeout)

    @property
    def clock(self) -> Clock:
        """The clock that this session, and the driver on it, wait on."""
        return self._clock

    @property
    def suspect(self) -> bool:
        """True after a failed exchange, until resynchronisation is proven."""
        return self._suspect

    @property
    def resynchronisations(self) -> int:
        """How often the session was brought back into step: where it grew, what was sent before may be lost."""
        return self._resynchronisations

    @property
    def repeats(self) -> int:
        """How many queries were said again because their answer had not come or was garbled."""
        return self._repeats

    @contextmanager
    def once(self) -> Generator[None]:
        """Repeat no query inside: where a resynchronisation would clear what is being watched for."""
        before, self._may_repeat = self._may_repeat, False
        try:
            yield
        finally:
            self._may_repeat = before

    def persistently(self, act: Callable[[], _T], what: str) -> _T:
        """Return what `act` (only repeatable queries) returns, within the budget; else its failure is raised."""
        left = REPEATS if self._may_repeat else 0
        while True:
            try:
                return act()
            except OutOfStep:
                raise
            except (WireTimeout, ReplyGarbled) as failure:
                if left == 0 or self._repeats >= REPEATS_OF_A_SESSION:
                    raise
                left -= 1
                self._repeats += 1
                self.resynchronise()
                if self._note is not None:
                    reason = str(failure).partition("\n")[0]
                    self._note(f"{self.name}: {what} is asked again, {REPEATS - left} of {REPEATS}: {reason}")

    def pace(self, pause: float) -> None:
        """Let `pause` (s) pass between a question and the read of its answer, for cards that need it."""
        self._pause = pause

    def expect(self, identity: re.Pattern[str]) -> None:
        """Say what *IDN? must answer for the session to count as in step."""
        self._identity = identity

    def say(self, text: str, *, urgent: bool = False) -> None:
        """Send one line that earns no answer.

        An `urgent` line (parking) goes out even on a suspect session, where anything else is first preceded
        by a resynchronisation.
        """
        if not urgent:
            if self._heed is not None:
                self._heed(0.0)
            if self._suspect:
                self.resynchronise()
        self._send(text, self._clock.now(), self._timeout)

    def ask(self, text: str, timeout: float | None = None, *, is_repeatable: bool = False) -> str:
        """Send one line and return its answer without terminator; `timeout` (s) is for this query only."""
        if is_repeatable:
            return self.persistently(lambda: self.ask(text, timeout), repr(text))
        if self._unread is not None and self._unread():
            self.distrust()
        if self._suspect:
            self.resynchronise()
        if timeout is None:
            reply = self._exchange(text, self._timeout)
        else:
            self._limit(timeout)
            try:
                reply = self._exchange(text, timeout)
            finally:
                with suppress(*_failures()):  # a dead session must not hide what went wrong on it
                    self._limit(self._timeout)
        self._suspect = False
        return reply

    def match(
        self, text: str, form: re.Pattern[str], timeout: float | None = None, *, is_repeatable: bool = False
    ) -> re.Match[str]:
        """Ask, and return the whole answer matched by `form`; anything else is garbled and makes it suspect."""
        if is_repeatable:
            return self.persistently(lambda: self.match(text, form, timeout), repr(text))
        reply = self.ask(text, timeout)
        found = form.fullmatch(reply.strip())
        if found is None:
            self.distrust()
            raise ReplyGarbled(
                f"{self.name} must answer {text!r} in the form {form.pattern}; got {reply!r}. "
                f"The answer was dropped.\n{self.last_exchanges()}"
            )
        return found

    def number(
        self,
        text: str,
        timeout: float | None = None,
        *,
        is_repeatable: bool = False,
        form: re.Pattern[str] = NUMBER,
    ) -> float:
        """Ask for one decimal number in some form; 9.9E37 and more is an overload and never a number."""
        value = float(self.match(text, form, timeout, is_repeatable=is_repeatable)[0])
        if abs(value) >= INFINITY:
            raise Overload(f"{self.name} answered {text!r} with {value:G}: overflow, there is no value.")
        return value

    def distrust(self) -> None:
        """Mark the session suspect: the last answer may not belong to the last question."""
        self._suspect = True
        self._failed_limit = self._timeout

    def device_clear(self) -> None:
        """Send the interface's device clear (IEEE 488.1 SDC): buffers are emptied, settings stay."""
        self._touch(self._resource.clear, "device clear")

    def serial_poll(self) -> int:
        """Return the status byte by serial poll, which works while a reading is still going on."""
        return self._touch(self._resource.read_stb, "serial poll")

    def resynchronise(self) -> None:
        """Prove that the next answer will belong to the next question; OutOfStep where that fails.

        The missing reply is given as long again as its query had (before it has arrived nothing can remove
        it) and what comes is dropped; then *IDN? must answer the identity that is expected here, with nothing
        behind it. *CLS clears the errors of the accident, so that no later command is blamed for them. At most
        three attempts.
        """
        started, patience = self._clock.now(), self._failed_limit
        for _ in range(_RESYNC_ATTEMPTS):
            with suppress(*_failures(), NotImplementedError):  # not every interface has a device clear
                if self._has_device_clear():
                    self._resource.clear()
            with suppress(InstrumentError):
                self._drain(patience)
                is_itself = self._identity.fullmatch(self._exchange(IDENTIFY, self._timeout)) is not None
                if is_itself and self._drain(_SILENCE) == 0:
                    self._send(CLEAR_STATUS, self._clock.now(), self._timeout)
                    self._suspect = False
                    self._resynchronisations += 1
                    return
        raise OutOfStep(
            f"{self.name} must answer *IDN? with its own identity and nothing behind it before the session can be "
            f"trusted again; it did not in {_RESYNC_ATTEMPTS} attempts and {self._clock.now() - started:.3g} s. "
            f"Nothing else was sent.\n{self.last_exchanges()}"
        )

    def last_exchanges(self) -> str:
        """Return the last five exchanges, one line each, for an error message."""
        lines: list[str] = []
        for time, direction, text in self._lines:
            if direction == ">" or not lines:
                lines.append(f"  {time:.6f} s {direction} {text}")
            else:
                lines[-1] += f"  < {text}"
        return "Last exchanges:\n" + "\n".join(lines[-_EXCHANGES_KEPT:])

    def _exchange(self, text: str, limit: float) -> str:
        """Say and hear; leaves the session suspect, which the caller lifts when the answer is accepted."""
        if self._heed is not None:
            self._heed(limit)
        started = self._clock.now()
        # Until the answer is in, it may still come, whatever interrupts us.
        self._suspect, self._failed_limit = True, limit
        self._send(text, started, limit)
        if self._pause:
            self._clock.wait(self._pause)
        try:
            reply = self._resource.read()
        except _failures() as failure:
            raise self._broken(text, started, limit, failure) from failure
        reply = reply.rstrip("\r\n")
        self._heard(reply)
        return reply

    def _send(self, text: str, started: float, limit: float) -> None:
        self._lines.append((started, ">", text))
        try:
            self._resource.write(text)
        except _failures() as failure:
            raise self._broken(text, started, limit, failure) from failure
        finally:
            if self._log is not None:
                self._log(started, self.name, "say", text)

    def _heard(self, reply: str) -> None:
        arrived = self._clock.now()
        self._lines.append((arrived, "<", reply))
        if self._log is not None:
            self._log(arrived, self.name, "hear", reply)

    def _drain(self, silence: float) -> int:
        """Read until nothing has come for `silence` s; return the number of lines dropped."""
        self._limit(silence)
        try:
            for dropped in range(_STALE_LINES):
                if self._heed is not None:
                    self._heed(silence)
                try:
                    stale = self._resource.read()
                except _failures() as failure:
                    if _is_timeout(failure):
                        return dropped
                    raise self._broken("(draining)", self._clock.now(), silence, failure) from failure
                self._heard(stale.rstrip("\r\n"))
            return _STALE_LINES
        finally:
            with suppress(*_failures()):
                self._limit(self._timeout)

    def _limit(self, seconds: float) -> None:
        self._resource.timeout = 1e3 * seconds

    def _has_device_clear(self) -> bool:
        """Return False on a serial line, where it is a break and garbage to some, and on a raw socket.

        A socket has none, and what pyvisa-py does instead never returns when the other end has hung up.
        """
        from pyvisa.constants import InterfaceType

        is_raw = self._resource.resource_class == "SOCKET"
        return not is_raw and self._resource.interface_type is not InterfaceType.asrl

    def _touch(self, action: Callable[[], _T], what: str) -> _T:
        started = self._clock.now()
        try:
            return action()
        except _failures() as failure:
            raise self._broken(what, started, self._timeout, failure) from failure

    def _broken(self, text: str, started: float, limit: float, failure: BaseException) -> InstrumentError:
        """Mark the session suspect and return what to raise."""
        self._suspect, self._failed_limit = True, limit
        elapsed = self._clock.now() - started
        done = (
            "The session is suspect: before the next exchange it is cleared and must give its identity again.\n"
            + self.last_exchanges()
        )
        if _is_timeout(failure):
            return WireTimeout(
                f"{self.name} must answer {text!r} within {limit:g} s; nothing came in {elapsed:.3g} s. {done}"
            )
        if isinstance(failure, UnicodeDecodeError):
            return ReplyGarbled(
                f"{self.name} must answer {text!r} in ASCII; got {failure.object!r}. The answer was dropped. {done}"
            )
        return WireLost(
            f"{self.name} must be reachable; {text!r} failed after {elapsed:.3g} s: {failure}. {done}"
        )


@functools.cache
def _failures() -> tuple[type[Exception], ...]:
    """Return what a PyVISA session raises (a USB error is an OSError); PyVISA is loaded by whoever opened it."""
    from pyvisa.errors import Error

    return (Error, OSError, UnicodeDecodeError)


def _is_timeout(failure: BaseException) -> bool:
    from pyvisa.constants import StatusCode
    from pyvisa.errors import VisaIOError

    return isinstance(failure, VisaIOError) and failure.error_code == StatusCode.error_timeout
