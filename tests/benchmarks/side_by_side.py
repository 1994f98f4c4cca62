"""The same sweep by all contestants, side by side: each in a process of its own, in interleaved rounds."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from peers import PEERS, interpreter, is_built

HERE: Final = Path(__file__).parent


class Contestant(NamedTuple):
    """Who sweeps: the Python for it, and the module and function that do it."""

    python: Path
    module: str
    name: str
    #: Microseconds per point that are expected at most: a sweep that would take too long is left out.
    expected: float = 500.0


OURS: Final[Mapping[str, Contestant]] = {
    title: Contestant(Path(sys.executable), "sweep", name)
    for title, name in (
        ("bare PyVISA, nothing kept", "bare"),
        ("bare PyVISA, h5py at the end", "buffered"),
        ("labctl, no wire log", "without_wire_log"),
        ("labctl, wire log", "with_wire_log"),
        ("labctl, wire log, live view", "with_live_view"),
    )
}
#: Points of a sweep, and rounds of it.
SIZES: Final[Mapping[int, int]] = {300: 7, 3000: 5, 30_000: 3, 100_000: 3}
#: A sweep that is expected to take longer than this (s; our choice) is not made.
LONGEST: Final = 300.0


def contestants() -> dict[str, Contestant]:
    """Ours, and every peer whose environment is there."""
    theirs = {
        title: Contestant(interpreter(peer), peer.module, peer.name, 8000.0 if "ophyd" in title else 500.0)
        for title, peer in PEERS.items()
        if is_built(peer)
    }
    return {**OURS, **theirs}


def sweep(one: Contestant, points: int) -> dict[str, float]:
    """What one sweep costs (`contestant.cost`), and the seconds from the process's start to its end."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:  # whatever a peer wants to keep of us, it keeps there
        done = subprocess.run(
            [str(one.python), "contestant.py", one.module, one.name, str(points)],
            cwd=HERE,
            check=False,
            capture_output=True,
            text=True,
            env={"HOME": home, "PATH": "/usr/bin:/bin", "TERM": "xterm", "OMP_NUM_THREADS": "1"},
        )
    if done.returncode:
        raise RuntimeError(f"{one.module} ended with {done.returncode}: {done.stderr[-2000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": time.perf_counter() - start}


def medians(points: int, rounds: int) -> dict[str, dict[str, float]]:
    """Median costs of each contestant over interleaved rounds; those that would take too long are left out."""
    field = {title: one for title, one in contestants().items() if one.expected * points * 1e-6 < LONGEST}
    taken: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        for title, one in field.items():
            taken[title].append(sweep(one, points))
    return {
        title: {name: statistics.median(each[name] for each in costs) for name in costs[0]}
        for title, costs in taken.items()
    }


def measure(sizes: Mapping[int, int]) -> dict[str, Any]:
    """Medians by the number of points (`sizes` says how many rounds), and of ten points from a cold start."""
    found: dict[str, Any] = {str(points): medians(points, rounds) for points, rounds in sizes.items()}
    return {**found, "cold": medians(10, 5)}


def over(cost: Mapping[str, float], name: str = "point") -> float:
    """Microseconds per point beyond the floor of the same process."""
    return cost[name] - cost["floor"]


def table(found: Mapping[str, Any]) -> str:
    """The costs beyond the floor, as a Markdown table; of the largest sweep what it takes and leaves besides."""
    sizes = [size for size in found if size != "cold"]
    head = [f"over, N={size} (whole run)" for size in sizes]
    lines = ["| contestant | " + " | ".join([*head, "growth", "B/point", "MB", "ten points cold, s"]) + " |"]
    lines.append("|" + "---|" * (len(head) + 5))
    for title in found["cold"]:
        costs = [found[size].get(title) for size in sizes]
        cells = ["-" if cost is None else f"{over(cost):.0f} ({over(cost, 'whole'):.0f})" for cost in costs]
        last = next(cost for cost in reversed(costs) if cost is not None)
        cells += [f"{last['growth']:.2f}", f"{last['bytes']:.0f}", f"{last['MB']:.0f}"]
        lines.append(f"| {title} | " + " | ".join([*cells, f"{found['cold'][title]['wall']:.2f}"]) + " |")
    floors = [cost["floor"] for size in sizes for cost in found[size].values()]
    return "\n".join([*lines, f"\nThe floor, a bare write and query: {statistics.median(floors):.0f} us."])


def parsed(words: Sequence[str]) -> dict[int, int]:
    """Sizes of sweeps and rounds of each, as "3000:5"."""
    return {int(size): int(rounds) for size, _, rounds in (word.partition(":") for word in words)}


if __name__ == "__main__":
    found = measure(parsed(sys.argv[1:]) or SIZES)
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
