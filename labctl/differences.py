"""How two runs differ: what was asked, of which instruments, with which code, on what, and what came out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from labctl.record import Quantity
from labctl.runfile import Run
from protocols.vocabulary import Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_LINES = 5000
"""Of a text that is compared line by line (our choice); of a longer one the first and last lines are told."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """A value on both sides, None where a side does not have it; of texts of many lines those that differ.

    A line begins with "-" where only the left text has it and with "+" where only the right one has.
    """

    values: tuple[Quantity | None, Quantity | None]
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A result on both sides, right minus left (SI), and that in units of the uncertainty of the difference.

    The two uncertainties are taken as independent. None where there is no such number.
    """

    values: tuple[Result | None, Result | None]
    difference: float | None
    uncertainties: float | None


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """Statistics (SI) of a column on both sides, and in how many rows they differ where there are as many."""

    values: tuple[Mapping[str, float] | None, Mapping[str, float] | None]
    unit: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything that two runs do not have in common, except when they were made and what they are called."""

    left: Run
    right: Run
    sections: Mapping[str, Mapping[str, Change]]
    results: Mapping[str, ResultChange]
    columns: Mapping[str, ColumnChange]

    @property
    def equal(self) -> bool:
        """True where nothing differs."""
        return not (any(self.sections.values()) or self.results or self.columns)


def between(left: Run, right: Run) -> Differences:
    """Compare two runs; NaN is equal to NaN."""
    sections = {
        "run": _changes(_as_a_whole(left), _as_a_whole(right)),
        "parameters": _changes(left.parameters, right.parameters),
        "settings": _changes(_settings(left, right), _settings(right, left)),
        "identities": _changes(_identities(left), _identities(right)),
        "code": _changes(_code(left), _code(right)),
        "sample": _changes(left.sample, right.sample),
        "station": _changes(left.station, right.station),
        "simulation": _changes(left.simulation or {}, right.simulation or {}),
    }
    return Differences(left, right, sections, _results(left, right), _columns(left, right))


def _as_a_whole(run: Run) -> dict[str, Quantity]:
    return {
        "protocol": Quantity(run.protocol),
        "status": Quantity(run.status),
        "reason": Quantity(run.reason),
        "rows": Quantity(run.rows, "1"),
        "duration": Quantity(run.duration, "s"),
        "clock": Quantity(run.clock),
        "seed": Quantity(run.seed, "1"),
        "warnings": Quantity("\n".join(run.warnings)),
    }


def _settings(run: Run, other: Run) -> dict[str, Quantity]:
    """Settings of the roles that both runs have: one that only one has is told of by its identity."""
    return {
        f"{role}.{when}.{name}": value
        for role, instrument in run.instruments.items()
        if role in other.instruments
        for when, settings in (
            ("before", instrument.settings_before),
            ("after", instrument.settings_after),
        )
        for name, value in settings.items()
    }


def _identities(run: Run) -> dict[str, Quantity]:
    return {
        f"{role}.{what}": Quantity(getattr(instrument, what))
        for role, instrument in run.instruments.items()
        for what in ("identity", "resource", "driver")
    }


def _code(run: Run) -> dict[str, Quantity]:
    return {
        "labctl": Quantity(run.program_version),
        "protocol": Quantity(run.protocol_version),
        "analysis": Quantity(run.analysis_version),
        "source": Quantity(run.source),
    }


def _changes(left: Mapping[str, Quantity], right: Mapping[str, Quantity]) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for name, a, b in _pairs(left, right):
        if a is None or b is None or not _same(a[:2], b[:2]):
            found[name] = Change((a, b), _lines(a, b))
    return found


def _pairs(left: Mapping[str, T], right: Mapping[str, T]) -> list[tuple[str, T | None, T | None]]:
    return [(name, left.get(name), right.get(name)) for name in {**left, **right}]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b or (a != a and b != b)


def _lines(a: Quantity | None, b: Quantity | None) -> list[str]:
    texts = [value.value if value is not None else "" for value in (a, b)]
    if not all(isinstance(text, str) for text in texts) or not any("\n" in text for text in texts):
        return []
    left, right = (text.splitlines() for text in texts)
    if max(len(left), len(right)) > _MAX_LINES:
        left, right = ([*lines[:1], f"... {len(lines)} lines", *lines[-1:]] for lines in (left, right))
    compared = list(difflib.unified_diff(left, right, n=0, lineterm=""))[2:]
    return [line for line in compared if not line.startswith("@@")]


def _results(left: Run, right: Run) -> dict[str, ResultChange]:
    found: dict[str, ResultChange] = {}
    for name, a, b in _pairs(left.results, right.results):
        if a is not None and b is not None and _same(_told(a), _told(b)):
            continue
        difference = uncertainties = None
        if a is not None and b is not None and a.unit == b.unit:
            difference = b.value - a.value
            together = math.hypot(*(u for u in (a.uncertainty, b.uncertainty) if math.isfinite(u)))
            uncertainties = difference / together if together and math.isfinite(difference) else None
        found[name] = ResultChange((a, b), difference, uncertainties)
    return found


def _told(result: Result) -> tuple[Any, ...]:
    return result.value, result.uncertainty, result.unit, result.limit, result.note


def _columns(left: Run, right: Run) -> dict[str, ColumnChange]:
    units = {column.name: column.unit for run in (left, right) for column in run.described}
    found: dict[str, ColumnChange] = {}
    for name, a, b in _pairs(left.columns, right.columns):
        rows = None if a is None or b is None or len(a) != len(b) else _rows_that_differ(a, b)
        if rows != 0:
            found[name] = ColumnChange((_statistics(a), _statistics(b)), units[name], rows)
    return found


def _rows_that_differ(a: NDArray[np.float64], b: NDArray[np.float64]) -> int:
    return int(((a != b) & ~((a != a) & (b != b))).sum())


def _statistics(values: NDArray[np.float64] | None) -> dict[str, float] | None:
    """Rows, and of those that are finite the smallest, the mean and the largest."""
    import numpy as np

    if values is None:
        return None
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"rows": len(values)}
    return {
        "rows": len(values),
        "min": float(finite.min()),
        "mean": float(finite.mean()),
        "max": float(finite.max()),
    }
