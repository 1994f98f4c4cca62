"""A served bench as another process, what the sample on it went through, and runs against it."""

import itertools
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl.clock import WallClock
from labctl.guard import STOPPED

LABCTL = [sys.executable, "-c", "from labctl.cli import main; main()"]
WALL = WallClock()
#: Ways for a run to end without a word, and the seconds until that can be noticed.
DEATHS = {"SIGKILL": 0.0, "SIGSEGV": 0.0, "SIGSTOP": STOPPED + 0.1}
#: What a magnet of the station sim may change by: 500 Oe/s over 90 Oe/A.
RATE = 500 / 90
#: The largest step of a supply that is walked: that rate for 1.25 times 20 ms.
STEP = RATE * 0.025
#: Seconds by which a line may be late on its way (our choice).
JITTER = 0.01
#: A magnet's current (A) that counts as none: the supplies' own offsets are a few mA.
NOTHING = 0.01
#: A current (A) in the bar that counts as none: the offset that the data sheet of the 6221 allows a source whose
#: output is on at 0 A in its 20 mA range. A source that arms a waveform is at 0 A and hears nothing for a second or
#: two; its output goes off after that.
NO_CURRENT = 1e-5


class Served:
    """`labctl simulate` in real time, with its trace; ended by `end`."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        command = [*LABCTL, "simulate", "--seed", "1", "--json", "--trace", "bench.trace", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
        assert self.process.stdout is not None
        self.printed: dict[str, Any] = json.loads(self.process.stdout.readline())
        self._file = (folder / "bench.trace").open(encoding="utf-8")
        self._begun = ""  # a line that is not whole yet
        self.seen: list[dict[str, Any]] = []
        self.runs: list[subprocess.Popen[str]] = []

    def run(self, target: str, protocol: str = "sot-switching", *words: str) -> "subprocess.Popen[str]":
        command = [*LABCTL, "run", protocol, "--station", "served.toml", "--no-live", "-o", target, *words]
        self.runs.append(
            subprocess.Popen(
                command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=self.folder
            )
        )
        return self.runs[-1]

    def look(self) -> list[dict[str, Any]]:
        """Everything that the trace has so far."""
        *lines, self._begun = (self._begun + self._file.read()).split("\n")
        self.seen += map(json.loads, lines)
        return self.seen

    def wait_until_busy(self, patience: float = 30.0) -> None:
        """Wait until a current flows or a magnet moves, from now on."""
        start, seen = WALL.now(), len(self.look())
        while WALL.now() - start < patience:
            if any(one["current"] or largest(one) > 0.05 for one in self.look()[seen:]):
                return
            WALL.wait(0.02)
        raise AssertionError("the run never began")

    def asked(self, role: str, question: str) -> str:
        """What an instrument answers to somebody else: every line to it must be free again."""
        import socket

        (one,) = [one for one in self.printed["instruments"] if one["role"] == role]
        with socket.create_connection((one["host"], one["port"]), timeout=5) as line:
            line.sendall(question.encode() + b"\n")
            return line.recv(1000).decode().strip()

    def end(self) -> None:
        for run in self.runs:
            run.kill()
            run.communicate()
        self._file.close()
        self.process.terminate()
        with self.process:
            assert self.process.wait(20) == 0


def largest(one: dict[str, Any]) -> float:
    """Largest magnitude of a magnet's current (A)."""
    return max(abs(current) for current in one["I_magnet"].values())


@dataclass(frozen=True)
class Parked:
    """How a bench came to rest after a moment: seconds until the source was off, and the magnets at zero.

    `ideal` is what the ramps take at the rated slew. `stall` is by how much a busy machine kept the trace itself
    waiting, at most; the dying run, the guard and the bench may each have waited as long.
    """

    source: float
    magnets: float
    ideal: float
    stall: float

    @property
    def beyond(self) -> float:
        """Seconds from the moment to the end that were no ramp."""
        return max(self.source, self.magnets - self.ideal)

    @property
    def own(self) -> float:
        """The same without what a busy machine may have cost."""
        return self.beyond - 3 * self.stall


def parked_after(seen: list[dict[str, Any]], moment: float) -> Parked:
    """Judge a trace from `moment` (monotonic clock) on; it must end parked, and no ramp may be too fast."""
    before = [one for one in seen if one["wall"] <= moment][-1]
    after = [one for one in seen if one["wall"] > moment]
    source = max([one["wall"] for one in after if abs(one["current"]) > NO_CURRENT], default=moment)
    moving = max([one["wall"] for one in after if largest(one) > NOTHING], default=moment)
    assert after[-1]["wall"] - max(source, moving) > 0.2, "not parked"
    pairs = list(zip([before, *after], after, strict=False))
    until = max(source, moving)
    gaps = [two["wall"] - one["wall"] - 0.005 for one, two in pairs if one["wall"] < until]
    check_slew([before, *after])
    return Parked(
        source - moment,
        moving - moment,
        max(largest(before) - NOTHING, 0.0) / RATE,
        max(gaps, default=0.0),
    )


def check_slew(seen: list[dict[str, Any]]) -> None:
    """Over any 200 to 500 ms no magnet changed faster than its slew and one step of a walk.

    A line may be late by JITTER; and a machine that kept the bench waiting, as the gaps of the trace tell, let
    lines pile up for so long.
    """
    gaps = [two["wall"] - one["wall"] - 0.005 for one, two in itertools.pairwise(seen)]
    for place, one in enumerate(seen):
        for far in range(place + 40, min(place + 101, len(seen)), 20):
            other = seen[far]
            stall = max(gaps[max(place - 10, 0) : far])
            dt = other["time"] - one["time"] + stall + JITTER
            for name, current in one["I_magnet"].items():
                change = abs(other["I_magnet"][name] - current)
                assert change <= RATE * dt * 1.01 + STEP, (name, change / dt, dt, one["time"])


def strike(bench: Served, name: str, number: int, delay: float) -> tuple[Parked, str]:
    """Start a run, send it a signal some time after its first set point, and see how the bench comes to rest."""
    run = bench.run(f"{name}.h5")
    bench.wait_until_busy()
    WALL.wait(delay)
    moment = time.monotonic()
    run.send_signal(number)
    _, said = run.communicate(timeout=60)  # the guard holds its standard error open until it has parked
    WALL.wait(0.3)
    return parked_after(bench.look(), moment), said


def assert_off(bench: Served) -> None:
    """The outputs are off, and every port takes a client again."""
    assert bench.asked("source", "OUTP?") == "0"
    assert float(bench.asked("source", "SOUR:CURR?")) == 0
    assert bench.asked("supply_z", "OUTP?") == "0"
    assert float(bench.asked("supply_x", "SETI?")) == 0
