"""Reading a run back from its file: everything that was stored, checked against the file's own manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from labctl import hdf5, manifest, nexus, readback, recovery, tables, untrusted
from labctl.errors import DataError
from labctl.glimpse import glimpsed
from labctl.record import Event, Instrument, Quantity, WireLine
from protocols.vocabulary import Column, Curve, Result, Waveforms

if TYPE_CHECKING:
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
    analyses: Sequence[readback.StoredAnalysis] = ()
    wire: WireSize = NO_WIRE

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
    """Tell a run of labctl from another HDF5 file; DataError, in one line, where the file cannot be read.

    Where only the journal of an interrupted run is there, the file is made from that first. Another program's file
    that is not read for what it holds is no run, which is said.
    """
    if recovery.settle(path) is not None:
        return True
    try:
        with untrusted.opened(path, linked=True) as file:
            return "labctl_format" in file.attrs
    except untrusted.RefusedError as error:
        with glimpsed(path) as file:
            if file.attribute("/", "labctl_format") is not None:
                raise
        tables.say(f"{path} is passed by, as another program's file: {error}")
        return False


def read_wire(path: Path) -> list[WireLine]:
    """Read every line said to and heard from the instruments of a run, in order.

    DataError as `read_run`, and where the run still goes on.
    """
    if (told := recovery.settle(path)) is not None:
        raise DataError(f"{path} must be a run that has ended; process {told.pid} is measuring it.")
    with untrusted.opened(path) as file:
        _check_format(path, file)
        return [WireLine(*row) for row in readback.text_table(file["entry/wire"], WireLine._fields)]


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
    if not isinstance(version, np.integer) or version < 1:
        raise DataError(f"{path} must name its format by a number from 1; got {version!r:.40}.")
    if version > nexus.FORMAT:
        raise DataError(f"{path} must be of format {nexus.FORMAT}; it is of format {version}: update labctl.")


def _run(path: Path, entry: hdf5.Node) -> Run:
    protocol, data = entry["protocol"], entry["data"]
    run_time = readback.time(entry["end_time"])
    parameters = readback.quantities(protocol["parameters"])
    analyses = readback.analyses(entry, run_time, parameters)
    newest = analyses[-1] if analyses else None
    described = [readback.column(hdf5.name_of(link), dataset) for link, dataset in data.items()]
    return Run(
        path=path,
        title=readback.text(entry["title"]),
        uuid=readback.text(entry["entry_identifier_uuid"]),
        status=readback.text(entry["status"]),
        reason=readback.note(entry["status"], "reason"),
        start_time=readback.time(entry["start_time"]),
        end_time=run_time,
        duration=float(entry["duration"][()]),
        clock=readback.text(entry["clock"]),
        seed=int(readback.quantity(entry["seed"]).value),
        program_version=readback.note(entry["program_name"], "version"),
        protocol=readback.text(protocol["name"]),
        protocol_version=readback.text(protocol["version"]),
        caption=readback.text(protocol["caption"]),
        source=readback.text(protocol["source"]),
        parameters=parameters,
        columns=_columns(data, described),
        described=described,
        signal=_one_of(described, hdf5.name_of(readback.note(data, "signal"))),
        axis=_one_of(described, hdf5.name_of(readback.first_axis(data))),
        sample=readback.quantities(entry["sample"]),
        instruments={role: _instrument(node) for role, node in readback.members(entry, "instrument")},
        station=readback.quantities(entry["station"]) if "station" in entry else {},
        batch=readback.quantities(entry["batch"]) if "batch" in entry else {},
        simulation=readback.quantities(entry["simulation"]) if "simulation" in entry else None,
        results=newest.results if newest else {},
        curves=newest.curves if newest else {},
        warnings=newest.warnings if newest else (),
        analysis_version=newest.version if newest else "",
        log=[Event(*row) for row in readback.text_table(entry["log"], Event._fields)],
        waveforms=_waveforms(entry["waveforms"]) if "waveforms" in entry else None,
        analyses=analyses,
        wire=_wire_size(entry["wire"]),
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


def _waveforms(group: hdf5.Node) -> Waveforms:
    axis = readback.first_axis(group)
    return Waveforms(
        axis=readback.column(hdf5.name_of(axis), group[axis]),
        at=group[axis][()],
        time=group["time"][()],
        current=group["current"][()],
    )


def _instrument(node: hdf5.Node) -> Instrument:
    return Instrument(
        identity=readback.text(node["identity"]),
        resource=readback.text(node["resource"]),
        driver=readback.text(node["driver"]),
        settings_before=readback.quantities(node["settings_before"]),
        settings_after=readback.quantities(node["settings_after"]),
    )
