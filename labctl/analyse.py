"""`labctl analyse`: the results of a stored run found anew, beside the stored ones or as a new part of its file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import __version__, manifest, newfile, nexus, readback, registry, runfile, tables, tell, untrusted
from labctl.errors import DataError, RequestError
from labctl.request import make_parameters, quantities

if TYPE_CHECKING:
    from labctl.runfile import Run
    from protocols.vocabulary import Analysis, Method, ParameterSet


@dataclass(frozen=True, slots=True)
class Analysed:
    """A stored run with what the installed code finds in its rows."""

    run: Run
    method: Method
    parameters: ParameterSet
    analysis: Analysis

    @property
    def version(self) -> str:
        """The code that found it."""
        return f"{self.method.name} {self.method.version}, labctl {__version__}"


def analysed(run: Run) -> Analysed:
    """Analyse the rows of a stored run anew; DataError where they are not what the installed code knows.

    A parameter that the code has and the file has not takes its default: that is what it was before it existed.
    """
    method = registry.load_method(run.protocol)
    stored = {column.name: column for column in run.described}
    for column in method.columns:
        kept = stored.get(column.name)
        if kept is None or (kept.unit, kept.dtype) != (column.unit, column.dtype):
            raise _beyond(run, method, f"it has no column {column.name} ({column.unit}, {column.dtype})")
    try:
        parameters = make_parameters(method, {name: value.value for name, value in run.parameters.items()})
    except RequestError as error:
        raise _beyond(run, method, str(error).removesuffix(" Nothing was sent.").rstrip(".")) from error
    try:
        analysis = method.analyse(run.columns, parameters)
    except Exception as error:  # a method may come from anywhere, and rows from an altered file
        said = f"its rows cannot be analysed ({type(error).__name__}: {' '.join(str(error).split())})"
        raise _beyond(run, method, said) from error
    return Analysed(run, method, parameters, analysis)


def compare(path: Path, as_json: bool) -> None:
    """Show what the installed code finds in a stored run beside what its file says; the file stays as it is."""
    _tell(analysed(runfile.read_run(path)), as_json, group=None)


def again(path: Path, as_json: bool) -> None:
    """Analyse a stored run anew and put the analysis into its file, beside those that are there.

    A copy with the new group in it is written, verified against the file as it was, and takes its place as a whole;
    nothing else in it differs. RequestError where the file is write-protected or was changed meanwhile.
    """
    path = path.resolve()  # a link goes on pointing at the file
    seen = _writable(path)
    found = analysed(runfile.read_run(path))
    with untrusted.copied(path) as file:
        before = manifest.digests_of(file)
        group = readback.analysis_name(readback.newest_analysis(file["entry"]) + 1)
        nexus.add_analysis(
            file, group, found.analysis, found.version, datetime.now(UTC), quantities(found.parameters)
        )
        content = nexus.to_bytes(file)

    def verify(partial: Path) -> None:
        with untrusted.opened(partial) as file:
            after = manifest.digests_of(file)
            if manifest.changes(file) or {name: after.get(name) for name in before} != before:
                raise DataError(f"{path} could not be copied: the copy differs. It is as it was.")
        runfile.read_run(partial)

    newfile.replace(content, path, seen, verify)
    _tell(found, as_json, group)


def _writable(path: Path) -> os.stat_result:
    try:
        seen = os.stat(path)
    except OSError as error:
        raise DataError(f"{path} must be a file; {error.strerror}.") from error
    if not seen.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK):
        raise RequestError(f"{path} must be writable; it is write-protected. Nothing was written.")
    return seen


def _beyond(run: Run, method: Method, why: str) -> DataError:
    return DataError(
        f"{run.path} must have what {method.name} {method.version} analyses; it is of version "
        f"{run.protocol_version}: {why}. Its stored results are as they were."
    )


def _tell(found: Analysed, as_json: bool, group: str | None) -> None:
    run = found.run
    if as_json:
        tables.as_json(_plain(found, group))
        return
    now, stored = (
        {name: text for name, text, _ in tell.result_rows(results)}
        for results in (found.analysis.results, run.results)
    )
    meanings = {**run.results, **found.analysis.results}
    rows = [
        (name, now.get(name, ""), stored.get(name, ""), meanings[name].help) for name in {**now, **stored}
    ]
    if rows:
        tables.table(rows, ("result", "now", "stored", "meaning"))
    for warning in found.analysis.warnings:
        tables.say(f"warning: {warning}")
    tables.say(f"now     {found.version}")
    tables.say(f"stored  {run.analysis_version or 'nothing'}")
    if group:
        tables.say(f"file    {run.path}, analysis in /entry/{group}")


def _plain(found: Analysed, group: str | None) -> dict[str, Any]:
    run = found.run
    return {
        "file": run.path,
        "protocol": run.protocol,
        "rows": run.rows,
        "group": group,
        "version": found.version,
        "results": tell.result_json(found.analysis.results),
        "warnings": list(found.analysis.warnings),
        "stored": {"version": run.analysis_version, "results": tell.result_json(run.results)},
    }
