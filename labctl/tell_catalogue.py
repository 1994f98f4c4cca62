"""What people and programs are told of many runs at once: the list, what was noted, and how two runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from labctl import door, tables, tell
from labctl.names import printable

if TYPE_CHECKING:
    from labctl.differences import Change, Differences
    from labctl.entries import Entry
    from labctl.notes import Remarks

_HEAD: Final = ("started", "protocol", "sample", "status", "rows", "results", "tags, last note", "file")
_RESULTS: Final = _HEAD.index("results")

_NOTE = 40
"""Signs of the last note that the list shows (our choice)."""

_LINES = 6
"""Lines of a text that differ which are printed; more of them are only counted (our choice)."""

# --- the list -----------------------------------------------------------------------------------------


def runs(entries: Sequence[Entry]) -> dict[str, Any]:
    """The JSON object of a list of runs."""
    return {"runs": [_run(entry) for entry in entries]}


def _run(entry: Entry) -> dict[str, Any]:
    named = entry.named()
    return {
        "file": entry.path,
        "status": entry.status,
        "reason": entry.reason,
        "uuid": entry.uuid,
        "protocol": entry.protocol,
        "sample": entry.sample,
        "start_time": entry.start and entry.start.isoformat(),
        "rows": entry.rows,
        "parameters": _quantities(named, "parameters."),
        "results": {
            name: {
                "value": value,
                "uncertainty": uncertainty,
                "unit": unit,
                **({"limit": limit} if limit else {}),
            }
            for name, (value, unit, uncertainty, _display, limit) in _under("results.", named).items()
        },
        "batch": _quantities(named, "batch."),
        **remarks(entry.remarks),
    }


def _quantities(named: Mapping[str, Sequence[Any]], prefix: str) -> dict[str, Any]:
    return {name: {"value": kept[0], "unit": kept[1]} for name, kept in _under(prefix, named).items()}


def _under(prefix: str, named: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return {name.removeprefix(prefix): kept for name, kept in named.items() if name.startswith(prefix)}


def remarks(noted: Remarks) -> dict[str, Any]:
    """Tags and notes as plain data."""
    return {
        "tags": list(noted.tags),
        "notes": [{"time": note.time.isoformat(), "by": note.by, "text": note.text} for note in noted.notes],
    }


def list_runs(entries: Sequence[Entry]) -> None:
    """Print a list of runs, one line each, on standard output."""
    rows = [
        (
            f"{entry.start:%Y-%m-%d %H:%M}" if entry.start else "",
            entry.protocol,
            entry.sample,
            entry.status,
            str(entry.rows) if entry.uuid else "",
            entry.headline or entry.reason,
            _noted(entry.remarks),
            entry.path,
        )
        for entry in entries
    ]
    tables.lines(rows, _HEAD, _RESULTS)


def _noted(noted: Remarks) -> str:
    last = noted.notes[-1].text if noted.notes else ""
    note = f'"{last if len(last) <= _NOTE else last[: _NOTE - 1] + "…"}"' if last else ""
    return " ".join([*noted.tags, note]).strip()


def show_remarks(noted: Remarks) -> None:
    """Print tags and notes of a run on standard output; nothing where there are none."""
    if noted.tags or noted.notes:
        click.echo()
    if noted.tags:
        click.echo(f"tags      {' '.join(noted.tags)}")
    for note in noted.notes:
        by = f" {printable(note.by)}" if note.by else ""
        click.echo(f"note      {note.time.astimezone():%Y-%m-%d %H:%M}{by}: {printable(note.text)}")


# --- two runs -----------------------------------------------------------------------------------------


def differences(found: Differences) -> dict[str, Any]:
    """The JSON object of the differences of two runs: SI, and nothing where they are equal."""
    return {
        "files": [found.left.path, found.right.path],
        "equal": found.equal,
        **{
            section: {name: _change(change) for name, change in changes.items()}
            for section, changes in found.sections.items()
        },
        "results": {
            name: {
                "values": [result and tell.result_json({name: result})[name] for result in change.values],
                "difference": change.difference,
                "uncertainties": change.uncertainties,
            }
            for name, change in found.results.items()
        },
        "columns": {
            name: {"values": list(change.values), "rows_that_differ": change.rows}
            for name, change in found.columns.items()
        },
    }


def _change(change: Change) -> dict[str, Any]:
    if change.lines:
        return {"lines": list(change.lines)}
    return {"values": [value and {"value": value.value, "unit": value.unit} for value in change.values]}


def show_differences(found: Differences) -> None:
    """Print on standard output what is different between two runs."""
    if found.equal:
        click.echo("no difference")
        return
    rows: list[tuple[str, str, str, str]] = []
    for section, changes in found.sections.items():
        for name, change in changes.items():
            if change.lines:
                rows.append((f"{section} {name}", *_changed_lines(change.lines), ""))
            else:
                left, right = (tell.shown(value) if value else "-" for value in change.values)
                rows.append((f"{section} {name}", left, right, ""))
    for name, change in found.results.items():
        left, right = (tell.result_text(result) if result else "-" for result in change.values)
        rows.append((f"results {name}", left, right, _apart(change.uncertainties)))
    for name, change in found.columns.items():
        left, right = (_statistics(values, change.unit) for values in change.values)
        rows.append((f"columns {name}", left, right, "" if change.rows is None else f"{change.rows} rows"))
    tables.table(rows, ("", str(found.left.path), str(found.right.path), ""))


def _apart(uncertainties: float | None) -> str:
    return "" if uncertainties is None else f"{uncertainties:+.1f} u"


def _changed_lines(lines: Sequence[str]) -> tuple[str, str]:
    left = [line[1:] for line in lines if line.startswith("-")]
    right = [line[1:] for line in lines if line.startswith("+")]
    return _first(left), _first(right)


def _first(lines: Sequence[str]) -> str:
    return "\n".join(lines) if len(lines) <= _LINES else f"{len(lines)} lines (--json has them)"


def _statistics(values: Mapping[str, float] | None, unit: str) -> str:
    if values is None:
        return "-"
    return ", ".join(
        f"{name} {value:g}" if name == "rows" else f"{name} {door.show(value, unit)}"
        for name, value in values.items()
    )
