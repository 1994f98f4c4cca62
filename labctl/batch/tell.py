"""What people and programs are told of a batch: its plan before the first run, and what became of each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import door
from labctl.again import AS_IT_IS
from labctl.batch.forecast import basis
from labctl.tables import say, table
from labctl.tell import duration_text, result_json

if TYPE_CHECKING:
    from labctl.batch.conduct import Made
    from labctl.batch.plan import Outline, Plan

_LISTED = 24
"""Runs of a plan that are listed for people; --json has them all."""


def plan_json(plan: Plan, outline: Outline) -> dict[str, Any]:
    """The JSON object of a plan that was not carried out (SI)."""
    envelope = {"current": (outline.current, "A"), "compliance": (outline.compliance, "V")}
    envelope |= {f"mu0_H_{role[-1]}": (mu0_H, "T") for role, mu0_H in outline.mu0_H.items()}
    return {
        "status": "planned",
        "name": plan.name,
        "count": len(plan.runs),
        "rows": outline.rows,
        "pulses": outline.pulses,
        "duration": {"value": sum(plan.durations), "unit": "s", "basis": basis(plan)},
        "envelope": {name: {"value": value, "unit": unit} for name, (value, unit) in envelope.items()},
        "failures": plan.failures,
        "runs": [
            {
                "number": run.number,
                "label": run.label,
                "protocol": run.protocol,
                "sample": run.sample,
                "station": run.station,
                "point": run.point,
                "seed": run.seed,
                "rows": run.rows,
                "duration": {"value": duration, "unit": "s", "rehearsed": run.number in plan.rehearsed},
                "takes": {
                    name: f"{reference.result} of run {reference.run}"
                    for name, reference in run.references.items()
                },
            }
            for run, duration in zip(plan.runs, plan.durations, strict=True)
        ],
    }


def show_plan(plan: Plan, outline: Outline) -> None:
    """Print on standard error what a batch will do, next to the limits it has to keep."""
    say(f"batch {plan.name}: {len(plan.runs)} runs, {outline.rows} rows")
    rows = [
        (
            str(run.number),
            run.title,
            run.protocol,
            run.sample,
            str(run.rows),
            f"{'' if run.number in plan.rehearsed else '~ '}{duration_text(duration)}",
        )
        for run, duration in zip(plan.runs[:_LISTED], plan.durations, strict=False)
    ]
    table(rows, ("", "run", "protocol", "sample", "rows", "duration"), err=True)
    if len(plan.runs) > _LISTED:
        say(f"... and {len(plan.runs) - _LISTED} more")
    totals = [
        ("total duration", duration_text(sum(plan.durations)), basis(plan)),
        ("pulses", str(outline.pulses), ""),
        ("largest current", door.show(outline.current, "A", "mA"), _limit(outline.current_limit, "A", "mA")),
        ("largest compliance", door.show(outline.compliance, "V"), ""),
    ]
    for role, mu0_H in outline.mu0_H.items():
        limit = _limit(outline.mu0_H_limits[role], "T", "Oe")
        totals.append((f"largest mu0_H_{role[-1]}", door.show(mu0_H, "T", "Oe"), limit))
    table(totals, err=True)
    for number, reason in plan.failures.items():
        say(f"warning: run {number} ended early in its rehearsal: {reason}")


def _limit(value: float | None, unit: str, display: str) -> str:
    return "" if value is None else f"limit {door.show(value, unit, display)}"


def ended(one: Made, count: int) -> str:
    """One line about a run that is over."""
    how = f"{one.status}, there already" if one.was_there else one.status
    where = f", {one.rows} rows, {one.file.name}" if one.file else ""
    line = f"{one.run.number}/{count} {one.run.title}: {how}{where}"
    if one.repeats:
        line += f", in place of run {one.repeats[:8]}"
    if one.is_as_it_is:
        line += f"\n    warning: {AS_IT_IS}"
    if one.overlap:
        line += f"\n    {one.overlap.words()}"
    return line


def made_json(plan: Plan, folder: Path, made: Sequence[Made]) -> dict[str, Any]:
    """The JSON object of a batch that was carried out, as far as it came."""
    states = [one.status for one in made]
    bad = next((state for state in ("stopped", "faulted", "refused") if state in states), None)
    return {
        "folder": folder,
        "batch": plan.uuid,
        "name": plan.name,
        "status": "complete" if set(states) == {"complete"} else bad,
        "count": len(made),
        "complete": states.count("complete"),
        "runs": [
            {
                "number": one.run.number,
                "label": one.run.label,
                "point": one.run.point,
                "protocol": one.run.protocol,
                "sample": one.run.sample,
                "status": one.status,
                "reason": one.reason,
                "file": one.file,
                "uuid": one.uuid,
                "rows": one.rows,
                "was_there": one.was_there,
                "repeats": one.repeats,
                "overlap": one.overlap.as_plain() if one.overlap else None,
                "results": result_json(one.results),
            }
            for one in made
        ],
    }
