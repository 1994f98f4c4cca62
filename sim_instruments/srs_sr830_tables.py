"""SR830 tables: sensitivities, time constants, filter slopes, input limits of the dynamic reserve, status bits.

Codes and values of SENS, OFLT and OFSL as in the public drivers PyMeasure (sr830.py) and QCoDeS (SR830.py);
shortest time constants SR830 manual p. 4-9. What else is said to be unconfirmed was not seen on a page.
"""

from __future__ import annotations

import math

#: Full scale (V rms) by SENS code; the current inputs have the same digits, and ampere for megavolt.
SENSITIVITIES = (
    *(2e-9, 5e-9, 10e-9, 20e-9, 50e-9, 100e-9, 200e-9, 500e-9),
    *(1e-6, 2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6),
    *(1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3, 1.0),
)
AMPERES_PER_VOLT = 1e-6  # full scale of a current input, by that of the voltage inputs

#: Time constants (s) by OFLT code.
TIME_CONSTANTS = (
    *(10e-6, 30e-6, 100e-6, 300e-6, 1e-3, 3e-3, 10e-3, 30e-3, 100e-3, 300e-3),
    *(1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 10e3, 30e3),
)
SLOW_FREQUENCY = 200.0  # Hz of the detection, above which there is nothing slower than
LONGEST_WHEN_FAST = TIME_CONSTANTS.index(30.0)

#: Time constants after which each number of poles has settled to 1 % (PyMeasure and QCoDeS documentation).
SETTLING = (5.0, 7.0, 9.0, 10.0)
#: Equivalent noise bandwidth in units of 1/time constant, by number of poles [unconfirmed; of equal poles].
NOISE_BANDWIDTH = (1 / 4, 1 / 8, 3 / 32, 5 / 64)
#: Noise density by ISRC code (V or A per square root of Hz, at 1 kHz) [unconfirmed].
NOISE_DENSITY = (6e-9, 6e-9, 0.13e-12, 0.013e-12)

#: By slope: the DC gain (dB) below which OFLT code 0, 1, 2 ... is the fastest (p. 4-9).
_FASTEST = (
    (45, 55, 65, 75, 85, 95, 105, 115, 125, 135, 145, 155, 165, 175),
    (55, 75, 95, 115, 135, 155, 175),
    (62, 92, 122, 152, 182),
    (72, 112, 152, 182),
)

FREQUENCY_MIN, FREQUENCY_MAX = 1e-3, 102e3  # Hz; harmonic times reference frequency as well
HARMONIC_MAX = 19999
AMPLITUDE_MIN, AMPLITUDE_MAX, AMPLITUDE_STEP = 4e-3, 5.0, 2e-3  # V rms, sine output
PHASE_MIN, PHASE_MAX = -360.0, 729.99  # degrees
OFFSET_MAX = 105.0  # per cent of full scale
AUXILIARY_MAX = 10.5  # V
AUXILIARY_STEP = 1 / 3000  # V, of the auxiliary inputs
AUXILIARY_FULL_SCALE = 10.0  # V
OUTPUT_MAX = 1.09  # of full scale, where the output overloads [unconfirmed]
BUFFER = 256  # characters of the input buffer

#: RMOD codes.
HIGH_RESERVE, NORMAL, LOW_NOISE = 0, 1, 2

#: Bits of the lock-in status (LIAS?).
INPUT_OVERLOAD = 1 << 0
FILTER_OVERLOAD = 1 << 1
OUTPUT_OVERLOAD = 1 << 2
UNLOCKED = 1 << 3
FREQUENCY_RANGE_CHANGED = 1 << 4
TIME_CONSTANT_CHANGED = 1 << 5
TRIGGERED = 1 << 6

#: Bit of the error status (ERRS?): FAST was turned off, because nobody received.
FAST_ABORTED = 1 << 5

#: Sample rates (Hz) by SRAT code; the next code is the trigger (p. 5-13).
SAMPLE_RATES = tuple(2.0 ** (number - 4) for number in range(14))
TRIGGER_RATE = len(SAMPLE_RATES)
POINTS_MAX = 16383  # of each channel (p. 5-12)
START_DELAY = 0.5  # s, of STRD
#: X and Y pairs that may wait for a receiver, by FAST mode: one in mode 1, which has no queue (our choice), 63 in
#: mode 2, which uses the transmit queue (p. 5-18; an older printing of that page has no mode 2).
FAST_QUEUE = {1: 1, 2: 63}
SETUPS = 9  # places of SSET and RSET

#: Largest inputs (V rms) that the front end can be set for: 1 V, and gain in steps of 10 dB.
_INPUT_LIMITS = tuple(10 ** (-step / 2) for step in range(6))


def input_limit(sensitivity: float, reserve: int) -> float:
    """Largest total input (V rms) at a full scale (V) and a reserve mode (RMOD code).

    High reserve always takes 1 V: 174 dB at 2 nV, which is where the tables of p. 4-9 end. The others are a
    rule that reproduces what we remember of the manual's table [unconfirmed]: low noise takes full scale,
    but at least 3.16 mV (30 dB at 100 uV); normal takes 10 dB more than full scale, but at least 100 mV
    (60 dB at 100 uV); rounded up to the steps of the front end, and never more than 1 V.
    """
    if reserve == HIGH_RESERVE:
        return _INPUT_LIMITS[0]
    wanted = sensitivity if reserve == LOW_NOISE else max(0.1, math.sqrt(10.0) * sensitivity)
    return min((limit for limit in _INPUT_LIMITS if limit >= wanted * (1 - 1e-9)), default=_INPUT_LIMITS[0])


def fastest_time_constant(slope: int, gain: float) -> int:
    """OFLT code of the shortest time constant for an OFSL code and a DC gain (dB, reserve plus expand)."""
    limits = _FASTEST[slope]
    return next((code for code, limit in enumerate(limits) if gain < limit), len(limits))
