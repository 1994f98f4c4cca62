"""The catalogue: every run under a folder, found by what was done, to which sample, when, and what came out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

from labctl import entries, notes
from labctl.conditions import AllOf, Comparison, Condition, bind, parse
from labctl.entries import Entry
from labctl.errors import RequestError
from labctl.index import Index, Stamp, default_location

_RUN: Final = ".h5"
_JOURNAL: Final = ".h5.journal"

MANY = 200
"""New files from which on a process on each core reads them, and a bar shows how far they are (our choice)."""

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Given how many files are to be read: a context whose value is told how many were."""

_SECONDS = 20  # that one file may take, of which it takes milliseconds (our choice)
_SHARE = 16  # files that a process is handed at a time
_BATCH = 500  # files after which the index is written: what was read once is not lost by Ctrl-C


@dataclass(slots=True)
class _Found:
    """What lies under a folder, by name: runs with their stamps, journals, notes, folders that stay shut."""

    runs: dict[str, Stamp] = field(default_factory=dict[str, Stamp])
    journals: list[str] = field(default_factory=list[str])
    notes: list[Path] = field(default_factory=list[Path])
    shut: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are asked for; None or nothing: all of them. `since` and `until` are dates, both included."""

    protocol: str | None = None
    sample: str | None = None
    status: str | None = None
    since: str | None = None
    until: str | None = None
    tags: Sequence[str] = ()
    where: str | None = None

    def condition(self) -> Condition:
        """All of it as one condition; RequestError where `where` cannot be read."""
        asked = [
            ("protocol", "=", self.protocol),
            ("sample", "=", self.sample),
            ("status", "=", self.status),
            ("start", ">=", self.since),
            ("start", "<=", self.until),
            *(("tag", "=", tag) for tag in self.tags),
        ]
        simple = [Comparison(name, operator, text) for name, operator, text in asked if text is not None]
        return AllOf([*simple, *([parse(self.where)] if self.where is not None else [])])


def _no_bar(_total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def listing(
    folder: Path,
    wanted: Wanted,
    *,
    location: Path | None = None,
    progress: Progress = _no_bar,
) -> list[Entry]:
    """Every wanted run under `folder`, the one that started last at the end; files that are no runs come first.

    Files that are new or were changed since they were last listed are read; where there are many, `progress` is
    told of how many, and what it gives is told how many were.
    RequestError where `folder` is none or a condition cannot be asked. Links to folders, and folders whose name
    begins with a dot, are passed by.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder} must be a folder; there is none of that name.")
    condition = wanted.condition()
    found = _walk(str(folder))
    runs = [*_read(folder, found.runs, Index(location or default_location()), progress)]
    runs += [
        entries.read_journal(path)
        for path in found.journals
        if path.removesuffix(".journal") not in found.runs
    ]
    runs += [Entry(path=path, status="broken", reason=reason) for path, reason in found.shut.items()]

    def refuse(path: Path, error: Exception) -> None:
        runs.append(Entry(path=str(path), status="broken", reason=str(error).removeprefix(f"{path} ")))

    remarks = notes.read_files(found.notes, refuse)
    noted = [entry.noted(remarks) for entry in runs]
    holds = bind(condition, noted)
    long_ago = datetime.min.replace(tzinfo=UTC)
    return sorted(filter(holds, noted), key=lambda entry: (entry.start or long_ago, entry.path))


def entry_of(file: Path) -> Entry:
    """The entry of one run with what was noted on it; RequestError where the file is no run."""
    journal = Path(f"{file}.journal")
    if not file.is_file() and not journal.is_file():
        raise RequestError(f"{file} must be a run of labctl; there is no file of that name.")
    entry = entries.read(str(file)) if file.is_file() else entries.read_journal(str(journal))
    if not entry.uuid:
        raise RequestError(f"{file} must be a run of labctl; {entry.reason}.")
    return entry.noted(notes.read(file.parent))


class _Readers(NamedTuple):
    """How many processes read files, and how they are started."""

    jobs: int
    start: Literal["spawn", "fork"]

    def read(self, paths: Sequence[str]) -> Iterator[Entry]:
        """Read files, in order; BrokenExecutor where a process dies."""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(
            min(self.jobs, len(paths)), get_context(self.start), _prepare_reader
        ) as pool:
            yield from pool.map(_read_in_time, paths, chunksize=_SHARE)


def _prepare_reader() -> None:
    """Make ready a process that reads files: what befalls it there befalls nobody else."""
    import signal

    from labctl import quarantine

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    quarantine.confine()


def _read_in_time(path: str) -> Entry:
    """Read a file; the process is ended where that takes too long, be it in the depths of HDF5."""
    import signal

    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        return entries.read(path)
    except MemoryError:
        return Entry(
            path=path, status="broken", reason="a file that takes more memory than a reader is given"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _walk(folder: str) -> _Found:
    found = _Found()
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as members:
                for member in members:
                    with suppress(FileNotFoundError):  # it was there a moment ago
                        _sort(member, "" if here == "." else here, found, folders)
        except OSError as error:
            found.shut[here] = f"a folder that cannot be read: {error.strerror}"
    return found


def _sort(member: os.DirEntry[str], folder: str, found: _Found, folders: list[str]) -> None:
    name = member.name
    path = os.path.join(folder, name)
    if name.endswith(_RUN) and member.is_file():
        found.runs[path] = Stamp.of(member.stat())
    elif name.endswith(_JOURNAL) and member.is_file():
        found.journals.append(path)
    elif name.endswith(notes.SUFFIX) and member.is_file():
        found.notes.append(Path(path))
    elif not name.startswith(".") and member.is_dir(follow_symlinks=False):
        folders.append(path)


def _read(
    folder: Path,
    runs: Mapping[str, Stamp],
    index: Index,
    progress: Progress,
) -> Iterator[Entry]:
    """An entry for every run: remembered where the file is the one that was read, else read now."""
    here = os.fsencode(os.path.abspath(folder))
    known = index.known(here)
    keys = {os.fsencode(os.path.abspath(path)): path for path in runs}
    new: list[bytes] = []
    for key, path in keys.items():
        if key in known and known[key][0] == runs[path]:
            yield replace(known[key][1], path=path)
        else:
            new.append(key)
    gone = [key for key in known if key not in keys]
    fresh: dict[bytes, tuple[Stamp, Entry]] = {}
    try:
        many = len(new) >= MANY
        # A fork starts at once, but may hang where there are threads, and a bar has one.
        readers = _Readers(os.cpu_count() or 1, "spawn") if many else _Readers(1, "fork")
        with (progress if many else _no_bar)(len(new)) as advance:
            for done, entry in enumerate(_entries([keys[key] for key in new], readers)):
                fresh[new[done]] = runs[entry.path], entry
                if len(fresh) == _BATCH:
                    index.remember(fresh)
                    fresh = {}
                advance(done + 1)
                yield entry
    finally:
        if fresh or gone:
            index.remember(fresh, gone)


def _entries(paths: Sequence[str], readers: _Readers) -> Iterator[Entry]:
    """Read files in processes of their own, in order: what is damaged can crash HDF5.

    Where a reader dies, the files it may have had in hand are read each by itself; one whose reader dies again is
    broken.
    """
    done = 0
    while done < len(paths):
        try:
            for entry in readers.read(paths[done:]):
                done += 1
                yield entry
        except BrokenExecutor:
            for path in paths[done : done + _SHARE]:
                done += 1
                yield _alone(path, readers)


def _alone(path: str, readers: _Readers) -> Entry:
    try:
        return next(readers.read([path]))
    except BrokenExecutor:
        reason = f"HDF5 crashed when it read it, or took more than {_SECONDS} s"
        return Entry(path=path, status="broken", reason=reason)
