"""What a message costs in process: our bench beside pyvisa-sim's own default device, in interleaved rounds."""

import statistics
import sys
import timeit
from collections.abc import Callable

import pyvisa

from labctl import bench, config

CALLS = 2000


def contestants() -> dict[str, Callable[[], object]]:
    """The messages to be timed, each as a function that exchanges one."""
    room = bench.build(config.load_station("sim")[0], config.load_sample("alox-2.0")[0], seed=1, roles=())
    ours = pyvisa.ResourceManager(room.library).open_resource("TCPIP0::192.0.2.21::1394::SOCKET")
    theirs = pyvisa.ResourceManager("@sim").open_resource("ASRL1::INSTR")
    for resource in (ours, theirs):
        resource.read_termination = resource.write_termination = "\n"
    theirs.write_termination = "\r\n"
    ours.write("SOUR:WAVE:ARB:DATA " + ",".join(["0.12345"] * 79))
    return {
        "pyvisa-sim: query ?IDN": lambda: theirs.query("?IDN"),
        "6221: query OUTP?": lambda: ours.query("OUTP?"),
        "6221: write SOUR:CURR": lambda: ours.write("SOUR:CURR 0.001"),
        "6221: query of 1 kB": lambda: ours.query("SOUR:WAVE:ARB:DATA?"),
    }


def medians(rounds: int = 7) -> dict[str, float]:
    """Median microseconds of each message over interleaved rounds."""
    timed = contestants()
    times: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, exchange in timed.items():
            times[name].append(timeit.timeit(exchange, number=CALLS) / CALLS * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def table(found: dict[str, float]) -> str:
    """The messages, as a Markdown table."""
    base = next(iter(found.values()))
    rows = [f"| {name} | {value:.1f} | {value / base:.2f} |" for name, value in found.items()]
    return "\n".join(["| message | us | to pyvisa-sim |", "|---|---|---|", *rows])


if __name__ == "__main__":
    sys.stdout.write(table(medians()) + "\n")
