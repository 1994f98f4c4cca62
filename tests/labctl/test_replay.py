"""A stored run is played back from its own wire, bit for bit, and beside the simulated bench."""

import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import engine, runfile

SHORT = {
    "harmonic-hall": ("-p", "n_readings=1"),
    "ahe-loop": ("-p", "mu0_H_step=20Oe"),
    "sot-switching": ("-p", "I_step=6mA", "-p", "I_max=24mA"),
    "demagnetize": (),
    "stdp": ("-p", "dt_max=4ms", "-p", "n_repeats=1"),
    "minor-loops": ("-p", "I_max_list=16mA,24mA", "-p", "I_step=4mA"),
    "sigmoid-neuron": ("-p", "I_step=5mA", "-p", "n_cycles=2"),
}


def recorded(labctl: Command, protocol: str, *words: str) -> Path:
    said = labctl("run", protocol, *SHORT[protocol], *words, "--seed", "3", "-o", f"{protocol}.h5", "--json")
    assert said.status == 0, said.err
    return Path(said.json["file"])


@pytest.mark.parametrize("protocol", SHORT)
def test_every_protocol_replays_bit_for_bit(labctl: Command, protocol: str) -> None:
    """The driver says the same lines in the same order, hears the same answers, and the rows are identical."""
    said = labctl("replay", str(recorded(labctl, protocol)), "--json")
    assert said.status == 0, said.err
    assert said.json["identical"]
    assert said.json["rows"] > 0


def test_a_replay_by_query_gives_the_same_rows_too(labctl: Command) -> None:
    """Each line answered as it was the next time it was said: the order does not matter, the rows are the same."""
    said = labctl("replay", str(recorded(labctl, "ahe-loop")), "--mode", "by-query", "--json")
    assert said.status == 0, said.err
    assert said.json["identical"]


def test_the_first_line_that_differs_is_shown_with_what_came_before(
    labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that says something else than it did is told from one that does not: exit 5, and where."""
    from drivers.keithley_2182a import Keithley2182A

    path = recorded(labctl, "ahe-loop")
    ordinary = Keithley2182A.prepare

    def prepare(self: Any, V_max: float, nplc: float) -> None:
        ordinary(self, V_max, 2 * nplc)

    monkeypatch.setattr(Keithley2182A, "prepare", prepare)
    said = labctl("replay", str(path), "--json")
    assert said.status == 5
    assert not said.json["identical"]
    assert "SENS:VOLT:NPLC" in said.json["difference"]
    assert "Before it:" in said.json["difference"]


def test_a_row_that_was_not_what_the_wire_says_is_found(
    labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An arithmetic that has changed since gives the same lines and other rows: exit 5, with row and column."""
    from protocols import ahe_loop, steps

    path = recorded(labctl, "ahe-loop")
    ordinary = steps.hall_resistance

    def hall_resistance(*words: Any) -> Any:
        reading = ordinary(*words)
        return steps.HallReading(reading.R_xy * (1 + 2e-16), reading.V_plus, reading.V_minus)

    monkeypatch.setattr(ahe_loop, "hall_resistance", hall_resistance)
    said = labctl("replay", str(path), "--json")
    assert said.status == 5
    assert "R_xy" in said.json["difference"]


def test_an_unknown_query_is_a_difference_by_query_too(
    labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By query a command may be new, a question that was never asked may not: nobody knows its answer."""
    from drivers.keithley_2182a import Keithley2182A

    path = recorded(labctl, "ahe-loop")
    ordinary = Keithley2182A.read_voltage

    def read_voltage(self: Any) -> float:
        self.wire.ask("*OPT?")
        return ordinary(self)

    monkeypatch.setattr(Keithley2182A, "read_voltage", read_voltage)
    said = labctl("replay", str(path), "--mode", "by-query", "--json")
    assert said.status == 5
    assert "*OPT?" in said.json["difference"]


def test_a_run_without_its_wire_cannot_be_replayed(labctl: Command) -> None:
    """--no-wire leaves the lines out of the file, and a replay says so."""
    path = recorded(labctl, "ahe-loop", "--no-wire")
    said = labctl("replay", str(path))
    assert said.status == 2
    assert "--no-wire" in said.err


def test_what_the_wire_takes_is_told(labctl: Command) -> None:
    """Lines, and bytes as stored: less than the lines themselves; run and show tell the same."""
    said = labctl("run", "ahe-loop", *SHORT["ahe-loop"], "--seed", "3", "-o", "loop.h5", "--json")
    lines = runfile.read_wire(Path("loop.h5"))
    wire = said.json["wire"]
    assert wire["lines"] == len(lines)
    assert 0 < wire["stored_bytes"] < sum(len(line.text) + len(line.instrument) + 8 for line in lines)
    assert wire["stored_bytes"] < Path("loop.h5").stat().st_size
    assert labctl("show", "loop.h5", "--json").json["wire"] == wire
    told = f"{len(lines)} lines in {wire['stored_bytes'] / 1e3:.1f} kB"
    assert told in said.err
    assert told in labctl("show", "loop.h5").out


def test_a_wire_that_was_not_kept_takes_nothing(labctl: Command) -> None:
    """--no-wire: no lines, no bytes, and show says so."""
    path = recorded(labctl, "ahe-loop", "--no-wire")
    assert labctl("show", str(path), "--json").json["wire"] == {"lines": 0, "stored_bytes": 0}
    assert "not kept" in labctl("show", str(path)).out


def test_the_simulated_bench_beside_a_run_gives_the_same_numbers(labctl: Command) -> None:
    """Same sample, same seed: no difference; the figure is there."""
    said = labctl("replay", str(recorded(labctl, "ahe-loop")), "--sim", "--json")
    assert said.status == 0, said.err
    assert Path(said.json["figure"]).is_file()
    assert all(said.json["results"][name]["difference"] == 0 for name in ("mu0_H_c", "R_AHE", "R_off"))


def test_another_sample_beside_a_run_differs_by_many_uncertainties(labctl: Command) -> None:
    """The coercive field of alox-0.0 is far from that of alox-2.0; R_AHE is not."""
    path = recorded(labctl, "ahe-loop")
    said = labctl("replay", str(path), "--sim", "--sample", "alox-0.0", "--seed", "9", "--json")
    results = said.json["results"]
    assert results["mu0_H_c"]["difference"] == pytest.approx(73e-4, abs=10e-4)
    assert abs(results["mu0_H_c"]["in_uncertainties"]) > 5
    assert abs(results["R_AHE"]["in_uncertainties"]) < 3


def test_a_sample_without_sim_is_refused(labctl: Command) -> None:
    """--sample has no meaning for a replay on the recorded wire."""
    said = labctl("replay", str(recorded(labctl, "ahe-loop")), "--sample", "alox-0.0")
    assert said.status == 2
    assert "--sim" in said.err


def stopped_after(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a run is told to stop when it has so many rows."""
    take_rows = engine._take_rows

    def interrupted(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(
            request,
            lab,
            store,
            stop,
            lambda done: signal.raise_signal(signal.SIGINT) if done == rows else None,
        )

    monkeypatch.setattr(engine, "_take_rows", interrupted)


def test_a_run_that_was_stopped_replays_as_far_as_it_went(
    labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven rows and the parking: every line of them, and nothing of what would have come."""
    with monkeypatch.context() as patch:
        stopped_after(7, patch)
        assert labctl("run", "ahe-loop", *SHORT["ahe-loop"], "--seed", "3", "-o", "short.h5").status == 3
    said = labctl("replay", "short.h5", "--json")
    assert said.status == 0, said.err
    assert (said.json["identical"], said.json["rows"]) == (True, 7)


@pytest.mark.parametrize("mode", ["strict", "by-query"])
def test_a_run_that_was_killed_replays_as_far_as_it_went(
    labctl: Command, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The journal as it was after seven rows: they are identical; that it was never parked is no difference."""
    take_rows = engine._take_rows

    def copied(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        def advance(done: int) -> None:
            if done == 7:
                shutil.copy("short.h5.journal", "dead.h5.journal")

        return take_rows(request, lab, store, stop, advance)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_take_rows", copied)
        assert labctl("run", "ahe-loop", *SHORT["ahe-loop"], "--seed", "3", "-o", "short.h5").status == 0
    said = labctl("replay", "dead.h5", "--mode", mode, "--json")
    assert said.status == 0, said.err
    assert (said.json["identical"], said.json["rows"]) == (True, 7)
    assert runfile.read_run(Path("dead.h5")).status == "interrupted"


@pytest.mark.parametrize("mode", ["strict", "by-query"])
def test_a_run_that_ended_at_a_fault_ends_there_again(labctl: Command, mode: str) -> None:
    """A bar of 1 Mohm: the source is in compliance at once, and is so in the replay; that is no difference."""
    Path("open.toml").write_text('name = "open"\n[model]\nR_xx = "1000 kohm"\n')
    words = ("run", "ahe-loop", *SHORT["ahe-loop"], "--sample", "open.toml", "--seed", "3", "-o", "open.h5")
    assert labctl(*words).status == 4
    said = labctl("replay", "open.h5", "--mode", mode, "--json")
    assert said.status == 0, said.err
    assert said.json["identical"]


def test_an_open_interlock_is_replayed_as_the_fault_it_was(
    labctl: Command, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contact opens after five rows; the same rows, the same fault, the same parking come again."""
    take_rows = engine._take_rows

    def opening(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        def advance(done: int) -> None:
            if done == 5:
                rooms[-1].instruments["source"].interlock_closed = False

        return take_rows(request, lab, store, stop, advance)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_take_rows", opening)
        words = ("run", "sot-switching", *SHORT["sot-switching"], "--seed", "3", "-o", "open.h5")
        assert labctl(*words).status == 4
    assert runfile.read_run(Path("open.h5")).rows == 5
    said = labctl("replay", "open.h5", "--json")
    assert said.status == 0, said.err
    assert said.json["identical"]


def test_a_fault_that_does_not_come_again_is_a_difference(
    labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and lines may be the same; a run that ended badly and now ends well is not the same run."""
    from drivers.keithley_6221 import Keithley6221
    from labctl.station import InstrumentError

    ordinary = Keithley6221.park

    def park(self: Any) -> None:
        ordinary(self)
        raise InstrumentError("the lamp stayed on")

    with monkeypatch.context() as patch:
        patch.setattr(Keithley6221, "park", park)
        assert labctl("run", "ahe-loop", *SHORT["ahe-loop"], "--seed", "3", "-o", "bad.h5").status == 4
    said = labctl("replay", "bad.h5", "--json")
    assert said.status == 5
    assert "the recording source was told 'SOUR:WAVE:ABOR'" in said.json["difference"]  # parked once more


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("asks", ["the clock", "nobody"])
def test_a_replay_that_never_ends_is_stopped_at_once(
    labctl: Command, monkeypatch: pytest.MonkeyPatch, number: int, asks: str
) -> None:
    """A driver that waits for ever, asking the time or not: one signal, exit 3, one line, and no parking."""
    from drivers.field_source import FieldSource

    path = recorded(labctl, "ahe-loop")
    parked: list[Any] = []
    is_over = threading.Event()

    def endless(self: Any, *_: Any) -> float:
        turns = 0
        while not is_over.is_set():
            turns += 1
            if turns == 1000:
                signal.raise_signal(number)
            if asks == "the clock":
                self._clock.now()
        return 0.0

    monkeypatch.setattr(FieldSource, "ramp_to", endless)
    monkeypatch.setattr(FieldSource, "park", lambda self: parked.append(endless(self)))
    before = signal.getsignal(number)
    said = labctl("replay", str(path), "--json")
    has_parked = bool(parked)
    is_over.set()  # the steps of parking that were left to themselves must not outlive the test
    assert said.status == 3
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "no instrument was driven" in said.err
    assert not has_parked
    assert signal.getsignal(number) is before
