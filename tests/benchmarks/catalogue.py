"""What `labctl ls` costs over thousands of runs: the first time, again, with a condition, after one more run."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from labctl import entries

LABCTL = str(Path(sys.executable).parent / "labctl")
RUN = ("run", "sot-switching", "--no-wire", "-p", "I_step=7mA", "--seed", "1")
FOLDERS = 20


def generate(folder: Path, count: int) -> None:
    """Make `count` runs in 20 folders: one that was really measured, copied under as many names and uuids.

    Only the uuid differs from run to run, and the manifest of a copy does not hold: `ls` does not read it.
    """
    original = folder / "original.h5"
    subprocess.run([LABCTL, *RUN, "-o", str(original)], check=True, capture_output=True)
    content, uuid = original.read_bytes(), entries.read(str(original)).uuid.encode()
    assert content.count(uuid) == 1
    for number in range(count - 1):
        day = folder / f"day-{number % FOLDERS:02d}"
        day.mkdir(exist_ok=True)
        copy = content.replace(uuid, str(UUID(int=number)).encode())
        (day / f"run-{number:05d}.h5").write_bytes(copy)


class Cost(NamedTuple):
    """Seconds until a command is done, and seconds of processor time: on an idle machine of one core, the same."""

    wall: float
    processor: float


def cost(folder: Path, cache: Path, *words: str) -> Cost:
    """What one `labctl ls` in a process of its own costs."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([LABCTL, "ls", str(folder), *words], check=True, env=environment, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(count: int, rounds: int = 5) -> dict[str, Cost]:
    """What each kind of list over `count` generated runs costs; of warm ones the median of interleaved rounds."""
    with tempfile.TemporaryDirectory() as name:
        folder, empty, cache = (Path(name, part) for part in ("runs", "empty", "cache"))
        folder.mkdir()
        empty.mkdir()
        generate(folder, count)
        found = {"cold": cost(folder, cache)}
        where = "mu0_H_x > 500 Oe and results.I_th < 15 mA"
        kinds: Mapping[str, tuple[Path, tuple[str, ...]]] = {
            "warm": (folder, ()),
            "warm, --where with a parameter and a result": (folder, ("--where", where)),
            "warm, --protocol stdp (none)": (folder, ("--protocol", "stdp")),
            "warm, --json": (folder, ("--json",)),
            "an empty folder": (empty, ()),
        }
        costs: dict[str, list[Cost]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, (place, words) in kinds.items():
                costs[kind].append(cost(place, cache, *words))
        for kind, taken in costs.items():
            found[kind] = Cost(*(statistics.median(each) for each in zip(*taken, strict=True)))
        (folder / "original.h5").touch()
        return {**found, "warm, one file changed": cost(folder, cache)}


def table(found: Mapping[str, Cost]) -> str:
    """The costs, as a Markdown table."""
    rows = [f"| {name} | {taken.wall:.2f} | {taken.processor:.2f} |" for name, taken in found.items()]
    return "\n".join(["| labctl ls | s | s of processor time |", "|---|---|---|", *rows])


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
