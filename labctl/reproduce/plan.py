"""The words a reproduction is planned in: planned runs, claims with their falsifiers, sections of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from labctl import door

if TYPE_CHECKING:
    from labctl.runfile import Run

#: What a parameter can be: text as on the command line, or what another run leaves.
Value: TypeAlias = "str | Measured | FileOf"

#: Where a claim comes from: the paper's text, or what the model or the samples of this package make of it.
Origin = Literal["paper", "model"]


@dataclass(frozen=True, slots=True)
class Measured:
    """The value of a parameter that another run measures: `factor` times its result, in the result's unit."""

    run: Planned
    result: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class FileOf:
    """The file of another run, where a parameter is one."""

    run: Planned


@dataclass(frozen=True, slots=True)
class Planned:
    """A run to be made: protocol, sample, parameters as the command line takes them, and the seed.

    `model` replaces parameters of the sample's model, as its file has them ({"mu0_J_0": "0 Oe"}); `device_seed`
    replaces the device by another one of the same kind. "classify" counts as a protocol here: its neurons are files
    of other runs.
    """

    protocol: str
    sample: str
    parameters: tuple[tuple[str, Value], ...] = ()
    model: tuple[tuple[str, str], ...] = ()
    device_seed: int | None = None
    seed: int = 1
    station: str = "sim"

    @property
    def needs(self) -> list[Planned]:
        """The runs whose results this one takes."""
        return [value.run for _, value in self.parameters if isinstance(value, Measured | FileOf)]

    def on(self, sample: str) -> Planned:
        """The same run on another sample."""
        return replace(self, sample=sample)

    def altered(self, **model: str) -> Planned:
        """The same run on a sample whose model has other parameters."""
        return replace(self, model=tuple((dict(self.model) | model).items()))

    def given(self, **parameters: Value) -> Planned:
        """The same run with other parameters."""
        return replace(self, parameters=tuple((dict(self.parameters) | parameters).items()))


def planned(
    protocol: str, sample: str, *, seed: int = 1, station: str = "sim", **parameters: Value
) -> Planned:
    """Plan a run: planned("ahe-loop", "alox-0.0", mu0_H_step="2 Oe")."""
    return Planned(protocol, sample, tuple(parameters.items()), seed=seed, station=station)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, for people (in display units) and programs (SI), and whether the criterion holds."""

    holds: bool
    measured: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


Judge = Callable[[Sequence["Run"]], Verdict]


@dataclass(frozen=True, slots=True)
class Falsifier:
    """The runs of a claim with the mechanism removed, in the claim's order; `removed` says in words what."""

    removed: str
    runs: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, the criterion in words and as a function, the runs it is judged by, and what must break it.

    `ours` says what of the criterion is a choice of this package. The falsifier's runs go to the same function.
    """

    name: str
    text: str
    origin: Origin
    criterion: str
    judge: Judge
    runs: tuple[Planned, ...]
    falsifier: Falsifier
    ours: str = ""

    def __post_init__(self) -> None:
        if len(self.runs) != len(self.falsifier.runs):
            raise ValueError(
                f"claim {self.name}: the falsifier must have the claim's {len(self.runs)} runs; "
                f"got {len(self.falsifier.runs)}"
            )


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawing of runs: draw(figure, runs) fills a matplotlib figure of `size` (inches)."""

    runs: tuple[Planned, ...]
    draw: Callable[[Any, Sequence[Run]], None]
    caption: str
    size: tuple[float, float] = (3.4, 2.6)


@dataclass(frozen=True, slots=True)
class Section:
    """A figure of the paper, or a supporting claim: its name on the command line, its panel, its claims.

    `paper` says what the paper's text tells of it, `ours` what is this package's or this model's choice.
    """

    name: str
    title: str
    paper: str
    ours: tuple[str, ...]
    claims: tuple[Claim, ...]
    panel: Panel

    @property
    def runs(self) -> Iterator[Planned]:
        """Every run that the section shows or judges, the falsifying ones last; a run may come twice."""
        yield from self.panel.runs
        for claim in self.claims:
            yield from claim.runs
        for claim in self.claims:
            yield from claim.falsifier.runs


def closure(runs: Iterator[Planned]) -> list[Planned]:
    """The runs and all that they need, each once, whatever is needed before what needs it."""
    found: dict[Planned, None] = {}

    def visit(run: Planned) -> None:
        if run not in found:
            for needed in run.needs:
                visit(needed)
            found[run] = None

    for run in runs:
        visit(run)
    return list(found)


def assignments(run: Planned, results: Mapping[Planned, Run]) -> list[str]:
    """The parameters as texts "key=value"; what other runs measured is taken from `results`, exactly.

    Raises LookupError where such a result was not found.
    """
    texts: list[str] = []
    for name, value in run.parameters:
        if isinstance(value, FileOf):
            value = str(results[value.run].path)
        elif isinstance(value, Measured):
            found = results[value.run].results.get(value.result)
            if found is None or not abs(found.value) < float("inf"):
                raise LookupError(f"{name} needs the result {value.result} of {value.run.protocol}")
            number = value.factor * found.value
            value = f"{number!r}" if found.unit == "1" else f"{number!r} {found.unit}"
        texts.append(f"{name}={value}")
    return texts


def described(run: Planned) -> str:
    """Parameters, changes of the model and seed in words, for the report."""
    parts = [f"{name} = {_value(value)}" for name, value in run.parameters]
    parts += [f"model.{name} = {value}" for name, value in run.model]
    if run.device_seed is not None:
        parts.append(f"device_seed = {run.device_seed}")
    if run.station != "sim":
        parts.append(f"station {run.station}")
    return ", ".join(parts)


def _value(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, FileOf):
        return f"file of {value.run.protocol} on {value.run.sample} ({described(value.run)})"
    factor = "" if value.factor == 1 else f"{door.show(value.factor, '1', '1')} × "
    return f"{factor}measured {value.result} ({value.run.protocol})"
