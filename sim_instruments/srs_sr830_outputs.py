"""SR830 outputs: from the demodulated phasor to readings and displays, with offset, expand, ratio and overload."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence

from sim_instruments.srs_sr830_language import code, within
from sim_instruments.srs_sr830_tables import AUXILIARY_FULL_SCALE, AUXILIARY_STEP, OFFSET_MAX, OUTPUT_MAX

X, Y, R, THETA = 1, 2, 3, 4  # codes of OUTP? and SNAP?; of OEXP and AOFF the first three
X_NOISE = 2  # code of DDEF, of the noise on either channel
AUXILIARY = 3  # code of DDEF, of the first auxiliary input on either channel
FAST_FULL_SCALE = 30000  # what FAST sends for full scale
REFERENCE_FREQUENCY, CHANNEL_1, CHANNEL_2 = 9, 10, 11  # codes of SNAP?


def values(output: complex) -> dict[int, float]:
    """X, Y and R of a phasor, by their codes."""
    return {X: output.real, Y: output.imag, R: abs(output)}


def printed(value: float) -> str:
    """Return six digits as the instrument prints them: 0.951359, or -4.17234e-007 with a three-digit exponent."""
    mantissa, mark, exponent = f"{value + 0.0:g}".partition("e")
    return f"{mantissa}e{int(exponent):+04d}" if mark else mantissa


class Outputs:
    """Offsets, expands and displays as set, and what they make of a phasor (V or A rms, as the full scale).

    Arguments are the numbers of the commands as they came; OutOfRangeError where they are not allowed.
    """

    def __init__(self) -> None:
        self._offsets = {X: 0.0, Y: 0.0, R: 0.0}
        self._expands = {X: 0, Y: 0, R: 0}
        self._displays = {1: (0, 0), 2: (0, 0)}
        self._sources = {1: 0, 2: 0}

    @property
    def largest_expand(self) -> int:
        """Power of ten by which the most expanded output is expanded."""
        return max(self._expands.values())

    def overloaded(self, output: complex, full_scale: float) -> bool:
        """True where X, Y or R, less its offset and times its expand, is beyond what the outputs can give."""
        return any(
            abs((value / full_scale - self._offsets[number] / 100) * 10 ** self._expands[number]) > OUTPUT_MAX
            for number, value in values(output).items()
        )

    def readings(self, output: complex, full_scale: float) -> dict[int, float]:
        """What OUTP? reads, by its codes: X, Y and R less their offsets, and the phase (degrees)."""
        most = OUTPUT_MAX * full_scale
        limited = complex(min(max(output.real, -most), most), min(max(output.imag, -most), most))
        readings = {
            number: min(value, most) - self._offsets[number] / 100 * full_scale
            for number, value in values(limited).items()
        }
        return {**readings, THETA: math.degrees(cmath.phase(limited))}

    def integers(self, readings: Mapping[int, float], full_scale: float) -> tuple[int, int]:
        """X and Y as FAST sends them: 30000 is full scale, offset and expand included (p. 5-18)."""

        def sent(number: int) -> int:
            share = readings[number] / full_scale * 10 ** self._expands[number]
            return min(max(round(FAST_FULL_SCALE * share), -(1 << 15)), (1 << 15) - 1)

        return sent(X), sent(Y)

    def displayed(
        self,
        channel: float,
        readings: Mapping[int, float],
        noise_density: float,
        auxiliary: Sequence[float],
        full_scale: float,
    ) -> float:
        """What a channel shows: X or Y, R or the phase, its noise, or an auxiliary input (V); or their ratio.

        A ratio is per cent of full scale (of 180 degrees, of 10 V) for each volt at the auxiliary input, whose
        smallest step is the least that it is divided by [unit as in QCoDeS; the rule from memory].
        """
        number = code(channel, 1, 2)
        kind, ratio = self._displays[number]
        if kind < X_NOISE:
            shown = readings[number + 2 * kind]
        elif kind == X_NOISE:
            shown = noise_density
        else:
            shown = auxiliary[2 * (number - 1) + kind - AUXILIARY]
        if not ratio:
            return shown
        volts = auxiliary[2 * (number - 1) + ratio - 1]
        divisor = math.copysign(max(abs(volts), AUXILIARY_STEP), volts)
        return 100 * shown / self._unit(number, full_scale) / divisor

    def _unit(self, channel: int, full_scale: float) -> float:
        kind, _ = self._displays[channel]
        if kind >= AUXILIARY:
            return AUXILIARY_FULL_SCALE
        return 180.0 if (channel, kind) == (2, 1) else full_scale

    def scale(self, channel: int, full_scale: float) -> float:
        """Full scale of what a channel shows: V or A, degrees, or per cent."""
        return 100.0 if self._displays[channel][1] else self._unit(channel, full_scale)

    def set_display(self, channel: float, kind: float, ratio: float) -> None:
        """DDEF: what a channel shows, and by which auxiliary input it is divided."""
        self._displays[code(channel, 1, 2)] = (code(kind, 0, 4), code(ratio, 0, 2))

    def say_display(self, channel: float) -> str:
        """Answer DDEF?."""
        return "{},{}".format(*self._displays[code(channel, 1, 2)])

    def set_source(self, channel: float, source: float) -> None:
        """FPOP: whether the front-panel output of a channel follows its display (0) or X or Y (1)."""
        self._sources[code(channel, 1, 2)] = code(source, 0, 1)

    def say_source(self, channel: float) -> str:
        """Answer FPOP?."""
        return str(self._sources[code(channel, 1, 2)])

    def set_offset(self, output: float, percent: float, expand: float) -> None:
        """OEXP: offset (per cent of full scale) and expand (power of ten) of X, Y or R."""
        number, power = code(output, X, R), code(expand, 0, 2)
        self._offsets[number] = round(within(percent, -OFFSET_MAX, OFFSET_MAX), 2)
        self._expands[number] = power

    def say_offset(self, output: float) -> str:
        """Answer OEXP?."""
        number = code(output, X, R)
        return f"{self._offsets[number]:g},{self._expands[number]}"

    def offset_away(self, output: float, phasor: complex, full_scale: float) -> None:
        """AOFF: make X, Y or R zero, as far as offsets go."""
        number = code(output, X, R)
        percent = round(100 * values(phasor)[number] / full_scale, 2)
        self._offsets[number] = min(max(percent, -OFFSET_MAX), OFFSET_MAX)
