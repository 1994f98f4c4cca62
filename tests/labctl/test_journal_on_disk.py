"""The journal and the disk: nothing but the last row is lost, and what the disk does not take ends the run."""

import errno
import os
from types import SimpleNamespace

import pytest
from journals import ROWS, frames_of, measured
from stored_runs import END, header

from labctl import journal
from labctl.errors import FaultError, RequestError
from labctl.journal import journal_of, writer
from labctl.record import WireLine
from labctl.runfile import read_run, read_wire
from labctl.store import RunStore


def told(path):
    """What a journal tells, its wire and clock readings read while it is open."""
    with journal.opened(path) as descriptor:
        back = journal.read(path, descriptor)
        told = {name: getattr(back, name) for name in back.__slots__}
        return SimpleNamespace(**told, lines=list(back.traffic), readings=back.traffic.readings().tolist())


def failing(patch, name, code):
    """Let a call of the operating system fail; the first write() is only cut in half, as a full disk does it."""
    real = getattr(os, name)
    cut = iter([True])

    def call(descriptor, *given):
        if name == "write" and next(cut, False):
            return real(descriptor, bytes(given[0])[: len(given[0]) // 2])
        raise OSError(code, os.strerror(code))

    patch.setattr(os, name, call)


def test_a_full_disk_stops_the_run_at_the_row_and_leaves_whole_records(tmp_path, monkeypatch):
    """The row raises, naming disk and file; nothing else raises; the torn half is taken back, earlier rows stay."""
    store = measured(tmp_path / "a.h5")
    before = journal_of(store.target).read_bytes()
    with monkeypatch.context() as patch:
        failing(patch, "write", errno.ENOSPC)
        store.wire(10.0, "voltmeter", "say", ":READ?")
        with pytest.raises(
            FaultError, match=r"disk at /.* must take the journal .*a\.h5\.journal; got: No space"
        ):
            store.row(ROWS[0])
        store.event(10.0, "info", "parking, source: confirmed")
        store.settings_after("voltmeter", {})
    assert journal_of(store.target).read_bytes() == before
    run = read_run(store.finish("faulted", "the disk is full", END, 10.0))
    assert (run.rows, run.status, run.log[-1].text) == (10, "faulted", "parking, source: confirmed")
    assert read_wire(run.path)[-1] == WireLine(10.0, "voltmeter", "say", ":READ?")


def test_a_disk_that_does_not_sync_stops_the_run(tmp_path, monkeypatch):
    """EIO from fsync() means that what was written may be lost: the next row is the last."""
    store = measured(tmp_path / "a.h5")
    failing(monkeypatch, "fsync", errno.EIO)
    store.event(10.0, "warning", "retried")
    with pytest.raises(FaultError, match="Input/output error"):
        store.row(ROWS[0])


@pytest.mark.parametrize("what", ["deleted", "moved", "replaced"])
def test_a_journal_that_is_no_longer_there_stops_the_run_and_the_file_is_made_all_the_same(tmp_path, what):
    """It is noticed when the next record is synced; what was written is still in the open file."""
    store = measured(tmp_path / "a.h5")
    path = journal_of(store.target)
    path.rename(tmp_path / "elsewhere")
    if what == "deleted":
        (tmp_path / "elsewhere").unlink()
    if what == "replaced":
        path.write_text("mine")
    store.event(10.0, "warning", "synced")
    with pytest.raises(FaultError, match="deleted, moved or replaced"):
        store.row(ROWS[0])
    run = read_run(store.finish("faulted", "gone", END, 10.0))
    assert (run.rows, len(read_wire(run.path))) == (10, 18)
    assert path.exists() == (what == "replaced")  # another's file is left alone


def test_a_folder_that_is_deleted_costs_its_name_but_not_the_run(tmp_path, monkeypatch):
    """Where neither journal nor folder is there any more, the file goes to the folder of the process."""
    (tmp_path / "runs").mkdir()
    store = measured(tmp_path / "runs" / "a.h5")
    journal_of(store.target).unlink()
    (tmp_path / "runs").rmdir()
    monkeypatch.chdir(tmp_path)
    path = store.finish("faulted", "gone", END, 10.0)
    assert path == tmp_path / "a.h5"
    assert read_run(path).rows == 9


def test_a_disk_without_room_for_the_run_is_refused_before_it_begins(tmp_path, monkeypatch):
    """The room that so many rows will want is asked for first; nothing is left behind."""
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_bavail=1000, f_frsize=4096))
    store = RunStore(tmp_path / "a.h5")
    store.begin(header(), rows=100)
    store.close()
    with pytest.raises(RequestError, match=r"must have 256 MB free .* it has 4 MB\. Nothing was sent"):
        RunStore(tmp_path / "b.h5").begin(header(), rows=100_000)
    assert list(tmp_path.iterdir()) == []


def test_slow_rows_reach_the_disk_one_by_one_and_quick_ones_within_a_fifth_of_a_second(tmp_path, monkeypatch):
    """A power cut costs no row of a slow run, and at most 0.2 s of a quick one."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, time=lambda: 1e9 + clock.now)
    synced = []
    monkeypatch.setattr(writer, "time", clock)
    store = measured(tmp_path / "a.h5", rows=[])
    monkeypatch.setattr(os, "fsync", lambda _descriptor: synced.append(round(clock.now, 6)))
    for period in (0.03,) * 3 + (0.01,) * 50:
        clock.now += period
        store.row(ROWS[0])
    assert synced == [0.03, 0.06, 0.09, 0.29, 0.49]


def test_a_slow_row_reaches_the_disk_although_lines_of_the_wire_did_just_before(tmp_path, monkeypatch):
    """What counts is how long ago the row before it was, not the last record."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, time=lambda: 1e9 + clock.now)
    monkeypatch.setattr(writer, "time", clock)
    store = measured(tmp_path / "a.h5", rows=ROWS[:1])
    clock.now = 0.3
    store.wire(0.3, "voltmeter", "hear", "+1.0E-06")  # on the disk: nothing was written for long
    clock.now = 0.301
    synced = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: synced.append(clock.now))
    store.row(ROWS[1])
    assert synced == [0.301]


def test_a_folder_that_was_locked_stops_the_run(tmp_path, monkeypatch):
    """Nobody may look into the folder any more: the next row is the last, and says why."""
    store = measured(tmp_path / "a.h5")

    def closed(path, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", closed)
        store.event(10.0, "warning", "synced")
    with pytest.raises(FaultError, match=r"must take the journal .*; got: Permission denied"):
        store.row(ROWS[0])
    assert read_run(store.finish("faulted", "locked", END, 10.0)).rows == 10


def test_lines_of_the_wire_do_not_wait_for_a_row_that_is_long_in_coming(tmp_path, monkeypatch):
    """A magnet that ramps for minutes leaves its lines on the disk, a fifth of a second late at most."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, time=lambda: 1e9 + clock.now)
    monkeypatch.setattr(writer, "time", clock)
    store = measured(tmp_path / "a.h5", rows=[])
    for number in range(100):
        clock.now += 0.05
        store.wire(clock.now, "magnet", "hear", str(number))
    assert len(told(journal_of(store.target)).lines) >= 96


def test_a_run_that_dies_before_its_first_row_leaves_all_but_the_last_lines_of_its_wire(
    tmp_path, monkeypatch
):
    """However quick a preparation is, at most 8 kB of what was said wait in memory; quick rows stay one write."""
    clock = SimpleNamespace(monotonic=lambda: 0.0, time=lambda: 1e9)
    monkeypatch.setattr(writer, "time", clock)
    store = measured(tmp_path / "a.h5", rows=[])
    said = [WireLine(float(number), "source", "say", f"SOUR:CURR {number}") for number in range(1000)]
    for line in said:
        store.wire(*line)
    lines = told(journal_of(store.target)).lines
    assert lines == said[: len(lines)]
    assert sum(15 + len(line.instrument + line.text) for line in said[len(lines) :]) < 8192
    before = len(frames_of(journal_of(store.target).read_bytes(), tmp_path))
    for row in ROWS:
        store.wire(1e3, "voltmeter", "hear", "1" * 800)
        store.row(row)
    assert len(frames_of(journal_of(store.target).read_bytes(), tmp_path)) == before + len(ROWS)
