"""Runs in real terminals: the live view from the first row to any end, and the watch from another one."""

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from screens import Screen
from served_bench import LABCTL, WALL, Served

from labctl import runfile
from labctl.journal import journal_of
from labctl.live.following import Follower

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RUN = [*LABCTL, "run", "--station", "served.toml", "--no-rehearsal", "-o"]
SHORT = ("ahe-loop", "-p", "mu0_H_step=50 Oe")
LONG = ("ahe-loop", "-p", "mu0_H_step=1 Oe")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served bench, ten times faster than a real one; whoever runs on it has a state folder of their own."""
    folder = tmp_path_factory.mktemp("served")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    served = Served(folder, "--time", "10")
    yield served
    served.end()
    del os.environ["XDG_STATE_HOME"]


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen(80, 24)
    yield made
    made.close()


def wait_for_rows(path: Path, rows: int) -> None:
    """Wait until a run that has begun, or will, has so many rows."""
    while not journal_of(path).exists():
        WALL.wait(0.05)
    with Follower(path) as run:
        while run.poll().stop < rows:
            assert not run.is_over
            WALL.wait(0.05)


def counted(lines: list[str], texts: Iterable[str]) -> dict[str, int]:
    """In how many lines each text stands."""
    return {text: sum(text in line for line in lines) for text in texts}


def test_a_run_is_seen_through_changes_of_the_window_until_ctrl_c(bench: Served, screen: Screen) -> None:
    """One picture that fits at any time, one line where it is small; Ctrl-C is heard; nothing is left on."""
    run = screen.start([*RUN, "a.h5", *LONG], bench.folder)
    wait_for_rows(bench.folder / "a.h5", 3)
    for size in ((60, 16), (100, 40), (40, 24), (80, 24)):
        screen.resize(*size)
        WALL.wait(0.3)
        shows = {"against mu0_H_z (Oe)": int(size[0] >= 44), "rows, ": 1}
        screen.wait_until(lambda lines, shows=shows: shows == counted(lines, shows), f"one picture in {size}")
    screen.press(b"\x03")
    assert screen.status_of(run) == 3
    assert any(line.startswith("ahe-loop ") and ": stopped, " in line for line in screen.scrolled())
    screen.assert_as_before()
    stored = runfile.read_run(bench.folder / "a.h5")
    assert (stored.status, stored.reason) == ("stopped", "stopped by the user")


def test_a_killed_run_leaves_the_terminal_as_it_was(bench: Served, screen: Screen) -> None:
    """Even SIGKILL: there is nothing to restore; the watch says that it was interrupted."""
    run = screen.start([*RUN, "killed.h5", *LONG], bench.folder)
    wait_for_rows(bench.folder / "killed.h5", 3)
    watch = subprocess.Popen(
        [*LABCTL, "watch", "killed.h5", "--json"],
        cwd=bench.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watch.stderr is not None
    assert "rows" in watch.stderr.readline()
    run.send_signal(signal.SIGKILL)
    said, _ = watch.communicate(timeout=20)
    assert (watch.returncode, json.loads(said)["status"]) == (0, "interrupted")
    run.wait()
    screen.assert_as_before()
    subprocess.run([*LABCTL, "stop", "killed.h5"], cwd=bench.folder, check=True, capture_output=True)


def test_a_run_is_watched_from_another_terminal_and_does_not_feel_who_leaves(
    bench: Served, screen: Screen
) -> None:
    """Ctrl-C leaves the watch alone; the next one, of the only run that goes on, ends with it and tells what came.

    A third one is piped: a line a second, and the object of the file at the end.
    """
    run = bench.run("watched.h5", *SHORT, "--no-rehearsal")
    wait_for_rows(bench.folder / "watched.h5", 1)
    piped = subprocess.Popen(
        [*LABCTL, "watch", str(run.pid), "--json"],
        cwd=bench.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    left = screen.start([*LABCTL, "watch", "watched.h5"], bench.folder)
    screen.wait_for("R_xy (ohm) against mu0_H_z (Oe)")
    screen.press(b"\x03")
    assert screen.status_of(left) == 0
    assert any("watched.h5 goes on" in line for line in screen.look())
    assert run.poll() is None
    stayed = screen.start([*LABCTL, "watch"], bench.folder)
    assert screen.status_of(stayed) == 0
    assert run.wait(20) == 0
    lines = screen.scrolled()
    assert any("ahe-loop alox-2.0: complete, 33 rows" in line for line in lines)
    assert any(line.startswith("mu0_H_c ") for line in lines)
    screen.assert_as_before()
    said, told = piped.communicate(timeout=20)
    stored = runfile.read_run(bench.folder / "watched.h5")
    assert json.loads(said)["results"]["mu0_H_c"]["value"] == stored.results["mu0_H_c"].value
    *_, first, last = told.splitlines()
    assert "/33 rows, " in first
    assert last.startswith("complete, 33/33 rows, 100 %")
    assert "\x1b" not in told
