"""Reading a journal: whole, whatever has befallen it, or record by record while its writer goes on."""

from __future__ import annotations

import fcntl
import os
import struct
from array import array
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from labctl.errors import DataError
from labctl.journal import frames, records
from labctl.journal.frames import Damage, Frame
from labctl.journal.records import Ended
from labctl.record import Event, Instrument, RunHeader, WireLine

_TYPECODES = {"float64": "d", "int64": "q"}
_T = TypeVar("_T")
UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)
"""What is raised where a record is whole but says nothing that can be read."""


def journal_of(target: Path) -> Path:
    """Return where the journal of a run file lies."""
    return target.with_name(f"{target.name}.journal")


class Traffic:
    """The lines of the wire in a journal, and its clock readings: read from the disk each time, never kept.

    `layout` is the size of a row's own part, `waiting` is traffic (packed) that is not in the file yet.
    """

    def __init__(self, descriptor: int, layout: int, waiting: bytes = b"") -> None:
        self._descriptor = descriptor
        self._layout = layout
        self._waiting = waiting

    def __iter__(self) -> Iterator[WireLine]:
        return chain.from_iterable(self._read(records.lines))

    def readings(self) -> array[float]:
        """Return every reading (s) of the station's clock, in order."""
        return array("d", chain.from_iterable(self._read(records.readings)))

    def _read(self, unpack: Callable[[bytes, int], _T]) -> Iterator[_T]:
        for payload, start in self._pieces():
            with suppress(*UNREADABLE):  # whoever reads the journal as a whole is told of it
                yield unpack(payload, start)

    def _pieces(self) -> Iterator[tuple[bytes, int]]:
        starts = {records.ROW: self._layout, records.WIRE: 0}
        for found in frames.scan(self._descriptor, len(records.FIRST_LINE)):
            if isinstance(found, Frame) and found.kind in starts:
                yield found.payload, starts[found.kind]
        if self._waiting:
            yield self._waiting, 0


@dataclass(slots=True)
class Told:
    """What a journal tells of its run: the rows by column, the log, who played which role, and all damage.

    `wall_time` is when the last row was taken (s since 1970, UTC; None without rows), `time` the latest moment on
    the station's clock (s) that anything in it carries. `missing` counts the rows that are known to be lost. `end`
    is None where the run goes on or was interrupted.
    """

    header: RunHeader
    pid: int
    traffic: Traffic
    data: dict[str, array[Any]]
    rows: int = 0
    missing: int = 0
    wall_time: float | None = None
    time: float = 0.0
    events: list[Event] = field(default_factory=list[Event])
    instruments: dict[str, Instrument] = field(default_factory=dict[str, Instrument])
    end: Ended | None = None
    damage: list[Damage] = field(default_factory=list[Damage])


def read(path: Path, descriptor: int) -> Told:
    """Read an open journal from end to end, over all damage; DataError where it is of no use at all.

    What cannot be read is in `Told.damage`: where it lies, and what is lost with it.
    """
    first = os.pread(descriptor, len(records.FIRST_LINE), 0)
    began = _header(path, descriptor, first)
    layout = records.row_layout(began.header.columns)
    traffic = Traffic(descriptor, layout.size)
    data = {column.name: array(_TYPECODES[column.dtype]) for column in began.header.columns}
    told = Told(began.header, began.pid, traffic, data)
    if first != records.FIRST_LINE:
        told.damage.append(Damage(0, len(first), "the first line is damaged"))
    for found in frames.scan(descriptor, len(records.FIRST_LINE)):
        if isinstance(found, Damage):
            told.damage.append(found)
            continue
        try:
            _take(told, found, layout)
        except UNREADABLE as error:
            what = f"record {found.number} is whole but says nothing that can be read ({error})"
            told.damage.append(Damage(found.start, found.end, what, 1))
    return told


class Tail:
    """The whole records of an open journal, each once and in order, as they come; the writer does not feel it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._place = len(records.FIRST_LINE)
        self._number = 0

    def frames(self) -> Iterator[Frame]:
        """Yield what has become whole since the last time; damaged records are left out."""
        for found in frames.scan(self._descriptor, self._place, self._number):
            if isinstance(found, Frame):
                self._place, self._number = found.end, found.number + 1
                yield found


def writer_of(path: Path) -> int | None:
    """Return the process that is writing a journal, None where nobody is; DataError where there is no journal."""
    with opened(path) as descriptor:
        return read_header(path, descriptor).pid if is_locked(descriptor) else None


def read_header(path: Path, descriptor: int) -> records.Began:
    """Return what an open journal begins with: the run's header, and the process that writes or wrote it."""
    return _header(path, descriptor, b"")


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Generator[int]:
    """Open a journal as a descriptor; DataError where that cannot be."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise DataError(f"{path} must be a journal of labctl; got: {error.strerror}.") from error
    try:
        yield descriptor
    except OSError as error:
        raise DataError(f"{path} must be a journal that can be read; got: {error.strerror}.") from error
    finally:
        os.close(descriptor)


def is_locked(descriptor: int) -> bool:
    """Return True where somebody, this process included, holds the lock of an open journal."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _header(path: Path, descriptor: int, first: bytes) -> records.Began:
    for found in frames.scan(descriptor, len(records.FIRST_LINE)):
        if isinstance(found, Frame) and found.kind == records.HEADER:
            try:
                return records.unpack_header(found.payload)
            except UNREADABLE:
                continue
    version = first.removeprefix(b"labctl journal, version ").strip()
    if version != first.strip() and version.isdigit() and int(version) > records.VERSION:
        raise records.newer(int(version))
    raise DataError(
        f"{path} must be a journal of labctl with a header; none can be read. It was left as it is."
    )


def _take(told: Told, frame: Frame, layout: struct.Struct) -> None:
    """Add what one record says to what a journal tells; raises before it has changed anything."""
    if frame.kind == records.ROW:
        number, wall_time, *values = layout.unpack_from(frame.payload)
        datetime.fromtimestamp(wall_time, UTC)  # no row is taken at a time that no calendar has
        told.time = _latest(told.time, frame.payload, layout.size)
        for column, value in zip(told.data.values(), values, strict=True):
            column.append(value)
        told.missing += max(number - told.rows - told.missing, 0)
        told.rows += 1
        told.wall_time = wall_time
    elif frame.kind == records.WIRE:
        told.time = _latest(told.time, frame.payload, 0)
    elif frame.kind == records.EVENT:
        event = records.unpack_event(frame.payload)
        told.events.append(event)
        told.time = max(told.time, event.time)
    elif frame.kind == records.INSTRUMENT:
        role, instrument = records.unpack_instrument(frame.payload)
        told.instruments[role] = instrument
    elif frame.kind == records.SETTINGS:
        role, settings = records.unpack_settings(frame.payload)
        known = told.instruments.get(
            role, Instrument(identity="", resource="", driver="")
        )  # its record was lost
        told.instruments[role] = replace(known, settings_after=settings)
    elif frame.kind == records.END:
        told.end = records.unpack_end(frame.payload)


def _latest(time: float, payload: bytes, start: int) -> float:
    """Return the latest of a time (s) and those in the traffic that begins at `start`, all of which is read."""
    lines = records.lines(payload, start)
    return max((time, *records.readings(payload, start), *(line.time for line in lines)))
