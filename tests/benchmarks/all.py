"""Every benchmark: `python tests/benchmarks/all.py [-o DIR] [--peers] [--mnist DIR] [--short]`.

Prints the tables as Markdown; with `-o` they are in DIR/benchmarks.md, and the numbers in DIR/benchmarks.json.
With `--peers` the environments of QCoDeS, PyMeasure and Bluesky are built first, if they are not there yet;
without, whoever has one takes part. It wants the machine for itself.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import catalogue
import efficiency
import peers
import physics
import side_by_side
import start_up
import store
import viewers
import whole
import wire

Part = tuple[str, Callable[[], Any], Callable[[Any], str]]


def parts(mnist: Path | None, *, short: bool) -> list[Part]:
    """Title, measurement and table of each benchmark."""
    sizes = {300: 3, 3000: 3} if short else side_by_side.SIZES
    found: list[Part] = [
        ("The same sweep, side by side", lambda: side_by_side.measure(sizes), side_by_side.table),
        ("On a bench served in real time", efficiency.measure, efficiency.table),
        ("The store", lambda: {**store.medians(), "long": store.long_run()}, store.table),
        ("Messages in process", wire.medians, wire.table),
        ("The sample", physics.medians, physics.table),
        ("Start-up", start_up.medians, start_up.table),
    ]
    if not short:
        found += [
            ("Whoever looks at a run", viewers.medians, viewers.table),
            ("A list of 5000 files", lambda: catalogue.measure(5000), catalogue.table),
            ("Whole commands", lambda: whole.measure(mnist), whole.table),
        ]
    return found


def machine() -> str:
    """What it was measured on."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, load {load}"


def report(found: Mapping[str, tuple[Any, str]]) -> str:
    """All tables."""
    head = f"# Benchmarks\n\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}\n"
    return "\n".join([head, *(f"## {title}\n\n{table}\n" for title, (_, table) in found.items())])


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, metavar="DIR")
    parser.add_argument("--peers", action="store_true", help="build the peers' environments that are missing")
    parser.add_argument("--mnist", type=Path, metavar="DIR", help="the IDX files, for `labctl classify`")
    parser.add_argument("--short", action="store_true", help="fewer rounds, and nothing that takes minutes")
    asked = parser.parse_args()
    if asked.peers:
        peers.build_missing()
    found: dict[str, tuple[Any, str]] = {}
    for title, measure, table in parts(asked.mnist, short=asked.short):
        sys.stderr.write(f"{title} ...\n")
        costs = measure()
        found[title] = costs, table(costs)
    sys.stdout.write(report(found))
    if asked.output is not None:
        asked.output.mkdir(parents=True, exist_ok=True)
        numbers = {title: costs for title, (costs, _) in found.items()}
        (asked.output / "benchmarks.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        (asked.output / "benchmarks.md").write_text(report(found), encoding="utf-8")


if __name__ == "__main__":
    main()
