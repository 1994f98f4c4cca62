"""`labctl validate`: a run as it was left holds; each promise of the layout, broken, is named with its place."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import Command
from journals import left_behind, measured
from stored_runs import stored

from labctl.validate import validate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return stored(tmp_path / "loop.h5")


def without_check_sum(file):
    values = file["entry/data/R_xy"][()]
    del file["entry/data/R_xy"]
    made = file["entry/data"].create_dataset("R_xy", data=values, chunks=True)
    made.attrs.update({"units": "ohm", "long_name": "Hall resistance"})
    made.dims[0].attach_scale(file["entry/data/mu0_H_z"])


def shorter(file):
    del file["entry/data/R_xy"]
    made = file["entry/data"].create_dataset("R_xy", data=[1.0])
    made.attrs.update({"units": "ohm", "long_name": "Hall resistance"})
    made.dims[0].attach_scale(file["entry/data/mu0_H_z"])


def said(place, text):
    def change(file):
        del file[place]
        file[place] = text

    return change


def a_group(place):
    def change(file):
        del file[place]
        file.create_group(place)

    return change


def a_class(place, nx_class):
    def change(file):
        file[place].attrs["NX_class"] = nx_class

    return change


def without_scale(file):
    file["entry/data/R_xy"].dims[0].detach_scale(file["entry/data/mu0_H_z"])


def lost(place, attribute=""):
    def change(file):
        if attribute:
            del file[place].attrs[attribute]
        else:
            del file[place]

    return change


BROKEN = {
    "a unit": (lost("entry/data/R_xy", "units"), "/entry/data/R_xy", "must have the attribute units"),
    "a meaning": (lost("entry/sample/t_AlOx", "long_name"), "/entry/sample/t_AlOx", "attribute long_name"),
    "a class": (lost("entry/instrument/voltmeter", "NX_class"), "/entry/instrument/voltmeter", "NX_class"),
    "an uncertainty": (lost("entry/analysis/mu0_H_c", "uncertainty"), "/entry/analysis/mu0_H_c", "uncertainty"),
    "a check sum": (without_check_sum, "/entry/data/R_xy", "must have a fletcher32 check sum"),
    "a row": (shorter, "/entry/data", "must have columns of one length"),
    "a row of the axis": (shorter, "/entry/data/mu0_H_z", "must have 1 values, as R_xy has; got (9,)"),
    "the default entry": (lost("/", "default"), "/", "attribute default, the name of its NXentry"),
    "the default data": (lost("entry", "default"), "/entry", "attribute default, the name of its NXdata"),
    "the signal": (lost("entry/data", "signal"), "/entry/data", "must have the attribute signal"),
    "the axes": (lost("entry/data", "axes"), "/entry/data", "must have the attribute axes"),
    "the column of the axis": (lost("entry/data/mu0_H_z"), "/entry/data", "must have the axis 'mu0_H_z'"),
    "the wire": (lost("entry/wire"), "/entry/wire", "must be there"),
    "the entry": (lost("entry"), "/entry", "must be there"),
    "the manifest": (lost("entry/manifest"), "/entry/manifest/sha256", "must be there"),
    "its sense": (said("entry/manifest/sha256", "{"), "/entry/manifest", "must be a JSON object"),
    "the offset": (said("entry/start_time", "2026-03-01T12:00:00"), "/entry/start_time", "with its offset"),
    "the time": (said("entry/end_time", "at noon"), "/entry/end_time", "ISO 8601"),
    "the status": (said("entry/status", "fine"), "/entry/status", "must be one of complete"),
    "the reason": (said("entry/status", "complete"), "/entry/status", "must have the attribute reason"),
    "the version": (lost("entry/program_name", "version"), "/entry/program_name", "attribute version"),
    "a text": (a_group("entry/start_time"), "/entry/start_time", "must be a dataset"),
    "a group": (said("entry/wire", "*IDN?"), "/entry/wire", "must be a group"),
    "the class of the sample": (a_class("entry/sample", "NXnote"), "/entry/sample", "must be of class NXsample"),
    "a scale": (without_scale, "/entry/data/R_xy", "must have the dimension scale of its group"),
    "JSON": (said("entry/protocol/json", "{"), "/entry/protocol/json", "as the run left it"),
    "a value": (said("entry/title", "better"), "/entry/title", "must be as the run left it"),
}  # fmt: skip


def test_a_run_as_it_was_left_holds(path):
    """Nothing is found, and the default plot is named."""
    verdict = validate(path)
    assert (verdict.findings, verdict.kind, verdict.plot) == (
        [],
        "run of labctl, format 1",
        "R_xy against mu0_H_z",
    )


@pytest.mark.parametrize("what", BROKEN)
def test_what_was_broken_is_named_with_its_place(path, what):
    """A promise that is not kept is found by its own check, whatever the manifest says besides."""
    change, where, text = BROKEN[what]
    with h5py.File(path, "r+") as file:
        change(file)
    findings = validate(path).findings
    assert [finding for finding in findings if finding.where == where and text in finding.text], findings


def test_one_fault_is_one_finding_beside_the_manifests(path):
    """A lost unit does not shout from ten places."""
    with h5py.File(path, "r+") as file:
        del file["entry/data/R_xy"].attrs["units"]
    assert [finding.where for finding in validate(path).findings] == ["/entry/data/R_xy"] * 2


@pytest.mark.parametrize(
    "place",
    ["entry/status", "entry/data", "entry/wire", "entry/analysis", "entry/manifest", "entry/data/mu0_H_z"],
)
@pytest.mark.parametrize(
    "other", [1.5, np.zeros((2, 3)), np.zeros(3, [("a", "f8"), ("b", "i4")]), h5py.Empty("f8")], ids=str
)
def test_something_else_in_a_place_is_not_a_traceback_and_does_not_hold(path, place, other):
    """A number, an array, a table or nothing where a text, a group or a column was."""
    with h5py.File(path, "r+") as file:
        del file[place]
        file.create_dataset(place, data=other)
    verdict = validate(path)
    assert not verdict.holds
    assert "\n" not in verdict.unreadable


# --- files of other programs --------------------------------------------------------------------------


def nexus(path, **attributes):
    with h5py.File(path, "w") as file:
        data = file.create_group("scan/counts")
        data.create_dataset("y", data=[1.0, 2.0])
        data.create_dataset("x", data=[0.0, 1.0])
        for place, values in {
            "/": {"default": "scan"},
            "scan": {"NX_class": "NXentry", "default": "counts"},
        }.items():
            file[place].attrs.update(values)
        data.attrs.update({"NX_class": "NXdata", "signal": "y", "axes": ["x"], **attributes})
    return path


def test_a_foreign_nexus_file_is_held_to_its_default_plot_only(tmp_path):
    """Another program's file needs no units or manifest to be shown."""
    verdict = validate(nexus(tmp_path / "a.h5"))
    assert (verdict.holds, verdict.kind, verdict.plot) == (True, "NeXus file", "y against x")


def test_bytes_and_arrays_of_one_are_texts_too(tmp_path):
    """Other programs write attributes of fixed length, or as arrays."""
    verdict = validate(nexus(tmp_path / "a.h5", signal=np.bytes_(b"y"), axes=np.array([b"x"])))
    assert (verdict.holds, verdict.plot) == (True, "y against x")


def test_the_old_mark_of_a_signal_is_known(tmp_path):
    """Before 2014 the dataset itself said signal=1."""
    path = nexus(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file["scan/counts"].attrs["signal"]
        file["scan/counts/y"].attrs["signal"] = 1
    assert validate(path).plot == "y against x"


def test_a_plain_hdf5_file_is_told_what_it_lacks(tmp_path):
    """Without classes nothing can be shown: the first step is said."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["y"] = [1.0]
    verdict = validate(tmp_path / "a.h5")
    assert (verdict.kind, verdict.plot) == ("HDF5 file", "")
    assert verdict.findings[-1] == ("/", "must have a group of class NXentry")


def test_soft_links_and_second_names_within_a_file_are_followed(tmp_path):
    """As NeXus programs write them: the default plot behind links, loops and dead ends beside it."""
    path = nexus(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["scan/raw"] = file["scan/counts/y"]  # a second name
        del file["scan/counts/y"]
        file["scan/counts/y"] = h5py.SoftLink("/scan/raw")
        file["scan/again"] = file["scan"]
        file["scan/up"] = h5py.SoftLink("/scan")
        file["scan/ring"] = h5py.SoftLink("/scan/ring")
        file["scan/gone"] = h5py.SoftLink("/nowhere")
    verdict = validate(path)
    assert (verdict.holds, verdict.kind, verdict.plot) == (True, "NeXus file", "y against x")
    with h5py.File(path, "r+") as file:
        del file["scan"].attrs["default"]
        del file["scan/counts"].attrs["signal"]
    assert validate(path).findings[-1].text.startswith("must have the attribute signal")


def test_what_is_not_supported_in_a_foreign_file_is_named_with_its_place(tmp_path):
    """A link to another file is not followed, and the verdict says which."""
    path = nexus(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["scan/master"] = h5py.ExternalLink("/etc/passwd", "/")
    assert "/scan/master: a link that leads elsewhere" in validate(path).unreadable


def test_a_run_with_soft_links_is_altered_and_refused(path):
    """What a stranger's file may have is still no part of a run."""
    with h5py.File(path, "r+") as file:
        file["entry/link"] = h5py.SoftLink("/entry/data")
    assert "a link that leads elsewhere" in validate(path).unreadable


def test_an_interrupted_run_is_recovered_and_one_that_goes_on_is_not_judged(
    labctl: Command, tmp_path: Path
) -> None:
    """Where only the journal is there; a folder passes by what is being measured, and says so."""
    (tmp_path / "runs").mkdir()
    left_behind(tmp_path / "runs" / "a.h5")
    going_on = measured(tmp_path / "runs" / "b.h5")
    said = labctl("validate", "runs")
    assert (said.status, said.out.count("runs/a.h5: holds")) == (0, 1)
    assert "runs/b.h5 is passed by" in said.err
    assert "must be a run that has ended" in validate(tmp_path / "runs" / "b.h5").unreadable
    going_on.close()
    assert labctl("export", "runs", "--to", "csv").out == "runs/a.csv\nruns/b.csv\n"


# --- the command --------------------------------------------------------------------------------------


def test_exit_0_where_all_hold_5_where_one_does_not_2_where_one_cannot_be_read(
    labctl: Command, path: Path
) -> None:
    """Other programs go by the exit status; the worst of several files decides."""
    assert labctl("validate", str(path)).status == 0
    broken = stored(path.with_name("broken.h5"))
    with h5py.File(broken, "r+") as file:
        del file["entry/data/R_xy"].attrs["units"]
    told = labctl("validate", str(path), str(broken))
    assert told.status == 5
    assert "loop.h5: holds: run of labctl, format 1, R_xy against mu0_H_z\n" in told.out
    assert "broken.h5: DOES NOT HOLD" in told.out
    assert "  /entry/data/R_xy must have the attribute units\n" in told.out
    path.with_name("text.h5").write_text("x")
    told = labctl("validate", str(path.parent), "--json")
    assert told.status == 2
    found = {Path(file["file"]).name: file for file in told.json["files"]}
    assert [found[name]["holds"] for name in ("broken.h5", "loop.h5", "text.h5")] == [False, True, False]
    assert found["broken.h5"]["findings"][0] == {
        "where": "/entry/data/R_xy", "text": "must have the attribute units",
    }  # fmt: skip
    assert "must be an HDF5 file" in found["text.h5"]["unreadable"]


def test_a_newer_format_is_not_judged(labctl: Command, path: Path) -> None:
    """What this version does not know it does not call wrong."""
    with h5py.File(path, "r+") as file:
        file.attrs["labctl_format"] = 2
    told = labctl("validate", str(path))
    assert (told.status, "update labctl" in told.out) == (2, True)


def test_a_folder_without_files_is_refused(labctl: Command, tmp_path: Path) -> None:
    """Nothing that was looked at is not all well."""
    assert labctl("validate", str(tmp_path)).status == 2
