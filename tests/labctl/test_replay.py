"""A stored run is played back from its own wire, bit for bit, and beside the simulated bench."""

from pathlib import Path
from typing import Any

import pytest
from command_line import Command

SHORT = {
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
