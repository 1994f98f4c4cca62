"""What people and programs are told of protocols, stations, runs and rehearsals: tables and plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl import config, door, limits
from labctl.request import limits_of, unit_of
from labctl.safety import magnet_for
from labctl.tables import pairs, say, table

if TYPE_CHECKING:
    from labctl.classify import Classified
    from labctl.config import Station
    from labctl.engine import Outcome, Rehearsal
    from labctl.record import Quantity
    from labctl.runfile import Run, WireSize
    from protocols.vocabulary import Analysis, MeasurementProtocol, Result

_LONG = 12
"""A list with more values is not printed."""

# --- protocols ----------------------------------------------------------------------------------------


def description(protocol: MeasurementProtocol) -> dict[str, Any]:
    """A protocol's parameters, columns and roles as plain data (SI)."""
    parameters: dict[str, Any] = {}
    for name, field in protocol.parameters.model_fields.items():
        unit, display = unit_of(field)
        parameters[name] = {
            "unit": unit,
            "display": display,
            "default": field.default,
            "limits": limits_of(field),
            "help": field.description,
        }
    columns = {column.name: {"unit": column.unit, "help": column.help} for column in protocol.columns}
    return {
        "name": protocol.name,
        "version": protocol.version,
        "caption": protocol.caption,
        "roles": list(protocol.roles),
        "parameters": parameters,
        "columns": columns,
    }


def describe(protocol: MeasurementProtocol) -> None:
    """Print a protocol's method, parameters and columns."""
    click.echo(f"{protocol.name}, version {protocol.version}: {protocol.caption}\n\n{protocol.description}\n")
    rows: list[tuple[str, str, str, str]] = []
    for name, field in protocol.parameters.model_fields.items():
        unit, display = unit_of(field)
        default = _in_unit(field.default, unit, display)
        rows.append((name, default, limits_of(field), field.description or ""))
    table(rows, ("parameter", "default", "limits", "meaning"))
    click.echo()
    columns = [(column.name, column.unit, column.help) for column in protocol.columns]
    table(columns, ("column", "unit", "meaning"))


# --- runs ---------------------------------------------------------------------------------------------


def _in_unit(value: Any, unit: str, display: str) -> str:
    if isinstance(value, float):
        return door.show(value, unit, display)
    if isinstance(value, list | tuple):
        return ", ".join(_in_unit(part, unit, display) for part in value)
    return str(value)


def result_json(results: Mapping[str, Result]) -> dict[str, Any]:
    """Results as {"value", "uncertainty", "unit"} in SI, with "limit" and "note" where there is one."""
    plain: dict[str, Any] = {}
    for name, result in results.items():
        plain[name] = {"value": result.value, "uncertainty": result.uncertainty, "unit": result.unit}
        plain[name] |= {"limit": result.limit} if result.limit else {}
        plain[name] |= {"note": result.note} if result.note else {}
    return plain


def result_rows(results: Mapping[str, Result]) -> list[tuple[str, str, str]]:
    """Results as lines of a table: name, value with uncertainty in the display unit, meaning."""
    return [
        (name, result_text(result), f"{result.help}; {result.note}" if result.note else result.help)
        for name, result in results.items()
    ]


def result_text(result: Result) -> str:
    """A result in its display unit, with its uncertainty, or as the limit that it is."""
    if result.limit:
        sign = "<=" if result.limit == "upper" else ">="
        return f"{sign} {door.show(result.value, result.unit, result.display)}"
    return door.show_result(result.value, result.uncertainty, result.unit, result.display)


def outcome(finished: Outcome, figure: Path | None) -> dict[str, Any]:
    """The JSON object of a run."""
    analysis = finished.analysis
    return {
        "file": finished.path,
        "figure": figure,
        "status": finished.status,
        "reason": finished.reason,
        "protocol": finished.request.protocol.name,
        "sample": finished.request.sample.name,
        "seed": finished.request.seed,
        "rows": finished.rows,
        "wire": _wire_json(_wire_of(finished)),
        "results": result_json(analysis.results) if analysis else {},
        "warnings": list(analysis.warnings) if analysis else [],
    }


def summary(finished: Outcome, figure: Path | None) -> None:
    """Print on standard error how a run ended and what it found."""
    request = finished.request
    simulated = f", seed {request.seed}" if request.station.simulated else ""
    clock = "on the bench's clock" if request.station.simulated else "at the bench"
    say(
        f"{request.title}, station {request.station.name}{simulated}: {finished.status}, {finished.rows} rows, "
        f"{finished.elapsed:.0f} s {clock}"
    )
    _found(finished.analysis, finished.path, figure)
    say(f"wire    {wire_text(_wire_of(finished))}")


def _wire_of(finished: Outcome) -> WireSize:
    from labctl import runfile

    return runfile.wire_size(finished.path) if finished.path else runfile.NO_WIRE


def _wire_json(wire: WireSize) -> dict[str, int]:
    return {"lines": wire.lines, "stored_bytes": wire.stored}


def wire_text(wire: WireSize) -> str:
    """How much wire a file has kept, for people."""
    return f"{wire.lines} lines in {wire.stored / 1e3:.1f} kB" if wire.lines else "not kept"


def _found(analysis: Analysis | None, path: Path | None, figure: Path | None) -> None:
    if analysis is not None:
        table(result_rows(analysis.results), err=True)
        for warning in analysis.warnings:
            say(f"warning: {warning}")
    say(f"file    {path}")
    if figure is not None:
        say(f"figure  {figure}")


def classified(finished: Classified, figure: Path) -> dict[str, Any]:
    """The JSON object of a classification."""
    p = finished.task.parameters
    return {
        "file": finished.path,
        "figure": figure,
        "status": finished.status,
        "reason": finished.reason,
        "protocol": finished.task.method.name,
        "neurons": [neuron.run.path for neuron in finished.task.neurons],
        "seeds": list(range(p.first_seed, p.first_seed + p.n_seeds)),
        "epochs": p.epochs,
        "duration": {"value": finished.duration, "unit": "s"},
        "rows": finished.rows,
        "results": result_json(finished.analysis.results),
        "warnings": list(finished.analysis.warnings),
    }


def classification(finished: Classified, figure: Path) -> None:
    """Print on standard error how a classification ended and what it found."""
    task, p = finished.task, finished.task.parameters
    say(
        f"{task.title}, {p.n_train} + {p.n_test} images, {p.n_seeds} seeds from {p.first_seed}, {p.epochs} epochs: "
        f"{finished.status}, {duration_text(finished.duration)} in {task.jobs} process(es)"
    )
    _found(finished.analysis, finished.path, figure)


# --- rehearsals ---------------------------------------------------------------------------------------


def rehearsal(rehearsed: Rehearsal, figure: Path) -> dict[str, Any]:
    """The JSON object of a rehearsal."""
    seen = rehearsed.seen
    quantities = {
        "duration": (rehearsed.duration, "s"),
        "current": (seen.current, "A"),
        "energy": (seen.energy, "J"),
        "charge": (seen.charge, "C"),
        **{f"mu0_H_{axis}": (value, "T") for axis, value in zip("xyz", seen.mu0_H, strict=True)},
        "mu0_H_rate": (seen.mu0_H_rate, "T/s"),
    }
    return {
        "status": "rehearsed",
        "protocol": rehearsed.request.protocol.name,
        "sample": rehearsed.request.sample.name,
        "rows": rehearsed.rows,
        "pulses": seen.pulses,
        "sent": {name: value for name, value in asdict(rehearsed.demand).items() if name != "mu0_H"},
        "envelope": {name: {"value": value, "unit": unit} for name, (value, unit) in quantities.items()},
        "results": result_json(rehearsed.analysis.results),
        "figure": figure,
    }


def rehearsal_table(rehearsed: Rehearsal, figure: Path) -> None:
    """Print on standard error what a run would do, next to the limits it has to keep."""
    request, seen = rehearsed.request, rehearsed.seen
    station, sample = request.station, request.sample
    largest = limits.smallest("current", station, sample)
    limit = "" if largest is None else f"limit {door.show(largest, 'A', 'mA')}"
    rows = [
        ("duration", duration_text(rehearsed.duration), ""),
        ("rows", str(rehearsed.rows), ""),
        ("pulses", str(seen.pulses), ""),
        ("largest current", door.show(seen.current, "A", "mA"), limit),
        ("energy in the bar", f"{seen.energy:.3g} J", f"{seen.charge:.3g} C"),
    ]
    for axis, mu0_H in zip("xyz", seen.mu0_H, strict=True):
        if mu0_H:
            rows.append((f"largest mu0_H_{axis}", door.show(mu0_H, "T", "Oe"), _field_limit(rehearsed, axis)))
    rows.append(("fastest field", door.show(seen.mu0_H_rate, "T/s", "Oe/s"), ""))
    rows += limits.beside(
        rehearsed.demand, station, sample, ("J", "V", "t_pulse", "duty", "charge", "energy", "pulses")
    )
    say(f"{request.title}, rehearsed for station {station.name}: nothing was measured.")
    table(rows, err=True)
    say("predicted:")
    table(result_rows(rehearsed.analysis.results), err=True)
    say(f"figure  {figure}")


def _field_limit(rehearsed: Rehearsal, axis: str) -> str:
    role = f"magnet_{axis}"
    if role not in rehearsed.request.roles:
        return ""
    station = rehearsed.request.station
    return f"limit {door.show(station.magnets[magnet_for(station, role)].mu0_H_max, 'T', 'Oe')}"


def duration_text(seconds: float) -> str:
    """A duration for people, as 2 h 5 min, 3 min 20 s or 4.5 s."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


# --- stored runs --------------------------------------------------------------------------------------


def stored(run: Run) -> dict[str, Any]:
    """The JSON object of a stored run."""
    parameters = {name: {"value": value.value, "unit": value.unit} for name, value in run.parameters.items()}
    return {
        "file": run.path,
        "status": run.status,
        "reason": run.reason,
        "protocol": run.protocol,
        "sample": run.sample_name,
        "seed": run.seed,
        "start_time": run.start_time.isoformat(),
        "rows": run.rows,
        "wire": _wire_json(run.wire),
        "parameters": parameters,
        "results": result_json(run.results),
        "batch": {name: value.value for name, value in run.batch.items() if name != "batch_file"},
    }


def show(run: Run) -> None:
    """Print a stored run: what was done to which sample, and the results."""
    facts = {
        "file": str(run.path),
        "protocol": f"{run.protocol} {run.protocol_version}",
        "sample": run.sample_name,
        "started": run.start_time.isoformat(timespec="seconds"),
        "status": f"{run.status} {run.reason}".strip(),
        "rows": str(run.rows),
        "seed": str(run.seed),
        "wire": wire_text(run.wire),
        **batch_facts(run.batch),
    }
    pairs(facts)
    click.echo()
    rows = [(name, shown(value), value.help) for name, value in run.parameters.items()]
    table(rows, ("parameter", "value", "meaning"))
    click.echo()
    if run.results:
        table(result_rows(run.results), ("result", "value", "meaning"))


def batch_facts(batch: Mapping[str, Quantity]) -> dict[str, str]:
    """What the file says of the batch that a run belongs to, and of the run in whose place it was made."""
    value = {name: quantity.value for name, quantity in batch.items()}
    facts: dict[str, str] = {}
    if "uuid" in value:
        facts["batch"] = f"{value['name']}, run {value['run']} of {value['runs']}: {value['label']}"
    for name in ("repeats", "resumes"):
        if name in value:
            facts[name] = str(value[name])
    return facts


def shown(quantity: Quantity) -> str:
    """A stored value as text, in the unit that people use for its kind; a long list by its length."""
    if isinstance(quantity.value, list | tuple) and len(quantity.value) > _LONG:
        return f"{len(quantity.value)} values"
    if isinstance(quantity.value, list | tuple) and quantity.unit is not None:
        return ", ".join(shown(quantity._replace(value=value)) for value in quantity.value)
    if not isinstance(quantity.value, float) or quantity.unit is None:
        return str(quantity.value)
    display = {"T": "Oe", "A": "mA"}.get(quantity.unit)
    if quantity.unit in {"s", "V"} and 0 < abs(quantity.value) < 0.1:
        display = f"m{quantity.unit}"
    return door.show(quantity.value, quantity.unit, display)


# --- reproductions ------------------------------------------------------------------------------------


def reproduction(plain: Mapping[str, Any]) -> None:
    """Print on standard error which claims hold, which fail without their mechanism, and where the report is."""
    rows = [
        (
            claim["name"],
            "holds" if claim["holds"] else "DOES NOT HOLD",
            "HOLDS WITHOUT" if claim["falsifier"]["holds"] else "fails without",
            claim["falsifier"]["removed"],
        )
        for claim in plain["claims"]
    ]
    if rows:
        table(rows, ("claim", "", "", "the mechanism that was removed"), err=True)
    say(f"{len(plain['runs'])} runs ({plain['reused']} reused), {plain['seconds']:.0f} s")
    say(f"report  {plain['files']['report']}")


# --- stations -----------------------------------------------------------------------------------------


def stations() -> dict[str, str]:
    """The stations that can be given by name, with where they come from."""
    known = {name: "built in" for name in config.built_in("station") if name != "example"}
    folder = config.own_folder("station")
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
        known[path.stem] = str(path)
    return known


def station_lines(station: Station) -> dict[str, str]:
    """What a station file describes, a line for each instrument, magnet and limit."""
    lines = {"station": f"{station.name}, VISA {station.visa}, mains {station.line_frequency:g} Hz"}
    for name, section in station.instruments.items():
        lines[f"instruments.{name}"] = f"{section.driver} at {section.resource}"
    for name, magnet in station.magnets.items():
        where = magnet.axis or f"azimuth {door.show(magnet.azimuth or 0.0, 'rad', 'deg')}"
        probe = f", gaussmeter {magnet.gaussmeter}" if magnet.gaussmeter else ""
        lines[f"magnets.{name}"] = (
            f"{where}, supply {magnet.supply}{probe}, {door.show(magnet.field_per_current, 'T/A', 'Oe/A')}, "
            f"to {door.show(magnet.mu0_H_max, 'T', 'Oe')} at {door.show(magnet.slew, 'T/s', 'Oe/s')}"
        )
    joined = [what for what, there in station.cables.model_dump().items() if there]
    if joined:
        lines["cables"] = f"{' and '.join(joined)} between source and voltmeter"
    lines |= {f"limits.{name}": text for name, text in limits.told(station.limits)}
    return lines
