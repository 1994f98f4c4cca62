"""The list of runs as plain data: searched by words and conditions, those that go on first, the newest on top."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from labctl import catalogue
from labctl.entries import Entry
from labctl.live.dashboard import places

PAGE: Final = 100
"""Runs on one page (our choice)."""


def page(folder: Path, words: str, where: str, number: int) -> dict[str, Any]:
    """One page of the runs below a folder, from 1 on; RequestError where the condition cannot be asked.

    Every word must stand somewhere in what the list shows of a run, its notes included, in whatever case.
    """
    listed = catalogue.listing(folder, catalogue.Wanted(where=where.strip() or None))
    entries = [_kept_in(folder, entry) for entry in listed]
    wanted = words.casefold().split()
    found = [entry for entry in reversed(entries) if _has(entry, wanted)]
    found.sort(key=lambda entry: entry.status != "running")
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(number, 1), pages)
    return {
        "runs": [_run(folder, entry) for entry in found[(number - 1) * PAGE : number * PAGE]],
        "total": len(found),
        "page": number,
        "pages": pages,
        "broken": sum(entry.status in {"broken", "foreign"} for entry in found),
    }


def _kept_in(folder: Path, entry: Entry) -> Entry:
    """The entry of a run; nothing of what a link that leads out of the folder points at."""
    if os.path.islink(entry.path) and not places.is_inside(folder, Path(entry.path)):
        return Entry(path=entry.path, status="broken", reason="a link that leads out of this folder")
    return entry


def _has(entry: Entry, words: list[str]) -> bool:
    if not words:
        return True
    noted = [*entry.remarks.tags, *(note.text for note in entry.remarks.notes)]
    title = str(entry.named().get("title", ("",))[0])
    known = (entry.path, entry.protocol, entry.sample, entry.status, entry.reason, entry.headline, title)
    text = "\n".join((*known, *noted)).casefold()
    return all(word in text for word in words)


def _run(folder: Path, entry: Entry) -> dict[str, Any]:
    named = entry.named()
    return {
        "name": places.name_of(folder, entry.path),
        "is_run": bool(entry.uuid),
        "status": entry.status,
        "reason": entry.reason,
        "protocol": entry.protocol,
        "sample": entry.sample,
        "start": entry.start.isoformat(timespec="seconds") if entry.start else "",
        "duration": named.get("duration", (None,))[0],
        "rows": entry.rows,
        "headline": entry.headline,
        "tags": list(entry.remarks.tags),
        "note": entry.remarks.notes[-1].text if entry.remarks.notes else "",
    }
