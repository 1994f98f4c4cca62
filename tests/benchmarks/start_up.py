"""What a start costs in processor time, and a cold run in seconds, beside a bare interpreter, interleaved."""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

LABCTL = str(Path(sys.executable).parent / "labctl")
PROTOCOLS = ("ahe-loop", "sot-switching")


def _seconds(*command: str) -> float:
    """Seconds of processor time that a command takes: on an idle machine, the time until it is done."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def _cold_run(protocol: str) -> tuple[float, float]:
    """Seconds until a run's file has its name, and until the figure and the table are there too."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "loop.h5"
        wall, start = time.time(), time.perf_counter()
        subprocess.run(
            [LABCTL, "run", protocol, "--seed", "1", "-o", str(target)], check=True, capture_output=True
        )
        return target.stat().st_ctime - wall, time.perf_counter() - start


def medians(rounds: int = 7) -> dict[str, float]:
    """Median seconds of each contestant over interleaved rounds, after one round that warms the disk cache."""
    contestants: dict[str, Callable[[], float]] = {
        "bare interpreter": lambda: _seconds(sys.executable, "-c", "pass"),
        "labctl --help": lambda: _seconds(LABCTL, "--help"),
        "labctl protocols": lambda: _seconds(LABCTL, "protocols"),
    }
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        taken = {name: measure() for name, measure in contestants.items()}
        for protocol in PROTOCOLS:
            taken[f"{protocol}, cold: file"], taken[f"{protocol}, cold: figure"] = _cold_run(protocol)
        if number:
            for name, seconds in taken.items():
                times[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def table(seconds: dict[str, float]) -> str:
    """The medians, and how many bare interpreter starts each is, as a Markdown table."""
    bare = seconds["bare interpreter"]
    rows = [f"| {name} | {value:.3f} | {value / bare:.1f} |" for name, value in seconds.items()]
    return "\n".join(["| what | s | bare starts |", "|---|---|---|", *rows])


if __name__ == "__main__":
    found = medians()
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
