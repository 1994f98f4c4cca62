"""A run on a served bench is killed, crashes, hangs or is stopped; the bench, not the program, says what became."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served_bench import DEATHS, LABCTL, WALL, Served, assert_off, largest, parked_after, strike

from labctl import runfile
from labctl.heartbeat import BLIND

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.end()


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, bench: Served) -> None:
    """The list of running runs is this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(bench.folder / "state"))


def report(folder: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{name}.h5.guard").read_text().splitlines()]


def listed(bench: Served) -> dict[str, Any]:
    """The entry of the only run that is going on."""
    (path,) = (bench.folder / "state/labctl/running").glob("*.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize("cause", DEATHS)
@pytest.mark.parametrize("delay", [0.4, 5.3])
def test_the_guard_parks_what_a_dead_run_left_on(bench: Served, cause: str, delay: float) -> None:
    """Killed, crashed or frozen: source off at 0 A and magnets at 0 A in the time of the ramp and 0.1 s."""
    name = f"{cause}-{delay}"
    parked, said = strike(bench, name, signal.Signals[cause], delay)
    assert "the station was parked" in said
    assert parked.own < DEATHS[cause] + 0.1, parked
    assert_off(bench)
    lines = report(bench.folder, name)
    assert [line["event"] for line in lines] == ["taken over", *["parked"] * 4, "ended"]
    assert all(line["problems"] == [] for line in lines if line["event"] == "parked")
    shown = subprocess.run(
        [*LABCTL, "recover", f"{name}.h5"], cwd=bench.folder, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    told = [event.text for event in runfile.read_run(bench.folder / f"{name}.h5").log]
    assert any("the guard took over" in text for text in told)
    assert "parking by the guard, source: confirmed" in told


def test_an_endless_loop_is_a_hang(bench: Served) -> None:
    """No sign of life for the heartbeat's 2 s beyond the 2 s of the last query: the guard kills it and parks."""
    code = (
        "import labctl.engine as e, labctl.cli\n"
        "take = e._take_rows\n"
        "def looping(request, lab, *rest):\n"
        "    lab.source.prepare(1e-3, 2.0); lab.source.set_current(1e-3)\n"
        "    while True: pass\n"
        "e._take_rows = looping\n"
        "labctl.cli.main(['run', 'ahe-loop', '--station', 'served.toml', '--no-live', '-o', 'loop.h5'])\n"
    )
    run = subprocess.Popen([LABCTL[0], "-c", code], stderr=subprocess.PIPE, text=True, cwd=bench.folder)
    bench.wait_until_busy()
    moment = time.monotonic()
    _, said = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGKILL
    assert re.search(r"no sign of life for \d.* s; the station was parked", said)
    WALL.wait(0.3)
    assert parked_after(bench.look(), moment).beyond < 2.0 + 2.0 + 0.3
    assert_off(bench)


def test_a_run_that_is_killed_while_it_is_paused_is_parked(bench: Served) -> None:
    """A pause of a day is announced to the guard as no hang; a death in it is one all the same."""
    code = (
        "import labctl.engine as e, labctl.cli\n"
        "from labctl.interlocks import PAUSE_MAX\n"
        "def paused(request, lab, *rest):\n"
        "    lab.source.prepare(1e-3, 2.0); lab.source.set_current(1e-3)\n"
        "    lab.watch.announce(PAUSE_MAX)\n"
        "    while True: pass\n"
        "e._take_rows = paused\n"
        "labctl.cli.main(['run', 'ahe-loop', '--station', 'served.toml', '--no-live', '-o', 'paused.h5'])\n"
    )
    run = subprocess.Popen([LABCTL[0], "-c", code], stderr=subprocess.PIPE, text=True, cwd=bench.folder)
    bench.wait_until_busy()
    WALL.wait(5.0)
    assert run.poll() is None  # beyond the heartbeat, and not taken for a hang
    moment = time.monotonic()
    run.kill()
    _, said = run.communicate(timeout=60)
    assert "the station was parked" in said
    WALL.wait(0.3)
    assert parked_after(bench.look(), moment).own < 0.1
    assert_off(bench)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_supervisors_signal_leaves_the_point_half_a_second(bench: Served, number: signal.Signals) -> None:
    """The run parks by itself and ends with status 3; the guard never acts."""
    name = f"signal-{number}"
    run = bench.run(f"{name}.h5")
    bench.wait_until_busy()
    WALL.wait(1.0)
    moment = time.monotonic()
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 3, said
    WALL.wait(0.3)
    assert parked_after(bench.look(), moment).source < 1.0
    assert not (bench.folder / f"{name}.h5.guard").exists()
    assert (bench.folder / f"{name}.h5").exists()
    assert_off(bench)


def test_leaning_on_ctrl_c_cuts_no_ramp(bench: Served) -> None:
    """The first finishes the point, the second breaks it off, and eight more are told that a ramp cannot be cut."""
    run = bench.run("leaning.h5")
    bench.wait_until_busy()
    WALL.wait(1.5)
    moment = time.monotonic()
    for _ in range(10):
        run.send_signal(signal.SIGINT)
        WALL.wait(0.08)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 3, said
    assert "a ramp cannot be cut short" in said
    WALL.wait(0.3)
    parked_after(bench.look(), moment)
    assert_off(bench)


def test_a_run_whose_guard_was_killed_stops_and_parks(bench: Served) -> None:
    """It notices within a second and refuses to go on."""
    run = bench.run("lonely.h5")
    bench.wait_until_busy()
    WALL.wait(0.5)
    entry = listed(bench)
    moment = time.monotonic()
    subprocess.run(["kill", "-9", str(entry["guard"])], check=True)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 4
    assert "The guard, which would park the station if this program died, is gone" in said
    WALL.wait(0.3)
    assert parked_after(bench.look(), moment).source < 1.0
    assert_off(bench)


def test_a_run_whose_guard_stands_still_stops_and_parks(bench: Served) -> None:
    """A stopped guard guards nothing: the run notices within some seconds, and ends the guard too."""
    run = bench.run("blind.h5")
    bench.wait_until_busy()
    WALL.wait(0.5)
    entry = listed(bench)
    os.kill(entry["guard"], signal.SIGSTOP)
    moment = time.monotonic()
    _, said = run.communicate(timeout=60)
    assert run.returncode == 4, said
    assert "The guard, which would park the station if this program died, has not looked at it" in said
    WALL.wait(0.3)
    assert parked_after(bench.look(), moment).source < BLIND + 3.0  # a query may be under way
    assert_off(bench)
    with pytest.raises(ProcessLookupError):
        os.kill(entry["guard"], 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_station_that_is_exercised_is_parked_however_that_ends(
    bench: Served, number: signal.Signals
) -> None:
    """`station check --exercise` killed with a magnet on is parked by its guard; after SIGTERM by itself."""
    command = [*LABCTL, "station", "check", "served.toml", "--exercise"]
    check = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=bench.folder
    )
    bench.wait_until_busy(60.0)
    moment = time.monotonic()
    check.send_signal(number)
    _, said = check.communicate(timeout=60)
    assert check.returncode == (3 if number == signal.SIGTERM else -number), said
    assert "the station was parked" in said
    WALL.wait(0.3)
    parked = parked_after(bench.look(), moment)
    assert parked.source < 1.0
    assert_off(bench)
    reports = list(bench.folder.glob(f"station-check-*-{check.pid}.guard"))
    assert len(reports) == (number == signal.SIGKILL)


def stopped(bench: Served, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*LABCTL, "stop", *words], cwd=bench.folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("state", ["healthy", "frozen", "dead"])
@pytest.mark.parametrize("words", [(), ("--now",)], ids=["stop", "now"])
def test_stop_makes_the_source_safe_within_a_second(
    bench: Served, state: str, words: tuple[str, ...]
) -> None:
    """From another terminal, whatever state the run is in; the time of starting the command is not counted."""
    name = f"stop-{state}-{len(words)}.h5"
    run = bench.run(name)
    bench.wait_until_busy()
    WALL.wait(1.0)
    if state != "healthy":
        run.send_signal(signal.SIGSTOP if state == "frozen" else signal.SIGKILL)
    moment = time.monotonic()
    said = stopped(bench, name, *words)
    assert said.returncode == 0, said.stderr
    assert {"healthy": "it parked its station", "frozen": "guard parked", "dead": "guard parked"}[
        state
    ] in said.stdout
    run.communicate(timeout=60)
    WALL.wait(0.3)
    assert (
        parked_after(bench.look(), moment).source < 1.0 + 0.7
    )  # an interpreter starts in 0.5 s on a busy machine
    assert_off(bench)
    assert not list((bench.folder / "state/labctl/running").glob("*.json"))


def test_a_station_is_parked_by_hand_from_where_it_stands(bench: Served) -> None:
    """A magnet and a source that somebody left on: ramped down at the rated slew, switched off, and said so."""
    run = bench.run("left.h5")
    bench.wait_until_busy()
    WALL.wait(1.0)
    entry = listed(bench)
    refused = subprocess.run(
        [*LABCTL, "park", "served.toml"], cwd=bench.folder, capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "labctl stop" in refused.stderr
    subprocess.run(["kill", "-9", str(entry["guard"]), str(entry["pid"])], check=True)
    run.communicate(timeout=60)
    WALL.wait(0.2)
    assert bench.look()[-1]["current"] != 0  # nobody parked it
    moment = time.monotonic()
    said = subprocess.run(
        [*LABCTL, "stop", "left.h5"], cwd=bench.folder, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert "parked by hand" in said.stdout
    WALL.wait(0.3)
    parked_after(bench.look(), moment)
    assert_off(bench)


def test_a_parking_by_hand_that_is_killed_is_ended_by_its_guard(bench: Served) -> None:
    """`labctl park` dies half-way down a ramp: the magnet goes on to zero, at its slew, and is switched off."""
    run = bench.run("left-again.h5")
    bench.wait_until_busy()
    WALL.wait(1.0)
    entry = listed(bench)
    subprocess.run(["kill", "-9", str(entry["guard"]), str(entry["pid"])], check=True)
    run.communicate(timeout=60)
    WALL.wait(0.2)
    left = largest(bench.look()[-1])
    assert left > 1
    park = subprocess.Popen(
        [*LABCTL, "park", "served.toml"],
        cwd=bench.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    while largest(bench.look()[-1]) > 0.8 * left:
        WALL.wait(0.01)
        assert park.poll() is None
    moment = time.monotonic()
    park.kill()
    _, said = park.communicate(timeout=60)
    assert "the station was parked" in said
    WALL.wait(0.3)
    assert parked_after(bench.look(), moment).own < 0.1
    for role, question in (("supply_z", "OUTP?"), ("supply_x", "SETI?")):
        assert float(bench.asked(role, question)) == 0
