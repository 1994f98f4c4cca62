"""The Stop button: the very command that a person would type at the bench, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from labctl import running
from labctl.errors import RequestError

_STOP = "from labctl.cli import main; main()"


def going_on(path: Path) -> running.Running | None:
    """The run whose data go to this file, or would if it had not died without a word; None where there is none."""
    target = os.path.realpath(path)
    for entry in running.entries():
        if os.path.realpath(entry.target) == target:
            return entry
    return None


async def stop(path: Path) -> dict[str, Any]:
    """Do what `labctl stop FILE` does; return what it says. RequestError where this run does not go on.

    It is another process, out of the reach of whatever becomes of the browser or of this server: a station that is
    being parked goes on being parked.
    """
    entry = await asyncio.to_thread(going_on, path)
    if entry is None:
        raise RequestError(f"{path.name} must be a run that goes on; it has ended. Nothing was stopped.")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-c", _STOP, "stop", "--json", "--", entry.target),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    out, err = await asyncio.shield(process.communicate())
    return {
        "status": process.returncode,
        "out": out.decode("utf-8", "replace").strip(),
        "err": err.decode("utf-8", "replace").strip(),
    }
