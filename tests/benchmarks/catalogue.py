"""What `labctl ls` costs over thousands of runs: the first time, again, with a condition, after one more run."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
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


def seconds(folder: Path, cache: Path, *words: str) -> float:
    """Seconds of wall time of one `labctl ls` in a process of its own, its output thrown away."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    start = time.perf_counter()
    subprocess.run([LABCTL, "ls", str(folder), *words], check=True, env=environment, capture_output=True)
    return time.perf_counter() - start


def measure(count: int, rounds: int = 5) -> dict[str, float]:
    """Seconds of each kind of list over `count` generated runs; warm ones are the median of interleaved rounds."""
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "runs"), Path(name, "cache")
        folder.mkdir()
        generate(folder, count)
        found = {"cold": seconds(folder, cache)}
        kinds: Mapping[str, tuple[str, ...]] = {
            "warm": (),
            "warm, a condition on a parameter and a result": (
                "--where", "mu0_H_x > 500 Oe and results.I_th < 15 mA",
            ),
            "warm, --protocol stdp (none)": ("--protocol", "stdp"),
            "warm, --json": ("--json",),
            "an empty folder": (str(cache),),
        }  # fmt: skip
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, words in kinds.items():
                where = (cache, ()) if kind == "an empty folder" else (folder, words)
                times[kind].append(seconds(where[0], cache, *where[1]))
        for kind, taken in times.items():
            found[kind] = sorted(taken)[rounds // 2]
        (folder / "original.h5").touch()
        found["one file changed"] = seconds(folder, cache)
        return found


def table(found: Mapping[str, float]) -> str:
    """The seconds, as a Markdown table."""
    rows = [f"| {name} | {value:.2f} |" for name, value in found.items()]
    return "\n".join(["| labctl ls | s |", "|---|---|", *rows])


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
