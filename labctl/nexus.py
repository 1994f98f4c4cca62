"""How a run lies in its file: NeXus groups, units on every number, a default plot, dimension scales."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import h5py
import numpy as np

from labctl import hdf5, manifest, newfile, untrusted
from labctl.errors import DataError
from labctl.record import Event, Instrument, Quantity, RunHeader, RunRecord, WireLine

if TYPE_CHECKING:
    from protocols.vocabulary import Analysis, Column, Curve, Result, Waveforms

FORMAT = 1
"""Version of the layout, in the root attribute `labctl_format`; a change that breaks a reader raises it."""

TEXT_WIDTH = 128
"""Bytes in one row of text in /entry/wire and /entry/log; a longer line goes on in the next row."""

_KEPT = 2**20
"""Bytes of each dataset that HDF5 keeps unpacked: a few chunks, since all goes by once and in order."""


def image(record: RunRecord) -> bytes:
    """Return the bytes of the HDF5 file of a run.

    The file is built in memory, because HDF5 answers a full disk with a crash of the interpreter and an
    ordinary write() answers it with an error.
    """
    with in_memory() as file:
        write(file, record)
        return to_bytes(file)


def write(file: hdf5.Node, record: RunRecord) -> None:
    """Write a run, and the manifest of it, into an empty HDF5 file."""
    header = record.header
    file.attrs["labctl_format"] = FORMAT
    entry = hdf5.root_entry(file, "entry")
    _write_identity(entry, record)
    write_data(entry, header.columns, record.data, header.signal, header.axis)
    if record.waveforms is not None:
        write_waveforms(entry, record.waveforms)
    _write_protocol(entry, header)
    write_quantities(entry, "sample", "NXsample", header.sample)
    write_quantities(entry, "station", "NXcollection", header.station)
    if header.batch:
        write_quantities(entry, "batch", "NXcollection", header.batch)
    if header.simulation is not None:
        write_quantities(entry, "simulation", "NXparameters", header.simulation)
    _write_instruments(entry, record.instruments)
    if record.analysis is not None:
        write_program(write_analysis(entry, record.analysis), record.analysis_version)
    hdf5.text_table(entry, "wire", WireLine._fields, record.wire, TEXT_WIDTH)
    readings = hdf5.group(entry, "clock_readings", "NXcollection")
    hdf5.column(
        readings,
        "time",
        np.asarray(record.clock, np.float64),
        "s",
        "every reading of the station's clock by instruments and protocol, in order",
    )
    hdf5.text_table(entry, "log", Event._fields, record.events, TEXT_WIDTH)
    manifest.write(file)


def publish(record: RunRecord, target: Path) -> Path:
    """Write the file of a run, read it back and give it its name (see newfile.publish)."""
    return newfile.publish(
        image(record), target, lambda partial: verify(partial, record), partial_tag(record.header)
    )


def partial_tag(header: RunHeader) -> str:
    """Return what tells a run's partial file from any other's: who comes back after a crash must find it."""
    return f"{crc32(header.uuid.encode('utf-8', 'surrogatepass')):08x}"


def in_memory() -> hdf5.Node:
    """Return an empty HDF5 file (a context manager) that never touches the disk."""
    return h5py.File(
        "in memory", "w", driver="core", backing_store=False, track_order=True, rdcc_nbytes=_KEPT
    )


def to_bytes(file: hdf5.Node) -> bytes:
    """Return what an HDF5 file in memory would be on disk."""
    file.flush()
    return bytes(file.id.get_file_image())


def verify(path: Path, record: RunRecord) -> None:
    """Read a file back and raise DataError where it does not hold the columns of `record`, bit for bit,
    and everything else as it was when the manifest was made.
    """
    try:
        with h5py.File(path, "r", rdcc_nbytes=_KEPT) as file:
            changed = set(manifest.changes(file))
            data: hdf5.Node = file["entry/data"]
            for column in record.header.columns:
                stored = data[hdf5.link_name(column.name)]
                kept = np.asarray(record.data[column.name], column.dtype)
                if stored.dtype != kept.dtype or stored[()].tobytes() != kept.tobytes():
                    changed.add(stored.name)
        untrusted.trust(path)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} was written but cannot be read back: {error}. It is kept as it is."
        ) from error
    if changed:
        raise DataError(
            f"{path} must read back as it was written; different: {', '.join(sorted(changed))}. "
            "It is kept as it is: look at the disk."
        )


def write_data(
    entry: hdf5.Node, columns: Sequence[Column], data: Mapping[str, Any], signal: str, axis: str
) -> None:
    """Write /data: one 1-D dataset for each column, the default plot `signal` against `axis`."""
    made = _default_plot(entry, "data", signal, axis)
    for column in columns:
        values = np.asarray(data[column.name], column.dtype)
        hdf5.column(made, column.name, values, column.unit, column.help)
    hdf5.share_axis(made, axis, [column.name for column in columns if column.name != axis])
    entry.attrs["default"] = "data"


def write_waveforms(entry: hdf5.Node, waveforms: Waveforms) -> None:
    """Write /waveforms: the current that was played, row by row against time."""
    axis = waveforms.axis
    made = _default_plot(entry, "waveforms", "current", axis.name, "time")
    hdf5.column(made, axis.name, waveforms.at, axis.unit, axis.help)
    hdf5.column(made, "time", waveforms.time, "s", "when the sample begins, from the start of the waveform")
    hdf5.column(
        made, "current", waveforms.current, "A", "current of the source; 0 A after the waveform's end"
    )
    hdf5.share_axis(made, axis.name, ["current"])
    hdf5.share_axis(made, "time", ["current"], dimension=1)


def write_quantities(parent: hdf5.Node, name: str, nx_class: str, values: Mapping[str, Quantity]) -> None:
    """Write a group of values, each with its unit."""
    made = hdf5.group(parent, name, nx_class)
    for key, value in values.items():
        hdf5.quantity(made, key, value)


def write_analysis(entry: hdf5.Node, analysis: Analysis, name: str = "analysis") -> hdf5.Node:
    """Write /analysis: each result with its uncertainty, derived curves, warnings; return the group."""
    process = hdf5.group(entry, name, "NXprocess")
    hdf5.quantity(process, "warnings", Quantity(list(analysis.warnings)))
    for name, result in analysis.results.items():
        _write_result(process, name, result)
    curves = hdf5.group(process, "curves", "NXcollection")
    for name, curve in analysis.curves.items():
        _write_curve(curves, name, curve)
    return process


def write_program(process: hdf5.Node, version: str) -> None:
    """Write which code an analysis is of."""
    hdf5.text(process, "program", "labctl")
    hdf5.text(process, "version", version)


def add_analysis(
    file: hdf5.Node,
    name: str,
    analysis: Analysis,
    version: str,
    time: datetime,
    parameters: Mapping[str, Quantity],
) -> None:
    """Add a later analysis to the file of a run, beside those that are there, and to its manifest."""
    process = write_analysis(file["entry"], analysis, name)
    write_program(process, version)
    hdf5.text(process, "date", _iso(time))
    write_quantities(process, "parameters", "NXparameters", parameters)
    manifest.extend(file, process.name)


def _write_result(parent: hdf5.Node, name: str, result: Result) -> None:
    made = hdf5.number(parent, name, float(result.value), result.unit, result.help)
    made.attrs["uncertainty"] = float(result.uncertainty)
    if result.display:
        made.attrs["display_units"] = result.display
    if result.limit:
        made.attrs["limit"] = result.limit
    if result.note:
        made.attrs["note"] = hdf5.clean(result.note).decode()


def _write_curve(parent: hdf5.Node, name: str, curve: Curve) -> None:
    # Two names that are alike must not cost the run its file.
    y_name = curve.y_name if curve.y_name != curve.x_name else f"{curve.y_name} (y)"
    made = _default_plot(parent, name, y_name, curve.x_name)
    hdf5.text(made, "title", curve.help)
    hdf5.column(made, curve.x_name, np.asarray(curve.x, np.float64), curve.x_unit, curve.x_name)
    hdf5.column(made, y_name, np.asarray(curve.y, np.float64), curve.y_unit, curve.y_name)
    hdf5.share_axis(made, curve.x_name, [y_name])


def _default_plot(parent: hdf5.Node, name: str, signal: str, *axes: str) -> hdf5.Node:
    made = hdf5.group(parent, name, "NXdata")
    made.attrs["signal"] = hdf5.link_name(signal)
    made.attrs["axes"] = [hdf5.link_name(axis) for axis in axes]
    return made


def _write_identity(entry: hdf5.Node, record: RunRecord) -> None:
    header = record.header
    hdf5.text(entry, "title", header.title)
    hdf5.text(entry, "start_time", _iso(header.start_time))
    hdf5.text(entry, "end_time", _iso(record.end_time))
    hdf5.number(
        entry,
        "duration",
        float(record.elapsed),
        "s",
        f"length of the run on the station's clock ({header.clock})",
    )
    hdf5.text(entry, "clock", header.clock)
    hdf5.text(entry, "entry_identifier_uuid", header.uuid)
    hdf5.text(entry, "program_name", "labctl").attrs["version"] = header.program_version
    hdf5.text(entry, "status", record.status).attrs["reason"] = hdf5.clean(record.reason).decode()
    hdf5.quantity(entry, "seed", Quantity(header.seed, "1", "seed of the run's random numbers"))


def _write_protocol(entry: hdf5.Node, header: RunHeader) -> None:
    made = hdf5.group(entry, "protocol", "NXcollection")
    hdf5.text(made, "name", header.protocol)
    hdf5.text(made, "version", header.protocol_version)
    hdf5.text(made, "caption", header.caption)
    hdf5.text(made, "source", header.source)
    values = {name: parameter.value for name, parameter in header.parameters.items()}
    hdf5.text(made, "json", json.dumps(values, ensure_ascii=False, default=str))
    write_quantities(made, "parameters", "NXparameters", header.parameters)


def _write_instruments(entry: hdf5.Node, instruments: Mapping[str, Instrument]) -> None:
    parent = hdf5.group(entry, "instrument", "NXinstrument")
    for role, instrument in instruments.items():
        made = hdf5.group(parent, role, "NXcollection")
        hdf5.text(made, "identity", instrument.identity)
        hdf5.text(made, "resource", instrument.resource)
        hdf5.text(made, "driver", instrument.driver)
        write_quantities(made, "settings_before", "NXparameters", instrument.settings_before)
        write_quantities(made, "settings_after", "NXparameters", instrument.settings_after)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
