"""One station, one program: a second one is told who holds it, and a holder that died is recognised."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from labctl import config, locks
from labctl.errors import RequestError

LOOP = ("run", "ahe-loop", "-p", "mu0_H_step=80Oe", "-p", "settle=0s", "-o", "loop.h5")


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Station:
    """The example's station, with the locks of a fresh user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return config.read_station(config.built_in("station")["example"](), "example")


def test_a_second_program_is_told_who_holds_the_station_and_sends_nothing(
    real: Any, labctl: Command, tmp_path: Path
) -> None:
    """Exit 2 with process, host, purpose and time; as soon as it is free the run goes through."""
    lab = real()
    held, _ = config.load_station(str(lab.file))
    with locks.held(held, "a run of somebody"):
        said = labctl(*LOOP, "--station", str(lab.file))
        assert (said.status, lab.said) == (2, [])
        assert f"is held by a run of somebody on station sim (process {os.getpid()} of " in said.err
        assert said.err.rstrip().endswith("Nothing was sent.")
        assert labctl("station", "check", str(lab.file)).status == 2
        assert lab.said == []
    assert not list(tmp_path.glob("loop*"))
    assert labctl(*LOOP, "--station", str(lab.file)).status == 0


def test_a_run_lets_go_of_its_station_however_it_ends(
    real: Any, labctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bug in a protocol the station is free, and nothing is said of a holder that died."""
    from protocols import ahe_loop

    lab = real()
    with monkeypatch.context() as patch:
        patch.setattr(ahe_loop, "prepare_sensing", lambda *_: 1 / 0)
        assert labctl(*LOOP, "--no-rehearsal", "--station", str(lab.file)).status == 1
    held, _ = config.load_station(str(lab.file))
    with locks.held(held, "next") as dead:
        assert dead == []


def test_two_stations_that_share_one_instrument_exclude_each_other(station: config.Station) -> None:
    """What is locked is the resource, however its name is written; others are free."""
    supply = station.instruments["supply"]
    other = station.model_copy(
        update={"instruments": {"supply": supply.model_copy(update={"resource": supply.resource.lower()})}}
    )
    third = station.model_copy(
        update={"instruments": {"supply": supply.model_copy(update={"resource": "GPIB0::3::INSTR"})}}
    )
    with locks.held(station, "one"):
        with pytest.raises(RequestError, match="held by one on station my-lab"), locks.held(other, "two"):
            pass
        with locks.held(third, "three"):
            pass
    with locks.held(other, "two"):
        pass


def test_a_refused_program_leaves_the_holders_name_in_place(station: config.Station) -> None:
    """The third is told the same as the second."""
    with locks.held(station, "one"):
        for _ in range(2):
            with pytest.raises(RequestError, match="held by one on"), locks.held(station, "two"):
                pass


def test_the_simulated_station_needs_no_lock(labctl: Command, tmp_path: Path) -> None:
    """Every run has a bench of its own."""
    assert labctl(*LOOP).status == 0
    assert not list(tmp_path.rglob("*.lock"))


@pytest.mark.slow
def test_the_lock_of_a_program_that_was_killed_is_free_and_the_next_one_is_told(
    station: config.Station, tmp_path: Path
) -> None:
    """kill -9 lets go of it at once; the name that it left says that the station may not be parked."""
    program = (
        "import sys; from labctl import config, locks\n"
        "station = config.read_station(config.built_in('station')['example'](), 'example')\n"
        "with locks.held(station, 'the killed run'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RequestError, match=f"the killed run.*process {process.pid}"):
            locks.held(station, "next").__enter__()
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    with locks.held(station, "next") as dead:
        assert len(dead) == 1
        assert f"the killed run on station my-lab (process {process.pid} " in dead[0]
        assert "ended without letting go" in dead[0]
