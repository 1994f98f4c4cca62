"""Parking and stopping in process: what raises or hangs holds up nothing else, and a signal sets a flag only."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import engine, runfile, running, stopping
from labctl.clock import WallClock
from labctl.errors import RequestError
from labctl.parking import ParkingStep, park
from labctl.stopping import BrokenOff, StopRequests, Watch

NAMES = ("source", "magnet_x", "magnet_z", "lockin", "voltmeter")
FAULTS = ("raises", "hangs")


def say_nothing(_text: str) -> None:
    """Take a note."""


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Steps that hang do so until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def steps(faults: dict[str, str], done: list[str], released: threading.Event) -> list[ParkingStep]:
    def act(name: str) -> None:
        if faults.get(name) == "raises":
            raise RuntimeError("the cable is out")
        if faults.get(name) == "hangs":
            released.wait()
        done.append(name)

    return [ParkingStep(name, lambda name=name: act(name)) for name in NAMES]


SINGLE = [{name: fault} for name in NAMES for fault in FAULTS]
PAIRS = [
    {one: fault, other: another}
    for one, other in itertools.combinations(NAMES, 2)
    for fault in FAULTS
    for another in FAULTS
]


@pytest.mark.parametrize(
    "faults", [*SINGLE, *PAIRS], ids=lambda faults: "-".join(map("=".join, faults.items()))
)
def test_what_raises_or_hangs_holds_up_no_other_step(
    faults: dict[str, str], released: threading.Event
) -> None:
    """Alone and in pairs: all the others are done, in order, and only the faulty ones are not confirmed."""
    done: list[str] = []
    notes: list[str] = []
    failed = park(steps(faults, done, released), notes.append, Watch(), patience=0.02, last=0.04)
    assert done == [name for name in NAMES if name not in faults]
    assert {problem.partition(":")[0] for problem in failed} == set(faults)
    assert all(
        ("the cable is out" if faults[one.partition(":")[0]] == "raises" else "did not end") in one
        for one in failed
    )
    assert sum(note.endswith(": confirmed") for note in notes) == len(NAMES) - len(faults)


def test_a_slow_step_is_confirmed_after_the_others_have_begun() -> None:
    """It took longer than the next one waits for it, and ended in time all the same."""
    finished = threading.Event()
    slow = ParkingStep("slow", lambda: finished.wait(5) or pytest.fail("never"))
    assert (
        park([slow, ParkingStep("next", finished.set)], say_nothing, Watch(), patience=0.02, last=5.0) == []
    )


def test_requests_during_parking_are_answered_and_change_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Three more requests while a ramp goes on: three answers on standard error, and the step is confirmed."""
    watch = Watch()
    watch.stop = stop = StopRequests()
    stop.ask(signal.SIGINT)

    def ramp() -> None:
        for _ in range(3):
            stop.ask(signal.SIGINT)
        watch()  # as the wire does: nothing is raised any more

    assert park([ParkingStep("magnet_x", ramp)], say_nothing, watch) == []
    stop.answer_impatience()
    assert capfd.readouterr().err.count("a ramp cannot be cut short") == 3


def test_the_first_request_lets_the_point_end_and_the_second_breaks_it_off() -> None:
    """Only the flag is looked at, before the next exchange."""
    watch = Watch()
    watch.stop = stop = StopRequests()
    watch()
    stop.ask(signal.SIGINT)
    watch()
    assert stop.reason == "stopped by the user"
    stop.ask(signal.SIGINT)
    with pytest.raises(BrokenOff, match="stopped by the user"):
        watch()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_supervisor_leaves_the_point_a_grace_period(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within GRACE nothing is raised, after it the point is broken off."""
    now = 100.0
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now)
    watch = Watch()
    watch.stop = stop = StopRequests()
    stop.ask(number)
    now += 0.99 * stopping.GRACE
    watch()
    now += 0.02 * stopping.GRACE
    with pytest.raises(BrokenOff):
        watch()


def test_a_wait_on_the_wall_clock_is_broken_off() -> None:
    """Nobody sits out an hour after the second Ctrl-C."""
    watch = Watch()
    watch.stop = stop = StopRequests()
    stop.ask(signal.SIGINT)
    stop.ask(signal.SIGINT)
    with pytest.raises(BrokenOff):
        WallClock(1.0, watch).wait(3600.0)


def test_the_second_ctrl_c_breaks_a_point_off_and_closes_the_protocol(
    labctl: Command, tmp_path: Path, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3, the rows before it kept, the protocol's own `finally` run, the station parked."""
    ended: list[str] = []
    measure = engine.registry.load_protocol("ahe-loop").measure

    def measured(lab: Any, p: Any) -> Iterator[Any]:
        try:
            for number, row in enumerate(measure(lab, p)):
                if number == 3:
                    signal.raise_signal(signal.SIGINT)
                    signal.raise_signal(signal.SIGINT)
                    lab.source.set_current(0.0)
                yield row
        finally:
            ended.append("closed")

    take_rows = engine._take_rows

    def taking(request: Any, *rest: Any) -> Any:
        from dataclasses import replace

        return take_rows(replace(request, protocol=replace(request.protocol, measure=measured)), *rest)

    monkeypatch.setattr(engine, "_take_rows", taking)
    said = labctl(
        "run", "ahe-loop", "-p", "mu0_H_step=40Oe", "-p", "settle=0s", "--seed", "1", "-o", "loop.h5"
    )
    assert said.status == 3
    assert ended == ["closed"]
    run = runfile.read_run(tmp_path / "loop.h5")
    assert (run.status, run.rows) == ("stopped", 3)
    assert any("broken off" in event.text for event in run.log)
    monkeypatch.setattr(engine, "_take_rows", take_rows)
    replayed = labctl(
        "replay", "loop.h5", "--json"
    )  # the rows that there are, and not the point that there is not
    assert (replayed.status, replayed.json["rows"]) == (0, 3), replayed.err
    source = rooms[-1].instruments["source"]
    source.write(b"OUTP?\n")
    assert source.next_reply(rooms[-1].clock.now() + 1) == b"0\n"


def test_a_point_that_ended_by_itself_is_kept_after_the_first_ctrl_c(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protocol is closed there, too: nothing of it goes on behind the parked station."""
    closed: list[bool] = []
    measure = engine.registry.load_protocol("ahe-loop").measure

    def measured(lab: Any, p: Any) -> Iterator[Any]:
        try:
            for number, row in enumerate(measure(lab, p)):
                if number == 2:
                    signal.raise_signal(signal.SIGINT)
                yield row
        finally:
            closed.append(True)

    take_rows = engine._take_rows

    def taking(request: Any, *rest: Any) -> Any:
        from dataclasses import replace

        return take_rows(replace(request, protocol=replace(request.protocol, measure=measured)), *rest)

    monkeypatch.setattr(engine, "_take_rows", taking)
    assert labctl("run", "ahe-loop", "-p", "mu0_H_step=40Oe", "-o", "loop.h5").status == 3
    assert closed == [True]
    assert runfile.read_run(tmp_path / "loop.h5").rows == 3


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_a_run_is_listed_while_it_goes_on_and_not_after(state: Path) -> None:
    """By its file, by its process number, or as the only one."""
    target = state / "x.h5"
    with running.registered("ahe-loop", target, "", ["GPIB0::7::INSTR"], None) as entry:
        for run in (None, str(os.getpid()), str(target)):
            found = running.find(run, "Nothing was stopped.")
            assert (found.pid, found.is_alive, found.is_parking) == (os.getpid(), True, False)
        entry.is_parking()
        assert running.find(None, "Nothing was stopped.").is_parking
    with pytest.raises(RequestError, match=r"none\. Nothing was stopped"):
        running.find(None, "Nothing was stopped.")


def test_a_process_of_the_same_number_is_not_the_run(state: Path) -> None:
    """The number of a dead run may be somebody else's by now: the start time tells."""
    with running.registered("ahe-loop", state / "x.h5", "", [], None):
        found = running.find(None, "Nothing was stopped.")
        assert not running.is_alive(found.pid, "12345")


def test_a_state_folder_that_takes_nothing_costs_no_run(state: Path, labctl: Command) -> None:
    """A run is not refused because it could not be listed."""
    (state / ".state").write_text("a file, not a folder")
    assert labctl("run", "demagnetize", "--seed", "1", "-o", "near.h5").status == 0


def test_a_simulated_station_is_parked_by_hand(labctl: Command) -> None:
    """Every instrument is named, in JSON too."""
    said = labctl("park", "sim", "--json")
    assert said.status == 0
    parked = said.json["instruments"]
    assert {one["instrument"] for one in parked} >= {"source", "supply_x", "supply_z", "voltmeter"}
    assert all(one["parked"] for one in parked)


def test_an_instrument_that_is_not_there_keeps_no_other_from_being_parked(
    labctl: Command, state: Path
) -> None:
    """Exit 4; each is told apart."""
    labctl("station", "new", "mine.toml")
    text = (state / "mine.toml").read_text()
    for address in ("TCPIP0::192.0.2.21::1394", "GPIB0::7", "GPIB0::8", "GPIB0::12", "GPIB0::14"):
        suffix = "SOCKET" if "TCPIP" in address else "INSTR"
        text = text.replace(f"{address}::{suffix}", f"ASRL/dev/none{address[-2:].strip(':')}::INSTR")
    (state / "mine.toml").write_text(text)
    said = labctl("park", "mine.toml")
    assert said.status == 4
    assert said.out.count("NOT confirmed") == 5


def test_nobody_waits_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait on the wall clock looks up twenty times a second, and lasts as long as it should."""
    now = 0.0
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    WallClock(10.0, lambda: looks.append(now)).wait(10.0)
    assert now == pytest.approx(1.0)
    assert len(looks) == 21
