"""How much of a real-time loop is the instruments': bare PyVISA and labctl in turns, on a bench served over TCP.

A point is one write (a current) and one query that the meter takes about 20 ms to answer. labctl has everything
that it has on real instruments: lock, guard, signals, limits, durable store and the lines of the wire.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyvisa
from instruments import level
from sweep import PROTOCOL, Meter, Parameters, Source

from labctl import admission, config, engine, rawsocket, registry

NPLC: Final = 0.13  # 20 ms per point of bare PyVISA
READ: Final = "READ?"
_SET_UP: Final = ("ABOR", "INIT:CONT OFF", "TRIG:SOUR IMM", "SENS:VOLT:DFIL OFF", f"SENS:VOLT:NPLC {NPLC}")


class TimedMeter(Meter):
    """A meter that takes a new reading at each question."""

    __slots__ = ()

    def connect(self) -> list[str]:
        found = super().connect()
        for line in _SET_UP:
            self.wire.say(line)
        return found

    def read_voltage(self) -> float:
        return self.wire.number(READ)


@contextmanager
def served() -> Generator[Path]:
    """Serve the station sim in real time; gives its station file."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            sys.executable,
            "-c",
            "from labctl.cli import main; main()",
            "simulate",
            "--seed",
            "1",
            "--json",
        ]
        with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=folder, text=True) as process:
            try:
                assert process.stdout is not None
                yield Path(folder) / json.loads(process.stdout.readline())["station"]
            finally:
                process.terminate()


@contextmanager
def light_drivers() -> Generator[None]:
    """Let source and meter be the light ones wherever a station is opened."""
    load, light = registry.load, {"keithley_6221": Source, "keithley_2182a": TimedMeter}
    registry.load = lambda group, name: (
        light[name] if group == "drivers" and name in light else load(group, name)
    )
    try:
        yield
    finally:
        registry.load = load


def bare(station: Path, points: int) -> float:
    """Seconds per point of bare PyVISA."""
    content, _ = config.load_station(str(station))
    manager = pyvisa.ResourceManager("@py")
    opened: list[Any] = []
    for role in ("source", "voltmeter"):
        session = manager.open_resource(content.instruments[role].resource)
        rawsocket.send_at_once(manager, session)
        session.read_termination = session.write_termination = "\n"
        opened.append(session)
    source, meter = opened
    for line in _SET_UP:
        meter.write(line)
    moments: list[float] = []
    for number in range(points):
        source.write(f"SOUR:CURR {level(number):.9G}")
        float(meter.query(READ))
        moments.append(time.perf_counter())
    manager.close()
    return (moments[-1] - moments[0]) / (points - 1)


def labctl(station: Path, points: int) -> float:
    """Seconds per point of labctl's engine with all that belongs to a real station."""
    content, text = config.load_station(str(station))
    sample, sample_text = config.load_sample("alox-2.0")
    moments: list[float] = []
    with tempfile.TemporaryDirectory() as folder, light_drivers():
        request = engine.checked(
            PROTOCOL,
            Parameters(N=points),
            content,
            sample,
            {"station": text, "sample": sample_text},
            seed=1,
            output=Path(folder) / "served.h5",
        )
        outcome = engine.run(
            request,
            lambda _rows: moments.append(time.perf_counter()),
            lambda _text: None,
            permit=admission.admit(request, is_rehearsed=False),
        )
    if outcome.status != "complete":
        raise RuntimeError(f"the sweep must be complete; it is {outcome.status}: {outcome.reason}")
    return (moments[-1] - moments[0]) / (points - 1)


def measure(points: int = 300, rounds: int = 5) -> dict[str, float]:
    """Median milliseconds per point of each, over interleaved rounds, and the part of it that is not labctl's."""
    taken: dict[str, list[float]] = defaultdict(list)
    with served() as station:
        for _ in range(rounds):
            taken["bare PyVISA"].append(1e3 * bare(station, points))
            taken["labctl"].append(1e3 * labctl(station, points))
    found = {name: statistics.median(each) for name, each in taken.items()}
    return {**found, "efficiency": found["bare PyVISA"] / found["labctl"]}


def table(found: dict[str, float]) -> str:
    """The milliseconds, as a Markdown table."""
    head = "| served in real time | ms per point |\n|---|---|"
    rows = [f"| {name} | {value:.3f} |" for name, value in found.items() if name != "efficiency"]
    return "\n".join([head, *rows, f"\nEfficiency: {100 * found['efficiency']:.2f} %."])


if __name__ == "__main__":
    found = measure()
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
