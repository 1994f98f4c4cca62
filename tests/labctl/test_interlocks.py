"""Interlocks: what is watched after each row, and what is done; what is lost on the wire is in the log."""

import json
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from command_line import Command
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from labctl import config, engine, runfile, station
from labctl.errors import RequestError

LOOP = ("run", "ahe-loop", "-p", "mu0_H_step=80Oe", "-p", "settle=0s", "--seed", "1", "-o", "loop.h5")
N_ROWS = 21


@pytest.fixture
def at(tmp_path: Path) -> Any:
    """Write the simulated station's file with interlocks, and return its path."""

    def write(*interlocks: str) -> str:
        path = tmp_path / "watched.toml"
        text = config.built_in("station")["sim"]()
        path.write_text(text + "".join(f"\n[[interlock]]\n{one}\n" for one in interlocks), encoding="utf-8")
        return str(path)

    return write


def log(tmp_path: Path, level: str) -> list[str]:
    return [event.text for event in runfile.read_run(tmp_path / "loop.h5").log if event.level == level]


def during(monkeypatch: pytest.MonkeyPatch, row: int, act: Any) -> None:
    """Have something happen to the bench after a row."""
    take_rows = engine._take_rows

    def interrupted(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(request, lab, store, stop, lambda done: act() if done == row else None)

    monkeypatch.setattr(engine, "_take_rows", interrupted)


def test_a_row_beyond_a_comparison_stops_the_run(labctl: Command, tmp_path: Path, at: Any) -> None:
    """Exit 4, parked, the rows before it are kept; the same run without the interlock is complete."""
    path = at('when = "mu0_H_z_set < -100 Oe"')
    said = labctl(*LOOP, "--station", path)
    assert said.status == 4
    assert "An interlock stopped the run: mu0_H_z_set = -160 Oe (mu0_H_z_set < -100 Oe)." in said.err
    assert "the station was parked" in said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert min(run.columns["mu0_H_z_set"]) == pytest.approx(-0.008)
    assert (run.status, run.rows) == ("faulted", 7)
    assert labctl(*LOOP[:-1], "free.h5").status == 0


def test_a_skipped_row_is_in_the_log_and_not_among_the_data(labctl: Command, tmp_path: Path, at: Any) -> None:
    """The turning point at -400 Oe is left out of the data, whole in the log, and a replay leaves it out too."""
    said = labctl(*LOOP, "--station", at('when = "abs(mu0_H_z_set) >= 400 Oe"\naction = "skip"'))
    assert said.status == 0
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.rows == N_ROWS - 3
    assert max(abs(run.columns["mu0_H_z_set"])) < 0.04
    skipped = log(tmp_path, "skipped")
    assert len(skipped) == 3
    wrong, _, row = skipped[1].partition("; the row was not taken: ")
    assert wrong == "mu0_H_z_set = -400 Oe (abs(mu0_H_z_set) >= 400 Oe)"
    assert set(json.loads(row)) == set(run.columns)
    assert labctl("replay", "loop.h5").status == 0


def test_ten_rows_one_after_the_other_are_not_skipped_but_stop(
    labctl: Command, tmp_path: Path, at: Any
) -> None:
    """What is wrong all the time is no accident."""
    said = labctl(*LOOP, "--station", at('when = "time > 0 s"\naction = "skip"'))
    assert said.status == 4
    assert "10 rows one after the other" in said.err
    assert len(log(tmp_path, "skipped")) == 10


def test_what_is_not_a_number_trips(labctl: Command, at: Any) -> None:
    """R_xy_prepared is NaN where nothing was prepared: it is not within any limit."""
    assert labctl(*LOOP, "--station", at('when = "R_xy_prepared > 1000 ohm"')).status == 4
    assert labctl(*LOOP[:-1], "b.h5", "--station", at('when = "R_xy > 1000 ohm"')).status == 0


@pytest.mark.parametrize(
    ("interlock", "complaint"),
    [
        ('when = "R_xy"', "must compare a column with a value"),
        ("when = \"__import__('os').getpid() > 5\"", "must compare a column with a value"),
        ('when = "abs(R_xy > 5 ohm"', "must compare a column with a value"),
        ('when = "R_xy > 5"', "must be a resistance with its unit"),
        ('when = "R_xy > nan ohm"', "must be a resistance with its unit"),
        ('when = "R_xy > 5 A"', "must be a resistance with its unit"),
        ('when = "R_xyz > 5 ohm"', "there is no 'R_xyz' (did you mean R_xy?)"),
        ('whne = "R_xy > 5 ohm"', "whne is not known (did you mean when?)"),
        ("", "must have either when"),
        ('watch = "gaussmeter"', "must have within"),
        ('watch = "fautls"', "'compliance', 'faults', 'gaussmeter' or 'overflow'"),
        ('watch = "faults"\naction = "retry"', 'together with watch = "overflow"'),
        ('when = "R_xy > 5 ohm"\naction = "jump"', "'retry', 'skip', 'pause' or 'stop'"),
    ],
)
def test_an_interlock_that_cannot_be_read_is_refused(
    labctl: Command, at: Any, rooms: list[Any], interlock: str, complaint: str
) -> None:
    """Exit 2, and no instrument was opened; nothing in it is ever evaluated."""
    said = labctl(*LOOP, "--station", at(interlock))
    assert said.status == 2
    assert complaint in said.err
    assert rooms == []


def test_a_column_of_another_protocol_is_not_watched_and_the_log_says_so(
    labctl: Command, tmp_path: Path, at: Any
) -> None:
    """One station file serves many protocols."""
    assert labctl(*LOOP, "--station", at('when = "I_pulse > 1 uA"')).status == 0
    assert "interlock 'I_pulse > 1 uA': this protocol has no such column" in log(tmp_path, "info")


def test_an_open_interlock_of_the_source_stops_the_run_watched_or_not(
    labctl: Command, tmp_path: Path, at: Any, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch may do something else; without one the run ends before the row is stored."""

    def open_it() -> None:
        rooms[-1].instruments["source"].interlock_closed = False

    during(monkeypatch, 3, open_it)
    said = labctl(*LOOP, "--station", at('watch = "faults"'))
    assert said.status == 4
    assert "An interlock stopped the run: source: interlock open." in said.err
    assert runfile.read_run(tmp_path / "loop.h5").rows == 3
    unwatched = labctl(*LOOP[:-1], "unwatched.h5")
    assert unwatched.status == 4
    assert "it reports interlock open" in unwatched.err
    assert runfile.read_run(tmp_path / "unwatched.h5").rows == 3


def test_what_a_skipped_row_met_is_held_against_no_later_one(
    labctl: Command, tmp_path: Path, at: Any
) -> None:
    """A lead comes off for a moment: that row is skipped, as the station says, and the others are taken."""
    station = at('watch = "compliance"\naction = "skip"')
    said = labctl(*LOOP, "--station", station, "--fault", "source: loose-contact at row 4 for 1.2 s")
    assert said.status == 0, said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert [event.level for event in run.log].count("skipped") == 1


def test_a_source_in_compliance_stops_the_run_at_the_row_where_compliance_is_watched(
    labctl: Command, tmp_path: Path, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 Mohm at 0.1 mA: at the first row, and also where the protocol itself does not look."""
    from protocols import ahe_loop

    monkeypatch.setattr(ahe_loop, "require_regulation", lambda *_: None)
    path = tmp_path / "odd.toml"
    path.write_text('name = "odd"\n[model]\nR_xx = "1000 kohm"\n', encoding="utf-8")
    said = labctl(*LOOP, "--station", at('watch = "compliance"'), "--sample", str(path))
    assert said.status == 4
    assert "An interlock stopped the run: the source is in compliance." in said.err
    assert runfile.read_run(tmp_path / "loop.h5").rows == 0
    unwatched = labctl(*LOOP[:-1], "b.h5", "--sample", str(path))
    assert unwatched.status == 4
    assert "it has met that limit" in unwatched.err
    assert runfile.read_run(tmp_path / "b.h5").rows == 0


def test_a_field_that_is_not_the_one_asked_for_stops_the_run(
    labctl: Command, tmp_path: Path, at: Any
) -> None:
    """The supply of magnet z is good to some mA, 2 Oe: within 20 Oe it is well, within 0.001 Oe it is not."""
    tight = 'watch = "gaussmeter"\nwithin = "0.001 Oe"'
    said = labctl(*LOOP, "--station", at(tight))
    assert said.status == 4
    assert "the field of magnet_z is" in said.err
    assert "from the one asked for" in said.err
    assert labctl(*LOOP[:-1], "b.h5", "--station", at(tight.replace("0.001", "20"))).status == 0


@pytest.mark.parametrize("is_there", [True, False])
def test_a_paused_run_waits_for_a_person(labctl: Command, tmp_path: Path, at: Any, is_there: bool) -> None:
    """Somebody looks after it and the run is whole; nobody is there, and it is stopped and parked."""
    labctl("protocols")  # an empty folder to be in
    request = engine.prepare(
        LOOP[1],
        ["mu0_H_step=80Oe", "settle=0s"],
        station=at('when = "mu0_H_z_set <= -400 Oe"\naction = "pause"'),
        sample="alox-2.0",
        seed=1,
        output=tmp_path / "loop.h5",
    )
    asked: list[str] = []

    def person(task: str) -> None:
        asked.append(task)
        if not is_there:
            raise RequestError("This needs a person.")

    outcome = engine.run(request, lambda _rows: None, person)
    assert len(asked) == 1
    assert "mu0_H_z_set = -400 Oe" in asked[0]
    if is_there:
        assert (outcome.status, outcome.rows) == ("complete", N_ROWS)
    else:
        assert (outcome.status, outcome.rows) == ("faulted", 10)
        assert "nobody was there to go on" in outcome.reason


def test_an_overflow_is_read_again_where_the_station_says_so(
    labctl: Command, tmp_path: Path, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spike in one reading: with retry the run is whole and the log tells of it, without it is stopped."""
    from drivers.keithley_2182a import Keithley2182A

    ordinary, taken = Keithley2182A.read_voltage, [0]

    def spike(meter: Any) -> float:
        taken[0] += 1
        if taken[0] == 5:
            raise station.Overload("the input of voltmeter must be within its range; it overflows.")
        return ordinary(meter)

    monkeypatch.setattr(Keithley2182A, "read_voltage", spike)
    said = labctl(*LOOP, "--station", at('watch = "overflow"\naction = "retry"'))
    assert said.status == 0
    (line,) = log(tmp_path, "warning")
    assert line.startswith(
        "a reading is taken again, 1 of 2: the input of voltmeter must be within its range"
    )
    taken[0] = 0
    assert labctl(*LOOP[:-1], "b.h5").status == 4


def lossy(real: Any, query: str, n: int) -> Any:
    """A real station whose n-th answer to a query comes a long time after it was asked for."""
    lab = real()
    ordinary_write, ordinary_read = lab.room.library.write, lab.room.library.read
    asked, late = [0], [False]

    def write(session: Any, data: bytes) -> Any:
        asked[0] += data == query.encode() + b"\n"
        late[0] = late[0] or (data == query.encode() + b"\n" and asked[0] == n)
        return ordinary_write(session, data)

    def read(session: Any, count: int) -> Any:
        if late[0]:
            late[0] = False
            lab.room.clock.wait(5.0)
            raise VisaIOError(StatusCode.error_timeout)
        return ordinary_read(session, count)

    lab.room.library.write, lab.room.library.read = write, read
    return lab


def test_a_lost_reading_is_taken_again_and_the_file_tells_how_often(
    real: Any, labctl: Command, tmp_path: Path
) -> None:
    """Each repeat is a line of the log and counted with the settings of the instrument after the run."""
    lab = lossy(real, "READ?", 7)
    said = labctl(*LOOP, "--station", str(lab.file))
    assert said.status == 0, said.err
    run = runfile.read_run(tmp_path / "loop.h5")
    assert run.rows == N_ROWS
    (line,) = log(tmp_path, "warning")
    assert line.startswith("voltmeter: 'READ?' is asked again, 1 of 2: voltmeter must answer 'READ?' within")
    repeats = {role: one.settings_after["repeats"].value for role, one in run.instruments.items()}
    assert repeats == {"source": 0, "voltmeter": 1, "magnet_z_supply": 0}


def test_a_pulse_whose_end_was_lost_stops_the_run_and_was_played_once(
    real: Any, labctl: Command, tmp_path: Path
) -> None:
    """What the sample saw is not known: nothing is repeated, and the bench has counted one waveform."""
    lab = lossy(real, "STAT:OPER?", 2)  # the first clears what was; the second asks for the end of the pulse
    said = labctl(
        *("run", "sot-switching", "-p", "R_AHE_reference=0.4ohm", "-p", "preparation=as-is"),
        *("-o", "loop.h5", "--station", str(lab.file)),
    )
    assert said.status == 4
    assert "nothing is repeated" in said.err
    assert lab.box.pulses == 1
    assert log(tmp_path, "warning") == []


def test_an_instrument_that_another_computer_has_locked_is_a_fault_before_anything_is_sent(
    real: Any, labctl: Command
) -> None:
    """A VISA lock, where the interface has one."""
    lab = real()
    manager = pyvisa.ResourceManager(lab.room.library)
    other = manager.open_resource("GPIB0::7::INSTR")
    other.lock_excl()  # type: ignore[attr-defined]
    said = labctl(*LOOP, "--station", str(lab.file))
    assert said.status == 4
    assert "voltmeter must be free; GPIB0::7::INSTR is locked by another VISA session." in said.err
    assert lab.said == []
    manager.close()
    assert labctl(*LOOP, "--station", str(lab.file)).status == 0
