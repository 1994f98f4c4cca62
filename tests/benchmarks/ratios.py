"""What the guard against slowness looks at: costs over those of something that never changes, side by side.

`python ratios.py` prints them as `baseline.json` keeps them. Each is a ratio of processor times of the same minute
on the same core, the smallest of interleaved rounds on either side: whatever else the machine does only adds.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import physics
import sweep
from instruments import Marks

PATIENT = ("bare", "without_wire_log", "with_wire_log")
POINTS = 2000
LONG = 20_000


def point(name: str, points: int) -> float:
    """Microseconds of processor time for a point of one contestant."""
    mark = Marks(points)
    with tempfile.TemporaryDirectory() as folder:
        getattr(sweep, name)(Path(folder), points, mark)
    return mark.each


def smallest(rounds: int = 9) -> dict[str, float]:
    """The smallest cost (us) of everything, over interleaved rounds."""
    costs: dict[str, list[float]] = defaultdict(list)
    loops = {name: physics.CASES[name]() for name in ("calibration", *PULSES)}
    for number in range(rounds):
        for name in PATIENT:
            costs[name].append(point(name, POINTS))
        if number % 4 == 0:
            costs["long"].append(point("without_wire_log", LONG))
        for name, loop in loops.items():
            costs[name] += [loop(), loop()]
    return {name: min(taken) for name, taken in costs.items()}


PULSES = (
    "pulse, t = 2 nm, -500 Oe, N = 4096",
    "pulse, t = 2 nm, -800 Oe, N = 4096",
    "step of a waveform, N = 4096",
)


def ratios(rounds: int = 9) -> dict[str, float]:
    """The costs as ratios, by what they say."""
    found = smallest(rounds)
    bare = found["bare"]
    return {
        "a durable row over a bare write and query": found["without_wire_log"] / bare,
        "the same with the lines of the wire": found["with_wire_log"] / bare,
        f"a row of {LONG} over one of {POINTS}": found["long"] / found["without_wire_log"],
        **{f"{name}, over the calibration": found[name] / found["calibration"] for name in PULSES},
    }


if __name__ == "__main__":
    start = time.perf_counter()
    sys.stdout.write(json.dumps({name: round(ratio, 3) for name, ratio in ratios().items()}, indent=2) + "\n")
    sys.stderr.write(f"{time.perf_counter() - start:.1f} s\n")
