"""Curves for a picture in a browser: any two columns of one run or several, in display units, decimated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from labctl import door
from labctl.errors import RequestError
from labctl.live.dashboard import notation
from labctl.live.decimation import View, decimate
from labctl.names import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.vocabulary import Column

_MAX_PARTS: Final = 7  # values of a column by which a run is coloured: as many as there are colours
_MAX_PIXELS: Final = 4096


@dataclass(frozen=True, slots=True)
class Source:
    """A run to be drawn: its label as figures have it, its columns (SI), and which two are its default plot."""

    label: str
    described: Sequence[Column]
    columns: Mapping[str, NDArray[Any]]
    signal: str
    axis: str


class Wanted(NamedTuple):
    """What is to be drawn: two columns ("" for the default), the part of the picture that is seen, its size.

    `window` is (x lowest, x highest, y lowest, y highest) in display units, None for all. `apart` names the column
    whose values are drawn as curves of their own.
    """

    x: str = ""
    y: str = ""
    window: tuple[float, float, float, float] | None = None
    width: int = 800
    height: int = 500
    apart: str = ""


def axes(sources: Sequence[Source]) -> dict[str, Any]:
    """The columns that all runs have, which can be chosen for an axis, and the columns that part the only run."""
    first, *others = sources
    common = [
        column
        for column in first.described
        if all(column.name in {other.name for other in source.described} for source in others)
    ]
    names = {column.name for column in common}
    return {
        "columns": [column.name for column in common],
        "x": first.axis if first.axis in names else common[0].name,
        "y": first.signal if first.signal in names else common[-1].name,
        "apart": [] if others else [column.name for column in first.described if _parts(first, column.name)],
    }


def picture(sources: Sequence[Source], wanted: Wanted) -> dict[str, Any]:
    """The curves as plain data; RequestError where the runs have no such columns in common."""
    if not sources:
        raise RequestError("a picture must be of at least one run; got none.")
    known = axes(sources)
    names = known["columns"]
    x, y = wanted.x or known["x"], wanted.y or known["y"]
    for name in (x, y):
        if name not in names:
            raise RequestError(f"an axis must be one of {', '.join(names)}; got {printable(name)!r}.")
    series = [one for source in sources for one in _series(source, x, y, wanted.apart)]
    bounds = _bounds([one.x for one in series]), _bounds([one.y for one in series])
    window = wanted.window
    view = View(
        (window[0], window[1]) if window else bounds[0],
        (window[2], window[3]) if window else bounds[1],
        min(max(wanted.width, 1), _MAX_PIXELS),
        min(max(wanted.height, 1), _MAX_PIXELS),
    )
    chosen = {column.name: column for column in sources[0].described}
    return {
        "x": _axis(chosen[x]),
        "y": _axis(chosen[y]),
        "bounds": [*bounds[0], *bounds[1]],
        "series": [_decimated(one, view) for one in series],
    }


class _Curve(NamedTuple):
    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def _series(source: Source, x: str, y: str, apart: str) -> Iterator[_Curve]:
    described = {column.name: column for column in source.described}
    along, across = (_shown(described[name], source.columns[name]) for name in (x, y))
    values = _parts(source, apart) if apart else []
    if not values:
        yield _Curve(source.label, along, across)
    for value in values:
        there = np.where(source.columns[apart] == value, across, np.nan)
        yield _Curve(f"{apart} {value}", along, there)


def _parts(source: Source, name: str) -> list[int]:
    """The values of a column that parts a run into a few curves; none where it does not."""
    described = {column.name: column for column in source.described}
    if name not in described or described[name].dtype != "int64":
        return []
    values = np.unique(source.columns[name])
    return values.tolist() if 2 <= len(values) <= _MAX_PARTS else []


def _shown(column: Column, values: NDArray[Any]) -> NDArray[np.float64]:
    scale = door.scale_to(column.unit, column.display or column.unit, column.name)
    return np.asarray(scale.of(values), dtype=np.float64)


def _axis(column: Column) -> dict[str, Any]:
    unit = column.display or column.unit
    return {"name": column.name, "symbol": notation.named(column.name, unit), "unit": notation.unit(unit)}


def _bounds(arrays: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """The lowest and highest finite value, (0, 1) where there is none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    whole = np.concatenate(finite) if finite else np.empty(0)
    return (float(whole.min()), float(whole.max())) if len(whole) else (0.0, 1.0)


def _decimated(curve: _Curve, view: View) -> dict[str, Any]:
    found = decimate(curve.x, curve.y, view)
    return {
        "label": notation.pieces(curve.label),
        "points": len(curve.x),
        "error": found.error,
        "x": curve.x[found.kept].tolist(),
        "y": curve.y[found.kept].tolist(),
    }
