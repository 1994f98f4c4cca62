"""A batch: planned before it begins, each run in a file of its own, and taken up again after whatever ended it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batches import BATCH, content_of, folder_of, ledger_of, stop
from command_line import Command, Said
from test_engine import sample_file

from labctl import runfile

pytestmark = pytest.mark.usefixtures("nothing_but_runs")


def test_each_run_has_a_file_that_tells_its_batch(batch: Callable[..., Said], tmp_path: Path) -> None:
    """Identifier, name, number, label and the text of the batch file; a result of run 1 is a parameter of run 2."""
    said = batch("--json")
    assert said.status == 0, said.err
    told = said.json
    assert (told["status"], told["count"], told["complete"]) == ("complete", 4, 4)
    runs = [runfile.read_run(Path(run["file"])) for run in told["runs"]]
    assert {run.batch["uuid"].value for run in runs} == {told["batch"]}
    assert [run.batch["run"].value for run in runs] == [1, 2, 3, 4]
    assert {run.batch["runs"].value for run in runs} == {4}
    assert runs[2].batch["label"].value == "sot-switching (mu0_H_x = 700 Oe)"
    assert runs[0].batch["batch_file"].value == BATCH
    assert "repeats" not in runs[0].batch
    assert [run.seed for run in runs] == [5, 6, 7, 8]
    assert runs[1].parameters["R_AHE_reference"].value == runs[0].results["R_AHE"].value
    assert runs[2].parameters["mu0_H_x"].value == pytest.approx(0.07)
    folder = Path(told["folder"])
    assert (folder / "batch.toml").read_text(encoding="utf-8") == BATCH
    events = [(line["event"], line["run"], line["uuid"]) for line in ledger_of(folder)]
    assert events == [(event, n, run.uuid) for n, run in enumerate(runs, 1) for event in ("begun", "ended")]


def test_a_run_of_a_batch_is_the_run_of_the_command_line(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path
) -> None:
    """The same request outside of the batch gives the same rows, bit for bit."""
    batch()
    words = ("-p", "mu0_H_step=100Oe", "-p", "settle=0s", "--sample", "alox-0.0", "--seed", "5")
    assert labctl("run", "ahe-loop", *words, "-o", "alone.h5").status == 0
    alone = runfile.read_run(tmp_path / "alone.h5")
    inside = runfile.read_run(folder_of(tmp_path) / "0001_loop.h5")
    for name, column in alone.columns.items():
        assert column.tobytes() == inside.columns[name].tobytes()


def test_ctrl_c_stops_after_the_point_and_resume_repeats_that_run_only(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, rooms: list[Any], at_row: Any
) -> None:
    """Exit 3 says how to go on; then run 1 is skipped, run 2 made anew beside the old, and 3 and 4 are made."""
    at_row(2, 6, stop)
    said = batch("--json")
    assert said.status == 3
    assert [run["status"] for run in said.json["runs"]] == ["complete", "stopped", "waiting", "waiting"]
    folder = folder_of(tmp_path)
    assert f"labctl resume runs/{folder.name}" in said.err
    assert "the station was parked" in said.err
    assert rooms[-1].instruments["source"].write(b"OUTP?\n") is None
    assert rooms[-1].instruments["source"].next_reply(rooms[-1].clock.now() + 1) == b"0\n"
    for magnet in rooms[-1].magnets.values():
        assert abs(magnet.mu0_H(rooms[-1].clock.now() + 10)) < 2e-3  # the remanence of its yoke, at most
    before = content_of(folder)
    assert len(before) == 2

    resumed = labctl("resume", str(folder), "--json")
    assert resumed.status == 0, resumed.err
    runs = resumed.json["runs"]
    assert [run["status"] for run in runs] == ["complete"] * 4
    assert [run["was_there"] for run in runs] == [True, False, False, False]
    after = content_of(folder)
    assert {name: after[name] for name in before} == before
    assert len(after) == 5
    old = runfile.read_run(folder / "0002_sot-switching_mu0_H_x-600Oe.h5")
    new = runfile.read_run(folder / "0002_sot-switching_mu0_H_x-600Oe-2.h5")
    assert (old.status, old.rows, new.status, new.rows) == ("stopped", 6, "complete", 11)
    assert new.batch["repeats"].value == runs[1]["repeats"] == old.uuid
    assert "repeats" not in runfile.read_run(Path(runs[2]["file"])).batch
    assert runs[1]["overlap"]["rows"] == 6
    assert runs[1]["overlap"]["is_identical"]
    assert "6 rows of R_xy: identical, bit for bit" in resumed.err


def test_resuming_a_finished_batch_changes_nothing(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, rooms: list[Any]
) -> None:
    """No bench is built, no file and no line of the ledger appears, and the results are told again."""
    first = batch("--json").json
    folder = folder_of(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    built = len(rooms)
    for place in (folder, folder / "batch.toml"):
        said = labctl("resume", str(place), "--json")
        assert said.status == 0
        assert [run["results"] for run in said.json["runs"]] == [run["results"] for run in first["runs"]]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(rooms) == built


def test_after_a_crash_the_batch_goes_on(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, at_row: Any
) -> None:
    """A bug in the third run ends the program; what it left is repeated, what was before it is kept."""
    at_row(3, 2, lambda: 1 / 0)
    assert batch().status == 1
    folder = folder_of(tmp_path)
    said = labctl("resume", str(folder), "--json")
    assert said.status == 0, said.err
    runs = said.json["runs"]
    assert [run["was_there"] for run in runs] == [True, True, False, False]
    assert runs[2]["repeats"] == runfile.read_run(folder / "0003_sot-switching_mu0_H_x-700Oe.h5").uuid


def test_a_run_that_left_no_file_is_known_from_the_ledger(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path
) -> None:
    """Begun and never ended, and a line torn in the middle: the run is made, and named as a repetition."""
    batch()
    folder = folder_of(tmp_path)
    (folder / "0004_sot-switching_mu0_H_x-800Oe.h5").unlink()
    ledger = folder / "ledger.jsonl"
    uuid = ledger_of(folder)[-1]["uuid"]
    text = ledger.read_text(encoding="utf-8")
    ledger.write_text(text[:-20], encoding="utf-8")
    said = labctl("resume", str(folder), "--json")
    assert said.status == 0
    assert said.json["runs"][3]["repeats"] == uuid
    lines = ledger.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines[-2:]] == ["begun", "ended"]


def test_what_is_damaged_or_another_run_is_made_again_and_what_depends_on_it_checked(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path
) -> None:
    """The files are the truth: half a file is no run, and run 3 under the name of run 2 is not run 2."""
    batch()
    folder = folder_of(tmp_path)
    loop, second, third, _ = sorted(folder.glob("*.h5"))
    loop.write_bytes(loop.read_bytes()[:5000])
    second.write_bytes(third.read_bytes())
    said = labctl("resume", str(folder), "--json")
    assert said.status == 0, said.err
    runs = said.json["runs"]
    assert [run["was_there"] for run in runs] == [False, False, True, True]
    assert [Path(run["file"]).name for run in runs[:2]] == [f"{loop.stem}-2.h5", f"{second.stem}-2.h5"]
    # the loop came out as before, bit for bit; otherwise runs 3 and 4 would have been compared with another one
    assert runfile.read_run(Path(runs[0]["file"])).results["R_AHE"].value == (
        runfile.read_run(third).parameters["R_AHE_reference"].value
    )


def test_a_sample_file_that_is_altered_later_does_not_alter_the_batch(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, at_row: Any
) -> None:
    """The plan keeps the texts: a resumed run is on the sample that the first runs were on."""
    sample_file(tmp_path, R_AHE="0.3 ohm")
    at_row(2, 3, stop)
    assert batch(text=BATCH.replace("alox-0.0", "odd.toml")).status == 3
    sample_file(tmp_path, R_AHE="0.9 ohm")
    (tmp_path / "batch.toml").unlink()
    said = labctl("resume", str(folder_of(tmp_path)), "--json")
    assert said.status == 0, said.err
    assert said.json["runs"][0]["was_there"]
    for path in sorted(folder_of(tmp_path).glob("*.h5")):
        assert '"0.3 ohm"' in runfile.read_run(path).sample["sample_file"].value


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("resume", "nothing"), "must be the folder of a batch"),
        (("resume", "."), "must be the folder of a batch"),
        (("resume", "nothing.h5"), "nothing.h5 must be a file"),
        (("resume", ".", "-o", "x.h5"), "-o must go with a run"),
        (("resume", "x.h5", "--keep-going"), "--keep-going must go with a batch"),
        (("batch", "nothing.toml"), "must be a batch file that can be read"),
    ],
)
def test_a_wrong_command_is_refused(
    labctl: Command, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    """One line, exit 2, nothing sent and nothing written."""
    said = labctl(*words)
    assert said.status == 2
    assert complaint in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_show_tells_the_batch_and_the_run_in_whose_place_one_was_made(
    batch: Callable[..., Said],
    labctl: Command,
    tmp_path: Path,
    at_row: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Name, number and label for people; every link but the text of the batch file for programs."""
    at_row(1, 3, stop)
    batch()
    folder = folder_of(tmp_path)
    old = runfile.read_run(folder / "0001_loop.h5")
    assert labctl("resume", str(folder)).status == 0
    said = labctl("show", str(folder / "0001_loop-2.h5"))
    assert "series, run 1 of 4: loop" in said.out
    assert f"repeats   {old.uuid}" in said.out
    told = labctl("show", str(folder / "0001_loop-2.h5"), "--json").json["batch"]
    assert told == {
        "uuid": old.batch["uuid"].value,
        "name": "series",
        "run": 1,
        "runs": 4,
        "label": "loop",
    } | {"repeats": old.uuid}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"labctl_batch": 1, "runs": [1]}',
        '{"labctl_batch": 9}',
        '{"labctl_batch": 1, "uuid": "", "name": "", "text": "", "texts": {}, "runs": [], "failures": {}}',
    ],
)
def test_a_plan_that_is_none_is_refused(labctl: Command, tmp_path: Path, text: str) -> None:
    """Another text under that name, or a newer layout, is one line and not a traceback."""
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    said = labctl("resume", str(tmp_path))
    assert said.status == 2
    assert "plan.json must be" in said.err
