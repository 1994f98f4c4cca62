"""Keithley 2182A: ranges, accuracy, noise and reading times of the nanovoltmeter, as data.

The specification pages of the manual were not at hand: accuracy, noise and reading rates are the commonly
quoted figures of the data sheet [unconfirmed]. Everything else is User's Manual 2182A-900-01.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeterRange:
    """One range: full scale (V), gain error (1) and offset error (V) in specification, noise (V rms, 1 PLC)."""

    full_scale: float
    gain_error: float
    offset_error: float
    noise: float


def _range(full_scale: float, ppm_reading: float, ppm_range: float, peak_to_peak: float) -> MeterRange:
    return MeterRange(full_scale, ppm_reading * 1e-6, ppm_range * 1e-6 * full_scale, peak_to_peak / 6)


#: Channel 1, lowest range first: 1 year accuracy, and peak-to-peak noise in two minutes at a response of 60 ms
#: (1 PLC, filter off), of which a sixth is the rms [unconfirmed].
CHANNEL_1 = (
    _range(0.01, 50, 4, 70e-9),
    _range(0.1, 30, 4, 300e-9),
    _range(1.0, 25, 2, 700e-9),
    _range(10.0, 25, 2, 6.6e-6),
    _range(100.0, 35, 4, 300e-6),
)
#: Channel 2 has three of the ranges; its own figures are not known and taken as those of channel 1.
CHANNEL_2 = CHANNEL_1[1:4]
#: A range measures to 120 % of its full scale (RANGe 120 is the 100 V range).
OVERRANGE = 1.2

#: Readings per second with both autozeros on and filters off, at 60 Hz and at 50 Hz [unconfirmed].
RATES = ((0.01, 115.0, 105.0), (0.1, 80.0, 72.0), (1.0, 18.0, 15.0), (5.0, 3.0, 2.0))
#: Front autozero off halves the reading time (p. 2-7) ...
FRONT_AUTOZERO_SHARE = 0.5
#: ... and lets an offset of up to this through in plain voltage mode (V, p. 2-7).
FRONT_OFFSET_MAX = 500e-6
#: Autozero off gains a few per cent at 1 PLC (p. 2-7).
AUTOZERO_SHARE = 0.95
#: Seconds that the analog filter adds to a conversion.
ANALOG_FILTER_TIME = 0.125
#: Automatic trigger delay (s): 100 V range, other ranges; only with trigger source BUS or EXTernal.
AUTO_DELAY = (5e-3, 1e-3)

#: Trigger Link lines: "voltmeter complete" out, external trigger in (p. 7-7).
COMPLETE_LINE, EXTERNAL_LINE = 1, 2
#: Seconds beyond two integrations that a conversion takes under the command of a 6221: with its default delay of
#: 2 ms this makes the 24 reversals a second that are quoted for 1 PLC at 60 Hz [unconfirmed].
COMMANDED_OVERHEAD = 1 / 24 - 2 / 60 - 2e-3

#: Seconds that one message costs [unconfirmed: "a few ms"].
MESSAGE_TIME = 2e-3
#: Seconds that *RST takes [unconfirmed: chapter 12 only lists it among the slow commands].
RESET_TIME = 0.5
#: Temperature (degrees C) that channel 0, the internal sensor, reports.
INTERNAL_TEMPERATURE = 23.0


def conversion_time(nplc: float, line_frequency: float) -> float:
    """Return the seconds one conversion takes with both autozeros on: the rates, interpolated in log-log.

    Beyond 5 PLC the time grows in proportion. `nplc` in power-line cycles, `line_frequency` 50 or 60 (Hz).
    """
    column = 1 if line_frequency == 60 else 2
    points = [(math.log(row[0]), -math.log(row[column])) for row in RATES]
    x = math.log(nplc)
    if x >= points[-1][0]:
        return math.exp(points[-1][1] + x - points[-1][0])
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x <= x1:
            return math.exp(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    raise AssertionError("unreachable: the last point was compared first")
