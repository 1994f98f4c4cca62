"""Which files the dashboard may show: runs below one folder, called by their paths inside it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote

from labctl.errors import RequestError

_RUN = ".h5"


class NoRunError(RequestError):
    """There is no run of that name in the folder; whether one exists elsewhere is nobody's business."""


def inside(folder: Path, name: str) -> Path:
    """Return the path of the run called `name`, relative to `folder`; NoRunError for whatever leads out of it.

    The run need not have its file yet: one that goes on has only a journal beside the place.
    """
    parts = name.split("/")
    if name.endswith(_RUN) and "\0" not in name and not any(part in {"", ".", ".."} for part in parts):
        path = folder.joinpath(*parts)
        beside = Path(f"{path}.journal")
        if all(is_inside(folder, one) for one in (path, beside)) and any(map(os.path.isfile, (path, beside))):
            return path
    raise NoRunError("there must be a run of that name in this folder; there is none.")


def is_inside(folder: Path, path: Path) -> bool:
    """Return whether a path, wherever its links lead, is below the folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def name_of(folder: Path, path: str) -> str:
    """What a run below `folder` is called; the opposite of `inside`."""
    return Path(os.path.abspath(path)).relative_to(os.path.abspath(folder)).as_posix()


def query_of(name: str) -> str:
    """A name as it stands in a URL; a file name may hold bytes that are no text."""
    return quote(name, safe="/", errors="surrogateescape")


def arguments(query: bytes) -> list[tuple[str, str]]:
    """The arguments in the query of a URL, in order; bytes that are no text stay what they are in a file name."""
    return parse_qsl(query.decode("latin-1"), errors="surrogateescape", max_num_fields=100)
