"""The Hall bar on its contacts: what flows through it, what its arms show, and the time that the sample feels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sim_instruments.clock import VirtualClock
from sim_instruments.magnets import Magnet, Vector, field_at
from sim_instruments.physics.sample import Sample


class Interval(NamedTuple):
    """A stretch of time as the sample felt it: current (A) and field (T) constant for `dt` (s)."""

    current: float
    mu0_H: Vector
    dt: float


@dataclass(frozen=True, slots=True)
class ThermalEmf:
    """Thermal voltage in the leads of the voltmeter: `offset` (V) and a slow swing of amplitude `swing` (V).

    The swing is a sine of `period` (s), such as a room's air conditioning makes. The sizes are our choice;
    reversing the current takes both out of a reading, but for what the swing does in between.
    """

    offset: float = 1.5e-6
    swing: float = 0.3e-6
    period: float = 1800.0

    def at(self, time: float) -> float:
        """Voltage (V) at a bench time (s)."""
        return self.offset + self.swing * math.sin(2 * math.pi * time / self.period)


#: The thermal voltage that an ordinary set of leads has, and leads without any.
ORDINARY_EMF = ThermalEmf()
NO_EMF = ThermalEmf(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What bar and magnets have gone through, as a recorder at the terminals would have it.

    `I_max` (A) is the largest magnitude of the source current; `mu0_H_max` (T) and `mu0_H_rate_max` (T/s) are
    the largest magnitudes of each magnet's field and of its change; `energy` (J) is the Joule heat in the
    bar, `charge` (C) the charge that passed, both directions counted positive.
    """

    I_max: float
    mu0_H_max: Mapping[str, float]
    mu0_H_rate_max: Mapping[str, float]
    energy: float
    charge: float


class HallBar:
    """The sample on its contacts: a load for the source, a voltage for the meter, and its exposure so far.

    The sample is brought up to date only when it matters: before a current or a field changes, and when
    somebody looks. What has passed since then is cut where a ramp begins or ends. A stretch of constant field
    is one step of the sample, however long (exact: its rate equations have no memory); a stretch of ramp is
    divided so that no component of the field changes by more than `field_step` (T) in a step, which takes the
    field of its middle. The sample itself skips a step in which nothing can switch.
    """

    def __init__(
        self,
        clock: VirtualClock,
        sample: Sample,
        magnets: Sequence[Magnet],
        emf: ThermalEmf,
        field_step: float,
        history: list[Interval] | None,
    ) -> None:
        """Put the sample between the magnets; every step it takes is appended to `history` if there is one."""
        if not field_step > 0:
            raise ValueError(f"the field step must be positive; got {field_step!r} T")
        self._clock = clock
        self._sample = sample
        self._magnets = magnets
        self._emf = emf
        self._field_step = field_step
        self._history = history
        self._current = self._I_max = 0.0
        self._energy = self._charge = 0.0
        self._since = clock.now()
        for magnet in magnets:
            magnet.about_to_change = self.settle

    @property
    def resistance(self) -> float:
        """Two-terminal resistance (ohm)."""
        return self._sample.resistance

    def drive(self, current: float) -> None:
        """From now on this current (A) flows through the bar."""
        self.settle()
        self._current = current
        self._I_max = max(self._I_max, abs(current))

    def hall_voltage(self) -> float:
        """Voltage (V) between the Hall arms now: I R_xy and the thermal emf of the leads."""
        self.settle()
        now = self._clock.now()
        R_xy = self._sample.hall_resistance(field_at(self._magnets, now))
        return self._current * R_xy + self._emf.at(now)

    def settle(self) -> None:
        """Bring the sample up to the present."""
        now = self._clock.now()
        start, self._since = self._since, now
        if now <= start:
            return
        corners = {corner for magnet in self._magnets for corner in magnet.corners(start, now)}
        for begin, end in itertools.pairwise([start, *sorted(corners), now]):
            self._pass(begin, end)

    def envelope(self) -> Envelope:
        """Return what has been gone through up to the present."""
        self.settle()
        return Envelope(
            I_max=self._I_max,
            mu0_H_max={magnet.name: magnet.mu0_H_max for magnet in self._magnets},
            mu0_H_rate_max={magnet.name: magnet.mu0_H_rate_max for magnet in self._magnets},
            energy=self._energy,
            charge=self._charge,
        )

    def _pass(self, begin: float, end: float) -> None:
        """Let a stretch pass in which the current is constant and the field constant or linear in time."""
        current, dt = self._current, end - begin
        self._energy += current * current * self._sample.resistance * dt
        self._charge += abs(current) * dt
        for magnet in self._magnets:
            magnet.note(begin, end)
        first, last = field_at(self._magnets, begin), field_at(self._magnets, end)
        if first == last:
            self._step(current, first, dt)
            return
        change = (last[0] - first[0], last[1] - first[1], last[2] - first[2])
        steps = math.ceil(max(map(abs, change)) / self._field_step * (1 - 1e-9))
        for step in range(steps):
            part = (step + 0.5) / steps
            mu0_H = (
                first[0] + part * change[0],
                first[1] + part * change[1],
                first[2] + part * change[2],
            )
            self._step(current, mu0_H, dt / steps)

    def _step(self, current: float, mu0_H: Vector, dt: float) -> None:
        if self._history is not None:
            self._history.append(Interval(current, mu0_H, dt))
        self._sample.advance(current, mu0_H, dt)
