"""Strangers open the file: h5py, xarray, pandas, silx and nexusformat see the right curve and its units."""

import re

import h5py
import numpy as np
import pytest
import xarray
from nexusformat.nexus import nxload
from silx.io.nxdata import get_default
from silx.io.nxdata.parse import NXdata
from stored_runs import BRANCH, FIELD, HALL, stored


@pytest.fixture
def path(tmp_path):
    return stored(tmp_path / "loop.h5")


def children(group, where=""):
    """Every object under a group, with its path."""
    for name, child in group.items():
        yield f"{where}/{name}", child
        if isinstance(child, h5py.Group):
            yield from children(child, f"{where}/{name}")


def is_text(dataset):
    return h5py.check_string_dtype(dataset.dtype) is not None


# --- other people's programs --------------------------------------------------------------------------


def test_xarray_has_every_column_on_one_dimension_with_the_field_as_coordinate(path):
    """open_dataset gives columns, coordinate, units and long names without being told anything."""
    with xarray.open_dataset(path, group="entry/data", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"mu0_H_z": 9}
        assert data["mu0_H_z"].values.tolist() == FIELD
        assert data["R_xy"].values.tolist() == HALL
        assert data["branch"].values.tolist() == BRANCH
        assert list(data.data_vars) == ["R_xy", "branch"]
        assert (data["R_xy"].dims, data["R_xy"].attrs["units"]) == (("mu0_H_z",), "ohm")
        assert data["mu0_H_z"].attrs == {"units": "T", "long_name": "measured field along z"}


def test_pandas_gets_the_table_from_xarray(path):
    """to_dataframe gives one row per row, in the order they were measured."""
    with xarray.open_dataset(path, group="entry/data", engine="h5netcdf") as data:
        table = data.to_dataframe().reset_index()
    assert table["mu0_H_z"].tolist() == FIELD
    assert table["R_xy"].tolist() == HALL


def test_xarray_opens_the_wire_log_too(path):
    """Times and lines of the wire lie on one dimension."""
    with xarray.open_dataset(path, group="entry/wire", engine="h5netcdf") as wire:
        assert wire["time"].values.tolist() == [0.25, 0.375]
        assert wire["text"].dims == ("time",)


def test_silx_shows_the_hall_resistance_against_the_field_as_a_curve(path):
    """The default plot of silx view is R_xy(mu0_H_z), a curve although the field goes up and down again."""
    with h5py.File(path) as file:
        plot = get_default(file)
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("R_xy", ["mu0_H_z"])
        assert (plot.signal_name, plot.axes_names) == ("Hall resistance", ["measured field along z"])
        assert plot.is_curve
        assert plot.signal[()].tolist() == HALL
        assert plot.axes[0][()].tolist() == FIELD
        assert plot.axes[0].attrs["units"] == "T"


def test_xarray_has_the_waveforms_against_delay_and_time(path):
    """Both dimensions have their coordinate, and every number its unit."""
    with xarray.open_dataset(path, group="entry/waveforms", engine="h5netcdf") as waveforms:
        assert waveforms["current"].dims == ("dt_spike", "time")
        assert waveforms["current"].values.tolist() == [[0.008, -0.004, 0.0], [-0.008, 0.0, 0.0]]
        assert waveforms["dt_spike"].values.tolist() == [-0.002, 0.002]
        assert waveforms["time"].values.tolist() == [0.0, 0.0001, 0.0002]
        units = [waveforms[name].attrs["units"] for name in ("current", "dt_spike", "time")]
        assert units == ["A", "s", "s"]


def test_silx_shows_the_waveforms_as_an_image(path):
    """The group is a plot of its own, of current over delay and time."""
    with h5py.File(path) as file:
        plot = NXdata(file["entry/waveforms"])
        assert plot.is_valid
        assert plot.is_image
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("current", ["dt_spike", "time"])


def test_silx_finds_the_fitted_curve_valid(path):
    """A derived curve is a plot of its own."""
    with h5py.File(path) as file:
        fit = NXdata(file["entry/analysis/curves/fit"])
        assert fit.is_valid
        assert (fit.signal_dataset_name, fit.title) == ("R_xy", "tanh fit")
        assert fit.signal[()].tolist() == [0.0, 1.5]


def test_nexusformat_finds_the_same_default_plot(path):
    """nxload(...).plottable_data is R_xy against mu0_H_z, with units."""
    plot = nxload(path).plottable_data
    assert (plot.nxsignal.nxname, [axis.nxname for axis in plot.nxaxes]) == ("R_xy", ["mu0_H_z"])
    assert plot.nxsignal.nxvalue.tolist() == HALL
    assert plot.nxaxes[0].nxvalue.tolist() == FIELD
    assert (plot.nxsignal.attrs["units"], plot.nxaxes[0].attrs["units"]) == ("ohm", "T")


def test_nexusformat_reads_the_whole_tree(path):
    """Every group has a class that nexusformat knows how to show."""
    entry = nxload(path).entry
    assert entry.nxclass == "NXentry"
    assert str(entry.title) == "AHE loop of S1"
    assert entry.protocol.parameters.mu0_H_max.nxvalue == 0.1
    assert "settings_before" in entry.tree


def test_a_student_with_h5py_finds_what_the_documents_promise(path):
    """The paths and attributes of the file are a contract with other people's scripts."""
    with h5py.File(path) as file:
        entry = file["entry"]
        assert (file.attrs["NX_class"], file.attrs["default"], file.attrs["labctl_format"]) == (
            "NXroot", "entry", 1,
        )  # fmt: skip
        assert (entry.attrs["NX_class"], entry.attrs["default"]) == ("NXentry", "data")
        assert entry["start_time"].asstr()[()] == "2026-03-01T12:00:00+00:00"
        assert entry["end_time"].asstr()[()] == "2026-03-01T12:00:09+00:00"
        assert entry["program_name"].attrs["version"] == "0.1.0"
        assert (entry["status"].asstr()[()], entry["status"].attrs["reason"]) == ("complete", "")
        assert entry["seed"][()] == 7
        assert entry["protocol/name"].asstr()[()] == "ahe-loop"
        field = entry["protocol/parameters/mu0_H_max"]
        assert (field[()], field.attrs["units"], field.attrs["long_name"]) == (0.1, "T", "largest field")
        assert '"averaging": "none"' in entry["protocol/json"].asstr()[()]
        assert entry["sample/t_AlOx"].attrs["units"] == "m"
        assert entry["instrument/voltmeter/settings_before/nplc"][()] == 5.0
        coercivity = entry["analysis/mu0_H_c"]
        assert (coercivity[()], coercivity.attrs["uncertainty"], coercivity.attrs["units"]) == (
            0.0251, 0.0004, "T",
        )  # fmt: skip
        assert entry["wire/direction"].asstr()[()].tolist() == ["say", "hear"]
        assert entry["log/text"].asstr()[()].tolist() == ["field settled late"]
        assert entry["simulation/model"].asstr()[()] == "hysterons"


# --- a walk through every room ------------------------------------------------------------------------


def test_every_group_says_its_nexus_class(path):
    """No group is left without an NX_class."""
    with h5py.File(path) as file:
        classes = {
            where: node.attrs.get("NX_class")
            for where, node in children(file)
            if isinstance(node, h5py.Group)
        }
    assert len(classes) > 15
    assert [
        where for where, nx_class in classes.items() if not re.fullmatch("NX[a-z]+", nx_class or "")
    ] == []


def test_every_number_says_its_unit_and_its_meaning(path):
    """Whatever is not text carries units and long_name."""
    with h5py.File(path) as file:
        numbers = [
            (where, d) for where, d in children(file) if isinstance(d, h5py.Dataset) and not is_text(d)
        ]
        assert len(numbers) > 15
        silent = [w for w, d in numbers if not (d.attrs.get("units") and d.attrs.get("long_name"))]
    assert silent == []


def test_the_axis_is_the_dimension_scale_of_every_other_column(path):
    """Readers that follow the dimension scales need not guess from lengths."""
    with h5py.File(path) as file:
        data = file["entry/data"]
        assert data["mu0_H_z"].is_scale
        assert [[scale.name for scale in data[name].dims[0].values()] for name in ("R_xy", "branch")] == [
            ["/entry/data/mu0_H_z"]
        ] * 2


def test_rows_are_check_summed_compressed_and_of_fixed_length(path):
    """Every dataset with a row dimension has fletcher32 and gzip; its texts have a fixed length in UTF-8."""
    with h5py.File(path) as file:
        rows = [
            file["entry"][name] for name in ("data/R_xy", "data/branch", "wire/text", "wire/time", "log/text")
        ]
        assert [(d.fletcher32, d.compression) for d in rows] == [(True, "gzip")] * 5
        kinds = [h5py.check_string_dtype(file["entry/wire"][name].dtype) for name in ("text", "instrument")]
    assert [(kind.encoding, kind.length is not None) for kind in kinds] == [("utf-8", True)] * 2


def test_waveforms_are_check_summed_too(path):
    """A dataset of two dimensions is chunked by whole rows."""
    with h5py.File(path) as file:
        current = file["entry/waveforms/current"]
        assert (current.fletcher32, current.compression, current.chunks) == (True, "gzip", (2, 3))


def test_the_file_needs_no_library_newer_than_hdf5_1_10(path):
    """The superblock is of version 0 to 2, which every reader since HDF5 1.8 knows."""
    head = path.read_bytes()[:9]
    assert head[:8] == b"\x89HDF\r\n\x1a\n"
    assert head[8] <= 2


def test_an_interrupted_run_without_rows_can_be_opened_by_all(tmp_path):
    """No rows is no reason to be unreadable."""
    from stored_runs import END, header

    from labctl.store import RunStore

    store = RunStore(tmp_path / "empty.h5")
    store.begin(header())
    path = store.finish("stopped", "Ctrl-C", END, 0.0)
    with xarray.open_dataset(path, group="entry/data", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"mu0_H_z": 0}
    with h5py.File(path) as file:
        assert get_default(file).signal_dataset_name == "R_xy"
    assert np.asarray(nxload(path).plottable_data.nxsignal.nxvalue).size == 0
