"""The curve of a run with its axes, in a terminal: only what is new is drawn as long as the axes stay."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labctl import door
from labctl.live.canvas import Canvas, Span, span
from labctl.names import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.vocabulary import Column

#: A line of a picture: pieces of text, each with the name of its look ("" for none).
Line = list[tuple[str, str]]

#: Lines that the frame takes beside the graph itself.
FRAME: Final = 3
#: Points are not joined where the next sweep began: further apart along the axis than so many times the usual step
#: and the step before (our choice).
_FAR: Final = 4.0
#: Rows from which the usual step is taken (our choice).
_USUAL: Final = 2000
_MARGIN: Final = 8  # columns left of the axis, at least

#: Round values at an axis, but for one more (our choice).
_MARKS: Final = 5
#: Axis with and without a mark, corner, floor with and without a mark; and the same in ASCII.
_FRAMES: Final = {True: "┤│└─┬", False: "+|+-+"}


class Graph:
    """One curve that grows, of column `y` against column `x`; `is_braille` false: of nothing but ASCII."""

    def __init__(self, x: Column, y: Column, *, is_braille: bool) -> None:
        self._columns = (x, y)
        self._is_braille = is_braille
        self._key: Any = None
        self._canvas = Canvas(0, 0)
        self._drawn = self._looked = 0
        self._usual = self._step = math.inf
        self._low, self._high = np.full(2, math.inf), np.full(2, -math.inf)
        self._last = (0, 0)

    def lines(self, x: NDArray[Any], y: NDArray[Any], width: int, lines: int) -> list[Line]:
        """Return the curve through all points so far (SI) and its frame: `lines` lines, FRAME of them the frame.

        The points before must be those of the last time. Without a finite point there is nothing to draw.
        """
        self._widen(x, y)
        if self._low[0] > self._high[0]:
            return []
        ends = list(zip(self._low.tolist(), self._high.tolist(), strict=True))
        units = [display(column, max(map(abs, end))) for column, end in zip(self._columns, ends, strict=True)]
        factors = np.array(
            [door.factor_of(c.unit, unit) for c, unit in zip(self._columns, units, strict=True)]
        )
        spans = [span(low / factor, high / factor) for (low, high), factor in zip(ends, factors, strict=True)]
        names = [named(column, unit) for column, unit in zip(self._columns, units, strict=True)]

        height = lines - FRAME
        low, high = spans[1]
        marks = {
            round((high - value) / (high - low) * (height - 1)): text
            for value, text in spans[1].marks(min(_MARKS, height // 2))
        }
        margin = max(_MARGIN, *(len(text) + 1 for text in marks.values()))
        self._paint(x, y, factors, spans, width - margin - 1, height)
        mark, edge, *_ = _FRAMES[self._is_braille]
        drawn: list[Line] = [[(f"{' ' * margin}{names[1]}", ""), (f" against {names[0]}", "dim")]]
        for number, text in enumerate(self._canvas.text(is_braille=self._is_braille)):
            side = (f"{marks.get(number, ''):>{margin - 1}} {mark if number in marks else edge}", "dim")
            drawn.append([side, *self._curve(text, number)])
        return drawn + self._floor(spans[0], margin)

    def _widen(self, x: NDArray[Any], y: NDArray[Any]) -> None:
        """Let the axes reach as far as what is new."""
        new = np.array([x[self._looked :], y[self._looked :]], dtype=float)
        self._looked = len(x)
        new = new[:, np.isfinite(new).all(axis=0)]
        if new.shape[1]:
            self._low = np.minimum(self._low, new.min(axis=1))
            self._high = np.maximum(self._high, new.max(axis=1))

    def _paint(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        factors: NDArray[Any],
        spans: list[Span],
        columns: int,
        lines: int,
    ) -> None:
        # painted anew at twice the rows it knows better how far apart they usually are
        key = (columns, lines, *factors, *spans, len(x).bit_length())
        if key != self._key:
            self._key, self._drawn = key, 0
            self._canvas = Canvas(columns, lines)
            self._usual, self._step = _usual(x[:_USUAL]), math.inf
        start = max(self._drawn - 1, 0)
        self._drawn = len(x)
        x, y = x[start:], y[start:]
        places = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if not len(places):
            return
        x, y = x[places], y[places]
        is_joined = (np.diff(places) == 1) & self._is_near(np.abs(np.diff(x)))
        column = _dots(x / factors[0], spans[0], self._canvas.width)
        line = _dots(y / factors[1], spans[1], self._canvas.height)
        self._canvas.draw(column, line, is_joined)
        self._last = int(column[-1]) // 2, (self._canvas.height - 1 - int(line[-1])) // 4

    def _is_near(self, steps: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell the steps along the axis that lead on in the same sweep."""
        moves = np.maximum.accumulate(np.where(steps > 0, np.arange(1, len(steps) + 1), 0))
        before = np.concatenate(([self._step], steps))[np.concatenate(([0], moves))]
        self._step = float(before[-1])
        return steps <= _FAR * np.maximum(self._usual, before[:-1])

    def _curve(self, text: str, number: int) -> Line:
        """One line of the curve; the cell of the last point looks otherwise."""
        column, line = self._last
        if number != line:
            return [(text, "curve")]
        return [(text[:column], "curve"), (text[column], "last"), (text[column + 1 :], "curve")]

    def _floor(self, axis: Span, margin: int) -> list[Line]:
        """The axis below, with its marks."""
        columns = self._canvas.width // 2
        _, _, corner, floor, mark = _FRAMES[self._is_braille]
        line, below = [floor] * columns, [" "] * (margin + 1 + columns)
        for value, text in axis.marks(_MARKS):
            place = round((value - axis.low) / (axis.high - axis.low) * (columns - 1))
            line[place] = mark
            start = min(margin + 1 + place - len(text) // 2, len(below) - len(text))
            if not "".join(below[start - 1 : start + len(text) + 1]).strip():
                below[start : start + len(text)] = text
        return [[(f"{' ' * margin}{corner}{''.join(line)}", "dim")], [("".join(below), "dim")]]


def display(column: Column, value: float) -> str:
    """The unit in which people read a column whose largest value (SI) is `value`."""
    preferred = column.display or {"T": "Oe", "A": "mA"}.get(column.unit)  # a file has the SI unit alone
    if preferred is None and column.unit in {"s", "V"} and 1e-4 <= abs(value) < 0.1:
        preferred = f"m{column.unit}"
    return door.show(value, column.unit, preferred).partition(" ")[2] or column.unit


def named(column: Column, unit: str) -> str:
    """The name of a column with its unit, as an axis has it."""
    return printable(column.name if unit == "1" else f"{column.name} ({unit})")


def _dots(values: NDArray[Any], axis: Span, size: int) -> NDArray[np.intp]:
    """The nearest dot, of `size`, along an axis."""
    along = (values - axis.low) / (axis.high - axis.low)
    return np.floor(along * (size - 1) + 0.5).astype(np.intp)


def _usual(x: NDArray[Any]) -> float:
    """How far apart along the axis neighbours usually are."""
    steps = np.abs(np.diff(x))
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return float(np.median(steps)) if len(steps) else math.inf
