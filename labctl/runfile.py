"""Reading a run back from its file: everything that was stored, checked against the file's own manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from labctl import hdf5, manifest, nexus, untrusted
from labctl.errors import DataError
from labctl.record import Event, Instrument, Quantity, WireLine
from protocols.vocabulary import Column, Curve, Result, Waveforms

if TYPE_CHECKING:
    from numpy.typing import NDArray


_ANALYSIS: Final = re.compile(r"analysis(?:_([1-9]\d{0,5}))?")

MAX_LINES = 5_000_000
"""Lines of a table of text, wire or log, that are read: ten for each row of the longest run; our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnalysis:
    """One analysis of a run as its file keeps it: the name of its group, which code found it, and what it found.

    The first is of the end of the run, with the run's own parameters; each later one (`labctl analyse --again`) has
    its own `time` and `parameters`.
    """

    name: str
    version: str
    time: datetime
    parameters: Mapping[str, Quantity]
    results: Mapping[str, Result]
    curves: Mapping[str, Curve]
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as its file tells it; SI throughout.

    `columns` holds one array for each column (float64 or int64 as stored) and `described` its unit and
    meaning, both in the protocol's order; `signal` and `axis` name the default plot. `parameters` can be
    handed to the protocol again, as {name: quantity.value}. `station` is empty in a file that does not have it,
    `batch` in a run that belongs to none.
    `simulation` is None on hardware, `waveforms` where the protocol plays none. `analyses` are all that were
    stored, oldest first; `results`, `curves`, `warnings` and `analysis_version` are those of the newest, and empty
    where there is none.
    """

    path: Path
    title: str
    uuid: str
    status: str
    reason: str
    start_time: datetime
    end_time: datetime
    duration: float
    clock: str
    seed: int
    program_version: str
    protocol: str
    protocol_version: str
    caption: str
    source: str
    parameters: Mapping[str, Quantity]
    columns: Mapping[str, NDArray[np.float64]]
    described: Sequence[Column]
    signal: str
    axis: str
    sample: Mapping[str, Quantity]
    instruments: Mapping[str, Instrument]
    station: Mapping[str, Quantity]
    batch: Mapping[str, Quantity]
    simulation: Mapping[str, Quantity] | None
    results: Mapping[str, Result]
    curves: Mapping[str, Curve]
    warnings: Sequence[str]
    analysis_version: str
    log: Sequence[Event]
    waveforms: Waveforms | None
    analyses: Sequence[StoredAnalysis] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[self.axis])

    @property
    def sample_name(self) -> str:
        """Name of the sample, "unnamed" in a file that does not have it."""
        return str(self.sample["name"].value) if "name" in self.sample else "unnamed"


def read_run(path: Path, *, verify: bool = True) -> Run:
    """Read a run; DataError, in one line, where the file is not a run of labctl, damaged or altered.

    With `verify` false a file that was altered after the run is read as it is (HDF5's own check sums on the
    columns still hold).
    """
    with untrusted.opened(path) as file:
        _check_format(path, file)
        if verify and (changed := manifest.changes(file)):
            raise DataError(
                f"{path} must be as the run left it; altered or damaged: {', '.join(changed[:5])}."
            )
        return _run(path, file["entry"])


def read_wire(path: Path) -> list[WireLine]:
    """Read every line said to and heard from the instruments of a run, in order; DataError as `read_run`."""
    with untrusted.opened(path) as file:
        _check_format(path, file)
        return [WireLine(*row) for row in _text_table(file["entry/wire"], WireLine._fields)]


def read_clock(path: Path) -> list[float]:
    """Read every reading (s) of the station's clock, in order; none in a file that does not have them."""
    with untrusted.opened(path) as file:
        _check_format(path, file)
        return file["entry/clock_readings/time"][()].tolist() if "entry/clock_readings" in file else []


def _check_format(path: Path, file: hdf5.Node) -> None:
    version = file.attrs.get("labctl_format")
    if version is None:
        raise DataError(
            f"{path} must be a run of labctl; it is another HDF5 file (no attribute labctl_format)."
        )
    if not isinstance(version, np.integer) or version < 1:
        raise DataError(f"{path} must name its format by a number from 1; got {version!r:.40}.")
    if version > nexus.FORMAT:
        raise DataError(f"{path} must be of format {nexus.FORMAT}; it is of format {version}: update labctl.")


def _run(path: Path, entry: hdf5.Node) -> Run:
    protocol, data = entry["protocol"], entry["data"]
    run_time = _time(entry["end_time"])
    parameters = _quantities(protocol["parameters"])
    analyses = [_analysis(node, run_time, parameters) for node in _analyses(entry)]
    newest = analyses[-1] if analyses else None
    described = [_column(hdf5.name_of(link), dataset) for link, dataset in data.items()]
    return Run(
        path=path,
        title=_text(entry["title"]),
        uuid=_text(entry["entry_identifier_uuid"]),
        status=_text(entry["status"]),
        reason=_note(entry["status"], "reason"),
        start_time=_time(entry["start_time"]),
        end_time=run_time,
        duration=float(entry["duration"][()]),
        clock=_text(entry["clock"]),
        seed=int(_quantity(entry["seed"]).value),
        program_version=_note(entry["program_name"], "version"),
        protocol=_text(protocol["name"]),
        protocol_version=_text(protocol["version"]),
        caption=_text(protocol["caption"]),
        source=_text(protocol["source"]),
        parameters=parameters,
        columns=_columns(data, described),
        described=described,
        signal=_one_of(described, hdf5.name_of(_note(data, "signal"))),
        axis=_one_of(described, hdf5.name_of(_first_axis(data))),
        sample=_quantities(entry["sample"]),
        instruments={role: _instrument(node) for role, node in _members(entry, "instrument")},
        station=_quantities(entry["station"]) if "station" in entry else {},
        batch=_quantities(entry["batch"]) if "batch" in entry else {},
        simulation=_quantities(entry["simulation"]) if "simulation" in entry else None,
        results=newest.results if newest else {},
        curves=newest.curves if newest else {},
        warnings=newest.warnings if newest else (),
        analysis_version=newest.version if newest else "",
        log=[Event(*row) for row in _text_table(entry["log"], Event._fields)],
        waveforms=_waveforms(entry["waveforms"]) if "waveforms" in entry else None,
        analyses=analyses,
    )


def _columns(data: hdf5.Node, described: Sequence[Column]) -> dict[str, NDArray[np.float64]]:
    """The columns of the data; ValueError where they are not numbers, all of one length."""
    columns = {column.name: data[hdf5.link_name(column.name)][()] for column in described}
    shapes = {values.shape for values in columns.values()}
    kinds = {values.dtype.name for values in columns.values()}
    if len(shapes) != 1 or len(shapes.pop()) != 1 or not kinds <= {"float64", "int64"}:
        raise ValueError("its columns are not numbers of one length")
    return columns


def _one_of(described: Sequence[Column], name: str) -> str:
    if name not in {column.name for column in described}:
        raise ValueError(f"its default plot is of {name!r}, which is no column")
    return name


def _first_axis(group: hdf5.Node) -> str:
    axes = group.attrs["axes"]
    return axes if isinstance(axes, str) else str(axes[0])


def newest_analysis(entry: hdf5.Node) -> int:
    """Return the number of the newest analysis of an entry (the first is 1), 0 where there is none."""
    return max(_analysis_numbers(entry), default=0)


def _analysis_numbers(entry: hdf5.Node) -> list[int]:
    found = (_ANALYSIS.fullmatch(name) for name in entry)
    return sorted(int(match[1] or 1) for match in found if match)


def analysis_name(number: int) -> str:
    """Return the name of the group of an analysis: analysis, analysis_2, analysis_3 ..."""
    return "analysis" if number == 1 else f"analysis_{number}"


def _analyses(entry: hdf5.Node) -> list[hdf5.Node]:
    return [entry[analysis_name(number)] for number in _analysis_numbers(entry)]


def _analysis(group: hdf5.Node, run_time: datetime, parameters: Mapping[str, Quantity]) -> StoredAnalysis:
    warnings = _quantity(group["warnings"]).value
    return StoredAnalysis(
        name=group.name.rpartition("/")[2],
        version=_text(group["version"]),
        time=_time(group["date"]) if "date" in group else run_time,
        parameters=_quantities(group["parameters"]) if "date" in group else parameters,
        results={
            hdf5.name_of(link): _result(node) for link, node in group.items() if "uncertainty" in node.attrs
        },
        curves={name: _curve(node) for name, node in _members(group, "curves")},
        warnings=[str(warning) for warning in warnings],
    )


def _column(name: str, dataset: hdf5.Node) -> Column:
    return Column(name, _note(dataset, "units"), _note(dataset, "long_name"), dataset.dtype.name)


def _waveforms(group: hdf5.Node) -> Waveforms:
    axis = _first_axis(group)
    return Waveforms(
        axis=_column(hdf5.name_of(axis), group[axis]),
        at=group[axis][()],
        time=group["time"][()],
        current=group["current"][()],
    )


def _instrument(node: hdf5.Node) -> Instrument:
    return Instrument(
        identity=_text(node["identity"]),
        resource=_text(node["resource"]),
        driver=_text(node["driver"]),
        settings_before=_quantities(node["settings_before"]),
        settings_after=_quantities(node["settings_after"]),
    )


def _members(entry: hdf5.Node, path: str) -> list[tuple[str, hdf5.Node]]:
    return [(hdf5.name_of(link), node) for link, node in entry[path].items()] if path in entry else []


def _result(dataset: hdf5.Node) -> Result:
    return Result(
        value=float(dataset[()]),
        uncertainty=float(dataset.attrs["uncertainty"]),
        unit=_note(dataset, "units"),
        help=_note(dataset, "long_name"),
        display=_note(dataset, "display_units", "") or None,
        limit=_limit(_note(dataset, "limit", "")),
        note=_note(dataset, "note", ""),
    )


def _curve(group: hdf5.Node) -> Curve:
    x, y = group[_first_axis(group)], group[_note(group, "signal")]
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"{group.name} is no curve")
    return Curve(
        x=x[()],
        y=y[()],
        x_name=_note(x, "long_name"),
        x_unit=_note(x, "units"),
        y_name=_note(y, "long_name"),
        y_unit=_note(y, "units"),
        help=_text(group["title"]),
    )


def _quantities(group: hdf5.Node) -> dict[str, Quantity]:
    return {hdf5.name_of(link): _quantity(dataset) for link, dataset in group.items()}


def _quantity(dataset: hdf5.Node) -> Quantity:
    if dataset.dtype.kind in "OS":
        text = _text(dataset)
        return Quantity(json.loads(text) if dataset.attrs.get("encoding") == "json" else text)
    if dataset.ndim > 1:
        raise ValueError(f"{dataset.name} is neither a number nor a list of numbers")
    return Quantity(dataset[()].tolist(), _note(dataset, "units"), _note(dataset, "long_name"))


def _text(dataset: hdf5.Node) -> str:
    text = dataset[()]
    if not isinstance(text, bytes):
        raise TypeError(f"{dataset.name} is no text")
    return hdf5.unclean(text)


def _note(node: hdf5.Node, name: str, default: str | None = None) -> str:
    """A text kept as an attribute; TypeError where it is none."""
    text = node.attrs.get(name, default)
    if not isinstance(text, str):
        raise TypeError(f"the attribute {name} of {node.name} is no text")
    return hdf5.unclean(text.encode("utf-8", "surrogateescape"))


def _limit(word: str) -> Literal["", "upper", "lower"]:
    if word not in ("", "upper", "lower"):
        raise ValueError(f"{word!r} is no kind of limit")
    return word


def _time(dataset: hdf5.Node) -> datetime:
    time = datetime.fromisoformat(_text(dataset))
    if time.tzinfo is None:
        raise ValueError(f"{dataset.name} has no offset from UTC")
    return time


def _text_table(group: hdf5.Node, fields: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    unfinished = b""
    if len(group["more"]) > MAX_LINES:
        raise ValueError(f"{group.name} has more than {MAX_LINES} lines")
    columns = [group[field][()].tolist() for field in (*fields, "more")]
    for *fields_before, text, more in zip(*columns, strict=True):
        unfinished += text
        if not more:
            time, *names = fields_before
            rows.append((time, *(hdf5.unclean(name) for name in names), hdf5.unclean(unfinished)))
            unfinished = b""
    return rows
