"""Disks that fail under real runs: every acknowledged row is kept, the station is parked, the error says why.

The limits are real: the operating system refuses to let any file grow beyond a size, and a small disk of our own is
filled up by others. Both are stepped over every write of a run.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import frames_of
from killing import Fate, Nursery, columns, said, words
from nursery import NOBODY

from labctl import recovery
from labctl.journal import journal_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROTOCOL = "ahe-loop"
PAGE = 4096


@pytest.fixture(scope="module")
def whole(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The columns of a run that nothing befell."""
    folder = tmp_path_factory.mktemp("whole")
    assert nursery.run(folder, words(PROTOCOL)).code == 0
    return columns(folder / "a.h5")


def assert_kept(fate: Fate, target: Path, whole: dict[str, bytes]) -> None:
    """Our own error that names the path, the station parked, every acknowledged row in the journal, bit for bit."""
    assert fate.code == 4, fate.left
    assert fate.left["parked"] is True
    assert "the station was parked" in fate.left["err"]
    assert f"{target.name}.journal: labctl recover makes the file of it" in fate.left["err"]
    assert "Traceback" not in fate.left["err"]
    assert not target.exists()
    recovered = recovery.recover(target)
    rows = len(fate.acknowledged)
    assert recovered.rows == rows
    assert columns(target) == {name: content[: 8 * rows] for name, content in whole.items()}


def assert_refused(fate: Fate, folder: Path) -> None:
    """Nothing was begun: exit 2, no instrument was ever on the bench, no file is left."""
    assert (fate.code, fate.left["parked"], fate.acknowledged) == (2, None, [])
    assert "must be a directory that takes new files" in fate.left["err"]
    assert list(folder.glob("a.h5*")) == []


def test_a_file_that_does_not_fit_leaves_the_journal_and_the_way_to_make_it(
    nursery: Nursery, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """The journal fits, the HDF5 file does not: exit 4, and later one command makes the complete run of it."""
    fate = nursery.run(tmp_path, words(PROTOCOL), limit=120_000)
    assert "a.h5 could not be written: File too large. No file was left behind." in fate.left["err"]
    assert_kept(fate, tmp_path / "a.h5", whole)
    assert said(tmp_path / "a.h5", "status") == "complete"
    assert columns(tmp_path / "a.h5") == whole


def test_at_every_write_of_a_run_the_disk_may_refuse_to_take_it(
    nursery: Nursery, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """The limit is stepped into the middle of every record: refused at the header, kept and parked at any other."""
    nursery.run(tmp_path, words(PROTOCOL, "whole.h5"), limit=120_000)
    records = frames_of(journal_of(tmp_path / "whole.h5").read_bytes(), tmp_path)
    rows: list[int] = []
    for record in records:
        folder = tmp_path / f"{record.number}"
        folder.mkdir()
        fate = nursery.run(folder, words(PROTOCOL), limit=(record.start + record.end) // 2)
        if record.kind == b"H":
            assert_refused(fate, folder)
        else:
            assert_kept(fate, folder / "a.h5", whole)
            rows.append(len(fate.acknowledged))
    assert rows == sorted(rows)
    assert set(rows) == set(range(len(whole["R_xy"]) // 8 + 1))
    print(
        f"\nfile-size limit: {len(records)} writes refused in turn, rows kept {rows[0]} to {rows[-1]}, lost 0"
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB of our own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("to mount a small disk takes root's rights")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_others_fill_up_costs_no_row(
    nursery: Nursery, whole: dict[str, bytes], disk: Path
) -> None:
    """ENOSPC at every second page that journal and file take; with enough room the run is complete."""
    ends: list[int] = []
    for pages in range(0, 200, 2):
        fate = nursery.run(disk, words(PROTOCOL), room=pages * PAGE)
        (disk / "others").unlink()
        ends.append(fate.code)
        if fate.code == 0:
            assert columns(disk / "a.h5") == whole
            break
        if fate.code == 2:
            assert_refused(fate, disk)
        else:
            assert "No space left on device" in fate.left["err"]
            assert_kept(fate, disk / "a.h5", whole)
        (disk / "a.h5").unlink(missing_ok=True)
    assert ends == sorted(ends, key=[2, 4, 0].index)
    assert set(ends) == {2, 4, 0}
    print(
        f"\nfull disk of 4 MB: {len(ends)} sizes of free room, {ends.count(4)} runs kept and parked, lost 0"
    )


# --- folders ------------------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that belongs to a user without root's rights; pytest's own are closed to him."""
    folder = Path(tempfile.mkdtemp())
    (folder / "runs").mkdir()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.chown(folder / "runs", NOBODY, NOBODY)
    yield folder
    if (folder / "runs").exists():
        (folder / "runs").chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)  # some runs have had it deleted


def test_a_folder_that_takes_no_files_is_refused_before_any_instrument_is_touched(
    nursery: Nursery, folder: Path
) -> None:
    """Exit 2; nothing was opened; nothing is left."""
    (folder / "runs").chmod(0o500)
    fate = nursery.run(folder, words(PROTOCOL, "runs/a.h5"), unprivileged=True)
    assert_refused(fate, folder / "runs")
    assert "Permission denied" in fate.left["err"]


def test_a_folder_that_becomes_read_only_keeps_the_journal_and_every_row(
    nursery: Nursery, folder: Path, whole: dict[str, bytes]
) -> None:
    """The journal is open already and takes all rows; the file can be made of it when the folder is put right."""
    target = folder / "runs" / "a.h5"
    fate = nursery.run(
        folder, words(PROTOCOL, "runs/a.h5"), unprivileged=True, synced=True, at=5, done="runs read-only"
    )
    assert "runs/a.h5 could not be written: Permission denied" in fate.left["err"]
    (folder / "runs").chmod(0o700)
    assert_kept(fate, target, whole)
    assert (said(target, "status"), columns(target)) == ("complete", whole)


def test_a_folder_that_is_locked_stops_the_run_and_keeps_the_journal_behind_its_door(
    nursery: Nursery, folder: Path, whole: dict[str, bytes]
) -> None:
    """Exit 4, parked; the row that met the lock is in the journal too, for when it is opened again."""
    target = folder / "runs" / "a.h5"
    fate = nursery.run(
        folder, words(PROTOCOL, "runs/a.h5"), unprivileged=True, synced=True, at=5, done="runs locked"
    )
    assert (fate.code, fate.left["parked"], len(fate.acknowledged)) == (4, True, 5), fate.left
    assert "runs/a.h5.journal; got: Permission denied" in fate.left["err"]
    (folder / "runs").chmod(0o700)
    assert recovery.recover(target).rows == 6
    assert columns(target) == {name: content[: 8 * 6] for name, content in whole.items()}


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("journal deleted", "deleted, moved or replaced"),
        ("journal moved", "deleted, moved or replaced"),
        ("runs deleted", "deleted, moved or replaced"),
        ("runs moved", "deleted, moved or replaced"),
        ("all deleted", "deleted, moved or replaced"),
    ],
)
def test_where_the_journal_is_no_longer_to_be_had_the_run_stops_and_its_file_is_made_elsewhere(
    nursery: Nursery, folder: Path, whole: dict[str, bytes], what: str, reason: str
) -> None:
    """Exit 4, parked, and a file with every row: where it should be, else here, else with the temporary files."""
    fate = nursery.run(folder, words(PROTOCOL, "runs/a.h5"), synced=True, at=5, done=what)
    assert (fate.code, fate.left["parked"]) == (4, True), fate.left
    assert reason in fate.left["err"]
    places = {"journal": folder / "runs", "runs": folder, "all": nursery.temporary}
    path = places[what.split()[0]] / "a.h5"
    assert f"6 rows are in {fate.path}." in fate.left["err"]
    assert columns(path) == {name: content[: 8 * 6] for name, content in whole.items()}
    assert said(path, "status") == "faulted"
    path.unlink()


# --- clocks and second programs -----------------------------------------------------------------------


def test_a_clock_that_is_set_back_in_the_middle_of_a_run_costs_nothing(
    nursery: Nursery, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """A complete run says that the clock jumped; a killed one does not end before it began."""
    fate = nursery.run(tmp_path, words(PROTOCOL), at=5, done="clock set back")
    assert (fate.code, columns(tmp_path / "a.h5")) == (0, whole)
    assert said(tmp_path / "a.h5", "end_time") >= said(tmp_path / "a.h5", "start_time")
    fate = nursery.run(tmp_path, words(PROTOCOL, "b.h5"), at=5, done="clock set back", killed_at=8)
    assert fate.code == -9
    recovered = recovery.recover(tmp_path / "b.h5")
    assert (recovered.rows, recovered.status) == (8, "interrupted")
    assert said(tmp_path / "b.h5", "end_time") >= said(tmp_path / "b.h5", "start_time")
