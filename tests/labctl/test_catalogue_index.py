"""The index of the list of runs: quick the second time, and never believed before the files."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from many_runs import KINDS, four, hundred, stems

from labctl import catalogue, entries
from labctl.catalogue import Wanted, listing


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return four(tmp_path / "runs")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / ".cache" / "labctl" / "catalogue.sqlite"


def forbidden(path: str) -> entries.Entry:
    raise AssertionError(f"{path} was read although nothing changed")


def test_a_file_that_did_not_change_is_not_read_again(
    runs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second list is the same, entry for entry, and opens no file; in another way to write the folder too."""
    first = listing(runs, Wanted(), location=index)
    monkeypatch.setattr(catalogue.entries, "read", forbidden)
    assert listing(runs, Wanted(), location=index) == first
    monkeypatch.chdir(runs)
    assert [entry.path for entry in listing(Path(), Wanted(), location=index)] == [
        f"{kind}.h5" for kind in KINDS
    ]


def test_files_are_the_truth_of_what_is_listed(runs: Path, index: Path) -> None:
    """New, changed, moved and removed files show at the next list."""
    listing(runs, Wanted(), location=index)
    (runs / "alpha.h5").unlink()
    (runs / "beta.h5").rename(runs / "renamed.h5")
    (runs / "gamma.h5").unlink()
    (runs / "delta.h5").rename(runs / "gamma.h5")
    found = {Path(entry.path).stem: entry.protocol for entry in listing(runs, Wanted(), location=index)}
    assert found == {"renamed": "ahe-loop", "gamma": "stdp"}
    with sqlite3.connect(index) as database:
        assert database.execute("SELECT count(*) FROM files").fetchone() == (2,)
    database.close()


def garbage(index: Path) -> None:
    index.write_bytes(b"this is no database, but it is long enough to be taken for one" * 100)


def half(index: Path) -> None:
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])


def no_bytes(index: Path) -> None:
    index.write_bytes(b"")


def overwritten_in_the_middle(index: Path) -> None:
    content = bytearray(index.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    index.write_bytes(content)


def executed(*statements: str):
    def change(index: Path) -> None:
        database = sqlite3.connect(index)
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.close()

    return change


@pytest.mark.parametrize(
    "harm",
    [
        garbage,
        half,
        no_bytes,
        overwritten_in_the_middle,
        executed("PRAGMA user_version = 0"),
        executed(
            "PRAGMA user_version = 99", "DROP TABLE files", "CREATE TABLE files (path, of, another, time)"
        ),
        executed("DROP TABLE files"),
        executed("ALTER TABLE files DROP COLUMN details"),
        executed("UPDATE files SET start = 'noon'"),
        executed("UPDATE files SET start = 1e300"),
        executed("UPDATE files SET size = 'large'"),
        executed("UPDATE files SET details = '{'"),
        executed("UPDATE files SET details = '[]'"),
    ],
)
def test_a_damaged_or_older_index_is_built_anew_without_a_word(runs: Path, index: Path, harm) -> None:
    """The list is what it was, and the next one is quick again."""
    first = listing(runs, Wanted(), location=index)
    harm(index)
    where = Wanted(where="mu0_H_x > 1 Oe")
    assert listing(runs, where, location=index) == first
    assert listing(runs, where, location=index) == first


@pytest.mark.parametrize("place", ["a file where the folder should be", "a folder where the index should be"])
def test_without_a_cache_the_list_is_only_slower(runs: Path, tmp_path: Path, place: str) -> None:
    """A cache folder that takes nothing changes nothing in what is listed."""
    location = tmp_path / "cache" / "catalogue.sqlite"
    if place.startswith("a file"):
        location.parent.write_text("")
    else:
        location.mkdir(parents=True)
    for _ in range(2):
        assert [Path(entry.path).stem for entry in listing(runs, Wanted(), location=location)] == list(KINDS)


def test_an_index_that_may_only_be_read_is_read(
    runs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it is used, what is new is read every time."""
    first = listing(runs, Wanted(), location=index)
    shutil.copy(runs / "alpha.h5", runs / "new.h5")
    before = index.read_bytes()
    ordinary = sqlite3.connect

    def read_only(path: Path, **options: float) -> sqlite3.Connection:
        return ordinary(f"file:{path}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert len(listing(runs, Wanted(), location=index)) == len(first) + 1
    assert index.read_bytes() == before


def test_an_index_that_another_program_writes_for_long_is_done_without(
    runs: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever, and nobody's index is thrown away."""
    first = listing(runs, Wanted(), location=index)
    monkeypatch.setattr("labctl.index._WAIT", 0.05)
    other = sqlite3.connect(index, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert listing(runs, Wanted(), location=index) == first
    other.execute("ROLLBACK")
    assert other.execute("SELECT count(*) FROM files").fetchone() == (4,)
    other.close()


def test_a_list_of_a_hundred_runs_is_many_times_quicker_the_second_time(tmp_path: Path, index: Path) -> None:
    """Beside the first time, on the same machine: five times at least (some sixty were seen)."""
    folder = hundred(tmp_path / "runs")
    taken: list[float] = []
    for _ in range(2):
        start = time.perf_counter()
        assert len(listing(folder, Wanted(), location=index)) == 100
        taken.append(time.perf_counter() - start)
    assert taken[0] > 5 * taken[1]
    assert len(listing(folder, Wanted(where="mu0_H_x > 500 Oe"), location=index)) == 50
    assert len(listing(folder / "day-0", Wanted(), location=index)) == 19


@pytest.mark.slow
def test_many_new_files_are_read_side_by_side_to_the_same_list(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a process on each core as with one, also where there is a bar."""
    folder = hundred(tmp_path / "runs")
    first = listing(folder, Wanted(), location=index)
    monkeypatch.setattr(catalogue, "MANY", 50)
    assert listing(folder, Wanted(), location=tmp_path / "other.sqlite") == first


@pytest.mark.slow
def test_programs_that_list_one_folder_at_once_all_list_it_whole(tmp_path: Path) -> None:
    """Four cold ones start together; each prints every run, and the index is whole afterwards."""
    folder = hundred(tmp_path / "runs")
    command = [str(Path(sys.executable).parent / "labctl"), "ls", str(folder)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    together = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in together:
        out, err = process.communicate(timeout=50)
        assert (process.returncode, err) == (0, "")
        assert len(stems(out)) == 100
    database = sqlite3.connect(tmp_path / ".cache" / "labctl" / "catalogue.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert database.execute("SELECT count(*) FROM files").fetchone() == (100,)
    database.close()
