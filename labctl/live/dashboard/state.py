"""The station's state: which runs go on and with what, their limits and interlocks, and what was read last."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import config, limits, running, tell
from labctl.errors import LabctlError
from labctl.live.dashboard import events, facts, places

if TYPE_CHECKING:
    from labctl.config import InterlockSection, Station
    from labctl.live.dashboard.following import Followed
    from labctl.running import Running

_TROUBLE: Final = {"warning", "error", "skipped"}
_LINES: Final = 8  # of trouble that are shown (our choice)


def runs(folder: Path) -> list[dict[str, Any]]:
    """Every run of this user that goes on, or died without a word; those below the folder have a name here."""
    return [_run(folder, entry) for entry in running.entries()]


def stations() -> list[dict[str, Any]]:
    """The stations that are known by name, with what their files say."""
    found: list[dict[str, Any]] = []
    for name, where in tell.stations().items():
        try:
            the_station, _ = config.load_station(name)
            found.append({"name": name, "where": where, "error": "", **_described(the_station)})
        except LabctlError as error:
            found.append({"name": name, "where": where, "error": str(error)})
    return found


def readings(followed: Followed) -> dict[str, Any]:
    """What a run that is followed read last, how far it is, and what has gone wrong lately."""
    trouble = [event for event in followed.follower.events if event.level in _TROUBLE]
    return {
        "last": events.last_row(followed),
        "progress": followed.progress(),
        "trouble": facts.log_lines(trouble[-_LINES:]),
    }


def _run(folder: Path, entry: Running) -> dict[str, Any]:
    name = ""
    with suppress(LabctlError, ValueError):
        name = places.name_of(Path(os.path.realpath(folder)), os.path.realpath(entry.target))
        places.inside(folder, name)
    told: dict[str, Any] = {
        "name": name,
        "title": entry.title,
        "target": entry.target,
        "pid": entry.pid,
        "guard": entry.guard,
        "is_alive": entry.is_alive,
        "is_parking": entry.is_parking,
        "station": "",
    }
    with suppress(LabctlError):
        the_station = config.read_station(entry.station, entry.target)
        told |= {"station": the_station.name, **_described(the_station)}
    return told


def _described(the_station: Station) -> dict[str, Any]:
    """Instruments, magnets, limits and interlocks of a station in words."""
    lines = tell.station_lines(the_station)
    return {
        "lines": [(name, text) for name, text in lines.items() if not name.startswith("limits.")],
        "limits": list(limits.told(the_station.limits)),
        "interlocks": [_interlock(section) for section in the_station.interlock],
    }


def _interlock(section: InterlockSection) -> tuple[str, str]:
    return (section.when or str(section.watch), section.action)
