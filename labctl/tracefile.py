"""A curve against time from a CSV file: two columns with their units in the header, checked line by line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from labctl import door
from labctl.errors import DataError, RequestError
from labctl.textfile import read_text
from protocols.vocabulary import Trace

MAX_BYTES = 10_000_000
"""Far above any curve that an instrument is to play."""

_HEADER = re.compile(r"\s*(.*?)\s*(?:[(\[](.*)[)\]])?\s*")


def read_trace(path: Path, name: str, units: Sequence[str]) -> Trace:
    """Read a curve for the parameter `name`; DataError, in one line, for whatever is wrong with the file.

    The first line that is neither empty nor a comment (#) is the header, such as `time (ms),current (mA)`: the
    first column is a time, the second has one of `units` (SI; "1" needs no unit in the header). Cells are separated
    by commas or, where the header has one, by semicolons or tabs. At least two rows of finite numbers follow, whose
    times increase. Values are SI.
    """
    lines = _lines(path, name)
    if not lines:
        raise _wrong(name, path, "with a header and rows of numbers", "no line")
    (_, header), *rows = lines
    separator = next((sign for sign in ";\t" if sign in header), ",")
    titles = _cells(header, separator)
    if len(titles) != 2:
        raise _wrong(name, path, "of two columns, as time (ms),current (mA)", f"the header {header!r}")
    _, per_time = _unit(titles[0], ["s"], name, path)
    unit, per_value = _unit(titles[1], units, name, path)
    points = [_point(line, separator, number, name, path) for number, line in rows]
    if len(points) < 2:
        raise _wrong(name, path, "with at least 2 rows of numbers", str(len(points)))
    for ((before, _), (after, _)), (number, _) in zip(pairwise(points), rows[1:], strict=True):
        if not after > before:
            raise _wrong(
                name, path, "with times that increase", f"{after:g} after {before:g} in line {number}"
            )
    return Trace(
        tuple(t * per_time for t, _ in points), tuple(value * per_value for _, value in points), unit
    )


def _lines(path: Path, name: str) -> list[tuple[int, str]]:
    """The lines of the file, with their numbers, but for empty ones and comments."""
    try:
        text = read_text(path, MAX_BYTES, "utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{name} must be a CSV file that can be read; {path}: {error.strerror}. Nothing was sent."
        ) from error
    except UnicodeDecodeError as error:
        raise _wrong(name, path, "of text in UTF-8", "other bytes") from error
    numbered = enumerate(text.splitlines(), start=1)
    return [(number, line) for number, line in numbered if line.strip() and not line.lstrip().startswith("#")]


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(separator)]


def _unit(title: str, units: Sequence[str], name: str, path: Path) -> tuple[str, float]:
    """The SI unit among `units` that a column's title is in, and the SI value of one of its own unit."""
    match = _HEADER.fullmatch(title)
    symbol = (match[2] or "").strip() if match else ""
    for unit in units:
        try:
            return unit, door.parse(f"1 {'' if symbol == '1' else symbol}", unit, name)
        except RequestError:
            continue
    allowed = " or ".join("none" if unit == "1" else f"{unit} or a multiple" for unit in units)
    raise _wrong(name, path, f"whose header has units in brackets, here {allowed}", repr(title))


def _point(line: str, separator: str, number: int, name: str, path: Path) -> tuple[float, float]:
    cells = _cells(line, separator)
    try:
        time, value = (float(cell) for cell in cells)
    except ValueError:
        time = value = math.nan
    if not (math.isfinite(time) and math.isfinite(value)):
        raise _wrong(name, path, "with two finite numbers in every row", f"{line!r} in line {number}")
    return time, value


def _wrong(name: str, path: Path, what: str, got: str) -> DataError:
    return DataError(f"{name} must be a CSV file {what}; {path} has {got}. Nothing was sent.")
