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
#: Seconds that arming a wave takes [unconfirmed: users wait up to 2 s before they start it].
ARM_TIME = 1.5

#: Wave: amplitude (A, peak), frequency (Hz), duration (s) and (cycles); limits of the public drivers.
AMPLITUDE_MIN = 2e-12
FREQUENCY_MIN, FREQUENCY_MAX = 1e-3, 1e5
DURATION_MIN, DURATION_MAX = 100e-9, 999999.999
CYCLES_MIN, CYCLES_MAX = 1e-3, 99999999900.0
#: Points of an arbitrary wave, and how many one message may bring.
POINTS_MIN, POINTS_MAX, POINTS_PER_MESSAGE = 2, 65535, 100
#: Trigger link line of the trigger output; the phase marker must use another (default of TRIGger:OLINe).
TRIGGER_OUTPUT_LINE = 2
