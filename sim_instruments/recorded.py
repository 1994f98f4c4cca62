"""Instruments that answer from a recording: what was said must be said again, what was heard is heard again."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument
from sim_instruments.visa import BenchLibrary

#: How a recording is followed: every line in its place, or each line answered as it was the next time it was said.
Mode = Literal["strict", "by-query"]

_CONTEXT = 5


class Line(NamedTuple):
    """One line of a recording: `time` (s), the instrument's name, "say" or "hear", the text."""

    time: float
    instrument: str
    direction: str
    text: str


class _Said(NamedTuple):
    place: int
    line: Line
    answers: list[str]


class Tape:
    """A recording of some instruments' lines, in order, and how far it has been followed.

    Strict: every line must be the one that comes next on the tape, whichever instrument it goes to. By query: a
    line is answered as it was the next time the same instrument heard the same line; one that was never answered
    may be left out or be new. The first thing that is not on the tape is kept in `difference`, and from then on
    nothing is answered.
    """

    def __init__(self, lines: Iterable[Line], mode: Mode) -> None:
        self.mode: Mode = mode
        self.difference = ""
        self.now = 0.0
        self._said: list[_Said] = []
        self._unasked: dict[str, list[str]] = defaultdict(list)
        waiting: dict[str, list[str]] = {}
        for place, line in enumerate(lines):
            if line.direction == "say":
                waiting[line.instrument] = []
                self._said.append(_Said(place, line, waiting[line.instrument]))
            else:
                waiting.get(line.instrument, self._unasked[line.instrument]).append(line.text)
        self._next = 0
        self._by_text: dict[tuple[str, str], deque[_Said]] = defaultdict(deque)
        for said in self._said:
            self._by_text[said.line.instrument, said.line.text.strip()].append(said)

    @property
    def rest(self) -> Sequence[Line]:
        """The lines that were said in the recording and not yet again (strict)."""
        return [said.line for said in self._said[self._next :]]

    def unasked(self, instrument: str) -> list[str]:
        """What an instrument sent before anybody spoke to it."""
        return self._unasked[instrument]

    def answers(self, instrument: str, text: str) -> list[str]:
        """Return what was heard after this line; nothing once something has differed."""
        if self.difference:
            return []
        found = self._in_order(instrument, text) if self.mode == "strict" else self._of(instrument, text)
        if found is None:
            return []
        self.now = found.line.time
        return found.answers

    def _in_order(self, instrument: str, text: str) -> _Said | None:
        found = self._said[self._next] if self._next < len(self._said) else None
        if found is None or (found.line.instrument, found.line.text.strip()) != (instrument, text):
            wanted = (
                f"{found.line.instrument} was told {found.line.text!r}" if found else "nothing more was said"
            )
            self._differ(f"{wanted}; now {instrument} is told {text!r}")
            return None
        self._next += 1
        return found

    def _of(self, instrument: str, text: str) -> _Said | None:
        same = self._by_text[instrument, text]
        if same:
            return same.popleft()
        if "?" in text:
            self._differ(f"{instrument} is asked {text!r}, once more than it was")
        return None

    def _differ(self, what: str) -> None:
        before = self._said[max(0, self._next - _CONTEXT) : self._next]
        lines = [
            f"  {said.line.instrument} > {said.line.text}  < {' | '.join(said.answers)}" for said in before
        ]
        place = f"line {self._said[self._next].place + 1}" if self._next < len(self._said) else "the end"
        self.difference = "\n".join([f"at {place} of the recording {what}", "Before it:", *lines])


class RecordedInstrument(Instrument):
    """One instrument of a tape."""

    def __init__(self, clock: VirtualClock, name: str, tape: Tape) -> None:
        super().__init__(clock)
        self._name = name
        self._tape = tape
        for text in tape.unasked(name):
            self.reply(text)

    def execute(self, message: str) -> None:
        """Answer as the tape has it."""
        for text in self._tape.answers(self._name, message):
            self.reply(text)


def library(resources: Mapping[str, str], tape: Tape) -> BenchLibrary:
    """A VISA library of a tape's instruments: their names by resource name."""
    clock = VirtualClock()
    instruments = {resource: RecordedInstrument(clock, name, tape) for resource, name in resources.items()}
    return BenchLibrary(instruments, clock)
