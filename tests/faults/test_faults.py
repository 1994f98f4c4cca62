"""Every fault of the table in one short run, judged from the simulator's side."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cases import Case
from invariants import broken, marked
from process_table import PROCESS
from report import PATH, markdown, rows, tried
from table import CASES, ELSEWHERE
from trial import Trial, carry_out

from labctl import bench, config, sessions

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.what}".replace(" ", "-"))
def test_a_fault_ends_as_the_table_says(case: Case) -> None:
    """How it ended, what was told, what was kept, and every invariant, from the simulator."""
    trial = tried(case)
    assert trial.status == ("complete" if case.complete else "faulted")
    assert trial.exit_status == (0 if case.complete else 4)
    assert trial.rows == case.rows
    assert any(case.told in text for text in (trial.told, *trial.log, marked(trial)))
    assert broken(trial, is_parkable=case.is_parkable, is_slew_ours=case.is_slew_ours) == []


@pytest.mark.timeout(400)
def test_the_kept_table_is_what_the_runs_observe() -> None:
    """`python tests/faults/report.py` writes it anew."""
    assert PATH.read_text(encoding="utf-8") == markdown(rows())


def test_every_fault_of_the_list_has_its_row() -> None:
    """From 1 to 75, each with a run, another test, or a reason."""
    assert {one.number for one in (*CASES, *ELSEWHERE, *PROCESS)} == set(range(1, 76))


def test_what_is_shown_elsewhere_is_there() -> None:
    """Each node id names a test that exists."""
    for one in (*ELSEWHERE, *PROCESS):
        for node in one.nodes:
            file, _, name = node.partition("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert name in {item.name for item in ast.walk(tree) if isinstance(item, ast.FunctionDef)}, node


def test_two_hundred_connections_leave_nothing_open() -> None:
    """Sessions of the library are counted; sockets and their descriptors are the operating system's to count."""
    station, _ = config.load_station("sim")
    sample, _ = config.load_sample("alox-2.0")
    room = bench.build(station, sample, 1, ())
    for _ in range(200):
        manager = sessions.manager(room.library)
        with sessions.opened(manager, station.instruments["voltmeter"].resource, "voltmeter") as resource:
            assert resource.query("*IDN?").startswith("KEITHLEY")
        manager.close()
    assert not room.library.sessions


# --- the invariants have teeth --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A run in which nothing goes wrong."""
    return carry_out(tmp_path_factory.mktemp("clean"))


def test_nothing_is_found_where_nothing_goes_wrong(clean: Trial) -> None:
    """The invariants hold, and nobody is told anything."""
    assert broken(clean) == []
    assert marked(clean) == ""


def _with_box(trial: Trial, **lists: Any) -> Trial:
    return replace(trial, box=replace(trial.box, **lists))


def test_a_reading_taken_for_another_is_found(clean: Trial) -> None:
    """Replies that answer another question than the one before them; replies that were altered; none at all."""
    heard = clean.box.heard
    assert any(
        "I8" in text for text in broken(_with_box(clean, heard=[h._replace(is_own=False) for h in heard]))
    )
    assert any(
        "I8" in text for text in broken(_with_box(clean, heard=[h._replace(is_altered=True) for h in heard]))
    )
    assert any("I8" in text for text in broken(_with_box(clean, heard=[])))


def test_a_reading_at_another_current_is_found(clean: Trial) -> None:
    """What flowed is a tenth of what was set."""
    weaker = [flow._replace(what=flow.what / 10) for flow in clean.box.flows if isinstance(flow.what, float)]
    assert any("row 1 is wrong" in text for text in broken(_with_box(clean, flows=weaker)))


def test_a_magnet_that_jumps_is_found(clean: Trial) -> None:
    """The same ramps, twenty times as high."""
    steep = [
        one._replace(
            ramp=replace(
                one.ramp, start_current=20 * one.ramp.start_current, end_current=20 * one.ramp.end_current
            )
        )
        for one in clean.box.ramps
    ]
    assert any("I1" in text for text in broken(_with_box(clean, ramps=steep)))


def test_a_row_with_a_field_that_was_not_there_is_found(clean: Trial) -> None:
    """The magnet had half the current that would make the field of the row."""
    weak = [
        one._replace(
            ramp=replace(
                one.ramp, start_current=one.ramp.start_current / 2, end_current=one.ramp.end_current / 2
            )
        )
        for one in clean.box.ramps
    ]
    found = broken(_with_box(clean, ramps=weak), is_slew_ours=False)
    assert any(text.startswith("row 1 is wrong: along z it says") for text in found)


def test_a_row_that_does_not_agree_with_itself_or_with_what_was_played_is_found(tmp_path: Path) -> None:
    """A resistance of other voltages; pulses that nobody played; pulses of another height."""
    pulses = carry_out(tmp_path, protocol="sot-switching")
    assert broken(pulses) == []
    assert pulses.run is not None
    columns = {**pulses.run.columns, "R_xy": pulses.run.columns["R_xy"] * 1.001}
    other = replace(pulses, run=replace(pulses.run, columns=columns))
    assert any("its voltages say" in text for text in broken(other))
    silent = [flow for flow in pulses.box.flows if isinstance(flow.what, float | int)]
    assert any("were played; it was []" in text for text in broken(_with_box(pulses, flows=silent)))
    columns = {**pulses.run.columns, "I_pulse": pulses.run.columns["I_pulse"] * 1.1}
    other = replace(pulses, run=replace(pulses.run, columns=columns))
    assert any("were played; it was [" in text for text in broken(other))


def test_a_source_that_is_left_on_is_found(tmp_path: Path) -> None:
    """Somebody switches it on after everything was parked."""
    trial = carry_out(tmp_path)
    source = trial.room.instruments["source"]
    source.execute("SOUR:CURR 1E-4")
    source.execute("OUTP ON")
    assert {text.partition(":")[0] for text in broken(trial)} == {"I3"}


def test_a_run_that_says_too_little_is_found(clean: Trial) -> None:
    """A fault without a word, a word without a fault, rows that are missing."""
    for wrong in (
        {"exit_status": 4},
        {"status": "faulted"},
        {"rows": 8},
        {"exit_status": 1, "status": "faulted"},
    ):
        assert any(text[0] == "I" for text in broken(replace(clean, **wrong)))
