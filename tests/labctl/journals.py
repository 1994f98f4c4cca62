"""What tests of the journal share: the journal of a run that died, and a machine that dies at a chosen step."""

import os
from array import array
from pathlib import Path

import pytest
from stored_runs import BRANCH, FIELD, HALL, header

from labctl.journal import journal_of
from labctl.journal.frames import Frame, scan
from labctl.journal.records import FIRST_LINE
from labctl.record import Quantity
from labctl.store import RunStore

ROWS = [
    dict(zip(("mu0_H_z", "R_xy", "branch"), row, strict=True))
    for row in zip(FIELD, HALL, BRANCH, strict=True)
]


def measured(target: Path, rows=ROWS, **changed) -> RunStore:
    """A store in the middle of a run as the engine makes it: instruments, then traffic and a row, in turn."""
    store = RunStore(target)
    store.begin(header(**changed))
    readings = array("d")
    store.clock(readings)
    store.instrument(
        "voltmeter", identity="2182A", resource="GPIB0::7::INSTR", driver="Keithley2182A",
        settings_before={"nplc": Quantity(5.0, "1"), "range": Quantity(float("nan"), "V")},
    )  # fmt: skip
    for number, row in enumerate(rows):
        readings.append(float(number))
        store.wire(number + 0.25, "voltmeter", "say", ":READ?")
        store.wire(number + 0.5, "voltmeter", "hear", f"{row['R_xy']:+.6E}")
        store.row(row)
    store.event(9.0, "warning", "field settled late")
    store.settings_after("voltmeter", {"nplc": Quantity(1.0, "1")})
    return store


def left_behind(target: Path, **changed) -> Path:
    """The journal that a run leaves when its process is killed."""
    measured(target, **changed).close()
    return journal_of(target)


def frames_of(content: bytes, folder: Path) -> list[Frame]:
    """The records in the bytes of a journal."""
    path = folder / "scanned"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return [found for found in scan(descriptor, len(FIRST_LINE)) if isinstance(found, Frame)]
    finally:
        os.close(descriptor)
        path.unlink()


class KilledError(BaseException):
    """The process is no more: nothing that would clean up may catch this."""


class Dying:
    """Counts calls that change the disk, and ends the process before the one that is chosen."""

    CALLS = ("open", "write", "fsync", "link", "unlink", "ftruncate")

    def __init__(self, patch: pytest.MonkeyPatch, at: int | None = None) -> None:
        self.calls: list[str] = []
        for name in self.CALLS:
            patch.setattr(os, name, self._counted(name, getattr(os, name), at))

    def _counted(self, name, real, at):
        def call(*given, **options):
            if at is not None and len(self.calls) >= at:
                raise KilledError
            self.calls.append(name)
            return real(*given, **options)

        return call
