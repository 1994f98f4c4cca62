"""The store: what is taken is what is read back, bit for bit, and no other file ever suffers for it."""

import errno
import os
import stat
import subprocess
import sys
from datetime import datetime

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_runs import (
    ANALYSIS,
    BRANCH,
    END,
    FIELD,
    HALL,
    PARAMETERS,
    SAMPLE,
    START,
    begun,
    finish,
    header,
    stored,
)

from labctl import hdf5
from labctl.errors import DataError, LabctlError, RequestError
from labctl.record import Event, WireLine
from labctl.runfile import read_run, read_wire
from labctl.store import Quantity, RunStore
from protocols.vocabulary import Column

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
same_folder = settings(
    max_examples=10, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def fresh(tmp_path):
    """A function that gives a new name at every call, for tests that store many runs."""
    names = (tmp_path / f"run{number}.h5" for number in range(10_000))
    return lambda: next(names)


# --- what is taken is what is read back ---------------------------------------------------------------


def test_everything_said_of_a_run_is_read_back(tmp_path):
    """A run read from its file equals the run that was stored."""
    run = read_run(finish(begun(tmp_path / "a.h5"), "stopped", "Ctrl-C"))
    assert (run.title, run.protocol, run.protocol_version) == ("AHE loop of S1", "ahe-loop", "1.0")
    assert (run.status, run.reason, run.seed, run.rows) == ("stopped", "Ctrl-C", 7, 9)
    assert (run.start_time, run.end_time, run.duration, run.clock) == (START, END, 9.5, "virtual")
    assert run.uuid == "3f2a9c1e-5b7d-4c1a-9e21-0123456789ab"
    assert run.source == "def measure(lab, p): ...\n"
    assert {name: q.value for name, q in run.parameters.items()} == {
        n: q.value for n, q in PARAMETERS.items()
    }
    assert run.parameters["mu0_H_max"] == PARAMETERS["mu0_H_max"]
    assert run.sample["t_AlOx"] == SAMPLE["t_AlOx"]
    assert run.sample["layers"].value == ["Ta", "CoFeB", "MgO"]
    assert run.simulation is not None
    assert run.simulation["hysterons"].value == 4096
    assert run.log == [Event(0.5, "warning", "field settled late")]
    assert run.analysis_version == "ahe-loop 1.0, labctl 0.1.0"


def test_columns_keep_their_values_types_units_and_order(tmp_path):
    """Columns come back in the protocol's order with their declared type, unit and meaning."""
    run = read_run(stored(tmp_path / "a.h5"))
    assert {name: values.tolist() for name, values in run.columns.items()} == {
        "mu0_H_z": FIELD, "R_xy": HALL, "branch": BRANCH,
    }  # fmt: skip
    assert [(c.name, c.unit, c.dtype) for c in run.described] == [
        ("mu0_H_z", "T", "float64"), ("R_xy", "ohm", "float64"), ("branch", "1", "int64"),
    ]  # fmt: skip
    assert (run.axis, run.signal, run.described[1].help) == ("mu0_H_z", "R_xy", "Hall resistance")


def test_results_curves_and_warnings_are_read_back(tmp_path):
    """The analysis comes back whole: limits, notes, NaN and curves included."""
    run = read_run(stored(tmp_path / "a.h5"))
    assert run.results["mu0_H_c"] == ANALYSIS.results["mu0_H_c"]
    missing = run.results["R_AHE"]
    assert np.isnan([missing.value, missing.uncertainty]).all()
    assert (missing.limit, missing.note) == ("upper", "no plateau")
    assert run.curves["fit"].y.tolist() == [0.0, 1.5]
    assert (run.curves["fit"].x_name, run.curves["fit"].y_unit) == ("mu0_H_z", "ohm")
    assert run.warnings == ["the loop is not closed"]


def test_a_run_without_analysis_or_simulation_or_rows_is_a_run(tmp_path):
    """A run that was stopped before its first row on hardware still leaves a readable file."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header(simulation=None, clock="wall"))
    store.finish("interrupted", "SIGTERM", END, 0.0)
    run = read_run(tmp_path / "a.h5")
    assert (run.rows, run.status, run.simulation, run.results, run.log) == (0, "interrupted", None, {}, [])
    assert read_wire(tmp_path / "a.h5") == []


def test_settings_before_and_after_are_kept_apart(tmp_path):
    """An instrument's settings come back as found and as left; one that is not a number stays so."""
    voltmeter = read_run(stored(tmp_path / "a.h5")).instruments["voltmeter"]
    assert voltmeter.identity == "KEITHLEY INSTRUMENTS INC.,MODEL 2182A,1234567,C05"
    assert (voltmeter.settings_before["nplc"].value, voltmeter.settings_after["nplc"].value) == (5.0, 1.0)
    assert np.isnan(voltmeter.settings_before["range"].value)
    assert voltmeter.settings_after["display"].value is True


@given(
    reals=st.lists(st.floats(width=64), min_size=1, max_size=40),
    whole=st.integers(min_value=-(2**63), max_value=2**63 - 1),
)
@same_folder
def test_every_number_comes_back_bit_for_bit(fresh, reals, whole):
    """NaN payloads, infinities, -0.0, subnormals and the largest integers survive unchanged."""
    store = RunStore(fresh())
    store.begin(header())
    for value in reals:
        store.row({"mu0_H_z": value, "R_xy": -value, "branch": whole})
    columns = read_run(finish(store)).columns
    assert columns["mu0_H_z"].tobytes() == np.array(reals, np.float64).tobytes()
    assert columns["R_xy"].tobytes() == (-np.array(reals, np.float64)).tobytes()
    assert columns["branch"].tolist() == [whole] * len(reals)


@given(lines=st.lists(any_text, max_size=6), note=any_text)
@same_folder
def test_every_text_comes_back_unchanged(fresh, lines, note):
    """Wire lines, log lines and sample notes come back letter for letter, NUL and line ends included."""
    lines = [line.replace("\N{SYMBOL FOR NULL}", "") for line in lines]  # the sign that stands for a NUL
    note = note.replace("\N{SYMBOL FOR NULL}", "")
    store = begun(fresh(), sample={"note": Quantity(note)})
    for line in lines:
        store.wire(1.0, "magnet", "hear", line)
        store.event(1.0, "info", line)
    path = finish(store)
    assert read_wire(path)[2:] == [WireLine(1.0, "magnet", "hear", line) for line in lines]
    run = read_run(path)
    assert run.log[1:] == [Event(1.0, "info", line) for line in lines]
    assert run.sample["note"].value == note


def test_long_texts_are_kept_whole(tmp_path):
    """A 64 kB note, reason and wire line of multi-byte letters are neither cut nor refused."""
    long = "Ω" * 65536
    store = begun(tmp_path / "a.h5", sample={"name": Quantity(long)})
    store.wire(1.0, "source", "say", long)
    path = finish(store, "faulted", long)
    run = read_run(path)
    assert (run.sample["name"].value, run.reason, read_wire(path)[-1].text) == (long, long, long)


def test_a_long_wire_line_is_stored_in_rows_that_are_text_each(tmp_path):
    """A long line goes on in the next row, cut between two characters, and `more` says so."""
    store = begun(tmp_path / "a.h5")
    store.wire(1.0, "source", "say", "x" + "Ω" * 100)
    with h5py.File(finish(store)) as file:
        texts = file["entry/wire/text"].asstr()[2:].tolist()
        assert file["entry/wire/more"][2:].tolist() == [1, 0]
    assert texts == ["x" + "Ω" * 63, "Ω" * 37]


def test_a_text_that_no_file_can_hold_does_not_cost_the_run(tmp_path):
    """A lone surrogate (an undecodable byte of a file name, say) is stored as its escape."""
    store = begun(tmp_path / "a.h5", title="caf\udce9")
    store.wire(1.0, "source", "hear", "\udcff")
    path = finish(store)
    assert (read_run(path).title, read_wire(path)[-1].text) == ("caf\\udce9", "\\udcff")


@pytest.mark.parametrize("name", ["a/b", "100%", ".", "", "..", "µ", "a\0b", "%2F"])
def test_a_name_that_hdf5_would_take_for_a_path_comes_back_as_it_was(tmp_path, name):
    """Names of settings and sample facts are free text: no nesting, no truncation."""
    run = read_run(stored(tmp_path / "a.h5", sample={name: Quantity(1.5, "m")}))
    assert {key: quantity.value for key, quantity in run.sample.items()} == {name: 1.5}


@pytest.mark.parametrize("value", [None, [], ["a", 1], {"b": [1, None]}, 2**70, True, -3, [1, 2], 0.1])
def test_a_value_of_any_kind_that_json_knows_comes_back(tmp_path, value):
    """Sample files say what they like: tables, lists, nothing at all."""
    back = read_run(stored(tmp_path / "a.h5", sample={"fact": Quantity(value)})).sample["fact"].value
    assert (back, type(back)) == (value, type(value))


# --- rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"mu0_H_z": 0.1, "R_xy": 1.0},
        {"mu0_H_z": 0.1, "R_xy": 1.0, "branch": 1, "V_xy": 2.0},
        {"mu0_H_z": 0.1, "R_xy": 1.0, "branch": 0.5},
        {"mu0_H_z": 0.1, "R_xy": 1.0, "branch": 2**63},
        {"mu0_H_z": 0.1, "R_xy": "1.0", "branch": 1},
        {"mu0_H_z": 0.1, "R_xy": None, "branch": 1},
    ],
)
def test_a_wrong_row_raises_and_leaves_the_columns_of_one_length(tmp_path, row):
    """A row is taken whole or not at all."""
    store = begun(tmp_path / "a.h5")
    with pytest.raises((TypeError, ValueError), match=r"branch|V_xy|R_xy"):
        store.row(row)
    assert store.rows == 9
    store.row({"mu0_H_z": 0.2, "R_xy": 2.0, "branch": 1})
    columns = read_run(finish(store)).columns
    assert [len(values) for values in columns.values()] == [10, 10, 10]
    assert columns["R_xy"][-1] == 2.0


def test_the_rows_so_far_can_be_looked_at_while_more_come(tmp_path):
    """An analysis may hold the columns while the run goes on."""
    store = begun(tmp_path / "a.h5")
    before = store.columns()
    store.row({"mu0_H_z": 0.2, "R_xy": 2.0, "branch": 1})
    assert (before["R_xy"].tolist(), store.columns()["R_xy"].tolist()) == (HALL, [*HALL, 2.0])
    assert before["branch"].dtype == np.int64


@pytest.mark.parametrize(
    "changed",
    [
        {"start_time": datetime(2026, 3, 1)},
        {"signal": "V_xy"},
        {"columns": [Column("R_xy", "ohm", ""), Column("R_xy", "ohm", "")], "axis": "R_xy"},
    ],
)
def test_a_header_that_cannot_become_a_file_is_refused_at_once(changed):
    """A naive start time, a plot of nothing and two columns of one name are found before the run."""
    with pytest.raises(ValueError, match="must"):
        header(**changed)


# --- no other file ever suffers -----------------------------------------------------------------------


def test_a_target_that_exists_is_refused_before_the_run(tmp_path):
    """`begin` refuses a name that is taken, by a dangling link too, and leaves it as it is."""
    taken, link = tmp_path / "a.h5", tmp_path / "b.h5"
    taken.write_bytes(b"years of work")
    link.symlink_to(tmp_path / "nowhere")
    for target in (taken, link):
        with pytest.raises(RequestError, match="must not exist"):
            RunStore(target).begin(header())
    assert taken.read_bytes() == b"years of work"
    assert sorted(tmp_path.iterdir()) == [taken, link]


@pytest.mark.parametrize("folder", ["missing", "a file"])
def test_a_directory_that_takes_no_file_is_refused_before_the_run(tmp_path, folder):
    """`begin` finds out that the directory cannot be written."""
    (tmp_path / "a file").touch()
    with pytest.raises(RequestError, match="must be a directory that takes new files"):
        RunStore(tmp_path / folder / "a.h5").begin(header())


def test_a_run_that_never_happens_leaves_nothing_on_the_disk(tmp_path):
    """While nothing has been recorded, closing the store removes the journal that it began."""
    store = RunStore(tmp_path / "a.h5")
    store.begin(header())
    assert list(tmp_path.iterdir()) == [tmp_path / "a.h5.journal"]
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_leaves_one_file(tmp_path):
    """No partial file stays behind, and the file has one name only."""
    path = stored(tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_nlink == 1


def test_a_target_that_appears_during_the_run_is_not_replaced_and_the_run_is_kept(tmp_path):
    """Whoever took the name keeps it; the run stays whole under its partial name, and the error names it."""
    store = begun(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes(b"somebody else's")
    with pytest.raises(RequestError, match=r"a\.h5\.\w+\.partial"):
        finish(store)
    assert (tmp_path / "a.h5").read_bytes() == b"somebody else's"
    (kept,) = tmp_path.glob("*.partial")
    assert read_run(kept).columns["R_xy"].tolist() == HALL


def test_a_second_run_to_one_name_is_refused_before_it_begins_and_told_who_has_it(tmp_path):
    """The first keeps its journal, and the name is free of quarrel when it ends."""
    first = begun(tmp_path / "a.h5")
    with pytest.raises(RequestError, match=f"process {os.getpid()} is writing it.*Nothing was sent"):
        begun(tmp_path / "a.h5", title="second")
    assert read_run(finish(first)).title == "AHE loop of S1"


def refuse_links(*arguments, **options):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_disk_without_hard_links_takes_the_run_and_still_replaces_nothing(tmp_path, monkeypatch):
    """exFAT has no link(): the run lands all the same, and a name that is taken stays taken."""
    monkeypatch.setattr(os, "link", refuse_links)
    path = stored(tmp_path / "a.h5")
    assert read_run(path).rows == 9
    store = begun(tmp_path / "b.h5")
    (tmp_path / "b.h5").write_bytes(b"somebody else's")
    with pytest.raises(RequestError, match="appeared"):
        finish(store)
    assert (tmp_path / "b.h5").read_bytes() == b"somebody else's"


def test_a_full_disk_is_reported_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    """ENOSPC ends in one clear error, no partial file, the journal whole, and a store that can try again."""
    store = begun(tmp_path / "a.h5")

    def full(descriptor, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(LabctlError, match=r"No space left.*9 rows are in .*a\.h5\.journal"):
            finish(store)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.h5.journal"]
    assert read_run(finish(store)).rows == 9


def test_short_writes_are_completed(tmp_path, monkeypatch):
    """One write() may take only part of what it is given, without an error."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:4097]))
    assert read_run(stored(tmp_path / "a.h5")).rows == 9


@pytest.mark.parametrize("needle", [b"Anomalous Hall loop", b"coercive field"])
def test_a_disk_that_gives_back_something_else_is_found_out(tmp_path, monkeypatch, needle):
    """What was written is read again before it gets its name; a changed byte stops it."""
    write = os.write

    def lying(descriptor, content):
        write(descriptor, bytes(content).replace(needle, needle.upper()))
        return len(content)

    store = begun(tmp_path / "a.h5")
    monkeypatch.setattr(os, "write", lying)
    with pytest.raises(DataError, match="must read back as it was written"):
        finish(store)
    assert not (tmp_path / "a.h5").exists()


def test_a_number_that_is_stored_wrong_is_found_out(tmp_path, monkeypatch):
    """Columns are compared with the memory they came from: a rounded number does not pass."""
    column = hdf5.column

    def rounding(parent, name, values, unit, long_name):
        return column(parent, name, values.astype(np.float32).astype(values.dtype), unit, long_name)

    store = begun(tmp_path / "a.h5")
    monkeypatch.setattr(hdf5, "column", rounding)
    with pytest.raises(DataError, match="mu0_H_z"):
        finish(store)


def test_the_file_reaches_the_disk_before_it_gets_its_name_and_the_name_before_the_run_is_over(
    tmp_path, monkeypatch
):
    """A power cut leaves no name without content: journal, then file synced, read back, linked, folder synced.

    The last folder that is synced is the one from which the journal has gone.
    """
    calls = []

    def traced(name, said):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, **options: (calls.append(said(*given)), real(*given, **options))[1]
        )

    def kind(descriptor):
        return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"

    traced("fsync", lambda descriptor: f"sync {kind(descriptor)}")
    traced("posix_fadvise", lambda *given: "forget the cache")
    traced("link", lambda *given: "link")
    store = begun(tmp_path / "a.h5")
    assert calls[:3] == ["sync file", "link", "sync folder"]  # the journal
    calls.clear()
    finish(store)
    assert calls == ["sync file", "sync file", "forget the cache", "link", "sync folder", "sync folder"]


def test_the_store_is_cheap_to_import():
    """`labctl --help` must be quick: no h5py, numpy, pydantic or pandas behind the store."""
    code = "import sys, labctl.store; print(*{'h5py', 'numpy', 'pydantic', 'pandas'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""
