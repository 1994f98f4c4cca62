"""Kepco BOP with card BIT 4886: ratings of the models, errors, noise and times, as data.

Ratings: list of the public driver PyMeasure (kepcobop.py). Averaging of the readback: BIT 4886 manual 243-1303
section 1.2.1. Length of a message and times of an exchange: BIT 4882 manual 243-0882 front note and section on
messages, BOP-GL manual 243-1293. Errors and noise are our choice of orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: Rated voltage (V) and current (A), both polarities, by the name of the model.
MODELS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        f"{volts}-{amperes}": (float(volts), float(amperes))
        for volts, amperes in (
            *((5, 20), (20, 5), (50, 2), (100, 1)),  # 100 W
            *((5, 30), (20, 10), (36, 6), (50, 4), (72, 3), (100, 2), (200, 1)),  # 200 W
            *((20, 20), (36, 12), (50, 8), (72, 6), (100, 4)),  # 400 W
        )
    }
)

#: Steps of the converters between the two polarities of the rating (16 bit).
STEPS = 2**16

#: Seconds that one message costs: a readback takes about 5 ms; the same is taken for a command (our choice).
MESSAGE_TIME = 5e-3
#: Characters of the longest message.
MESSAGE_MAX = 253

#: The readback is the mean of so many conversions, so many seconds apart: right 320 ms after a change.
CONVERSIONS, CONVERSION_TIME = 16, 0.02

#: The current follows a step of the set point no faster than this (s): the amplifier itself, our choice.
RESPONSE = 1e-3
#: Resistance (ohm) of the leads, where the winding itself has less (our choice).
LEADS = 1e-3


@dataclass(frozen=True, slots=True)
class ConverterErrors:
    """How far one unit may be off, and the noise of its readings, in parts of the rating (gains: of the value).

    Half-widths: each unit has its own fixed errors inside them. `noise` is the rms of one reading.
    """

    set_gain: float
    set_offset: float
    read_gain: float
    read_offset: float
    noise: float


VOLTAGE_ERRORS = ConverterErrors(2e-4, 2e-4, 3e-4, 3e-4, 2e-5)
CURRENT_ERRORS = ConverterErrors(3e-4, 3e-4, 5e-4, 5e-4, 3e-5)
