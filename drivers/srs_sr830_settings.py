"""What an SR830 can be set to: full scales, time constants, slopes, and the settings that are codes of these.

SR830 manual p. 4-9; what has no page there was read in the public drivers of pymeasure (sr830.py), qcodes, slave
and instrumentkit. Every voltage is rms.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from drivers._setting import Number, Setting
from drivers.errors import OutOfRange, ReplyGarbled

if TYPE_CHECKING:
    from drivers._instrument import Instrument

#: Full scales (V rms; with a current input the same digits in uA rms), in the order of the codes of SENS.
SENSITIVITIES: Final = (
    *(2e-9, 5e-9, 10e-9, 20e-9, 50e-9, 100e-9, 200e-9, 500e-9),
    *(1e-6, 2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6),
    *(1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3),
    1.0,
)
#: Time constants (s), in the order of the codes of OFLT.
TIME_CONSTANTS: Final = (
    *(10e-6, 30e-6, 100e-6, 300e-6, 1e-3, 3e-3, 10e-3, 30e-3, 100e-3, 300e-3),
    *(1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 10e3, 30e3),
)
#: Time constants until a step of the input is followed to 1 %, by filter slope (dB/octave): n equal poles.
SETTLING: Final = {6: 5.0, 12: 7.0, 18: 9.0, 24: 10.0}
#: Filter slopes (dB/octave), in the order of the codes of OFSL.
SLOPES: Final = tuple(SETTLING)
#: Of a step: what floating point makes of a decimal number, and no more.
STEP_TOLERANCE: Final = 1e-6
_CODE = re.compile(r"\+?(\d+)")


class Step(Setting[float]):
    """A number out of a table, said and answered as its place there; what is between two steps is refused."""

    def __init__(self, header: str, steps: tuple[float, ...], *, unit: str, page: str, doc: str) -> None:
        super().__init__(header, unit=unit, page=page, doc=doc)
        self.steps = steps

    def words(self, value: float, who: str) -> str:
        """Return the code of the step."""
        for code, step in enumerate(self.steps):
            if math.isclose(value, step, rel_tol=STEP_TOLERANCE):
                return str(code)
        allowed = (
            f"one of the {len(self.steps)} steps from {self.steps[0]:G} to {self.steps[-1]:G} {self.unit}"
        )
        raise self.refuse(value, allowed, who)

    def read(self, instrument: Instrument) -> float:
        """Ask for the code and return the step; a code that is not in the table raises ReplyGarbled."""
        code = int(instrument.wire.match(f"{self.header}?", _CODE)[1])
        if code >= len(self.steps):
            instrument.wire.distrust()
            raise ReplyGarbled(
                f"{self.header}? of {instrument.wire.name} must answer 0 to {len(self.steps) - 1}; got {code}. "
                "The answer was dropped."
            )
        return self.steps[code]


class Amplitude(Number):
    """The sine amplitude in steps of 2 mV: in between is refused, for 5 mV would become a fifth more or less."""

    STEP = 0.002

    def words(self, value: float, who: str) -> str:
        """Return the amplitude with three decimals."""
        words = super().words(value, who)
        steps = value / self.STEP
        if abs(steps - round(steps)) > STEP_TOLERANCE:
            raise self.refuse(value, f"a whole number of steps of {self.STEP:G} {self.unit}", who)
        return words


class Frequency(Number):
    """The reference frequency, rounded as the lock-in would: to 5 digits or 0.1 mHz, whichever is coarser."""

    def words(self, value: float, who: str) -> str:
        """Return the frequency as it will be set."""
        super().words(value, who)
        return f"{value:.4f}" if value < 10 else f"{value:.5G}"


def sensitivity_for(V_max_rms: float) -> float:
    """Return the full scale (V rms) of the smallest sensitivity that holds `V_max_rms` (V rms); else OutOfRange."""
    if V_max_rms > 0:
        for full_scale in SENSITIVITIES:
            if V_max_rms <= full_scale:
                return full_scale
    raise OutOfRange(
        f"V_max_rms must be above 0 and at most {SENSITIVITIES[-1]:G} V rms; got {V_max_rms!r} V. Nothing was sent."
    )


def settle_time(time_constant: float, slope: float) -> float:
    """Return how long (s) a filter takes to follow a step to 1 %; OutOfRange for another slope."""
    if slope not in SETTLING:
        raise OutOfRange(f"slope must be 6, 12, 18 or 24 dB/octave; got {slope!r}. Nothing was sent.")
    return SETTLING[int(slope)] * time_constant
