"""The overlap of two runs of one request: row by row, how far apart they are in units of their own noise."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from labctl import door
from labctl.again import has_same_parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labctl.runfile import Run

FAR: Final = 5.0
"""Rows that are further apart than so many times their noise are told (our choice: one row in two million)."""

MIN_ROWS: Final = 8
"""Fewer rows than these do not tell their noise (our choice)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How the first `rows` rows of a run compare with those of an earlier one of the same request (SI).

    `noise` is the standard deviation that the difference of two readings of `signal` should have; NaN where it
    cannot be told. `offset` is the mean difference, later minus earlier; `in_noise` that in units of its own
    standard deviation, noise / sqrt(rows). `largest` is the largest difference, in row `row` (from 1), and `far`
    the number of rows that differ by more than FAR times the noise. `is_identical` means bit for bit.
    """

    signal: str
    unit: str
    rows: int
    is_identical: bool
    noise: float
    offset: float
    in_noise: float
    largest: float
    row: int
    far: int

    @property
    def agrees(self) -> bool:
        """True where no row is far apart, and neither is the mean; False too where the noise is not known."""
        return self.is_identical or (self.far == 0 and abs(self.in_noise) <= FAR)

    def as_plain(self) -> dict[str, Any]:
        """The comparison as plain data, for --json."""
        return {**asdict(self), "agrees": self.agrees}

    def words(self) -> str:
        """The comparison in one line, for people."""
        overlap = f"overlap with the earlier run, {self.rows} rows of {self.signal}"
        if self.is_identical:
            return f"{overlap}: identical, bit for bit"
        largest = f"largest difference {door.show(self.largest, self.unit, digits=3)} in row {self.row}"
        if math.isnan(self.noise):
            return f"{overlap}: {largest}; too few rows to tell their noise"
        verdict = "agrees" if self.agrees else "DOES NOT AGREE"
        return (
            f"{overlap} {verdict}: offset {self.in_noise:+.1f} in units of its noise, {largest} "
            f"({abs(self.largest) / self.noise if self.noise else math.inf:.1f} times the noise of "
            f"{door.show(self.noise, self.unit, digits=2)}), {self.far} rows beyond {FAR:g}"
        )


def overlap(earlier: Run, later: Run) -> Overlap | None:
    """Compare the rows that two runs of the same request have in common; None where they have none.

    The rows of one request are the same points in the same order after the same preparation, so row is compared
    with row. Runs of other protocols, versions, parameters or samples have nothing in common, and neither have rows
    whose whole numbers (branch, loop) differ.

    The noise of each run is taken from its own rows: second differences of the signal, whose median magnitude a few
    jumps do not change. White noise of standard deviation s gives them sqrt(6) s. A curve that bends everywhere
    counts as noise; a threshold that moved by one step does not.
    """
    import numpy as np

    rows = min(earlier.rows, later.rows)
    if rows == 0 or not has_same_parameters(earlier, later):
        return None
    whole = [column.name for column in later.described if column.dtype == "int64"]
    if any((earlier.columns[name][:rows] != later.columns[name][:rows]).any() for name in whole):
        return None
    before, after = earlier.columns[later.signal][:rows], later.columns[later.signal][:rows]
    difference = after - before
    is_read = np.isfinite(difference)
    if not is_read.any():
        return None
    noise = math.hypot(_noise(earlier.columns[later.signal]), _noise(later.columns[later.signal]))
    row = int(np.argmax(np.where(is_read, np.abs(difference), -1.0)))
    offset = float(difference[is_read].mean())
    spread = noise / math.sqrt(int(is_read.sum()))
    return Overlap(
        signal=later.signal,
        unit=next(column.unit for column in later.described if column.name == later.signal),
        rows=rows,
        is_identical=before.tobytes() == after.tobytes(),
        noise=noise,
        offset=offset,
        in_noise=offset / spread if spread else (0.0 if offset == 0 else math.copysign(math.inf, offset)),
        largest=float(difference[row]),
        row=row + 1,
        far=int((np.abs(difference[is_read]) > FAR * noise).sum()),
    )


def _noise(signal: NDArray[np.float64]) -> float:
    """Standard deviation of one reading, from second differences; NaN where there are too few."""
    import numpy as np

    bend = np.abs(np.diff(signal[np.isfinite(signal)], 2))
    # 0.6745: the median magnitude of a normal deviate of standard deviation 1
    return float(np.median(bend) / 0.6745 / math.sqrt(6)) if len(bend) >= MIN_ROWS - 2 else math.nan
