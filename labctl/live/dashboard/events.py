"""Server-sent events: a run that goes on, row by row, and the folder as a whole; each begins with all there is.

A browser that lost its stream, because the server was begun anew or a laptop slept, opens another one by itself and
has the whole again: nothing needs to be remembered of viewers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labctl import door, tables
from labctl.errors import DataError
from labctl.live.dashboard import curves, facts, notation, places
from labctl.live.dashboard.following import PERIOD, Folder, Followed, Hub
from labctl.live.decimation import PER_PIXEL

if TYPE_CHECKING:
    from labctl.record import Event

RETRY: Final = 500
"""Milliseconds after which a browser looks again for a server that is gone (our choice)."""

_ALIVE: Final = 15.0  # s after which a stream says that it is there: proxies and browsers drop silent ones
_GLANCE: Final = 1.0  # s between two looks at the folder (our choice)
_SAID: Final = 200  # lines of the log that a stream begins with (our choice)


def message(event: str, data: Any) -> bytes:
    """One event as it goes over the line (HTML Living Standard, 9.2)."""
    return f"event: {event}\ndata: {tables.json_text(data)}\n\n".encode()


async def of_run(hub: Hub, path: Path, wanted: curves.Wanted, hello: dict[str, Any]) -> AsyncGenerator[bytes]:
    """Everything that happens to a run, ten times a second at most: curve, rows, log, status.

    "curve" is the whole picture, decimated; "rows" are the points that came since. When those have become as many
    as a picture holds the whole comes again, so that neither side's cost grows with the run.
    """
    yield f"retry: {RETRY}\n".encode() + message("hello", hello)
    try:
        async with hub.following(path) as followed:
            async for part in _told(hub, followed, wanted):
                yield part
    except DataError as error:
        yield message("status", {"status": "", "reason": str(error), "is_over": True})


async def _told(hub: Hub, followed: Followed, wanted: curves.Wanted) -> AsyncGenerator[bytes]:
    room = PER_PIXEL * max(wanted.width, 1)
    rows = sent = said = 0
    status: tuple[str, str] | None = None
    is_first = True
    while not hub.closing.is_set():
        version, follower = followed.version, followed.follower
        stop, is_over = follower.rows, followed.is_over
        if is_first or (stop > rows and (wanted.apart or sent + stop - rows > room)):
            sent = stop
            yield message("curve", _whole(followed, wanted))
        elif stop > rows:
            sent += stop - rows
            yield message("rows", _points(followed, wanted, rows, stop))
        if is_first or stop > rows:
            yield message("progress", followed.progress() | {"last": _named(last_row(followed))})
        rows, is_first = stop, False
        if len(follower.events) > said:
            yield message("log", facts.log_lines(_news(follower.events, said)))
            said = len(follower.events)
        if is_over or status != (follower.status, follower.reason):
            status = (follower.status, follower.reason)
            told = {"status": status[0], "reason": followed.error or status[1], "is_over": is_over}
            yield message("status", told)
        if is_over:
            return
        try:
            await asyncio.wait_for(followed.changed(version), _ALIVE)
        except TimeoutError:
            yield b": still there\n\n"


def _news(events: list[Event], said: int) -> list[Event]:
    return events[max(said, len(events) - _SAID) :]


def source_of(followed: Followed) -> curves.Source:
    """A run that goes on as what is drawn of it: the rows so far."""
    follower = followed.follower
    header = follower.header
    return curves.Source(header.title, header.columns, follower.columns, header.signal, header.axis)


def _whole(followed: Followed, wanted: curves.Wanted) -> dict[str, Any]:
    return curves.picture([source_of(followed)], wanted) | {"rows": followed.follower.rows}


def _points(followed: Followed, wanted: curves.Wanted, start: int, stop: int) -> dict[str, Any]:
    """The points that came since, in display units."""
    source = source_of(followed)
    part = curves.Source(
        source.label,
        source.described,
        {name: values[start:stop] for name, values in source.columns.items()},
        source.signal,
        source.axis,
    )
    (series,) = curves.picture([part], wanted._replace(apart="", window=None))["series"]
    return {"x": series["x"], "y": series["y"], "rows": stop}


def last_row(followed: Followed) -> list[tuple[str, str]]:
    """Every column of the last row, in display units."""
    follower = followed.follower
    if not follower.rows:
        return []
    values = follower.columns
    return [
        (column.name, door.show(float(values[column.name][-1]), column.unit, column.display))
        for column in follower.header.columns
        if np.isfinite(values[column.name][-1])
    ]


def _named(readings: list[tuple[str, str]]) -> list[tuple[list[notation.Piece], str]]:
    return [(notation.named(name), notation.value(text)) for name, text in readings]


async def of_folder(hub: Hub, hello: dict[str, Any]) -> AsyncGenerator[bytes]:
    """Which runs go on below the folder and how far they are, once a second, and whether the list has changed."""
    yield f"retry: {RETRY}\n".encode() + message("hello", hello)
    folder, quiet = Folder(hub.folder), 0.0
    before: Any = None
    async with AsyncExitStack() as held:
        followed: dict[str, tuple[Followed, AsyncExitStack]] = {}
        while not hub.closing.is_set():
            running, sign = await asyncio.to_thread(folder.look)
            for name in [name for name in followed if name not in running]:
                await followed.pop(name)[1].aclose()
            for name in [name for name in running if name not in followed]:
                stack = await held.enter_async_context(AsyncExitStack())
                try:
                    followed[name] = await stack.enter_async_context(hub.following(running[name])), stack
                except DataError:  # it ended just now
                    continue
            told = {
                "running": {places.query_of(name): one.progress() for name, (one, _) in followed.items()},
                "sign": sign,
            }
            quiet += _GLANCE
            if told != before or quiet >= _ALIVE:
                yield message("folder", told)
                before, quiet = told, 0.0
            for _ in range(round(_GLANCE / PERIOD)):
                if not hub.closing.is_set():
                    await asyncio.sleep(PERIOD)
