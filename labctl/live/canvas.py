"""Curves out of braille dots: eight in each cell of a terminal, and axes whose ends are round numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The bit of each dot of a cell, from the top, left and right (Unicode, "Braille Patterns", U+2800).
_BITS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)
_BRAILLE: Final = 0x2800
_BLANK: Final = {_BRAILLE: " "}  # some fonts have rings where a cell has no dot
#: The same for a terminal without braille: whether the upper and the lower half of a cell have a dot.
_COARSE: Final = " '.:"
_UPPER, _LOWER = int(_BITS[:2].sum()), int(_BITS[2:].sum())

#: Our choice: an axis has at most so many round steps, so that at either end hardly a tenth of it is empty.
_STEPS: Final = 16


class Span(NamedTuple):
    """The round ends of an axis."""

    low: float
    high: float

    def marks(self, most: int) -> list[tuple[float, str]]:
        """Return round values with their texts, at most `most` + 1 of them."""
        step = _round_step((self.high - self.low) / most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        is_plain = 1e-6 < step < 1e9
        return [
            (number * step, f"{number * step:.{decimals}f}" if is_plain else f"{number * step:.3g}")
            for number in range(first, last + 1)
        ]


def span(low: float, high: float) -> Span:
    """Return round ends about finite values from `low` to `high`, with some room about a single one."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(high) / 10 or 1.0
        low, high = low - room, high + room
    step = _round_step((high - low) / _STEPS)
    return Span(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is no smaller than `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


class Canvas:
    """Dots on `columns` times `lines` cells, two across and four down in each; (0, 0) is at the bottom left."""

    def __init__(self, columns: int, lines: int) -> None:
        self.width, self.height = 2 * columns, 4 * lines
        self._dots = np.zeros((self.height, self.width), dtype=bool)

    def draw(self, x: NDArray[np.intp], y: NDArray[np.intp], is_joined: NDArray[np.bool_]) -> None:
        """Set the dots of points, and of straight lines to the next one where `is_joined` (one shorter) says so."""
        dx, dy = np.diff(x), np.diff(y)
        lengths = np.where(is_joined, np.maximum(np.abs(dx), np.abs(dy)), 0)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        along = (np.arange(len(owner)) - (np.cumsum(lengths) - lengths)[owner]) / lengths[owner]
        self._set(x, y)
        self._set(
            np.floor(x[owner] + along * dx[owner] + 0.5).astype(np.intp),
            np.floor(y[owner] + along * dy[owner] + 0.5).astype(np.intp),
        )

    def _set(self, x: NDArray[np.intp], y: NDArray[np.intp]) -> None:
        self._dots[self.height - 1 - y, x] = True

    def text(self, *, is_braille: bool) -> list[str]:
        """Return the lines, from the top."""
        cells = self._dots.reshape(self.height // 4, 4, self.width // 2, 2)
        bits = np.einsum("lrck,rk->lc", cells, _BITS)
        if is_braille:
            signs = (bits + _BRAILLE).astype("<u4")
            return [line.tobytes().decode("utf-32-le").translate(_BLANK) for line in signs]
        halves = np.where(bits & _UPPER, 1, 0) + np.where(bits & _LOWER, 2, 0)
        return ["".join(_COARSE[sign] for sign in line) for line in halves.tolist()]
