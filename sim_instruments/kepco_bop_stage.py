"""Kepco BOP: the power stage on its coil, what flows after a step of the set point, and what is read back."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.kepco_bop_tables import (
    CONVERSION_TIME,
    CONVERSIONS,
    CURRENT_ERRORS,
    LEADS,
    RESPONSE,
    STEPS,
    VOLTAGE_ERRORS,
    ConverterErrors,
)
from sim_instruments.ports import Coil, Ramp
from sim_instruments.scpi_status import Operations


class Converters:
    """The converters of one quantity (V or A): 16 bit between -rating and +rating, with one unit's errors.

    With `accuracy` False they are ideal: no errors and no steps.
    """

    def __init__(
        self, rating: float, errors: ConverterErrors, unit: np.random.Generator, *, accuracy: bool
    ) -> None:
        self.rating = rating
        self.noise = errors.noise * rating
        self._step = 2 * rating / STEPS if accuracy else 0.0
        set_gain, set_offset, read_gain, read_offset = (unit.uniform(-1.0, 1.0, 4) * accuracy).tolist()
        self._set = (set_gain * errors.set_gain, set_offset * errors.set_offset * rating)
        self._read = (read_gain * errors.read_gain, read_offset * errors.read_offset * rating)

    def rounded(self, value: float, part: int = 1) -> float:
        """Return the step next to a value; the steps of the quarter range (`part` 4) are a quarter."""
        step = self._step / part
        return round(value / step) * step if step else value

    def made(self, value: float) -> float:
        """Return what is really there for a programmed value."""
        return value * (1 + self._set[0]) + self._set[1]

    def read(self, value: float) -> float:
        """Return the reading of what is really there."""
        return self.rounded(value * (1 + self._read[0]) + self._read[1])


@dataclass(frozen=True, slots=True)
class Course:
    """The current's way to its new value, and the voltage on the way and at the end (V)."""

    ramp: Ramp
    driving: float
    holding: float

    def at(self, time: float) -> tuple[float, float]:
        """Return voltage and current at a time (s)."""
        return (self.driving if time < self.ramp.end else self.holding), self.ramp.at(time)


class PowerStage:
    """The amplifier with a coil on its terminals.

    There is no ramp in the hardware: after a step the amplifier puts all the voltage it may on the coil until
    the current is there. The exponential of a winding, L dI/dt = V - R I, is replaced by a straight line of the
    slope that it has in the middle of the step, (V - R (I1 + I2) / 2) / L: 2 L/R where the voltage alone sets
    the current, shorter where there is voltage to spare, and never under `RESPONSE` (our choice). V is the
    compliance in current mode, the level in voltage mode, nothing with the output off; a current limit that
    has been lowered pulls with the full rating. A change of the output is an operation that *OPC waits for
    (BIT 4882 manual 243-0882 p. A-2).
    """

    def __init__(
        self,
        clock: VirtualClock,
        coil: Coil,
        rng: np.random.Generator,
        unit: np.random.Generator,
        rating: tuple[float, float],
        operations: Operations,
        *,
        noise: bool,
        accuracy: bool,
    ) -> None:
        self.voltage = Converters(rating[0], VOLTAGE_ERRORS, unit, accuracy=accuracy)
        self.current = Converters(rating[1], CURRENT_ERRORS, unit, accuracy=accuracy)
        self._clock = clock
        self._coil = coil
        self._resistance = max(coil.resistance, LEADS)
        self._rng = rng
        self._noisy = noise
        self._operations = operations
        self._arrival: Event | None = None
        now = clock.now()
        self._courses = deque([Course(Ramp(now, 0.0, now, 0.0), 0.0, 0.0)])
        self._slot = -1
        self._is_stuck = False
        self._reading = (0.0, 0.0)

    def hold_current(self, amperes: float, compliance: float) -> bool:
        """Go to a current (A) with at most so much voltage (V); False where that is not enough for it."""
        amperes = self.current.made(amperes)
        most = compliance / self._resistance
        if abs(amperes) <= most:
            self._go(amperes, math.copysign(compliance, amperes - self._now()))
            return True
        self._go(math.copysign(most, amperes), math.copysign(compliance, amperes))
        return False

    def hold_voltage(self, volts: float, limit: float) -> bool:
        """Go to a voltage (V) with at most so much current (A); False where the current is limited."""
        volts = self.voltage.made(volts)
        amperes = volts / self._resistance
        self._go(math.copysign(min(abs(amperes), limit), amperes), volts)
        return abs(amperes) <= limit

    def stick(self, happens: bool) -> None:
        """Stay at the present current whatever is set; afterwards the next setting is followed."""
        if happens:
            self._go(self._now(), self._resistance * self._now())
        self._is_stuck = happens

    def switch_off(self) -> None:
        """Nothing at the terminals: the current dies out through the amplifier."""
        self._go(0.0, 0.0)

    def measure(self) -> tuple[float, float]:
        """Return voltage (V) and current (A) as read back: means over the last conversions."""
        slot = math.floor(self._clock.now() / CONVERSION_TIME)
        if slot != self._slot:
            self._slot = slot
            taken = [self._at((slot - ago) * CONVERSION_TIME) for ago in range(CONVERSIONS)]
            means = [math.fsum(values) / CONVERSIONS for values in zip(*taken, strict=True)]
            if self._noisy:
                means[0] += self.voltage.noise * self._rng.standard_normal()
                means[1] += self.current.noise * self._rng.standard_normal()
            self._reading = self.voltage.read(means[0]), self.current.read(means[1])
        return self._reading

    def _now(self) -> float:
        return self._courses[-1].ramp.at(self._clock.now())

    def _at(self, time: float) -> tuple[float, float]:
        for course in reversed(self._courses):
            if course.ramp.start <= time:
                return course.at(time)
        return self._courses[0].at(time)

    def _go(self, target: float, volts: float) -> None:
        """Start for a current (A) with so much voltage (V) to drive it."""
        if self._is_stuck:
            return
        now, here = self._clock.now(), self._now()
        if target == self._courses[-1].ramp.end_current and target == here:
            return
        middle = self._resistance * (here + target) / 2
        if (volts - middle) * (target - here) < 0:
            volts = math.copysign(self.voltage.rating, target - here)
        flux = self._coil.inductance * (target - here)
        time = max(flux / (volts - middle) if flux else 0.0, RESPONSE)
        ramp = Ramp(now, here, now + time, target)
        self._courses.append(Course(ramp, flux / time + middle, self._resistance * target))
        while self._courses[1].ramp.start < now - CONVERSIONS * CONVERSION_TIME:
            self._courses.popleft()
        self._coil.drive(ramp)
        if self._arrival is None:
            self._operations.begin()
        else:
            self._arrival.cancel()
        self._arrival = self._clock.at(ramp.end, self._arrive)

    def _arrive(self) -> None:
        self._arrival = None
        self._operations.end()
