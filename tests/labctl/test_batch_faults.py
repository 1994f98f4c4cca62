"""What goes wrong in a batch: faults, instruments that are not there, ledgers, two programs, and Ctrl-C."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batches import FAULTY, content_of, folder_of, stop
from command_line import Command, Said
from test_engine import sample_file

from labctl import figures, station
from labctl.batch.ledger import Ledger

pytestmark = pytest.mark.usefixtures("nothing_but_runs")


def test_the_first_fault_ends_the_batch(batch: Callable[..., Said], tmp_path: Path) -> None:
    """Exit 4; the runs after it are not begun."""
    sample_file(tmp_path, R_off="200 ohm")
    said = batch("--json", text=FAULTY)
    assert said.status == 4
    assert [run["status"] for run in said.json["runs"]] == ["faulted", "waiting", "waiting"]
    assert "overflow" in said.err
    assert len(content_of(folder_of(tmp_path))) == 1


def test_keep_going_makes_what_can_be_made(batch: Callable[..., Said], tmp_path: Path) -> None:
    """After a fault the next run is made, but none that takes a result of the faulty one; still exit 4."""
    sample_file(tmp_path, R_off="200 ohm")
    said = batch("--keep-going", "--json", text=FAULTY)
    assert said.status == 4
    runs = said.json["runs"]
    assert [run["status"] for run in runs] == ["faulted", "refused", "complete"]
    assert runs[1]["reason"] == "it needs the result R_AHE of run 1, which is faulted."
    assert "1 of 3 runs are complete" in said.err


def test_a_station_that_is_not_parked_ends_the_batch_in_any_case(
    batch: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with --keep-going no further run is begun where a current may still flow."""
    from drivers.keithley_6221 import Keithley6221

    def broken(_self: Any) -> None:
        raise station.InstrumentError("the cable is out")

    monkeypatch.setattr(Keithley6221, "park", broken)
    said = batch("--keep-going", "--json")
    assert said.status == 4
    assert [run["status"] for run in said.json["runs"]] == ["faulted", "waiting", "waiting", "waiting"]
    assert "NOT PARKED: source: the cable is out" in said.err


def test_an_instrument_that_is_not_there_leaves_a_batch_that_can_be_resumed(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 4, no file, and no other run tried; when it is there again, the run is made, and repeats nothing."""
    from labctl.errors import FaultError

    with monkeypatch.context() as unplugged:

        def absent(*_: Any, **__: Any) -> Any:
            raise FaultError("source must answer at its address; it cannot be opened. Nothing was sent.")

        unplugged.setattr(station, "opened", absent)
        said = batch("--keep-going", "--json")
        assert said.status == 4
        assert [run["status"] for run in said.json["runs"]] == ["refused", "waiting", "waiting", "waiting"]
    folder = folder_of(tmp_path)
    assert content_of(folder) == {}
    said = labctl("resume", str(folder), "--json")
    assert said.status == 0, said.err
    assert said.json["runs"][0]["repeats"] is None


def test_ctrl_c_between_two_runs_stops_before_the_next(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the figure of run 1 is drawn: run 1 is complete and stays so, run 2 is what was stopped."""

    def interrupted(_outcome: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as drawing:
        drawing.setattr(figures, "draw_beside", interrupted)
        said = batch("--json")
    assert said.status == 3
    assert [run["status"] for run in said.json["runs"]] == ["complete", "stopped", "waiting", "waiting"]
    assert "run 2, sot-switching (mu0_H_x = 600 Oe): stopped by the user before it began." in said.err
    resumed = labctl("resume", str(folder_of(tmp_path)), "--json")
    assert resumed.status == 0
    assert [run["repeats"] for run in resumed.json["runs"]] == [None] * 4


def test_a_ledger_that_cannot_be_written_ends_the_batch_and_costs_no_run(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after run 1: exit 4 names the ledger; run 1 is complete in its file, and skipped later."""
    from labctl.errors import FaultError

    write = Ledger.write

    def full(ledger: Ledger, event: str, **facts: Any) -> None:
        if event == "ended":
            raise FaultError("ledger.jsonl could not be written: No space left on device.")
        write(ledger, event, **facts)

    with monkeypatch.context() as disk:
        disk.setattr(Ledger, "write", full)
        said = batch("--keep-going", "--json")
    assert said.status == 4
    assert [run["status"] for run in said.json["runs"]] == ["complete", "waiting", "waiting", "waiting"]
    assert "No space left on device" in said.err
    assert labctl("resume", str(folder_of(tmp_path)), "--json").json["runs"][0]["was_there"]


def test_two_programs_do_not_work_on_one_batch(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path, at_row: Any
) -> None:
    """The second is refused before anything is sent; when the first is gone, it may."""
    at_row(1, 1, stop)
    batch()
    folder = folder_of(tmp_path)
    before = content_of(folder)
    with Ledger(folder):
        said = labctl("resume", str(folder))
        assert said.status == 2
        assert "must be worked on by one program at a time" in said.err
        assert content_of(folder) == before
    assert labctl("resume", str(folder)).status == 0


def test_samples_that_are_changed_by_hand_need_a_person(
    batch: Callable[..., Said], labctl: Command, tmp_path: Path
) -> None:
    """With real instruments and nobody at the terminal, a batch over samples is refused as a whole."""
    labctl("station", "new", "mine.toml")
    text = (tmp_path / "mine.toml").read_text().replace('axis = "manual"', 'axis = "z"')
    (tmp_path / "mine.toml").write_text(text)
    sweep = '[[run]]\nprotocol = "ahe-loop"\nsweep = { sample = ["alox-0.0", "alox-1.0"] }\n'
    said = batch("--station", "mine.toml", text=sweep)
    assert said.status == 2
    assert "must have a person at a terminal" in said.err
    assert not (tmp_path / "runs").exists()
