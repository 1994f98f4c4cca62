"""Following a run from any process: its journal while it goes on, its file once it has ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from labctl import journal, recovery, registry
from labctl.errors import DataError
from labctl.journal import records
from labctl.journal.reading import UNREADABLE
from labctl.record import Event, Instrument, RunHeader
from labctl.request import make_parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.journal.frames import Frame
    from labctl.record import Status
    from labctl.runfile import Run

_FIRST_SIZE: Final = 256  # rows that have room before more is taken (our choice)


class News(NamedTuple):
    """What one poll brought: rows `start` up to `stop`, new lines of the log, and whether the status changed."""

    start: int
    stop: int
    events: Sequence[Event]
    is_other_status: bool

    @property
    def is_none(self) -> bool:
        """True where nothing has happened since the poll before."""
        return self.stop == self.start and not self.events and not self.is_other_status


class Follower:
    """A run followed by the path of its file, or of its journal, whatever state it is in; nothing of it is changed.

    `poll` takes what is new, at a cost for each new row and none for the old ones, and says what it was. Between
    polls everything stays as it is: `header`, `pid` (0 where only the file is known), `rows` and `columns`,
    `wall_times` (s since 1970, UTC) of the rows that were read from the journal, `time` (s on the station's clock)
    of the latest that is known, `events`, `instruments` by role, and `status` with its `reason`.

    The status is "running" until the run has said how it ended; it is "interrupted" where its process is gone
    without that word. `is_over` comes a little later, when nothing more is written; `run` is then the finished file
    as `runfile.read_run` has it, with its results, or None where the run left none. The journal of an interrupted
    run stays as it is, for `labctl recover`; a later poll finds the file that was made of it.

    Without `with_file` the file is not looked for, neither now nor later: whoever measures has its results.

    DataError, from here and from `poll`, where there is neither journal nor file or they cannot be read. Not for
    several threads at once. Close it, or use it in a `with`.
    """

    def __init__(self, path: Path, *, with_file: bool = True) -> None:
        self.path, source = recovery.names(path)
        self.pid = 0
        self.time = 0.0
        self.events: list[Event] = []
        self.instruments: dict[str, Instrument] = {}
        self.status: Status = "running"
        self.reason = ""
        self.is_over = False
        self.run: Run | None = None
        self._seen: tuple[int, int, Status] = (0, 0, "running")
        self._has_ended = False
        self._with_file = with_file
        self._journal = ExitStack()
        if self._is_there() or not self._begin(source):
            self._finish(_read(self.path))

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def rows(self) -> int:
        """Number of rows so far."""
        return self._rows.count

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """All rows so far (SI), one array, float64 or int64, for each column in the protocol's order.

        They are views: rows that come later are not in them, and nobody may write into them.
        """
        return {column.name: self._rows.values(number) for number, column in enumerate(self.header.columns)}

    @property
    def wall_times(self) -> NDArray[np.float64]:
        """When each row was taken (s since 1970, UTC); none of a run whose journal was gone already."""
        return self._walls.values(0)

    @property
    def rows_expected(self) -> int | None:
        """Number of rows that the run will have, by its protocol's own count; None where that is not known here."""
        with suppress(
            Exception
        ):  # another version of a third party's protocol may not even take the parameters
            protocol = registry.load_protocol(self.header.protocol)
            values = {name: quantity.value for name, quantity in self.header.parameters.items()}
            return protocol.n_rows(make_parameters(protocol, values))
        return None

    def poll(self) -> News:
        """Take what is new since the poll before; the first brings what is there already."""
        if self.run is None:
            try:
                self._look()
            except OSError as error:
                raise DataError(
                    f"{self.path} must be a run that can be read; got: {error.strerror}."
                ) from error
        rows, events, status = self._seen
        self._seen = (self.rows, len(self.events), self.status)
        return News(rows, self.rows, self.events[events:], self.status != status)

    def close(self) -> None:
        """Let go of the journal; what was read stays."""
        self._journal.close()

    def _begin(self, source: Path) -> bool:
        """Open the journal; False where the run came to its end, and has its file, just now."""
        try:
            self._descriptor = self._journal.enter_context(journal.opened(source))
            began = journal.read_header(source, self._descriptor)
        except DataError as error:
            self.close()
            if self._is_there():
                return False
            if os.path.lexists(source):
                raise
            raise DataError(
                f"{self.path} must be a run; there is neither that file nor the journal of a run that goes on."
            ) from error
        self.header, self.pid = began
        self._tail = journal.Tail(self._descriptor)
        self._layout = records.row_layout(self.header.columns)
        self._rows, self._walls = (
            _Growing([column.dtype for column in self.header.columns]),
            _Growing(["float64"]),
        )
        return True

    def _is_there(self) -> bool:
        return self._with_file and recovery.is_whole(self.path)

    def _look(self) -> None:
        # asked first: what a writer left behind before it died is read then
        is_written = not self.is_over and journal.is_locked(self._descriptor)
        rows: list[Sequence[float]] = []
        for frame in self._tail.frames():
            with suppress(*UNREADABLE):  # what is damaged there is told by whoever recovers it
                self._take(frame, rows)
        self._walls.extend([row[:1] for row in rows])
        self._rows.extend([row[1:] for row in rows])
        if not is_written:
            self._settle()

    def _take(self, frame: Frame, rows: list[Sequence[float]]) -> None:
        if frame.kind == records.ROW:
            _, *row = self._layout.unpack_from(frame.payload)
            self.time = max(self.time, records.last_reading(frame.payload, self._layout.size))
            rows.append(row)
        elif frame.kind == records.EVENT:
            event = records.unpack_event(frame.payload)
            self.events.append(event)
            self.time = max(self.time, event.time)
        elif frame.kind == records.INSTRUMENT:
            role, instrument = records.unpack_instrument(frame.payload)
            self.instruments[role] = instrument
        elif frame.kind == records.SETTINGS:
            role, settings = records.unpack_settings(frame.payload)
            self.instruments[role] = replace(self.instruments[role], settings_after=settings)
        elif frame.kind == records.END:
            ended = records.unpack_end(frame.payload)
            self.status, self.reason, self.time = ended.status, ended.reason, ended.elapsed
            self._has_ended = True

    def _settle(self) -> None:
        """Nobody writes the journal any more: take the file that was made of it, if it is there."""
        if self._is_there():
            run = _read(self.path)
            if run.uuid == self.header.uuid:  # otherwise somebody moved ours away and measured anew
                self._finish(run)
        elif not self.is_over and not self._has_ended:
            self.status = "interrupted"
            self.reason = (
                f"process {self.pid} ended without a word after row {self.rows}"
                if os.fstat(self._descriptor).st_nlink
                else "the run ended before an instrument was set"
            )
        self.is_over = True

    def _finish(self, run: Run) -> None:
        """Take what the finished file tells; the rows that were followed are there already."""
        if self.pid == 0:
            self.header = _header_of(run)
            self._rows = _Growing([column.dtype for column in run.described])
            self._walls = _Growing(["float64"])
        self._rows.adopt(list(run.columns.values()))
        self.events, self.instruments = [*run.log], dict(run.instruments)
        self.status = cast("Status", run.status)
        self.reason, self.time = run.reason, run.duration
        self.run, self.is_over = run, True
        self.close()


class _Growing:
    """Columns that grow by rows, each at a cost that does not depend on how many there are (amortized)."""

    def __init__(self, dtypes: Sequence[str]) -> None:
        self._arrays: list[NDArray[Any]] = [np.empty(_FIRST_SIZE, dtype) for dtype in dtypes]
        self.count = 0

    def values(self, number: int) -> NDArray[Any]:
        """A view of the rows so far of one column, which may not be written into."""
        view = self._arrays[number][: self.count]
        view.flags.writeable = False
        return view

    def extend(self, rows: Sequence[Sequence[float]]) -> None:
        """Add rows, each with a value for every column."""
        if not rows:
            return
        stop = self.count + len(rows)
        for number, new in enumerate(zip(*rows, strict=True)):
            array = self._arrays[number]
            if stop > len(array):  # a new one: views of the old one stay right
                array = np.empty(2 * stop, array.dtype)
                array[: self.count] = self._arrays[number][: self.count]
                self._arrays[number] = array
            array[self.count : stop] = new
        self.count = stop

    def adopt(self, columns: Sequence[NDArray[Any]]) -> None:
        """Take whole columns in place of those so far."""
        self._arrays, self.count = list(columns), len(columns[0])


def _read(path: Path) -> Run:
    from labctl import runfile  # h5py is not needed to follow a journal

    return runfile.read_run(path)


def _header_of(run: Run) -> RunHeader:
    """What was known of a finished run before its first row."""
    return RunHeader(
        title=run.title,
        protocol=run.protocol,
        protocol_version=run.protocol_version,
        caption=run.caption,
        source=run.source,
        parameters=run.parameters,
        columns=run.described,
        signal=run.signal,
        axis=run.axis,
        uuid=run.uuid,
        seed=run.seed,
        start_time=run.start_time,
        program_version=run.program_version,
        clock="virtual" if run.clock == "virtual" else "wall",
        sample=run.sample,
        simulation=run.simulation,
        station=run.station,
        batch=run.batch,
    )
