"""How a simulated SCPI instrument declares its commands: patterns as the manual prints them, and their look-up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar, overload

from sim_instruments.scpi_parameters import Parameter, spellings, split
from sim_instruments.scpi_status import ScpiError

T = TypeVar("T")
Handler = TypeVar("Handler", bound=Callable[..., Any])

_WORDS = re.compile(r"(\[?):?(\*?[A-Za-z]+\d*):?\]?")
_DEFAULT = ("DEF", "DEFAULT")
#: Look-ups remembered per instrument class; ordinary traffic needs a few dozen.
_REMEMBERED = 4096


class Pending:
    """An answer that is still being made: the parser stands still until it is settled or refused."""

    def __init__(self) -> None:
        self.done = False
        self.answer: str | None = None
        self.refusal: ScpiError | None = None
        #: Called once when the answer is there.
        self.then: Callable[[Pending], None] | None = None

    def settle(self, answer: str | None = None) -> None:
        """Give the answer of a query, or None where a command has come to its end."""
        self.answer = answer
        self._finish()

    def refuse(self, code: int) -> None:
        """Give an error instead of an answer."""
        self.refusal = ScpiError(code)
        self._finish()

    def _finish(self) -> None:
        self.done = True
        if self.then is not None:
            self.then(self)


#: What a handler gives back: the text of a reply, nothing, or the promise of one of these.
Answer = str | Pending | None


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the command reference: `OUTPut[:STATe]`, as a command or as a query.

    In a `series` the last parameter may come any number of times.
    """

    pattern: str
    is_query: bool
    parameters: tuple[Parameter[Any], ...]
    call: Callable[..., Answer]
    optional: int = 0
    series: bool = False

    @property
    def header(self) -> str:
        """The pattern, with `?` for a query."""
        return self.pattern + "?" if self.is_query else self.pattern

    def arguments(self, text: str, owner: Any) -> list[Any]:
        """Read the data after the header; ScpiError -108, -109 or whatever the parameters say."""
        tokens = split(text, ",") if text else []
        parameters = self.parameters
        if self.series:
            parameters += parameters[-1:] * (len(tokens) - len(parameters))
        if len(tokens) > len(parameters):
            raise ScpiError(-108)
        if len(tokens) < len(parameters) - self.optional:
            raise ScpiError(-109)
        return [parameter.parse(token, owner) for parameter, token in zip(parameters, tokens, strict=False)]


def command(
    pattern: str, *parameters: Parameter[Any], optional: int = 0, series: bool = False
) -> Callable[[Handler], Handler]:
    """Declare the decorated method as the command `pattern`.

    The last `optional` parameters may be missing; with `series` the last one may be repeated.
    """
    return _declare(pattern, parameters, optional, is_query=False, series=series)


def query(pattern: str, *parameters: Parameter[Any], optional: int = 0) -> Callable[[Handler], Handler]:
    """Declare the decorated method as the query `pattern?`."""
    return _declare(pattern, parameters, optional, is_query=True)


def _declare(
    pattern: str,
    parameters: tuple[Parameter[Any], ...],
    optional: int,
    *,
    is_query: bool,
    series: bool = False,
) -> Callable[[Handler], Handler]:
    def mark(handler: Handler) -> Handler:
        handler.__dict__.setdefault("commands", []).append(
            Command(pattern, is_query, parameters, handler, optional, series)
        )
        return handler

    return mark


class Setting(Generic[T]):
    """A value that is set by `pattern value` and asked for by `pattern?`, and that *RST puts back to `default`.

    In Python it is an attribute of its group. From the wire, `pattern DEFault|MINimum|MAXimum` and
    `pattern? DEFault|MINimum|MAXimum` work too; a `check` may refuse a value or round it; afterwards the group
    hears `changed(name)`. With `keeps` the value survives *RST and SYSTem:PRESet; one that is not `saved` is no
    part of a set-up.
    """

    def __init__(
        self, pattern: str, parameter: Parameter[T], default: T, *, keeps: bool = False, saved: bool = True
    ) -> None:
        self.pattern = pattern
        self.parameter = parameter
        self.default = default
        self.keeps = keeps
        self.saved = saved and not keeps
        self.name = ""
        self._check: Callable[[Any, T], T] | None = None

    def check(self, function: Callable[[Any, T], T]) -> Callable[[Any, T], T]:
        """Decorate the method that gives the value to store for a value from the wire, or raises ScpiError."""
        self._check = function
        return function

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, group: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, group: Group, owner: type) -> T: ...
    def __get__(self, group: Group | None, owner: type) -> Setting[T] | T:
        return self if group is None else group.values[self.name]

    def __set__(self, group: Group, value: T) -> None:
        group.values[self.name] = value

    def commands(self) -> tuple[Command, Command]:
        """Return the command and the query."""
        return (
            Command(self.pattern, False, (_WithDefault(self),), self._store),
            Command(self.pattern, True, (_Asked(self),), self._recall, optional=1),
        )

    def _store(self, group: Group, value: T) -> None:
        group.allow_change(self.name)
        group.values[self.name] = value if self._check is None else self._check(group, value)
        group.changed(self.name)

    def _recall(self, group: Group, asked: T | None = None) -> str:
        return self.parameter.reply(group.values[self.name] if asked is None else asked)


class _WithDefault(Parameter[T]):
    """What a setting accepts: its parameter, or DEFault."""

    def __init__(self, setting: Setting[T]) -> None:
        self.setting = setting

    def parse(self, token: str, owner: Any) -> T:
        if token.upper() in _DEFAULT:
            return self.setting.default
        return self.setting.parameter.parse(token, owner)

    def reply(self, value: T) -> str:
        return self.setting.parameter.reply(value)


class _Asked(_WithDefault[T]):
    """What may follow the query of a setting: DEFault, MINimum or MAXimum."""

    def parse(self, token: str, owner: Any) -> T:
        word = token.upper()
        if word in _DEFAULT:
            return self.setting.default
        if word not in ("MIN", "MINIMUM", "MAX", "MAXIMUM"):
            raise ScpiError(-108)
        return self.setting.parameter.limit(word, owner)


class Group:
    """A group of commands of one instrument, declared together: one chapter of its manual.

    `root` stands before every pattern that begins with a colon; rows that are easier to write as a table
    than as methods go into `table`.
    """

    root: ClassVar[str] = ""
    table: ClassVar[tuple[Command, ...]] = ()

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        for setting in _settings(type(self)):
            self.values[setting.name] = setting.default

    def reset(self) -> None:
        """Put the settings to their *RST values; a group with more to reset adds to this."""
        for setting in _settings(type(self)):
            if not setting.keeps:
                self.values[setting.name] = setting.default

    def set_up(self) -> dict[str, Any]:
        """Return the settings that belong to a set-up; a group with more of them adds to this."""
        return {setting.name: self.values[setting.name] for setting in _settings(type(self)) if setting.saved}

    def take_set_up(self, values: Mapping[str, Any]) -> None:
        """Take settings after *RST, acting on those that differ; a group with more of them adds to this."""
        differing = {name: value for name, value in values.items() if value != self.values[name]}
        self.values.update(values)
        for name in differing:
            self.changed(name)
        self.values.update(values)  # whatever a change has worked out anew

    def allow_change(self, name: str) -> None:
        """A setting is about to be written from the wire; a group that cannot have it now raises ScpiError."""

    def changed(self, name: str) -> None:
        """A setting was written from the wire (called after the new value is stored)."""

    @classmethod
    def commands(cls) -> list[Command]:
        """Return every command and query of the group, patterns complete with the root."""
        rows = list(cls.table)
        for member in _members(cls):
            if isinstance(member, Setting):
                rows += member.commands()
            else:
                rows += getattr(member, "commands", ()) if callable(member) else ()
        return [
            replace(row, pattern=cls.root + row.pattern) if row.pattern[0] == ":" else row for row in rows
        ]


class CommandTree:
    """All commands of one kind of instrument, and which of them a header means."""

    def __init__(self, groups: Sequence[type[Group]]) -> None:
        self._nodes: dict[str, tuple[Command, int]] = {}
        self._cache: dict[str, tuple[Command, int]] = {}
        self.headers = frozenset(row.header for group in groups for row in group.commands())
        for index, group in enumerate(groups):
            for row in group.commands():
                for spelled in _spelled(row.pattern):
                    key = spelled + "?" if row.is_query else spelled
                    if key in self._nodes:
                        raise ValueError(
                            f"{row.header} and {self._nodes[key][0].header} are both spelled {key}"
                        )
                    self._nodes[key] = (row, index)
        self._stems = {re.sub(r"\d+(?=:|\?|$)", "", spelled) for spelled in self._nodes}

    def find(self, header: str) -> tuple[Command, int]:
        """Return the command a full header means, and the number of its group; ScpiError -113 or -114."""
        found = self._cache.get(header)
        if found is None:
            spelled = header.upper()
            found = self._nodes.get(spelled)
            if found is None:
                stem = re.sub(r"\d+(?=:|\?|$)", "", spelled)
                raise ScpiError(-114 if stem != spelled and stem in self._stems else -113)
            if len(self._cache) >= _REMEMBERED:
                self._cache.clear()
            self._cache[header] = found
        return found


def _spelled(pattern: str) -> Iterable[str]:
    """Return every way to write a pattern, in capitals."""
    words = [(spellings(word), bracket == "[") for bracket, word in _WORDS.findall(pattern)]
    choices = [(*forms, "") if optional else forms for forms, optional in words]
    return (":".join(filter(None, chosen)) for chosen in itertools.product(*choices))


def _members(cls: type[Group]) -> Iterable[Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return found.values()


def _settings(cls: type[Group]) -> list[Setting[Any]]:
    return [member for member in _members(cls) if isinstance(member, Setting)]
