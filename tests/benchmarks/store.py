"""What the durable store costs per row and at the end, beside plain h5py, in processor time and in memory."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
from memory import peak

from labctl.record import RunHeader
from labctl.store import RunStore
from protocols.vocabulary import Column

COLUMNS = [Column(f"c{number}", "V", "a reading") for number in range(10)]
VALUES = {column.name: 0.1 * number for number, column in enumerate(COLUMNS)}
LINES = (("source", "say", "SOUR:CURR 1.2345E-03"), ("voltmeter", "hear", "+1.23456789E-06"))


def _store(target: Path) -> RunStore:
    store = RunStore(target)
    store.begin(
        RunHeader(
            title="cost", protocol="cost", protocol_version="1", caption="", source="", parameters={},
            columns=COLUMNS, signal="c1", axis="c0", uuid="cost", seed=1, start_time=datetime.now(UTC),
            program_version="1", clock="virtual",
        )
    )  # fmt: skip
    return store


def _h5py(folder: Path, rows: int) -> float:
    """Microseconds of processor time per row of ten columns that grow by one value each, flushed at each row."""
    with h5py.File(folder / "plain.h5", "w") as file:
        made = [file.create_dataset(name, (0,), "f8", maxshape=(None,), chunks=(1024,)) for name in VALUES]
        start = time.process_time()
        for row in range(rows):
            for dataset, value in zip(made, VALUES.values(), strict=True):
                dataset.resize((row + 1,))
                dataset[row] = value
            file.flush()
        return (time.process_time() - start) / rows * 1e6


def _rows(store: RunStore, rows: int, lines: int) -> float:
    """Microseconds of processor time per row, with so many lines of the wire and clock readings each."""
    readings = array("d")
    store.clock(readings)
    start = time.process_time()
    for row in range(rows):
        for line in range(lines):
            readings.append(row * 1e-3)
            store.wire(row * 1e-3, *LINES[line % 2])
        store.row(VALUES)
    return (time.process_time() - start) / rows * 1e6


def _journal(folder: Path, rows: int, lines: int) -> float:
    store = _store(folder / f"{rows}-{lines}.h5")
    cost = _rows(store, rows, lines)
    store.finish("complete", "", datetime.now(UTC), 1.0)
    return cost


def medians(rounds: int = 5) -> dict[str, float]:
    """Median microseconds per row of each contestant over interleaved rounds."""
    costs: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            costs["h5py, 10 columns, flushed"].append(_h5py(folder, 300))
            costs["store, 300 rows"].append(_journal(folder, 300, 0))
            costs["store, 3000 rows"].append(_journal(folder, 3000, 0))
            costs["store, 3000 rows, 4 lines each"].append(_journal(folder, 3000, 4))
            costs["store, 30000 rows"].append(_journal(folder, 30_000, 0))
    return {name: statistics.median(values) for name, values in costs.items()}


def long_run(rows: int = 100_000, lines: int = 4) -> dict[str, float]:
    """A long run in a process of its own: seconds of processor time of its rows and its end, peak memory in MB."""
    code = f"import store; store.run_long({rows}, {lines})"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return json.loads(said.stdout)


def run_long(rows: int, lines: int) -> None:
    """What the process of `long_run` does; it prints what it found as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder) / "long.h5")
        taking = _rows(store, rows, lines) * rows * 1e-6
        of_rows = peak()
        start = time.process_time()
        store.finish("complete", "", datetime.now(UTC), 1.0)
        end = time.process_time() - start
    sys.stdout.write(json.dumps({"rows, s": taking, "end, s": end, "rows, MB": of_rows, "peak, MB": peak()}))


def table(found: dict[str, Any]) -> str:
    """The costs, as a Markdown table, and what a long run took."""
    costs = {name: cost for name, cost in found.items() if name != "long"}
    base = costs["h5py, 10 columns, flushed"]
    rows = [f"| {name} | {value:.1f} | {value / base:.3f} |" for name, value in costs.items()]
    long = ", ".join(f"{name}: {value:.4g}" for name, value in found["long"].items())
    return "\n".join(
        ["| per row | us | to h5py |", "|---|---|---|", *rows, f"\n1e5 rows, 4e5 lines: {long}."]
    )


if __name__ == "__main__":
    found = {**medians(), "long": long_run()}
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
