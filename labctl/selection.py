"""Some columns of a run, in the units a person asks for: what an export takes before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from labctl import door
from labctl.errors import RequestError
from labctl.record import Quantity
from labctl.spelling import suggest

if TYPE_CHECKING:
    from labctl.runfile import Run
    from protocols.vocabulary import Column, Curve, Result, Waveforms


@dataclass(frozen=True, slots=True)
class Selection:
    """`columns` in the order wanted (none: all of them) and a unit for each name in `units`.

    A name stands for the column, the parameter, the result and the value of the sample that are called so, and
    for the axis of a curve that is drawn against or of such a column.
    """

    columns: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if len(set(self.columns)) < len(self.columns):
            raise RequestError(
                f"every column must be named once; got {', '.join(self.columns)}. Nothing was written."
            )

    def of(self, run: Run) -> Run:
        """Return the run with the chosen columns only, everything in the chosen units.

        The default plot stays where its columns do; else the first other column takes the place. A number that
        is given another unit is a float64. RequestError where the run lacks a column, or a unit is of another kind.
        """
        described = self._chosen(run)
        names = [column.name for column in described]
        signal, axis = _default_plot(names, run.signal, run.axis)
        whole = {column.name: column.unit for column in run.described}

        def curve(stored: Curve) -> Curve:
            # a curve's axis may be called as a column and be another quantity, as R_xy in parts of its height
            x_name = stored.x_name if whole.get(stored.x_name) == stored.x_unit else ""
            y_name = stored.y_name if whole.get(stored.y_name) == stored.y_unit else ""
            x, x_unit = self._values(x_name, stored.x, stored.x_unit)
            y, y_unit = self._values(y_name, stored.y, stored.y_unit)
            return replace(stored, x=x, x_unit=x_unit, y=y, y_unit=y_unit)

        return replace(
            run,
            described=[self._column(column) for column in described],
            columns={
                column.name: self._values(column.name, run.columns[column.name], column.unit)[0]
                for column in described
            },
            signal=signal,
            axis=axis,
            parameters={name: self._quantity(name, value) for name, value in run.parameters.items()},
            sample={name: self._quantity(name, value) for name, value in run.sample.items()},
            results={name: self._result(name, value) for name, value in run.results.items()},
            curves={name: curve(value) for name, value in run.curves.items()},
            waveforms=run.waveforms and self._waveforms(run.waveforms),
        )

    def _chosen(self, run: Run) -> Sequence[Column]:
        known = {column.name: column for column in run.described}
        for name in self.columns:
            if name not in known:
                raise RequestError(
                    f"the columns must be of {', '.join(known)} in {run.path}; "
                    f"got {name!r}{suggest(name, known)}. Nothing was written."
                )
        return [known[name] for name in self.columns] or run.described

    def _column(self, column: Column) -> Column:
        unit = self.units.get(column.name, column.unit)
        return column if unit == column.unit else replace(column, unit=unit, dtype="float64", display=None)

    def _values(self, name: str, values: Any, unit: str) -> tuple[Any, str]:
        scale = door.scale_to(unit, self.units.get(name, unit), name)
        return (values, unit) if scale.unit == unit else (scale.of(values), scale.unit)

    def _quantity(self, name: str, quantity: Quantity) -> Quantity:
        if quantity.unit is None:
            return quantity
        if isinstance(quantity.value, list):
            values = [self._values(name, value, quantity.unit)[0] for value in quantity.value]
        else:
            values = self._values(name, quantity.value, quantity.unit)[0]
        return Quantity(values, self.units.get(name, quantity.unit), quantity.help)

    def _result(self, name: str, result: Result) -> Result:
        scale = door.scale_to(result.unit, self.units.get(name, result.unit), name)
        if scale.unit == result.unit:
            return result
        return replace(
            result,
            value=scale.of(result.value),
            uncertainty=scale.of_difference(result.uncertainty),
            unit=scale.unit,
            display=None,
        )

    def _waveforms(self, waveforms: Waveforms) -> Waveforms:
        at, unit = self._values(waveforms.axis.name, waveforms.at, waveforms.axis.unit)
        return replace(waveforms, at=at, axis=replace(waveforms.axis, unit=unit))


def selection(columns: Sequence[str], units: Sequence[str]) -> Selection:
    """Read `--columns a,b` and `--unit NAME=UNIT`, each given any number of times."""
    names = [name.strip() for text in columns for name in text.split(",") if name.strip()]
    if columns and not names:
        raise RequestError(f"--columns must name columns; got {', '.join(columns)!r}. Nothing was written.")
    wanted: dict[str, str] = {}
    for text in units:
        name, _, unit = (part.strip() for part in text.partition("="))
        if not name or not unit or name in wanted:
            raise RequestError(
                f"--unit must be NAME=UNIT, as mu0_H_x=Oe, once for each name; got {text!r}. Nothing was written."
            )
        wanted[name] = unit
    return Selection(names, wanted)


def names_with_units(run: Run) -> set[str]:
    """Every name of a run that `--unit` can be given for."""
    quantities = {**run.sample, **run.parameters}
    return {column.name for column in run.described} | run.results.keys() | {
        name for name, value in quantities.items() if value.unit is not None
    }  # fmt: skip


def _default_plot(names: Sequence[str], signal: str, axis: str) -> tuple[str, str]:
    if signal not in names:
        signal = next((name for name in names if name != axis), names[0])
    if axis not in names:
        axis = next((name for name in names if name != signal), names[0])
    return signal, axis
