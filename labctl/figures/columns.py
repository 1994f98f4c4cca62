"""Any two columns of runs against each other, in the units that a person asks for, of one branch or all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from labctl import door
from labctl.errors import RequestError
from labctl.figures.drawing import Picture
from labctl.figures.notation import axis_label
from labctl.selection import selection
from labctl.spelling import suggest
from protocols.vocabulary import Analysis, Column, Method, ParameterSet

if TYPE_CHECKING:
    from labctl.runfile import Run

#: Branches of a loop in words; a sweep that is counted has its number.
BRANCHES: Final = {"up": 1, "down": -1, "initial": 0}

_PREFERRED: Final = {"T": "Oe", "A": "mA", "rad": "deg", "ohm": "ohm", "s": "s"}
_ENOUGH: Final = (
    0.05,
    2e4,
)  # the largest value in the preferred unit lies between these, or it gets a prefix


@dataclass(frozen=True, slots=True)
class Choice:
    """What to draw: columns by name ("": the default plot's), one branch (None: all), and units by column."""

    x: str = ""
    y: str = ""
    branch: str | None = None
    units: Mapping[str, str] = field(default_factory=dict[str, str])


def choice(x: str | None, y: str | None, branch: str | None, units: Sequence[str]) -> Choice | None:
    """Read --x, --y, --branch and --unit NAME=UNIT; None where none of them is given."""
    if x is None and y is None and branch is None and not units:
        return None
    return Choice(x or "", y or "", branch, selection((), units).units)


def plain(runs: Sequence[Run], labels: Sequence[str], wanted: Choice) -> list[Picture]:
    """Runs as curves of the same two columns, in the order of measurement; RequestError where that cannot be."""
    across = _one([_column(run, wanted.x or run.axis, "x") for run in runs], "--x")
    up = _one([_column(run, wanted.y or run.signal, "y") for run in runs], "--y")
    for name in wanted.units:
        if name not in {across.name, up.name}:
            raise RequestError(
                f"--unit must name a column that is drawn, {across.name} or {up.name}; "
                f"got {name!r}{suggest(name, (across.name, up.name))}. Nothing was written."
            )
    kept = [_rows(run, wanted.branch) for run in runs]
    scales = {
        column.name: _scale(column, wanted.units, [rows[column.name] for rows in kept])
        for column in (across, up)
    }
    method = _method(runs[0], across, up, scales)
    return [
        Picture(method, rows, Analysis({}, {}, ()), label) for rows, label in zip(kept, labels, strict=True)
    ]


def _column(run: Run, name: str, option: str) -> Column:
    known = {column.name: column for column in run.described}
    if name not in known:
        raise RequestError(
            f"--{option} must be a column of {run.path}, one of {', '.join(known)}; "
            f"got {name!r}{suggest(name, known)}. Nothing was written."
        )
    return known[name]


def _one(columns: Sequence[Column], option: str) -> Column:
    """The column that all runs are drawn by, which has one name and one unit."""
    said = list(dict.fromkeys(f"{column.name} ({column.unit})" for column in columns))
    if len(said) > 1:
        raise RequestError(
            f"runs in one figure must share their {option}; they have {', '.join(said)}. Nothing was written."
        )
    return columns[0]


def _rows(run: Run, branch: str | None) -> Mapping[str, Any]:
    if branch is None:
        return run.columns
    if "branch" not in run.columns:
        raise RequestError(
            f"--branch must be left out for {run.path}: a run of {run.protocol} has no column branch. "
            "Nothing was written."
        )
    numbers = run.columns["branch"]
    present = [int(number) for number in dict.fromkeys(numbers.tolist())]
    # a loop goes down before it goes up again; sweeps that are only counted have no words
    words = BRANCHES if set(present) & {-1, 0} and set(present) <= {-1, 0, 1} else {}
    known = {word: number for word, number in words.items() if number in present} | {
        str(number): number for number in present
    }
    if branch not in known:
        raise RequestError(
            f"--branch must be one that {run.path} has, {', '.join(known) or 'but it has no rows'}; "
            f"got {branch!r}{suggest(branch, known)}. Nothing was written."
        )
    return {name: values[numbers == known[branch]] for name, values in run.columns.items()}


def _scale(column: Column, units: Mapping[str, str], values: Sequence[Any]) -> door.Scale:
    """The unit asked for; else the one people use, with another prefix where the numbers want one."""
    if column.name in units:
        return door.scale_to(column.unit, units[column.name], column.name)
    preferred = _PREFERRED.get(column.unit, column.unit)
    largest = max(
        (abs(value) for array in values for value in array.tolist() if math.isfinite(value)), default=0.0
    )
    if column.dtype != "int64" and column.unit != "1" and largest:
        low, high = _ENOUGH
        if not low <= largest / door.factor_of(column.unit, preferred) < high:
            preferred = door.fitting(largest, column.unit, preferred)
    return door.scale_to(column.unit, preferred, column.name)


def _method(run: Run, across: Column, up: Column, scales: Mapping[str, door.Scale]) -> Method:
    """A method for rows of which no more is known than two columns."""
    x_scale, y_scale = scales[across.name], scales[up.name]

    def draw(axes: Any, data: Any, _analysis: Analysis, **style: Any) -> None:
        x, y = x_scale.of(data[across.name]), y_scale.of(data[up.name])
        axes.plot(x, y, ".-", linewidth=0.8, markersize=2.5, **style)
        axes.set_xlabel(axis_label(across.name, x_scale.unit))
        axes.set_ylabel(axis_label(up.name, y_scale.unit))

    def analyse(_data: Any, _p: Any) -> Analysis:
        return Analysis({}, {}, ())

    return Method(
        name=run.protocol,
        version=run.protocol_version,
        text=run.caption,
        parameters=ParameterSet,
        columns=run.described,
        signal=up.name,
        axis=across.name,
        analyse=analyse,
        draw=draw,
    )
