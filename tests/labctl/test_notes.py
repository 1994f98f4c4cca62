"""Notes and tags: added to a run afterwards, beside it, kept whatever becomes of index and name."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import Command
from many_runs import four

from labctl import notes
from labctl.errors import DataError, RequestError
from labctl.notes import Remarks

NOW = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def runs(tmp_path: Path) -> Path:
    return four(tmp_path / "runs")


def tagged(labctl: Command, *words: str) -> dict[str, list[str]]:
    """Tags by the name of the file, of runs that have one."""
    found = labctl("ls", "--json", *words).json["runs"]
    return {Path(run["file"]).name: run["tags"] for run in found if run["tags"]}


def test_a_note_is_shown_with_its_run_and_in_the_list(labctl: Command, runs: Path) -> None:
    """Who wrote it and when; the list shows the last one, shortened."""
    assert labctl("note", "runs/beta.h5", "the cryostat was warm").status == 0
    assert labctl("note", "runs/beta.h5", "measured again as gamma, which took the whole night").status == 0
    shown = labctl("show", "runs/beta.h5").out
    assert shown.index("the cryostat was warm") < shown.index("measured again as gamma")
    line = labctl("ls", "--status", "stopped").out.splitlines()[1]
    assert '"measured again as gamma, which took the…"' in line
    told = labctl("show", "runs/beta.h5", "--json").json["notes"]
    assert told[0]["text"] == "the cryostat was warm"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(told[0]["time"])) < timedelta(hours=1)
    assert "cryostat" not in labctl("show", "runs/alpha.h5").out


def test_tags_are_added_and_taken_away_in_the_order_given(labctl: Command) -> None:
    """+word and -word; the tags that are left are told, and the list can be narrowed to them."""
    assert labctl("tag", "runs/alpha.h5", "+good", "+device-3", "-good", "+h", "-never").err == "device-3 h\n"
    assert labctl("tag", "runs/beta.h5", "+good").status == 0
    assert labctl("tag", "runs/alpha.h5", "-h").err == "device-3\n"
    assert tagged(labctl) == {"alpha.h5": ["device-3"], "beta.h5": ["good"]}
    assert tagged(labctl, "--tag", "good") == {"beta.h5": ["good"]}
    assert tagged(labctl, "--where", "tag = good or tag = device-3").keys() == {"alpha.h5", "beta.h5"}
    assert labctl("ls", "--tag", "good", "--tag", "device-3").out == ""


def test_the_runs_own_files_are_not_touched(labctl: Command, runs: Path) -> None:
    """Every byte, and the time of the last change."""
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in runs.glob("*.h5")}
    labctl("note", "runs/alpha.h5", "seen")
    labctl("tag", "runs/alpha.h5", "+seen")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in runs.glob("*.h5")} == before


def test_what_was_noted_outlives_the_index_and_follows_the_run(
    labctl: Command, runs: Path, tmp_path: Path
) -> None:
    """The index is thrown away; the run is renamed; it is moved with its notes; only without them they are lost."""
    labctl("tag", "runs/alpha.h5", "+good")
    labctl("tag", "runs/beta.h5", "+bad")
    (tmp_path / ".cache" / "labctl" / "catalogue.sqlite").unlink(missing_ok=True)
    assert tagged(labctl) == {"alpha.h5": ["good"], "beta.h5": ["bad"]}
    (runs / "alpha.h5").rename(runs / "best.h5")
    assert tagged(labctl) == {"best.h5": ["good"], "beta.h5": ["bad"]}
    labctl("tag", "runs/best.h5", "+again")
    assert tagged(labctl)["best.h5"] == ["again", "good"]
    (tmp_path / "kept").mkdir()
    for path in list(runs.glob("beta.h5*")):
        path.rename(tmp_path / "kept" / path.name)
    assert tagged(labctl, "kept") == {"beta.h5": ["bad"]}
    (runs / "best.h5").rename(tmp_path / "kept" / "best.h5")
    assert tagged(labctl, "kept") == {"beta.h5": ["bad"]}


def test_lines_are_only_ever_added(labctl: Command, runs: Path) -> None:
    """What was written stays at the beginning of the file, also what was taken back."""
    path = runs / "alpha.h5.notes"
    before = b""
    for words in (("tag", "+good"), ("note", "no"), ("tag", "-good"), ("note", "yes")):
        assert labctl(words[0], "runs/alpha.h5", words[1]).status == 0
        content = path.read_bytes()
        assert content.startswith(before)
        assert content.count(b"\n") == before.count(b"\n") + 1
        before = content


def test_a_torn_or_foreign_line_costs_no_other(runs: Path) -> None:
    """A full disk may tear a line; the next one begins on a line of its own."""
    path, target = runs / "alpha.h5.notes", runs / "alpha.h5"
    notes.add_note(target, "u", "first", NOW)
    with path.open("ab") as file:
        file.write(b'{"run": "u", "time": "2026-03-05T10:00:00+00:00", "by": "x", "no')
    notes.add_note(target, "u", "second", NOW)
    with path.open("ab") as file:
        file.write(
            b'\xff\n[]\n7\n{"run": 3, "time": 4}\n{"run": "u", "time": "2026-03-05", "by": ""}\n'
            + b"[" * 9999
        )
        file.write(b'\n{"run": "u", "time": "2026-03-05T10:00:00+00:00", "by": "x", "tags": [1]}\n')
        file.write(b'{"run": "u", "time": "2026-03-05T10:00:00+00:00", "by": "x", "note": null}\n')
    notes.change_tags(target, "u", ["+last"], NOW)
    remarks = notes.read(runs)["u"]
    assert [note.text for note in remarks.notes] == ["first", "second"]
    assert remarks.tags == ["last"]


def test_remarks_of_two_files_come_in_the_order_of_their_times(runs: Path) -> None:
    """A tag that was added later in another file (the run was renamed in between) wins."""
    notes.change_tags(runs / "z.h5", "u", ["+good"], NOW)
    notes.change_tags(runs / "a.h5", "u", ["-good", "+bad"], NOW + timedelta(seconds=1))
    notes.add_note(runs / "a.h5", "u", "second", NOW + timedelta(seconds=3))
    notes.add_note(runs / "z.h5", "u", "first", NOW + timedelta(seconds=2))
    remarks = notes.read(runs)["u"]
    assert remarks.tags == ["bad"]
    assert [note.text for note in remarks.notes] == ["first", "second"]
    assert notes.read(runs).get("another", notes.NONE) == Remarks()


def test_any_text_comes_back_as_it_was_and_no_terminal_obeys_it(labctl: Command, runs: Path) -> None:
    """Line feeds, quotes, signs of other scripts; control characters are shown as their escapes."""
    text = 'line 1\nline "2"\t\x1b[2J 測定 µ'
    labctl("note", "runs/alpha.h5", text)
    assert labctl("show", "runs/alpha.h5", "--json").json["notes"][0]["text"] == text
    for out in (labctl("show", "runs/alpha.h5").out, labctl("ls").out):
        assert "\x1b" not in out
        assert r'line 1\nline "2"\t\x1b[2J 測定 µ' in out
    assert len((runs / "alpha.h5.notes").read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("note", "runs/alpha.h5", " "), "a note must have 1 to 10000 signs; got 0"),
        (("note", "runs/alpha.h5", "x" * 10_001), "got 10001"),
        (("note", "runs/absent.h5", "x"), "there is no file of that name"),
        (("note", "runs/text.h5", "x"), "must be an HDF5 file"),
        (("tag", "runs/alpha.h5", "good"), "a tag must be +WORD to add or -WORD to take away"),
        (("tag", "runs/alpha.h5", "+good day"), "'+good day'"),
        (("tag", "runs/alpha.h5", "+"), "'+'"),
        (("tag", "runs/alpha.h5", "+" + "x" * 65), "at most 64"),
        (("tag", "runs/alpha.h5", "+a\x1b"), "a tag must be"),
        (("tag", "runs/alpha.h5"), "Missing argument"),
        (("tag", "+good", "runs/alpha.h5"), "the file must come before its tags"),
    ],
)
def test_what_cannot_be_noted_is_refused_and_nothing_is_written(
    labctl: Command, runs: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit status 2, one line."""
    (runs / "text.h5").write_text("")
    answer = labctl(*words)
    assert answer.status == 2
    assert said in answer.err
    assert not list(runs.glob("*.notes"))


def test_a_place_that_takes_no_line_is_named(runs: Path, tmp_path: Path) -> None:
    """A folder in the way; a link is not followed, so nothing is written where it leads."""
    (runs / "alpha.h5.notes").mkdir()
    with pytest.raises(RequestError, match=r"alpha\.h5\.notes must be a file that takes a line"):
        notes.add_note(runs / "alpha.h5", "u", "x", NOW)
    (runs / "beta.h5.notes").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RequestError, match="Nothing was noted"):
        notes.add_note(runs / "beta.h5", "u", "x", NOW)
    assert not (tmp_path / "elsewhere").exists()


def test_notes_beyond_all_size_are_refused_and_listed_as_broken(
    labctl: Command, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to hold gigabytes in memory because a file is called .notes; the runs are listed all the same."""
    monkeypatch.setattr(notes, "MAX_BYTES", 1000)
    (runs / "alpha.h5.notes").write_text(json.dumps("x" * 1000))
    with pytest.raises(DataError, match="at most 1000 bytes"):
        notes.read(runs)
    (listed,) = labctl("ls", "--status", "broken", "--json").json["runs"]
    assert listed["file"] == "runs/alpha.h5.notes"
    assert "at most 1000 bytes" in listed["reason"]
    assert len(labctl("ls", "--status", "complete", "--json").json["runs"]) == 3
