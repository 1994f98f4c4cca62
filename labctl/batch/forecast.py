"""How long a batch will take: runs of it are rehearsed on the simulated bench, the others go by their rows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from labctl import engine
from labctl.errors import FaultError
from labctl.station import InstrumentError
from labctl.workers import workers
from protocols.vocabulary import MeasurementError

if TYPE_CHECKING:
    from labctl.batch.plan import Plan, PlannedRun

_FEW = 4
"""As many rehearsals are often over before other processes have started (our choice)."""

_UNKNOWN = 1.0
"""Seconds per row where every rehearsal ended early (our choice); `basis` says so."""


def forecast(plan: Plan, *, all_runs: bool, advance: Callable[[int], None] = lambda _done: None) -> Plan:
    """Return the plan with the duration (s) of each run on the station's clock, as its rehearsal has it.

    The first and the last run of each table of the batch file are rehearsed, every run with `all_runs`; equal ones
    once. The others get the seconds per row of those of their table. A rehearsal that ended early is told in
    `failures`. `advance` is told how many are done.
    """
    alike: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        alike.setdefault(_request(run), []).append(run)
    ends = {entry: (runs[0], runs[-1]) for entry, runs in _by_entry(plan).items()}
    chosen = [runs for runs in alike.values() if all_runs or any(run in ends[run.entry] for run in runs)]
    durations: dict[int, float] = {}
    failures: dict[int, str] = {}
    jobs = 1 if len(chosen) <= _FEW else min(len(chosen), os.cpu_count() or 1)
    with workers(jobs) as pool:
        under_way = {pool.submit(_rehearsed, plan, runs[0]): runs for runs in chosen}
        for done, finished in enumerate(as_completed(under_way), start=1):
            runs, found = under_way[finished], finished.result()
            if isinstance(found, str):
                failures[runs[0].number] = found
            else:
                durations |= {run.number: found for run in runs}
            advance(done)
    per_row = {
        entry: fmean(
            [durations[run.number] / run.rows for run in runs if run.number in durations] or [_UNKNOWN]
        )
        for entry, runs in _by_entry(plan).items()
    }
    return replace(
        plan,
        durations=[durations.get(run.number, per_row[run.entry] * run.rows) for run in plan.runs],
        rehearsed=sorted(durations),
        failures=failures,
    )


def basis(plan: Plan) -> str:
    """What the durations of a plan are based on, in words."""
    n_runs, n_rehearsed = len(plan.runs), len(plan.rehearsed)
    if n_rehearsed == n_runs:
        return "every run was rehearsed on the simulated bench, or one with the same request"
    unknown = f", {_UNKNOWN:g} s a row where no rehearsal came to its end" if plan.failures else ""
    others = f"the others go by their rows{unknown}"
    return f"{n_rehearsed} of {n_runs} runs were rehearsed on the simulated bench, {others}"


def _by_entry(plan: Plan) -> dict[str, list[PlannedRun]]:
    entries: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        entries.setdefault(run.entry, []).append(run)
    return entries


def _request(run: PlannedRun) -> str:
    """What a run's duration depends on; results of other runs do not count."""
    return json.dumps([run.protocol, run.parameters, sorted(run.references), run.station, run.sample])


def _rehearsed(plan: Plan, run: PlannedRun) -> float | str:
    """The duration (s) of a run on the bench, or why it ended early: the model need not be the real sample."""
    try:
        return engine.rehearse(plan.rehearsal(run)).duration
    except (InstrumentError, MeasurementError, FaultError) as error:
        return str(error)
