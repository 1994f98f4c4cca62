"""The journal: what was taken is on the disk, readable by anybody, and no disk can lose more than the last row."""

import json
import os
import struct
import zlib
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journals import ROWS, frames_of, left_behind, measured
from stored_runs import HALL, header

from labctl import journal
from labctl.errors import DataError, RequestError
from labctl.journal import journal_of
from labctl.record import Event, WireLine
from labctl.store import RunStore

same_folder = settings(database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def told(path):
    """What a journal tells, its wire and clock readings read while it is open."""
    with journal.opened(path) as descriptor:
        back = journal.read(path, descriptor)
        told = {name: getattr(back, name) for name in back.__slots__}
        return SimpleNamespace(**told, lines=list(back.traffic), readings=back.traffic.readings().tolist())


# --- the format ---------------------------------------------------------------------------------------


def test_a_journal_can_be_read_by_its_description_alone(tmp_path):
    """The page in the modules' docstrings is enough: struct, zlib and json find every row, without labctl."""
    content = left_behind(tmp_path / "a.h5").read_bytes()
    first, _, rest = content.partition(b"\n")
    assert first == b"labctl journal, version 1"
    rows, columns, number = [], None, 0
    while rest:
        mark, kind, length, found, check = struct.unpack("<4scIQI", rest[:21])
        payload = rest[21 : 21 + length]
        assert (mark, found) == (b"\xffREC", number)
        assert check == zlib.crc32(rest[4:17] + payload, 0x6C616263)
        if kind == b"H":
            columns = [column[0] for column in json.loads(payload)["run"]["columns"]]
        elif kind == b"R":
            row, wall_time, *values = struct.unpack("<Qdddq", payload[:40])
            assert (row, wall_time > 1.7e9) == (len(rows), True)
            rows.append(dict(zip(columns, values, strict=True)))
        rest, number = rest[21 + length :], number + 1
    assert rows == ROWS


def test_a_journal_tells_everything_it_was_told(tmp_path):
    """Header, rows, wire, clock, log, instruments and their settings come back; there is no end and no damage."""
    back = told(left_behind(tmp_path / "a.h5"))
    assert back.header == header()
    assert (back.rows, back.missing, back.end, back.damage) == (9, 0, None, [])
    assert back.data["R_xy"].tolist() == HALL
    assert back.lines[:2] == [
        WireLine(0.25, "voltmeter", "say", ":READ?"), WireLine(0.5, "voltmeter", "hear", "-1.500000E+00"),
    ]  # fmt: skip
    assert len(back.lines) == 18
    assert back.readings == [float(number) for number in range(9)]
    assert back.events == [Event(9.0, "warning", "field settled late")]
    voltmeter = back.instruments["voltmeter"]
    assert (voltmeter.settings_before["nplc"].value, voltmeter.settings_after["nplc"].value) == (5.0, 1.0)
    assert np.isnan(voltmeter.settings_before["range"].value)


@given(
    reals=st.lists(st.floats(width=64), min_size=1, max_size=20),
    whole=st.integers(min_value=-(2**63), max_value=2**63 - 1),
    text=st.text(max_size=300),
)
@settings(same_folder, max_examples=15)
def test_every_number_and_text_comes_back_bit_for_bit(tmp_path_factory, reals, whole, text):
    """NaN payloads, infinities, -0.0, the largest integers, NUL and lone surrogates survive unchanged."""
    store = RunStore(tmp_path_factory.mktemp("run") / "a.h5")
    store.begin(header())
    for value in reals:
        store.wire(value, text[:50], "hear", text)
        store.row({"mu0_H_z": value, "R_xy": -value, "branch": whole})
    store.event(1.0, "info", text)
    store.close()
    back = told(journal_of(store.target))
    assert back.data["mu0_H_z"].tobytes() == array("d", reals).tobytes()
    assert back.data["branch"].tolist() == [whole] * len(reals)
    assert array("d", [line.time for line in back.lines]).tobytes() == array("d", reals).tobytes()
    assert {(line.instrument, line.text) for line in back.lines} == {(text[:50], text)}
    assert back.events == [Event(1.0, "info", text)]


# --- damage -------------------------------------------------------------------------------------------


def test_every_beginning_of_a_journal_gives_the_rows_that_were_whole_in_it(tmp_path):
    """Cut after any byte, the journal holds each row whose last byte is there: a torn write loses itself only."""
    path = left_behind(tmp_path / "a.h5")
    content = path.read_bytes()
    records = frames_of(content, tmp_path)
    ends = [frame.end for frame in records if frame.kind == b"R"]
    for size in range(len(content), records[1].end - 1, -1):
        os.truncate(path, size)
        back = told(path)
        whole = sum(end <= size for end in ends)
        assert (back.rows, back.data["R_xy"].tolist()) == (whole, HALL[:whole])
        assert bool(back.damage) == (size not in {frame.end for frame in records})


@pytest.mark.parametrize("size", [1, 20, 4096, 300_000])
def test_a_tail_of_zeros_is_no_record_and_is_told(tmp_path, size):
    """What a power cut leaves of a file that had grown: every row is kept, the zeros are counted."""
    path = left_behind(tmp_path / "a.h5")
    length = path.stat().st_size
    os.truncate(path, length + size)
    back = told(path)
    assert back.rows == 9
    assert [str(damage) for damage in back.damage] == [f"the last {size} bytes are zeros at byte {length}"]


@given(data=st.data())
@settings(same_folder, max_examples=150)
def test_a_flipped_bit_costs_one_record_and_is_located(tmp_path, data):
    """Wherever it is, every other row is kept as it was, and what is damaged is told with its place."""
    path = tmp_path / "flipped.h5.journal"
    whole = tmp_path / "whole.h5.journal"
    if not whole.exists():
        left_behind(tmp_path / "whole.h5")
    content = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1), "byte")
    content[place] ^= 1 << data.draw(st.integers(0, 7), "bit")
    path.write_bytes(content)
    struck = [frame for frame in frames_of(whole.read_bytes(), tmp_path) if frame.start <= place < frame.end]
    kept = [hall for number, hall in enumerate(HALL) if not (struck and struck[0].number == number + 3)]
    back = told(path)
    assert back.data["R_xy"].tolist() == kept
    (damage,) = back.damage
    assert damage.start <= place < damage.end
    assert back.missing == (1 if len(kept) < 9 and kept != HALL[:8] else 0)


def test_a_record_that_is_missing_and_one_that_came_twice_are_told(tmp_path):
    """Numbers tell what no check sum can: a block that the disk lost, or gave twice."""
    path = left_behind(tmp_path / "a.h5")
    content = path.read_bytes()
    fourth, fifth = (frame for frame in frames_of(content, tmp_path) if frame.number in {6, 7})
    path.write_bytes(content[: fourth.start] + content[fourth.end :])
    back = told(path)
    assert back.data["R_xy"].tolist() == HALL[:3] + HALL[4:]
    assert (back.missing, [str(damage) for damage in back.damage]) == (
        1, [f"records are missing at byte {fourth.start}; 1 record lost"],
    )  # fmt: skip
    path.write_bytes(content[: fifth.start] + content[fourth.start :])
    back = told(path)
    assert back.data["R_xy"].tolist() == HALL
    assert [str(damage) for damage in back.damage] == [
        f"record 6 came twice, the second is left out at byte {fifth.start}"
    ]


def test_marks_without_records_cost_no_time(tmp_path):
    """A hostile file of nothing but marks, each with a length of 16 MB to be read, is given up on."""
    path = left_behind(tmp_path / "a.h5")
    length = path.stat().st_size
    with path.open("ab") as file:
        file.write(struct.pack("<4scIQI", b"\xffREC", b"R", 2**24, 20, 0) * 200_000)
    back = told(path)
    assert (back.rows, back.damage[0].start, back.damage[0].tail) == (9, length, True)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89HDF\r\n\x1a\n" * 1000, b"labctl journal, version 1\n", bytes(100_000)],
    ids=["nothing", "another format", "a first line", "zeros"],
)
def test_what_is_no_journal_is_refused_in_one_line(tmp_path, content):
    """No header, no run."""
    path = tmp_path / "a.h5.journal"
    path.write_bytes(content)
    with pytest.raises(DataError, match="must be a journal of labctl"):
        told(path)


# --- two programs -------------------------------------------------------------------------------------


def test_a_journal_that_was_left_keeps_its_name_until_it_is_recovered(tmp_path):
    """A new run of that name is refused and told what to do."""
    path = left_behind(tmp_path / "a.h5")
    content = path.read_bytes()
    with pytest.raises(RequestError, match=r"interrupted run left: labctl recover .* Nothing was sent"):
        RunStore(tmp_path / "a.h5").begin(header())
    assert path.read_bytes() == content


def test_a_child_process_does_not_keep_a_dead_run_alive(tmp_path):
    """Whoever was forked in mid-run holds no lock: when the writer has died, the journal can be recovered."""
    store = measured(tmp_path / "a.h5")
    heard, said = os.pipe()
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b"x")
        os.read(heard, 1)  # until the test lets it go
        os._exit(0)
    try:
        os.read(ready, 1)
        assert journal.writer_of(journal_of(store.target)) == os.getpid()
        store.close()
        assert journal.writer_of(journal_of(store.target)) is None
    finally:
        os.write(said, b"x")
        os.waitpid(child, 0)


def test_a_reply_of_many_megabytes_does_not_stop_the_run(tmp_path):
    """Lines that wait for a row go to the disk before they are too many for one record."""
    store = measured(tmp_path / "a.h5", rows=[])
    for _ in range(40):
        store.wire(1.0, "source", "say", "0.12345," * 65536)
    store.row(ROWS[0])
    assert len(told(journal_of(store.target)).lines) == 40
