"""The picture of a run in a terminal: curve, last row, progress, interlocks, and what went wrong on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from labctl import config, door, interlocks, registry
from labctl.live.graph import Graph, Line, display
from labctl.names import printable
from labctl.tell import duration_text

if TYPE_CHECKING:
    from labctl.interlocks import Comparison
    from labctl.live.following import Follower, News
    from labctl.record import Event

#: Columns and lines of a terminal below which there is one line only, and lines of the largest graph (our choice).
LEAST: Final = (44, 15)
_TALLEST: Final = 20
_LOG: Final = 3  # lines that are kept for what there is to say
_ROOMY: Final = 20  # lines from which the last row has two
_CELL: Final = 26  # columns that a value has with its name
_BAR: Final = 30
#: The pace of late is that of so many rows at least, and of this part of all of them (our choice).
_PACE_ROWS: Final = 10
_PACE_PART: Final = 0.1
#: Seconds that must be left for the time of day at which the run ends to be worth a word (our choice).
_LONG: Final = 600.0

#: What a wire, and a meter that overflows, write into the log when they ask once more.
_AGAIN: Final = re.compile(r" is (asked|taken) again, \d+ of \d+: ")
_LOOKS: Final = {"complete": "good", "running": "good", "stopped": "warn"}


class Picture:
    """The picture of a run that is followed; `now` tells the time (s since 1970, UTC).

    With `is_braille` false it has no sign that ASCII does not have, but for those in names.
    """

    def __init__(self, run: Follower, now: Callable[[], float], *, is_braille: bool) -> None:
        self._run = run
        self._now = now
        self._is_braille = is_braille
        self._columns = {column.name: column for column in run.header.columns}
        x, y = self._columns[run.header.axis], self._columns[run.header.signal]
        self._graph = Graph(x, y, is_braille=is_braille)
        self._expected = run.rows_expected
        self._interlocks = dict(_interlocks(run))
        self._repeats = self._skipped = self._warnings = 0
        self._paused = ""
        self._warning: Event | None = None

    def take(self, news: News) -> None:
        """Take what a poll of the run has brought."""
        for event in news.events:
            self._repeats += bool(_AGAIN.search(event.text))
            self._skipped += event.level == "skipped"
            if event.level in {"warning", "error"}:
                self._warnings += 1
                self._warning = event
            if event.text.startswith("paused: "):
                self._paused = event.text
            elif event.text == "the run goes on":
                self._paused = ""

    def lines(self, columns: int, lines: int, note: str = "") -> list[Line]:
        """Return the picture for a terminal of that size, one line where that is small.

        No line is longer than `columns` - 1 cells, and there are at most `lines` - 1 of them. `note` is what there
        is to say besides.
        """
        width = columns - 1
        if columns < LEAST[0] or lines < LEAST[1]:
            return [_fitting(self.line(note), width)]
        head = self._head(width)
        values = 2 if lines >= _ROOMY else 1
        below = [*self._values(width, values), *self._progress(), *self._watched(), *self._log(note)]
        room = min(lines - 4 - values - _LOG, _TALLEST)
        columns_of = self._run.columns
        x, y = columns_of[self._run.header.axis], columns_of[self._run.header.signal]
        graph = self._graph.lines(x, y, width, room)
        return [_fitting(line, width) for line in (head, *graph, *below)]

    def line(self, note: str = "") -> Line:
        """Return the run in one line: how far it is, how long it will take, the last point."""
        run = self._run
        names = dict.fromkeys((run.header.axis, run.header.signal)) if run.rows else {}
        parts = [self._done(), *(f"{name} {self._value(name)}" for name in names)]
        if run.status != "running":
            parts.insert(0, run.status)
        elif left := self._left():
            parts.insert(1, left)
        said = [(f"{note}  ", "warn")] if note and run.status == "running" else []
        return [*said, (printable(", ".join(parts)), ""), (f"  {printable(run.header.title)}", "dim")]

    def _head(self, width: int) -> Line:
        run = self._run
        facts = [f"station {run.header.station['name'].value}"] if "name" in run.header.station else []
        if run.header.simulation is not None:
            facts.append(f"seed {run.header.seed}")
        left, middle = printable(run.header.title), printable(f"  {', '.join(facts)}")
        right = f"  {run.status} {duration_text(run.time)}"
        room = max(width - cell_len(left) - cell_len(right), 0)
        return [(left, "title"), (set_cell_size(middle, room), "dim"), (right, _LOOKS.get(run.status, "bad"))]

    def _values(self, width: int, lines: int) -> Iterator[Line]:
        """The last row, the columns of the graph first and uncertainties last, as far as they go into the lines."""
        run = self._run
        if not run.rows:
            return
        first = dict.fromkeys((run.header.axis, run.header.signal))
        others = [name for name in self._columns if name not in first and name != "time"]
        names = [*first, *sorted(others, key=lambda name: name.startswith("u_"))]
        beside = max(width // _CELL, 1)
        for start in range(0, min(len(names), lines * beside), beside):
            line: Line = []
            for name in names[start : start + beside]:
                value = self._value(name)
                line += [
                    (f"{printable(name)} ", "dim"),
                    (set_cell_size(value, max(_CELL - 1 - len(name), len(value) + 1)), "value"),
                ]
            yield line

    def _value(self, name: str) -> str:
        column, value = self._columns[name], self._run.columns[name][-1].item()
        if isinstance(value, int):
            return str(value)
        return door.show(value, column.unit, display(column, value), digits=5)

    def _done(self) -> str:
        rows, expected = self._run.rows, self._expected
        if not expected:
            return f"{rows} rows"
        return f"{rows}/{expected} rows, {100 * rows / expected:.0f} %"

    def _progress(self) -> Iterator[Line]:
        done = f"{self._done()}  {self._left() if self._run.status == 'running' else ''}"
        if not self._expected:
            yield [(done, "")]
            return
        full, empty = "━─" if self._is_braille else "#-"
        filled = round(_BAR * min(self._run.rows / self._expected, 1.0))
        yield [(full * filled, "curve"), (empty * (_BAR - filled), "dim"), (f"  {done}", "")]

    def _left(self) -> str:
        """How long the rows that are missing will take at the pace of late; nothing where that is not known."""
        walls, rows = self._run.wall_times, self._run.rows
        if not self._expected or rows < 2:
            return ""
        far = min(max(_PACE_ROWS, int(_PACE_PART * rows)), rows - 1)
        pace = float(walls[-1] - walls[-1 - far]) / far
        left = max((self._expected - rows) * pace - min(max(self._now() - float(walls[-1]), 0.0), pace), 0.0)
        at = f", until {datetime.fromtimestamp(self._now() + left):%H:%M}" if left > _LONG else ""
        return f"{duration_text(left)} left{at}"

    def _watched(self) -> Iterator[Line]:
        """The interlocks, and what was done again or left out."""
        line: Line = [("interlocks ", "dim")]
        if self._paused:
            line.append((printable(self._paused), "bad"))
        elif not self._interlocks:
            line.append(("none", ""))
        columns = self._run.columns
        row = {name: columns[name][-1].item() for name in columns} if self._run.rows else None
        for number, (name, comparison) in enumerate(self._interlocks.items()):
            tripped = comparison.tripped(row) if comparison and row else ""
            line.append((f"{', ' if number else ''}{name} ", ""))
            line.append((printable(tripped), "bad") if tripped else ("well", "good"))
        for count, what in (
            (self._skipped, "skipped"),
            (self._repeats, "retry" if self._repeats == 1 else "retries"),
        ):
            line += [(", ", "dim"), (f"{count} {what}", "warn" if count else "dim")]
        yield line

    def _log(self, note: str) -> Iterator[Line]:
        """What is to be said besides, or why the run ended; the last warning, and the last line of the log."""
        run = self._run
        if note and run.status == "running":
            yield [(note, "warn")]
        if run.status != "running" and run.reason:
            yield [(printable(run.reason), _LOOKS.get(run.status, "bad"))]
        if self._warning:
            more = f" ({self._warnings} warnings)" if self._warnings > 1 else ""
            yield [
                (f"{self._warning.time:8.1f} s  ", "dim"),
                (printable(f"{self._warning.text}{more}"), "warn"),
            ]
        if run.events and run.events[-1] is not self._warning:
            last = run.events[-1]
            yield [(f"{last.time:8.1f} s  {printable(last.text)}", "dim")]


def _interlocks(run: Follower) -> Iterator[tuple[str, Comparison | None]]:
    """The interlocks that the run's station file has for it, with the comparison where it is one."""
    with suppress(Exception):  # what is not to be had here, as another's protocol, is not shown
        text = str(run.header.station["station_file"].value)
        protocol = registry.load_protocol(run.header.protocol)
        for section in config.read_station(text, "the run's station").interlock:
            if section.when is None:
                yield str(section.watch), None
            elif comparison := interlocks.read(section.when, protocol):
                yield printable(section.when), comparison


def _fitting(line: Line, width: int) -> Line:
    """Cut a line where it is longer than `width` cells."""
    fitting: Line = []
    for text, look in line:
        cells = cell_len(text)
        fitting.append((text if cells <= width else set_cell_size(text, width), look))
        width -= min(cells, width)
    return fitting
