"""Asking the processes that read files: one question at a time, begun anew where one dies or takes too long."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from labctl.errors import LabctlError, RequestError

Desk = Literal["lists", "runs", "figures"]

#: Seconds after which a reader is ended (our choice): a first look at thousands of files takes some.
_PATIENCE: Final[dict[str, float]] = {"lists": 600.0, "runs": 90.0, "figures": 90.0}
_LONGEST: Final = 2**20


class MissingError(RequestError):
    """What was asked for is not there."""


class Readers:
    """A reader for lists, one for runs and one for figures, each a process that starts when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._desks: dict[str, _Desk] = {
            name: _Desk(folder, patience) for name, patience in _PATIENCE.items()
        }

    async def ask(self, desk: Desk, what: str, **question: Any) -> bytes:
        """What a reader answers; MissingError where there is no such run, RequestError where it cannot be read."""
        return await self._desks[desk].ask({"what": what, **question})

    async def tell(self, desk: Desk, what: str, **question: Any) -> Any:
        """What a reader answers, as plain data."""
        return json.loads(await self.ask(desk, what, **question))

    async def close(self) -> None:
        """End the processes."""
        for desk in self._desks.values():
            await desk.close()


class _Desk:
    def __init__(self, folder: Path, patience: float) -> None:
        self._folder = folder
        self._patience = patience
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, question: dict[str, Any]) -> bytes:
        async with self._turn:
            try:
                head, content = await asyncio.wait_for(self._exchange(question), self._patience)
            except TimeoutError:
                await self.close()
                raise RequestError(f"This takes more than {self._patience:g} s to read.") from None
            except (EOFError, ConnectionError, ValueError):
                await self.close()
                raise RequestError("The file is damaged: the process that read it died of it.") from None
            except (
                asyncio.CancelledError
            ):  # the browser went away in mid answer: the next one would get the rest
                await asyncio.shield(self.close())
                raise
        if head["ok"]:
            return content
        said = content.decode("utf-8", "replace")
        match head["type"]:
            case "missing":
                raise MissingError(said)
            case "refused":
                raise RequestError(said)
            case _:
                raise LabctlError(said)

    async def _exchange(self, question: dict[str, Any]) -> tuple[Any, bytes]:
        if self._process is None or self._process.returncode is not None:
            self._process = await self._started()
        process = self._process
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(json.dumps(question).encode() + b"\n")
        await process.stdin.drain()
        head = json.loads(await process.stdout.readline())
        return head, await process.stdout.readexactly(head["size"])

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "labctl.live.dashboard.reader",
            os.fspath(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST,
        )

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
