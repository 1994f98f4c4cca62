"""Which runs are going on, for whoever wants to stop one from another terminal.

Each run has a small JSON file in the user's state folder while it lives. One whose process has died leaves it
behind; process number and start time together tell that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from labctl.errors import RequestError

if TYPE_CHECKING:
    from labctl.heartbeat import Guard

_KEPT: Final = ".json"


@dataclass(frozen=True, slots=True)
class Running:
    """One run: its process, its station, and where its data will be.

    `started` tells a process from a later one of the same number; `station` is the text of the station file,
    `guard` the process number of its guard (0: none), `is_parking` whether it has begun to park.
    """

    pid: int
    started: str
    title: str
    target: str
    station: str
    resources: Sequence[str]
    guard: int = 0
    is_parking: bool = False
    path: str = ""

    @property
    def is_alive(self) -> bool:
        """True while the very process that wrote this goes on."""
        return is_alive(self.pid, self.started)

    @property
    def report(self) -> Path:
        """Where the guard writes what it did."""
        return Path(f"{self.target}.guard")

    def again(self) -> Running | None:
        """Return what it says now; None where the run has ended regularly."""
        return _read(Path(self.path))

    def forget(self) -> None:
        """Remove what a dead run left here."""
        Path(self.path).unlink(missing_ok=True)


class Registration:
    """A run's own hand on its entry; a folder that takes no file costs only the ease of stopping it."""

    def __init__(self, entry: Running) -> None:
        self._entry = entry

    def is_parking(self) -> None:
        """Say that parking has begun."""
        _write(replace(self._entry, is_parking=True))


@contextmanager
def registered(
    title: str, target: Path, station: str, resources: Sequence[str], guard: Guard | None
) -> Generator[Registration]:
    """List this process's run while it goes on; dead ones whose instruments or target it has now are dropped."""
    pid = os.getpid()
    path = folder() / f"{pid}-{uuid4().hex[:8]}{_KEPT}"
    entry = Running(
        pid=pid,
        started=start_of(pid),
        title=title,
        target=str(target.absolute()),
        station=station,
        resources=list(resources),
        guard=guard.pid if guard else 0,
        path=str(path),
    )
    for dead in entries():
        if not dead.is_alive and (dead.target == entry.target or set(resources) & set(dead.resources)):
            dead.forget()
    _write(entry)
    try:
        yield Registration(entry)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def entries() -> list[Running]:
    """Every run that is going on, and those that died without a word; the latest last."""
    try:
        paths = sorted(folder().glob(f"*{_KEPT}"), key=_age)
    except OSError:  # a state folder that this user must not enter tells of nobody
        return []
    return [entry for path in paths if (entry := _read(path)) is not None]


def find(run: str | None, consequence: str) -> Running:
    """Return the run whose file or process number is given, or the only one.

    RequestError, which ends with the `consequence`, where there is none.
    """
    listed = entries()
    living = [entry for entry in listed if entry.is_alive]
    if run is None:
        chosen = living or listed[-1:]
    else:
        chosen = [one for one in listed if run in {str(one.pid), one.target} or _same(run, one.target)]
    if len(chosen) == 1:
        return chosen[0]
    names = "; ".join(f"{one.target} (process {one.pid})" for one in (chosen or living)) or "none"
    wanted = "the only run that is going on" if run is None else f"one that is going on; got {run!r}"
    raise RequestError(f"RUN must be {wanted}; there are: {names}. {consequence}")


def folder() -> Path:
    """Where the entries are: the user's state folder."""
    import platformdirs

    return Path(platformdirs.user_state_dir("labctl", appauthor=False)) / "running"


def start_of(pid: int) -> str:
    """When a process started, in whatever the system counts (Linux); empty where it does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def is_alive(pid: int, started: str) -> bool:
    """Return whether the process of this number that started then still lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return start_of(pid) == started and not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _same(run: str, target: str) -> bool:
    return str(Path(run).absolute()) == target


def _write(entry: Running) -> None:
    path = Path(entry.path)
    partial = path.with_suffix(".partial")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.write_text(json.dumps(asdict(entry)), encoding="utf-8")
        partial.replace(path)


def _read(path: Path) -> Running | None:
    try:
        return Running(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
