"""A batch is planned before it begins: how many runs, how long, how large, and what that is based on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batches import BATCH, FAULTY, folder_of
from command_line import Command, Said
from test_engine import sample_file

from labctl import figures, runfile
from labctl.batch import file, forecast, plan


@pytest.fixture
def batch(labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Write the batch's file and run it with these words; no figure is drawn."""
    monkeypatch.setattr(figures, "draw_beside", lambda _outcome: None)

    def run(*words: str, text: str = BATCH) -> Said:
        (tmp_path / "batch.toml").write_text(text, encoding="utf-8")
        return labctl("batch", "batch.toml", *words)

    return run


def test_a_dry_run_tells_count_duration_and_envelope_and_writes_nothing(
    batch: Callable[..., Said], tmp_path: Path
) -> None:
    """All runs are rehearsed; the numbers are the protocol's, counted by hand: 28 mA in halves, and a reset."""
    said = batch("--dry-run", "--json")
    assert said.status == 0, said.err
    told = said.json
    assert (told["count"], told["rows"]) == (4, 17 + 3 * 11)
    assert told["pulses"] == 3 * (8 + 1)
    assert told["envelope"]["current"] == {"value": 0.028, "unit": "A"}
    assert told["envelope"]["mu0_H_x"]["value"] == pytest.approx(0.08)
    assert told["envelope"]["mu0_H_z"]["value"] == pytest.approx(0.04)
    assert [run["seed"] for run in told["runs"]] == [5, 6, 7, 8]
    assert all(run["duration"]["rehearsed"] for run in told["runs"])
    assert told["runs"][1]["takes"] == {"R_AHE_reference": "R_AHE of run 1"}
    assert "limit 40 mA" in said.err
    assert "limit 1000 Oe" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["batch.toml"]


def test_the_planned_duration_is_that_of_the_runs(batch: Callable[..., Said], tmp_path: Path) -> None:
    """What was rehearsed takes as long when it is measured; what was not goes by its rows, and the plan says so."""
    said = batch()
    assert said.status == 0, said.err
    assert "3 of 4 runs were rehearsed on the simulated bench, the others go by their rows" in said.err
    plan = json.loads((folder_of(tmp_path) / "plan.json").read_text(encoding="utf-8"))
    assert plan["rehearsed"] == [1, 2, 4]
    measured = [runfile.read_run(path).duration for path in sorted(folder_of(tmp_path).glob("*.h5"))]
    assert plan["durations"] == pytest.approx(measured, rel=0.02)
    assert measured[2] > measured[1]  # a higher field takes longer to reach: that is what rows do not know


def test_what_ends_early_in_its_rehearsal_is_told_before_it_is_measured(
    batch: Callable[..., Said], tmp_path: Path
) -> None:
    """A dry run says so with exit 4 and writes nothing; a batch warns and begins: the model is not the sample."""
    sample_file(tmp_path, R_off="200 ohm")
    said = batch("--dry-run", "--json", text=FAULTY)
    assert said.status == 4
    assert set(said.json["failures"]) == {"1", "2"}
    assert "overflow" in said.json["failures"]["1"]
    assert "1 s a row where no rehearsal came to its end" in said.json["duration"]["basis"]
    assert not (tmp_path / "runs").exists()
    said = batch(text=FAULTY)
    assert said.status == 4
    assert "warning: run 1 ended early in its rehearsal" in said.err
    assert (folder_of(tmp_path) / "0001_loop.h5").is_file()


def test_equal_requests_are_rehearsed_once(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten runs that differ in their seed take one rehearsal, and all have its duration."""
    rehearsed: list[Any] = []
    monkeypatch.setattr(forecast, "_rehearsed", lambda _plan, run: rehearsed.append(run) or 12.5)
    text = '[[run]]\nprotocol = "ahe-loop"\nsweep = { seed = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }\n'
    (tmp_path / "batch.toml").write_text(text, encoding="utf-8")
    planned = forecast.forecast(plan.make(file.read(tmp_path / "batch.toml")), all_runs=True)
    assert len(rehearsed) == 1
    assert planned.durations == [12.5] * 10
    assert forecast.basis(planned).startswith("every run was rehearsed")


def test_runs_between_the_ends_of_a_table_go_by_their_rows(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loops of 1, 2 and 3 turns: with 10 s a row at the first and 20 s a row at the last, 15 s a row between."""
    per_row = {1: 10.0, 3: 20.0}
    monkeypatch.setattr(forecast, "_rehearsed", lambda _plan, run: per_row[run.number] * run.rows)
    text = '[[run]]\nprotocol = "ahe-loop"\nsweep = { n_loops = [1, 2, 3] }\n'
    (tmp_path / "batch.toml").write_text(text, encoding="utf-8")
    planned = forecast.forecast(plan.make(file.read(tmp_path / "batch.toml")), all_runs=False)
    rows = [run.rows for run in planned.runs]
    assert planned.durations == pytest.approx([10 * rows[0], 15 * rows[1], 20 * rows[2]])
    assert forecast.basis(planned).startswith("2 of 3 runs were rehearsed")


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    """What is read back is what was written: parameters bit for bit, references, texts, seeds."""
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    made = plan.make(file.read(tmp_path / "batch.toml"))
    made = replace(made, durations=[0.1, 0.2, 1 / 3, 4.0], rehearsed=[1, 4], failures={2: "overflow"})
    again = plan.from_json(made.as_json(), tmp_path)
    assert again.as_json() == made.as_json()
    for one, other in zip(made.runs, again.runs, strict=True):
        assert made.rehearsal(one).parameters == again.rehearsal(other).parameters


@pytest.mark.slow
def test_rehearsals_in_processes_of_their_own_give_the_same(tmp_path: Path) -> None:
    """More than a few go to as many processes as there are cores, to the same durations."""
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    made = plan.make(file.read(tmp_path / "batch.toml"))
    here = forecast.forecast(made, all_runs=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecast, "_FEW", 0)
        assert forecast.forecast(made, all_runs=True) == here
