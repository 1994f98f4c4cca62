"""Damaged and forged journals: a recovered file or one clear error, within bounds; nothing is ever replaced."""

import json
import resource
from pathlib import Path
from typing import get_args

import h5py
import pytest
from command_line import Command
from hostile_journals import LARGE, damaged, forged
from journals import frames_of, left_behind

from labctl import entries, recovery
from labctl.errors import DataError
from labctl.journal import frames, journal_of, records
from labctl.record import Status
from labctl.runfile import read_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a run that was killed."""
    return left_behind(tmp_path_factory.mktemp("whole") / "a.h5").read_bytes()


def fuzz(whole: bytes, folder: Path, seeds: range, every: int = 1) -> tuple[int, int]:
    """List a journal for each seed, recover and read each `every`th; return how many became a file, how many none.

    Even seeds are forged, odd ones damaged.
    """
    made = refused = 0
    target = folder / "a.h5"
    for seed in seeds:
        content = damaged(whole, seed) if seed % 2 else forged(whole, folder, seed)
        journal_of(target).write_bytes(content)
        listed = entries.read_journal(str(journal_of(target)))
        assert listed.status in {*get_args(Status), "broken"}
        assert "\n" not in listed.reason
        if seed % every == 0:
            try:
                rows = recovery.recover(target).rows
            except DataError:
                refused += 1
            else:
                assert (read_run(target).rows, journal_of(target).exists()) == (rows, False)
                target.unlink()
                made += 1
                continue
        assert journal_of(target).read_bytes() == content
        journal_of(target).unlink()
        assert list(folder.iterdir()) == [], seed
    return made, refused


def test_hundreds_of_hostile_journals_become_a_file_or_one_error(whole: bytes, tmp_path: Path) -> None:
    """Half are damaged, half are forged with good check sums; memory does not grow by what they claim."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made, refused = fuzz(whole, tmp_path, range(300), every=15)
    assert min(made, refused) >= 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_thousands_of_hostile_journals_become_a_file_or_one_error(whole: bytes, tmp_path: Path) -> None:
    """As above, thousands of times."""
    made, refused = fuzz(whole, tmp_path, range(300, 5000))
    print(f"\nhostile journals: {made} recovered, {refused} refused")


def altered(whole: bytes, folder: Path, **changed: object) -> bytes:
    """The journal with another header, whose check sum is right."""
    told = json.loads(frames_of(whole, folder)[0].payload)
    told["run"] |= changed
    header = frames.pack(b"H", 0, json.dumps(told).encode())
    return records.FIRST_LINE + header + whole[frames_of(whole, folder)[1].end :]


def test_names_with_slashes_and_control_characters_are_data_and_reach_no_terminal(
    whole: bytes, labctl: Command, tmp_path: Path
) -> None:
    """Columns, parameters and sample keep their names in the file; the commands show them as escapes."""
    columns = [["/../x", "T", "", "float64"], ["\x1b[2J", "ohm", "", "float64"], ["=1+1", "1", "", "int64"]]
    names = {
        "signal": "\x1b[2J",
        "axis": "/../x",
        "title": "\x1b]0;x\a",
        "sample": {"name": ["\r\x1b[2J", None, ""]},
    }
    (tmp_path / "a.h5.journal").write_bytes(altered(whole, tmp_path, columns=columns, **names))
    for words in (["ls"], ["recover", "a.h5"], ["ls"], ["show", "a.h5"], ["export", "a.h5", "--to", "csv"]):
        said = labctl(*words)
        assert said.status == 0, said.err
        assert not {"\x1b", "\a", "\r"} & set(said.out + said.err)
    assert list(read_run(tmp_path / "a.h5").columns) == ["/../x", "\x1b[2J", "=1+1"]
    assert {found.name for found in tmp_path.iterdir() if found.is_file()} == {"a.h5", "a.csv"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"columns": [["x", "T", "", "float128"]], "signal": "x", "axis": "x"}, "a header"),
        ({"parameters": {"x": [1.0, float("nan"), ""]}}, "a header"),
        ({"sample": {"x": 5}}, "a header"),
        ({"source": None}, "a header"),
    ],
)
def test_a_forged_header_is_one_error_of_every_command(
    whole: bytes, labctl: Command, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    """Types that no column has, units that are no text: show, recover and export refuse it, ls tells it."""
    content = altered(whole, tmp_path, **changed)
    (tmp_path / "a.h5.journal").write_bytes(content)
    for words in (["recover", "a.h5"], ["show", "a.h5"], ["export", "a.h5", "--to", "csv"]):
        told = labctl(*words)
        assert (told.status, told.err.count("\n")) == (2, 1), told.err
        assert said in told.err
    assert "broken" in labctl("ls").out
    assert (tmp_path / "a.h5.journal").read_bytes() == content


def test_a_version_that_would_obey_is_shown_and_not_obeyed(
    whole: bytes, labctl: Command, tmp_path: Path
) -> None:
    """The version of a stranger's journal may be a text that clears a screen."""
    told = json.loads(frames_of(whole, tmp_path)[0].payload) | {"journal": "\x1b[2J\n"}
    (tmp_path / "a.h5.journal").write_bytes(
        records.FIRST_LINE + frames.pack(b"H", 0, json.dumps(told).encode())
    )
    said = labctl("recover", "a.h5")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "\x1b" not in said.err


def test_a_thousand_million_rows_and_a_giant_record_are_only_claimed(whole: bytes, tmp_path: Path) -> None:
    """A row of that number after nine, and a length of four gigabytes: the rows that are there are kept."""
    told = frames_of(whole, tmp_path)
    row = next(frame for frame in told if frame.kind == b"R")
    far = frames.pack(b"R", told[-1].number + 1, LARGE.to_bytes(8, "little") + row.payload[8:])
    giant = frames.MARK + b"R" + b"\xff" * 16
    journal_of(tmp_path / "a.h5").write_bytes(whole + far + giant)
    recovered = recovery.recover(tmp_path / "a.h5")
    assert (recovered.rows, len(recovered.damage)) == (10, 1)
    with h5py.File(tmp_path / "a.h5") as file:
        assert f"{LARGE - 9} rows are missing" in str(list(file["entry/log/text"]))
