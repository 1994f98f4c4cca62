"""What is exported: the columns asked for, in the units asked for, from one run, many or a whole tree."""

import json
from pathlib import Path

import h5py
import pandas as pd
import pytest
import xarray
from command_line import Command
from silx.io.nxdata import get_default
from stored_runs import FIELD, HALL, begun, stored

from labctl.errors import DataError, RequestError
from labctl.export import export
from labctl.record import Quantity
from labctl.selection import Selection, selection

OERSTED = [-1000.0, -500.0, 0.0, 500.0, 1000.0, 500.0, 0.0, -500.0, -1000.0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return stored(tmp_path / "loop.h5")


# --- columns ------------------------------------------------------------------------------------------


def test_the_columns_come_as_they_were_asked_for(path):
    """Those and no others, in that order."""
    (made,) = export([path], "csv", selection=selection(["branch,mu0_H_z"], []))
    assert list(pd.read_csv(made, comment="#")) == ["branch (1)", "mu0_H_z (T)"]


@pytest.mark.parametrize(
    ("columns", "plot"),
    [
        (["R_xy", "mu0_H_z"], ("R_xy", "mu0_H_z")),
        (["R_xy", "branch"], ("R_xy", "branch")),
        (["branch", "mu0_H_z"], ("branch", "mu0_H_z")),
        (["branch"], ("branch", "branch")),
    ],
)
def test_the_default_plot_stays_where_its_columns_do(path, columns, plot):
    """Where one of them was not asked for, the first other column takes its place."""
    (made,) = export([path], "h5", selection=Selection(columns))
    with h5py.File(made) as file:
        assert list(file["loop/data"]) == columns
        found = get_default(file)
        assert (found.signal_dataset_name, found.axes_dataset_names[0]) == plot


# --- units --------------------------------------------------------------------------------------------


def in_csv(made):
    return pd.read_csv(made, comment="#")["mu0_H_z (Oe)"].tolist()


def in_h5(made):
    with h5py.File(made) as file:
        field = file["loop/data/mu0_H_z"]
        assert field.attrs["units"] == "Oe"
        result = file["loop/analysis/mu0_H_c"]
        assert (result[()], result.attrs["uncertainty"], result.attrs["units"]) == (251.0, 4.0, "Oe")
        assert file["loop/analysis/curves/fit/mu0_H_z"][()].tolist() == [0.0, 1000.0]
        assert file["loop/parameters/steps"][()].tolist() == [0.05, 0.01]  # of another name: as it was
        return field[()].tolist()


def in_json(made):
    told = json.loads(made.read_bytes())
    assert told["results"]["mu0_H_c"]["unit"] == "Oe"
    assert told["columns"]["mu0_H_z"]["unit"] == "Oe"
    return told["columns"]["mu0_H_z"]["values"]


def in_parquet(made):
    table = pd.read_parquet(made)
    assert table.attrs["units"]["mu0_H_z"] == "Oe"
    return table["mu0_H_z"].tolist()


def in_netcdf(made):
    with xarray.open_dataset(made, engine="h5netcdf") as data:
        assert data["mu0_H_z"].attrs["units"] == "Oe"
        assert data["R_xy"].attrs["units"] == "ohm"
        return data["mu0_H_z"].values.tolist()


@pytest.mark.parametrize("read", [in_csv, in_h5, in_json, in_netcdf, in_parquet])
def test_values_and_labels_are_converted_together(path, read):
    """0.1 T is 1000 Oe in every format, and says so."""
    kind = read.__name__.removeprefix("in_")
    (made,) = export([path], kind, selection=selection([], ["mu0_H_z=Oe", "mu0_H_c=Oe"]))
    assert read(made) == OERSTED


def test_a_unit_counts_for_parameters_and_the_sample_too(path):
    """Lists included; a unit that the common table does not know is looked up."""
    units = ["steps=mT", "t_AlOx=angstrom", "mu0_H_max=kOe"]
    (made,) = export([path], "json", selection=selection([], units))
    told = json.loads(made.read_bytes())
    assert told["parameters"]["steps"]["value"] == pytest.approx([50, 10], rel=1e-15)
    assert (told["parameters"]["mu0_H_max"]["value"], told["parameters"]["mu0_H_max"]["unit"]) == (1.0, "kOe")
    assert told["sample"]["t_AlOx"]["value"] == pytest.approx(20, rel=1e-15)


def test_a_temperature_is_shifted_and_its_uncertainty_is_not(tmp_path):
    """300 K is 26.85 degC; an interval of 1 K is one of 1 degC."""
    from stored_runs import END

    from protocols.vocabulary import Analysis, Result

    store = begun(tmp_path / "a.h5")
    path = store.finish(
        "complete", "", END, 1.0, Analysis({"T_bar": Result(300.0, 1.0, "K", "of the bar")}), "1"
    )
    (made,) = export([path], "json", selection=selection([], ["T_bar=degC"]))
    result = json.loads(made.read_bytes())["results"]["T_bar"]
    assert (result["value"], result["uncertainty"]) == (pytest.approx(26.85, abs=1e-9), 1.0)


def test_an_integer_in_its_own_unit_stays_an_integer(path):
    """A selection that changes nothing changes nothing."""
    (made,) = export([path], "csv", selection=selection([], ["branch=1"]))
    assert pd.read_csv(made, comment="#")["branch (1)"].dtype == "int64"


@pytest.mark.parametrize(
    ("columns", "units", "said"),
    [
        (["R_xi"], [], r"'R_xi' \(did you mean R_xy\?\)"),
        (["R_xy,R_xy"], [], "named once"),
        ([","], [], "must name columns"),
        ([], ["mu0_H_y=Oe"], r"'mu0_H_y' \(did you mean mu0_H_z\?\)"),
        ([], ["mu0_H_z=oe"], r"one for T, as Oe, mT, T.*\(did you mean Oe\?\)"),
        ([], ["mu0_H_z=mA"], "one for T"),
        ([], ["mu0_H_z=dB"], "one for T"),
        ([], ["averaging=Oe"], "that has a unit"),
        ([], ["mu0_H_z"], "must be NAME=UNIT"),
        ([], ["mu0_H_z="], "must be NAME=UNIT"),
        ([], ["mu0_H_z=Oe", "mu0_H_z=mT"], "once for each name"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "netcdf"])
def test_a_wrong_column_or_unit_is_one_error_and_nothing_is_written(
    path, tmp_path, kind, columns, units, said
):
    """It names what was probably meant."""
    with pytest.raises(RequestError, match=said) as caught:
        export([path], kind, selection=selection(columns, units))
    assert "Nothing was written" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["loop.h5"]


# --- trees --------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two runs below a folder, with another program's file and an earlier export between them."""
    for folder in ("runs/monday", "runs/tuesday/late"):
        (tmp_path / folder).mkdir(parents=True)
        stored(tmp_path / folder / "loop.h5", title=folder)
    with h5py.File(tmp_path / "runs/other.h5", "w") as file:
        file["x"] = [1.0]
    export([tmp_path / "runs/monday/loop.h5"], "h5")
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("kind", "ending"), [("csv", "csv"), ("h5", "h5"), ("netcdf", "nc"), ("parquet", "parquet")]
)
def test_a_folder_is_mirrored(tree, tmp_path, kind, ending):
    """All runs below it and nothing else, each where it lay."""
    made = export([tree], kind, tmp_path / "out")
    assert made == [tmp_path / f"out/monday/loop.{ending}", tmp_path / f"out/tuesday/late/loop.{ending}"]
    assert sorted(file for file in (tmp_path / "out").rglob("*") if file.is_file()) == made


def test_a_folder_goes_into_one_hdf5_file_or_beside_its_runs(tree, tmp_path):
    """-o FILE.h5 gathers; without a name each table lies beside its run."""
    (made,) = export([tree], "h5", tmp_path / "all.h5")
    with h5py.File(made) as file:
        assert {name: file[f"{name}/title"].asstr()[()] for name in file} == {
            "loop": "runs/monday", "loop_2": "runs/tuesday/late",
        }  # fmt: skip
    assert export([tree], "csv") == [tree / "monday/loop.csv", tree / "tuesday/late/loop.csv"]


def test_a_tree_is_written_as_a_whole_or_not_at_all(tree, tmp_path):
    """A unit that the second run has not, a column it lacks, a damaged file: no folder is made."""
    damaged = tree / "tuesday" / "damaged.h5"
    damaged.write_text("x")
    with pytest.raises(DataError, match="damaged"):
        export([tree], "csv", tmp_path / "out")
    damaged.unlink()
    with pytest.raises(RequestError, match="must be of"):
        export([tree], "csv", tmp_path / "out", Selection(["R_xx"]))
    assert not (tmp_path / "out").exists()


def test_a_strangers_file_that_is_not_read_stops_nobody(tree, capsys):
    """Soft links are nothing special; a link to another file is passed by and said; in a run it stops all."""
    with h5py.File(tree / "other.h5", "r+") as file:
        file["soft"] = h5py.SoftLink("/x")
    with h5py.File(tree / "tuesday" / "master.h5", "w") as file:
        file["data"] = h5py.ExternalLink("data.h5", "/")
    assert len(export([tree], "csv")) == 2
    assert "master.h5 is passed by" in capsys.readouterr().err
    with h5py.File(tree / "tuesday" / "master.h5", "r+") as file:
        file.attrs["labctl_format"] = 1
    with pytest.raises(DataError, match="master"):
        export([tree], "json")


def test_a_file_in_the_mirrored_folder_is_never_replaced(tree, tmp_path):
    """One name that is taken stops all."""
    (tmp_path / "out/tuesday/late").mkdir(parents=True)
    (tmp_path / "out/tuesday/late/loop.csv").write_text("a week of work")
    with pytest.raises(RequestError, match="must not exist"):
        export([tree], "csv", tmp_path / "out")
    assert not (tmp_path / "out/monday").exists()
    assert (tmp_path / "out/tuesday/late/loop.csv").read_text() == "a week of work"


def test_a_folder_without_runs_is_refused(tmp_path):
    """An export of nothing is an error, not a success."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="at least one run"):
        export([tmp_path / "empty"], "csv")


def test_units_may_be_in_some_of_several_runs_only(tmp_path):
    """A tree holds different protocols: a name must be known in one run at least."""
    first = stored(tmp_path / "a.h5", sample={"name": Quantity("S1"), "width": Quantity(1e-5, "m")})
    second = stored(tmp_path / "b.h5")
    made = export([first, second], "json", selection=selection([], ["width=um"]))
    assert json.loads(made[0].read_bytes())["sample"]["width"]["value"] == pytest.approx(10, rel=1e-15)


# --- the command --------------------------------------------------------------------------------------


def test_the_command_takes_columns_and_units(labctl: Command, path: Path) -> None:
    """As the README shows it; what was written is on standard output."""
    said = labctl("export", str(path), "--to", "csv", "--columns", "mu0_H_z,R_xy", "--unit", "mu0_H_z=Oe")
    assert (said.status, said.out) == (0, f"{path.with_suffix('.csv')}\n")
    lines = [line for line in path.with_suffix(".csv").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["mu0_H_z (Oe),R_xy (ohm)", *(f"{H},{R}" for H, R in zip(OERSTED, HALL, strict=True))]
    assert len(FIELD) == len(lines) - 1
    said = labctl("export", str(path), "--to", "csv", "-o", "other.csv", "--unit", "mu0_H_z=mA")
    assert (said.status, "Nothing was written" in said.err, Path("other.csv").exists()) == (2, True, False)
