"""Steps that protocols share: set-points, saturation, pulses, demagnetizing, Hall resistance by reversal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from protocols.units import Oe, mA, ms
from protocols.vocabulary import Lab, MeasurementError

#: Time between a reversal of the sense current and the reading: the default of the delta mode of the
#: Keithley 6221 (SOURce:DELTa:DELay, reference manual 622x-901-01).
REVERSAL_DELAY = 2 * ms

#: Standard deviation of an error that may lie anywhere between -1 and +1 (JCGM 100:2008, section 4.3.7).
RECTANGULAR = 3**-0.5

#: How the amplitudes of a demagnetizing train decrease.
Law = Literal["linear", "geometric"]

DESCENDING = -1
INITIAL = 0
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


def saturate(lab: Lab, mu0_H_z: float, dwell: float) -> None:
    """Apply mu0_H_z (T, signed) along the film normal and stay there for `dwell` seconds; the field is left on."""
    lab.note(f"saturating at {mu0_H_z / Oe:+.6g} Oe")
    lab.magnet_z.ramp_to(mu0_H_z)
    lab.wait(dwell)


def pulse(lab: Lab, current: float, t_pulse: float, *, compliance: float, R_load: float) -> bool:
    """Play one rectangular pulse of `current` (A, signed) for t_pulse (s) and wait for its end; True if played.

    The waveform is [current, 0 A], each for t_pulse. `compliance` (V) holds during the pulse, `R_load` (ohm) is
    the resistance of bar and leads that it must suffice for. The source is left at 0 A, as it was prepared for
    the sense current. A pulse of 0 A is none: nothing is played and the level stays.
    """
    if current == 0:
        return False
    lab.source.play([current, 0.0], t_pulse, compliance=compliance, R_load=R_load)
    return True


def demagnetize(
    lab: Lab, currents: Sequence[float], t_pulse: float, *, compliance: float, R_load: float
) -> None:
    """Play a train of pulses, `currents` (A, signed, in this order), as one waveform and wait for its end.

    The waveform is [I_1, 0 A, I_2, 0 A, ...], every sample for t_pulse (s): each pulse is followed by as long a
    pause, as `pulse` has it, so that no pulse meets the heat of the one before. The layer feels the fields that are
    applied. `compliance` (V) and `R_load` (ohm) are as for `pulse`. The source is left at 0 A.
    """
    lab.note(f"demagnetizing by {len(currents)} pulses from {currents[0] / mA:+.6g} mA")
    lab.source.play(train_samples(currents), t_pulse, compliance=compliance, R_load=R_load)


def train_samples(currents: Sequence[float]) -> list[float]:
    """The samples (A) of a train: each pulse, followed by as long a pause at 0 A."""
    return [level for current in currents for level in (current, 0.0)]


def decreasing_currents(I_start: float, I_step: float, law: Law, ratio: float) -> list[float]:
    """Amplitudes (A) of a demagnetizing train: alternating in sign, +I_start first, decreasing in size.

    linear: multiples of I_step from I_start, which is exact and may be a shorter step away, down to I_step.
    geometric: each is `ratio` (0 ... 1) times the one before, as long as it is at least I_step.
    """
    n = n_decreasing_currents(I_start, I_step, law, ratio)
    if law == "linear":
        sizes = [I_start, *(k * I_step for k in range(n - 1, 0, -1))]
    else:
        sizes = [I_start * ratio**k for k in range(n)]
    return [-size if k % 2 else size for k, size in enumerate(sizes)]


def n_decreasing_currents(I_start: float, I_step: float, law: Law, ratio: float) -> int:
    """How many amplitudes `decreasing_currents` has for the same arguments."""
    if law == "linear":
        return _n_levels(I_start, I_step)
    # a last amplitude that is I_step but for rounding counts
    return 1 + math.floor(math.log(I_step / I_start) / math.log(ratio) + 1e-9)


@dataclass(frozen=True, slots=True)
class LoopPoint:
    """One point of a loop: the set-point, its branch (-1 descending, +1 ascending, 0 initial), loop from 1."""

    level: float
    branch: int
    loop: int


def loop_points(maximum: float, step: float, n_loops: int = 1) -> Iterator[LoopPoint]:
    """Set-points of closed loops: from +maximum down to -maximum and back up, `n_loops` times.

    Every level is an integer multiple of step, made by multiplication, so that nothing accumulates,
    except the two ends, which are the maximum exactly; where the step does not divide the maximum, the
    outermost step is shorter. Each turning point occurs once: -maximum ends the descending branch,
    +maximum ends the ascending one and is not repeated at the start of the next loop.
    """
    n = _n_levels(maximum, step)

    def level(k: int) -> float:
        return math.copysign(maximum, k) if abs(k) == n else k * step

    yield LoopPoint(level(n), DESCENDING, 1)
    for loop in range(1, n_loops + 1):
        for k in range(n - 1, -n - 1, -1):
            yield LoopPoint(level(k), DESCENDING, loop)
        for k in range(-n + 1, n + 1):
            yield LoopPoint(level(k), ASCENDING, loop)


def n_loop_points(maximum: float, step: float, n_loops: int = 1) -> int:
    """How many points `loop_points` has for the same arguments."""
    return 4 * _n_levels(maximum, step) * n_loops + 1


def triangle_points(maximum: float, step: float, n_loops: int = 1) -> Iterator[LoopPoint]:
    """Set-points of `loop_points`, reached from 0: an initial leg (branch 0, loop 0) comes first.

    The initial leg goes from 0 to the last level below +maximum; +maximum itself begins the descending branch.
    """
    for k in range(_n_levels(maximum, step)):
        yield LoopPoint(k * step, INITIAL, 0)
    yield from loop_points(maximum, step, n_loops)


def n_triangle_points(maximum: float, step: float, n_loops: int = 1) -> int:
    """How many points `triangle_points` has for the same arguments; 1 + 2 n_loops of them are 0."""
    return _n_levels(maximum, step) + n_loop_points(maximum, step, n_loops)


def _n_levels(maximum: float, step: float) -> int:
    """Number of levels above zero, the maximum included: 80 for 400 Oe in steps of 5 Oe, however rounded."""
    ratio = maximum / step
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest, rel_tol=1e-9) else math.ceil(ratio)
