"""Keithley 6221: delta and differential conductance, readings from a current that alternates.

Formulae 2182A-900-01 appendix I; User's Manual 622x-900-01 p. 5-34 to 5-41; limits as in the public drivers slave
(k6221.py) and PyMeasure (keithley6221.py).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

from sim_instruments.keithley_6221_buffer import TraceBuffer
from sim_instruments.keithley_6221_modes import LinkedMode, Parts
from sim_instruments.keithley_6221_readings import Reading
from sim_instruments.keithley_6221_source import lowest_range
from sim_instruments.keithley_6221_tables import (
    CONDUCTANCE_POINTS,
    CURRENT_MAX,
    DELAY_MIN,
    DELTA_COUNT_MAX,
    DELTA_DELAY_MAX,
)
from sim_instruments.keithley_statistics import OVERFLOW
from sim_instruments.scpi_commands import Setting
from sim_instruments.scpi_parameters import Boolean, Integer, Number
from sim_instruments.scpi_status import ScpiError

_CURRENT = Number(-CURRENT_MAX, CURRENT_MAX)
_UPWARD = Number(0.0, CURRENT_MAX)
_DOWNWARD = Number(-CURRENT_MAX, 0.0)


class Alternation(LinkedMode):
    """A current that changes its direction from conversion to conversion; three of them make a reading.

    With X, Y, Z the last three voltages, the reading is (X - 2 Y + Z) / 4 * (-1)^n, where n counts readings from
    0: what does not follow the current, steady or growing linearly, falls out. The range is the lowest that
    carries every current [uncited].
    """

    kind: ClassVar[str]

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._conversions: list[float] = []
        self._converted = self._read = 0
        self._range = 0.0
        self._limited = False

    # --- what a mode provides ---------------------------------------------------------------------

    @abstractmethod
    def current(self, index: int) -> float:
        """Return the current (A) of a conversion, counted from 0."""

    @abstractmethod
    def largest(self) -> float:
        """Return the largest magnitude of all currents (A)."""

    @abstractmethod
    def readings(self) -> float:
        """Return how many readings a run makes."""

    @abstractmethod
    def dwell(self) -> float:
        """Return how long a current flows before it is measured (s)."""

    @abstractmethod
    def aborts(self) -> bool:
        """Return whether compliance ends a run."""

    @abstractmethod
    def express(self, volts: float, average: float, index: int) -> Reading:
        """Return a reading: the alternating and the mean voltage (V) around a conversion."""

    # --- a run ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Let the first current flow."""
        self._conversions.clear()
        self._converted = self._read = 0
        self._limited = False
        self._range = lowest_range(self.largest())
        self._parts.readings.begin(self.kind, self.readings())
        self._reverse()

    def _reverse(self) -> None:
        if self._read >= self.readings():
            self.finish()
            return
        if not self.step(self.current(self._converted), self._range, abort=self.aborts()):
            return
        self._limited |= self._parts.source.in_compliance
        if math.isfinite(self.dwell()):
            self._event = self._parts.clock.after(
                self.dwell(), lambda: self._parts.trigger.shake_hands(self._take)
            )

    def _take(self) -> None:
        self._conversions.append(self.meter.reading())
        del self._conversions[:-3]
        self._converted += 1
        if len(self._conversions) == 3:
            self._make_reading()
        self._reverse()

    def _make_reading(self) -> None:
        x, y, z = self._conversions
        index = self._converted - 3
        volts, average = (x - 2 * y + z) / 4 * (-1) ** index, (x + 2 * y + z) / 4
        if OVERFLOW in self._conversions:
            volts = average = OVERFLOW
        reading = self.express(volts, average, index)
        if self._parts.readings.take(reading, self.meter.full_scale):
            self._read += 1
            self._limited = False


class Delta(Alternation):
    """SOURce:DELTa: HIGH and LOW in turn, HIGH first; a reading is the voltage at half their difference.

    HIGH takes LOW along to its negative. Cold switching is kept as a setting: on this bench, where currents change
    at once, it makes no difference.
    """

    root = "[SOURce1]:DELTa"
    kind = "DELT"

    high = Setting(":HIGH", _UPWARD, default=1e-3)
    low = Setting(":LOW", _DOWNWARD, default=-1e-3)
    delay = Setting(":DELay", Number(DELAY_MIN, DELTA_DELAY_MAX, infinite=True), default=2e-3)
    count = Setting(":COUNt", Integer(1, DELTA_COUNT_MAX, infinite=True), default=math.inf)
    compliance_abort = Setting(":CABort", Boolean(), default=False)
    cold_switching = Setting(":CSWitch", Boolean(), default=False)

    def __init__(self, parts: Parts, buffer: TraceBuffer) -> None:
        super().__init__(parts)
        self._buffer = buffer

    def changed(self, name: str) -> None:
        """HIGH sets LOW, and COUNt the size of the buffer."""
        if name == "high":
            self.low = -self.high
        elif name == "count":
            self._buffer.forget_size()

    def check(self) -> None:
        """Whatever can be set fits."""

    def current(self, index: int) -> float:
        """HIGH at even conversions, LOW at odd ones."""
        return self.low if index % 2 else self.high

    def largest(self) -> float:
        """The larger of the two."""
        return max(self.high, -self.low)

    def readings(self) -> float:
        """COUNt."""
        return self.count

    def dwell(self) -> float:
        """DELay."""
        return self.delay

    def aborts(self) -> bool:
        """CABort."""
        return self.compliance_abort

    def express(self, volts: float, average: float, index: int) -> Reading:
        """The voltage at half the difference of HIGH and LOW."""
        return Reading(volts, (self.high - self.low) / 2, compliance=self._limited)


class DifferentialConductance(Alternation):
    """SOURce:DCONductance: a staircase with DELTa added and subtracted in turn; a reading is the voltage of DELTa.

    STARt is the step in the middle of the first reading, STOP that of the last (622x-900-01 p. 5-38), so
    that the staircase begins one step before and ends one after; currents beyond 105 mA are refused at
    arming (-221) [uncited]. A STEP larger than the whole way is taken as a hundredth part of it, one of
    zero refused. With the unit of a power the reading is that of mean voltage and mean current. Not
    simulated: NVZero.
    """

    root = "[SOURce1]:DCONductance"
    kind = "DCON"

    first = Setting(":STARt", _CURRENT, default=-10e-6)
    last = Setting(":STOP", _CURRENT, default=10e-6)
    increment = Setting(":STEP", _UPWARD, default=1e-6)
    delta = Setting(":DELTa", _UPWARD, default=1e-6)
    delay = Setting(":DELay", Number(DELAY_MIN, DELTA_DELAY_MAX), default=2e-3)
    compliance_abort = Setting(":CABort", Boolean(), default=False)

    def check(self) -> None:
        """Refuse a step of zero and currents beyond the limit (-221)."""
        if not self.increment or self.largest() > CURRENT_MAX * (1 + 1e-12):
            raise ScpiError(-221)

    def _step(self) -> float:
        way = abs(self.last - self.first)
        size = self.increment if self.increment <= way else way / (CONDUCTANCE_POINTS - 1)
        return math.copysign(size, self.last - self.first)

    def _stair(self, index: int) -> float:
        return self.first + (index - 1) * self._step()

    def current(self, index: int) -> float:
        """Staircase plus DELTa at even conversions, minus it at odd ones."""
        return self._stair(index) + self.delta * (-1) ** index

    def largest(self) -> float:
        """The ends of the staircase, and DELTa beyond."""
        ends = self._stair(0), self._stair(int(self.readings()) + 1)
        return max(map(abs, ends)) + self.delta

    def readings(self) -> float:
        """The steps from STARt to STOP, both included."""
        step = self._step()
        return math.floor((self.last - self.first) / step * (1 + 1e-9)) + 1 if step else 1

    def dwell(self) -> float:
        """DELay."""
        return self.delay

    def aborts(self) -> bool:
        """CABort."""
        return self.compliance_abort

    def express(self, volts: float, average: float, index: int) -> Reading:
        """The voltage of DELTa at the stair in the middle."""
        stair = self._stair(index + 1)
        return Reading(volts, stair, change=self.delta, average=average, compliance=self._limited)
