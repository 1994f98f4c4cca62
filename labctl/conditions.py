"""Conditions on runs, as a person types them: "mu0_H_x > 500 Oe and results.I_th < 15 mA"."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final, Protocol

from labctl import door
from labctl.errors import RequestError
from labctl.spelling import suggest

MAX_LENGTH = 1000
"""Signs in a condition (our choice): a deeper nest of `not` than this holds is nobody's question."""

_SHOWN: Final = 12  # names that an error lists (our choice)
_GRAMMAR: Final = r"""
?any: all ("or"i all)*
?all: one ("and"i one)*
?one: "not"i one -> negation
    | "(" any ")"
    | NAME OPERATOR VALUE -> comparison
NAME: /[^\W\d][\w.%]*/i
OPERATOR: "<=" | ">=" | "!=" | "==" | "=" | "<" | ">"
VALUE: /"[^"]*"|'[^']*'|[^\s()<>=!"']+([ \t]+(?!(and|or|not)\b)[^\s()<>=!"']+)*/i
%ignore /\s+/
"""

_ORDER: Final[Mapping[str, Callable[[int], bool]]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
    "=": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
}


class Described(Protocol):
    """What a condition is asked of: a run that knows the names of its values, and each value with its SI unit.

    A value is a number with a unit, or without one: a text, a truth, a datetime, a set of words; or None.
    """

    def names(self) -> Iterable[str]: ...  # noqa: D102
    def value(self, name: str) -> tuple[Any, str | None]: ...  # noqa: D102


Answer = Callable[[Described], bool | None]
"""True or False, or None where the run does not have the value: such a run is never listed, nor by `not`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A name, one of < <= > >= = !=, and the text that the value is compared with."""

    name: str
    operator: str
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is false."""

    part: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where every part is."""

    parts: Sequence[Condition]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where at least one part is."""

    parts: Sequence[Condition]


Condition = Comparison | Not | AllOf | AnyOf


def parse(text: str) -> Condition:
    """Read a condition; RequestError shows the place where it cannot be read."""
    import lark

    if len(text) > MAX_LENGTH:
        raise RequestError(f"a condition must have at most {MAX_LENGTH} signs; got {len(text)}.")
    try:
        return _parser().parse(text)
    except lark.exceptions.UnexpectedInput as error:
        ended = isinstance(error, lark.exceptions.UnexpectedToken) and error.token.type == "$END"
        where = (
            "which stops too early"
            if ended
            else f"not understood from {text[error.pos_in_stream :]!r:.40} on"
        )
        raise RequestError(
            "a condition must read NAME < VALUE, with and, or, not and brackets between them, as "
            f"'mu0_H_x > 500 Oe and results.I_th < 15 mA'; got {text!r}, {where}."
        ) from error


@cache
def _parser() -> Any:
    import lark

    class Building(lark.Transformer[Any, Condition]):
        def any(self, parts: list[Any]) -> Condition:
            return AnyOf(parts)

        def all(self, parts: list[Any]) -> Condition:
            return AllOf(parts)

        def negation(self, parts: list[Any]) -> Condition:
            return Not(parts[0])

        def comparison(self, parts: list[Any]) -> Condition:
            name, operator, text = map(str, parts)
            quoted = text[0] in "\"'" and text[0] == text[-1] and len(text) > 1
            return Comparison(name, operator.replace("==", "="), text[1:-1] if quoted else text)

    return lark.Lark(_GRAMMAR, start="any", parser="lalr", transformer=Building())


def bind(condition: Condition, runs: Sequence[Described]) -> Answer:
    """Make a condition ready to be asked of `runs`.

    RequestError where no run has a name, or where the value given is of another kind or dimension than every
    value of that name. A condition on no runs at all is not judged.
    """
    match condition:
        case Not(part):
            return _negation(bind(part, runs))
        case AllOf(parts):
            return _strongest([bind(part, runs) for part in parts], False)
        case AnyOf(parts):
            return _strongest([bind(part, runs) for part in parts], True)
        case Comparison():
            return _bound(condition, runs) if runs else lambda _run: None


def _negation(part: Answer) -> Answer:
    def answer(run: Described) -> bool | None:
        found = part(run)
        return None if found is None else not found

    return answer


def _strongest(parts: Sequence[Answer], decisive: bool) -> Answer:
    def answer(run: Described) -> bool | None:
        found = [part(run) for part in parts]
        return decisive if decisive in found else None if None in found else not decisive

    return answer


def _bound(asked: Comparison, runs: Sequence[Described]) -> Answer:
    """Read the given text once for each unit that values of the name have."""
    tests: dict[object, Callable[[Any], bool]] = {}
    refusals: list[RequestError] = []
    for run in runs:
        value, unit = run.value(asked.name)
        kind = unit or type(value)
        if value is None or kind in tests:
            continue
        try:
            tests[kind] = _test(asked, value, unit)
        except RequestError as error:
            refusals.append(error)
            tests[kind] = _never
    if not tests:
        _check_name(asked.name, runs)
    if refusals and all(test is _never for test in tests.values()):
        raise refusals[0]

    def answer(run: Described) -> bool | None:
        value, unit = run.value(asked.name)
        test = tests.get(unit or type(value), _never)
        if value is None or test is _never or (isinstance(value, float) and math.isnan(value)):
            return None
        return test(value)

    return answer


def _never(_value: Any) -> bool:
    """Stands for a kind of value that cannot be compared with what was given."""
    return False


def _check_name(name: str, runs: Sequence[Described]) -> None:
    known = {known: None for run in runs for known in run.names()}
    if name not in known:
        longer = [whole for whole in known if whole.endswith(f".{name}")]  # results.I_th for I_th
        meant = suggest(longer[0] if longer else name, known)
        raise RequestError(
            f"a name in a condition must be one that a run here has; got {name!r}"
            f"{meant or f' (they have {_some(known)})'}."
        )


def _some(known: Iterable[str]) -> str:
    """The names that differ from run to run first: results, then parameters, which have no prefix."""
    names = sorted(known, key=lambda name: (not name.startswith("results."), "." in name, name))
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


def _test(asked: Comparison, value: Any, unit: str | None) -> Callable[[Any], bool]:
    """What tells whether a value of this kind stands as asked to the text that was given."""
    name, text, holds = asked.name, asked.text, _ORDER[asked.operator]
    if isinstance(value, datetime):
        first, last = _span(name, text)
        return lambda time: holds(-1 if time < first else 1 if time > last else 0)
    if isinstance(value, bool):
        if text not in {"true", "false"}:
            raise RequestError(f"{name} must be compared with true or false; got {text!r}.")
        _only_equal(asked)
        return lambda truth: holds(int(truth != (text == "true")))
    if isinstance(value, int | float):
        number = door.parse(text, unit or "1", f"{name} in a condition")
        return lambda other: holds(_sign(other, number))
    _only_equal(asked)
    if isinstance(value, str):
        return lambda other: holds(int(other != text))
    if isinstance(value, frozenset):
        return lambda words: holds(int(text not in words))
    raise RequestError(f"{name} must be a single value to be compared; it is a list or a table.")


def _only_equal(asked: Comparison) -> None:
    if asked.operator not in {"=", "!="}:
        raise RequestError(f"{asked.name} must be compared by = or !=; got {asked.operator!r}.")


def _sign(value: float, number: float) -> int:
    # A value that was computed from what a person typed may be off in its last figures.
    if math.isclose(value, number, rel_tol=1e-9):
        return 0
    return -1 if value < number else 1


def _span(name: str, text: str) -> tuple[datetime, datetime]:
    """First and last instant of what a date means: a whole day, or a moment, here where nothing else is said."""
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise RequestError(
            f"{name} must be compared with a date, as 2026-03-01 or 2026-03-01T14:30; got {text!r}."
        ) from error
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return moment, moment
    after = datetime(day.year, day.month, day.day) + timedelta(days=1)
    return moment, after.astimezone() - timedelta(microseconds=1)
