"""Interlocks: what a station file has watched after each row, and what is done where it is not well.

A comparison is a column (or its magnitude), a sign and a value with its unit: nothing is evaluated. What is not a
number trips every interlock. A row that is skipped is not among the data, where every row is right; it is in the
log, whole, with what was wrong.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labctl import door, registry
from labctl.errors import FaultError, LabctlError, RequestError
from labctl.spelling import suggest

if TYPE_CHECKING:
    from labctl.config import InterlockSection
    from labctl.engine import Operator, Request
    from labctl.station import OpenStation
    from protocols.vocabulary import Column, MeasurementProtocol

#: Rows that may be skipped one after the other before the run is stopped, and readings that may be taken again
#: where one overflows (our choice).
SKIPS_IN_A_ROW: Final = 10
READINGS_AGAIN: Final = 2
#: Seconds that a person may take to look after a paused run before it counts as hung (our choice).
PAUSE_MAX: Final = 86400.0

#: What is well, by the sign of what is not: what is not a number is then never well.
_WELL: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.le,
    ">=": operator.lt,
    "<": operator.ge,
    "<=": operator.gt,
}
_COMPARISON: Final = re.compile(r"\s*(?:(abs)\(\s*(\w+)\s*\)|(\w+))\s*(>=|<=|>|<)\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column of a row, or its magnitude, compared with a value (SI)."""

    column: str
    is_magnitude: bool
    sign: str
    value: float
    unit: str
    display: str | None

    def tripped(self, row: Mapping[str, float]) -> str:
        """What a row has that it must not have, in words; nothing where it is well."""
        value = abs(row[self.column]) if self.is_magnitude else row[self.column]
        if _WELL[self.sign](value, self.value):
            return ""
        return f"{self.column} = {door.show(row[self.column], self.unit, self.display)}"


def check(request: Request) -> None:
    """Refuse a station whose interlocks cannot be read (RequestError, nothing sent)."""
    for section in request.station.interlock:
        if section.when is not None:
            read(section.when, request.protocol)


def read(text: str, protocol: MeasurementProtocol) -> Comparison | None:
    """Read "abs(R_xy) > 5 ohm"; None where this protocol has no such column, but another one has."""
    found = _COMPARISON.fullmatch(text)
    if found is None:
        raise RequestError(
            f'an interlock must compare a column with a value, as "abs(R_xy) > 5 ohm"; got {text!r}. '
            "Nothing was sent."
        )
    magnitude, inside, bare, sign, value = found.groups()
    name = inside or bare
    columns = {column.name: column for column in protocol.columns}
    if name not in columns:
        known = set(columns).union(*map(_columns_of, registry.installed("protocols")))
        if name not in known:
            raise RequestError(
                f"an interlock must compare a column of a protocol; there is no {name!r}{suggest(name, known)}. "
                "Nothing was sent."
            )
        return None
    column: Column = columns[name]
    limit = door.parse(value, column.unit, f"the value of the interlock {text!r}")
    return Comparison(name, bool(magnitude), sign, limit, column.unit, column.display)


def _columns_of(protocol: str) -> set[str]:
    return {column.name for column in registry.load_protocol(protocol).columns}


class Watch:
    """The interlocks of a run: `takes` looks at each row."""

    def __init__(self, request: Request, lab: OpenStation, ask: Operator) -> None:
        from labctl import station

        self._lab = lab
        self._ask = ask
        self._skipped = 0
        self._interlocks = [(section, self._judge(section, request)) for section in request.station.interlock]
        if any(section.watch == "overflow" for section in request.station.interlock):
            lab.oversight.take_again(READINGS_AGAIN, station.Overload)

    def takes(self, row: Mapping[str, float]) -> bool:
        """Return whether a row belongs to the data; FaultError, or a driver's error, where the run has to end."""
        for section, judge in self._interlocks:
            for wrong in judge(row):
                if section.action == "skip":
                    self._skip(row, wrong)
                    return False
                if section.action == "pause":
                    self._pause(wrong)
                else:
                    raise FaultError(f"An interlock stopped the run: {wrong}.")
        self._lab.oversight.verify()
        self._skipped = 0
        return True

    def _judge(
        self, section: InterlockSection, request: Request
    ) -> Callable[[Mapping[str, float]], Iterator[str]]:
        if section.when is not None:
            comparison = read(section.when, request.protocol)
            if comparison is None:
                self._lab.note(f"interlock {section.when!r}: this protocol has no such column")
                return lambda _row: iter(())
            text = section.when
            return lambda row: (f"{wrong} ({text})" for wrong in (comparison.tripped(row),) if wrong)
        watched: Callable[[], Iterator[str]] = {
            "compliance": self._lab.oversight.in_compliance,
            "faults": self._lab.oversight.faults,
            "gaussmeter": lambda: self._lab.oversight.fields_off(section.within or 0.0),
            "overflow": lambda: iter(()),
        }[str(section.watch)]
        return lambda _row: watched()

    def _skip(self, row: Mapping[str, float], wrong: str) -> None:
        self._skipped += 1
        self._lab.oversight.overlook()
        self._lab.log("skipped", f"{wrong}; the row was not taken: {json.dumps(dict(row))}")
        if self._skipped >= SKIPS_IN_A_ROW:
            raise FaultError(
                f"An interlock stopped the run: {self._skipped} rows one after the other; {wrong}."
            )

    def _pause(self, wrong: str) -> None:
        self._lab.warn(f"paused: {wrong}")
        self._lab.watch.announce(PAUSE_MAX)
        try:
            self._ask(f"{wrong}: the run is paused, current and field stay as they are. Look after it.")
        except LabctlError as error:
            raise FaultError(
                f"An interlock paused the run, and nobody was there to go on: {wrong}."
            ) from error
        self._lab.watch.announce()
        self._lab.oversight.overlook()
        self._lab.note("the run goes on")
