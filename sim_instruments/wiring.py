"""The Hall bar on its contacts: what flows through it, what its arms show, and the time that the sample feels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim_instruments.clock import VirtualClock
from sim_instruments.magnets import Magnet, Vector, field_at
from sim_instruments.physics.sample import Sample
from sim_instruments.ports import Waveform

#: Change of a field component (T) in a ramp after which whoever listens is told: 10 Oe, our choice.
TELL_STEP = 1e-3
#: A waveform of more periods than `LONGEST_BURST`, each shorter than `SLOWEST` (s), is felt by the rates of a
#: period on average (our choice).
LONGEST_BURST, SLOWEST = 100, 0.1


class Interval(NamedTuple):
    """A stretch of time as the sample felt it: current (A) and field (T) constant for `dt` (s)."""

    current: float
    mu0_H: Vector
    dt: float


class Moment(NamedTuple):
    """One look at the terminals: bench time (s), current in the bar (A), each magnet's current (A), field (T)."""

    time: float
    current: float
    I_magnet: Mapping[str, float]
    mu0_H: Mapping[str, float]


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
    bar, `charge` (C) the charge that passed, both directions counted positive: all of the true current,
    waveforms included. `pulses` is how many waveforms began to flow (each counts once, however many cycles
    it has; one that an open output kept from the bar does not count, nor does a DC level).
    """

    I_max: float
    mu0_H_max: Mapping[str, float]
    mu0_H_rate_max: Mapping[str, float]
    energy: float
    charge: float
    pulses: int


class HallBar:
    """The sample on its contacts: a load for the source, a voltage for the meter, and its exposure so far.

    The sample is brought up to date only when it matters: before a current or a field changes, and when
    somebody looks. What has passed since then is cut where a ramp begins or ends. A stretch of constant field
    is one step of the sample, however long (exact: its rate equations have no memory); a stretch of ramp is
    divided so that no component of the field changes by more than `field_step` (T) in a step, which takes the
    field of its middle. The sample itself skips a step in which nothing can switch.

    A waveform is felt step by step, equal neighbours in one. When the sample has taken no step in a whole
    period, it takes none in any later one nor in a part of one, as long as its state and the field stay: what
    cannot switch in a time cannot in a shorter one. Such periods are only counted (and listed one by one, when
    there is a history).

    A waveform that goes on and on and quickly (more than `LONGEST_BURST` periods, each shorter than `SLOWEST`) is
    not followed: each stretch of constant field is one step of the sample, with the switching rates of a period on
    average (`Sample.advance_periods`), whatever part of a period or how many it lasts. What switches to and fro in
    a period is then left as on average, not as after the last steps. Heat and charge are exact in any case. With
    a history every waveform is followed step by step.

    While all moments lie in the plane, no patch has a barrier and its state shows in nothing. It is then left
    alone: the steps in which the field, which never jumps, comes back from there draw it anew. With a history it
    is followed there too.
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
        self._flow: float | Waveform = 0.0
        self._quiet: tuple[Waveform, Vector, NDArray[np.bool_]] | None = None
        #: Called with what flows from now on.
        self.driven: Callable[[float | Waveform], None] = lambda _current: None
        self._listeners: list[Callable[[float], None]] = []
        self._told: Vector = (0.0, 0.0, 0.0)  # the field when whoever listens was last told
        self._settling = False
        self._passing: Vector | None = None  # the field while the time that has passed is caught up with
        self._I_max = self._energy = self._charge = 0.0
        self._pulses = 0
        self._since = clock.now()
        for magnet in magnets:
            magnet.about_to_change = self.announce

    @property
    def current(self) -> float:
        """Current (A) that flows now; the sample is not looked at."""
        flow, now = self._flow, self._clock.now()
        if not isinstance(flow, Waveform):
            return flow
        return flow.at(now) if now < flow.end else 0.0

    @property
    def resistance(self) -> float:
        """Two-terminal resistance (ohm)."""
        return self._sample.resistance

    def drive(self, current: float | Waveform) -> None:
        """From now on this current flows through the bar: so many ampere, or a waveform.

        A waveform that takes the place of one with the same start goes on with it and is no new pulse.
        """
        self.announce()
        self.driven(current)
        before, self._flow = self._flow, current
        if not isinstance(current, Waveform):
            self._I_max = max(self._I_max, abs(current))
        elif not (isinstance(before, Waveform) and before.start == current.start):
            self._pulses += 1

    def hall_voltage(self) -> float:
        """Voltage (V) between the Hall arms now: that of the sample and the thermal emf of the leads."""
        self.settle()
        now = self._clock.now()
        current = self._flow.at(now) if isinstance(self._flow, Waveform) else self._flow
        return self._sample.hall_voltage(current, field_at(self._magnets, now)) + self._emf.at(now)

    def alternating(self) -> tuple[Waveform, Vector] | None:
        """Return the repeating waveform that flows and the field (T) it flows in; None where there is none.

        Now; or, for whoever is told of a change that is past, then.
        """
        self.settle()
        if not (isinstance(self._flow, Waveform) and self._flow.alternates):
            return None
        return self._flow, self._passing or field_at(self._magnets, self._clock.now())

    def subscribe(self, about_to_change: Callable[[float], None]) -> None:
        """Call this before each change of current, field or marker, with the time (s) up to which all is as it is.

        In a ramp it is called each time a component of the field has changed by `TELL_STEP`, when the bar catches
        up with the time that has passed.
        """
        self._listeners.append(about_to_change)

    def announce(self) -> None:
        """Bring the sample up to the present, and tell whoever listens that something is about to change."""
        self.settle()
        now = self._clock.now()
        self._told = field_at(self._magnets, now)
        self._tell(now)

    def _tell(self, time: float) -> None:
        for about_to_change in self._listeners:
            about_to_change(time)

    def settle(self) -> None:
        """Bring the sample up to the present; whoever is told of changes on the way finds them half done."""
        if self._settling:
            return
        self._settling = True
        try:
            now = self._clock.now()
            if isinstance(self._flow, Waveform) and self._flow.end <= now:
                end = self._flow.end
                self._settle_until(end)
                self._tell(end)
                self._flow = 0.0
            self._settle_until(now)
        finally:
            self._settling = False

    def _settle_until(self, now: float) -> None:
        start = self._since
        if now <= start:
            return
        self._since = now
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
            pulses=self._pulses,
        )

    def _pass(self, begin: float, end: float) -> None:
        """Let a stretch pass in which the field is constant or linear in time."""
        for magnet in self._magnets:
            magnet.note(begin, end)
        first, last = field_at(self._magnets, begin), field_at(self._magnets, end)
        if first == last:
            self._expose(first, begin, end)
            return
        change = (last[0] - first[0], last[1] - first[1], last[2] - first[2])
        steps = math.ceil(max(map(abs, change)) / self._field_step * (1 - 1e-9))
        edges = [*(begin + (end - begin) * step / steps for step in range(steps)), end]

        def there(part: float) -> Vector:
            return first[0] + part * change[0], first[1] + part * change[1], first[2] + part * change[2]

        for step in range(steps):
            self._expose(there((step + 0.5) / steps), edges[step], edges[step + 1])
            self._passed(there((step + 1) / steps), edges[step + 1])
        self._passing = None

    def _passed(self, mu0_H: Vector, time: float) -> None:
        """Tell of what a ramp has passed, where that is enough since the last time: as if in the middle of it."""
        told = self._told
        if not self._listeners or max(abs(a - b) for a, b in zip(mu0_H, told, strict=True)) < TELL_STEP:
            return
        self._told = mu0_H
        self._passing = (mu0_H[0] + told[0]) / 2, (mu0_H[1] + told[1]) / 2, (mu0_H[2] + told[2]) / 2
        self._tell(time)

    def _expose(self, mu0_H: Vector, begin: float, end: float) -> None:
        """Let a stretch pass in a constant field."""
        wave = self._flow
        if not isinstance(wave, Waveform):
            self._step(wave, mu0_H, end - begin)
            return
        place, last = wave.place(begin), wave.place(end)
        if self._history is None and wave.cycles > LONGEST_BURST and wave.period < SLOWEST:
            self._average(wave, mu0_H, place, last)
        else:
            self._play(wave, mu0_H, place, last)

    def _average(self, wave: Waveform, mu0_H: Vector, place: float, last: float) -> None:
        """Let a part of a waveform pass in a constant field as so much time with the rates of a period."""
        self._count(wave, place, last)
        ends = (max(wave.levels), min(wave.levels))
        self._I_max = max(self._I_max, *map(abs, ends))
        periods = last - place
        if self._sample.lies_in_plane(mu0_H):
            return
        # Heat and torque are largest at the ends: what cannot switch there in all that time does so nowhere.
        if any(self._sample.can_switch(level, mu0_H, periods * wave.period) for level in ends):
            steps = tuple((level, dt * periods) for level, dt in wave.steps(0.0, 1.0))
            self._sample.advance_periods(steps, mu0_H, 1)

    def _count(self, wave: Waveform, place: float, last: float) -> None:
        """Count the charge and heat of a part of a waveform."""
        charge, square = wave.integrals(place, last)
        self._charge += charge
        self._energy += square * self._sample.resistance

    def _play(self, wave: Waveform, mu0_H: Vector, place: float, last: float) -> None:
        """Let a part of a waveform pass in a constant field."""
        sample = self._sample
        while place < last:
            if self._history is None and self._is_quiet(wave, mu0_H):
                self._count(wave, place, last)
                return
            stop = min(math.floor(place) + 1.0, last)
            taken = sample.steps
            for current, dt in wave.steps(place, stop):
                self._step(current, mu0_H, dt)
                self._I_max = max(self._I_max, abs(current))
            if stop - place == 1.0 and sample.steps == taken:
                self._quiet = (wave, mu0_H, sample.up)
            place = stop

    def _is_quiet(self, wave: Waveform, mu0_H: Vector) -> bool:
        """Return whether a whole period of this waveform in this field has left the sample as it stands."""
        if self._quiet is None:
            return False
        the_wave, the_field, the_state = self._quiet
        return the_wave is wave and the_field == mu0_H and the_state is self._sample.up

    def _step(self, current: float, mu0_H: Vector, dt: float) -> None:
        self._energy += current * current * self._sample.resistance * dt
        self._charge += abs(current) * dt
        if self._history is not None:
            self._history.append(Interval(current, mu0_H, dt))
        elif self._sample.lies_in_plane(mu0_H):
            return
        self._sample.advance(current, mu0_H, dt)
