"""Whatever ends a run, the station is parked and the data are kept; the bench, not the program, is asked."""

import errno
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from parking import assert_parked

from labctl import engine, newfile, runfile, station
from labctl.errors import FaultError
from labctl.store import RunStore

QUICK = ("run", "ahe-loop", "-p", "mu0_H_step=40Oe", "-p", "settle=0s", "--seed", "1", "-o", "loop.h5")


def sample_file(folder: Path, **model: str) -> str:
    lines = "\n".join(f'{name} = "{value}"' for name, value in model.items())
    path = folder / "odd.toml"
    path.write_text(f'name = "odd"\n[model]\n{lines}\n', encoding="utf-8")
    return str(path)


def test_a_complete_run_leaves_the_station_parked_and_says_so(
    labctl: Command, tmp_path: Path, rooms: list[Any]
) -> None:
    """Settings before and after, every line of the wire and the confirmed parking are in the file."""
    assert labctl(*QUICK).status == 0
    assert_parked(rooms[-1])
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.status == "complete"
    assert set(run.instruments) == {"source", "voltmeter", "magnet_z_supply"}
    assert "MODEL 6221" in run.instruments["source"].identity
    assert run.instruments["source"].settings_after["output"].value in (0, False)
    wire = runfile.read_wire(tmp_path / "loop.h5")
    assert {line.instrument for line in wire} == set(run.instruments)
    assert sum(line.text == "READ?" for line in wire) == 2 * run.rows
    assert [line.time for line in wire] == sorted(line.time for line in wire)
    confirmed = [event.text for event in run.log if event.text.endswith(": confirmed")]
    assert confirmed == [f"parking, {role}: confirmed" for role in ("source", "magnet_z", "voltmeter")]


def test_a_figure_that_the_disk_does_not_take_is_said_and_makes_no_failure_of_the_run(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is complete and safe by then: exit 0, one line, and no half of a figure."""

    ordinary = newfile.write_all

    def full(descriptor: int, content: bytes) -> None:
        if not content.startswith(b"\x89PNG"):
            ordinary(descriptor, content)
            return
        ordinary(descriptor, content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(newfile, "write_all", full)
    said = labctl(*QUICK)
    assert said.status == 0
    assert "loop.png could not be written: No space left on device. No file was left behind." in said.err
    assert "labctl plot draws it from loop.h5" in said.err
    assert [path.name for path in tmp_path.glob("loop*")] == ["loop.h5"]
    assert labctl("plot", "loop.h5", "-o", "later.png").status == 1
    assert not (tmp_path / "later.png").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_between_two_rows(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Exit 3, status stopped, the rows so far are in the file, the station is parked."""
    take_rows = engine._take_rows

    def interrupted(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(
            request, lab, store, stop, lambda done: signal.raise_signal(number) if done == 5 else None
        )

    monkeypatch.setattr(engine, "_take_rows", interrupted)
    said = labctl(*QUICK)
    assert said.status == 3
    assert "the station was parked" in said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert (run.status, run.rows) == ("stopped", 5)
    assert_parked(rooms[-1])
    assert signal.getsignal(number) is not None  # and the old handler is back
    assert "request_stop" not in repr(signal.getsignal(number))


@pytest.mark.parametrize(
    ("model", "complaint"),
    [({"R_off": "200 ohm"}, "overflow"), ({"R_xx": "1000 kohm"}, "compliance limit")],
)
def test_a_faulty_sample_stops_the_run(
    labctl: Command, tmp_path: Path, rooms: list[Any], model: dict[str, str], complaint: str
) -> None:
    """An overload is never a voltage, and a source in compliance drives another current than was asked for."""
    said = labctl(*QUICK, "--sample", sample_file(tmp_path, **model))
    assert said.status == 4
    assert complaint in said.err
    assert "the station was parked" in said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.status == "faulted"
    assert complaint in run.reason
    assert_parked(rooms[-1])


def test_parking_goes_on_where_a_step_fails(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that cannot be parked keeps neither the magnet from its ramp nor the data from the disk."""
    from drivers.keithley_6221 import Keithley6221

    def broken(_self: Any) -> None:
        raise station.InstrumentError("the cable is out")

    monkeypatch.setattr(Keithley6221, "park", broken)
    said = labctl(*QUICK)
    assert said.status == 4
    assert "NOT PARKED: source: the cable is out" in said.err
    assert abs(rooms[-1].magnets["z"].mu0_H(rooms[-1].clock.now())) < 1e-4
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.status == "faulted"
    assert run.rows == 41


def test_a_bug_in_a_protocol_parks_the_station_too(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, and still no current is left on."""
    from protocols import ahe_loop

    monkeypatch.setattr(ahe_loop, "require_regulation", lambda *_: 1 / 0)
    said = labctl(*QUICK)
    assert said.status == 1
    assert "ZeroDivisionError" in said.err
    assert runfile.read_run(tmp_path / "loop.h5").status == "faulted"
    assert_parked(rooms[-1])


def test_an_instrument_that_is_not_there_is_a_fault_before_anything_is_sent(
    labctl: Command, tmp_path: Path
) -> None:
    """A real station without instruments: exit 4, the address is named, no file is left."""
    labctl("station", "new", "mine.toml")
    text = (tmp_path / "mine.toml").read_text().replace('axis = "manual"', 'axis = "z"')
    (tmp_path / "mine.toml").write_text(
        text.replace("TCPIP0::192.0.2.21::1394::SOCKET", "ASRL/dev/none::INSTR")
    )
    said = labctl(*QUICK, "--station", "mine.toml")
    assert said.status == 4
    assert said.err.count("\n") == 1
    assert "source must answer at ASRL/dev/none::INSTR; it cannot be opened" in said.err
    assert "Nothing was sent" in said.err
    assert not list(tmp_path.glob("*.h5"))


def test_the_wrong_instrument_at_an_address_is_refused(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What answers must be the model of the data sheet; otherwise nothing is set and the station stays parked."""
    from drivers.keithley_2182a import Keithley2182A

    monkeypatch.setattr(Keithley2182A, "IDENTITY", re.compile("KEITHLEY INSTRUMENTS INC.,MODEL 2002,.*"))
    said = labctl(*QUICK)
    assert said.status == 4
    assert "at its address answered 'KEITHLEY INSTRUMENTS INC.,MODEL 2182A" in said.err
    assert runfile.read_run(tmp_path / "loop.h5").rows == 0
    assert rooms[-1].envelope.I_max == 0
    said_to_it = [
        line.text
        for line in runfile.read_wire(tmp_path / "loop.h5")
        if (line.instrument, line.direction) == ("voltmeter", "say")
    ]
    assert said_to_it == ["*IDN?"]  # not even to park it


# --- the disk -----------------------------------------------------------------------------------------


def fail_after(monkeypatch: pytest.MonkeyPatch, name: str, rows: int, code: int) -> None:
    """Let a call of the operating system fail once so many rows are in the journal, for good."""
    real, row = getattr(os, name), RunStore.row
    count = 0

    def counted(store: RunStore, values: Any) -> None:
        nonlocal count
        count += 1
        row(store, values)

    def call(*given: Any) -> Any:
        if count > rows:
            raise OSError(code, os.strerror(code))
        return real(*given)

    monkeypatch.setattr(RunStore, "row", counted)
    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize(("name", "code"), [("write", errno.ENOSPC), ("write", errno.EIO)])
def test_a_disk_that_fails_stops_the_run_parks_the_station_and_keeps_every_row_before(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """Exit 4; the error names disk and journal; from the journal come all rows, once there is room again."""
    with monkeypatch.context() as patch:
        fail_after(patch, name, 5, code)
        said = labctl(*QUICK)
    assert said.status == 4
    assert f"must take the journal loop.h5.journal; got: {os.strerror(code)}" in said.err
    assert "5 rows are in loop.h5.journal: labctl recover makes the file of it" in said.err
    assert "the station was parked" in said.err
    assert_parked(rooms[-1])
    assert not (tmp_path / "loop.h5").exists()
    assert labctl("recover", "loop.h5").status == 0
    run = runfile.read_run(tmp_path / "loop.h5")
    assert (run.status, run.rows) == ("interrupted", 5)


def test_a_journal_that_vanishes_stops_the_run_and_the_file_is_made_all_the_same(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody tidies up in mid-run: exit 4, status faulted, the rows and the wire so far are in the file."""
    take_rows = engine._take_rows

    def tidied(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        def advance(done: int) -> None:
            if done == 5:
                (tmp_path / "loop.h5.journal").unlink()
                store.event(lab.elapsed(), "warning", "tidied")

        return take_rows(request, lab, store, stop, advance)

    monkeypatch.setattr(engine, "_take_rows", tidied)
    said = labctl(*QUICK)
    assert said.status == 4
    assert "must take the journal loop.h5.journal; got: it was deleted, moved or replaced" in said.err
    assert_parked(rooms[-1])
    run = runfile.read_run(tmp_path / "loop.h5")
    assert (run.status, run.rows) == ("faulted", 6)
    assert len(runfile.read_wire(tmp_path / "loop.h5")) > 12


def test_a_folder_that_takes_no_file_is_refused_before_any_instrument_is_touched(
    labctl: Command, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 and no bench was built: permission bits do not bind everybody, so the disk itself refuses."""
    real = os.open

    def read_only(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    said = labctl(*QUICK)
    assert (said.status, rooms) == (2, [])
    assert "must be a directory that takes new files; got: Read-only file system" in said.err


def test_a_clock_that_is_set_back_during_a_run_is_harmless_and_noted(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour back after the fifth row: the log says so, and the run does not end before it began."""
    take_rows, real = engine._take_rows, time.time
    shift = [0.0]

    def turned(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(
            request, lab, store, stop, lambda done: shift.__setitem__(0, -3600.0 if done >= 5 else 0.0)
        )

    monkeypatch.setattr(engine, "_take_rows", turned)
    monkeypatch.setattr(time, "time", lambda: real() + shift[0])
    assert labctl(*QUICK).status == 0
    run = runfile.read_run(tmp_path / "loop.h5")
    jumps = [event.text for event in run.log if "clock jumped" in event.text]
    assert jumps == ["the computer's clock jumped by -3600.0 s"]
    assert run.end_time >= run.start_time


def test_an_instrument_that_cannot_be_opened_leaves_no_journal(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was measured: nothing is left behind, and the name is free."""

    def closed(*_given: Any) -> Any:
        raise FaultError("source must answer. Nothing was sent.")

    monkeypatch.setattr(station, "opened", closed)
    assert labctl(*QUICK).status == 4
    assert list(tmp_path.iterdir()) == []
