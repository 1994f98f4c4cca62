"""What goes wrong on a simulated bench, when, and for how long: said by a line of text, and done at the wire.

    INSTRUMENT: KIND [VALUE] at (row N | query N | line "TEXT" | time T s) [for (N times | T s)]

as in `voltmeter: timeout at row 40`, `source: late 3 s at query 12`, `supply_z: lost at line "OUTP OFF" for 5 s`,
`voltmeter: answer "nan" at row 2 for 3 times`. A row is the one that is being measured, from 1; queries are an
instrument's own, from 1, counted since the bench was built; a line is the first that begins so. What alters a
reply or a command does so once, what is a state lasts for ever, unless `for` says otherwise.

Nothing here reaches into a driver or a protocol: a fault alters what goes over an instrument's cable
(`sim_instruments.line`), or is a mishap of the instrument itself (`Instrument.mishaps`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from sim_instruments.line import Line

if TYPE_CHECKING:
    from sim_instruments.clock import VirtualClock
    from sim_instruments.instrument import Reply

#: What the value of a kind is, and what stands for one that is not given ("": one must be).
Value = Literal["none", "seconds", "text", "instrument", "code"]
#: What a kind does: it alters replies, spoils commands, is a trouble of the link, happens once, or is a state.
Sort = Literal["reply", "command", "link", "event", "state"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: what it does, in words, and what its value is."""

    sort: Sort
    does: str
    value: Value = "none"
    default: str = ""


KINDS: Final[Mapping[str, Kind]] = {
    "timeout": Kind("reply", "the reply never comes"),
    "late": Kind("reply", "the reply comes so much later", "seconds", "3 s"),
    "half": Kind("reply", "half of the reply comes, without its end"),
    "split": Kind("reply", "the reply comes in two halves, so much time between them", "seconds", "100 ms"),
    "doubled": Kind("reply", "the reply comes twice"),
    "empty": Kind("reply", "an empty line comes"),
    "garbage": Kind("reply", "bytes come that are no ASCII"),
    "carriage-return": Kind("reply", "the reply ends in CR alone"),
    "noise": Kind("reply", "other bytes come right before the reply", "text", "#?"),
    "answer": Kind("reply", "this comes in place of the reply", "text"),
    "swapped": Kind("reply", "the last reply of this other instrument comes", "instrument"),
    "frozen": Kind("reply", "what was last answered to the same question comes again"),
    "swallowed": Kind("command", "a command is taken and not obeyed"),
    "refused": Kind("command", "a command is not obeyed, and this error is reported", "code", "-222"),
    "lost": Kind("link", "nothing gets through"),
    "locked": Kind("link", "another program has locked the instrument"),
    "broken": Kind("link", "the interface fails with an input/output error of the system"),
    "error": Kind("event", "this error appears in the instrument's list", "code", "-310"),
    "panel": Kind("event", "somebody does this at the front panel", "text"),
    "power-cycled": Kind("event", "the instrument loses the mains for a moment: its settings are gone"),
    "interlock-open": Kind("state", "the source's interlock is open: its output is off"),
    "over-temperature": Kind("state", "the source is too hot: its output is off"),
    "loose-contact": Kind("state", "a current lead has come off: the source meets its compliance"),
    "stuck": Kind("state", "the supply's current stays where it is, whatever is set"),
    "slow": Kind("state", "the supply ramps at a tenth of its rate"),
    "unplugged": Kind("state", "the gaussmeter's probe is not in the magnet"),
    "unlocked": Kind("state", "the lock-in's reference is unplugged"),
}

FORM: Final = "INSTRUMENT: KIND [VALUE] at (row N | query N | line TEXT | time T s) [for (N times | T s)]"
_FAULT: Final = re.compile(
    r'\s*([\w.-]+)\s*:\s*([\w-]+)(?:\s+("[^"]*"|(?:(?!\bat\b|")\S+)(?:\s+(?:m?s|us))?))?'
    r'\s+at\s+(?:(row|query)\s+(\d+)|line\s+("[^"]+"|\S+)|time\s+(\S+\s*\w*?))'
    r"(?:\s+for\s+(?:(\d+)\s+times?|([\d.eE+-]+\s*\w+)))?\s*"
)
_SECONDS: Final = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(s|ms|us)")
_PER: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: on which instrument, of which kind, when it begins (`row`, `query`, `line`, `time`) and how long.

    `place` is the number of the row or query, or the time (s), or the beginning of the line. `times` and `seconds`
    say how long; None: once where something is altered, for ever where it is a state.
    """

    instrument: str
    kind: str
    value: str
    when: Literal["row", "query", "line", "time"]
    place: float | str
    times: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        """The line that says it, which `parse` reads again."""
        text = self.value if KINDS[self.kind].value != "text" else f'"{self.value}"'
        place = f'"{self.place}"' if isinstance(self.place, str) else f"{self.place:.12g}"
        words = [f"{self.instrument}: {self.kind}", text, "at", self.when, place, "s" * (self.when == "time")]
        if self.times is not None:
            words += ["for", f"{self.times} times"]
        if self.seconds is not None:
            words += ["for", f"{self.seconds:.12g} s"]
        return " ".join(word for word in words if word)

    @property
    def sort(self) -> Sort:
        """What it does."""
        return KINDS[self.kind].sort


def parse(text: str) -> Fault:
    """Read the line that says a fault; ValueError says what it must be."""
    found = _FAULT.fullmatch(text)
    if found is None:
        raise ValueError(f"a fault must read {FORM}, as 'voltmeter: timeout at row 40'; got {text!r}")
    instrument, name, value, when, number, line, time, times, lasting = found.groups()
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"the kind of a fault must be one of {', '.join(KINDS)}; got {name!r}")
    value = (value or kind.default).strip('"')
    if kind.value == "none" and value:
        raise ValueError(f"{name} takes no value; got {value!r}")
    if kind.value != "none" and not value:
        raise ValueError(f"{name} must be given a value: {kind.does}; got none in {text!r}")
    if kind.value == "seconds":
        seconds(value)
    if kind.value == "code" and re.fullmatch(r"[+-]?\d{1,5}", value) is None:
        raise ValueError(f"the error of {name} must be a number, as -222; got {value!r}")
    if when and not int(number):
        raise ValueError(f"a {when} must be counted from 1; got {number}")
    if times is not None and (kind.sort not in ("reply", "command") or not int(times)):
        raise ValueError(f"{name} must last some seconds, or for ever, and not so many times; got {text!r}")
    if lasting is not None and kind.sort == "event":
        raise ValueError(f"{name} happens once; got {text!r}")
    moment: Literal["row", "query", "line", "time"] = "line" if line else "time"
    place: float | str = line.strip('"') if line else seconds(time) if time else int(number)
    return Fault(
        instrument,
        name,
        value,
        when if when in ("row", "query") else moment,
        place,
        int(times) if times else None,
        seconds(lasting) if lasting else None,
    )


def seconds(text: str) -> float:
    """Read a time as 2 s or 250 ms; ValueError where it is none."""
    found = _SECONDS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a time must be given as 2 s or 250 ms; got {text!r}")
    return float(found[1]) * _PER[found[2]]


@dataclass(slots=True)
class Occurrence:
    """A fault on its line: waiting for its moment, on, or over. `happened` says when (s) it began, if it has."""

    fault: Fault
    line: Line
    lines: Mapping[str, Line]
    clock: VirtualClock
    happened: list[float] = field(default_factory=list[float])
    _left: float = 0.0

    def wait(self) -> None:
        """Begin at the moment that the fault names; the row is told by `Schedule.row`."""
        fault = self.fault
        if fault.when == "time":
            self.clock.at(float(fault.place), self.begin)
        elif fault.when != "row":
            self.line.said.append(self._look)

    def begin(self) -> None:
        """Go wrong from now on."""
        if self.happened:
            return
        fault, instrument = self.fault, self.line.instrument
        self.happened.append(self.clock.now())
        match fault.sort:
            case "reply" | "command":
                lasting = math.inf if fault.seconds is not None or fault.kind == "frozen" else 1.0
                self._left = lasting if fault.times is None else fault.times
                self.line.disturbances.append(self)
            case "link":
                self.line.trouble = "lost" if fault.kind == "lost" else _TROUBLE[fault.kind]
            case "event":
                self._occur()
            case "state":
                instrument.mishaps[fault.kind](True)
        if fault.seconds is not None:
            self.clock.after(fault.seconds, self.end)

    def end(self) -> None:
        """Be right again."""
        match self.fault.sort:
            case "reply" | "command":
                if self in self.line.disturbances:
                    self.line.disturbances.remove(self)
            case "link":
                self.line.trouble = ""
            case "state":
                self.line.instrument.mishaps[self.fault.kind](False)
            case "event":
                pass

    def spoils(self, line: Line, message: str) -> bool:
        """Swallow or refuse a command; questions are left alone."""
        if self.fault.sort != "command" or "?" in message:
            return False
        self._count()
        if self.fault.kind == "refused":
            line.instrument.complain(int(self.fault.value))
        return True

    def alters(self, line: Line, reply: Reply) -> None:
        """Do to a reply what the kind says."""
        if self.fault.sort != "reply" or reply.line is None:
            return
        self._count()
        reply.altered = self.fault.kind not in ("timeout", "late", "split", "doubled")
        _ALTERATIONS[self.fault.kind](self, reply, reply.line)

    def _look(self, line: Line, message: str) -> None:
        fault = self.fault
        due = "?" in message and line.queries == fault.place
        if fault.when == "line":
            due = message.upper().startswith(str(fault.place).upper())
        if due:
            self.begin()

    def _count(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.end()

    def _occur(self) -> None:
        instrument = self.line.instrument
        match self.fault.kind:
            case "error":
                instrument.complain(int(self.fault.value))
            case "panel":
                instrument.execute(self.fault.value)
            case _:
                instrument.power_cycle()


def _late(one: Occurrence, reply: Reply, line: bytes) -> None:
    reply.ready_at += seconds(one.fault.value)


def _half(one: Occurrence, reply: Reply, line: bytes) -> None:
    reply.line, reply.ends = line[: len(line) // 2] or b"0", False


def _split(one: Occurrence, reply: Reply, line: bytes) -> None:
    _half(one, reply, line)
    one.line.instrument.follow_with(reply, line[len(line) // 2 :], reply.ready_at + seconds(one.fault.value))


def _swapped(one: Occurrence, reply: Reply, line: bytes) -> None:
    reply.line = one.lines[one.fault.value].last_reply or b"\n"


def _with(change: Callable[[Occurrence, bytes], bytes]) -> Callable[[Occurrence, Reply, bytes], None]:
    def alter(one: Occurrence, reply: Reply, line: bytes) -> None:
        reply.line = change(one, line)

    return alter


_TROUBLE: Final[Mapping[str, Literal["locked", "broken"]]] = {"locked": "locked", "broken": "broken"}
_ALTERATIONS: Final[Mapping[str, Callable[[Occurrence, Reply, bytes], None]]] = {
    "timeout": lambda one, reply, line: one.line.lose(reply),
    "late": _late,
    "half": _half,
    "split": _split,
    "doubled": lambda one, reply, line: one.line.instrument.follow_with(reply, line, reply.ready_at),
    "empty": _with(lambda one, line: b"\n"),
    "garbage": _with(lambda one, line: b"\xff\xfe\x80" + line[3:]),
    "carriage-return": _with(lambda one, line: line.rstrip(b"\r\n") + b"\r"),
    "noise": _with(lambda one, line: one.fault.value.encode("latin-1") + line),
    "answer": _with(lambda one, line: one.fault.value.encode("latin-1") + b"\n"),
    "swapped": _swapped,
    "frozen": _with(lambda one, line: one.line.last_replies.get(one.line.message, line)),
}


class Schedule:
    """The faults of one run on their bench: `row` is told which row is being measured, from 1."""

    def __init__(self, faults: Sequence[Fault], lines: Mapping[str, Line], clock: VirtualClock) -> None:
        """Put every fault on its line; one that its instrument cannot have raises ValueError."""
        self.occurrences = [_on_its_line(fault, lines, clock) for fault in faults]
        for one in self.occurrences:
            one.wait()

    def row(self, number: int) -> None:
        """Begin what is due now that this row is being measured."""
        for one in self.occurrences:
            if one.fault.when == "row" and one.fault.place == number:
                one.begin()


def _on_its_line(fault: Fault, lines: Mapping[str, Line], clock: VirtualClock) -> Occurrence:
    there = ", ".join(lines)
    if fault.instrument not in lines:
        raise ValueError(f"a fault must be of an instrument of this bench, {there}; got {fault.instrument!r}")
    if KINDS[fault.kind].value == "instrument" and fault.value not in lines:
        raise ValueError(
            f"{fault.kind} must be given an instrument of this bench, {there}; got {fault.value!r}"
        )
    line = lines[fault.instrument]
    if fault.sort == "state" and fault.kind not in line.instrument.mishaps:
        able = ", ".join(line.instrument.mishaps) or "none"
        raise ValueError(
            f"{fault.kind} cannot happen to {fault.instrument}; what can, beside faults of its cable: {able}"
        )
    return Occurrence(fault, line, lines, clock)
