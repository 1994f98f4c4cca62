"""Recovery: whenever a run dies, its rows are in a file that is whole, and doing it again changes nothing."""

import errno
import fcntl
import json
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from journals import ROWS, Dying, KilledError, frames_of, left_behind, measured
from stored_runs import COLUMNS, END, HALL, START, header

from labctl import journal, recovery, runfile
from labctl.errors import DataError, FaultError, RequestError
from labctl.journal import frames, journal_of, records, writer
from labctl.record import Quantity
from labctl.runfile import read_clock, read_run, read_wire
from labctl.store import RunStore
from protocols import ahe_loop


def test_a_run_that_was_killed_becomes_a_file_that_says_so(tmp_path):
    """Status interrupted, every row bit for bit, the wire, and the time of the last row as the end."""
    before = datetime.now(UTC)
    path = left_behind(tmp_path / "a.h5")
    recovered = recovery.recover(path)
    run = read_run(tmp_path / "a.h5")
    assert (recovered.path, recovered.rows, recovered.damage) == (tmp_path / "a.h5", 9, [])
    assert (run.status, run.columns["R_xy"].tolist(), run.duration) == ("interrupted", HALL, 9.0)
    assert before <= run.end_time <= datetime.now(UTC)
    assert run.reason == f"interrupted after row 9, taken at {run.end_time.isoformat()}"
    assert (len(read_wire(run.path)), read_clock(run.path)) == (18, [float(number) for number in range(9)])
    assert run.instruments["voltmeter"].settings_before["nplc"].value == 5.0
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_a_run_that_was_killed_while_its_file_was_made_ends_as_it_had_ended(tmp_path):
    """The end is in the journal before the file is begun: nothing was interrupted but the making."""
    store = measured(tmp_path / "a.h5")
    store._open.end("stopped", "Ctrl-C", END, 9.5)
    store.close()
    recovery.recover(tmp_path / "a.h5")
    run = read_run(tmp_path / "a.h5")
    assert (run.status, run.reason, run.end_time, run.duration) == ("stopped", "Ctrl-C", END, 9.5)


def test_recovery_gives_the_same_bytes_every_time(tmp_path):
    """From one journal comes one file, whenever and wherever; recovering that again leaves it as it is."""
    content = left_behind(tmp_path / "a.h5").read_bytes()
    (tmp_path / "b.h5.journal").write_bytes(content)
    for name in ("a.h5", "b.h5"):
        recovery.recover(tmp_path / name)
    first = (tmp_path / "a.h5").read_bytes()
    assert first == (tmp_path / "b.h5").read_bytes()
    assert recovery.recover(tmp_path / "a.h5").made is False
    assert (tmp_path / "a.h5").read_bytes() == first


def test_after_every_write_of_a_run_whole_or_torn_all_its_rows_are_recovered_alike(tmp_path):
    """The run dies after each of its writes, and in the middle of each: two recoveries agree to the byte."""
    content = left_behind(tmp_path / "a.h5", rows=ROWS[:4]).read_bytes()
    whole = frames_of(content, tmp_path)[1:]
    for frame, following in pairwise(whole):
        rows = sum(before.kind == records.ROW and before.end <= frame.end for before in whole)
        made: list[bytes] = []
        for size in (frame.end, (frame.end + following.end) // 2, (frame.end + following.end) // 2):
            target = tmp_path / f"{frame.number}.{len(made)}.h5"
            journal_of(target).write_bytes(content[:size])
            recovered = recovery.recover(target)
            assert (recovered.rows, len(recovered.damage)) == (rows, size > frame.end)
            run = read_run(target)
            assert (run.status, run.columns["R_xy"].tolist()) == ("interrupted", HALL[:rows])
            made.append(target.read_bytes())
        assert made[1] == made[2]


def test_a_run_that_dies_at_any_step_of_its_end_leaves_its_file_whole_or_absent(tmp_path, monkeypatch):
    """At each call that changes the disk: the file, or the journal that it is made from, and nothing between."""
    with monkeypatch.context() as patch:
        store = measured(tmp_path / "counted.h5")
        steps = Dying(patch)
        store.finish("complete", "", END, 9.5)
    assert len(steps.calls) >= 10
    made = {"before": 0, "after": 0}
    for step in range(len(steps.calls)):
        target = tmp_path / f"{step}.h5"
        store = measured(target)
        with monkeypatch.context() as patch:
            Dying(patch, step)
            with pytest.raises(KilledError):
                store.finish("complete", "", END, 9.5)
        store.close()
        assert target.exists() or journal_of(target).exists()
        if target.exists():
            assert runfile.read_run(target).columns["R_xy"].tolist() == HALL
        made["after" if target.exists() else "before"] += 1
        recovery.recover(target)
        run = read_run(target)
        assert (run.columns["R_xy"].tolist(), len(read_wire(target))) == (HALL, 18)
        assert not journal_of(target).exists()
        assert not list(tmp_path.glob(f"{step}.h5.*"))
    assert min(made.values()) >= 2


def test_a_recovery_that_dies_at_any_step_can_be_done_again(tmp_path, monkeypatch):
    """The same file comes of it, to the byte, and nothing is left beside it."""
    content = left_behind(tmp_path / "counted.h5").read_bytes()
    with monkeypatch.context() as patch:
        steps = Dying(patch)
        recovery.recover(tmp_path / "counted.h5")
    expected = (tmp_path / "counted.h5").read_bytes()
    for step in range(len(steps.calls)):
        target = tmp_path / f"{step}.h5"
        journal_of(target).write_bytes(content)
        with monkeypatch.context() as patch:
            Dying(patch, step)
            with pytest.raises(KilledError):
                recovery.recover(target)
        recovery.recover(target)
        assert target.read_bytes() == expected
        assert [found.name for found in tmp_path.glob(f"{step}.h5*")] == [target.name]


# --- damage -------------------------------------------------------------------------------------------


def test_damage_in_the_middle_is_told_and_stored_and_the_rows_after_it_are_kept(tmp_path):
    """A struck row is lost alone; place and count are in the file's log."""
    path = left_behind(tmp_path / "a.h5")
    content = bytearray(path.read_bytes())
    fourth = next(frame for frame in frames_of(bytes(content), tmp_path) if frame.number == 6)
    content[fourth.start + 40] ^= 1
    path.write_bytes(content)
    recovered = recovery.recover(path)
    run = read_run(recovered.path)
    told = f"{fourth.end - fourth.start} bytes are damaged at byte {fourth.start}; 1 record lost"
    assert recovered.damage == [told]
    assert run.columns["R_xy"].tolist() == HALL[:3] + HALL[4:]
    texts = [event.text for event in run.log if event.level == "warning"]
    assert f"damage in the journal: {told}" in texts
    assert "1 rows are missing among the 8 that could be read" in texts


def test_a_whole_record_that_says_nonsense_is_damage_too(tmp_path):
    """A check sum proves what was written, not that it makes sense: the record is told, the rest is kept."""
    path = left_behind(tmp_path / "a.h5")
    number = frames_of(path.read_bytes(), tmp_path)[-1].number + 1
    nonsense = ((records.ROW, b"short"), (records.EVENT, b"[1"), (records.END, b"[]"), (records.WIRE, b""))
    with path.open("ab") as file:
        for place, (kind, payload) in enumerate(nonsense):
            file.write(frames.pack(kind, number + place, payload))
    recovered = recovery.recover(path)
    assert (recovered.rows, len(recovered.damage)) == (9, 4)
    assert "says nothing that can be read" in recovered.damage[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"uuid": 5},
        {"title": None},
        {"seed": "7"},
        {"columns": [["a", 1, 2, "float64"]]},
        {"columns": []},
        {"sample": {"a": 1}},
        {"sample": {"a": [1, "s", 5]}},
        {"clock": []},
    ],
)
def test_a_header_that_no_run_has_is_refused_in_one_line(tmp_path, changed):
    """A forged journal with good check sums ends in an error, not in a crash; it is left as it is."""
    path = left_behind(tmp_path / "a.h5")
    content = path.read_bytes()
    told = json.loads(frames_of(content, tmp_path)[0].payload)
    told["run"] |= changed
    forged = records.FIRST_LINE + frames.pack(b"H", 0, records.pack_json(told))
    path.write_bytes(forged + content[frames_of(content, tmp_path)[1].end :])
    with pytest.raises(DataError):
        recovery.recover(path)
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5.journal"]


def test_an_analysis_that_fails_costs_no_data(tmp_path):
    """A protocol that is not installed, or code that stumbles over half a run: the log says so."""
    run = read_run(recovery.recover(left_behind(tmp_path / "a.h5", protocol="gone")).path)
    assert (run.rows, run.results) == (9, {})
    assert any("no analysis" in event.text for event in run.log)


def test_where_the_rows_suffice_they_are_analysed_as_for_a_stopped_run(tmp_path):
    """The half-loop that was measured gets the results of its protocol, and parameters keep their types."""
    protocol = ahe_loop.protocol
    fields = np.linspace(-0.04, 0.04, 81)
    rows = [
        {column.name: 1 if column.dtype == "int64" else 0.0 for column in protocol.columns}
        | {"mu0_H_z": float(field), "R_xy": float(np.tanh(field / 0.002)), "u_R_xy": 1e-3}
        for field in fields
    ]
    store = RunStore(tmp_path / "a.h5")
    known = {name: Quantity(field.default, "1") for name, field in protocol.parameters.model_fields.items()}
    store.begin(
        header(
            protocol="ahe-loop", columns=protocol.columns, signal=protocol.signal, axis=protocol.axis,
            parameters=known,
        )
    )  # fmt: skip
    for row in rows:
        store.row({name: row[name] for name in (column.name for column in protocol.columns)})
    store.close()
    run = read_run(tmp_path / "a.h5")
    assert (run.status, run.rows) == ("interrupted", 81)
    assert run.results
    assert run.analysis_version.startswith("ahe-loop ")


def test_a_clock_that_was_set_back_does_not_end_a_run_before_it_began(tmp_path, monkeypatch):
    """The end is never earlier than the start, whatever the time of the rows says."""
    monkeypatch.setattr(writer.time, "time", lambda: START.timestamp() - 86400)
    path = left_behind(tmp_path / "a.h5")
    monkeypatch.undo()
    run = read_run(recovery.recover(path).path)
    assert (run.start_time, run.end_time) == (START, START)
    assert "2026-02-28T12:00:00" in run.reason


# --- what is not touched ------------------------------------------------------------------------------


def test_a_journal_that_is_being_written_is_refused(tmp_path):
    """The error names the process; the run goes on undisturbed."""
    store = measured(tmp_path / "a.h5")
    with pytest.raises(RequestError, match=f"process {os.getpid()} is writing it. Nothing was touched"):
        recovery.recover(tmp_path / "a.h5")
    store.row(ROWS[0])
    assert read_run(store.finish("complete", "", END, 9.5)).rows == 10


def test_a_reader_that_just_looks_whether_a_run_lives_does_not_pass_for_its_writer(tmp_path):
    """Looking shares the lock for a moment, and so does a recovery: neither waits for the other."""
    path = left_behind(tmp_path / "a.h5")
    with journal.opened(path) as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert recovery.recover(path).rows == 9


def test_a_journal_of_a_later_version_is_refused_and_left_as_it_is(tmp_path):
    """Whether its records can be framed or not."""
    path = tmp_path / "a.h5.journal"
    later = records.pack_json({"journal": 2, "pid": 1, "run": {}})
    for content in (
        records.FIRST_LINE.replace(b"1", b"2") + frames.pack(b"H", 0, later),
        records.FIRST_LINE.replace(b"1", b"2") + struct.pack("<QQ", 1, 2) * 1000,
    ):
        path.write_bytes(content)
        for read in (recovery.recover, lambda given: read_run(given.with_suffix(""))):
            with pytest.raises(DataError, match="of version 1; it is of version 2: update labctl"):
                read(path)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_another_run_is_never_replaced(tmp_path):
    """A name that somebody took keeps its file, and the journal keeps the run until it is moved away."""
    path = left_behind(tmp_path / "a.h5")
    content = path.read_bytes()
    other = measured(tmp_path / "b.h5", uuid="another").finish("complete", "", END, 1.0)
    other.rename(tmp_path / "a.h5")
    with pytest.raises(DataError, match="it is another run"):
        recovery.recover(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes(b"years of work")
    with pytest.raises(DataError, match="must be an HDF5 file"):
        recovery.recover(tmp_path / "a.h5")
    assert ((tmp_path / "a.h5").read_bytes(), path.read_bytes()) == (b"years of work", content)


def test_where_there_is_neither_file_nor_journal_recovery_says_so(tmp_path):
    """One line, no file."""
    with pytest.raises(DataError, match="there is none of that name"):
        recovery.recover(tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


# --- reading commands ---------------------------------------------------------------------------------


def test_reading_a_run_that_was_interrupted_recovers_it_and_says_so(tmp_path, labctl):
    """show, plot and export of the name that the run would have had just work; standard error tells why."""
    left_behind(tmp_path / "a.h5")
    said = labctl("export", "a.h5", "--to", "csv")
    assert (said.status, said.out.strip()) == (0, "a.csv")
    assert "a.h5 was made from a.h5.journal: interrupted after row 9" in said.err
    assert "made from" not in labctl("show", "a.h5").err


def test_reading_a_run_that_goes_on_shows_the_rows_so_far_and_leaves_it_alone(tmp_path, labctl):
    """Status running, who measures, and no file."""
    store = measured(tmp_path / "a.h5", rows=ROWS[:4])
    run = read_run(tmp_path / "a.h5")
    assert (run.status, run.rows, run.results) == ("running", 4, {})
    assert f"process {os.getpid()} is measuring" in labctl("show", "a.h5").out
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5.journal"]
    with pytest.raises(DataError, match="must be a run that has ended"):
        read_wire(tmp_path / "a.h5")
    store.row(ROWS[4])
    assert read_run(tmp_path / "a.h5").columns["R_xy"].tolist() == HALL[:5]


def test_the_command_tells_what_it_found_as_json(tmp_path, labctl):
    """One object: file, status, rows, damage; again for a file that is whole already; exit 2 for a living run."""
    path = left_behind(tmp_path / "a.h5")
    os.truncate(path, path.stat().st_size - 3)
    first, again = (json.loads(labctl("recover", name, "--json").out) for name in ("a.h5.journal", "a.h5"))
    assert (first["file"], first["status"], first["rows"], first["made"]) == ("a.h5", "interrupted", 9, True)
    assert len(first["damage"]) == 1
    assert (again["rows"], again["made"]) == (9, False)
    store = measured(tmp_path / "b.h5")
    assert labctl("recover", "b.h5").status == 2
    store.close()
    assert journal.writer_of(journal_of(store.target)) is None
    assert COLUMNS[0].name == read_run(store.target).axis


def test_two_recoveries_at_once_both_end_well(tmp_path):
    """One makes the file and the other finds it; neither takes the other for the run that is still going on."""
    left_behind(tmp_path / "a.h5")
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(recovery.recover, [tmp_path / "a.h5"] * 4))
    assert sorted(recovered.made for recovered in told) == [False, False, False, True]
    assert {(recovered.rows, recovered.status) for recovered in told} == {(9, "interrupted")}
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_a_run_that_is_being_recovered_is_not_taken_for_one_that_goes_on(tmp_path, monkeypatch):
    """The lock of a journal is its writer's alone: who recovers it does not hold it."""
    left_behind(tmp_path / "a.h5")
    seen = []
    ordinary = recovery.record_of

    def watched(told, **options):
        with journal.opened(journal_of(tmp_path / "a.h5")) as descriptor:
            seen.append(journal.is_locked(descriptor))
        return ordinary(told, **options)

    monkeypatch.setattr(recovery, "record_of", watched)
    recovery.recover(tmp_path / "a.h5")
    assert seen == [False]


def test_a_run_that_a_full_disk_ended_says_so_when_it_is_recovered(tmp_path, monkeypatch):
    """Where the record of its end found no room, the last error of its log is the reason."""
    store = measured(tmp_path / "a.h5", ROWS[:3])
    ordinary = os.write

    def refuse(descriptor, content):
        if len(content) > 150:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return ordinary(descriptor, content)

    monkeypatch.setattr(os, "write", refuse)
    store.wire(3.5, "voltmeter", "hear", "+1.5E-06" * 20)
    with pytest.raises(FaultError, match="No space left"):
        store.row(ROWS[3])
    store._open.end("faulted", "the disk is full" * 10, END, 9.5)
    store.close()
    monkeypatch.undo()
    recovered = recovery.recover(tmp_path / "a.h5")
    assert (recovered.status, recovered.rows) == ("interrupted", 3)
    assert recovered.reason.endswith(": the disk must take the journal; got: No space left on device")
    assert "error" in {event.level for event in read_run(tmp_path / "a.h5").log}
