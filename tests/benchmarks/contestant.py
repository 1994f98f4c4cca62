"""One contestant in a process of its own: `python contestant.py MODULE NAME POINTS`; it prints its cost as JSON.

Beside what the sweep costs it measures its floor: the same writes and queries by bare PyVISA, nothing kept.
"""

import json
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from instruments import QUERY, Marks, level, room, sessions
from memory import peak


def floor(points: int) -> float:
    """Microseconds of processor time for a bare write and query."""
    source, meter = sessions(room())
    start = time.process_time()
    for number in range(points):
        source.write(f"SOUR:CURR {level(number):.9G}")
        float(meter.query(QUERY))
    return (time.process_time() - start) / points * 1e6


def cost(module: str, name: str, points: int) -> dict[str, float]:
    """What a sweep of so many points costs: us of processor time and bytes per point, MB in all."""
    sweep = getattr(import_module(module), name)
    mark = Marks(points)
    room()  # the instruments are there before anybody begins
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        sweep(Path(folder), points, mark)
        whole = (time.process_time() - start) / points * 1e6
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    memory = peak()
    if points < 100:
        return {"whole": whole}
    found = {"point": mark.each, "whole": whole, "growth": mark.growth, "MB": memory, "bytes": size / points}
    return {**found, "floor": floor(min(points, 3000))}


if __name__ == "__main__":
    found = cost(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads that a peer leaves behind are not waited for
