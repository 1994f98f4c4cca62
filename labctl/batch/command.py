"""The commands `labctl batch` and, for the folder of a batch, `labctl resume`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import person, tables
from labctl.batch import conduct, file, forecast, plan, tell
from labctl.errors import FaultError, RequestError

if TYPE_CHECKING:
    from labctl.batch.plan import Plan


def start(
    path: Path,
    *,
    station: str | None,
    output: Path,
    dry_run: bool,
    as_json: bool,
    live: bool,
    keep_going: bool,
) -> None:
    """Check and plan a batch, show the plan, and, unless it is a dry run, carry it out."""
    checked = plan.make(file.read(path, station))
    outline = plan.outline(checked)
    if outline.is_by_hand and not dry_run:
        _require_person()
    with tables.progress(len(checked.runs), "rehearsing", live) as advance:
        planned = forecast.forecast(checked, all_runs=dry_run, advance=advance)
    tell.show_plan(planned, outline)
    if dry_run:
        tables.say("Nothing was measured.")
        if as_json:
            tables.as_json(tell.plan_json(planned, outline))
        if planned.failures:
            numbers = ", ".join(map(str, planned.failures))
            raise FaultError(
                f"run {numbers} must come to its end in its rehearsal; it did not. Nothing was sent."
            )
        return
    folder = conduct.begin(planned, output, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    _carry_out(planned, folder, as_json, live, keep_going)


def go_on(folder: Path, *, as_json: bool, live: bool, keep_going: bool) -> None:
    """Carry out what is left of a batch: finished runs are skipped, others made again from their preparation."""
    planned = conduct.stored_plan(folder)
    tables.say(f"batch {planned.name}: {len(planned.runs)} runs; those that are complete are skipped")
    if plan.outline(planned).is_by_hand:
        _require_person()
    _carry_out(planned, folder, as_json, live, keep_going)


def _carry_out(planned: Plan, folder: Path, as_json: bool, live: bool, keep_going: bool) -> None:
    tables.say(f"folder  {folder}")
    with tables.progress_of_many(sum(planned.durations), live) as advance:
        listener = conduct.Listener(
            advance, lambda one: tables.say(tell.ended(one, len(planned.runs))), person.ask
        )
        made = conduct.conduct(planned, folder, listener, keep_going=keep_going)
    if as_json:
        tables.as_json(tell.made_json(planned, folder, made))
    if (error := conduct.verdict(made, folder)) is not None:
        raise error


def _require_person() -> None:
    if not person.is_there():
        raise RequestError(
            "a batch whose samples are changed or turned by hand must have a person at a terminal; there is none "
            f"({sys.stdin.name} is no terminal). Nothing was sent."
        )
