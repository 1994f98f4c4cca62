"""A batch in a process of its own, killed in the middle of a run: nothing finished is lost or made twice."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labctl import runfile
from labctl.clock import WallClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LABCTL = [sys.executable, "-c", "from labctl.cli import main; main()"]
WALL = WallClock()

BATCH = """
name = "night"
sample = "alox-0.0"
seed = 5
parameters = { settle = "0 s" }
[[run]]
label = "loop"
protocol = "ahe-loop"
parameters = { mu0_H_step = "40 Oe" }
[[run]]
protocol = "sot-switching"
parameters = { I_step = "2 mA", n_loops = 8, preparation = "reset", R_AHE_reference = "@loop" }
sweep = { mu0_H_x = ["600 Oe", "800 Oe"] }
"""


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*LABCTL, *words], cwd=folder, text=True, stderr=subprocess.PIPE)


def events(folder: Path) -> list[dict[str, Any]]:
    ledgers = [path.read_text(encoding="utf-8") for path in folder.glob("runs/*/ledger.jsonl")]
    return [json.loads(line) for ledger in ledgers for line in ledger.splitlines()]


def wait_for(process: subprocess.Popen[str], folder: Path, run: int) -> dict[str, Any]:
    """The line of the ledger that says that this run has begun."""
    while process.poll() is None:
        for event in events(folder):
            if (event["event"], event["run"]) == ("begun", run):
                return event
        WALL.wait(0.02)
    raise AssertionError(f"ended before run {run}: {process.communicate()[1]}")


def complete(folder: Path) -> dict[Path, bytes]:
    """The complete runs of the batch with what their files hold."""
    found: dict[Path, bytes] = {}
    for path in sorted(folder.glob("runs/*/*.h5")):
        content = path.read_bytes()
        if runfile.read_run(path).status == "complete":
            found[path] = content
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    return tmp_path


def test_a_batch_that_is_killed_in_a_run_repeats_that_run(folder: Path) -> None:
    """SIGKILL in run 2: run 1 stays as it is, run 2 names the killed one, run 3 is made, and no lock is left."""
    with start(folder, "batch", "batch.toml") as process:
        begun = wait_for(process, folder, 2)
        WALL.wait(0.2)
        process.kill()
    before = complete(folder)
    assert len(before) == 1
    (place,) = (folder / "runs").iterdir()
    with start(folder, "resume", str(place)) as process:
        assert process.wait(120) == 0
    after = complete(folder)
    assert len(after) == 3
    assert {path: after[path] for path in before} == before
    repeated = next(run for run in map(runfile.read_run, after) if run.batch["run"].value == 2)
    assert repeated.batch["repeats"].value == begun["uuid"]


def test_ctrl_c_ends_a_batch_with_exit_3_and_the_way_to_go_on(folder: Path) -> None:
    """The run under way is stopped after its point and kept; the message names the command."""
    with start(folder, "batch", "batch.toml") as process:
        wait_for(process, folder, 2)
        WALL.wait(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3
    (place,) = (folder / "runs").iterdir()
    assert f"labctl resume runs/{place.name}" in said
    assert "the station was parked" in said
    stopped = [runfile.read_run(path) for path in place.glob("0002_*.h5")]
    assert [run.status for run in stopped] == ["stopped"]


def test_a_batch_that_is_killed_again_and_again_comes_to_its_end(folder: Path) -> None:
    """At seven instants of its life: every complete run stays, none is made twice, in the end all are there."""
    instants = random.Random(20)
    with start(folder, "batch", "batch.toml") as process:
        wait_for(process, folder, 1)
        process.kill()
    (place,) = (folder / "runs").iterdir()
    kept = complete(folder)
    for _ in range(6):
        with start(folder, "resume", str(place)) as process:
            try:
                process.wait(instants.uniform(0.5, 4.0))
            except subprocess.TimeoutExpired:
                process.kill()
        now = complete(folder)
        assert {path: now[path] for path in kept} == kept
        kept = now
    with start(folder, "resume", str(place)) as process:
        assert process.wait(120) == 0
    numbers = [runfile.read_run(path).batch["run"].value for path in complete(folder)]
    assert numbers == [1, 2, 3]
