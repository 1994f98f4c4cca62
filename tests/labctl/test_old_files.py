"""Files of old formats are shown, drawn, exported, analysed and replayed by every later labctl."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest
from command_line import Command
from old_files import NAMES, unpacked

from labctl import figures, registry
from labctl.runfile import read_run
from protocols.vocabulary import Column

#: Files whose wire is kept: every driver is in one of them.
WIRE = (
    "ahe-loop_verified",
    "ahe-loop_sim-dc_verified",
    "harmonic-hall_checked",
    "sot-switching_verified",
)

#: Files whose rows are no longer enough for today's analysis, and why. None yet.
BEYOND: dict[str, str] = {}

#: What each file has said since it was made: rows and one result, in SI.
KNOWN = {
    "ahe-loop": (41, "R_AHE"),
    "ahe-loop_verified": (41, "R_AHE"),
    "ahe-loop_sim-dc": (21, "R_AHE"),
    "ahe-loop_sim-dc_verified": (21, "R_AHE"),
    "classify": (8, "accuracy_ideal"),
    "demagnetize": (6, None),
    "harmonic-hall": (64, "mu0_H_DL"),
    "harmonic-hall_verified": (64, "mu0_H_DL"),
    "harmonic-hall_checked": (64, "mu0_H_DL"),
    "minor-loops": (74, None),
    "sigmoid-neuron": (30, "K"),
    "sot-switching": (21, "I_th"),
    "sot-switching_verified": (21, "I_th"),
    "stdp": (5, None),
}


def test_every_protocol_and_evaluation_has_a_file_of_format_1(tmp_path: Path) -> None:
    """A new protocol adds its file; none of the old ones goes."""
    kept = {read_run(unpacked(name, tmp_path)).protocol for name in NAMES}
    assert kept == {*registry.installed("protocols"), *registry.installed("evaluations")}
    assert set(NAMES) == set(KNOWN)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_file_is_read_shown_drawn_and_exported(labctl: Command, tmp_path: Path, name: str) -> None:
    """Nothing that could be done with it when it was made is lost."""
    path = unpacked(name, tmp_path)
    rows, result = KNOWN[name]
    said = labctl("show", str(path), "--json")
    assert said.status == 0, said.err
    assert said.json["rows"] == rows
    if result:
        assert math.isfinite(said.json["results"][result]["value"])
    assert labctl("show", str(path)).status == 0
    assert labctl("plot", str(path)).status == 0
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert labctl("export", str(path), "--to", "csv").status == 0
    assert path.with_suffix(".csv").stat().st_size > 0


@pytest.mark.parametrize("name", NAMES)
def test_an_old_file_is_analysed_to_what_it_says(labctl: Command, tmp_path: Path, name: str) -> None:
    """Today's code finds in the old rows what the code of its time found, to a part in a million."""
    said = labctl("analyse", str(unpacked(name, tmp_path)), "--json")
    if name in BEYOND:
        assert said.status == 2
        assert BEYOND[name] in said.err
        return
    assert said.status == 0, said.err
    assert said.json["stored"]["results"].keys() <= said.json["results"].keys()
    for result, stored in said.json["stored"]["results"].items():
        if stored["value"] is not None:
            assert said.json["results"][result]["value"] == pytest.approx(stored["value"], rel=1e-6), result


@pytest.mark.parametrize("name", WIRE)
def test_the_drivers_say_line_by_line_what_they_said_then(labctl: Command, tmp_path: Path, name: str) -> None:
    """A driver whose messages changed fails here; tests/formats/README.md says when that may be so."""
    said = labctl("replay", str(unpacked(name, tmp_path)), "--json")
    assert said.status == 0, said.err
    assert said.json["identical"]
    assert said.json["lines"] > 1000


def test_every_driver_is_in_a_kept_wire(tmp_path: Path) -> None:
    """Else its messages would not be held."""
    runs = [read_run(unpacked(name, tmp_path)) for name in WIRE]
    used = {instrument.driver for run in runs for instrument in run.instruments.values()}
    assert used == {point.value.partition(":")[2] for point in registry.installed("drivers").values()}


# --- later protocols ----------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ahe-loop of a later version, which measures one column more and cannot be analysed without it."""
    today = registry.load_protocol("ahe-loop")
    more = (*today.columns, Column("T_sample", "K", "temperature of the sample"))
    version = replace(today, version="99.0", columns=more)
    ordinary = registry.load_method
    monkeypatch.setattr(
        registry, "load_method", lambda name: version if name == "ahe-loop" else ordinary(name)
    )
    return version


def test_a_file_from_before_a_column_was_added_is_still_drawn(
    labctl: Command, tmp_path: Path, later: Any
) -> None:
    """What is there is drawn, and a warning says why it is not more."""
    path = unpacked("ahe-loop", tmp_path)
    said = labctl("plot", str(path))
    assert said.status == 0, said.err
    assert "it has no column T_sample" in said.err
    assert path.with_suffix(".png").exists()
    assert labctl("show", str(path)).status == 0
    assert labctl("export", str(path), "--to", "csv").status == 0


def test_a_file_from_before_a_column_was_added_is_not_analysed_and_says_so(
    labctl: Command, tmp_path: Path, later: Any
) -> None:
    """The error names the column and both versions, and the file is as it was."""
    path = unpacked("ahe-loop", tmp_path)
    before = path.read_bytes()
    said = labctl("analyse", str(path), "--again")
    assert said.status == 2
    assert "T_sample" in said.err
    assert "99.0" in said.err
    assert "labctl: " in said.err
    assert "Traceback" not in said.err
    assert path.read_bytes() == before


def test_a_run_of_a_protocol_that_is_not_installed_is_drawn(labctl: Command, tmp_path: Path) -> None:
    """A colleague's protocol: its default plot is known, its analysis is not."""
    path = unpacked("ahe-loop", tmp_path)
    run = replace(read_run(path), protocol="from-elsewhere")
    assert len(figures.of_run(run).axes[0].lines[0].get_xdata()) == 41


def test_a_file_of_a_newer_format_is_refused_by_name(labctl: Command, tmp_path: Path) -> None:
    """It says which format, and what helps."""
    path = unpacked("stdp", tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["labctl_format"] = 2
    for command in ("show", "plot", "analyse", "replay"):
        said = labctl(command, str(path))
        assert said.status == 2
        assert "it is of format 2: update labctl" in said.err
