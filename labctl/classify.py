"""Classification of handwritten digits by measured neurons: the request, the trainings side by side, the file."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labctl import __version__, registry, stopping
from labctl.engine import target_of
from labctl.errors import LabctlError, RequestError, StoppedError
from labctl.idx import read_digits
from labctl.neurons import Neuron, read_neurons
from labctl.newfile import make_folder
from labctl.record import Quantity, RunHeader, Status
from labctl.request import make_parameters, quantities
from labctl.store import RunStore
from labctl.trainings import Training, trained
from protocols.analysis.classification import IDEAL
from protocols.analysis.network import Digits, IdealSigmoid, Schedule

if TYPE_CHECKING:
    from protocols.vocabulary import Analysis, Method


@dataclass(frozen=True, slots=True)
class Task:
    """A checked request: neurons and digits are read, nothing is written yet."""

    method: Method
    parameters: Any
    neurons: Sequence[Neuron]
    digits: tuple[Digits, Digits]
    target: Path
    uuid: str
    start: datetime
    jobs: int

    @property
    def name(self) -> str:
        """The samples that the neurons are of."""
        return ", ".join(dict.fromkeys(neuron.sample for neuron in self.neurons))

    @property
    def title(self) -> str:
        """What the progress bar and the file call it."""
        return f"{self.method.name} {self.name}"

    @property
    def trainings(self) -> list[Training]:
        """Every network that is trained: for each seed the ideal sigmoid and every neuron."""
        p = self.parameters
        schedule = Schedule(p.epochs, p.batch_size, p.learning_rate)
        activations = [IdealSigmoid(), *(neuron.activation for neuron in self.neurons)]
        return [
            Training(number, activation, schedule, seed)
            for seed in range(p.first_seed, p.first_seed + p.n_seeds)
            for number, activation in enumerate(activations, start=IDEAL)
        ]

    @property
    def rows_expected(self) -> int:
        """One row for each epoch of each training."""
        return len(self.trainings) * self.parameters.epochs


@dataclass(frozen=True, slots=True)
class Classified:
    """How a classification ended, with its rows, its analysis and its duration (s)."""

    task: Task
    status: Status
    reason: str
    data: Mapping[str, Any]
    analysis: Analysis
    path: Path
    duration: float

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.data["epoch"])

    @property
    def error(self) -> LabctlError | None:
        """What the command ends with where a person stopped it."""
        if self.status == "complete":
            return None
        return StoppedError(f"{self.reason}; {self.rows} rows are in {self.path}.")


def prepare(
    neurons: Sequence[Path],
    mnist: Path,
    *,
    scale_from: Path | None,
    first_seed: int,
    n_seeds: int,
    epochs: int,
    output: Path,
    jobs: int | None,
) -> Task:
    """Check a whole request; whatever is wrong with it raises RequestError before anything is computed."""
    method = registry.load_method("classify")
    if len({path.resolve() for path in neurons}) < len(neurons):
        raise RequestError("--neuron must name every file once; got one twice. Nothing was computed.")
    read = read_neurons(neurons, scale_from)
    digits = read_digits(mnist)
    parameters = make_parameters(
        method,
        {
            "neurons": [path.stem for path in neurons],
            "X_0": [neuron.X_0 for neuron in read],
            "K": [neuron.K for neuron in read],
            "scale_from": scale_from.stem if scale_from else "",
            "n_train": len(digits[0].labels),
            "n_test": len(digits[1].labels),
            "first_seed": first_seed,
            "n_seeds": n_seeds,
            "epochs": epochs,
        },
    )
    uuid, start = str(uuid4()), datetime.now(UTC)
    target = target_of(output, method.name, read[0].sample, uuid, start)
    return Task(method, parameters, read, digits, target, uuid, start, jobs or os.cpu_count() or 1)


def run(task: Task, advance: Callable[[int], None]) -> Classified:
    """Train every network, and store what came out, whole or stopped; `advance` is told the number of rows so far.

    Ctrl-C and its kin end the trainings where they are; what had been learned by then is in the file.
    """
    make_folder(task.target.parent)
    with closing(RunStore(task.target)) as store:
        store.begin(_header(task))
        return _trained(task, store, advance)


def _trained(task: Task, store: RunStore, advance: Callable[[int], None]) -> Classified:
    for remark in (remark for neuron in task.neurons for remark in neuron.remarks):
        store.event(0.0, "warning", remark)
    begun = time.monotonic()
    rows: dict[tuple[int, int], list[dict[str, float]]] = {}
    done, trainings = 0, task.trainings
    with stopping.stop_requests() as stop:
        for training, epoch in trained(trainings, task.digits, task.jobs, lambda: bool(stop.reason)):
            own = rows.setdefault((training.seed, training.neuron), [])
            own.append(_row(task, training, epoch))
            done += 1
            advance(done)
    for training in trainings:
        for row in rows.get((training.seed, training.neuron), []):
            store.row(row)
    data = store.columns()
    analysis = task.method.analyse(data, task.parameters)
    remarks = [remark for neuron in task.neurons for remark in neuron.remarks]
    analysis = replace(analysis, warnings=[*remarks, *analysis.warnings])
    status: Status = "stopped" if stop.reason else "complete"
    duration = time.monotonic() - begun
    version = f"{task.method.name} {task.method.version}, labctl {__version__}"
    path = store.finish(status, stop.reason, datetime.now(UTC), duration, analysis, version)
    return Classified(task, status, stop.reason, data, analysis, path, duration)


def _row(task: Task, training: Training, epoch: Any) -> dict[str, float]:
    return {
        "epoch": epoch.epoch,
        "accuracy": epoch.accuracy,
        "loss": epoch.loss,
        "loss_train": epoch.loss_train,
        "neuron": training.neuron,
        "seed": training.seed,
        "learning_rate": epoch.learning_rate,
        "clamped": epoch.clamped,
        "mu0_H_x": float("nan") if training.neuron == IDEAL else task.neurons[training.neuron - 1].mu0_H_x,
    }


def _header(task: Task) -> RunHeader:
    method = task.method
    given = {"name": Quantity(task.name), "digits_sha256": Quantity(_digest(task.digits))}
    simulated: dict[str, Quantity] = {}
    for number, neuron in enumerate(task.neurons, start=1):
        given |= neuron.quantities(number)
        if neuron.run.simulation is not None:
            model = {name: quantity.value for name, quantity in neuron.run.simulation.items()}
            simulated[f"neuron_{number}"] = Quantity(model)
    return RunHeader(
        title=task.title,
        protocol=method.name,
        protocol_version=method.version,
        caption=method.caption,
        source=inspect.getsource(sys.modules[method.analyse.__module__]),
        parameters=quantities(task.parameters),
        columns=method.columns,
        signal=method.signal,
        axis=method.axis,
        uuid=task.uuid,
        seed=task.parameters.first_seed,
        start_time=task.start,
        program_version=__version__,
        clock="wall",
        sample=given,
        simulation=simulated or None,
    )


def _digest(digits: tuple[Digits, Digits]) -> str:
    """SHA-256 of the images and labels, training and test, as bytes."""
    digest = hashlib.sha256()
    for part in digits:
        digest.update(part.images.tobytes())
        digest.update(part.labels.astype("u1").tobytes())
    return digest.hexdigest()
