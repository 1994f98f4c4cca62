"""A run is followed from outside: every row once, as it comes, and how it ended; the run does not feel it."""

import fcntl
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import ROWS, left_behind, measured
from stored_runs import END, header

from labctl import recovery, runfile
from labctl.errors import DataError
from labctl.journal import journal_of
from labctl.live.following import Follower
from labctl.store import RunStore


def taken(follower: Follower) -> list[dict[str, float]]:
    return [
        dict(zip(follower.columns, values, strict=True))
        for values in zip(*(column.tolist() for column in follower.columns.values()), strict=True)
    ]


def test_a_run_that_goes_on_is_followed_to_its_file(tmp_path):
    """Each poll brings the rows since the one before; the end comes with the file, and no trace is left."""
    store = measured(tmp_path / "a.h5", rows=ROWS[:2])
    with Follower(tmp_path / "a.h5") as follower:
        assert (follower.header.title, follower.pid) == (header().title, os.getpid())
        assert follower.poll()[:2] == (0, 2)
        assert follower.poll().is_none
        store.row(ROWS[2])
        store.row(ROWS[3])
        store.event(4.5, "warning", "drifts")
        news = follower.poll()
        assert (news.start, news.stop, [event.text for event in news.events]) == (2, 4, ["drifts"])
        assert (follower.status, follower.is_over, follower.time) == ("running", False, 9.0)
        store.finish("stopped", "by hand", END, 12.5)
        store.close()
        assert follower.poll().is_other_status
        assert (follower.status, follower.reason, follower.is_over) == ("stopped", "by hand", True)
        assert follower.time == 12.5
        assert follower.run is not None
        assert follower.run.uuid == header().uuid
        assert taken(follower) == ROWS[:4]
        assert follower.poll().is_none
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_what_was_looked_at_stays_as_it_was(tmp_path):
    """A view of the rows so far neither changes nor grows when a thousand more come, and takes no writing."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    with Follower(tmp_path / "a.h5") as follower:
        store.row(ROWS[0])
        follower.poll()
        early = follower.columns["R_xy"]
        for _ in range(1000):
            store.row(ROWS[1])
        follower.poll()
        assert early.tolist() == [ROWS[0]["R_xy"]]
        assert follower.columns["R_xy"].tolist() == [ROWS[0]["R_xy"], *[ROWS[1]["R_xy"]] * 1000]
        assert follower.columns["branch"].dtype == np.int64
        assert np.all(np.diff(follower.wall_times) >= 0)
        with pytest.raises(ValueError, match="read-only"):
            early[0] = 0.0
    store.close()


def test_only_what_is_new_is_read(tmp_path, monkeypatch):
    """After 2000 rows a poll reads the bytes of the next row, not those before."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    for _ in range(2000):
        store.row(ROWS[0])
    with Follower(tmp_path / "a.h5") as follower:
        follower.poll()
        size = journal_of(tmp_path / "a.h5").stat().st_size
        store.row(ROWS[1])
        read, pread = [], os.pread
        monkeypatch.setattr(os, "pread", lambda *given: read.append(pread(*given)) or read[-1])
        assert follower.poll()[:2] == (2000, 2001)
        assert sum(map(len, read)) <= 3 * (journal_of(tmp_path / "a.h5").stat().st_size - size)
    store.close()


def test_a_run_whose_process_is_gone_is_interrupted_until_its_file_is_made(tmp_path):
    """No lock, no writer: its rows are all there, its journal stays; what is recovered from it is then found."""
    path = left_behind(tmp_path / "a.h5")
    with Follower(path) as follower:
        assert follower.poll()[:2] == (0, len(ROWS))
        assert (follower.status, follower.is_over, follower.run) == ("interrupted", True, None)
        assert f"process {os.getpid()} ended without a word after row {len(ROWS)}" in follower.reason
        assert path.exists()
        recovery.recover(tmp_path / "a.h5")
        follower.poll()
        assert follower.run is not None
        assert (follower.run.status, taken(follower)) == ("interrupted", ROWS)


def test_a_finished_run_is_there_at_once(tmp_path):
    """Of a file alone the first poll brings every row, its log and its status."""
    store = measured(tmp_path / "a.h5")
    store.finish("complete", "", END, 12.5)
    store.close()
    with Follower(tmp_path / "a.h5") as follower:
        news = follower.poll()
        assert (news.start, news.stop, news.is_other_status, len(news.events)) == (0, len(ROWS), True, 1)
        assert (follower.is_over, follower.pid, taken(follower)) == (True, 0, ROWS)
        stored = runfile.read_run(tmp_path / "a.h5")
        assert follower.header.parameters == stored.parameters
        assert follower.instruments.keys() == stored.instruments.keys()


def test_a_run_that_never_began_to_measure_leaves_nothing(tmp_path):
    """Its journal goes with it: it is over, and there is no file."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    with Follower(tmp_path / "a.h5") as follower:
        store.close()
        follower.poll()
        assert (follower.status, follower.is_over, follower.run) == ("interrupted", True, None)
        assert "before an instrument was set" in follower.reason


def test_who_measures_follows_without_the_file(tmp_path):
    """The run's end is known from its journal, gone or not; a file that was there before is not looked at."""
    store = measured(tmp_path / "a.h5")
    with Follower(tmp_path / "a.h5", with_file=False) as follower:
        store.finish("faulted", "the source is gone", END, 12.5)
        store.close()
        follower.poll()
        assert (follower.status, follower.reason, follower.rows) == (
            "faulted",
            "the source is gone",
            len(ROWS),
        )
        assert (follower.is_over, follower.run) == (True, None)
    with pytest.raises(DataError, match="neither that file nor the journal"):
        Follower(tmp_path / "a.h5", with_file=False)


def test_nothing_to_follow_is_said(tmp_path):
    """Neither file nor journal, and what is neither, are refused in a line."""
    with pytest.raises(DataError, match="neither that file nor the journal"):
        Follower(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_text("no HDF5")
    with pytest.raises(DataError, match=r"a\.h5 must be"):
        Follower(tmp_path / "a.h5")
    (tmp_path / "b.h5.journal").write_text("no journal")
    with pytest.raises(DataError, match=r"b\.h5\.journal must be a journal"):
        Follower(tmp_path / "b.h5")


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    """A journal as a run leaves it, whole."""
    return left_behind(tmp_path_factory.mktemp("whole") / "a.h5").read_bytes()


@given(cuts=st.lists(st.floats(0, 1), max_size=30))
def test_each_row_comes_once_however_the_bytes_come(content, tmp_path_factory, cuts):
    """A reader may see any part of a write: a row that is torn comes when it is whole, and none comes twice."""
    folder = tmp_path_factory.mktemp("torn")
    begins = content.index(b"\xffREC", content.index(b"\xffREC", content.index(b"\xffREC") + 4) + 4)
    places = [begins, *sorted(begins + int(cut * (len(content) - begins)) for cut in cuts), len(content)]
    path: Path = journal_of(folder / "a.h5")
    with path.open("wb", buffering=0) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        writer.write(content[:begins])
        with Follower(path) as follower:
            seen: list[float] = []
            for start, stop in pairwise(places):
                writer.write(content[start:stop])
                news = follower.poll()
                assert news.start == len(seen)
                seen += follower.columns["R_xy"][news.start : news.stop].tolist()
            assert seen == [row["R_xy"] for row in ROWS]
            assert [event.text for event in follower.events] == ["field settled late"]
            assert follower.status == "running"
