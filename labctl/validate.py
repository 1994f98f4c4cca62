"""`labctl validate`: does a file hold what the layout of a run promises, and do viewers find its default plot?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

import click

from labctl import hdf5, manifest, nexus, plots, readback, recovery, runfile, untrusted
from labctl.errors import ClaimError, DataError
from labctl.plots import Finding, is_group, text_of
from labctl.record import Status

_STATUS: Final = {"running", *get_args(Status)}

#: What every run has, and the class where it is a group (design of the file, format 1).
_REQUIRED: Final = {
    "title": "", "start_time": "", "end_time": "", "duration": "", "clock": "", "entry_identifier_uuid": "",
    "program_name": "", "status": "", "seed": "", "data": "NXdata", "protocol": "NXcollection",
    "protocol/name": "", "protocol/version": "", "protocol/caption": "", "protocol/source": "",
    "protocol/json": "", "protocol/parameters": "NXparameters", "sample": "NXsample",
    "instrument": "NXinstrument", "wire": "NXcollection", "log": "NXcollection",
    "manifest": "NXnote", "manifest/sha256": "",
}  # fmt: skip
_TABLES: Final = ("data", "wire", "log")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a file: its kind, its default plot ("R_xy against mu0_H_z"; "" for none), what is wrong.

    `unreadable` says why the file could not be looked at; everything else is empty then.
    """

    path: Path
    kind: str = ""
    plot: str = ""
    findings: Sequence[Finding] = ()
    unreadable: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and not self.unreadable


def validate(path: Path) -> Verdict:
    """Walk a whole file; a run of labctl is held to all of its layout, another file to its default plot."""
    try:
        if (told := recovery.settle(path)) is not None:
            raise DataError(f"{path} must be a run that has ended; process {told.pid} is measuring it.")
        with untrusted.opened(path, linked=True) as file:
            if "labctl_format" not in file.attrs:
                return _foreign(path, file)
        with untrusted.opened(path) as file:
            version = file.attrs["labctl_format"]
            found, findings = _plots(file)
            findings += _check_run(file)
        if not findings or version != nexus.FORMAT:  # of a newer format nothing is known here
            runfile.read_run(path, verify=False)
    except DataError as error:
        return Verdict(path, unreadable=str(error))
    return Verdict(path, f"run of labctl, format {version}", found.text, findings)


def _foreign(path: Path, file: hdf5.Node) -> Verdict:
    found, findings = _plots(file)
    classes = (text_of(node.attrs.get("NX_class")) for _, node in untrusted.objects(file, linked=True))
    is_nexus = any(nx_class.startswith("NX") for nx_class in classes)
    return Verdict(path, "NeXus file" if is_nexus else "HDF5 file", found.text, findings)


def _plots(file: hdf5.Node) -> tuple[plots.Plot, list[Finding]]:
    found = plots.default_plot(file)
    groups = (node for _, node in untrusted.objects(file, linked=True))
    return found, list(dict.fromkeys([*found.findings, *plots.check_all(groups)]))


def command(paths: Sequence[Path], as_json: bool) -> None:
    """Validate files, or all HDF5 files below a folder, and print what was found; the error says how it ends.

    DataError where a file cannot be read, ClaimError where something does not hold.
    """
    from labctl import tables

    files = [file for path in paths for file in (recovery.runs_below(path) if path.is_dir() else [path])]
    if not files:
        raise DataError(f"{', '.join(map(str, paths))} must hold HDF5 files; there are none.")
    verdicts = [validate(file) for file in files]
    if as_json:
        tables.as_json({"files": [_plain(verdict) for verdict in verdicts]})
    else:
        for line in (line for verdict in verdicts for line in _lines(verdict)):
            click.echo(line)
    unreadable = [verdict for verdict in verdicts if verdict.unreadable]
    failed = [verdict for verdict in verdicts if not verdict.holds]
    if unreadable:
        raise DataError(f"{len(unreadable)} of {len(files)} file(s) could not be read.")
    if failed:
        raise ClaimError(f"{len(failed)} of {len(files)} file(s) are not what they must be.")


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "file": verdict.path,
        "kind": verdict.kind,
        "holds": verdict.holds,
        "default_plot": verdict.plot or None,
        "findings": [finding._asdict() for finding in verdict.findings],
        "unreadable": verdict.unreadable or None,
    }


def _lines(verdict: Verdict) -> Iterator[str]:
    if verdict.unreadable:
        yield f"{verdict.path}: NOT READABLE: {verdict.unreadable}"
        return
    plot = verdict.plot or "no default plot"
    yield f"{verdict.path}: {'holds' if verdict.holds else 'DOES NOT HOLD'}: {verdict.kind}, {plot}"
    for finding in verdict.findings:
        yield f"  {finding.where} {finding.text}"


# --- a run of labctl ----------------------------------------------------------------------------------


def _check_run(file: hdf5.Node) -> Iterator[Finding]:
    for where, node in manifest.walk(file):
        yield from _check_group(where, node) if is_group(node) else _check_dataset(where, node)
    entry = file.get("entry")
    if entry is None:
        yield Finding("/entry", "must be there")
        return
    present: dict[str, hdf5.Node] = {}
    for name, nx_class in _REQUIRED.items():
        if name not in entry:
            yield Finding(f"/entry/{name}", "must be there")
        elif is_group(entry[name]) != bool(nx_class):
            yield Finding(f"/entry/{name}", f"must be a {'group' if nx_class else 'dataset'}")
        elif nx_class and text_of(entry[name].attrs.get("NX_class")) != nx_class:
            yield Finding(f"/entry/{name}", f"must be of class {nx_class}")
        else:
            present[name] = entry[name]
    yield from _check_identity(present)
    yield from _check_tables({name: present[name] for name in _TABLES if name in present})
    yield from _check_results(entry)
    if "manifest/sha256" in present:
        yield from _check_manifest(file)


def _check_group(where: str, group: hdf5.Node) -> Iterator[Finding]:
    nx_class = text_of(group.attrs.get("NX_class"))
    if not re.fullmatch("NX[a-z]+", nx_class):
        yield Finding(where, f"must have an NX_class; got {nx_class!r}")


def _check_dataset(where: str, dataset: hdf5.Node) -> Iterator[Finding]:
    if dataset.dtype.kind not in "OS":
        for name in ("units", "long_name"):
            if not text_of(dataset.attrs.get(name)):
                yield Finding(where, f"must have the attribute {name}")
    elif text_of(dataset.attrs.get("encoding")) == "json" and not _is_json(dataset):
        yield Finding(where, "must be JSON, as its attribute encoding says")
    if dataset.chunks is not None and not dataset.fletcher32:
        yield Finding(where, "must have a fletcher32 check sum on its chunks")


def _check_identity(entry: Mapping[str, hdf5.Node]) -> Iterator[Finding]:
    for name in {"start_time", "end_time"} & entry.keys():
        text = text_of(entry[name][()])
        try:
            aware = datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            yield Finding(f"/entry/{name}", f"must be a time in ISO 8601 with its offset; got {text!r}")
    if "status" in entry:
        status = text_of(entry["status"][()])
        if status not in _STATUS:
            yield Finding("/entry/status", f"must be one of {', '.join(sorted(_STATUS))}; got {status!r}")
    for name, attribute in {"program_name": "version", "status": "reason"}.items():
        if name in entry and attribute not in entry[name].attrs:
            yield Finding(f"/entry/{name}", f"must have the attribute {attribute}")


def _check_tables(tables: Mapping[str, hdf5.Node]) -> Iterator[Finding]:
    for name, table in tables.items():
        columns = [column for column in table.values() if not is_group(column)]
        lengths = {column.shape for column in columns}
        if len(lengths) != 1 or len(lengths.pop() or ()) != 1:
            yield Finding(f"/entry/{name}", "must have columns of one length")
        elif len(columns) > 1:
            for column in columns:
                if not column.is_scale and not len(column.dims[0]):
                    yield Finding(column.name, "must have the dimension scale of its group attached")


def _check_results(entry: hdf5.Node) -> Iterator[Finding]:
    names = map(readback.analysis_name, range(1, readback.newest_analysis(entry) + 1))
    found = [entry[name] for name in names if name in entry and is_group(entry[name])]
    for result in (result for analysis in found for result in analysis.values()):
        if not is_group(result) and result.dtype.kind not in "OS" and "uncertainty" not in result.attrs:
            yield Finding(result.name, "must have the attribute uncertainty")


def _check_manifest(file: hdf5.Node) -> Iterator[Finding]:
    try:
        for where in manifest.changes(file):
            yield Finding(where, "must be as the run left it; it was altered, or is gone")
    except (ValueError, LookupError, TypeError, AttributeError):
        yield Finding(manifest.PATH, "must be a JSON object of check sums")


def _is_json(dataset: hdf5.Node) -> bool:
    try:
        json.loads(dataset[()])
    except ValueError:
        return False
    return True
