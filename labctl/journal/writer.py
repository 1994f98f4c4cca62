"""Writing a journal: locked, one write() for each row, on the disk by policy, and no error in mid-measurement."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from array import array
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from weakref import WeakSet

from labctl import newfile
from labctl.errors import FaultError, LabctlError, RequestError
from labctl.journal import frames, reading, records
from labctl.record import Event, Instrument, Quantity, RunHeader, Status

# Our choice: rows this far apart (s) reach the disk one by one, any others at the latest after the second time (s).
_SYNC_PERIOD: Final = 0.02
_SYNC_INTERVAL: Final = 0.2
_PENDING: Final = 2**13
"""Bytes of wire lines that may wait in memory for a row (our choice): about a hundred lines."""

_HEADERS: Final = 2


class Journal:
    """The journal of one run, open for writing and locked.

    Nothing but `create` raises for what a disk does: a record that could not be written, or a journal that is no
    longer where it was, is kept in `failure`, and whoever takes rows must look at it after each.

    One record is written at a time, whichever thread brings it: a step of parking that hangs wakes up when it
    likes. What comes after the end of the run is recorded no more.
    """

    def __init__(self, path: Path, descriptor: int, header: RunHeader) -> None:
        self.path = path
        self.header = header
        self.rows = 0
        self.failure: FaultError | None = None
        self._disk = _mount(path)  # asked while the folder can be
        self._descriptor = descriptor
        self._one_at_a_time = threading.RLock()
        self._has_ended = False
        self._layout = records.row_layout(header.columns)
        self._number = 0
        self._met = False
        self._lines: list[bytes] = []
        self._pending = 0
        self._names: dict[str, bytes] = {}
        self._readings = array("d")
        self._at = 0.0
        self._written = self._synced = self._row_at = time.monotonic()
        _OPEN.add(self)

    @classmethod
    def create(cls, target: Path, header: RunHeader) -> Journal:
        """Begin the journal of a run to `target`; RequestError where another run has that name or no file can be.

        The journal gets its name when it is locked and its header is on the disk.
        """
        path = reading.journal_of(target)
        newfile.check_absent(target)
        partial = newfile.partial_of(path)
        try:
            descriptor = newfile.create(partial, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise newfile.no_new_files(target.parent, error) from error
        journal = cls(path, descriptor, header)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal._begin(header)
            newfile.give_name(partial, path)
            newfile.sync_directory(path.parent)
        except BaseException as error:
            journal.discard()
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            if isinstance(error, FileExistsError):
                raise _taken(path) from error
            if isinstance(error, OSError):
                raise newfile.no_new_files(target.parent, error) from error
            raise
        if os.path.lexists(target):  # the run that had the name ended while this one began
            journal.discard()
            newfile.check_absent(target)
        return journal

    def _begin(self, header: RunHeader) -> None:
        told = records.pack_header(header, os.getpid())
        twice = (frames.pack(records.HEADER, number, told) for number in range(_HEADERS))
        newfile.write_all(self._descriptor, b"".join((records.FIRST_LINE, *twice)))
        os.fsync(self._descriptor)
        self._number = _HEADERS

    def row(self, number: int, values: Iterable[float]) -> None:
        """Record a row, its number from 0, with the traffic since the record before."""
        head = self._layout.pack(number, time.time(), *values)
        now = time.monotonic()
        self.rows += self._with_traffic(records.ROW, head, urgent=now - self._row_at >= _SYNC_PERIOD)
        self._row_at = now

    def line(self, at: float, instrument: str, direction: str, text: str) -> None:
        """Record one line of the wire, `at` in s: with the next row, or before where that is long in coming."""
        name = self._names.get(instrument)
        if name is None:
            name = self._names[instrument] = instrument.encode("utf-8", "surrogatepass")
        self._at = at
        line = records.pack_line(at, direction, name, text)
        with self._one_at_a_time:
            if self._has_ended:
                return
            self._lines.append(line)
            self._pending += len(line)
            if self.failure is None and (
                self._pending >= _PENDING or time.monotonic() - self._written >= _SYNC_INTERVAL
            ):
                self._with_traffic(records.WIRE)

    def readings(self, taken: array[float]) -> None:
        """Record what stands in `taken`, now and later: it is emptied with each record."""
        self._readings = taken

    def event(self, event: Event) -> None:
        """Record one line of the run's log; anything but "info" reaches the disk at once."""
        self._write(records.EVENT, records.pack_json(event), urgent=event.level != "info")

    def instrument(self, role: str, instrument: Instrument) -> None:
        """Record who plays a role, with the settings as found."""
        self._met = True
        told = {
            "role": role,
            "identity": instrument.identity,
            "resource": instrument.resource,
            "driver": instrument.driver,
            "settings_before": instrument.settings_before,
        }
        self._write(records.INSTRUMENT, records.pack_json(told))

    def settings_after(self, role: str, settings: Mapping[str, Quantity]) -> None:
        """Record the settings that a role was left with."""
        self._write(records.SETTINGS, records.pack_json({"role": role, "settings_after": settings}))

    def end(self, status: Status, reason: str, end_time: datetime, elapsed: float) -> None:
        """Record how the run ended, after all that was still waiting."""
        told = {"status": status, "reason": reason, "end_time": end_time.isoformat(), "elapsed": elapsed}
        with self._one_at_a_time:
            if self._lines or self._readings:
                self._with_traffic(records.WIRE)
            self._write(records.END, records.pack_json(told), urgent=True)
            self._has_ended = True

    def traffic(self) -> reading.Traffic:
        """Return all traffic so far, read back from the file, with what it has not taken yet."""
        waiting = records.pack_traffic(self._readings[:], self._lines)
        return reading.Traffic(self._descriptor, self._layout.size, waiting)

    def is_there(self) -> bool:
        """Return True where the journal still lies where it was made, or lies there behind a closed door."""
        try:
            return self._found()
        except OSError as error:
            return isinstance(error, PermissionError)

    def discard(self) -> None:
        """Remove the journal, if it is still there, and let go of it."""
        with suppress(OSError):
            if self._found():
                self.path.unlink()
                newfile.sync_directory(self.path.parent)
        self.close()

    def leave(self) -> None:
        """Let go of the journal as it is, or remove it where no instrument and no row ever came into it."""
        if self._descriptor >= 0 and not (self.rows or self._names or self._met):
            self.discard()
        self.close()

    def close(self) -> None:
        """Let go of the journal; more than once does no harm."""
        with self._one_at_a_time:
            self.let_go()

    def let_go(self) -> None:
        """As `close`, in a child process, where a thread that was writing no longer exists."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _found(self) -> bool:
        ours = os.fstat(self._descriptor)
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)

    def _with_traffic(self, kind: bytes, head: bytes = b"", *, urgent: bool = False) -> bool:
        with self._one_at_a_time:
            readings = self._readings[:]  # another thread may look at the clock meanwhile
            whole = self._write(kind, head + records.pack_traffic(readings, self._lines), urgent=urgent)
            if whole:
                self._lines.clear()
                self._pending = 0
                del self._readings[: len(readings)]
            return whole

    def _write(self, kind: bytes, payload: bytes, *, urgent: bool = False) -> bool:
        """Append a record and, where it is time, let it reach the disk; False where it is not in the file."""
        whole = False
        with self._one_at_a_time:
            if self._has_ended:
                return whole
            try:
                self._append(frames.pack(kind, self._number, payload))
                whole = True
                self._number += 1
                self._written = time.monotonic()
                if urgent or self._written - self._synced >= _SYNC_INTERVAL:
                    os.fsync(self._descriptor)
                    self._synced = self._written
                    if not self._found():
                        self._fail("it was deleted, moved or replaced")
            except (OSError, ValueError) as error:
                self._fail(getattr(error, "strerror", None) or str(error))
        return whole

    def _append(self, frame: bytes) -> None:
        written = os.write(self._descriptor, frame)
        if written == len(frame):
            return
        size = os.fstat(self._descriptor).st_size - written
        try:
            newfile.write_all(self._descriptor, frame[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = FaultError(
                f"the disk at {self._disk} must take the journal {self.path}; got: {reason}."
            )
            # The smallest of records: where no other has room any more, a recovery still knows why.
            self.event(Event(self._at, "error", f"the disk must take the journal; got: {reason}"))


_OPEN: WeakSet[Journal] = WeakSet()


def _leave_to_parent() -> None:
    """Close the journals in a child process: as long as it had them open, a parent that died would seem to live."""
    for journal in _OPEN:
        journal.let_go()


os.register_at_fork(after_in_child=_leave_to_parent)


def _taken(path: Path) -> RequestError:
    """Say who has the name of a journal."""
    try:
        pid = reading.writer_of(path)
    except LabctlError:
        pid = None
    who = (
        f"process {pid} is writing it"
        if pid
        else "it is what an interrupted run left: labctl recover makes a file of it"
    )
    return RequestError(f"{path} must not exist yet; {who}. Nothing was sent: choose another name.")


def _mount(path: Path) -> Path:
    """Return where the disk that holds a path is mounted."""
    return next((parent for parent in path.absolute().parents if os.path.ismount(parent)), Path("/"))
