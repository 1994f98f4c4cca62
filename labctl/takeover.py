"""Taking over: a dead run's open lines are followed to safety by a recipe, without driver, protocol or file system.

Every instrument has a thread of its own, so that one that does not answer holds up no other. The source's first
lines go out before the magnets begin to move, which meanwhile tell who and where they are; what can be asked later
waits until they do. What the owner had half said is voided by something that no instrument understands, so that
half a number is refused and not obeyed; then come the lines that need no answer. Before the first question *IDN? is
asked until the identity is the answer: no late reply is then taken for another.
"""

from __future__ import annotations

import importlib
import math
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from labctl.errors import LabctlError

#: Said at once where the owner may have left off in the middle of a line.
VOID: Final = "!"
_PATIENCE: Final = 2.0  # s (wall) for one answer
_REOPEN: Final = (
    60.0  # s (wall; our choice) in which a port must be free again; a gateway may keep it half a minute
)
_AGAIN: Final = 0.05  # s (wall) between two attempts at that
_ATTEMPTS: Final = 3  # at an answer
_LINES: Final = 32  # read at most while an answer is looked for
_HEAD_START: Final = 0.05  # s (wall) at most by which the source goes ahead of the magnets
_LET_MOVE: Final = 0.3  # s (wall) at most that read-backs wait until every magnet is on its way
_LATE: Final = 1.25  # intervals: what a step that comes late may make up for
_ROUNDING: Final = 1e-6  # A by which a step is rounded as it is said
_POLL: Final = 0.05  # s on the station's clock between two looks at a number that is on its way to zero
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


class Line(Protocol):
    """An open line to one instrument."""

    def say(self, text: str) -> None:
        """Send one line."""
        ...

    def hear(self, deadline: float) -> str:
        """Return the next line that comes until a time on the monotonic clock; TimeoutError where none does."""
        ...

    def void(self) -> None:
        """Make sure that nothing half said is obeyed."""
        ...


class SocketLine:
    """A LAN instrument's own socket, as it was handed over."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._received = bytearray()

    def say(self, text: str) -> None:
        """Send one line."""
        self._socket.settimeout(_PATIENCE)
        self._socket.sendall(text.encode("ascii") + b"\n")

    def hear(self, deadline: float) -> str:
        """Return the next line that comes until `deadline`; TimeoutError where none does."""
        while (cut := self._received.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise TimeoutError("nothing was answered in time")
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("the instrument has hung up")
            self._received += data
        line = bytes(self._received[:cut])
        del self._received[: cut + 1]
        return line.decode("latin-1").strip()

    def void(self) -> None:
        """End whatever was half said as something that is refused."""
        self.say(VOID)


class VisaLine:
    """A port that must be opened anew when its owner is dead: GPIB, serial. A bus takes one exchange at a time.

    Where the dead one's hold on it (a VISA lock, a gateway's connection) outlasts him it is tried again and again.
    """

    _bus = threading.RLock()

    def __init__(self, library: str, resource: str) -> None:
        deadline = time.monotonic() + _REOPEN
        while True:
            try:
                self._open(library, resource)
                break
            except LabctlError:
                if time.monotonic() >= deadline:
                    raise
            _pass(_AGAIN)

    def _open(self, library: str, resource: str) -> None:
        from labctl import sessions

        with self._bus:
            self._resource: Any = sessions.opened(sessions.manager(library), resource, "it", patience=0.0)
            self._resource.write_termination = self._resource.read_termination = "\n"

    def say(self, text: str) -> None:
        """Send one line."""
        with self._bus:
            self._resource.write(text)

    def hear(self, deadline: float) -> str:
        """Return the next line that comes until `deadline`; TimeoutError where none does."""
        with self._bus:
            self._resource.timeout = 1e3 * max(deadline - time.monotonic(), 1e-3)
            try:
                return str(self._resource.read()).strip()
            except Exception as error:  # a VISA library raises whatever its transport does
                raise TimeoutError(str(error)) from error

    def void(self) -> None:
        """End whatever was half said; a bus with a device clear forgets it by that."""
        with self._bus:
            try:
                self._resource.clear()
            except Exception:  # not every interface has a device clear
                self.say(VOID)


class Follower:
    """One instrument on its way to safety: `steps` are those of `drivers._parking`, as [kind, fields].

    `factor` is how much faster than the wall clock the station's time passes. `problems` says what was not
    confirmed.
    """

    def __init__(self, part: dict[str, Any], factor: float, open_line: Callable[[], Line]) -> None:
        self.name: str = part["name"]
        self.problems: list[str] = []
        self.has_begun = threading.Event()  # all lines before the first question have gone out
        self.may_move = threading.Event()
        self.is_moving = threading.Event()  # on its way to zero, or at an end
        self.may_ask = threading.Event()
        self._identity: str = part["identity"].strip()
        self._steps: Sequence[tuple[str, dict[str, Any]]] = part["steps"]
        self._factor = factor
        self._open_line = open_line
        self._in_step = False

    @property
    def is_magnet(self) -> bool:
        """Whether something has to come down to zero."""
        return any(kind in {"Settle", "Walk"} for kind, _ in self._steps)

    def follow(self) -> None:
        """Follow the recipe to its end, whatever happens; never raises."""
        try:
            self._line = self._open_line()
            self._line.void()
            if self.is_magnet and self._steps[0][0] != "Walk":  # a walk asks first
                self.may_move.wait(_HEAD_START)
            self._follow()
        except Exception as error:
            self.problems.append(f"the line: {error}")
        finally:
            self.has_begun.set()
            self.is_moving.set()

    def _follow(self) -> None:
        for kind, step in self._steps:
            if kind != "Say":
                self.has_begun.set()
            if kind == "Expect":
                self.may_ask.wait(_LET_MOVE)
            try:
                getattr(self, f"_{kind.lower()}")(**step)
            except Exception as error:
                self.problems.append(f"{step.get('ask') or step.get('text')}: {error}")
                if kind in {"Settle", "Walk"}:
                    return

    def _say(self, text: str) -> None:
        self._line.say(text)

    def _expect(self, ask: str, form: str) -> None:
        answer = self._ask(ask)
        if not re.fullmatch(form, answer):
            raise ValueError(f"it answers {answer}")

    def _settle(self, ask: str, below: float, within: float, again: str) -> None:
        self.is_moving.set()
        self.may_ask.wait(_LET_MOVE)
        deadline = time.monotonic() + within / self._factor
        while not abs(value := self._number(ask)) < below:
            if time.monotonic() >= deadline:
                raise ValueError(f"it is {value:G}, which must be below {below:G}")
            if again:
                self._line.say(again)
            _pass(_POLL / self._factor)

    def _walk(self, ask: str, say: str, rate: float, interval: float, below: float, within: float) -> None:
        deadline: float | None = None
        while True:
            try:
                start = self._number(ask)
            except (ValueError, OSError):
                self._line.say(say.format(0.0))
                raise
            if deadline is not None and abs(start) < below:
                return
            self.may_move.wait(_HEAD_START)
            self.is_moving.set()
            passed, here = interval, abs(start)
            while here > 0:
                # As far as the rate leads in the time that has passed since the step before.
                here = max(here - rate * min(passed, _LATE * interval) + _ROUNDING, 0.0)
                said = time.monotonic()
                self._line.say(say.format(math.copysign(here, start) if here else 0.0))
                _pass(interval / self._factor)
                passed = self._factor * (time.monotonic() - said)
            if deadline is None:
                deadline = time.monotonic() + within / self._factor
            elif time.monotonic() >= deadline:
                raise ValueError(f"it does not come to zero: {ask} answers {start:G}")

    def _number(self, ask: str) -> float:
        answer = self._ask(ask)
        if not _NUMBER.fullmatch(answer):
            raise ValueError(f"it answers {answer!r}")
        return float(answer)

    def _ask(self, text: str) -> str:
        """Ask, in step: an unanswered question is asked again, after the identity has been proven anew."""
        for attempt in range(_ATTEMPTS):
            try:
                if not self._in_step:
                    self._prove_identity()
                self._in_step = False  # until the answer is in
                self._line.say(text)
                answer = self._line.hear(time.monotonic() + _PATIENCE)
            except TimeoutError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                self._in_step = True
                return answer
        raise AssertionError("unreachable")

    def _prove_identity(self) -> None:
        self._line.say("*IDN?")
        deadline = time.monotonic() + _PATIENCE
        for _ in range(_LINES):
            if self._line.hear(deadline) == self._identity:
                return
        raise ValueError("another instrument answers")


def get_ready(parts: Sequence[dict[str, Any]]) -> None:
    """Load what will be needed, now that no moment counts."""
    if any("socket" not in part for part in parts):
        importlib.import_module("pyvisa")
        importlib.import_module("labctl.sessions")


def take_over(followers: Sequence[Follower], meanwhile: Callable[[], None] = lambda: None) -> None:
    """Park all of them at once: what drives current is told first, then the magnets, then what only reads.

    `meanwhile` is called when all are on their way: a disk may be waited for only then.
    """
    source = [one for one in followers[:1] if not one.is_magnet]
    magnets = [one for one in followers if one.is_magnet]
    threads: list[threading.Thread] = []

    def start(some: Sequence[Follower]) -> None:
        for one in some:
            threads.append(threading.Thread(target=one.follow, daemon=True))
            threads[-1].start()

    start([*source, *magnets])
    for one in source:
        one.has_begun.wait(_HEAD_START)
    for one in magnets:
        one.may_move.set()
    deadline = time.monotonic() + _LET_MOVE
    for one in magnets:
        one.is_moving.wait(max(deadline - time.monotonic(), 0.0))
    for one in followers:
        one.may_ask.set()
    start([one for one in followers if one not in source and not one.is_magnet])
    meanwhile()
    for thread in threads:
        thread.join()


def _pass(seconds: float) -> None:
    """Let wall time pass."""
    if seconds > 0:
        threading.Event().wait(seconds)
