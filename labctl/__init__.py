"""The application: it introduces drivers, protocols and the simulated bench to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from labctl.loaded import LoadedRun

__version__ = "0.1.0"


def load(path: str | PathLike[str]) -> LoadedRun:
    """Load a run for a notebook: `.data` (xarray), `.frame` (pandas), `.parameters`, `.results`, `.figure()`.

    DataError, in one line, where the file is not a run of labctl, damaged or altered.
    """
    from pathlib import Path

    from labctl import loaded, runfile

    return loaded.LoadedRun(runfile.read_run(Path(path)))
