"""Runs for other programs: CSV that Origin, Excel and pandas read, or one clean HDF5 file of several runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import RequestError
from labctl.newfile import check_writable, publish
from labctl.runfile import Run, read_run

if TYPE_CHECKING:
    from labctl.record import Quantity
    from protocols.vocabulary import Result

_COMMENT_WIDTH = 200  # a sample file as a whole is for the run's own file, not for a line of a CSV


def export(paths: Sequence[Path], to: str, output: Path | None = None) -> list[Path]:
    """Export runs and return the files made; everything is SI and carries its unit.

    to="csv"    one file for each run: beside it, in the directory `output`, or, for a single run, `output`.
    to="h5"     one file for all runs, an NXentry each: `output`, or <run>_export.h5 beside a single run.

    RequestError for anything else, and where a file of that name exists already; nothing is written then.
    """
    if not paths:
        raise RequestError("an export must be given at least one run; got none. Nothing was written.")
    if to == "csv":
        targets = _csv_targets(paths, output)
        for target in targets:
            check_writable(target)
        texts = [_csv(read_run(path)) for path in paths]
        return [publish(text.encode(), target) for text, target in zip(texts, targets, strict=True)]
    if to == "h5":
        if output is None and len(paths) > 1:
            raise RequestError(
                "an HDF5 export of several runs must be given a name (-o). Nothing was written."
            )
        target = output or paths[0].with_name(f"{paths[0].stem}_export.h5")
        check_writable(target)
        return [publish(_hdf5([read_run(path) for path in paths]), target)]
    raise RequestError(f'the format of an export must be "csv" or "h5"; got {to!r}. Nothing was written.')


def _csv_targets(paths: Sequence[Path], output: Path | None) -> list[Path]:
    if output is None:
        targets = [path.with_suffix(".csv") for path in paths]
    elif output.is_dir():
        targets = [output / f"{path.stem}.csv" for path in paths]
    elif len(paths) == 1:
        targets = [output]
    else:
        raise RequestError(
            f"{output} must be a directory for {len(paths)} runs; it is not. Nothing was written."
        )
    if len(set(targets)) < len(targets):
        raise RequestError("runs exported together must differ in name; two do not. Nothing was written.")
    return targets


def _csv(run: Run) -> str:
    import pandas as pd

    table = pd.DataFrame(
        {f"{column.name} ({column.unit})": run.columns[column.name] for column in run.described}
    )
    comments = "".join(f"# {line}\n" for line in _comments(run))
    return comments + table.to_csv(index=False, na_rep="NaN", lineterminator="\n")


def _comments(run: Run) -> Iterator[str]:
    facts = {
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
    for name, text in facts.items():
        # One line, and one cell for a program that splits at commas: a cell beginning with "=" is a formula.
        line = " ".join(f"{name}: {text}".split()).replace(",", ";")
        yield line if len(line) <= _COMMENT_WIDTH else f"{line[:_COMMENT_WIDTH]} ..."


def _said(quantity: Quantity) -> str:
    return f"{quantity.value} {quantity.unit}" if quantity.unit not in (None, "1") else str(quantity.value)


def _result(result: Result) -> str:
    limit = {"": "", "upper": "<= ", "lower": ">= "}[result.limit]
    return f"{limit}{result.value!r} +- {result.uncertainty!r} {result.unit} {result.note}"


def _hdf5(runs: Sequence[Run]) -> bytes:
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
