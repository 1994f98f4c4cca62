"""The file of a batch: TOML that lists runs, sweeps over parameters and samples, and groups of both.

    name = "field-series"
    sample = "alox-2.0"
    seed = 1                                     # of the first run; each further run has one more

    [[run]]
    label = "loop"
    protocol = "ahe-loop"

    [[run]]
    protocol = "sot-switching"
    parameters = { I_step = "1 mA", R_AHE_reference = "@loop" }
    sweep = { mu0_H_x = { start = "400 Oe", stop = "800 Oe", step = "200 Oe" } }

A table with [[run.run]] instead of a protocol is a group: its sample, station, seed, parameters and sweep hold for
every run in it, and the file itself is the outermost group. The first name of a sweep changes slowest. A sweep may
also go over "sample" and "seed". "@label" takes a result of the run of that label on the same sample and at the
same point of every sweep that both are in; "@FILE" takes one from a file, as on the command line. Files are found
from the folder of the batch file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Final, cast

from labctl import door
from labctl.errors import RequestError
from labctl.spelling import suggest
from labctl.textfile import read_text

MAX_RUNS: Final = 10_000
"""More than any night holds (our choice); a wrong step must not fill the memory."""

MAX_DEPTH: Final = 16
MAX_BYTES: Final = 1_000_000
"""Far beyond what a person writes."""

_KINDS: Final = {
    "name": (str, "a text"),
    "label": (str, "a text"),
    "protocol": (str, "the name of a protocol"),
    "sample": (str, "the name or file of a sample"),
    "station": (str, "the name or file of a station"),
    "seed": (int, "a whole number from 0 to 2**53"),
    "parameters": (dict, "a table of parameters"),
    "sweep": (dict, "a table of lists"),
    "run": (list, "given as [[run]]"),
}
_COMMON: Final = ("sample", "station", "seed", "parameters", "sweep")
_IN_GROUP: Final = (*_COMMON, "run")
_IN_FILE: Final = ("name", *_IN_GROUP)
_IN_RUN: Final = ("label", "protocol", *_COMMON)

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Task:
    """One run as the file asks for it: everything in the words of the command line.

    `entry` is the place of its table in the file ("2.1": the first run in the second), `point` its place in every
    sweep around it. `seed` is None where the batch's seed counts. `references` names the runs (from 0) whose
    results the parameters take.
    """

    entry: str
    label: str
    protocol: str
    sample: str
    station: str
    seed: int | None
    parameters: Mapping[str, str]
    point: Mapping[str, str]
    references: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def title(self) -> str:
        """What people call it: its label, and its point of the sweeps."""
        where = ", ".join(f"{name} = {text}" for name, text in self.point.items())
        return f"{self.label} ({where})" if where else self.label


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as its file asks for it; `seed` is None where it is to be drawn."""

    name: str
    text: str
    seed: int | None
    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True)
class _Around:
    """What the groups around a run say."""

    sample: str
    station: str
    seed: int | None
    parameters: Mapping[str, str]
    point: Mapping[str, str]


def read(path: Path, station: str | None = None) -> Batch:
    """Read a batch file and spread out its sweeps; RequestError, in one line, for what is wrong with it.

    `station` replaces every station that the file names.
    """
    text = _text_of(path)
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"{path} must be TOML; {error}") from error
    _check(content, _IN_FILE, str(path))
    name = content.get("name", path.stem)
    if not _WORD.fullmatch(name):
        raise _wrong(f"{path}: name must be up to 64 letters, digits, '-', '_' and '.'; got {name!r}")
    if "run" not in content:
        raise _wrong(f"{path} must have at least one [[run]]; it has none")
    # The seed of the file counts up from run to run: it is none that its runs share.
    around = _Around("alox-2.0", "sim", None, {}, {})
    tasks: list[Task] = []
    for task in _spread({key: value for key, value in content.items() if key != "seed"}, "", around, path):
        if len(tasks) == MAX_RUNS:
            raise _wrong(f"{path} must ask for at most {MAX_RUNS} runs; it asks for more")
        tasks.append(replace(task, station=station or task.station))
    resolved = [_resolved(task, tasks[:number], path) for number, task in enumerate(tasks)]
    return Batch(name, text, content.get("seed"), resolved)


def _text_of(path: Path) -> str:
    try:
        return read_text(path, MAX_BYTES)
    except OSError as error:
        raise _wrong(f"{path} must be a batch file that can be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _wrong(f"{path} must be a batch file of text in UTF-8; it is not") from error


def _check(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse unknown keys and values of the wrong kind."""
    for key, value in table.items():
        if key not in known:
            raise _wrong(
                f"{where}: {key} is not known here{suggest(key, known)}; known are {', '.join(known)}"
            )
        kind, words = _KINDS[key]
        if not isinstance(value, kind) or isinstance(value, bool) or value == []:
            raise _wrong(f"{where}: {key} must be {words}; got {value!r}")
    if not 0 <= table.get("seed", 0) <= 2**53:
        raise _wrong(f"{where}: seed must be {_KINDS['seed'][1]}; got {table['seed']}")


def _spread(table: Mapping[str, Any], entry: str, around: _Around, path: Path) -> Iterator[Task]:
    """Every run of a group, point by point of its sweep."""
    where = f"{path}, run {entry}" if entry else str(path)
    axes = {name: _values(name, given, where) for name, given in table.get("sweep", {}).items()}
    own = {name: _said(name, value, where) for name, value in table.get("parameters", {}).items()}
    for name in axes:
        if name in own:
            raise _wrong(f"{where}: {name} must be in parameters or in sweep; it is in both")
    for values in product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        swept = {name: text for name, text in point.items() if name not in {"sample", "seed"}}
        here = _Around(
            sample=_located(point["sample"] if "sample" in point else table.get("sample"), path)
            or around.sample,
            station=_located(table.get("station"), path) or around.station,
            seed=_seed(point["seed"], where) if "seed" in point else table.get("seed", around.seed),
            parameters={**around.parameters, **own, **swept},
            point={**around.point, **point},
        )
        if "run" not in table:
            label = table.get("label", table["protocol"])
            yield Task(entry, label, table["protocol"], **_fields(here))
            continue
        for number, inner in enumerate(table["run"], start=1):
            inside = f"{entry}.{number}".lstrip(".")
            if inside.count(".") >= MAX_DEPTH:
                raise _wrong(f"{path}, run {inside} must be at most {MAX_DEPTH} tables deep; it is deeper")
            _check_run(inner, f"{path}, run {inside}")
            yield from _spread(inner, inside, here, path)


def _fields(here: _Around) -> dict[str, Any]:
    return {name: getattr(here, name) for name in ("sample", "station", "seed", "parameters", "point")}


def _check_run(table: Any, where: str) -> None:
    if not isinstance(table, dict):
        raise _wrong(f"{where} must be a table; got {table!r}")
    inner = cast("dict[str, Any]", table)
    _check(inner, _IN_GROUP if "run" in inner else _IN_RUN, where)
    if "run" not in inner and "protocol" not in inner:
        raise _wrong(f"{where} must have a protocol, or runs of its own as [[run.run]]; it has neither")
    if not _WORD.fullmatch(inner.get("label", "none")):
        raise _wrong(
            f"{where}: label must be up to 64 letters, digits, '-', '_' and '.'; got {inner['label']!r}"
        )


def _values(name: str, given: Any, where: str) -> list[str]:
    """The texts that a sweep goes through: a list, or start, stop and step."""
    if isinstance(given, list) and given:
        return [_said(name, value, where) for value in cast("list[Any]", given)]
    if isinstance(given, dict) and set(cast("dict[str, Any]", given)) == {"start", "stop", "step"}:
        return _range(name, cast("dict[str, Any]", given), where)
    raise _wrong(
        f"{where}: sweep.{name} must be a list that is not empty, or a table of start, stop and step; "
        f"got {given!r}"
    )


def _range(name: str, given: Mapping[str, Any], where: str) -> list[str]:
    """The texts from start to stop, both included, exact as decimal numbers."""
    ends = {
        key: door.split(_said(name, value, where), f"{where}: sweep.{name}.{key}")
        for key, value in given.items()
    }
    (start, unit), (stop, _), (step, _) = ends["start"], ends["stop"], ends["step"]
    if any(other != unit for _, other in ends.values()):
        raise _wrong(f"{where}: sweep.{name} must have start, stop and step in one unit; got {dict(given)!r}")
    count = (stop - start) / step if step else 0
    if not 1 <= count < MAX_RUNS or count != int(count):
        raise _wrong(
            f"{where}: sweep.{name} must go from start to stop in a whole number of steps, 1 to {MAX_RUNS - 1}; "
            f"got {dict(given)!r}"
        )
    return [f"{start + number * step:f} {unit}".strip() for number in range(int(count) + 1)]


def _said(name: str, value: Any, where: str) -> str:
    """A value of the file as the text that the command line would have."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list() if value:
            return ",".join(_said(name, part, where) for part in cast("list[Any]", value))
        case _:
            raise _wrong(f"{where}: {name} must be a text, a number or a list of them; got {value!r}")


def _seed(text: str, where: str) -> int:
    if not text.isdecimal() or int(text) > 2**53:
        raise _wrong(f"{where}: sweep.seed must be of whole numbers from 0 to 2**53; got {text!r}")
    return int(text)


def _located(name: str | None, path: Path) -> str | None:
    """The name of a station or sample; a file is looked for from the folder of the batch file."""
    return str(path.parent / name) if name and name.endswith(".toml") else name


def _resolved(task: Task, before: Sequence[Task], path: Path) -> Task:
    """The task with every "@label" turned into the run it means, every "@FILE" into a file that can be found."""
    labels = {other.label for other in before}
    texts: dict[str, str] = {}
    references: dict[str, int] = {}
    for name, text in task.parameters.items():
        wanted = text.removeprefix("@")
        if wanted == text:
            texts[name] = text
        elif wanted in labels:
            references[name] = _meant(task, name, wanted, before, path)
        elif Path(wanted).suffix:
            texts[name] = f"@{path.parent / wanted}"
        else:
            raise _wrong(
                f"{path}, run {task.entry}: {name} must be taken from the label of an earlier run, or from a file; "
                f"got @{wanted}{suggest(wanted, labels)}"
            )
    return replace(task, parameters=texts, references=references)


def _meant(task: Task, name: str, label: str, before: Sequence[Task], path: Path) -> int:
    """The one earlier run of that label, on the same sample, at the same point of every sweep that both are in."""
    meant = [
        number
        for number, other in enumerate(before)
        if other.label == label
        and other.sample == task.sample
        and all(task.point.get(axis, text) == text for axis, text in other.point.items())
    ]
    if len(meant) != 1:
        raise _wrong(
            f"{path}, run {task.entry}: {name} = @{label} must mean one earlier run on {task.sample} at the same "
            f"point of their common sweeps; there are {len(meant)}"
        )
    return meant[0]


def _wrong(what: str) -> RequestError:
    return RequestError(f"{what}. Nothing was sent.")
