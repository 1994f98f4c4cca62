"""What all drivers share: identity, errors attributed to the last command, and the list of what they can say."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from drivers._parking import Recipe
from drivers._setting import Entry, Measured, Number, Setting
from drivers._wire import CLEAR_STATUS, IDENTIFY, Wire
from drivers.errors import ErrorQueueNotEmpty, OutOfRange, WrongInstrument

_QUEUE_DEPTH = 32  # more than any of them holds: a queue that never empties must not hold us for ever
_QUEUE_ENTRY = re.compile(r'([+-]?\d+),"(.*)"')
_REGISTER = re.compile(r"\+?(\d+)")


@dataclass(frozen=True, slots=True)
class Command:
    """A line that does something, or sets several things at once."""

    header: str
    page: str
    doc: str


@dataclass(frozen=True, slots=True)
class Query:
    """A line that is answered in the given form, where that is more than one number.

    It is repeatable where being asked twice, and the *CLS of a resynchronisation between, changes nothing.
    """

    header: str
    form: re.Pattern[str]
    page: str
    doc: str
    is_repeatable: bool = False


def try_each(steps: Iterable[tuple[str, Callable[[], object]]]) -> list[str]:
    """Take every step whatever became of the one before; return those that failed, with their reasons.

    Anything may fail on the way to safety (a full disk under the log, too), and nothing may stop it.
    """
    failed: list[str] = []
    for name, step in steps:
        try:
            step()
        except Exception as failure:
            failed.append(f"{name}: {failure}")
    return failed


def _counted(errors: Iterable[str]) -> list[str]:
    """The same error several times in a row is told once, with how often it came."""
    runs = [(error, len(list(same))) for error, same in groupby(errors)]
    return [error if times == 1 else f"{error} ({times} times)" for error, times in runs]


def _line(command: Command, arguments: str) -> str:
    return f"{command.header} {arguments}" if arguments else command.header


def register(header: str, page: str, doc: str, *, is_repeatable: bool = False) -> Query:
    """Return the query of a status register; one that shows the present state only is repeatable."""
    return Query(header, _REGISTER, page, doc, is_repeatable)


def names_of(bits: int, names: Sequence[str]) -> list[str]:
    """Return the names of the bits that are set, lowest first; bits whose name is empty are left out."""
    return [name for bit, name in enumerate(names) if name and bits >> bit & 1]


class Instrument(ABC):
    """One instrument on one wire. Assigning a name that is not on its data sheet raises AttributeError.

    Every subclass declares `MODEL`, the `IDENTITY` that *IDN? must answer in full, and `__slots__`.
    """

    MODEL: ClassVar[str]
    IDENTITY: ClassVar[re.Pattern[str]]

    __slots__ = ("_identity", "_narrowed", "_wire")

    def __init_subclass__(cls) -> None:
        if "__slots__" not in cls.__dict__:
            raise TypeError(
                f"{cls.__name__} must declare __slots__: without it a misspelt setting is accepted"
            )

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._identity = ""
        self._narrowed: dict[str, tuple[float, float]] = {}
        wire.expect(self.IDENTITY)

    @property
    def wire(self) -> Wire:
        """The session that this instrument is driven over."""
        return self._wire

    @property
    def identity(self) -> str:
        """What the instrument answered to *IDN? when it was connected; empty before."""
        return self._identity

    def connect(self) -> list[str]:
        """Check the identity and empty the list of old errors, which is returned; nothing is changed.

        Another model raises WrongInstrument. From now on a resynchronisation must meet the same serial number.
        """
        identity = self._wire.ask(IDENTIFY)
        if not self.IDENTITY.fullmatch(identity):
            raise WrongInstrument(
                f"{self._wire.name} must be a {self.MODEL}; at its address answered {identity!r}. "
                "Nothing else was sent."
            )
        self._identity = identity
        self._wire.expect(re.compile(re.escape(identity)))
        return [f"{self._wire.name}: from before this connection: {entry}" for entry in self.pending_errors()]

    @abstractmethod
    def pending_errors(self) -> list[str]:
        """Take what the instrument has to complain about, oldest first; the list is then empty."""

    @abstractmethod
    def park(self) -> None:
        """Leave the instrument safe; NotParked where that could not be confirmed."""

    def parking_recipe(self) -> Recipe:
        """Return parking as plain data, for whoever has the line and no driver; empty where nothing is driven."""
        return ()

    def check_errors(self, after: str) -> None:
        """Raise ErrorQueueNotEmpty where there are errors; they are put down to the line `after`."""
        errors = self.pending_errors()
        if errors:
            raise ErrorQueueNotEmpty(
                f"{self._wire.name} must accept {after!r}; it answered {'; '.join(_counted(errors))}. "
                f"The old setting stays.\n{self._wire.last_exchanges()}"
            )

    def check(self, setting: str, value: float) -> None:
        """Raise OutOfRange where the named setting would refuse `value`; nothing is sent either way."""
        self.line(setting, value)

    def narrow(self, setting: str, low: float, high: float) -> None:
        """Let the named number be set to low ... high (SI, inclusive) only, as far as its data sheet allows that.

        A later call narrows further, and never widens. A name that is no number on the data sheet, or limits that
        leave nothing, raise OutOfRange; nothing is sent.
        """
        entry = getattr(type(self), setting, None)
        if not isinstance(entry, Number):
            known = ", ".join(entry.name for entry in self._entries() if isinstance(entry, Number))
            raise OutOfRange(
                f"a limit of {self._wire.name} must be of one of its numbers, {known}; got {setting!r}. "
                "Nothing was sent."
            )
        before = self._narrowed.get(setting, (entry.low, entry.high))
        narrowed = max(low, before[0]), min(high, before[1])
        if not narrowed[0] <= narrowed[1]:
            raise entry.refuse(
                (low, high), f"within {before[0]:G} to {before[1]:G} {entry.unit}", self._wire.name
            )
        self._narrowed[setting] = narrowed

    def line(self, setting: str, value: Any) -> str:
        """Return the line that sets the named setting; OutOfRange where it would be refused. Nothing is sent."""
        entry = getattr(type(self), setting)
        if setting in self._narrowed:
            low, high = self._narrowed[setting]
            if not low <= value <= high:  # in this form, because it is false for NaN
                allowed = f"{low:G} to {high:G} {entry.unit} on this station"
                raise entry.refuse(value, allowed, self._wire.name)
        return entry.line(value, self._wire.name)

    def command(self, line: str) -> None:
        """Say a line and check that it was accepted."""
        self._wire.say(line)
        self.check_errors(line)

    def say(self, command: Command, arguments: str = "", *, urgent: bool = False) -> None:
        """Say a declared command and do not ask whether it was accepted; `urgent` as in Wire.say."""
        self._wire.say(_line(command, arguments), urgent=urgent)

    def do(self, command: Command, arguments: str = "") -> None:
        """Say a declared command and check that it was accepted."""
        self.command(_line(command, arguments))

    def ask(self, query: Query, timeout: float | None = None) -> re.Match[str]:
        """Ask a declared query; an answer of another form raises ReplyGarbled."""
        return self._wire.match(query.header, query.form, timeout, is_repeatable=query.is_repeatable)

    def ask_register(self, query: Query) -> int:
        """Ask for a status register."""
        return int(self.ask(query)[1])

    def settings(self) -> dict[str, tuple[float | bool | str, str]]:
        """Read every setting: name -> (value, unit)."""
        return {
            entry.name: (getattr(self, entry.name), entry.unit)
            for entry in self._entries()
            if isinstance(entry, Setting)
        }

    @classmethod
    def headers(cls) -> set[str]:
        """Return every header this driver can put on the wire; queries end in `?`."""
        said = {IDENTIFY, CLEAR_STATUS}
        for entry in cls._entries():
            if isinstance(entry, Setting):
                said |= {entry.header, f"{entry.header}?"}
            else:
                said.add(entry.header)
        return said

    @classmethod
    def _entries(cls) -> Iterator[Entry[float] | Setting[bool] | Setting[str] | Command | Query]:
        for owner in reversed(cls.__mro__):
            for entry in vars(owner).values():
                if isinstance(entry, Measured | Setting | Command | Query):
                    yield entry


class ScpiInstrument(Instrument):
    """An instrument with an error queue."""

    __slots__ = ()

    next_error = Query(
        "SYST:ERR?",
        _QUEUE_ENTRY,
        "622x-901-01 p. 11-2; 2182A-900-01 p. 11-18; BOP-1K MG manual, tables B-3 to B-5",
        "take the oldest entry",
    )

    def pending_errors(self) -> list[str]:
        """Empty the error queue, at most 32 entries, oldest first."""
        errors: list[str] = []
        while len(errors) < _QUEUE_DEPTH:
            entry = self.ask(self.next_error)
            if int(entry[1]) == 0:
                break
            errors.append(entry[0])
        return errors


class RegisterInstrument(Instrument):
    """An instrument without error texts: bits of the standard event register tell that a line was refused."""

    __slots__ = ()

    event_register = register("*ESR?", "IEEE 488.2 section 11.5.1", "what happened since it was last read")
    EVENTS: ClassVar[Sequence[str]] = (
        "",
        "",
        "query error (*ESR? bit 2)",
        "",
        "execution error, argument out of range (*ESR? bit 4)",
        "command error, not understood (*ESR? bit 5)",
    )

    def pending_errors(self) -> list[str]:
        """Read and so clear the event register; return its error bits in words."""
        return names_of(self.ask_register(self.event_register), self.EVENTS)
