"""Exports to JSON, Parquet and netCDF-4: other programs read back every bit, with units, parameters and results."""

import json
import math
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray
from stored_runs import BRANCH, FIELD, HALL, finish, header, stored

from labctl.errors import RequestError
from labctl.export import export
from labctl.store import RunStore

EXTREMES = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), -float("inf"), float("nan")]


@pytest.fixture
def path(tmp_path):
    return stored(tmp_path / "loop.h5")


def extreme(target):
    """A run of the floats that are hardest to write, and of the largest integer."""
    store = RunStore(target)
    store.begin(header())
    for value in EXTREMES:
        store.row({"mu0_H_z": value, "R_xy": value, "branch": 2**63 - 1})
    return finish(store)


def from_json(made):
    columns = json.loads(made.read_bytes())["columns"]
    floats = [float("nan") if value is None else float(value) for value in columns["R_xy"]["values"]]
    return np.array(floats), columns["branch"]["values"]


def from_parquet(made):
    table = pd.read_parquet(made)
    return table["R_xy"].to_numpy(), table["branch"].tolist()


def from_netcdf(made):
    with xarray.open_dataset(made, engine="h5netcdf") as data:
        return data["R_xy"].values, data["branch"].values.tolist()


@pytest.mark.parametrize(
    ("kind", "read"), [("json", from_json), ("parquet", from_parquet), ("netcdf", from_netcdf)]
)
def test_every_bit_of_every_number_comes_back(tmp_path, kind, read):
    """Denormal, largest, negative zero, infinities, NaN, and the largest integer."""
    (made,) = export([extreme(tmp_path / "a.h5")], kind)
    floats, integers = read(made)
    assert floats.tobytes() == np.array(EXTREMES).tobytes()
    assert integers == [2**63 - 1] * len(EXTREMES)


@pytest.mark.parametrize("kind", ["csv", "h5", "json", "netcdf", "parquet"])
def test_a_run_without_rows_is_exported_by_all(tmp_path, kind):
    """No rows is no reason to have no file."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    (made,) = export([finish(store, "stopped")], kind)
    assert made.stat().st_size > 0


# --- JSON ---------------------------------------------------------------------------------------------


def test_json_is_one_object_with_columns_parameters_and_results(path, tmp_path):
    """Each with its unit; what is not a number has null."""
    (made,) = export([path], "json")
    assert made == tmp_path / "loop.json"
    told = json.loads(made.read_bytes(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert (told["labctl_export"], told["title"], told["status"]) == (1, "AHE loop of S1", "complete")
    assert told["start_time"] == "2026-03-01T12:00:00+00:00"
    assert told["default_plot"] == {"signal": "R_xy", "axis": "mu0_H_z"}
    assert told["columns"]["R_xy"] == {"unit": "ohm", "help": "Hall resistance", "values": HALL}
    assert told["parameters"]["mu0_H_max"] == {"value": 0.1, "unit": "T", "help": "largest field"}
    assert told["parameters"]["averaging"]["unit"] is None
    assert told["parameters"]["steps"]["value"] == [0.05, 0.01]
    assert told["sample"]["t_AlOx"]["value"] == 2e-9
    assert told["results"]["mu0_H_c"] == {
        "value": 0.0251, "uncertainty": 0.0004, "unit": "T", "help": "coercive field",
    }  # fmt: skip
    assert told["results"]["R_AHE"] == {
        "value": None, "uncertainty": None, "unit": "ohm", "help": "half height", "limit": "upper",
        "note": "no plateau",
    }  # fmt: skip
    assert told["curves"]["fit"]["y"] == {"name": "R_xy", "unit": "ohm", "values": [0.0, 1.5]}
    assert told["warnings"] == ["the loop is not closed"]


# --- Parquet ------------------------------------------------------------------------------------------


def test_parquet_has_units_in_its_schema_and_the_run_in_its_metadata(path):
    """pyarrow finds unit and meaning on each field; the metadata is the JSON object without the numbers."""
    (made,) = export([path], "parquet")
    schema = pq.read_schema(made)
    assert schema.names == ["mu0_H_z", "R_xy", "branch"]
    assert schema.field("R_xy").metadata[b"unit"] == b"ohm"
    assert schema.field("R_xy").metadata[b"help"] == b"Hall resistance"
    told = json.loads(schema.metadata[b"labctl"])
    assert told["results"]["mu0_H_c"]["uncertainty"] == 0.0004
    assert told["parameters"]["mu0_H_max"]["unit"] == "T"
    assert told["columns"]["branch"] == {"unit": "1", "help": "+1 on the way up, -1 on the way down"}


def test_pandas_gets_the_units_with_the_table(path):
    """read_parquet gives back DataFrame.attrs; NaN stays a number and integers stay integers."""
    (made,) = export([path], "parquet")
    table = pd.read_parquet(made)
    assert (table["mu0_H_z"].tolist(), table["branch"].tolist()) == (FIELD, BRANCH)
    assert table.attrs["units"] == {"mu0_H_z": "T", "R_xy": "ohm", "branch": "1"}
    assert table.attrs["title"] == "AHE loop of S1"
    assert table["branch"].dtype == "int64"


def test_without_pyarrow_the_error_says_how_to_get_it(path, tmp_path, monkeypatch):
    """An extra that is not installed is one line, before anything is read or written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError, match=r"pip install 'labctl\[parquet\]'"):
        export([path], "parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["loop.h5"]


# --- netCDF -------------------------------------------------------------------------------------------


def test_netcdf_opens_as_the_run_itself_does(path, tmp_path):
    """Columns on one dimension with the field as coordinate, as xarray opens /entry/data of the run."""
    (made,) = export([path], "netcdf")
    assert made == tmp_path / "loop.nc"
    with (
        xarray.open_dataset(made, engine="h5netcdf") as exported,
        xarray.open_dataset(path, group="entry/data", engine="h5netcdf") as run,
    ):
        xarray.testing.assert_equal(exported, run)
        assert exported["R_xy"].attrs == run["R_xy"].attrs == {"units": "ohm", "long_name": "Hall resistance"}
        assert exported["mu0_H_z"].attrs == run["mu0_H_z"].attrs
        assert exported.attrs["uuid"] == "3f2a9c1e-5b7d-4c1a-9e21-0123456789ab"


def test_netcdf_has_parameters_sample_results_and_curves_in_groups(path):
    """Whoever opens the whole tree finds everything, each number with its unit."""
    (made,) = export([path], "netcdf")
    with xarray.open_datatree(made, engine="h5netcdf") as tree:
        field = tree["parameters/mu0_H_max"]
        assert (field.item(), field.attrs) == (0.1, {"units": "T", "long_name": "largest field"})
        assert tree["parameters/averaging"].item() == "none"
        assert tree["parameters/steps"].values.tolist() == [0.05, 0.01]
        assert json.loads(tree["sample/layers"].item()) == ["Ta", "CoFeB", "MgO"]
        found = tree["results/mu0_H_c"]
        assert (found.item(), found.attrs["uncertainty"], found.attrs["units"]) == (0.0251, 0.0004, "T")
        assert math.isnan(tree["results/R_AHE"].item())
        assert (tree["results/R_AHE"].attrs["limit"], tree["results/R_AHE"].attrs["note"]) == (
            "upper",
            "no plateau",
        )
        fit = tree["curves/fit"]
        assert (fit["R_xy"].values.tolist(), fit["mu0_H_z"].values.tolist()) == ([0.0, 1.5], [0.0, 0.1])
