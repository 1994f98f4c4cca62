"""What every contestant drives: the same simulated instruments, under bare PyVISA, and marks of processor time."""

import time
from functools import cache
from typing import Any, Final

import pyvisa

from labctl import bench, config

SOURCE: Final = "TCPIP0::192.0.2.21::1394::SOCKET"
VOLTMETER: Final = "GPIB0::7::INSTR"
ROLES: Final = ("source", "voltmeter")

#: The question of a point: the reading that the meter has, without a new one.
QUERY: Final = "FETC?"
_FIRST_READING: Final = ("ABOR", "INIT:CONT OFF", "TRIG:SOUR IMM", "SENS:VOLT:DFIL OFF", "SENS:VOLT:NPLC 1")


@cache
def room() -> Any:
    """The bench of the station sim, one for each process, with one reading in its meter."""
    station, _ = config.load_station("sim")
    built = bench.build(station, config.load_sample("alox-2.0")[0], seed=1, roles=ROLES)
    _, meter = sessions(built)
    for line in _FIRST_READING:
        meter.write(line)
    meter.query("READ?")
    return built


def sessions(built: Any) -> tuple[Any, Any]:
    """Source and voltmeter of a bench, opened by bare PyVISA."""
    manager = pyvisa.ResourceManager(built.library)
    opened = [manager.open_resource(name) for name in (SOURCE, VOLTMETER)]
    for resource in opened:
        resource.read_termination = resource.write_termination = "\n"
    return opened[0], opened[1]


def level(number: int) -> float:
    """The current (A) of a point."""
    return 1e-6 * (number % 1000)


class Marks:
    """Called at the end of each point, it keeps the processor time of a few of them."""

    def __init__(self, points: int) -> None:
        self._points = points
        self._tenth = points // 10
        self._count = 0
        self._at = {1, self._tenth, points - self._tenth, points}
        self._times: dict[int, float] = {}

    def __call__(self) -> None:
        """Another point is done."""
        self._count += 1
        if self._count in self._at:
            self._times[self._count] = time.process_time()

    def _between(self, first: int, last: int) -> float:
        return (self._times[last] - self._times[first]) / (last - first) * 1e6

    @property
    def each(self) -> float:
        """Microseconds of processor time for each point, begin and end of the run left out."""
        return self._between(1, self._points)

    @property
    def growth(self) -> float:
        """The cost of a point in the last tenth over that in the first."""
        return self._between(self._points - self._tenth, self._points) / self._between(1, self._tenth)
