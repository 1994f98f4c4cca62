"""Keithley 6221: pulse delta, a reading from a pulse and the low level before and after it.

Formulae and timing 2182A-900-01 appendix I; User's Manual 622x-900-01 p. 5-23, 5-28 and 5-34; limits as in the
public driver slave (k6221.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_instruments.clock import Event
from sim_instruments.keithley_6221_buffer import TraceBuffer
from sim_instruments.keithley_6221_modes import LinkedMode, Parts
from sim_instruments.keithley_6221_readings import Reading
from sim_instruments.keithley_6221_source import fits, lowest_range
from sim_instruments.keithley_6221_sweeps import Sweep
from sim_instruments.keithley_6221_tables import (
    CONVERSION_MARGIN,
    CURRENT_MAX,
    INTERVAL_MAX,
    INTERVAL_MIN,
    PULSE_COUNT_MAX,
    SOURCE_DELAY_MAX,
    SOURCE_DELAY_MIN,
    WIDTH_MARGIN,
    WIDTH_MAX,
    WIDTH_MIN,
)
from sim_instruments.keithley_statistics import OVERFLOW
from sim_instruments.scpi_commands import Setting
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number
from sim_instruments.scpi_status import ScpiError

_CURRENT = Number(-CURRENT_MAX, CURRENT_MAX)


class PulseDelta(LinkedMode):
    """SOURce:PDELta: the low level, a pulse to HIGH, the low level again, each measured in its own line cycle.

    Each of the three begins at a rising zero crossing of the line (the bench's mains begin with one at time
    0), lasts WIDTh and is measured from SDELay on; then the output stays at LOW until INTerval is over.
    With X, Y, Z the three voltages, the reading is (2 Y - X - Z) / 2 with two low measurements and Y - X
    with one: the voltage of HIGH - LOW. With SWEep ON the pulse heights are those of the sweep, again for
    each of its SOURce:SWEep:COUNt, and a cycle lasts as long as the sweep's delay, up to the next crossing;
    HIGH, COUNt, INTerval and RANGing play no part.

    A conversion needs 34 us of the pulse: a longer SDELay counts as what leaves those [uncited; the limits of the
    two differ by so much, and a published script sets both alike].
    """

    root = "[SOURce1]:PDELta"

    high = Setting(":HIGH", _CURRENT, default=1e-3)
    low = Setting(":LOW", _CURRENT, default=0.0)
    width = Setting(":WIDTh", Number(WIDTH_MIN, WIDTH_MAX), default=110e-6)
    source_delay = Setting(":SDELay", Number(SOURCE_DELAY_MIN, SOURCE_DELAY_MAX), default=16e-6)
    count = Setting(":COUNt", Integer(1, PULSE_COUNT_MAX, infinite=True), default=math.inf)
    ranging = Setting(":RANGing", Choice("BEST", "FIXed"), default="BEST")
    interval = Setting(":INTerval", Integer(INTERVAL_MIN, INTERVAL_MAX), default=5.0)
    sweeping = Setting(":SWEep[:STATe]", Boolean(), default=False)
    low_measurements = Setting(":LMEasure", Integer(1, 2), default=2.0)

    def __init__(self, parts: Parts, buffer: TraceBuffer, sweep: Sweep) -> None:
        super().__init__(parts)
        self._buffer = buffer
        self._sweep = sweep
        self._levels: tuple[float, ...] = ()
        self._conversions: list[float] = []
        self._cycle = self._read = 0
        self._began = 0.0
        self._limited = False
        self._range_of: Callable[[float], float] = lowest_range
        self._pulse: Event | None = None

    def changed(self, name: str) -> None:
        """COUNt sets the size of the buffer."""
        if name == "count":
            self._buffer.forget_size()

    def check(self) -> None:
        """Refuse what does not fit (-221)."""
        if self.sweeping:
            self._sweep.check()
        elif self.ranging == "FIX" and not fits(max(abs(self.high), abs(self.low)), self._parts.source.range):
            raise ScpiError(-221)

    @property
    def aperture(self) -> float:
        """From SDELay to just before the end of the pulse."""
        return self.width - self._settling - CONVERSION_MARGIN

    @property
    def _settling(self) -> float:
        return min(self.source_delay, self.width - WIDTH_MARGIN)

    def _readings(self) -> float:
        return len(self._levels) * self._sweep.count if self.sweeping else self.count

    # --- a run ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait at the low level for the line."""
        self._levels = self._sweep.levels() if self.sweeping else (self.high,)
        every = (*self._levels, self.low)
        if self.sweeping:
            self._range_of = self._sweep.ranges(every)
        else:
            full_scale = self._parts.source.range
            if self.ranging == "BEST":
                full_scale = lowest_range(max(map(abs, every)))
            self._range_of = lambda amperes: full_scale
        self._cycle = self._read = 0
        self._parts.readings.begin("PULS", self._readings())
        self._to_low()
        self._at_crossing(self._parts.clock.now(), self._begin_cycle)

    def _to_low(self) -> None:
        self.step(self.low, self._range_of(self.low), abort=False)

    def _at_crossing(self, time: float, action: Callable[[], None]) -> None:
        """Act at the first rising zero crossing of the line from a time on (s)."""
        cycle = math.ceil(time * self._parts.line_frequency - 1e-6)
        self._event = self._parts.clock.at(cycle / self._parts.line_frequency, action)

    def _level(self) -> float:
        return self._levels[self._cycle % len(self._levels)]

    def _begin_cycle(self) -> None:
        self._began = self._parts.clock.now()
        self._conversions.clear()
        self._limited = False
        self._begin_pulse()

    def _begin_pulse(self) -> None:
        """Begin the next of low, high, low."""
        clock = self._parts.clock
        start = clock.now()
        if len(self._conversions) == 1:
            self.step(self._level(), self._range_of(self._level()), abort=False)
            self._limited = self._parts.source.in_compliance
            self._pulse = clock.at(start + self.width, self._to_low)
        self._event = clock.at(start + self._settling, lambda: self._parts.trigger.shake_hands(self._take))

    def rest(self) -> None:
        """Stop, also in the middle of a pulse."""
        if self._pulse is not None:
            self._pulse.cancel()
        super().rest()

    def _take(self) -> None:
        self._conversions.append(self.meter.reading())
        now = self._parts.clock.now()
        if len(self._conversions) <= self.low_measurements:
            self._at_crossing(now, self._begin_pulse)
        else:
            self._event = self._parts.clock.at(now + 2 * CONVERSION_MARGIN, self._end_cycle)

    def _end_cycle(self) -> None:
        """Make the reading, after the end of the pulse."""
        x, y, *after = self._conversions
        volts = y - (x + after[0]) / 2 if after else y - x
        if OVERFLOW in self._conversions:
            volts = OVERFLOW
        lasts = self.interval / self._parts.line_frequency
        if self.sweeping:
            lasts = self._sweep.delay(self._cycle % len(self._levels))
        amperes = self._level() - self.low
        reading = Reading(volts, amperes, duty=min(self.width / lasts, 1.0), compliance=self._limited)
        self._cycle += 1
        if self._parts.readings.take(reading, self.meter.full_scale):
            self._read += 1
        done = self._cycle >= self._readings() if self.sweeping else self._read >= self.count
        if done:
            self.finish()
        else:
            self._at_crossing(max(self._began + lasts, self._parts.clock.now()), self._begin_cycle)
