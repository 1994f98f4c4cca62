"""What a report says of one run, in words and numbers as people read them; the same for every format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labctl import registry, tell
from labctl.errors import RequestError
from labctl.figures.notation import unit_sign
from labctl.names import printable
from labctl.record import Quantity
from labctl.request import quantities
from protocols.vocabulary import MeasurementProtocol

if TYPE_CHECKING:
    from labctl.notes import Remarks
    from labctl.record import Event, Instrument
    from labctl.runfile import Run
    from protocols.vocabulary import Method

MAX_LINES: Final = 120
"""Lines of a run's log that a report has, warnings before the rest (our choice); the file has them all."""

#: Parts of a run's card that are files themselves, and stay in the run.
_WHOLE_FILES: Final = {"sample_file", "station_file"}


#: A number as `tell` writes it: a limit's sign, digits with an uncertainty and a power of ten, the unit.
_NUMBER: Final = re.compile(r"(?:([<>]=) )?(\(?-?\d[^A-Za-z%]*?(?:e[+-]?\d+)?) ([A-Za-z%].*)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as it was, its default ("" where that is not known), and whether the two differ."""

    name: str
    value: str
    default: str
    meaning: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Device:
    """An instrument: its role, who answered, where, by which driver; settings that changed, and the others."""

    role: str
    identity: str
    resource: str
    driver: str
    changed: Sequence[tuple[str, str, str]]
    kept: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at; `holds` is None where it could not be."""

    what: str
    found: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Section:
    """All that a report says of one run but its pictures; texts are printable, numbers in the units people use."""

    title: str
    caption: str
    status: str
    reason: str
    facts: Sequence[tuple[str, str]]
    results: Sequence[tuple[str, str, str]]
    analysis: str
    warnings: Sequence[str]
    parameters: Sequence[Parameter]
    sample: Sequence[tuple[str, str, str]]
    devices: Sequence[Device]
    checks: Sequence[Check]
    notes: Sequence[tuple[str, str]]
    log: Sequence[tuple[str, str, str]]
    log_left_out: int


def section(run: Run, remarks: Remarks, sha256: str) -> Section:
    """Say all of a run; `sha256` is that of its file, "" where the run still goes on and has none."""
    method = _method(run)
    lines = _log(run.log)
    return Section(
        title=printable(run.title),
        caption=printable(run.caption),
        status=printable(run.status),
        reason=printable(run.reason),
        facts=[(name, printable(text)) for name, text in _facts(run, remarks, sha256).items()],
        results=[_cells(row) for row in tell.result_rows(run.results)],
        analysis=printable(run.analysis_version),
        warnings=[printable(text) for text in run.warnings],
        parameters=list(_parameters(run, method)),
        sample=list(_card(run.sample)),
        devices=[_device(role, instrument) for role, instrument in run.instruments.items()],
        checks=list(_checks(run, method, sha256)),
        notes=[
            (
                f"{note.time.isoformat(timespec='minutes')}, {printable(note.by)}",
                printable(note.text, keep="\n"),
            )
            for note in remarks.notes
        ],
        log=lines[:MAX_LINES],
        log_left_out=max(len(lines) - MAX_LINES, 0),
    )


def as_printed(value: str) -> str:
    """Return a number with its unit as it is printed, with Ω, μ and ≤; any other text as it can be shown."""
    text = printable(value)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    sign, number, unit = match.groups()
    return f"{ {'<=': '≤ ', '>=': '≥ '}.get(sign, '') }{number} {unit_sign(unit)}"


def _method(run: Run) -> Method | None:
    try:
        return registry.load_method(run.protocol)
    except RequestError:
        return None


def _cells(row: tuple[str, str, str]) -> tuple[str, str, str]:
    name, value, meaning = row
    return printable(name), as_printed(value), printable(meaning)


def _facts(run: Run, remarks: Remarks, sha256: str) -> dict[str, str]:
    station = str(run.station["name"].value) if "name" in run.station else "unknown"
    bench = "simulated" if run.simulation is not None else "real instruments"
    facts = {
        "protocol": f"{run.protocol}, version {run.protocol_version}",
        "sample": run.sample_name,
        "station": f"{station} ({bench})" if run.instruments else "none: computed from other runs",
        "started": run.start_time.isoformat(sep=" ", timespec="seconds"),
        "ended": run.end_time.isoformat(sep=" ", timespec="seconds"),
        "took": f"{tell.duration_text(run.duration)} on the {run.clock} clock",
        "rows": str(run.rows),
        "seed": str(run.seed),
        "program": f"labctl {run.program_version}",
        **tell.batch_facts(run.batch),
        "tags": ", ".join(remarks.tags),
        "run": run.uuid,
        "file": run.path.name,
        "SHA-256": sha256,
        "wire": tell.wire_text(run.wire),
    }
    if run.status == "running":
        del facts["ended"]
    return {name: text for name, text in facts.items() if text}


def _parameters(run: Run, method: Method | None) -> Iterator[Parameter]:
    """In the order of the file; a default is that of the installed protocol, where it has the parameter."""
    defaults = _defaults(method)
    for name, value in run.parameters.items():
        text = as_printed(tell.shown(value))
        default = as_printed(tell.shown(defaults[name])) if name in defaults else ""
        changed = name in defaults and _plain(defaults[name].value) != _plain(value.value)
        yield Parameter(printable(name), text, default, printable(value.help), changed)


def _defaults(method: Method | None) -> Mapping[str, Quantity]:
    if method is None:
        return {}
    try:
        return quantities(method.parameters())
    except ValueError:  # a parameter that must be given has no default, and neither has a set without it
        return {}


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _card(values: Mapping[str, Quantity]) -> Iterator[tuple[str, str, str]]:
    for name, value in values.items():
        if name not in _WHOLE_FILES and value.value not in ("", None):
            yield _cells((name, tell.shown(value), value.help))


def _device(role: str, instrument: Instrument) -> Device:
    before, after = instrument.settings_before, instrument.settings_after
    changed = [
        (name, _setting(before.get(name)), _setting(after[name]))
        for name in after
        if name in before and _setting(before[name]) != _setting(after[name])
    ]
    named = {name for name, _, _ in changed}
    kept = [f"{name} {_setting(value)}" for name, value in {**before, **after}.items() if name not in named]
    return Device(
        printable(role),
        printable(instrument.identity),
        printable(instrument.resource),
        printable(instrument.driver),
        [_cells(row) for row in changed],
        printable(", ".join(kept)),
    )


def _setting(value: Quantity | None) -> str:
    if value is None or value.value is None:
        return "unknown"
    if isinstance(value.value, bool):
        return "on" if value.value else "off"
    return tell.shown(value)


def _checks(run: Run, method: Method | None, sha256: str) -> Iterator[Check]:
    if sha256:
        yield Check("file", "all data have the SHA-256 that the run left in its manifest", True)
    else:
        yield Check("file", "the run still goes on: these are its rows so far", None)
    yield _rows(run, method)
    parked = [event.text.removeprefix("parking, ") for event in run.log if event.text.startswith("parking, ")]
    if parked:
        odd = [text for text in parked if not text.endswith(": confirmed")]
        found = "; ".join(odd) or f"confirmed: {', '.join(text.partition(':')[0] for text in parked)}"
        yield Check("parking", printable(found), not odd)
    repeats = {
        role: int(instrument.settings_after["repeats"].value)
        for role, instrument in run.instruments.items()
        if "repeats" in instrument.settings_after
    }
    if repeats:
        told = ", ".join(f"{role} {count}" for role, count in repeats.items() if count)
        yield Check("messages repeated", printable(told or "none"), not told)
    skipped = sum(event.level == "skipped" for event in run.log)
    paused = sum(event.text.startswith("paused: ") for event in run.log)
    if run.instruments:
        found = f"{skipped} rows skipped, {paused} pauses" if skipped or paused else "none tripped"
        yield Check("interlocks", found, not (skipped or paused))
    warnings = len(run.warnings) + sum(event.level not in {"info", "skipped"} for event in run.log)
    yield Check("warnings", str(warnings) if warnings else "none", not warnings)


def _rows(run: Run, method: Method | None) -> Check:
    """Whether all rows are there that were asked for."""
    if isinstance(method, MeasurementProtocol):
        try:
            p = method.parameters(**{name: value.value for name, value in run.parameters.items()})
            planned = method.n_rows(p)
        except (ValueError, TypeError, LookupError, ArithmeticError):  # of another version of the protocol
            planned = None
        if planned is not None:
            return Check("rows", f"{run.rows} of {planned}", run.rows == planned)
    return Check("rows", str(run.rows), None)


def _log(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """Warnings first, then the rest, both in the order of time."""
    ordered = sorted(events, key=lambda event: event.level == "info")
    return [(f"{event.time:.2f} s", printable(event.level), printable(event.text)) for event in ordered]
