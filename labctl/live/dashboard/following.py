"""The runs that go on, each followed once however many look at it; the measuring process is not touched."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import journal
from labctl.errors import DataError
from labctl.live.dashboard import places

if TYPE_CHECKING:
    from labctl.live.following import Follower

PERIOD: Final = 0.1
"""Seconds between two looks at a run: no viewer is told more often, however fast rows come."""

_JOURNAL: Final = ".h5.journal"


class Followed:
    """One run that somebody looks at: what its follower has, and a way to wait until there is more."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.expected = follower.rows_expected
        self.error = ""
        self.viewers = 0
        self.version = 0
        self._change = asyncio.Event()
        self._since: tuple[float, int] | None = None

    async def changed(self, since: int) -> None:
        """Wait until something has happened since that version."""
        while self.version == since:
            await self._change.wait()

    def ring(self) -> None:
        """Wake up everybody who waits: something has happened."""
        self.version += 1
        self._change.set()
        self._change = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """True where nothing more will come."""
        return self.follower.is_over or bool(self.error)

    def progress(self) -> dict[str, Any]:
        """How far the run is: its rows, how many it will have, the seconds (wall) it still takes; None: unknown."""
        rows, now = self.follower.rows, time.monotonic()
        if self._since is None and rows:
            self._since = now, rows
        left = None
        if self._since is not None and self.expected and rows > self._since[1]:
            left = (now - self._since[0]) / (rows - self._since[1]) * max(self.expected - rows, 0)
        return {
            "rows": rows,
            "expected": self.expected,
            "left": left,
            "status": self.follower.status,
            "reason": self.error or self.follower.reason,
        }


@dataclass(slots=True)
class Hub:
    """Every run below a folder that somebody looks at."""

    folder: Path
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    _followed: dict[Path, Followed] = field(default_factory=dict[Path, Followed])
    _tasks: dict[Path, asyncio.Task[None]] = field(default_factory=dict[Path, "asyncio.Task[None]"])

    @asynccontextmanager
    async def following(self, path: Path) -> AsyncGenerator[Followed]:
        """Follow a run while the context lasts, together with all others who do; DataError where that cannot be."""
        if path not in self._followed:
            opened = await asyncio.to_thread(_opened, path)
            if path not in self._followed:  # nobody was quicker
                self._followed[path] = opened
                self._tasks[path] = asyncio.create_task(self._look(path, opened))
            else:
                opened.follower.close()
        followed = self._followed[path]
        followed.viewers += 1
        try:
            yield followed
        finally:
            followed.viewers -= 1
            if not followed.viewers and self._followed.get(path) is followed:
                del self._followed[path]
                self._tasks.pop(path).cancel()

    def known(self, path: Path) -> Followed | None:
        """A run that is followed already."""
        return self._followed.get(path)

    def close(self) -> None:
        """Send every viewer away: the server ends."""
        self.closing.set()
        for followed in self._followed.values():
            followed.ring()

    async def _look(self, path: Path, followed: Followed) -> None:
        try:
            while not followed.is_over:
                try:
                    news = await asyncio.to_thread(followed.follower.poll)
                except Exception as error:  # a journal may say anything; whoever waits must not wait for ever
                    followed.error = str(error) or type(error).__name__
                    followed.ring()
                    return
                if not news.is_none or followed.is_over:
                    followed.ring()
                await asyncio.sleep(PERIOD)
        finally:
            followed.follower.close()


def _opened(path: Path) -> Followed:
    from labctl.live.following import Follower

    follower = Follower(path)
    try:
        follower.poll()
    except DataError:
        follower.close()
        raise
    return Followed(follower)


class Folder:
    """What goes on below a folder: its living journals, and a sign that changes whenever a file comes or goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self) -> tuple[dict[str, Path], str]:
        """The runs that go on, by name, and the sign."""
        running: dict[str, Path] = {}
        seen: list[int] = []
        for here, stamp, journals in _walk(os.fspath(self._folder)):
            seen += [hash(here), stamp]
            for path in journals:
                with suppress(DataError, ValueError):
                    if journal.writer_of(Path(path)) is not None:
                        target = path.removesuffix(".journal")
                        running[places.name_of(self._folder, target)] = Path(target)
        return running, f"{hash(tuple(seen)) & 0xFFFFFFFF:x}"


def _walk(folder: str) -> Iterator[tuple[str, int, list[str]]]:
    """Each folder, when something in it came or went last, and the journals in it; links are not followed."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        journals: list[str] = []
        with suppress(OSError):
            stamp = os.stat(here).st_mtime_ns
            with os.scandir(here) as members:
                for member in members:
                    if member.name.endswith(_JOURNAL):
                        journals.append(member.path)
                    elif not member.name.startswith(".") and member.is_dir(follow_symlinks=False):
                        waiting.append(member.path)
            yield here, stamp, journals
