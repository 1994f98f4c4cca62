"""A batch on its way: the runs one after the other, those that are finished skipped, each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labctl import engine, figures, runfile
from labctl.again import is_of, starts_as_it_is
from labctl.batch import plan as planning
from labctl.batch.ledger import Ledger
from labctl.errors import DataError, FaultError, LabctlError, RequestError, StoppedError
from labctl.names import slug
from labctl.newfile import check_writable, make_folder, publish
from labctl.overlap import Overlap, overlap

if TYPE_CHECKING:
    from labctl.batch.plan import Plan, PlannedRun, Reference
    from labctl.engine import Operator, Request
    from labctl.runfile import Run
    from protocols.vocabulary import Result

PLAN: Final = "plan.json"
TEXT: Final = "batch.toml"


@dataclass(slots=True)
class Made:
    """What became of a run of the batch: "complete", "stopped", "faulted", "refused" or, not tried yet, "waiting".

    `was_there` is true for a run that an earlier program finished. `repeats` identifies the run in whose place it
    was made, and `overlap` compares the two where they can be compared; `is_as_it_is` warns that it began with the
    state that the other left. After a run that `is_last` none may be begun: the station was not parked or could not
    be opened, or the disk did not take the file.
    """

    run: PlannedRun
    status: str = "waiting"
    reason: str = ""
    file: Path | None = None
    uuid: str = ""
    rows: int = 0
    results: Mapping[str, Result] = field(default_factory=dict[str, "Result"])
    was_there: bool = False
    repeats: str | None = None
    overlap: Overlap | None = None
    is_last: bool = False
    is_as_it_is: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of a batch: seconds of its plan that are done with what goes on, and every run that ended."""

    advance: Callable[[float, str], None]
    ended: Callable[[Made], None]
    operator: Operator


def begin(plan: Plan, output: Path, now: str) -> Path:
    """Make the folder of a batch under `output`, with its file and its plan; RequestError where that cannot be."""
    folder = output / f"{now}_{slug(plan.name)}_{plan.uuid[:4]}"
    make_folder(folder)
    check_writable(folder / PLAN)
    publish(plan.text.encode(), folder / TEXT)
    publish(plan.as_json().encode(), folder / PLAN)
    return folder


def stored_plan(folder: Path) -> Plan:
    """The plan of a batch folder; DataError where it is none."""
    path = folder / PLAN
    try:
        return planning.from_json(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{folder} must be the folder of a batch, with a {PLAN} that can be read; it is not. Nothing was sent."
        ) from error


def conduct(plan: Plan, folder: Path, listener: Listener, *, keep_going: bool) -> list[Made]:
    """Make every run of the plan that is not there complete, in order; return what became of each.

    A stop ends the batch, and so does a fault unless `keep_going`; a station that could not be parked, and what
    every further run would meet too, ends it in any case. What is in the files counts, not what the ledger says.
    RequestError where another program works on the folder. Nothing that a run met is raised; `verdict` tells.
    """
    made = [Made(run) for run in plan.runs]
    with Ledger(folder) as ledger:
        batch = _Batch(plan, folder, ledger, listener, made)
        for one in made:
            try:
                batch.provide(one)
            except KeyboardInterrupt:  # between two runs; within one the engine turns it into a stop
                for other in made[one.run.number - 1 :]:
                    if other.status == "waiting":
                        other.status, other.reason = "stopped", "stopped by the user before it began."
                        break
                listener.ended(one)
                break
            except _StillRunningError:
                raise
            except LabctlError as error:
                one.reason = str(error)
                if one.status == "waiting":
                    one.status = "refused"
                else:  # the run is in its file; the disk did not take what is said of it
                    one.is_last = True
            listener.ended(one)
            if one.status == "stopped" or one.is_last or (one.status != "complete" and not keep_going):
                break
    return made


def verdict(made: Sequence[Made], folder: Path) -> LabctlError | None:
    """What a batch ends with: None where every run is complete, else how to go on."""
    done = sum(one.status == "complete" for one in made)
    how = f"{done} of {len(made)} runs are complete in {folder}; labctl resume {folder} goes on with the others."
    for one in made:
        if one.status == "stopped":
            return StoppedError(f"run {one.run.number}, {one.run.title}: {one.reason} {how}")
    bad = [one for one in made if one.status in {"faulted", "refused"} or one.is_last]
    if bad:
        told = "; ".join(f"run {one.run.number}, {one.run.title}: {one.reason}" for one in bad)
        return FaultError(f"{told} {how}")
    return None


class _StillRunningError(RequestError):
    """A run of the batch is under way in another program."""


class _Batch:
    """A batch while its ledger is open."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        ledger: Ledger,
        listener: Listener,
        made: Sequence[Made],
    ) -> None:
        self._plan, self._folder, self._ledger = plan, folder, ledger
        self._listener, self._made = listener, made
        self._sample = ""
        self._seconds = 0.0

    def provide(self, one: Made) -> None:
        """Find the run complete, or make it."""
        request = self._plan.request(one.run, self._value_of, self._folder)
        kept, earlier = self._kept(one.run, request)
        duration = self._plan.durations[one.run.number - 1]
        if kept is not None:
            one.status, one.file, one.uuid, one.rows = "complete", kept.path, kept.uuid, kept.rows
            one.results, one.was_there = kept.results, True
        else:
            one.repeats = earlier.uuid if earlier else self._ledger.last_begun(one.run.number)
            one.is_as_it_is = one.repeats is not None and starts_as_it_is(request)
            link = self._plan.link(one.run, one.repeats)
            request = replace(request, target=_free(self._folder, one.run), batch=link)
            self._measure(one, request, duration)
            if earlier is not None and one.file is not None:
                one.overlap = overlap(earlier, runfile.read_run(one.file))
        self._seconds += duration
        self._listener.advance(self._seconds, "")

    def _value_of(self, reference: Reference) -> float:
        """A result of an earlier run; FaultError where there is none."""
        source = self._made[reference.run - 1]
        found = source.results.get(reference.result) if source.status == "complete" else None
        if found is None or found.unit != reference.unit or not abs(found.value) < float("inf"):
            why = "did not find it" if source.status == "complete" else f"is {source.status}"
            raise FaultError(f"it needs the result {reference.result} of run {reference.run}, which {why}.")
        return found.value

    def _kept(self, run: PlannedRun, request: Request) -> tuple[Run | None, Run | None]:
        """The complete run of this request that is there already; else the newest of its number, if any."""
        newest: Run | None = None
        for path in reversed(_files(self._folder, run)):
            try:
                stored = runfile.read_run(path)
            except DataError:
                continue  # damaged, or nothing was left of it: it keeps its name, and the run is made again
            if stored.status == "running":
                raise _StillRunningError(
                    f"{path} must be finished; another program still writes it. Nothing was sent."
                )
            linked = stored.batch.get("uuid")
            if linked is None or linked.value != self._plan.uuid:
                continue
            if stored.status == "complete" and is_of(stored, request):
                return stored, None
            newest = newest or stored
        return None, newest

    def _measure(self, one: Made, request: Request, duration: float) -> None:
        by_hand = len(self._plan.texts["sample"]) > 1 and not request.station.simulated
        if by_hand and one.run.sample != self._sample:
            self._listener.operator(
                f"Put sample {request.sample.name} into station {request.station.name} and connect it."
            )
        self._sample = one.run.sample
        one.uuid, title = request.uuid, f"{one.run.number}/{len(self._plan.runs)} {one.run.title}"
        per_row = duration / one.run.rows

        def advance(rows: int) -> None:
            self._listener.advance(self._seconds + rows * per_row, title)

        self._listener.advance(self._seconds, title)
        facts = {"run": one.run.number, "uuid": one.uuid, "file": request.target.name}
        self._ledger.write("begun", **facts, repeats=one.repeats)
        try:
            outcome = engine.run(request, advance, self._listener.operator)
        except LabctlError as error:  # an instrument that is not there, or a disk that did not take the file
            one.is_last = True
            self._ledger.write("ended", **facts, status="refused", rows=0, reason=str(error))
            raise
        one.status, one.rows, one.file = outcome.status, outcome.rows, outcome.path
        one.reason = str(outcome.error) if outcome.error else ""
        one.is_last = not outcome.is_parked
        one.results = outcome.analysis.results if outcome.analysis else {}
        self._ledger.write("ended", **facts, status=outcome.status, rows=outcome.rows, reason=outcome.reason)
        try:
            figures.draw_beside(outcome)
        except (
            OSError
        ) as error:  # the data are safe, and the night is long: no figure is worth the other runs
            self._ledger.write("no figure", **facts, reason=str(error))


def _files(folder: Path, run: PlannedRun) -> list[Path]:
    """The files that a run has had, oldest first; a run that was killed may have left its journal only."""
    found = {
        path.with_name(path.name.removesuffix(".journal"))
        for path in folder.glob(f"{run.number:04d}_*")
        if path.name.endswith((".h5", ".h5.journal"))
    }
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _free(folder: Path, run: PlannedRun) -> Path:
    """A name that no file of the run has: the first time without a number."""
    point = [f"{name}-{text.replace(' ', '')}" for name, text in run.point.items()]
    stem = f"{run.number:04d}_{slug('_'.join([run.label, *point]))}"
    taken = _files(folder, run)
    number = len(taken) + 1
    path = folder / (f"{stem}.h5" if not taken else f"{stem}-{number}.h5")
    while path in taken:
        number += 1
        path = folder / f"{stem}-{number}.h5"
    return path
