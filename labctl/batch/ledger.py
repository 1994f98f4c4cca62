"""The ledger of a batch: a line of JSON for whatever happens to a run of it, and a lock while it is worked on."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from labctl.errors import FaultError, RequestError

NAME = "ledger.jsonl"


class Ledger:
    """The open ledger of a batch folder, for one program at a time; lines are only ever appended.

    What it says is for people, and for a run that left no file; whether a run is finished, its file says.
    """

    def __init__(self, folder: Path) -> None:
        """Open, or create, the ledger of a folder; RequestError where that cannot be, or another program has it."""
        self._path = folder / NAME
        try:
            self._descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            raise RequestError(
                f"{self._path} must be a file that can be written: {error.strerror}. Nothing was sent."
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise RequestError(
                f"{folder} must be worked on by one program at a time; another one has it. Nothing was sent."
            ) from error
        self._text = self._path.read_text(encoding="utf-8", errors="replace")
        self._torn = bool(self._text) and not self._text.endswith("\n")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def last_begun(self, run: int) -> str | None:
        """The identifier of the run that an earlier program began last as number `run`; None for none."""
        found = None
        for line in self._text.splitlines():
            try:
                entry: Any = json.loads(line)
            except ValueError:
                continue  # torn by a kill or a full disk
            if not isinstance(entry, dict) or entry.get("run") != run:
                continue
            if entry.get("event") == "begun":
                found = entry.get("uuid")
            elif entry.get("status") == "refused":
                found = None  # an instrument or the disk was not there: nothing of it began
        return found

    def write(self, event: str, **facts: Any) -> None:
        """Append a line and wait until the disk has it; FaultError where it does not take it."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(), "event": event, **facts}) + "\n"
        data = (f"\n{line}" if self._torn else line).encode()
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):  # O_APPEND: what is missing cannot be told from a torn line
                raise OSError(0, f"it took {written} of {len(data)} bytes")
            os.fsync(self._descriptor)
        except OSError as error:
            self._torn = True
            raise FaultError(f"{self._path} could not be written: {error.strerror}.") from error
        self._torn = False
