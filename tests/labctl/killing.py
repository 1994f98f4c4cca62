"""Real runs in a nursery (nursery.py), to be killed or to be let go wrong, and what is left of them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from labctl.clock import WallClock

WALL = WallClock()

#: Short runs: a protocol's way through its steps is what matters.
PARAMETERS = {
    "ahe-loop": ["mu0_H_step=100Oe"],
    "demagnetize": ["I_step=4mA", "n_repeats=4"],
    "harmonic-hall": ["mu0_H_step=105Oe", "mu0_H_high=0Oe", "n_readings=1"],
    "minor-loops": ["I_max_list=24mA", "I_step=6mA"],
    "sigmoid-neuron": ["I_step=5mA", "n_cycles=1"],
    "sot-switching": ["I_step=7mA"],
    "stdp": ["dt_step=6ms", "n_repeats=1"],
}


def words(protocol: str, target: str = "a.h5") -> list[str]:
    """The command line of a short run."""
    given = [word for assignment in PARAMETERS[protocol] for word in ("-p", assignment)]
    return ["run", protocol, *given, "--sample", "alox-0.0", "--seed", "7", "-o", target]


@dataclass
class Fate:
    """What a run told: when it was born, each row acknowledged, and its file there (s since 1970, 0 for never),
    how it ended, and what it said itself.
    """

    code: int = 0
    acknowledged: list[float] = field(default_factory=list)
    left: dict[str, Any] = field(default_factory=dict)
    born: float = 0.0
    filed: float = 0.0
    path: str = ""
    ended: float = 0.0


@dataclass(frozen=True)
class Kill:
    """SIGKILL so many seconds (wall) after a row was acknowledged; row 0 is the birth of the run."""

    row: int
    after: float


class Nursery:
    """The process that forks runs; it and whatever it has running end with `close`."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        here = Path(__file__).parent
        self._process = subprocess.Popen(
            [sys.executable, str(here / "nursery.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(temporary),
                 "XDG_STATE_HOME": str(temporary / "state")},
        )  # fmt: skip
        assert self._heard() == ["ready"]

    def run(self, folder: Path, command: list[str], kill: Kill | None = None, **mishap: Any) -> Fate:
        """Let a run begin in a folder, kill it if so ordered, and return what became of it."""
        fate = Fate()
        for word, *rest in self.told(folder, command, **mishap):
            if word == "born":
                pid, fate.born = int(rest[0]), time.time()
            elif word == "row":
                fate.acknowledged.append(float(rest[1]))
            elif word == "filed":
                fate.filed, fate.path = time.time(), rest[0]
            elif word == "left":
                fate.left = json.loads(" ".join(rest))
            elif word == "ended":
                fate.code, fate.ended = int(rest[0]), time.time()
            if kill is not None and word in {"born", "row"} and len(fate.acknowledged) == kill.row:
                WALL.wait(kill.after)
                os.kill(pid, signal.SIGKILL)
        return fate

    def told(self, folder: Path, command: list[str], **mishap: Any):
        """Let a run begin, and yield what it tells, word by word, until it has ended."""
        assert self._process.stdin is not None
        order = {"folder": str(folder), "words": command, "mishap": mishap}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        heard = [""]
        while heard[0] != "ended":
            heard = self._heard()
            yield heard

    def close(self) -> None:
        """End the process with all that it has begun."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _heard(self) -> list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has died"
        return line.rstrip("\n").split(" ")


def columns(path: Path) -> dict[str, bytes]:
    """Every column of a file as bytes, by h5py alone."""
    with h5py.File(path) as file:
        data = file["entry/data"]
        return {name: data[name][()].tobytes() for name in data if data[name].ndim == 1}


def said(path: Path, name: str) -> str:
    """A text of a file's entry, by h5py alone."""
    with h5py.File(path) as file:
        return file[f"entry/{name}"].asstr()[()]


def instant(draw: random.Random, undisturbed: Fate) -> Kill:
    """An instant in a run like this one: before its rows or after them (one in five each), or at any of them."""
    moments = [undisturbed.born, *undisturbed.acknowledged, undisturbed.filed]
    last = len(undisturbed.acknowledged)
    row = draw.choice([0, last, *[draw.randrange(1, last) for _ in range(3)]])
    return Kill(row, draw.uniform(0.0, moments[row + 1] - moments[row]))
