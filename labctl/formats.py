"""A run in the formats of other programs, as bytes: CSV, JSON, Parquet, netCDF-4, and clean HDF5 of one or many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from labctl import datasets
from labctl.errors import RequestError
from labctl.names import as_cell

if TYPE_CHECKING:
    from labctl.record import Quantity
    from labctl.runfile import Run
    from protocols.vocabulary import Result

_COMMENT_WIDTH = 200  # a sample file as a whole is for the run's own file, not for a line of a CSV

JSON_VERSION: Final = 1
"""Version of the JSON object, under its key `labctl_export`; a change that breaks a reader raises it."""


def check(kind: str) -> None:
    """Raise RequestError where there is no such format, or what writes it is not installed."""
    if kind not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise RequestError(
            f"the format of an export must be one of {known}; got {kind!r}. Nothing was written."
        )
    if kind == "parquet" and find_spec("pyarrow") is None:
        raise RequestError(
            "an export to Parquet must have pyarrow, which is not installed: pip install 'labctl[parquet]'. "
            "Nothing was written."
        )


# --- CSV ----------------------------------------------------------------------------------------------


def csv(run: Run) -> bytes:
    """Return the columns under one header row, each called "name (unit)"; what else there is, in comment lines."""
    import pandas as pd

    table = pd.DataFrame({column.name: run.columns[column.name] for column in run.described})
    head = [as_cell(f"{column.name} ({column.unit})") for column in run.described]
    comments = "".join(f"# {line}\n" for line in _comments(run))
    return (comments + table.to_csv(index=False, header=head, na_rep="NaN", lineterminator="\n")).encode()


def _comments(run: Run) -> Iterator[str]:
    lines = {
        "title": run.title,
        "protocol": f"{run.protocol} {run.protocol_version}",
        "status": f"{run.status} {run.reason}",
        "start": run.start_time.isoformat(),
        "run": run.uuid,
        "program": f"labctl {run.program_version}",
        **{f"sample {name}": _said(value) for name, value in run.sample.items()},
        **{f"parameter {name}": _said(value) for name, value in run.parameters.items()},
        **{f"result {name}": _result(value) for name, value in run.results.items()},
    }
    for name, text in lines.items():
        # One line, and one cell for a program that splits at commas: a cell beginning with "=" is a formula.
        line = as_cell(" ".join(f"{name}: {text}".split()).replace(",", ";"))
        yield line if len(line) <= _COMMENT_WIDTH else f"{line[:_COMMENT_WIDTH]} ..."


def _said(quantity: Quantity) -> str:
    return f"{quantity.value} {quantity.unit}" if quantity.unit not in (None, "1") else str(quantity.value)


def _result(result: Result) -> str:
    limit = {"": "", "upper": "<= ", "lower": ">= "}[result.limit]
    return f"{limit}{result.value!r} +- {result.uncertainty!r} {result.unit} {result.note}"


# --- JSON ---------------------------------------------------------------------------------------------


def json(run: Run) -> bytes:
    """Return one JSON object (UTF-8): what `description` says, with the numbers of each column and curve.

    `columns` {name: {"unit", "help", "values": [...]}}, `curves` {name: {"help", "x": {"name", "unit", "values"},
    "y": likewise}}. A float is written so that the same float is read; NaN is null, an infinity the text
    "Infinity" or "-Infinity", which float() and Number() read.
    """
    from labctl import tables

    columns = {
        name: column | {"values": run.columns[name].tolist()}
        for name, column in description(run)["columns"].items()
    }
    curves = {
        name: {
            "help": curve.help,
            "x": {"name": curve.x_name, "unit": curve.x_unit, "values": curve.x.tolist()},
            "y": {"name": curve.y_name, "unit": curve.y_unit, "values": curve.y.tolist()},
        }
        for name, curve in run.curves.items()
    }
    return tables.json_text(_sayable(description(run) | {"columns": columns, "curves": curves})).encode()


def description(run: Run) -> dict[str, Any]:
    """Say everything of a run but its numbers, as plain data.

    `labctl_export` (the version of this object), title, status, reason, start_time, end_time (ISO 8601 with
    offset), uuid, protocol, protocol_version, program, seed, `duration`, `default_plot` {"signal", "axis"},
    `sample` and `parameters` {name: {"value", "unit" (null where it is no number), "help"}}, `results` {name:
    {"value", "uncertainty", "unit", "help", and "limit", "note" where there is one}}, `warnings`, `columns` {name:
    {"unit", "help"}} in order.
    """
    from labctl import tell

    results = tell.result_json(run.results)
    return {
        "labctl_export": JSON_VERSION,
        **datasets.facts(run),
        "seed": run.seed,
        "duration": {"value": run.duration, "unit": "s"},
        "default_plot": {"signal": run.signal, "axis": run.axis},
        "sample": {name: value._asdict() for name, value in run.sample.items()},
        "parameters": {name: value._asdict() for name, value in run.parameters.items()},
        "results": {name: found | {"help": run.results[name].help} for name, found in results.items()},
        "warnings": list(run.warnings),
        "columns": {column.name: {"unit": column.unit, "help": column.help} for column in run.described},
    }


def _sayable(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: _sayable(part) for key, part in value.items()}
    return [_sayable(part) for part in value] if isinstance(value, list) else value


# --- Parquet ------------------------------------------------------------------------------------------


def parquet(run: Run) -> bytes:
    """Return a Parquet file: a column each, with `unit` and `help` in the metadata of its field.

    The schema's metadata has `labctl`, the JSON of `description`, and what pandas gives back as `DataFrame.attrs`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from labctl import tables

    arrow: Any = pa
    fields = [
        arrow.field(
            column.name,
            arrow.from_numpy_dtype(run.columns[column.name].dtype),
            nullable=False,
            metadata={"unit": column.unit, "help": column.help},
        )
        for column in run.described
    ]
    metadata = {
        "labctl": tables.json_text(_sayable(description(run))),
        "PANDAS_ATTRS": tables.json_text(
            {str(name): fact for name, fact in datasets.frame(run).attrs.items()}
        ),
    }
    # from numpy, not from pandas, which would make every NaN a missing value
    table = arrow.table(
        [arrow.array(run.columns[column.name]) for column in run.described],
        schema=arrow.schema(fields, metadata=metadata),
    )
    sink = arrow.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue().to_pybytes()


# --- HDF5 ---------------------------------------------------------------------------------------------


def h5(*runs: Run) -> bytes:
    """Return one HDF5/NeXus file with an NXentry for each run: columns, parameters, sample, results, curves."""
    from labctl import hdf5, nexus

    with nexus.in_memory() as file:
        taken: set[str] = set()
        for run in runs:
            name = _free(run.path.stem, taken)
            _write_run(hdf5.root_entry(file, name), run)
        return nexus.to_bytes(file)


def _free(name: str, taken: set[str]) -> str:
    candidates: Iterator[str] = (
        name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2)
    )
    free = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(free)
    return free


def _write_run(entry: Any, run: Run) -> None:
    from labctl import hdf5, nexus
    from protocols.vocabulary import Analysis

    hdf5.text(entry, "title", run.title)
    hdf5.text(entry, "start_time", run.start_time.isoformat())
    hdf5.text(entry, "end_time", run.end_time.isoformat())
    hdf5.text(entry, "entry_identifier_uuid", run.uuid)
    hdf5.text(entry, "program_name", "labctl").attrs["version"] = run.program_version
    hdf5.text(entry, "status", run.status).attrs["reason"] = run.reason
    hdf5.text(entry, "protocol", run.protocol).attrs["version"] = run.protocol_version
    nexus.write_data(entry, run.described, run.columns, run.signal, run.axis)
    if run.waveforms is not None:
        nexus.write_waveforms(entry, run.waveforms)
    nexus.write_quantities(entry, "parameters", "NXparameters", run.parameters)
    nexus.write_quantities(entry, "sample", "NXsample", run.sample)
    nexus.write_analysis(entry, Analysis(run.results, run.curves, run.warnings))


#: What each format's files end in.
ENDINGS: Final = {
    "csv": ".csv", "h5": ".h5", "json": ".json", "netcdf": ".nc", "parquet": ".parquet",
}  # fmt: skip

WRITERS: Final[Mapping[str, Callable[[Run], bytes]]] = {
    "csv": csv, "h5": h5, "json": json, "netcdf": datasets.netcdf, "parquet": parquet,
}  # fmt: skip
"""Writers of one run; `h5` takes any number."""
