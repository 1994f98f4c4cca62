"""Whole commands, each in a process of its own: runs from start to files, a reproduction, a classification."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

LABCTL = str(Path(sys.executable).parent / "labctl")


class Cost(NamedTuple):
    """Seconds until a command is done, and seconds of processor time of it and of all that it starts."""

    wall: float
    processor: float


def cost(*command: str, status: int = 0, **environment: str) -> Cost:
    """What a command costs; RuntimeError where it ends with another status."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, env={**os.environ, **environment})
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run(protocol: str, *words: str) -> Cost:
    """One run of a protocol, cold, with its file, figure and table."""
    with tempfile.TemporaryDirectory() as folder:
        return cost(LABCTL, "run", protocol, *words, "--seed", "1", "-o", f"{folder}/run.h5")


def reproduction() -> Cost:
    """Everything that `labctl reproduce` does without the images of MNIST."""
    with tempfile.TemporaryDirectory() as folder:
        return cost(LABCTL, "reproduce", "-o", f"{folder}/reproduced")


def classification(mnist: Path) -> Cost:
    """One neuron, two activations, five seeds, 20 epochs."""
    with tempfile.TemporaryDirectory() as folder:
        neuron = f"{folder}/neuron.h5"
        cost(LABCTL, "run", "sigmoid-neuron", "--seed", "1", "-o", neuron)
        return cost(
            LABCTL, "classify", "--neuron", neuron, "--mnist", str(mnist), "-o", f"{folder}/classified.h5"
        )


def measure(mnist: Path | None) -> dict[str, Cost]:
    """What each whole command costs."""
    found = {
        "labctl run sot-switching": run("sot-switching"),
        "labctl run harmonic-hall": run("harmonic-hall"),
        "labctl reproduce, without MNIST": reproduction(),
    }
    if mnist is not None:
        found["labctl classify"] = classification(mnist)
    return found


def table(found: dict[str, Cost]) -> str:
    """The costs, as a Markdown table."""
    rows = [f"| {name} | {taken.wall:.1f} | {taken.processor:.1f} |" for name, taken in found.items()]
    return "\n".join(["| command | s | s of processor time |", "|---|---|---|", *rows])


if __name__ == "__main__":
    found = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
