"""What the catalogue keeps of a run: when, what, on which sample, how it ended, and every single number of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import notes
from labctl.errors import DataError

if TYPE_CHECKING:
    from labctl.glimpse import Glimpse
    from labctl.journal import Told
    from labctl.record import Quantity

HEADLINE = 2
"""Results that the list shows: the first that were found, in the order of the protocol (our choice)."""

_MAX_TEXT = 200
"""Signs of a text that is kept for conditions; a station file or a protocol's source is not (our choice)."""

_LATER: Final = re.compile(r"analysis_[1-9]\d{0,5}")

_ENTRY: Final = ("entry_identifier_uuid", "title", "end_time", "duration", "seed", "clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run, or a file that should have been one, in the catalogue.

    `status` is that of the run (running, complete, stopped, faulted, interrupted), "broken" where the file cannot
    be read, "foreign" where it is another program's HDF5 file; `reason` says why. `start` is None and `rows` 0
    where they are not known. `details` is JSON: name -> [value, SI unit, uncertainty, display unit, limit], with
    parameters.NAME, results.NAME, sample.NAME, batch.NAME and what is known of the run as a whole.
    """

    path: str
    status: str
    reason: str = ""
    uuid: str = ""
    protocol: str = ""
    sample: str = ""
    start: datetime | None = None
    rows: int = 0
    headline: str = ""
    details: str = "{}"
    remarks: notes.Remarks = notes.NONE
    _parsed: dict[str, Sequence[Any]] = field(default_factory=dict[str, "Sequence[Any]"], compare=False)

    def named(self) -> Mapping[str, Sequence[Any]]:
        """The details by name."""
        if not self._parsed:
            self._parsed.update(json.loads(self.details))
        return self._parsed

    def names(self) -> Iterable[str]:
        """Every name that a condition may use of this run."""
        yield from ("start", "rows", "status", "reason", "protocol", "sample", "file", "uuid", "tag")
        for name in self.named():
            yield name.removeprefix("parameters.")

    def value(self, name: str) -> tuple[Any, str | None]:
        """A value by its name, with its SI unit; None where the run does not have it."""
        match name:
            case "start":
                return self.start, None
            case "rows":
                return self.rows, "1"
            case "status" | "reason" | "protocol" | "sample" | "uuid":
                return getattr(self, name), None
            case "file":
                return self.path, None
            case "tag":
                return frozenset(self.remarks.tags), None
            case _:
                known = self.named()
                kept = known.get(name) or known.get(f"parameters.{name}") or (None, None)
                value = datetime.fromisoformat(kept[0]) if name == "end" and kept[0] else kept[0]
                return value, kept[1]

    def noted(self, remarks: Mapping[str, notes.Remarks]) -> Entry:
        """This entry with what people noted on its run."""
        return replace(self, remarks=remarks[self.uuid]) if self.uuid in remarks else self


def read(path: str) -> Entry:
    """Look a run up in its file; what is wrong with the file becomes the entry's reason."""
    from labctl import nexus
    from labctl.glimpse import glimpsed

    try:
        with glimpsed(Path(path)) as file:
            version = file.attribute("/", "labctl_format")
            if version is None:
                return Entry(path=path, status="foreign", reason="another program's HDF5 file")
            if version > nexus.FORMAT:
                return Entry(path=path, status="broken", reason=f"format {version}: update labctl")
            return _entry(path, file)
    except DataError as error:
        return Entry(path=path, status="broken", reason=str(error).removeprefix(f"{path} "))


def _entry(path: str, file: Glimpse) -> Entry:
    whole = {name: file.value(f"entry/{name}") for name in _ENTRY}
    results = _numbers(
        file, f"entry/{_newest_analysis(file)}", "units", "uncertainty", "display_units", "limit"
    )
    sample = _numbers(file, "entry/sample", "units")
    details = {
        "end": (whole["end_time"], None),
        "duration": (float(whole["duration"]), "s"),
        "seed": (whole["seed"], "1"),
        "title": (whole["title"], None),
        "clock": (whole["clock"], None),
        "version": (file.attribute("entry/program_name", "version"), None),
        "station": (file.value("entry/station/name") if file.has("entry/station/name") else "", None),
        **_under("parameters", _numbers(file, "entry/protocol/parameters", "units")),
        **_under("results", {name: kept for name, kept in results.items() if kept[2] is not None}),
        **_under("sample", sample),
        **_under("batch", _numbers(file, "entry/batch", "units")),
    }
    return Entry(
        path=path,
        status=str(file.value("entry/status")),
        reason=str(file.attribute("entry/status", "reason", "")),
        uuid=str(whole["entry_identifier_uuid"]),
        protocol=str(file.value("entry/protocol/name")),
        sample=str(sample.get("name", ("",))[0]),
        start=datetime.fromisoformat(file.value("entry/start_time")).astimezone(),
        rows=file.length(f"entry/data/{file.attribute('entry/data', 'signal')}"),
        headline=headline(details),
        details=json.dumps(details),
    )


def read_journal(path: str) -> Entry:
    """Look up a run that has no file yet in its journal, under the name that its file will have.

    It is "running" while somebody writes the journal; else it is as its journal says, "interrupted" where that
    does not say how the run ended. What is wrong with the journal becomes the entry's reason.
    """
    from labctl import journal

    source = Path(path)
    try:
        with journal.opened(source) as descriptor:
            running = journal.is_locked(descriptor)
            return _entry_of_journal(path, journal.read(source, descriptor), running)
    except DataError as error:
        return Entry(path=path, status="broken", reason=str(error).removeprefix(f"{path} "))
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        return Entry(path=path, status="broken", reason=f"a journal that says nothing sensible: {error}")


def _entry_of_journal(path: str, told: Told, running: bool) -> Entry:
    header = told.header
    details = {
        "duration": (told.time, "s"),
        "seed": (header.seed, "1"),
        "title": (header.title, None),
        "clock": (header.clock, None),
        "version": (header.program_version, None),
        "station": (header.station["name"].value if "name" in header.station else "", None),
        **_under("parameters", _kept(header.parameters)),
        **_under("sample", _kept(header.sample)),
        **_under("batch", _kept(header.batch)),
    }
    ended = told.end.status if told.end else "interrupted"
    return Entry(
        path=path.removesuffix(".journal"),
        status="running" if running else ended,
        reason=f"process {told.pid} is measuring" if running else "its file is not made yet: labctl recover",
        uuid=header.uuid,
        protocol=header.protocol,
        sample=str(header.sample["name"].value) if "name" in header.sample else "",
        start=header.start_time.astimezone(),
        rows=told.rows,
        details=json.dumps(details),
    )


def _kept(values: Mapping[str, Quantity]) -> dict[str, tuple[Any, ...]]:
    return {
        name: (value[:_MAX_TEXT] if isinstance(value, str | list) else value, unit)
        for name, (value, unit, _help) in values.items()
    }


def _newest_analysis(file: Glimpse) -> str:
    """The group of the analysis that was made last: analysis, then analysis_2, analysis_3 ..."""
    later = [name for name in file.names("entry") if _LATER.fullmatch(name)]
    return max(later, key=lambda name: int(name.rpartition("_")[2]), default="analysis")


def _numbers(file: Glimpse, path: str, *attributes: str) -> dict[str, tuple[Any, ...]]:
    """The values of a group with some attributes; a long text or list gives way to its first signs or values."""
    values = file.values(path, *attributes)
    return {
        name: (value[:_MAX_TEXT] if isinstance(value, str | list) else value, *rest)
        for name, (value, *rest) in values.items()
    }


def _under(prefix: str, values: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def headline(details: Mapping[str, Sequence[Any]]) -> str:
    """The first results that were found, in their display units with their uncertainties, as one line."""
    from labctl import tell
    from protocols.vocabulary import Result

    texts: list[str] = []
    for name, kept in details.items():
        if name.startswith("results.") and len(texts) < HEADLINE and kept[0] == kept[0]:
            value, unit, uncertainty, display, limit = kept
            result = Result(value, uncertainty, unit, "", display, limit or "")
            texts.append(f"{name.removeprefix('results.')} {tell.result_text(result)}")
    return ", ".join(texts)
