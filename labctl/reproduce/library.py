"""The runs of one output folder: what a planned run is called there, whether it is there, and how it is made."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import __version__, config, engine, figures, newfile, runfile
from labctl.again import has_parameters, is_of
from labctl.errors import DataError, RequestError
from labctl.names import slug

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from labctl.reproduce.plan import Planned
    from labctl.runfile import Run

#: What a run's numbers depend on besides its request; a change makes every run anew.
_PACKAGES = ("protocols", "drivers", "sim_instruments")


@dataclass(frozen=True, slots=True)
class Job:
    """A run as a worker provides it: the words of the command line, the file it becomes, and files it may be in."""

    protocol: str
    assignments: Sequence[str]
    sample: str
    station: str
    seed: int
    target: Path
    present: Sequence[Path]

    def request(self) -> engine.Request:
        """Check the request as the command line does; RequestError where it cannot be."""
        return engine.prepare(
            self.protocol,
            self.assignments,
            station=self.station,
            sample=self.sample,
            seed=self.seed,
            output=self.target,
        )


def provide(job: Job) -> tuple[Run, bool]:
    """Return the run, and True where it was there already; else make it, exactly as `labctl run` does.

    The newest file counts that is whole, unaltered, complete, and the run that is asked for. A run that does not
    end well raises its error.
    """
    if job.protocol == "classify":
        return _classified(job)
    request = job.request()
    for path in reversed(job.present):
        if (run := _usable(path)) is not None and is_of(run, request):
            return run, True
    outcome = engine.run(request, lambda _rows: None, _nobody)
    if outcome.error is not None:
        raise outcome.error
    # the store has read the file back and compared it, bit for bit
    return runfile.read_run(job.target, verify=False), False


def _classified(job: Job) -> tuple[Run, bool]:
    """Train networks of measured neurons as `labctl classify` does, one after the other in this process."""
    from labctl import classify

    asked = dict(text.split("=", 1) for text in job.assignments)
    task = classify.prepare(
        [Path(path) for name, path in asked.items() if name.startswith("neuron")],
        Path(asked["mnist"]),
        scale_from=Path(asked["scale_from"]) if "scale_from" in asked else None,
        first_seed=job.seed,
        n_seeds=int(asked["seeds"]),
        epochs=int(asked["epochs"]),
        output=job.target,
        jobs=1,
    )
    for path in reversed(job.present):
        run = _usable(path)
        if run is not None and has_parameters(run, task.method.name, task.parameters):
            return run, True
    finished = classify.run(task, lambda _rows: None)
    if finished.error is not None:
        raise finished.error
    return runfile.read_run(job.target, verify=False), False


def _nobody(task: str) -> None:
    raise RequestError(f"{task} A reproduction runs by itself. Nothing was sent.")


class Library:
    """The folders runs/ and samples/ of a reproduction. With `fresh`, what is there already is not looked at.

    A file is never replaced: a run that has to be made again gets the next free name, and the last good file of a
    name counts.
    """

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self._runs, self._samples = folder / "runs", folder / "samples"
        self._fresh = fresh
        for place in (self._runs, self._samples):
            try:
                place.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RequestError(
                    f"{place} must be a directory: {error.strerror}. Nothing was sent."
                ) from error
        newfile.check_writable(self._runs / "probe.h5")

    def job(self, planned: Planned, assignments: Sequence[str]) -> Job:
        """What has to be done for a planned run with these assignments."""
        sample = self._sample(planned)
        _, sample_text = config.load_sample(sample)
        _, station_text = config.load_station(planned.station)
        names = sorted(text.replace(f"{self._runs}/", "") for text in assignments)
        identity = [planned.protocol, names, sample_text, station_text, planned.seed, _code()]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:10]
        short = [_compact(text) for text in assignments if "/" not in text.replace("m**2/A", "")]
        words = slug("_".join([Path(sample).stem, *short]))
        stem = f"{planned.protocol}_{words}_{digest}"
        present = sorted(self._runs.glob(f"{stem}*.h5"), key=lambda path: (len(path.name), path.name))
        return Job(
            planned.protocol,
            list(assignments),
            sample,
            planned.station,
            planned.seed,
            target=figures.free_name(self._runs / f"{stem}.h5"),
            present=() if self._fresh else tuple(present),
        )

    def _sample(self, planned: Planned) -> str:
        """The name of the sample, or the file of one whose model or device differs, written if it is not there."""
        if not planned.model and planned.device_seed is None:
            return planned.sample
        text = altered_sample(planned)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        changes = [_compact(f"{name}={value}") for name, value in planned.model]
        path = self._samples / f"{slug('_'.join([planned.sample, *changes]))}_{digest}.toml"
        if not path.exists():
            newfile.publish(text.encode(), path)
        elif path.read_text(encoding="utf-8") != text:
            raise RequestError(f"{path} must be as it was written; it was altered. Nothing was sent.")
        return str(path)


def altered_sample(planned: Planned) -> str:
    """The text of a built-in sample's file with another model or another device, and a name that says so."""
    text = config.built_in("sample")[planned.sample]()
    if "[model]" in text:
        raise RequestError(f"sample {planned.sample} has a model of its own: it cannot be altered.")
    changes = [f"{name} = {value}" for name, value in planned.model]
    if planned.device_seed is not None:
        changes.append(f"device_seed = {planned.device_seed}")
        text = re.sub(r"^device_seed = \d+", changes[-1], text, flags=re.MULTILINE)
    name = json.dumps(f"{planned.sample} with {', '.join(changes)}", ensure_ascii=False)
    text = re.sub(r"^name = .*$", lambda _: f"name = {name}", text, count=1, flags=re.MULTILINE)
    model = "".join(f"{name} = {json.dumps(value)}\n" for name, value in planned.model)
    return f"{text.rstrip()}\n\n[model]\n{model}"


def _usable(path: Path) -> Run | None:
    """The run in a file, if it is whole, unaltered, complete and of this program."""
    try:
        run = runfile.read_run(path)
    except DataError:
        return None
    return run if run.status == "complete" and run.program_version == __version__ else None


def _compact(assignment: str) -> str:
    """An assignment as a piece of a file name: mu0_H_x=800 Oe becomes mu0_H_x-800Oe."""
    return re.sub(r"(\.\d{4})\d+", r"\1", assignment.replace(" ", "")).replace("=", "-")


@cache
def _code() -> str:
    """A digest of the program that makes runs: every module of protocols, drivers and simulators."""
    digest = hashlib.sha256(__version__.encode())
    for package in _PACKAGES:
        for name, module in sorted(_modules(files(package), package)):
            digest.update(name.encode() + b"\0" + module.read_bytes())
    return digest.hexdigest()


def _modules(folder: Traversable, name: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.name.startswith("_"):
            found += _modules(entry, f"{name}.{entry.name}")
        elif entry.name.endswith(".py"):
            found.append((f"{name}.{entry.name}", entry))
    return found
