"""Reading a run back from its file: everything that was stored, checked against the file's own manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labctl import hdf5, manifest, nexus, recovery, untrusted
from labctl.errors import DataError
from labctl.record import Event, Instrument, Quantity, WireLine
from protocols.vocabulary import Column, Curve, Result, Waveforms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labctl.journal import Told


class WireSize(NamedTuple):
    """What the recorded wire takes in a file: `lines` said and heard, and the `stored` bytes, compressed."""

    lines: int
    stored: int


#: Of a run that has kept none of it.
NO_WIRE = WireSize(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as its file tells it; SI throughout.

    `columns` holds one array for each column (float64 or int64 as stored) and `described` its unit and
    meaning, both in the protocol's order; `signal` and `axis` name the default plot. `parameters` can be
    handed to the protocol again, as {name: quantity.value}. `station` is empty in a file that does not have it,
    `batch` in a run that belongs to none.
    `simulation` is None on hardware, `waveforms` where the protocol plays none. Where no
    analysis was stored, `results`, `curves` and `warnings` are empty.
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
    wire: WireSize = NO_WIRE

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[self.axis])


def read_run(path: Path, *, verify: bool = True) -> Run:
    """Read a run; DataError, in one line, where the file is not a run of labctl, damaged or altered.

    Where the run was interrupted and only its journal is there, the file is made from that first. Of a run that
    still goes on come the rows so far, with the status "running" and neither wire nor analysis.
    With `verify` false a file that was altered after the run is read as it is (HDF5's own check sums on the
    columns still hold).
    """
    if (told := recovery.settle(path)) is not None:
        return _running(path, told)
    with untrusted.opened(path) as file:
        _check_format(path, file)
        if verify and (changed := manifest.changes(file)):
            raise DataError(
                f"{path} must be as the run left it; altered or damaged: {', '.join(changed[:5])}."
            )
        return _run(path, file["entry"])


def is_run(path: Path) -> bool:
    """Tell a run of labctl from another HDF5 file; DataError, in one line, where the file cannot be read."""
    with untrusted.opened(path) as file:
        return "labctl_format" in file.attrs


def read_wire(path: Path) -> list[WireLine]:
    """Read every line said to and heard from the instruments of a run, in order.

    DataError as `read_run`, and where the run still goes on.
    """
    if (told := recovery.settle(path)) is not None:
        raise DataError(f"{path} must be a run that has ended; process {told.pid} is measuring it.")
    with untrusted.opened(path) as file:
        _check_format(path, file)
        return [WireLine(*row) for row in _text_table(file["entry/wire"], WireLine._fields)]


def wire_size(path: Path) -> WireSize:
    """Read how much the recorded wire takes, without the lines themselves; DataError as `read_run`."""
    with untrusted.opened(path) as file:
        _check_format(path, file)
        return _wire_size(file["entry/wire"])


def _wire_size(group: hdf5.Node) -> WireSize:
    """A line that goes on in further rows is one line."""
    more = group["more"][()]
    return WireSize(int(len(more) - more.sum()), hdf5.stored_bytes(group) if len(more) else 0)


def read_clock(path: Path) -> list[float]:
    """Read every reading (s) of the station's clock, in order; none in a file that does not have them."""
    with untrusted.opened(path) as file:
        _check_format(path, file)
        return file["entry/clock_readings/time"][()].tolist() if "entry/clock_readings" in file else []


def _running(path: Path, told: Told) -> Run:
    with nexus.in_memory() as file:
        nexus.write(file, recovery.record_of(told, running=True))
        return _run(path, file["entry"])


def _check_format(path: Path, file: hdf5.Node) -> None:
    version = file.attrs.get("labctl_format")
    if version is None:
        raise DataError(
            f"{path} must be a run of labctl; it is another HDF5 file (no attribute labctl_format)."
        )
    if version != nexus.FORMAT:
        raise DataError(f"{path} must be of format {nexus.FORMAT}; it is of format {version}: update labctl.")


def _run(path: Path, entry: hdf5.Node) -> Run:
    protocol, data = entry["protocol"], entry["data"]
    return Run(
        path=path,
        title=_text(entry["title"]),
        uuid=_text(entry["entry_identifier_uuid"]),
        status=_text(entry["status"]),
        reason=entry["status"].attrs["reason"],
        start_time=datetime.fromisoformat(_text(entry["start_time"])),
        end_time=datetime.fromisoformat(_text(entry["end_time"])),
        duration=float(entry["duration"][()]),
        clock=_text(entry["clock"]),
        seed=_quantity(entry["seed"]).value,
        program_version=entry["program_name"].attrs["version"],
        protocol=_text(protocol["name"]),
        protocol_version=_text(protocol["version"]),
        caption=_text(protocol["caption"]),
        source=_text(protocol["source"]),
        parameters=_quantities(protocol["parameters"]),
        columns={hdf5.name_of(link): dataset[()] for link, dataset in data.items()},
        described=[_column(hdf5.name_of(link), dataset) for link, dataset in data.items()],
        signal=hdf5.name_of(data.attrs["signal"]),
        axis=hdf5.name_of(data.attrs["axes"][0]),
        sample=_quantities(entry["sample"]),
        instruments={role: _instrument(node) for role, node in _members(entry, "instrument")},
        station=_quantities(entry["station"]) if "station" in entry else {},
        batch=_quantities(entry["batch"]) if "batch" in entry else {},
        simulation=_quantities(entry["simulation"]) if "simulation" in entry else None,
        results={
            name: _result(node) for name, node in _members(entry, "analysis") if "uncertainty" in node.attrs
        },
        curves={name: _curve(node) for name, node in _members(entry, "analysis/curves")},
        warnings=_quantity(entry["analysis/warnings"]).value if "analysis" in entry else (),
        analysis_version=_text(entry["analysis/version"]) if "analysis" in entry else "",
        log=[Event(*row) for row in _text_table(entry["log"], Event._fields)],
        waveforms=_waveforms(entry["waveforms"]) if "waveforms" in entry else None,
        wire=_wire_size(entry["wire"]),
    )


def _column(name: str, dataset: hdf5.Node) -> Column:
    return Column(name, dataset.attrs["units"], dataset.attrs["long_name"], dataset.dtype.name)


def _waveforms(group: hdf5.Node) -> Waveforms:
    axis = group.attrs["axes"][0]
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
        unit=dataset.attrs["units"],
        help=dataset.attrs["long_name"],
        display=dataset.attrs.get("display_units"),
        limit=dataset.attrs.get("limit", ""),
        note=dataset.attrs.get("note", ""),
    )


def _curve(group: hdf5.Node) -> Curve:
    x, y = group[group.attrs["axes"][0]], group[group.attrs["signal"]]
    return Curve(
        x=x[()],
        y=y[()],
        x_name=x.attrs["long_name"],
        x_unit=x.attrs["units"],
        y_name=y.attrs["long_name"],
        y_unit=y.attrs["units"],
        help=_text(group["title"]),
    )


def _quantities(group: hdf5.Node) -> dict[str, Quantity]:
    return {hdf5.name_of(link): _quantity(dataset) for link, dataset in group.items()}


def _quantity(dataset: hdf5.Node) -> Quantity:
    if dataset.dtype.kind == "O":
        text = _text(dataset)
        return Quantity(json.loads(text) if dataset.attrs.get("encoding") == "json" else text)
    return Quantity(dataset[()].tolist(), dataset.attrs["units"], dataset.attrs["long_name"])


def _text(dataset: hdf5.Node) -> str:
    return hdf5.unclean(dataset[()])


def _text_table(group: hdf5.Node, fields: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    unfinished = b""
    columns = [group[field][()].tolist() for field in (*fields, "more")]
    for *fields_before, text, more in zip(*columns, strict=True):
        unfinished += text
        if not more:
            time, *names = fields_before
            rows.append((time, *(hdf5.unclean(name) for name in names), hdf5.unclean(unfinished)))
            unfinished = b""
    return rows
