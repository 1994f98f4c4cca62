"""The list of runs: what is there is found, quickly the second time, and nothing that lies about stops it."""

import os
import shutil
import signal
from pathlib import Path
from uuid import UUID

import h5py
import many_runs
import pytest
from command_line import Command
from journals import left_behind, measured
from many_runs import KINDS, four, stems

from labctl import catalogue, entries
from labctl.catalogue import Wanted, listing
from labctl.errors import RequestError
from labctl.runfile import read_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return four(tmp_path / "runs")


# --- the list -----------------------------------------------------------------------------------------


def test_the_list_has_a_line_for_each_run_the_newest_at_the_end(labctl: Command, runs: Path) -> None:
    """Start, protocol, sample, status, rows, the first results that were found, and the file."""
    said = labctl("ls")
    assert said.status == 0
    assert stems(said.out) == list(KINDS)
    line = said.out.splitlines()[2]
    started = read_run(runs / "beta.h5").start_time.astimezone()
    for word in (f"{started:%Y-%m-%d %H:%M}", "ahe-loop", "S1", "stopped", " 9 ", "runs/beta.h5"):
        assert word in line
    assert "mu0_H_c 0.02510 ± 0.00040 T" in line
    assert "R_AHE" not in line  # it was not found


def test_json_tells_of_each_run_what_its_file_tells(labctl: Command, runs: Path) -> None:
    """One object; parameters and results are those that reading the whole file gives."""
    told = labctl("ls", "runs", "--json").json["runs"]
    assert [Path(run["file"]) for run in told] == [Path("runs", f"{kind}.h5") for kind in KINDS]
    for run in told:
        whole = read_run(Path(run["file"]))
        assert (run["uuid"], run["rows"], run["status"]) == (whole.uuid, 9, whole.status)
        assert run["start_time"] == whole.start_time.astimezone().isoformat()
        assert run["parameters"] == {
            name: {"value": quantity.value, "unit": quantity.unit}
            for name, quantity in whole.parameters.items()
        }
        assert run["results"]["mu0_H_c"] == {"value": 0.0251, "uncertainty": 0.0004, "unit": "T"}
        assert run["results"]["R_AHE"] == {
            "value": None,
            "uncertainty": None,
            "unit": "ohm",
            "limit": "upper",
        }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "alpha beta gamma delta"),
        (("-n", "2"), "gamma delta"),
        (("--protocol", "stdp"), "delta"),
        (("--sample", "S2"), "gamma"),
        (("--status", "stopped"), "beta"),
        (("--since", "2026-03-03"), "gamma delta"),
        (("--until", "2026-03-02"), "alpha beta"),
        (("--since", "2026-03-02", "--until", "2026-03-03"), "beta gamma"),
        (("--where", "mu0_H_x > 500 Oe"), "beta delta"),
        (("--where", "mu0_H_x > 500 Oe and results.mu0_H_c < 0.1 T", "--status", "complete"), "delta"),
        (("--where", "parameters.mu0_H_x < 500 Oe and sample.t_AlOx = 2 nm"), "alpha gamma"),
        (("--where", "duration > 9 s and seed = 7 and station = ''"), "alpha beta gamma delta"),
        (("--where", "end < 2026-03-01T13:00+01:00"), ""),
        (("--where", "end < 2026-03-01T23:00+01:00"), "alpha beta gamma delta"),
        (("--where", "not (protocol = stdp or sample = S2)"), "alpha beta"),
        (("--where", "file = runs/beta.h5 or reason = 'Ctrl-C'"), "beta"),
    ],
)
def test_the_list_can_be_narrowed(labctl: Command, runs: Path, words: tuple[str, ...], expected: str) -> None:
    """Every option, and conditions on whatever the file has."""
    said = labctl("ls", *words)
    assert said.status == 0
    assert " ".join(stems(said.out)) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere must be a folder"),
        (("--where", "mu0_H_x > 15 mA"), "mu0_H_x in a condition must be a field"),
        (("--where", "mu0_H_y > 15 Oe"), "did you mean mu0_H_x"),
        (("--where", "I_zz > 3"), "got 'I_zz' (they have results."),
        (("--where", "mu0_H_x >"), "stops too early"),
        (("--since", "yesterday"), "must be compared with a date"),
        (("--tag", "x", "-n", "0"), "-n"),
    ],
)
def test_a_wrong_question_is_refused_in_one_line(
    labctl: Command, runs: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit status 2, and the reason."""
    answer = labctl("ls", *words)
    assert answer.status == 2
    assert said in answer.err
    assert answer.out == ""


def test_an_empty_folder_has_no_runs(labctl: Command) -> None:
    """That is no error; a program gets an empty list, and a condition cannot be wrong."""
    assert labctl("ls").status == 0
    assert labctl("ls", "--json", "--where", "anything < 3 mA").json == {"runs": []}


def test_of_several_analyses_the_last_one_counts(labctl: Command, runs: Path) -> None:
    """analysis_10 was made after analysis_2, and that after the first."""
    with h5py.File(runs / "alpha.h5", "r+") as file:
        for number in (2, 10):
            file.copy("entry/analysis", f"entry/analysis_{number}")
            file[f"entry/analysis_{number}/mu0_H_c"][()] = number / 100
    (run,) = labctl("ls", "--where", "results.mu0_H_c = 1000 Oe", "--json").json["runs"]
    assert run["file"] == "runs/alpha.h5"
    assert "mu0_H_c 0.10000 ± 0.00040 T" in labctl("ls").out


# --- what lies about ----------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_a_line_that_says_why(labctl: Command, runs: Path) -> None:
    """Truncated, empty, text, another program's, newer, with a link that leads elsewhere, without values."""
    whole = (runs / "alpha.h5").read_bytes()
    (runs / "half.h5").write_bytes(whole[: len(whole) // 2])
    (runs / "empty.h5").touch()
    (runs / "text.h5").write_text("mu0_H_z,R_xy\n")
    (runs / "gone.h5").symlink_to("nowhere.h5")
    (runs / "folder.h5").mkdir()
    with h5py.File(runs / "other.h5", "w") as file:
        file["R_xy"] = [1.0]
    for name in ("newer", "linked", "bare", "odd", "elsewhere", "giant"):
        (runs / f"{name}.h5").write_bytes(whole)
    with h5py.File(runs / "newer.h5", "r+") as file:
        file.attrs["labctl_format"] = 99
    with h5py.File(runs / "linked.h5", "r+") as file:
        del file["entry/protocol"]
        file["entry/protocol"] = h5py.ExternalLink("alpha.h5", "/entry/protocol")
    with h5py.File(runs / "bare.h5", "r+") as file:
        del file["entry/status"]
    with h5py.File(runs / "odd.h5", "r+") as file:
        del file["entry/start_time"]
        file["entry/start_time"] = "0001-01-01T00:00:00+14:00"
    with h5py.File(runs / "elsewhere.h5", "r+") as file:
        del file["entry/sample/name"]
        file["entry/sample"].create_dataset("name", (6,), "S1", external=[("/etc/hostname", 0, 6)])
    with h5py.File(runs / "giant.h5", "r+") as file:
        file["entry/protocol/parameters"].create_dataset("all", (10**12,), "f8", chunks=(1000,))
    said = labctl("ls", "--json")
    assert said.status == 0
    found = {Path(run["file"]).stem: run for run in said.json["runs"]}
    assert set(found) == {
        *KINDS, "half", "empty", "text", "other", "newer", "linked", "bare", "odd", "elsewhere", "giant",
    }  # fmt: skip
    expected = {
        "half": "damaged", "empty": "must be an HDF5 file", "text": "must be an HDF5 file",
        "newer": "format 99: update", "linked": "link that leads elsewhere", "bare": "damaged", "odd": "damaged",
        "elsewhere": "kept otherwise", "giant": "kept otherwise",
    }  # fmt: skip
    for name, reason in expected.items():
        assert found[name]["status"] == "broken"
        assert reason in found[name]["reason"]
        assert "\n" not in found[name]["reason"]
    assert found["other"]["status"] == "foreign"
    assert stems(labctl("ls", "--status", "complete").out) == ["alpha", "gamma", "delta"]


def test_a_file_that_crashes_its_reader_is_broken_and_the_others_are_listed(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 can be brought down by what a file holds; that ends a process of its own, not the list."""
    ordinary = entries.read

    def read(path: str) -> entries.Entry:
        if path.endswith("beta.h5"):
            os.kill(os.getpid(), signal.SIGKILL)
        return ordinary(path)

    read.__module__, read.__qualname__ = "labctl.entries", "read"
    monkeypatch.setattr(entries, "read", read)
    found = {Path(entry.path).stem: entry for entry in listing(runs, Wanted(), location=tmp_path / "index")}
    assert found["beta"].status == "broken"
    assert "crashed" in found["beta"].reason
    assert [found[kind].status for kind in ("alpha", "gamma", "delta")] == ["complete"] * 3


def test_a_file_that_hangs_or_swells_its_reader_is_broken_and_the_others_are_listed(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of each file is limited, in whatever depth it is spent, and the memory of its reader."""
    ordinary = entries.read

    def read(path: str) -> entries.Entry:
        while path.endswith("beta.h5"):
            pass
        return ordinary(path if len(bytes(2**36 * path.endswith("gamma.h5"))) == 0 else "swollen")

    monkeypatch.setattr(entries, "read", read)
    monkeypatch.setattr(catalogue, "_SECONDS", 0.3)
    found = {Path(entry.path).stem: entry for entry in listing(runs, Wanted(), location=tmp_path / "index")}
    assert found["beta"].status == found["gamma"].status == "broken"
    assert "took more than 0.3 s" in found["beta"].reason
    assert [found[kind].status for kind in ("alpha", "delta")] == ["complete"] * 2


def test_a_name_with_control_characters_does_not_reach_the_terminal(labctl: Command, runs: Path) -> None:
    """A sample called ESC [ 2 J, and a file with a line feed in its name, are one line each without either."""
    many_runs.finish(many_runs.begun(runs / "new\nline.h5", sample={"name": many_runs.Quantity("\x1b[2Jx")}))
    out = labctl("ls", "--sample", "\x1b[2Jx").out
    assert len(out.splitlines()) == 2
    assert "\x1b" not in out
    assert r"new\nline.h5" in out


def test_links_to_folders_and_hidden_folders_are_passed_by(labctl: Command, runs: Path) -> None:
    """A link back up is no endless walk."""
    (runs / "up").symlink_to("..", target_is_directory=True)
    (runs / ".trash").mkdir()
    shutil.copy(runs / "alpha.h5", runs / ".trash" / "old.h5")
    assert stems(labctl("ls").out) == list(KINDS)


# --- runs that have no file yet -----------------------------------------------------------------------


def test_a_run_that_goes_on_and_one_that_was_interrupted_are_listed_from_their_journals(
    labctl: Command, runs: Path
) -> None:
    """Under the name that the file will have; the list neither disturbs the one nor recovers the other."""
    store = measured(runs / "going.h5")
    journal = left_behind(runs / "killed.h5", uuid=str(UUID(int=7)))
    before = {path.name for path in runs.iterdir()}
    found = {Path(run["file"]).name: run for run in labctl("ls", "--json").json["runs"]}
    assert (found["going.h5"]["status"], found["going.h5"]["rows"]) == ("running", 9)
    assert f"process {os.getpid()} is measuring" in found["going.h5"]["reason"]
    assert found["killed.h5"]["status"] == "interrupted"
    assert "labctl recover" in found["killed.h5"]["reason"]
    assert found["killed.h5"]["parameters"]["mu0_H_max"] == {"value": 0.1, "unit": "T"}
    where = (
        "--where",
        "status = running or status = interrupted and mu0_H_max = 1 kOe and sample.t_AlOx = 2 nm",
    )
    assert sorted(stems(labctl("ls", *where).out)) == ["going", "killed"]
    assert labctl("tag", "runs/killed.h5", "+pity").status == 0
    assert {path.name for path in runs.iterdir()} == before | {"killed.h5.notes"}
    assert journal.is_file()
    store.close()


def test_once_a_run_has_its_file_its_journal_is_not_listed_beside_it(labctl: Command, runs: Path) -> None:
    """A program that dies between naming the file and removing the journal leaves both."""
    left_behind(runs / "killed.h5").rename(runs / "alpha.h5.journal")
    assert stems(labctl("ls").out) == list(KINDS)


@pytest.mark.parametrize(
    "content", [b"", b"labctl journal, version 1\n", b"labctl journal, version 9\n", b"\xff" * 999]
)
def test_a_journal_that_tells_nothing_is_a_line_that_says_so(
    labctl: Command, runs: Path, content: bytes
) -> None:
    """Empty, without a header, of a later version, garbage."""
    (runs / "odd.h5.journal").write_bytes(content)
    (broken,) = labctl("ls", "--status", "broken", "--json").json["runs"]
    assert broken["file"] == "runs/odd.h5.journal"
    assert "\n" not in broken["reason"]
    assert len(stems(labctl("ls").out)) == 5


def test_one_file_has_an_entry_and_what_is_no_run_has_none(runs: Path) -> None:
    """Notes and tags need a run to go with."""
    assert catalogue.entry_of(runs / "alpha.h5").sample == "S1"
    (runs / "text.h5").write_text("")
    for name in ("text.h5", "absent.h5", ""):
        with pytest.raises(RequestError, match="must be a run of labctl"):
            catalogue.entry_of(runs / name)
