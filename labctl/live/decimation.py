"""Fewer points for a curve of any length: what a picture of some pixels width cannot show is left out, in order.

A curve is a path: a loop goes to the right and comes back, so points are never sorted. As long as the path stays
in one column of pixels, only its first, last, lowest and highest points there are kept (M4, Jugel et al., Proc.
VLDB Endow. 7, 797 (2014), made for paths). Within the column the line then reaches from the lowest to the highest
value, as it did; between columns it is as it was. No point of either line is farther than the width of a column
from the other line, every step and every turning point is there, and the ends are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Points for each pixel of width that are kept at most (our choice): a loop crosses each column twice, with up to
#: four points each time, and noise needs some more.
PER_PIXEL: Final = 12


@dataclass(frozen=True, slots=True)
class View:
    """A picture: the values at its edges (lower and upper, in the units of the data), and its size in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Decimated:
    """Which points are kept (their numbers, ascending), and the largest error in pixels."""

    kept: NDArray[np.intp]
    error: float


def decimate(x: Floats, y: Floats, view: View) -> Decimated:
    """Choose the points that draw the path through (x, y) as well as all of them would, in O(n).

    Points that are not finite part the path: of those in a row one is kept. What lies beyond the edges of the
    view counts as one column on either side. A path that runs along the vertical rather than the horizontal is cut
    into rows of pixels instead of columns. Where it is so tangled that more than PER_PIXEL points for each pixel
    were left, the columns are made twice as wide until it is not; `error` is their width. One that goes from edge
    to edge all the time, or is all gaps, is given up: every n-th point is kept then, and the error is the whole
    picture.
    """
    size = max(view.width, view.height, 1)
    if len(x) <= PER_PIXEL * size:
        return Decimated(np.arange(len(x)), 0.0)
    gap = ~(np.isfinite(x) & np.isfinite(y))
    columns = _buckets(x, view.x, view.width, gap)
    rows = _buckets(y, view.y, view.height, gap)
    along, across = (columns, y) if _changes(columns) <= _changes(rows) else (rows, x)
    width = 1
    kept = _extremes(along, across, gap)
    while len(kept) > PER_PIXEL * size:
        width *= 2
        if width > 2 * size:
            return Decimated(kept[np.linspace(0, len(kept) - 1, size).astype(int)], float(size))
        # the extremes of two columns are among those of each, so that the wider ones are cut from what is kept
        kept = kept[_extremes(along[kept] // width, across[kept], gap[kept])]
    return Decimated(kept, float(width))


def _buckets(values: Floats, edges: tuple[float, float], pixels: int, gap: NDArray[np.bool_]) -> Floats:
    """The column of pixels that each value lies in, from 0; -1 and `pixels` stand for what is outside."""
    low, high = edges
    width = (high - low) / max(pixels, 1)
    if not width > 0:
        return np.zeros(len(values))
    with np.errstate(over="ignore", invalid="ignore"):
        place = np.floor((np.where(gap, low, values) - low) / width)
    return np.clip(np.nan_to_num(place), -1.0, float(pixels))


def _changes(buckets: Floats) -> int:
    return int(np.count_nonzero(np.diff(buckets)))


def _extremes(buckets: Floats, values: Floats, gap: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The numbers of the first, last, lowest and highest point of each stay of the path in one bucket."""
    begins = np.flatnonzero((np.diff(buckets) != 0) | (np.diff(gap.astype(np.int8)) != 0)) + 1
    first = np.concatenate(([0], begins))
    last = np.concatenate((begins, [len(buckets)])) - 1
    stay = np.repeat(np.arange(len(first)), last - first + 1)
    plain = np.where(gap, 0.0, values)
    lowest = _first_of(plain == np.minimum.reduceat(plain, first)[stay], stay)
    highest = _first_of(plain == np.maximum.reduceat(plain, first)[stay], stay)
    kept = np.zeros(len(buckets), dtype=bool)
    for chosen in (last, lowest, highest):
        kept[chosen] = True
    kept[gap] = False
    kept[first] = True
    return np.flatnonzero(kept)


def _first_of(is_extreme: NDArray[np.bool_], stay: NDArray[np.intp]) -> NDArray[np.intp]:
    """The number of the first extreme point of each stay."""
    numbers = np.flatnonzero(is_extreme)
    stays = stay[numbers]
    return numbers[np.concatenate(([True], stays[1:] != stays[:-1]))]
