"""What the page of one run tells, as plain data: what was done to which sample, with what, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import notes, registry, tell
from labctl.errors import RequestError
from labctl.live.dashboard import curves, places, stopping

if TYPE_CHECKING:
    from labctl.record import Event, Instrument, Quantity, WireLine
    from labctl.runfile import Run
    from protocols.vocabulary import Column

LINES: Final = 200
"""Lines of the wire on one page (our choice)."""

_LOG: Final = 500  # lines of the log that the page shows, the last ones (our choice)
_COMMON: Final = {"T": "Oe", "A": "mA"}  # units that people use where a protocol does not say
_LONG: Final = 300  # signs of a text that a table shows (our choice)


def source_of(run: Run, label: str = "") -> curves.Source:
    """A stored run as what is drawn of it."""
    return curves.Source(label or run.title, _in_use(run), run.columns, run.signal, run.axis)


def _in_use(run: Run) -> list[Column]:
    """The columns with the units that people use, which are the protocol's to know: a file has SI only."""
    try:
        known = {column.name: column for column in registry.load_method(run.protocol).columns}
    except RequestError:  # it is not installed here
        known = {}
    return [
        replace(column, display=known[column.name].display)
        if column.name in known and known[column.name].unit == column.unit
        else replace(column, display=_COMMON.get(column.unit, column.display))
        for column in run.described
    ]


def of(folder: Path, run: Run) -> dict[str, Any]:
    """Everything that the page of a run shows, but its curves and its wire."""
    remarks = notes.read(run.path.parent).get(run.uuid, notes.NONE)
    return {
        "name": places.name_of(folder, str(run.path)),
        "title": run.title,
        "status": run.status,
        "reason": run.reason,
        "can_be_stopped": run.status == "running" or stopping.going_on(run.path) is not None,
        "protocol": run.protocol,
        "sample": run.sample_name,
        "rows": run.rows,
        "facts": _facts(run),
        "results": tell.result_rows(run.results),
        "warnings": list(run.warnings),
        "parameters": _rows(run.parameters),
        "sample_facts": _rows(run.sample),
        "simulation": _rows(run.simulation or {}),
        "instruments": [_instrument(role, one) for role, one in run.instruments.items()],
        "log": log_lines(run.log[-_LOG:]),
        "log_total": len(run.log),
        "wire": {"lines": run.wire.lines, "kilobytes": run.wire.stored / 1e3},
        "tags": list(remarks.tags),
        "notes": [[f"{note.time.astimezone():%Y-%m-%d %H:%M}", note.by, note.text] for note in remarks.notes],
        "axes": curves.axes([source_of(run)]),
        "pictures": _pictures(run),
    }


def log_lines(events: Sequence[Event]) -> list[list[str]]:
    """Lines of a log: time on the station's clock, level, text."""
    return [[f"{event.time:.2f} s", event.level, event.text] for event in events]


def wire_page(lines: Sequence[WireLine], instrument: str, text: str, page: int) -> dict[str, Any]:
    """One page, from 1 on, of the lines to and from one instrument, or all, that have a text in them."""
    wanted = text.casefold()
    found = [
        line
        for line in lines
        if (not instrument or line.instrument == instrument) and wanted in line.text.casefold()
    ]
    pages = max(1, -(-len(found) // LINES))
    page = min(max(page, 1), pages)
    return {
        "instruments": sorted({line.instrument for line in lines}),
        "lines": [
            [f"{line.time:.4f}", line.instrument, line.direction, line.text]
            for line in found[(page - 1) * LINES : page * LINES]
        ],
        "total": len(found),
        "page": page,
        "pages": pages,
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    simulated = "on the simulated bench" if run.simulation is not None else "with instruments"
    known = [
        ("protocol", f"{run.protocol} {run.protocol_version}: {run.caption}"),
        ("sample", run.sample_name),
        ("started", run.start_time.astimezone().isoformat(sep=" ", timespec="seconds")),
        *([] if run.status == "running" else _ended(run)),
        ("measured", simulated),
        ("station", str(run.station["name"].value) if "name" in run.station else ""),
        ("seed", str(run.seed)),
        ("labctl", run.program_version),
        ("analysis", run.analysis_version),
        ("uuid", run.uuid),
        *((f"batch {name}", str(value.value)) for name, value in run.batch.items() if name != "batch_file"),
    ]
    return [(name, text) for name, text in known if text]


def _ended(run: Run) -> list[tuple[str, str]]:
    return [
        ("duration", f"{tell.duration_text(run.duration)} ({run.clock} clock)"),
        ("rows", str(run.rows)),
    ]


def _rows(values: Mapping[str, Quantity]) -> list[tuple[str, str, str]]:
    return [(name, _text(value), value.help) for name, value in values.items()]


def _text(value: Quantity) -> str:
    text = tell.shown(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} signs)"


def _instrument(role: str, one: Instrument) -> dict[str, Any]:
    before, after = one.settings_before, one.settings_after
    settings: list[tuple[str, str, str, bool]] = []
    for name in {**before, **after}:
        texts = [_text(each[name]) if name in each else "" for each in (before, after)]
        settings.append((name, texts[0], texts[1], bool(after) and texts[0] != texts[1]))
    return {
        "role": role,
        "identity": one.identity,
        "resource": one.resource,
        "driver": one.driver,
        "settings": settings,
    }


def _pictures(run: Run) -> list[str]:
    """Names of the pictures that the protocol draws; the first has none."""
    if not run.rows or run.status == "running":
        return []
    try:
        return ["", *registry.load_method(run.protocol).more_pictures]
    except RequestError:  # a protocol that is not installed here: its rows are drawn as plain curves
        return [""]
