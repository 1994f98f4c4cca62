"""`labctl replay`: a stored run once more, on its own recorded wire or beside the simulated bench."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from labctl import config, engine, figures, runfile, safety, stopping, tables, tell
from labctl.admission import Replayed
from labctl.again import request_of
from labctl.analyse import analysed
from labctl.errors import ClaimError, DataError, LabctlError
from labctl.limits import Demand
from labctl.record import Recording

if TYPE_CHECKING:
    from labctl.bench import Tape
    from labctl.engine import Operator, Outcome, Request
    from labctl.runfile import Run
    from labctl.station import OpenStation, WireLog
    from protocols.vocabulary import Lab, ParameterSet, Result, Row


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a replay on the recorded wire compares with the run: the first difference, or none."""

    difference: str
    rows: int
    lines: int


def again(path: Path, mode: Literal["strict", "by-query"], as_json: bool) -> None:
    """Run a stored run again on its own recorded wire; ClaimError where one row is not identical, bit for bit."""
    with stopping.stops_at_once() as stop:
        verdict = _replayed(runfile.read_run(path), mode, stop)
    if as_json:
        tables.as_json(
            {
                "file": path,
                "mode": mode,
                "identical": not verdict.difference,
                "difference": verdict.difference,
                "rows": verdict.rows,
                "lines": verdict.lines,
            }
        )
    if verdict.difference:
        raise ClaimError(f"{path} is not what a replay of its own wire gives: {verdict.difference}")
    tables.say(f"{path}: {verdict.rows} rows from {verdict.lines} lines of the wire, identical bit for bit")


def beside(path: Path, as_json: bool, *, sample: str | None, seed: int | None, output: Path | None) -> None:
    """Run the same protocol and parameters on the simulated bench; curves and numbers side by side."""
    run = runfile.read_run(path)
    request = request_of(run)
    if sample is not None:
        the_sample, text = config.load_sample(sample)
        request = replace(request, sample=the_sample, texts={**request.texts, "sample": text})
    if seed is not None:
        request = replace(request, seed=seed)
    safety.check_envelope(request.protocol.envelope(request.parameters), request.station, request.sample)
    target = output or path.with_name(f"{path.stem}_beside.png")
    figures.check_format(target)
    with stopping.stops_at_once():
        rehearsed = engine.rehearse(request)
    recorded = analysed(run).analysis
    pictures = [
        figures.Picture(request.protocol, run.columns, recorded, "recorded"),
        figures.Picture(request.protocol, rehearsed.data, rehearsed.analysis, "simulated"),
    ]
    figure = figures.save(pictures, figures.free_name(target))
    compared = _compared(recorded.results, rehearsed.analysis.results)
    if as_json:
        tables.as_json({"file": path, "figure": figure, "sample": request.sample.name, "results": compared})
    tables.say(f"{path} beside {request.sample.name} on the simulated bench, seed {request.seed}")
    tables.table(_rows(recorded.results, rehearsed.analysis.results, compared), _HEAD, err=True)
    tables.say(f"figure  {figure}")


_HEAD = ("result", "recorded", "simulated", "difference in units of its uncertainty")


def _replayed(run: Run, mode: Literal["strict", "by-query"], stop: stopping.StopRequests) -> Verdict:
    recording = Recording(runfile.read_wire(run.path), runfile.read_clock(run.path), mode)
    if not recording.lines:
        raise DataError(
            f"{run.path} must hold the lines of its wire; it was run with --no-wire. Nothing was replayed."
        )
    request = request_of(run)
    whole = request.protocol.measure

    def measure(lab: Lab, p: ParameterSet) -> Iterator[Row]:
        rows = whole(lab, p)
        if run.status not in {"stopped", "interrupted"}:
            return rows
        return chain(islice(rows, run.rows), reached_the_end())

    def reached_the_end() -> Iterator[Row]:
        found.append(tapes[0].difference)
        yield from ()

    tapes: list[Tape] = []
    found: list[str] = []

    @contextmanager
    def opened(request: Request, _log: WireLog | None, _operator: Operator) -> Generator[OpenStation]:
        from labctl import station

        with station.replaying(request, recording, stop) as (lab, tape):
            tapes.append(tape)
            yield lab

    failure = ""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "replay.h5"
        try:
            outcome = engine.run(
                replace(request, protocol=replace(request.protocol, measure=measure), target=target),
                lambda _rows: None,
                lambda _task: None,
                opened,
                stops=lambda: nullcontext(stopping.StopRequests()),
                permit=Replayed(request, Demand()),
            )
        except LabctlError as error:
            outcome, failure = None, str(error)
    tape = tapes[0]
    was_broken_off = any(event.text.startswith(engine.BROKEN_OFF) for event in run.log)
    if (run.status == "interrupted" or was_broken_off) and found and outcome is not None:
        # Nothing in the recording tells how this one is parked after the last row, whole and on its own.
        return Verdict(found[0] or _difference(run, outcome.data, mode), run.rows, len(recording.lines))
    difference = tape.difference or failure
    if outcome is not None and not difference:
        difference = _ending(run, outcome) or _difference(run, outcome.data, mode)
        if not difference and mode == "strict" and tape.rest:
            line = tape.rest[0]
            difference = (
                f"{len(tape.rest)} lines were not said again, the first to {line.instrument}: {line.text!r}"
            )
    return Verdict(difference, run.rows, len(recording.lines))


def _ending(run: Run, outcome: Outcome) -> str:
    """Say where a run that ended at a fault did not end there again; one that was stopped has no end of its own."""
    kept, now = (one.reason if one.status == "faulted" else "" for one in (run, outcome))
    if kept == now:
        return ""
    ends = [f"at the fault {reason!r}" if reason else "well" for reason in (kept, now)]
    return f"it ended {ends[0]}, the replay {ends[1]}"


def _difference(run: Run, data: Any, mode: str) -> str:
    """Say where the rows are not identical, bit for bit; by query the times of the rows are not compared."""
    for column in run.described:
        if mode == "by-query" and column.unit == "s":
            continue
        if column.name not in data:
            return f"it has the column {column.name}, the replay has not"
        kept, now = run.columns[column.name], data[column.name]
        if len(kept) != len(now):
            return f"it has {len(kept)} rows, the replay {len(now)}"
        if kept.tobytes() != now.tobytes():
            row = next(
                row
                for row in range(len(kept))
                if kept[row : row + 1].tobytes() != now[row : row + 1].tobytes()
            )
            return f"row {row + 1} has {column.name} = {kept[row]!r}, the replay {now[row]!r}"
    return ""


def _compared(recorded: Any, simulated: Any) -> dict[str, dict[str, float]]:
    """Each result of both, their difference, and that in units of its standard uncertainty."""
    compared: dict[str, dict[str, float]] = {}
    for name, one in recorded.items():
        other: Result | None = simulated.get(name)
        if other is None:
            continue
        difference, u = other.value - one.value, math.hypot(one.uncertainty, other.uncertainty)
        compared[name] = {
            "recorded": one.value,
            "simulated": other.value,
            "difference": difference,
            "in_uncertainties": difference / u if u > 0 else (0.0 if difference == 0 else math.nan),
        }
    return compared


def _rows(
    recorded: Any, simulated: Any, compared: dict[str, dict[str, float]]
) -> list[tuple[str, str, str, str]]:
    left, right = (
        {name: text for name, text, _ in tell.result_rows(results)} for results in (recorded, simulated)
    )
    return [
        (
            name,
            left[name],
            right[name],
            f"{one['in_uncertainties']:+.1f}" if math.isfinite(one["in_uncertainties"]) else "",
        )
        for name, one in compared.items()
    ]
