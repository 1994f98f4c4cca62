"""The store: it takes a run row by row into a journal, and leaves one verified HDF5/NeXus file at its end."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from labctl import newfile
from labctl.errors import LabctlError
from labctl.journal import Journal
from labctl.record import Event, Instrument, Quantity, RunHeader, RunRecord, Status

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from protocols.vocabulary import Analysis, Waveforms

__all__ = ["Quantity", "RunHeader", "RunStore", "Status"]

_ROW_SIZE = 2500
_RUN_SIZE = 2**20
"""Bytes a row (columns aside) and a run may take, journal and file together: twice what they do (our choice)."""

_TYPECODES = {"float64": "d", "int64": "q"}


class RunStore:
    """One run on its way to one file.

    Call `begin` before any instrument is touched, `finish` once when the run is over, however it ended, and `close`
    in any case; `row`, `wire`, `event` and `instrument` between them, in any order. A row is in the journal beside
    the target when `row` returns. Only the columns, the log and the settings are held in memory.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._journal: Journal | None = None
        self._data: dict[str, array[Any]] = {}
        self._appends: list[tuple[str, Callable[[Any], None]]] = []
        self._events: list[Event] = []
        self._instruments: dict[str, Instrument] = {}
        self._rows = 0

    @property
    def rows(self) -> int:
        """Number of rows taken so far."""
        return self._rows

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return a copy of all rows so far, one array (float64, or int64 as declared) for each column."""
        import numpy as np

        return {name: np.array(values) for name, values in self._data.items()}

    def begin(self, header: RunHeader, rows: int = 0) -> None:
        """Take the header and begin the journal; `rows` is how many are expected.

        RequestError where the target exists, another run is on its way to it, or its directory takes no new file
        or has no room for so many rows.
        """
        newfile.check_space(self.target.parent, _RUN_SIZE + rows * (_ROW_SIZE + 16 * len(header.columns)))
        self._journal = Journal.create(self.target, header)
        self._data = {column.name: array(_TYPECODES[column.dtype]) for column in header.columns}
        self._appends = [(name, values.append) for name, values in self._data.items()]

    def row(self, row: Mapping[str, float]) -> None:
        """Take one row (SI): a value for every column, none besides; it is in the journal when this returns.

        Otherwise raises ValueError or TypeError naming the column, and the row is not taken. FaultError where the
        disk did not take it, or anything else since the row before.
        """
        if row.keys() != self._data.keys():
            odd = sorted(row.keys() ^ self._data.keys())
            raise ValueError(f"a row must hold exactly the declared columns; missing or unknown: {odd}")
        name = ""
        values: list[float] = []
        try:
            for name, append in self._appends:
                value = row[name]
                append(value)
                values.append(value)
        except (TypeError, OverflowError) as error:
            for column in self._data.values():
                del column[self._rows :]
            raise TypeError(f"column {name!r}: {error}; got {row[name]!r}") from error
        journal = self._open
        journal.row(self._rows, values)
        self._rows += 1
        if journal.failure is not None:
            raise journal.failure

    def wire(self, time: float, instrument: str, direction: str, text: str) -> None:
        """Take one line said to (`direction` "say") or heard from ("hear") an instrument, `time` in s."""
        self._open.line(time, instrument, direction, text)

    def clock(self, readings: array[float]) -> None:
        """Take every reading (s) that stands, now or later, in `readings`, which is emptied again and again."""
        self._open.readings(readings)

    def event(self, time: float, level: str, text: str) -> None:
        """Take one line of the log: `time` in s on the station's clock, `level` such as "info", "warning"."""
        self._events.append(Event(time, level, text))
        self._open.event(self._events[-1])

    def instrument(
        self,
        role: str,
        *,
        identity: str,
        resource: str,
        driver: str,
        settings_before: Mapping[str, Quantity],
    ) -> None:
        """Say who plays a role: reply to *IDN?, VISA resource name, driver, settings as found."""
        self._instruments[role] = Instrument(
            identity=identity, resource=resource, driver=driver, settings_before=dict(settings_before)
        )
        self._open.instrument(role, self._instruments[role])

    def settings_after(self, role: str, settings: Mapping[str, Quantity]) -> None:
        """Add the settings an instrument was left with; KeyError where nobody plays the role."""
        self._instruments[role] = replace(self._instruments[role], settings_after=dict(settings))
        self._open.settings_after(role, settings)

    def finish(
        self,
        status: Status,
        reason: str,
        end_time: datetime,
        elapsed: float,
        analysis: Analysis | None = None,
        analysis_version: str = "",
        waveforms: Waveforms | None = None,
    ) -> Path:
        """Write, verify and name the file, and remove the journal; return the file's path.

        `elapsed` is the length of the run (s) on the station's clock. Raises RequestError where the target
        appeared during the run (the file is kept under its partial name), LabctlError where the disk did not
        take it, DataError where the disk gave back something else. All of them leave store and journal as they
        were, and name the journal. Where that was deleted, the file goes to the folder of the process, or of
        temporary files, rather than nowhere.
        """
        journal = self._open
        journal.end(status, reason, end_time, elapsed)
        traffic = journal.traffic()
        record = RunRecord(
            header=journal.header,
            data=self._data,
            wire=traffic,
            clock=traffic.readings(),
            events=self._events,
            instruments=self._instruments,
            status=status,
            reason=reason,
            end_time=end_time,
            elapsed=elapsed,
            analysis=analysis,
            analysis_version=analysis_version,
            waveforms=waveforms,
        )
        path = self._publish(record, journal)
        journal.discard()
        return path

    def close(self) -> None:
        """Let go of the journal; one into which neither instrument nor row ever came is removed."""
        if self._journal is not None:
            self._journal.leave()

    def _publish(self, record: RunRecord, journal: Journal) -> Path:
        from labctl import nexus

        try:
            return nexus.publish(record, self.target)
        except LabctlError as error:
            if journal.is_there():
                kept = f"{journal.rows} rows are in {journal.path}: labctl recover makes the file of it."
                raise type(error)(f"{error} {kept}") from error
            for folder in (Path.cwd, lambda: Path(gettempdir())):
                with suppress(LabctlError, OSError):  # the process's own folder may be the one that is gone
                    elsewhere = folder() / self.target.name
                    newfile.check_absent(elsewhere)
                    return nexus.publish(record, elsewhere)
            raise

    @property
    def _open(self) -> Journal:
        if self._journal is None:
            raise RuntimeError("a run must begin() before anything else: there is no header")
        return self._journal
