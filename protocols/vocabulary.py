"""The words a protocol is written in: parameters, columns, rows, results, methods, and the protocol itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from protocols.roles import FieldSource, LockIn, PulseSource, Voltmeter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Data = Mapping[str, NDArray[np.float64]]

RoleName = Literal["source", "voltmeter", "lockin", "magnet_x", "magnet_y", "magnet_z"]


class MeasurementError(Exception):
    """The instruments answer, but what they say makes every further row wrong; the run has to end here."""


class ParameterSet(BaseModel):
    """Base of every protocol's parameters: SI floats, unknown names refused, never changed once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def parameter(
    default: Any,
    help: str,
    *,
    unit: str = "1",
    display: str | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    result: str | None = None,
    trace: Sequence[str] = (),
) -> Any:
    """Declare one parameter: SI default, one line of help, SI unit, display unit, inclusive limits.

    `above` is an exclusive lower limit (for times and steps that must not be zero). All limits are SI. `result`
    names the result of another run that may be given instead of a number. `trace` lists the SI units that a curve
    against time may have ("1" for one without dimension) which may be given as a CSV file: the parameters are then
    handed a Trace under this name, and turn it into a value of their own.
    """
    return Field(
        default,
        description=help,
        ge=low,
        le=high,
        gt=above,
        json_schema_extra={"unit": unit, "display": display or unit, "result": result, "trace": list(trace)},
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve against time that a person drew or measured: `times` (s) that increase, `values` in `unit` (SI)."""

    times: Sequence[float]
    values: Sequence[float]
    unit: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the data: its name, SI unit, one line of meaning and number type."""

    name: str
    unit: str
    help: str
    dtype: Literal["float64", "int64"] = "float64"
    display: str | None = None


class Row(dict[str, float]):
    """One row of data: a value (SI) for every column of the protocol."""


@dataclass(frozen=True, slots=True)
class Result:
    """A number that the analysis reports, with its standard uncertainty, both in `unit` (SI).

    `limit` is "upper" where the value is an upper limit only, "lower" where a lower one. A value that cannot
    be found is NaN (so is its uncertainty) and `note` says why.
    """

    value: float
    uncertainty: float
    unit: str
    help: str
    display: str | None = None
    limit: Literal["", "upper", "lower"] = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve that the analysis derived (a fit, a corrected branch), for the file and the figure."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    x_name: str
    x_unit: str
    y_name: str
    y_unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Waveforms:
    """The waveforms that a run played, one below the other, for the file.

    `current` (A) has shape (rows, samples), `time` (s) is when each sample begins, from the start of its waveform;
    a row that is shorter than the longest is continued by 0 A, where the source stays. `at` holds what tells the
    rows apart and `axis` says what that is.
    """

    axis: Column
    at: NDArray[np.float64]
    time: NDArray[np.float64]
    current: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an analysis gives back: named results, derived curves, and warnings for the reader."""

    results: Mapping[str, Result]
    curves: Mapping[str, Curve] = field(default_factory=dict[str, "Curve"])
    warnings: Sequence[str] = ()


class Lab(Protocol):
    """What a protocol is handed: the instruments by role, and time. The engine provides it."""

    @property
    def source(self) -> PulseSource: ...  # noqa: D102
    @property
    def voltmeter(self) -> Voltmeter: ...  # noqa: D102
    @property
    def lockin(self) -> LockIn: ...  # noqa: D102
    @property
    def magnet_x(self) -> FieldSource: ...  # noqa: D102
    @property
    def magnet_y(self) -> FieldSource: ...  # noqa: D102
    @property
    def magnet_z(self) -> FieldSource: ...  # noqa: D102

    def has(self, role: RoleName) -> bool:
        """Return True where the station fills a role; one of `optional_roles` it may not."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass on the station's clock (wall or virtual)."""
        ...

    def now(self) -> float:
        """Seconds on the station's clock since the run started."""
        ...

    def note(self, text: str) -> None:
        """Write a line into the run's log."""
        ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """The largest magnitudes a request will ask for: what limits are checked against before the first byte.

    `current` in A, `compliance` in V, `mu0_H` in T for each magnet role, `pulses` the number of current pulses. A
    magnet that stands here and not among the protocol's roles is needed for this request only.
    """

    current: float
    compliance: float
    mu0_H: Mapping[str, float]
    pulses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What the rows of a file mean, however they came about: everything that `plot` and `analyse` need.

    analyse(data, p) works from the columns and parameters alone; draw(axes, data, analysis, **style) draws what
    the paper draws on a matplotlib Axes (keyword arguments `label` and `color` let several files share one
    picture). `more_pictures` are drawn alike, each under the name of the first picture with its own added.
    `signal`, `axis` name the columns of the default plot. `text` is the module's docstring: a caption and the
    methods section.
    """

    name: str
    version: str
    text: str | None
    parameters: type[ParameterSet]
    columns: Sequence[Column]
    signal: str
    axis: str
    analyse: Callable[[Any, Any], Analysis]
    draw: Callable[..., None]
    more_pictures: Mapping[str, Callable[..., None]] = field(default_factory=dict[str, Callable[..., None]])

    @property
    def caption(self) -> str:
        """The first line of the text, without its full stop."""
        return (self.text or "").partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """The methods section: the text after its first line."""
        return (self.text or "").partition("\n")[2].strip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementProtocol(Method):
    """A method that measures, as labctl knows it: everything that `run` and `describe` need besides.

    measure(lab, p) yields rows; n_rows(p) says how many; envelope(p) what will be asked of the station.
    `optional_roles` are filled where the station can; `Lab.has` tells. `waveforms(data, p)` gives the waveforms
    behind the rows in data, for the file; None where there are none.
    """

    roles: Sequence[RoleName]
    measure: Callable[[Lab, Any], Iterator[Row]]
    n_rows: Callable[[Any], int]
    envelope: Callable[[Any], Envelope]
    optional_roles: Sequence[RoleName] = ()
    waveforms: Callable[[Data, Any], Waveforms | None] | None = None
