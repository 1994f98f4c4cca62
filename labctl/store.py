"""The store: it takes a run row by row and leaves one verified HDF5/NeXus file, never in place of another."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labctl.newfile import check_writable, publish
from labctl.record import Event, Instrument, Quantity, RunHeader, RunRecord, Status, WireLine

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from protocols.vocabulary import Analysis, Waveforms

__all__ = ["Quantity", "RunHeader", "RunStore", "Status"]

_TYPECODES = {"float64": "d", "int64": "q"}


class RunStore:
    """One run on its way to one file.

    Call `begin` before any instrument is touched, `finish` once when the run is over, however it ended;
    `row`, `wire`, `event` and `instrument` between them, in any order. Nothing reaches the disk before
    `finish`.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._header: RunHeader | None = None
        self._data: dict[str, array[Any]] = {}
        self._appends: list[tuple[str, Callable[[Any], None]]] = []
        self._wire: list[WireLine] = []
        self._clock: Sequence[float] = ()
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

    def begin(self, header: RunHeader) -> None:
        """Take the header; RequestError where the target exists or its directory takes no new file."""
        check_writable(self.target)
        self._header = header
        self._data = {column.name: array(_TYPECODES[column.dtype]) for column in header.columns}
        self._appends = [(name, values.append) for name, values in self._data.items()]

    def row(self, row: Mapping[str, float]) -> None:
        """Take one row (SI): a value for every column, none besides.

        Otherwise raises ValueError or TypeError naming the column, and the row is not taken.
        """
        if row.keys() != self._data.keys():
            odd = sorted(row.keys() ^ self._data.keys())
            raise ValueError(f"a row must hold exactly the declared columns; missing or unknown: {odd}")
        name = ""
        try:
            for name, append in self._appends:
                append(row[name])
        except (TypeError, OverflowError) as error:
            for values in self._data.values():
                del values[self._rows :]
            raise TypeError(f"column {name!r}: {error}; got {row[name]!r}") from error
        self._rows += 1

    def wire(self, time: float, instrument: str, direction: str, text: str) -> None:
        """Take one line said to (`direction` "say") or heard from ("hear") an instrument, `time` in s."""
        self._wire.append(WireLine(time, instrument, direction, text))

    def clock(self, readings: Sequence[float]) -> None:
        """Take every reading (s) that was taken of the station's clock during the run, in order."""
        self._clock = readings

    def event(self, time: float, level: str, text: str) -> None:
        """Take one line of the log: `time` in s on the station's clock, `level` such as "info", "warning"."""
        self._events.append(Event(time, level, text))

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

    def settings_after(self, role: str, settings: Mapping[str, Quantity]) -> None:
        """Add the settings an instrument was left with; KeyError where nobody plays the role."""
        self._instruments[role] = replace(self._instruments[role], settings_after=dict(settings))

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
        """Write, verify and name the file; return its path.

        `elapsed` is the length of the run (s) on the station's clock. Raises RequestError where the target
        appeared during the run (the file is kept under its partial name), LabctlError where the disk did not
        take it, DataError where the disk gave back something else. All of them leave the store as it was.
        """
        from labctl import nexus

        if self._header is None:
            raise RuntimeError("finish() before begin(): there is no header")
        record = RunRecord(
            header=self._header,
            data=self._data,
            wire=self._wire,
            clock=self._clock,
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

        def verify(partial: Path) -> None:
            nexus.verify(partial, record)

        return publish(nexus.image(record), self.target, verify)
