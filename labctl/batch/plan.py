"""A batch checked as a whole: every run's request before the first is begun, kept so that it can be made later."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from labctl import config, engine, registry, safety
from labctl.errors import DataError, RequestError
from labctl.record import Quantity
from labctl.request import make_parameters, result_of, unit_of

if TYPE_CHECKING:
    from labctl.batch.file import Batch, Task
    from labctl.engine import Request
    from protocols.vocabulary import Envelope

#: Version of the layout of a stored plan.
FORMAT: Final = 1

_TOLD: Final = 3
"""Different mistakes that are told at once; after these a person will look again."""

#: What stands for a result that an earlier run has still to find, in checks and rehearsals (SI; our choice).
STAND_IN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A parameter that is the result of an earlier run of the batch, in `unit` (SI)."""

    run: int
    result: str
    unit: str


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a batch, checked: all that its request needs but the results of earlier runs.

    `number` counts from 1. `parameters` are SI, without those in `references`. `station` and `sample` name texts
    that the plan keeps.
    """

    number: int
    entry: str
    label: str
    title: str
    point: Mapping[str, str]
    protocol: str
    parameters: Mapping[str, Any]
    references: Mapping[str, Reference]
    station: str
    sample: str
    seed: int
    rows: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked batch, complete in itself: neither the batch file nor those of samples are looked at again.

    `texts` holds the texts of the files of "station" and "sample" by name; `durations` (s, on the station's clock)
    has what is known of each run in the order of the runs, `rehearsed` the numbers of those that were rehearsed,
    and `failures` why a rehearsal ended early, by the run's number.
    """

    uuid: str
    name: str
    text: str
    texts: Mapping[str, Mapping[str, str]]
    runs: Sequence[PlannedRun]
    durations: Sequence[float] = ()
    rehearsed: Sequence[int] = ()
    failures: Mapping[int, str] = field(default_factory=dict[int, str])

    def request(
        self,
        run: PlannedRun,
        value_of: Callable[[Reference], float],
        output: Path,
        link: Mapping[str, Quantity] | None = None,
    ) -> Request:
        """The run's request; `value_of` gives the results that it takes from earlier runs.

        RequestError where protocol, station or sample do not allow what they are.
        """
        protocol = registry.load_protocol(run.protocol)
        taken = {name: value_of(reference) for name, reference in run.references.items()}
        texts = {"station": self.texts["station"][run.station], "sample": self.texts["sample"][run.sample]}
        return engine.checked(
            protocol,
            make_parameters(protocol, {**run.parameters, **taken}),
            config.read_station(texts["station"], run.station),
            config.read_sample(texts["sample"], run.sample),
            texts,
            seed=run.seed,
            output=output,
            batch=link,
        )

    def rehearsal(self, run: PlannedRun) -> Request:
        """The run's request for a rehearsal: a result of an earlier run is STAND_IN of its unit."""
        return self.request(run, lambda _reference: STAND_IN, Path())

    def link(self, run: PlannedRun, repeats: str | None) -> dict[str, Quantity]:
        """What the run's file says of the batch; `repeats` identifies a run that it is made in place of."""
        linked = {
            "uuid": Quantity(self.uuid),
            "name": Quantity(self.name),
            "run": Quantity(run.number, "1", "number of the run in the batch, from 1"),
            "runs": Quantity(len(self.runs), "1", "number of runs in the batch"),
            "label": Quantity(run.title),
            "batch_file": Quantity(self.text),
        }
        return linked | ({"repeats": Quantity(repeats)} if repeats else {})

    def as_json(self) -> str:
        """The plan as text, from which `from_json` makes it again."""
        return json.dumps({"labctl_batch": FORMAT, **asdict(self)}, indent=1)


@dataclass(frozen=True, slots=True)
class Outline:
    """What a plan asks for in all: largest current (A), compliance (V) and fields (T) by role; rows and pulses.

    `current_limit` (A) is the least of stations and samples, `mu0_H_limits` (T) that of the magnets; None or absent
    where there is none. `is_by_hand` is true where a person has to change the sample or turn it.
    """

    current: float
    compliance: float
    mu0_H: Mapping[str, float]
    pulses: int
    rows: int
    current_limit: float | None
    mu0_H_limits: Mapping[str, float]
    is_by_hand: bool


def make(batch: Batch) -> Plan:
    """Check every run of a batch; one RequestError names everything that is wrong, and nothing was sent."""
    texts: dict[str, dict[str, str]] = {"station": {}, "sample": {}}
    first_seed = secrets.randbits(32) if batch.seed is None else batch.seed
    runs: list[PlannedRun] = []
    problems: dict[str, str] = {}
    for number, task in enumerate(batch.tasks, start=1):
        seed = first_seed + number - 1 if task.seed is None else task.seed
        try:
            request, references = _checked(task, seed)
        except RequestError as error:
            problems.setdefault(str(error), f"run {number}, {task.title}")
            continue
        texts["station"][task.station] = request.texts["station"]
        texts["sample"][task.sample] = request.texts["sample"]
        parameters = request.parameters.model_dump()
        runs.append(
            PlannedRun(
                number=number,
                entry=task.entry,
                label=task.label,
                title=task.title,
                point=task.point,
                protocol=task.protocol,
                parameters={name: value for name, value in parameters.items() if name not in references},
                references=references,
                station=task.station,
                sample=task.sample,
                seed=seed,
                rows=request.rows_expected,
            )
        )
    if problems:
        told = [
            f"{where}: {problem.removesuffix(' Nothing was sent.').removesuffix('.')}"
            for problem, where in list(problems.items())[:_TOLD]
        ]
        more = f"; {len(problems) - _TOLD} more mistakes" if len(problems) > _TOLD else ""
        raise RequestError(f"{'; '.join(told)}{more}. Nothing was sent.")
    return Plan(str(uuid4()), batch.name, batch.text, texts, runs)


def _checked(task: Task, seed: int) -> tuple[Request, dict[str, Reference]]:
    """The request of a task, with stand-ins for results of other runs, and what they stand for."""
    fields = registry.load_protocol(task.protocol).parameters.model_fields
    texts = dict(task.parameters)
    references: dict[str, Reference] = {}
    for name, run in task.references.items():
        wanted = result_of(fields[name]) if name in fields else None
        if name in fields and wanted is None:
            raise RequestError(f"{name} must be a value; it cannot be taken from a run.")
        unit = unit_of(fields[name])[0] if name in fields else "1"
        references[name] = Reference(run + 1, wanted or "", unit)
        texts[name] = f"{STAND_IN!r} {'' if unit == '1' else unit}"
    assignments = [f"{name}={text}" for name, text in texts.items()]
    request = engine.prepare(
        task.protocol, assignments, station=task.station, sample=task.sample, seed=seed, output=Path()
    )
    return request, references


def outline(plan: Plan) -> Outline:
    """What the runs of a plan ask for in all, and the limits that hold for it."""
    envelopes: list[Envelope] = []
    current_limits: list[float] = []
    mu0_H_limits: dict[str, float] = {}
    is_by_hand = False
    for run in plan.runs:
        request = plan.rehearsal(run)
        station = request.station
        envelopes.append(request.protocol.envelope(request.parameters))
        current_limits += [
            limits.current for limits in (station.limits, request.sample.limits) if limits.current is not None
        ]
        for role in envelopes[-1].mu0_H:
            magnet = station.magnets[safety.magnet_for(station, role)]
            mu0_H_limits[role] = min(magnet.mu0_H_max, mu0_H_limits.get(role, magnet.mu0_H_max))
            is_by_hand |= magnet.axis == "manual" and not station.simulated
        is_by_hand |= len(plan.texts["sample"]) > 1 and not station.simulated
    return Outline(
        current=max(envelope.current for envelope in envelopes),
        compliance=max(envelope.compliance for envelope in envelopes),
        mu0_H={
            role: max(envelope.mu0_H.get(role, 0.0) for envelope in envelopes)
            for role in sorted(mu0_H_limits)
        },
        pulses=sum(envelope.pulses for envelope in envelopes),
        rows=sum(run.rows for run in plan.runs),
        current_limit=min(current_limits, default=None),
        mu0_H_limits=mu0_H_limits,
        is_by_hand=is_by_hand,
    )


def from_json(text: str, origin: Path) -> Plan:
    """Read a stored plan; DataError where the text is none."""
    try:
        content = json.loads(text)
        version = content.pop("labctl_batch")
        if version != FORMAT:
            raise DataError(f"{origin} must be of format {FORMAT}; it is of format {version}: update labctl.")
        runs = [_run(run) for run in content.pop("runs")]
        failures = {int(number): reason for number, reason in content.pop("failures").items()}
        plan = Plan(**content, runs=runs, failures=failures)
        _require_consistent(plan)
        return plan
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{origin} must be the plan of a batch, as labctl wrote it; it is not.") from error


def _require_consistent(plan: Plan) -> None:
    """Raise ValueError where a stored plan was altered so that its parts do not fit together."""
    numbers = [run.number for run in plan.runs]
    fits = (
        len(plan.durations) == len(plan.runs) > 0
        and numbers == list(range(1, len(numbers) + 1))
        and all(
            run.station in plan.texts["station"]
            and run.sample in plan.texts["sample"]
            and all(0 < reference.run < run.number for reference in run.references.values())
            for run in plan.runs
        )
    )
    if not fits:
        raise ValueError("the parts of the plan do not fit together")


def _run(content: dict[str, Any]) -> PlannedRun:
    references = {name: Reference(**reference) for name, reference in content.pop("references").items()}
    return PlannedRun(**content, references=references)
