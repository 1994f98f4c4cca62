"""An unfinished run is made again from its preparation step, in a new file that names the old one."""

import signal
from pathlib import Path
from typing import Any

import pytest
from batches import BATCH
from command_line import Command

from labctl import again, config, engine, figures, runfile

QUICK = ("run", "ahe-loop", "-p", "mu0_H_step=40Oe", "-p", "settle=0s", "--seed", "1")


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "draw_beside", lambda _outcome: None)


@pytest.fixture
def stopped(labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that a person stopped after its 12th row."""
    take_rows = engine._take_rows

    def watched(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(
            request, lab, store, stop, lambda done: signal.raise_signal(signal.SIGINT) if done == 12 else None
        )

    with monkeypatch.context() as watching:
        watching.setattr(engine, "_take_rows", watched)
        assert labctl(*QUICK, "-o", "loop.h5").status == 3
    return tmp_path / "loop.h5"


def test_a_stopped_run_is_made_again_whole(labctl: Command, tmp_path: Path, stopped: Path) -> None:
    """The old file stays as it is; the new one has every row, and says which run it takes up."""
    before = stopped.read_bytes()
    said = labctl("resume", "loop.h5", "--json")
    assert said.status == 0, said.err
    old, new = runfile.read_run(stopped), runfile.read_run(Path(said.json["file"]))
    assert stopped.read_bytes() == before
    assert new.path.parent == Path()
    assert (old.rows, new.rows, new.status) == (12, 41, "complete")
    assert new.batch["resumes"].value == said.json["resumes"] == old.uuid
    assert new.uuid != old.uuid
    assert again.has_same_parameters(old, new)
    assert said.json["overlap"]["rows"] == 12
    assert said.json["overlap"]["is_identical"]  # the bench with the same seed
    assert "12 rows of R_xy: identical, bit for bit" in said.err


def test_the_new_file_goes_where_it_is_asked_to(labctl: Command, tmp_path: Path, stopped: Path) -> None:
    """-o as with `run`; and never in place of the old file."""
    assert labctl("resume", "loop.h5", "-o", "whole.h5").status == 0
    assert runfile.read_run(tmp_path / "whole.h5").status == "complete"
    said = labctl("resume", "loop.h5", "-o", "loop.h5")
    assert said.status == 2
    assert "loop.h5 must not exist yet" in said.err


def test_a_complete_run_is_left_alone(labctl: Command, tmp_path: Path) -> None:
    """There is nothing to do, which is no mistake."""
    labctl(*QUICK, "-o", "loop.h5")
    said = labctl("resume", "loop.h5", "--json")
    assert said.status == 0
    assert said.json == {"file": "loop.h5", "status": "complete", "rows": 41, "resumes": None}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["loop.h5"]


def test_a_run_of_a_batch_is_made_again_by_its_batch(
    labctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the batch would make it a second time; away from its folder it is a run like any other."""
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    take_rows = engine._take_rows

    def broken(request: Any, lab: Any, store: Any, stop: Any, _advance: Any) -> Any:
        return take_rows(request, lab, store, stop, lambda _done: signal.raise_signal(signal.SIGINT))

    with monkeypatch.context() as breaking:
        breaking.setattr(engine, "_take_rows", broken)
        assert labctl("batch", "batch.toml").status == 3
    (run,) = (tmp_path / "runs").glob("*/*.h5")
    said = labctl("resume", str(run))
    assert said.status == 2
    assert f"labctl resume {run.parent}" in said.err
    run.rename(tmp_path / "moved.h5")
    assert labctl("resume", "moved.h5").status == 0


def test_only_on_hardware_does_a_run_as_it_is_depend_on_the_one_before(labctl: Command) -> None:
    """On the bench each run has a new sample; a layer that the protocol prepares does not remember."""
    labctl("station", "new", "mine.toml")
    real, text = config.load_station("mine.toml")
    turned = config.read_station(text.replace('axis = "manual"', 'axis = "z"'), "mine.toml")
    assert not real.simulated
    for station, preparation, depends in (
        ("sim", "as-is", False),
        (turned, "as-is", True),
        (turned, "saturate+", False),
    ):
        request = engine.prepare(
            "ahe-loop",
            [f"preparation={preparation}"],
            station="sim",
            sample="alox-0.0",
            seed=1,
            output=Path("x.h5"),
        )
        if station != "sim":
            request = engine.checked(
                request.protocol, request.parameters, station, request.sample, {}, seed=1, output=Path("x.h5")
            )
        assert again.starts_as_it_is(request) == depends
