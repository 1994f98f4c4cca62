"""`labctl.load`: a run in a notebook, as xarray, pandas and matplotlib know it, in a few lines."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command
from matplotlib import pyplot
from stored_runs import BRANCH, FIELD, HALL, stored

import labctl as package
from labctl.errors import DataError, RequestError
from labctl.loaded import LoadedRun

SCRIPT = """
import labctl

run = labctl.load("loop.h5")
print(run.results)
print(run.results["R_AHE"].value, run.results["R_AHE"].uncertainty, run.results["R_AHE"].unit)
run.data["R_xy"].plot(x="mu0_H_z")
run.figure().savefig("loop.png")
"""


@pytest.fixture
def run(tmp_path: Path) -> LoadedRun:
    return package.load(stored(tmp_path / "loop.h5"))


def test_a_notebook_loads_a_run_and_plots_it(
    labctl: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README's script: results as a table, a number with its uncertainty, and both ways to a figure."""
    assert labctl("run", "ahe-loop", "-p", "mu0_H_step=40Oe", "--seed", "1", "-o", "loop.h5").status == 0
    monkeypatch.setenv("MPLBACKEND", "agg")
    Path("notebook.py").write_text(SCRIPT)
    runpy.run_path("notebook.py")
    pyplot.close("all")
    table, numbers = capsys.readouterr().out.strip().rsplit("\n", 1)
    assert "coercive field" in table
    value, uncertainty, unit = numbers.split()
    assert (float(value), unit) == (pytest.approx(0.4, rel=0.02), "ohm")
    assert 0 < float(uncertainty) < 0.01
    assert Path("loop.png").read_bytes().startswith(b"\x89PNG")


def test_data_is_a_dataset_with_units_and_the_field_as_coordinate(run):
    """xarray labels its own plots from it."""
    assert run.data["R_xy"].values.tolist() == HALL
    assert run.data["R_xy"].coords["mu0_H_z"].values.tolist() == FIELD
    assert run.data["R_xy"].attrs == {"units": "ohm", "long_name": "Hall resistance"}
    assert run.data.attrs["protocol"] == "ahe-loop"


def test_frame_is_a_table_with_units_in_its_attributes(run):
    """One row per row, numbers as they were stored."""
    assert run.frame["branch"].tolist() == BRANCH
    assert run.frame["branch"].dtype == "int64"
    assert run.frame.attrs["units"] == {"mu0_H_z": "T", "R_xy": "ohm", "branch": "1"}


def test_results_and_parameters_are_numbers_and_read_as_people_write_them(run):
    """SI values with unit and uncertainty; shown in the unit of the bench."""
    found = run.results["mu0_H_c"]
    assert (found.value, found.uncertainty, found.unit, float(found)) == (0.0251, 0.0004, "T", 0.0251)
    assert repr(found) == "0.02510 ± 0.00040 T"
    field = run.parameters["mu0_H_max"]
    assert (field.value, field.unit, float(field), repr(field)) == (0.1, "T", 0.1, "1000 Oe")
    assert repr(run.parameters).splitlines()[0].split() == ["mu0_H_max", "1000", "Oe", "largest", "field"]


def test_a_run_shows_itself(run, tmp_path):
    """repr says what was measured, what came out and what can be asked for."""
    text = repr(run)
    for part in (
        "AHE loop of S1: complete, 9 rows",
        str(tmp_path),
        "R_xy (ohm)",
        "coercive field",
        ".figure()",
    ):
        assert part in text


def test_html_is_the_same_with_nothing_left_of_a_hostile_name(tmp_path):
    """A title is text in a page, not a part of the page."""
    html = package.load(stored(tmp_path / "a.h5", title="<script>alert(1)</script>"))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "coercive field" in html


def test_a_run_without_analysis_has_no_results_and_still_shows(tmp_path):
    """What is not there is said."""
    from stored_runs import END, begun

    run = package.load(begun(tmp_path / "a.h5").finish("stopped", "Ctrl-C", END, 1.0))
    assert run.results == {}
    assert "stopped (Ctrl-C)" in repr(run)
    assert "no results" in repr(run)
    assert "<table></table>" in run._repr_html_()


def test_a_picture_that_is_not_there_is_refused_by_name(labctl: Command) -> None:
    """The protocol's further pictures are named."""
    labctl("run", "ahe-loop", "-p", "mu0_H_step=100Oe", "--seed", "1", "-o", "loop.h5")
    with pytest.raises(RequestError, match="must be one of"):
        package.load("loop.h5").figure("nonsense")


def test_what_is_no_run_is_one_line(tmp_path):
    """The same error as on the command line."""
    (tmp_path / "a.h5").write_text("x")
    with pytest.raises(DataError, match="must be an HDF5 file"):
        package.load(str(tmp_path / "a.h5"))


def test_importing_labctl_imports_nothing_heavy():
    """A script that only asks for the version does not wait for numpy, h5py, xarray or pandas."""
    heavy = {"numpy", "h5py", "xarray", "pandas", "pydantic", "click"}
    code = f"import sys, labctl; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
