"""The index of the catalogue: what was read of each file, until the file changes; it can always be rebuilt."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from labctl.entries import Entry

VERSION = 1
"""Of what is kept; another version's index is thrown away."""

_WAIT = 2.0  # s for another labctl that writes at this moment; after that nothing is remembered of this time
_PASSING: Final = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM,
}  # fmt: skip
"""Errors that say nothing against the index itself."""

_FIELDS: Final = ("status", "reason", "uuid", "protocol", "sample", "start", "rows", "headline", "details")
_TABLE: Final = (
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, "
    "status TEXT, reason TEXT, uuid TEXT, protocol TEXT, sample TEXT, start REAL, rows INTEGER, headline TEXT, "
    "details TEXT, checked INTEGER)"
)


class Stamp(NamedTuple):
    """What tells whether a file is still the one that was read."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


def default_location() -> Path:
    """Where the index of this user lies."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("labctl", appauthor=False)) / "catalogue.sqlite"


class Index:
    """What is remembered of files, by absolute path.

    Nothing of it raises: an index that is damaged or of another version is thrown away, and one that cannot be
    read or written (a read-only folder, another program at it for long) is done without.
    """

    def __init__(self, location: Path) -> None:
        self._location = location

    def known(self, folder: bytes) -> dict[bytes, tuple[Stamp, Entry]]:
        """Everything remembered of files under an absolute folder."""
        for _attempt in range(2):
            try:
                with closing(self._opened()) as database:
                    return dict(_rows(database, folder))
            except (sqlite3.Error, UnicodeError) as error:
                if not self._thrown_away(error):
                    break
        return {}

    def remember(self, entries: Mapping[bytes, tuple[Stamp, Entry]], gone: Iterable[bytes] = ()) -> None:
        """Keep what was read of files, and forget those that are gone."""
        rows = [_checked(path, *stamp, *_fields(entry)) for path, (stamp, entry) in entries.items()]
        with suppress(sqlite3.Error, UnicodeError), closing(self._opened()) as database, database:
            marks = ", ".join("?" * (5 + len(_FIELDS)))
            database.executemany(f"INSERT OR REPLACE INTO files VALUES ({marks})", rows)
            database.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])

    def _opened(self) -> sqlite3.Connection:
        with suppress(OSError):
            self._location.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._location, timeout=_WAIT)
        try:
            database.execute("PRAGMA synchronous = OFF")  # what a power failure destroys is read again
            if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                _begin_anew(database)
        except BaseException:
            database.close()
            raise
        return database

    def _thrown_away(self, error: Exception) -> bool:
        """Remove the index where it is at fault itself."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if code & 0xFF in _PASSING:
            return False
        try:
            self._location.unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _begin_anew(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    # Another labctl may have been here first.
    if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        database.execute("DROP TABLE IF EXISTS files")
        database.execute(_TABLE)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.commit()


def _rows(database: sqlite3.Connection, folder: bytes) -> Iterator[tuple[bytes, tuple[Stamp, Entry]]]:
    inside = folder.rstrip(b"/")
    found = database.execute(
        f"SELECT path, size, mtime_ns, inode, {', '.join(_FIELDS)}, checked FROM files "
        "WHERE path >= ? AND path < ?",
        (inside + b"/", inside + b"0"),  # "0" comes after "/"
    )
    for row in found:
        path, size, mtime_ns, inode, *fields, _ = row
        if _checked(*row[:-1]) != row:
            continue  # a disk that lies: the file is read again
        values: dict[str, Any] = dict(zip(_FIELDS, fields, strict=True))
        start = values.pop("start")
        moment = None if start is None else datetime.fromtimestamp(start).astimezone()
        yield path, (Stamp(size, mtime_ns, inode), Entry(path=os.fsdecode(path), start=moment, **values))


def _checked(*row: Any) -> tuple[Any, ...]:
    """A row with its check sum, because the database has none."""
    return (*row, zlib.crc32("\0".join(map(str, row)).encode()))


def _fields(entry: Entry) -> tuple[Any, ...]:
    values = {name: getattr(entry, name) for name in _FIELDS}
    values["start"] = None if entry.start is None else entry.start.timestamp()
    return tuple(values.values())
