"""A run as xarray and pandas know data: columns with unit and meaning, everything else in groups beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labctl import hdf5

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from labctl.record import Quantity
    from labctl.runfile import Run
    from protocols.vocabulary import Curve, Result


def facts(run: Run) -> dict[str, str]:
    """What a run says of itself in words: title, status, times, protocol, program."""
    return {
        "title": run.title,
        "status": run.status,
        "reason": run.reason,
        "start_time": run.start_time.isoformat(),
        "end_time": run.end_time.isoformat(),
        "uuid": run.uuid,
        "protocol": run.protocol,
        "protocol_version": run.protocol_version,
        "program": f"labctl {run.program_version}",
    }


def dataset(run: Run) -> xr.Dataset:
    """Return the columns on one dimension, rows in the order they were measured, as the run's file opens in xarray.

    The axis of the default plot is the coordinate; it goes up and down where the measurement did. Attributes
    `units` and `long_name` on each variable, the facts of the run on the whole.
    """
    import xarray as xr

    variables = {
        hdf5.link_name(column.name): (
            hdf5.link_name(run.axis),
            run.columns[column.name],
            {"units": column.unit, "long_name": column.help},
        )
        for column in run.described
    }
    return xr.Dataset(variables, attrs=facts(run))


def frame(run: Run) -> pd.DataFrame:
    """Return the columns as a table; attrs has `units` and `long_names` by column, and the facts of the run."""
    import pandas as pd

    made = pd.DataFrame(dict(run.columns))
    made.attrs = {
        "units": {column.name: column.unit for column in run.described},
        "long_names": {column.name: column.help for column in run.described},
        **facts(run),
    }
    return made


def netcdf(run: Run) -> bytes:
    """Return a netCDF-4 file of a run.

    The columns lie in the root group as in `dataset`, parameters, sample and results (attribute `uncertainty`) in
    groups of those names, each curve of the analysis in a group under `curves`.
    """
    import xarray as xr

    groups = {
        "/": dataset(run),
        "parameters": _values(run.parameters),
        "sample": _values(run.sample),
        "results": xr.Dataset({hdf5.link_name(name): _result(value) for name, value in run.results.items()}),
        **{f"curves/{hdf5.link_name(name)}": _curve(name, curve) for name, curve in run.curves.items()},
    }
    for group in groups.values():
        for variable in group.variables.values():
            variable.encoding |= _stored(variable)
    # in memory, because HDF5 answers a full disk with a crash of the interpreter
    return bytes(xr.DataTree.from_dict(groups).to_netcdf(None, engine="h5netcdf"))


def _stored(variable: xr.Variable) -> dict[str, Any]:
    fill: dict[str, Any] = {} if variable.dtype.kind != "f" else {"_FillValue": None}  # NaN is a reading
    return fill | (
        {"zlib": True, "fletcher32": True} if variable.size > 1 and variable.dtype.kind in "fi" else {}
    )


def _values(quantities: Mapping[str, Quantity]) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset({hdf5.link_name(name): _value(name, value) for name, value in quantities.items()})


def _value(name: str, quantity: Quantity) -> tuple[Any, Any, dict[str, str]]:
    if quantity.unit is None:
        if isinstance(quantity.value, str):
            return (), hdf5.clean(quantity.value).decode(), {}
        return (), json.dumps(quantity.value, ensure_ascii=False), {"format": "json"}
    dimensions = (f"{hdf5.link_name(name)}_item",) if isinstance(quantity.value, list) else ()
    return dimensions, quantity.value, {"units": quantity.unit, "long_name": quantity.help}


def _result(result: Result) -> tuple[Any, float, dict[str, Any]]:
    attributes = {"units": result.unit, "long_name": result.help, "uncertainty": result.uncertainty}
    more = {"limit": result.limit, "note": result.note}
    return (), result.value, attributes | {name: text for name, text in more.items() if text}


def _curve(name: str, curve: Curve) -> xr.Dataset:
    import xarray as xr

    # a dimension of its own: the root's of that name is inherited and has another length
    point = f"{hdf5.link_name(name)}_point"
    x_name, y_name = hdf5.link_name(curve.x_name), hdf5.link_name(curve.y_name)
    y_name = y_name if y_name != x_name else f"{y_name} (y)"
    return xr.Dataset(
        {y_name: (point, curve.y, {"units": curve.y_unit, "long_name": curve.y_name})},
        coords={x_name: (point, curve.x, {"units": curve.x_unit, "long_name": curve.x_name})},
        attrs={"title": curve.help},
    )
