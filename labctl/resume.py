"""A run that was stopped, interrupted or faulted, made again from its preparation step, and compared with it.

Hysteresis leaves no other way: what a reading is depends on every field and pulse since the layer was prepared, and
parking took that away. The new run is whole in itself; the rows that both have show whether the old ones can be
trusted beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl import engine, figures, person, runfile, tables, tell
from labctl.again import AS_IT_IS, request_of, starts_as_it_is
from labctl.batch import conduct
from labctl.errors import DataError, RequestError
from labctl.live.display import displayed
from labctl.overlap import overlap
from labctl.record import Quantity

if TYPE_CHECKING:
    from labctl.engine import Request
    from labctl.runfile import Run


def again(path: Path, *, output: Path | None, as_json: bool, live: bool) -> None:
    """Make a run again whose file says that it was not complete; the old file stays as it is.

    The new file goes into the folder of the old one unless `output` says otherwise, and names the old run in
    /entry/batch/resumes. A complete run is left alone. RequestError for one that belongs to a batch beside it.
    """
    run = runfile.read_run(path)
    if run.status == "complete":
        tables.say(f"{path}: complete, {run.rows} rows; there is nothing to resume")
        if as_json:
            tables.as_json({"file": path, "status": run.status, "rows": run.rows, "resumes": None})
        return
    if run.status == "running":
        raise RequestError(f"{path} must be finished; another program still writes it. Nothing was sent.")
    _refuse_part_of_batch(run)
    request = _request(run, output or path.parent)
    if starts_as_it_is(request):
        tables.say(f"warning: {AS_IT_IS}")
    with displayed(request, live) as shown:
        outcome = engine.run(request, shown.advance, shown.asking(person.ask), stops=shown.stops)
    figure = figures.draw_beside(outcome)
    compared = overlap(run, runfile.read_run(outcome.path)) if outcome.path else None
    if as_json:
        tables.as_json(
            {
                **tell.outcome(outcome, figure),
                "resumes": run.uuid,
                "overlap": compared.as_plain() if compared else None,
            }
        )
    tell.summary(outcome, figure)
    tables.say(compared.words() if compared else f"{path} has no rows that could be compared")
    if outcome.error is not None:
        raise outcome.error


def _request(run: Run, output: Path) -> Request:
    old = request_of(run)
    return engine.checked(
        old.protocol,
        old.parameters,
        old.station,
        old.sample,
        old.texts,
        seed=old.seed,
        output=output,
        batch={"resumes": Quantity(run.uuid)},
    )


def _refuse_part_of_batch(run: Run) -> None:
    if "uuid" not in run.batch:
        return
    try:
        plan = conduct.stored_plan(run.path.parent)
    except DataError:
        return  # the batch's folder is elsewhere, or gone
    if plan.uuid == run.batch["uuid"].value:
        raise RequestError(
            f"{run.path} belongs to a batch: labctl resume {run.path.parent} makes it again in its place. "
            "Nothing was sent."
        )
