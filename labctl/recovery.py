"""Recovery: from the journal of a run that was interrupted to its file, the same bytes whenever it is done."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import __version__, journal, newfile, registry, tables
from labctl.errors import DataError, RequestError
from labctl.journal import Told
from labctl.record import Event, RunRecord, Status

if TYPE_CHECKING:
    from protocols.vocabulary import Analysis, Waveforms


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery came to: the file, how the run ended, its rows, and a line for each damage found.

    `made` is false where there was nothing to do, or only a journal to remove that was left beside a finished file.
    """

    path: Path
    status: str
    reason: str
    rows: int
    damage: Sequence[str]
    made: bool

    def told(self) -> dict[str, Any]:
        """The JSON object of a recovery."""
        return {
            "file": self.path,
            "status": self.status,
            "reason": self.reason,
            "rows": self.rows,
            "damage": self.damage,
            "made": self.made,
        }


def recover(path: Path) -> Recovered:
    """Make the file of a run from its journal and remove the journal; `path` is the file, or its journal.

    The rows before any damage are kept, and those after it as far as they can be read; the file's log tells where
    the damage was and what is lost. Done again it changes nothing. RequestError where the run still goes on,
    DataError where there is neither journal nor file, where the journal is of a later version or has no header, and
    where the file's name belongs to something else: all is then left as it was.
    """
    target, source = names(path)
    with newfile.locked(source.parent):  # of two recoveries the second finds the file of the first
        if not os.path.lexists(source):
            return _nothing_to_do(target)
        return _recovered(target, source)


def _recovered(target: Path, source: Path) -> Recovered:
    with journal.opened(source) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RequestError(
                f"{source} must be the journal of a run that has ended; process "
                f"{journal.read_header(source, descriptor).pid} is writing it. Nothing was touched."
            ) from error
        told = journal.read(source, descriptor)
        recovered = _already_there(target, told) if is_whole(target) else _made(target, told)
        source.unlink(missing_ok=True)  # it may have been moved meanwhile
        newfile.sync_directory(source.parent)
    return recovered


def names(path: Path) -> tuple[Path, Path]:
    """Return the file of a run, and its journal, from either."""
    target = path.with_suffix("") if path.suffix == ".journal" else path
    return target, journal.journal_of(target)


def runs_below(folder: Path) -> Iterator[Path]:
    """Yield every HDF5 file below a folder, and each that can be made from the journal of an interrupted run.

    A run that still goes on is passed by, which is said.
    """
    left = {names(path)[0] for path in folder.rglob("*.h5.journal")}
    for path in sorted({*folder.rglob("*.h5"), *left}):
        pid = None
        if path in left and not is_whole(path):
            with suppress(DataError):  # whoever reads it is told what is wrong with it
                pid = journal.writer_of(journal.journal_of(path))
        if pid is None:
            yield path
        else:
            tables.say(f"{path} is passed by: process {pid} is measuring it")


def settle(path: Path) -> Told | None:
    """See to it that a run can be read: nothing is done where its file is there, a dead journal is recovered.

    Returns what the journal of a run that still goes on tells; it is not disturbed.
    """
    source = journal.journal_of(path)
    if is_whole(path) or not os.path.exists(source):  # False, too, for what can be no name
        return None
    try:
        with journal.opened(source) as descriptor:
            if journal.is_locked(descriptor):
                return journal.read(source, descriptor)
        recovered = recover(path)
    except RequestError:
        if is_whole(path):  # the run, or another recovery, came to its end just now
            return None
        raise
    tables.say(f"{path} was made from {source.name}: {recovered.reason or recovered.status}")
    for line in recovered.damage:
        tables.say(f"damage in {source.name}: {line}")
    return None


def is_whole(target: Path) -> bool:
    """Return False where there is no file, or an empty one: where a disk has no links, a run claims its name so."""
    return os.path.lexists(target) and not (target.is_file() and target.stat().st_size == 0)


def record_of(told: Told, *, running: bool = False) -> RunRecord:
    """Return what a journal tells as a run that can become a file.

    Where it does not tell how the run ended, that was with its last row, and the run is "interrupted". A run that
    is `running` has no analysis and no wire yet.
    """
    status, reason, end_time, elapsed = told.end or _interrupted(told)
    analysis, version, waveforms, remarks = None, "", None, list[str]()
    if running:
        status, reason = "running", f"process {told.pid} is measuring"
    elif told.rows:
        analysis, version, waveforms, remarks = _analysed(told)
    remarks = [f"damage in the journal: {damage}" for damage in told.damage if not running] + remarks
    if told.missing:
        remarks.append(f"{told.missing} rows are missing among the {told.rows} that could be read")
    return RunRecord(
        header=told.header,
        data=told.data,
        wire=() if running else told.traffic,
        clock=() if running else told.traffic.readings(),
        events=[*told.events, *(Event(elapsed, "warning", remark) for remark in remarks)],
        instruments=told.instruments,
        status=status,
        reason=reason,
        end_time=end_time,
        elapsed=elapsed,
        analysis=analysis,
        analysis_version=version,
        waveforms=waveforms,
    )


def _interrupted(told: Told) -> tuple[Status, str, datetime, float]:
    start = told.header.start_time
    errors = [event.text for event in told.events if event.level == "error"]
    cause = f": {errors[-1]}" if errors else ""
    if told.wall_time is None:
        return "interrupted", f"interrupted before the first row{cause}", start, told.time
    last = datetime.fromtimestamp(told.wall_time, UTC)
    end = max(last, start)  # a clock that was set back must not end a run before it began
    reason = f"interrupted after row {told.rows + told.missing}, taken at {last.isoformat()}{cause}"
    return "interrupted", reason, end, told.time or (end - start).total_seconds()


def _analysed(told: Told) -> tuple[Analysis | None, str, Waveforms | None, list[str]]:
    """Return analysis, its version, waveforms, and why any of them is missing: no fault in them costs the data."""
    import numpy as np

    from labctl.request import make_parameters

    data = {name: np.array(values) for name, values in told.data.items()}
    analysis, waveforms, remarks = None, None, list[str]()
    version = ""
    try:
        method = registry.load_method(told.header.protocol)
        parameters = make_parameters(
            method, {name: quantity.value for name, quantity in told.header.parameters.items()}
        )
        analysis = method.analyse(data, parameters)
        version = f"{method.name} {method.version}, labctl {__version__}"
        played = getattr(method, "waveforms", None)
        waveforms = played(data, parameters) if played else None
    except Exception as error:  # third-party code on half a run may raise anything
        remarks.append(f"no analysis or waveforms: {' '.join(str(error).split()) or type(error).__name__}")
    return analysis, version, waveforms, remarks


def _made(target: Path, told: Told) -> Recovered:
    from labctl import nexus

    record = record_of(told)
    target.unlink(missing_ok=True)
    try:
        nexus.publish(record, target)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise DataError(
            f"the journal of {target} must hold a run; it holds what no run has: {error}. It was left as it is."
        ) from error
    damage = [str(damage) for damage in told.damage]
    return Recovered(target, record.status, record.reason, told.rows, damage, made=True)


def _already_there(target: Path, told: Told) -> Recovered:
    """The run was killed between giving its file the name and removing the journal, or the file is another's."""
    from labctl import nexus, runfile

    try:
        run = runfile.read_run(target)
        ours = run.uuid == told.header.uuid
    except DataError as error:
        raise DataError(
            f"{error} The journal beside it is kept: move the file away to recover that."
        ) from error
    if not ours:
        raise DataError(
            f"{target} must not be there, or be the file of the run in the journal beside it; it is another run. "
            "Nothing was touched: move the file away."
        )
    newfile.partial_of(target, nexus.partial_tag(told.header)).unlink(missing_ok=True)
    return Recovered(target, run.status, run.reason, run.rows, [], made=False)


def _nothing_to_do(target: Path) -> Recovered:
    from labctl import runfile

    run = runfile.read_run(target)
    return Recovered(target, run.status, run.reason, run.rows, [], made=False)
