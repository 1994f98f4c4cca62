"""Notes and tags that people add to a run afterwards: lines in a file beside it, which are only ever added."""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from labctl.errors import DataError, RequestError

SUFFIX: Final = ".notes"
"""Notes on `loop.h5` go into `loop.h5.notes`, and are looked for in every such file of the folder, by uuid."""

MAX_TEXT = 10_000
"""Signs in one note (our choice)."""

MAX_BYTES = 2**24
"""Of a file of notes that is read: a thousand notes of full length (our choice)."""

_TAG: Final = re.compile(r"[^\W_][\w.:-]{0,63}")


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote, and when."""

    time: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Remarks:
    """Tags in alphabetical order and notes in the order of their times."""

    tags: Sequence[str] = ()
    notes: Sequence[Note] = ()


NONE: Final = Remarks()


def add_note(file: Path, uuid: str, text: str, now: datetime) -> None:
    """Add a note on the run `uuid`, which lies in `file`; RequestError for an empty or endless one."""
    text = text.strip()
    if not 0 < len(text) <= MAX_TEXT:
        raise RequestError(f"a note must have 1 to {MAX_TEXT} signs; got {len(text)}. Nothing was noted.")
    _append(file, uuid, now, {"note": text})


def change_tags(file: Path, uuid: str, changes: Sequence[str], now: datetime) -> None:
    """Add (+word) and take away (-word) tags of the run `uuid`, which lies in `file`, in that order."""
    for change in changes:
        if change[:1] not in {"+", "-"} or not _TAG.fullmatch(change[1:]):
            raise RequestError(
                "a tag must be +WORD to add or -WORD to take away, at most 64 letters, digits, '_', '.', ':' "
                f"or '-'; got {change!r}. Nothing was tagged."
            )
    _append(file, uuid, now, {"tags": list(changes)})


def read(folder: Path) -> dict[str, Remarks]:
    """Everything that was noted on the runs of a folder, by the uuid of the run; DataError as `read_files`."""

    def refuse(_path: Path, error: DataError) -> None:
        raise error

    return read_files(sorted(folder.glob(f"*{SUFFIX}")), refuse)


def read_files(paths: Iterable[Path], refuse: Callable[[Path, DataError], None]) -> dict[str, Remarks]:
    """Everything that stands in those files of notes; a line that cannot be read is passed over.

    A line may be torn where the disk was full. `refuse` is told of a file that cannot be read or is too large.
    """
    lines: dict[str, list[tuple[datetime, Mapping[str, Any]]]] = {}
    for path in paths:
        try:
            content = _content(path)
        except DataError as error:
            refuse(path, error)
            continue
        for line in content.splitlines():
            if (parsed := _parsed(line)) is not None:
                lines.setdefault(parsed["run"], []).append((datetime.fromisoformat(parsed["time"]), parsed))
    return {uuid: _remarks(sorted(found, key=lambda line: line[0])) for uuid, found in lines.items()}


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} must be a file of notes; got: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} must be a file of notes of at most {MAX_BYTES} bytes; it is larger.")
    return content


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(line)
        whole = datetime.fromisoformat(parsed["time"]).tzinfo is not None and all(
            isinstance(text, str) for text in (parsed["run"], parsed["by"], *parsed.get("tags", ()))
        )
        return parsed if whole and isinstance(parsed.get("note", ""), str) else None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _remarks(lines: Sequence[tuple[datetime, Mapping[str, Any]]]) -> Remarks:
    tags: set[str] = set()
    for _time, line in lines:
        for change in line.get("tags", ()):
            (tags.add if change.startswith("+") else tags.discard)(change[1:])
    notes = [Note(time, line["by"], line["note"]) for time, line in lines if "note" in line]
    return Remarks(sorted(tags), notes)


def _append(file: Path, uuid: str, now: datetime, what: Mapping[str, Any]) -> None:
    line = json.dumps({"run": uuid, "time": now.isoformat(), "by": _user(), **what}).encode() + b"\n"
    path = file.with_name(file.name + SUFFIX)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            content = b"\n" + line if torn else line
            written = os.write(descriptor, content)  # one write: two people at once do not mix their lines
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RequestError(
            f"{path} must be a file that takes a line; got: {error.strerror}. Nothing was noted."
        ) from error
    if written < len(content):
        raise RequestError(f"{path} took only a part of the line: the disk is full. Nothing was noted.")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody knows the name of this user
        return ""
