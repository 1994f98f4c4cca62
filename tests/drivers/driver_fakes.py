"""A clock that nobody waits for, and a PyVISA resource played by a small instrument that echoes its settings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import VisaIOError

from drivers._wire import Wire


class FakeClock:
    """Seconds that pass only when somebody waits; `on_wait` sees each wait."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        assert seconds >= 0
        self.waits.append(seconds)
        self.time += seconds


class FakeResource:
    """What a Wire needs of a PyVISA resource; `answer(line)` gives a reply, a list of replies, or None.

    Replies arrive after `delay` seconds (settable per line by `late`), or never; a read waits on the clock.
    Lines in `fail_on` make the write fail. What was written stands in `said`.
    """

    interface_type = InterfaceType.gpib
    resource_class = "INSTR"

    def __init__(self, answer: Callable[[str], str | None], clock: FakeClock) -> None:
        self.answer = answer
        self.clock = clock
        self.said: list[str] = []
        self.late: dict[str, float] = {}
        self.fail_on: set[str] = set()
        self.cleared = 0
        self.timeout = 0.0
        self.write_termination = ""
        self.read_termination = ""
        self._arriving: deque[tuple[float, str]] = deque()

    def write(self, text: str) -> int:
        self.said.append(text)
        if text in self.fail_on:
            raise VisaIOError(StatusCode.error_io)
        reply = self.answer(text)
        if reply is not None:
            self._arriving.append((self.clock.time + self.late.pop(text, 0.0), reply))
        return len(text)

    def read(self) -> str:
        deadline = self.clock.time + self.timeout / 1e3
        if not self._arriving or self._arriving[0][0] > deadline:
            self.clock.time = deadline
            raise VisaIOError(StatusCode.error_timeout)
        due, reply = self._arriving.popleft()
        self.clock.time = max(self.clock.time, due)
        return reply

    def clear(self) -> None:
        self.cleared += 1
        while self._arriving and self._arriving[0][0] <= self.clock.time:
            self._arriving.popleft()

    def read_stb(self) -> int:
        return 64


class Echo:
    """An instrument that remembers `HEADER value`, answers `HEADER?` with it, and otherwise what `replies` say.

    A line in `refused` puts its entry into the error queue (SYST:ERR?) and changes nothing; ON and OFF become
    1 and 0. `mute` queries are not answered.
    """

    def __init__(self, replies: dict[str, str], refused: dict[str, str] | None = None) -> None:
        self.state = dict(replies)
        self.refused = refused or {}
        self.mute: set[str] = set()
        self.errors: deque[str] = deque()

    def __call__(self, line: str) -> str | None:
        header, _, argument = line.partition(" ")
        if header in self.mute:
            return None
        if header == "SYST:ERR?":
            return self.errors.popleft() if self.errors else '0,"No error"'
        if line in self.refused:
            self.errors.append(self.refused[line])
            return None
        if header.endswith("?"):
            return self.state.get(header)
        self.hear(header, {"ON": "1", "OFF": "0"}.get(argument, argument))
        return None

    def hear(self, header: str, argument: str) -> None:
        self.state[f"{header}?"] = argument


def wired(answer: Callable[[str], str | None], name: str = "meter") -> tuple[Wire, FakeResource]:
    """Return a wire on a fake resource played by `answer`, with a clock of its own."""
    clock = FakeClock()
    resource = FakeResource(answer, clock)
    return Wire(resource, clock, name), resource  # type: ignore[arg-type]
