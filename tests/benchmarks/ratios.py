"""What the guard against slowness looks at: costs over those of something that never changes, side by side.

`python ratios.py` prints them as `baseline.json` keeps them. Each is a ratio of processor times that were measured
next to each other, and the median of so many rounds: whatever else the machine does is done to both.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import physics
import sweep
from instruments import Marks

POINTS = 2000
LONG = 10_000


def point(name: str, points: int) -> float:
    """Microseconds of processor time for a point of one contestant."""
    mark = Marks(points)
    with tempfile.TemporaryDirectory() as folder:
        getattr(sweep, name)(Path(folder), points, mark)
    return mark.each


PULSES = (
    "pulse, t = 2 nm, -500 Oe, N = 4096",
    "pulse, t = 2 nm, -800 Oe, N = 4096",
    "step of a waveform, N = 4096",
)


def one_round(loops: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The ratios of one round: what is compared was measured within a second or two."""
    bare = min(point("bare", POINTS) for _ in range(2))
    rows, with_wire, many = (
        point(*case)
        for case in (("without_wire_log", POINTS), ("with_wire_log", POINTS), ("without_wire_log", LONG))
    )
    fixed, *pulses = (min(loop() for _ in range(2)) for loop in loops.values())
    return {
        "a durable row over a bare write and query": rows / bare,
        "the same with the lines of the wire": with_wire / bare,
        f"a row of {LONG} over one of {POINTS}": many / rows,
        **{
            f"{name}, over the calibration": pulse / fixed for name, pulse in zip(PULSES, pulses, strict=True)
        },
    }


def ratios(rounds: int = 7) -> dict[str, float]:
    """The median ratios of so many rounds, by what they say."""
    loops = {name: physics.CASES[name]() for name in ("calibration", *PULSES)}
    found = [one_round(loops) for _ in range(rounds)]
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


if __name__ == "__main__":
    start = time.perf_counter()
    sys.stdout.write(json.dumps({name: round(ratio, 3) for name, ratio in ratios().items()}, indent=2) + "\n")
    sys.stderr.write(f"{time.perf_counter() - start:.1f} s\n")
