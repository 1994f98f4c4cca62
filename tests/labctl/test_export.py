"""Exports: other programs read the same numbers with their units, and no file is ever overwritten."""

import io

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray
from nexusformat.nexus import nxload
from silx.io.nxdata import get_default
from stored_runs import BRANCH, END, FIELD, HALL, begun, finish, header, stored

from labctl.errors import DataError, RequestError
from labctl.export import export
from labctl.runfile import read_run
from labctl.store import Quantity, RunStore
from protocols.vocabulary import Column

HEADER = ["mu0_H_z (T)", "R_xy (ohm)", "branch (1)"]


@pytest.fixture
def path(tmp_path):
    return stored(tmp_path / "loop.h5")


# --- CSV ----------------------------------------------------------------------------------------------


def test_csv_is_read_by_pandas_with_units_in_the_header(path):
    """read_csv(comment="#") gives every column, named with its SI unit."""
    (made,) = export([path], "csv")
    table = pd.read_csv(made, comment="#")
    assert list(table) == HEADER
    assert table["mu0_H_z (T)"].tolist() == FIELD
    assert table["R_xy (ohm)"].tolist() == HALL
    assert table["branch (1)"].tolist() == BRANCH
    assert table["branch (1)"].dtype == np.int64


def test_csv_lies_beside_the_run_in_a_folder_or_where_it_is_told(path, tmp_path):
    """Without a name it takes the run's own, in a folder likewise, else the name given."""
    (tmp_path / "folder").mkdir()
    assert export([path], "csv") == [tmp_path / "loop.csv"]
    assert export([path], "csv", tmp_path / "folder") == [tmp_path / "folder" / "loop.csv"]
    assert export([path], "csv", tmp_path / "other.txt") == [tmp_path / "other.txt"]


def test_csv_keeps_every_bit_of_every_number(tmp_path):
    """A float is written so that the same float is read, whatever it is."""
    values = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("nan")]
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    for value in values:
        store.row({"mu0_H_z": value, "R_xy": value, "branch": 2**63 - 1})
    (made,) = export([finish(store)], "csv")
    lines = [line.split(",") for line in made.read_text().splitlines() if not line.startswith("#")]
    assert np.array([float(line[1]) for line in lines[1:]]).tobytes() == np.array(values).tobytes()
    assert [int(line[2]) for line in lines[1:]] == [2**63 - 1] * 6


def test_csv_says_in_comments_what_was_measured_how_and_with_what_result(path):
    """The lines above the header name protocol, sample, parameters and results with uncertainty and unit."""
    (made,) = export([path], "csv")
    comments = [line for line in made.read_text().splitlines() if line.startswith("# ")]
    for line in [
        "# protocol: ahe-loop 1.0",
        "# status: complete",
        "# start: 2026-03-01T12:00:00+00:00",
        "# sample t_AlOx: 2e-09 m",
        "# parameter mu0_H_max: 0.1 T",
        "# parameter averaging: none",
        "# result mu0_H_c: 0.0251 +- 0.0004 T",
        "# result R_AHE: <= nan +- nan ohm no plateau",
    ]:
        assert line in comments
    assert len(made.read_text().splitlines()) == len(comments) + 1 + 9


def test_a_sample_note_can_break_neither_a_line_nor_a_cell(tmp_path):
    """A note with line ends, commas and a formula stays one comment line and one cell."""
    note = 'a\r\nb, =HYPERLINK("http://x")\n' + "long " * 100
    path = finish(begun(tmp_path / "a.h5", sample={"name": Quantity(note)}))
    (made,) = export([path], "csv")
    assert list(pd.read_csv(made, comment="#")) == HEADER
    (line,) = [line for line in made.read_text().splitlines() if line.startswith("# sample")]
    assert line.startswith('# sample name: a b; \'=HYPERLINK("http://x") long long')
    assert line.endswith(" ...")
    assert b"\r" not in made.read_bytes()


def test_a_column_of_a_strangers_run_is_no_formula(tmp_path):
    """A name that a spreadsheet would compute gets an apostrophe; numbers in the comments stay numbers."""
    names = ['=HYPERLINK("http://x")', "+1;@SUM(A1)", "-2+3+cmd|' /C calc'!A0"]
    columns = [Column(name, "1", "", "float64") for name in names]
    kept = {"steps": Quantity([0.5, -0.25], "T")}
    store = RunStore(tmp_path / "a.h5")
    store.begin(header(columns=columns, signal=names[0], axis=names[1], parameters=kept))
    store.row(dict.fromkeys(names, -1.5))
    (made,) = export([store.finish("complete", "", END, 1.0)], "csv")
    lines = made.read_text().splitlines()
    assert "# parameter steps: [0.5; -0.25] T" in lines
    assert list(pd.read_csv(made, comment="#")) == [
        '\'=HYPERLINK("http://x") (1)',
        "'+1;'@SUM(A1) (1)",
        "'-2+3+cmd|' /C calc'!A0 (1)",
    ]
    assert lines[-1] == "-1.5,-1.5,-1.5"


def test_several_runs_make_several_tables(path, tmp_path):
    """One CSV for each run, in the order given."""
    second = stored(tmp_path / "second.h5")
    assert export([second, path], "csv") == [tmp_path / "second.csv", tmp_path / "loop.csv"]


# --- HDF5 ---------------------------------------------------------------------------------------------


def test_hdf5_holds_an_entry_for_each_run_with_data_parameters_and_results(path, tmp_path):
    """Columns, parameters, sample and results of both runs, each with its unit."""
    second = stored(
        tmp_path / "second.h5", title="second", parameters={"mu0_H_max": Quantity(0.2, "T", "field")}
    )
    (made,) = export([path, second], "h5", tmp_path / "both.h5")
    with h5py.File(made) as file:
        assert sorted(file) == ["loop", "second"]
        assert file["second/title"].asstr()[()] == "second"
        assert (file["loop/parameters/mu0_H_max"][()], file["second/parameters/mu0_H_max"][()]) == (0.1, 0.2)
        assert file["second/parameters/mu0_H_max"].attrs["units"] == "T"
        result = file["second/analysis/mu0_H_c"]
        assert (result[()], result.attrs["uncertainty"], result.attrs["units"]) == (0.0251, 0.0004, "T")
        assert file["loop/entry_identifier_uuid"].asstr()[()] == "3f2a9c1e-5b7d-4c1a-9e21-0123456789ab"
        assert "wire" not in file["loop"]


def test_strangers_open_the_exported_file(path, tmp_path):
    """xarray, silx and nexusformat find the same curve as in the run itself."""
    (made,) = export([path], "h5")
    assert made == tmp_path / "loop_export.h5"
    with xarray.open_dataset(made, group="loop/data", engine="h5netcdf") as data:
        assert data["mu0_H_z"].values.tolist() == FIELD
        assert data["R_xy"].attrs["units"] == "ohm"
    with h5py.File(made) as file:
        plot = get_default(file)
        assert (plot.signal_dataset_name, plot.axes_dataset_names, plot.is_curve) == (
            "R_xy",
            ["mu0_H_z"],
            True,
        )
    assert nxload(made).plottable_data.nxsignal.nxvalue.tolist() == HALL


def test_runs_of_one_name_get_entries_of_their_own(tmp_path):
    """Two runs called loop.h5 in two folders do not fall upon each other."""
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    paths = [stored(tmp_path / folder / "loop.h5", title=folder) for folder in ("a", "b", "c")]
    (made,) = export(paths, "h5", tmp_path / "all.h5")
    with h5py.File(made) as file:
        assert {name: file[f"{name}/title"].asstr()[()] for name in file} == {
            "loop": "a", "loop_2": "b", "loop_3": "c",
        }  # fmt: skip


def test_an_export_is_not_taken_for_a_run(path):
    """The export has neither wire nor source; reading it as a run says so."""
    (made,) = export([path], "h5")
    with pytest.raises(DataError, match="must be a run of labctl"):
        read_run(made)


# --- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("csv", "loop.csv"), ("h5", "loop_export.h5")])
def test_no_file_is_overwritten(path, tmp_path, kind, name):
    """A name that is taken stays as it is, and nothing else is written."""
    (tmp_path / name).write_text("a week of work")
    with pytest.raises(RequestError, match="must not exist"):
        export([path], kind)
    assert (tmp_path / name).read_text() == "a week of work"
    assert len(list(tmp_path.iterdir())) == 2


def test_several_tables_are_written_together_or_not_at_all(path, tmp_path):
    """One name that is taken, or one run that cannot be read, stops all of them before the first."""
    second = stored(tmp_path / "second.h5")
    (tmp_path / "second.csv").touch()
    with pytest.raises(RequestError):
        export([path, second], "csv")
    (tmp_path / "no_run.h5").write_text("x")
    with pytest.raises(DataError):
        export([path, tmp_path / "no_run.h5"], "csv")
    assert not (tmp_path / "loop.csv").exists()


@pytest.mark.parametrize(
    ("count", "kind", "output", "said"),
    [
        (1, "xlsx", None, "format of an export"),
        (0, "csv", None, "at least one run"),
        (2, "h5", None, "must be given a name"),
        (2, "csv", "one.csv", "must be a directory"),
        (2, "csv", ".", "must differ in name"),
        (1, "csv", "missing/one.csv", "takes new files"),
    ],
)
def test_an_export_that_cannot_be_meant_is_refused(path, tmp_path, count, kind, output, said):
    """Unknown formats, no runs, several runs into one table, names that fall together, folders not there."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RequestError, match=said):
        export([path] * count, kind, output and tmp_path / output)
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_without_rows_is_exported_as_a_header(tmp_path):
    """An empty table is a table."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    (made,) = export([finish(store, "stopped")], "csv")
    table = pd.read_csv(io.StringIO(made.read_text()), comment="#")
    assert (list(table), len(table)) == (HEADER, 0)
