"""Steps that protocols share: field lists, Hall resistance by current reversal, check of the compliance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from protocols.units import mA, ms
from protocols.vocabulary import Lab, MeasurementError

#: Time between a reversal of the sense current and the reading: the default of the delta mode of the
#: Keithley 6221 (SOURce:DELTa:DELay, reference manual 622x-901-01).
REVERSAL_DELAY = 2 * ms

DESCENDING = -1
ASCENDING = +1


@dataclass(frozen=True, slots=True)
class HallReading:
    """One Hall resistance (ohm) and the two voltages (V) read at +I_sense and -I_sense that it comes from."""

    R_xy: float
    V_plus: float
    V_minus: float


def hall_resistance(lab: Lab, I_sense: float, delay: float = REVERSAL_DELAY) -> HallReading:
    """Read V_plus at +I_sense (A), V_minus at -I_sense, and return R_xy = (V_plus - V_minus) / (2 I_sense).

    The reversal removes every voltage that does not follow the current: thermal EMFs of the leads and the
    zero of the meter, as far as they are the same in both readings. `delay` (s) passes between each change
    of the current and its reading. The source is left at -I_sense: a constant magnitude keeps the bar at one
    temperature from reading to reading, and the power, R I_sense**2, is a few microwatts.
    """
    lab.source.set_current(+I_sense)
    lab.wait(delay)
    V_plus = lab.voltmeter.read_voltage()
    lab.source.set_current(-I_sense)
    lab.wait(delay)
    V_minus = lab.voltmeter.read_voltage()
    return HallReading((V_plus - V_minus) / (2 * I_sense), V_plus, V_minus)


def require_regulation(lab: Lab, I_sense: float, compliance: float) -> None:
    """Raise MeasurementError while the source is in compliance, where it drives less than R_xy is divided by.

    `I_sense` (A) and `compliance` (V) are what was asked for; they only appear in the message.
    """
    if lab.source.in_compliance():
        raise MeasurementError(
            f"The source must drive {I_sense / mA:.6g} mA with less than {compliance:.6g} V; "
            f"got the compliance limit. Check the current leads and contacts, or raise compliance."
        )


@dataclass(frozen=True, slots=True)
class LoopField:
    """One point of a field loop: the set field (T), its branch (-1 descending, +1 ascending), loop from 1."""

    mu0_H: float
    branch: int
    loop: int


def loop_fields(mu0_H_max: float, mu0_H_step: float, n_loops: int = 1) -> Iterator[LoopField]:
    """Fields of closed loops: from +mu0_H_max down to -mu0_H_max and back up, `n_loops` times.

    Every field is an integer multiple of mu0_H_step (T), made by multiplication, so that nothing accumulates,
    except the two ends, which are mu0_H_max (T) exactly; where the step does not divide the maximum, the
    outermost step is shorter. Each turning point occurs once: -mu0_H_max ends the descending branch,
    +mu0_H_max ends the ascending one and is not repeated at the start of the next loop.
    """
    n = _n_levels(mu0_H_max, mu0_H_step)

    def level(k: int) -> float:
        return math.copysign(mu0_H_max, k) if abs(k) == n else k * mu0_H_step

    yield LoopField(level(n), DESCENDING, 1)
    for loop in range(1, n_loops + 1):
        for k in range(n - 1, -n - 1, -1):
            yield LoopField(level(k), DESCENDING, loop)
        for k in range(-n + 1, n + 1):
            yield LoopField(level(k), ASCENDING, loop)


def n_loop_fields(mu0_H_max: float, mu0_H_step: float, n_loops: int = 1) -> int:
    """How many points `loop_fields` has for the same arguments."""
    return 4 * _n_levels(mu0_H_max, mu0_H_step) * n_loops + 1


def _n_levels(mu0_H_max: float, mu0_H_step: float) -> int:
    """Number of fields above zero, the maximum included: 80 for 400 Oe in steps of 5 Oe, however rounded."""
    ratio = mu0_H_max / mu0_H_step
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest, rel_tol=1e-9) else math.ceil(ratio)
