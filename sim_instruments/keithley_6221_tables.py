"""Keithley 6221: ranges, accuracy and resolution of the current source, as data.

Specification page of the User's Manual 622x-900-01 (Rev. B, PDF p. 148): 1 year, 23 +-5 C.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceRange:
    """One range: full scale (A), gain error (1) and offset error (A) of a unit within specification, step (A)."""

    full_scale: float
    gain_error: float
    offset_error: float
    resolution: float


#: From the lowest to the highest.
RANGES = (
    SourceRange(2e-9, 0.004, 2e-12, 100e-15),
    SourceRange(20e-9, 0.003, 10e-12, 1e-12),
    SourceRange(200e-9, 0.003, 100e-12, 10e-12),
    SourceRange(2e-6, 0.001, 1e-9, 100e-12),
    SourceRange(20e-6, 0.0005, 10e-9, 1e-9),
    SourceRange(200e-6, 0.0005, 100e-9, 10e-9),
    SourceRange(2e-3, 0.0005, 1e-6, 100e-9),
    SourceRange(20e-3, 0.0005, 10e-6, 1e-6),
    SourceRange(100e-3, 0.001, 50e-6, 10e-6),
)

#: Part of a range that may be used.
USABLE = 1.05
#: Largest current (A).
CURRENT_MAX = 0.105
#: Compliance: lowest, highest and step (V).
COMPLIANCE_MIN, COMPLIANCE_MAX, COMPLIANCE_STEP = 0.1, 105.0, 0.01

#: Seconds that one message costs [unconfirmed: no figure in the manuals; 5 to 15 ms are seen by users].
MESSAGE_TIME = 0.01
#: Seconds that *RST takes [unconfirmed: the wait that public drivers use].
RESET_TIME = 1.0
#: Seconds that arming a mode takes [unconfirmed: users wait up to 2 s before they start it].
ARM_TIME = 1.5

#: Wave: amplitude (A, peak), frequency (Hz), duration (s) and (cycles); limits of the public drivers.
AMPLITUDE_MIN = 2e-12
FREQUENCY_MIN, FREQUENCY_MAX = 1e-3, 1e5
DURATION_MIN, DURATION_MAX = 100e-9, 999999.999
CYCLES_MIN, CYCLES_MAX = 1e-3, 99999999900.0
#: Points of an arbitrary wave, and how many one message may bring.
POINTS_MIN, POINTS_MAX, POINTS_PER_MESSAGE = 2, 65535, 100

#: Sweep: step, span (A), points, sweeps; list values in one message; limits of the public driver slave.
STEP_MIN, SPAN_MIN, SPAN_MAX = 1e-13, 2e-13, 0.21
SWEEP_POINTS_MAX, SWEEP_COUNT_MAX = 65535, 9999
#: Delay of a step of a sweep (s).
DELAY_MIN, DELAY_MAX = 1e-3, 999999.999
#: Delay of delta and differential conductance (s).
DELTA_DELAY_MAX = 9999.999
#: Readings of delta and of pulse delta; public drivers write 65636 for the latter, against 65536 in the buffer.
DELTA_COUNT_MAX, PULSE_COUNT_MAX = 65536, 65636
#: Pulse: width and source delay (s), and what the width must be longer by (the limits of the two differ by it).
WIDTH_MIN, WIDTH_MAX = 50e-6, 12e-3
SOURCE_DELAY_MIN, SOURCE_DELAY_MAX = 16e-6, 11.966e-3
WIDTH_MARGIN = 34e-6
#: The conversion in a pulse ends so much before the pulse does (s) [our choice].
CONVERSION_MARGIN = 1e-6
#: Power-line cycles from one pulse delta reading to the next.
INTERVAL_MIN, INTERVAL_MAX = 5, 999999
#: Steps of differential conductance where one step is longer than the whole way (622x-900-01 p. 5-38).
CONDUCTANCE_POINTS = 100

#: Readings the buffer holds, and bytes that each of them takes (2097152 in all, 622x-901-01 p. 6-16).
BUFFER_MAX, READING_BYTES = 65536, 32
#: Averaging filter: readings (slave), window (% of the 2182A's range).
FILTER_MIN, FILTER_MAX = 2, 300
#: Characters that one SYSTem:COMMunicate:SERial:ENTer? returns at most (a public driver reads on in such pieces).
SERIAL_PIECE = 256
