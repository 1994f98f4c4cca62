"""What a step of the sample costs: pulses of a switching loop, and steps of a waveform, in processor time."""

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.sample import Sample, SampleParameters

Oe, mA, ms, nm = 1e-4, 1e-3, 1e-3, 1e-9


def amplitudes(step: float = 0.5) -> list[float]:
    """The pulses (A) of one loop: 0 to 30 mA, down to -30 mA and back up."""
    legs = np.arange(0, 30, step), np.arange(30, -30, -step), np.arange(-30, 30 + step, step)
    return [float(one) * mA for one in np.concatenate(legs)]


def looped(t_nm: float, n_patches: int, H_x: float) -> Callable[[], float]:
    """A loop of pulses of 10 ms in a field (Oe), as a function that returns microseconds per pulse."""
    sample = Sample(SampleParameters.for_thickness(t_nm * nm, n_patches=n_patches), 11, ThermalDraws(7))
    return lambda: _each(sample, amplitudes(), H_x, 10 * ms)


def waved(n_patches: int) -> Callable[[], float]:
    """Spikes of 2 ms at 8 mA and a tail of 16 ms in steps of 0.1 ms, of either sign: microseconds per step."""
    sample = Sample(SampleParameters.for_thickness(2 * nm, n_patches=n_patches), 11, ThermalDraws(7))
    spike = [8.0] * 20 + [-8.0 * (1 - k / 160) for k in range(160)]
    steps = [I * mA for I in (*spike, *(-I for I in spike))]
    return lambda: _each(sample, steps, -500.0, 0.1 * ms)


def _each(sample: Sample, currents: Sequence[float], H_x: float, dt: float) -> float:
    mu0_H = (H_x * Oe, 0.0, 0.0)
    start = time.process_time()
    for current in currents:
        sample.advance(current, mu0_H, dt)
    return (time.process_time() - start) / len(currents) * 1e6


def calibration() -> float:
    """Microseconds that this machine needs now for a fixed piece of arithmetic in numpy and in plain Python."""
    values = np.linspace(0.1, 1.0, 650)
    start = time.process_time()
    for _ in range(200):
        np.count_nonzero(np.exp(-np.sqrt(values) * 3.0) < values)
        sum(range(50))
    return (time.process_time() - start) / 200 * 1e6


CASES: dict[str, Callable[[], Callable[[], float]]] = {
    "calibration": lambda: calibration,
    "pulse, t = 2 nm, -500 Oe, N = 1024": lambda: looped(2, 1024, -500),
    "pulse, t = 2 nm, -500 Oe, N = 4096": lambda: looped(2, 4096, -500),
    "pulse, t = 2 nm, -800 Oe, N = 4096": lambda: looped(2, 4096, -800),
    "pulse, t = 1 nm, -800 Oe, N = 4096": lambda: looped(1, 4096, -800),
    "step of a waveform, N = 1024": lambda: waved(1024),
    "step of a waveform, N = 4096": lambda: waved(4096),
}


def medians(rounds: int = 9, cases: Sequence[str] = tuple(CASES)) -> dict[str, float]:
    """Median microseconds of each case over interleaved rounds, after one that warms it up."""
    measured = {name: CASES[name]() for name in cases}
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for name, measure in measured.items():
            cost = measure()
            if number:
                taken[name].append(cost)
    return {name: statistics.median(costs) for name, costs in taken.items()}


def table(found: dict[str, float]) -> str:
    """The costs, as a Markdown table."""
    rows = [f"| {name} | {cost:.1f} | {1e6 / cost:.0f} |" for name, cost in found.items()]
    return "\n".join(["| physics | us | per second of one core |", "|---|---|---|", *rows])


if __name__ == "__main__":
    found = medians()
    sys.stdout.write(table(found) + "\n" + json.dumps(found) + "\n")
