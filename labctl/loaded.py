"""A run in a notebook: what `labctl.load` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Generic, TypeVar

from labctl import datasets, tell
from labctl.record import Quantity
from protocols.vocabulary import Result

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from labctl.runfile import Run


class Value(Quantity):
    """A stored value: `value` (SI), `unit` (None where it is no number), `help`; shown in the unit people use."""

    __slots__ = ()

    def __repr__(self) -> str:
        return tell.shown(self)

    def __float__(self) -> float:
        return float(self.value)


@dataclass(frozen=True, slots=True, repr=False)
class Found(Result):
    """A result: `value`, `uncertainty` (both in `unit`, SI), `help`, `limit`, `note`; shown in the display unit."""

    def __repr__(self) -> str:
        return tell.result_text(self)

    def __float__(self) -> float:
        return self.value


_Shown = TypeVar("_Shown", Value, Found)


class Named(dict[str, _Shown], Generic[_Shown]):
    """Values by name, shown as a table: name, value, meaning."""

    def __repr__(self) -> str:
        wide, long = (max(map(len, column), default=0) for column in (self, [repr(v) for v in self.values()]))
        return "\n".join(
            f"{name:<{wide}}  {value!r:<{long}}  {value.help}".rstrip() for name, value in self.items()
        )

    def html(self) -> str:
        """Return the table in HTML."""
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(repr(value))}</td>"
            f"<td {left}>{escape(value.help)}</td></tr>"
            for name, value in self.items()
        )
        return f"<table>{rows}</table>"

    def _repr_html_(self) -> str:
        return self.html()


class LoadedRun:
    """A run as its file tells it, for people who look at data; numbers are SI, fields mu0*H in tesla.

    `run` is everything that was stored: log, instruments, settings, curves of the analysis.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def data(self) -> xr.Dataset:
        """The columns with `units` and `long_name`, the axis of the default plot as coordinate (xarray)."""
        return datasets.dataset(self.run)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The columns as a table (pandas); `frame.attrs["units"]` has the unit of each."""
        return datasets.frame(self.run)

    @cached_property
    def parameters(self) -> Named[Value]:
        """The parameters by name."""
        return Named({name: Value(*value) for name, value in self.run.parameters.items()})

    @cached_property
    def results(self) -> Named[Found]:
        """The results that were stored, by name; none where no analysis was."""
        return Named({name: _found(value) for name, value in self.run.results.items()})

    def figure(self, name: str = "") -> Figure:
        """Draw the run as `labctl plot` does; `name` is one of the protocol's further pictures."""
        from labctl import figures

        return figures.of_run(self.run, name)

    def __repr__(self) -> str:
        run = self.run
        columns = ", ".join(f"{column.name} ({column.unit})" for column in run.described)
        return "\n".join(
            [
                f"{self._headline()}\n{run.path}",
                f"columns: {columns}",
                f"results:\n{self.results!r}" if self.results else "no results",
                ".data (xarray)  .frame (pandas)  .parameters  .results  .figure()  .run (all that was stored)",
            ]
        )

    def _repr_html_(self) -> str:
        parameters = f"<summary>{len(self.parameters)} parameters</summary>{self.parameters.html()}"
        return (
            f"<p><b>{escape(self._headline())}</b><br><code>{escape(str(self.run.path))}</code></p>"
            f"{self.results.html()}<details>{parameters}</details>"
        )

    def _headline(self) -> str:
        run = self.run
        status = f"{run.status} ({run.reason})" if run.reason else run.status
        return f"{run.title}: {status}, {run.rows} rows, {run.start_time.isoformat(timespec='seconds')}"


def _found(result: Result) -> Found:
    return Found(
        result.value, result.uncertainty, result.unit, result.help, result.display, result.limit, result.note
    )
