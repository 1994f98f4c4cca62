"""The magnets around the sample: from a supply's ramps to a field, and the Hall probes that look at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim_instruments.clock import VirtualClock
from sim_instruments.physics.yoke import Yoke
from sim_instruments.ports import Ramp

#: A field mu0*H (T) along x (the current), y and z (the film normal).
Vector = tuple[float, float, float]

#: Seconds for which a magnet remembers its ramps: longer than the slowest meter's reading.
MEMORY = 1.0


class Magnet:
    """A coil on an iron yoke, with a field along one axis.

    `field_per_current` in T/A, `resistance` (ohm) and `inductance` (H) of the winding, `remanence` (T) and `lag`
    (s) of the yoke as `physics.yoke` has them; with neither, mu0 H = field_per_current * I at once.
    """

    def __init__(
        self,
        name: str,
        direction: Vector,
        field_per_current: float,
        resistance: float,
        inductance: float,
        *,
        remanence: float = 0.0,
        lag: float = 0.0,
    ) -> None:
        self.name = name
        self.direction = direction
        self.resistance = resistance
        self.inductance = inductance
        self.about_to_change: Callable[[], None] = lambda: None
        #: Called with each ramp that is followed from now on.
        self.driven: Callable[[Ramp], None] = lambda _ramp: None
        self.mu0_H_max = 0.0
        self.mu0_H_rate_max = 0.0
        self._yoke = Yoke(field_per_current, remanence, lag, MEMORY)

    def drive(self, ramp: Ramp) -> None:
        """Follow this ramp of the supply from now on."""
        self.about_to_change()
        self.driven(ramp)
        self._yoke.follow(ramp.start, ramp.start_current, ramp.end, ramp.end_current)

    def mu0_H(self, time: float) -> float:
        """Field along the magnet's axis (T) at a bench time (s) at most `MEMORY` ago."""
        return self._yoke.mu0_H(time)

    def current(self, time: float) -> float:
        """Current (A) through the winding at a bench time (s) since the last ramp began."""
        return self._yoke.current(time)

    def corners(self, start: float, stop: float) -> list[float]:
        """Times strictly between two others (s, since the last ramp began) that cut the field straight."""
        return self._yoke.corners(start, stop)

    def note(self, start: float, stop: float) -> None:
        """Take a stretch without corners (s) into the record of the largest field and rate."""
        first, last = self.mu0_H(start), self.mu0_H(stop)
        self.mu0_H_max = max(self.mu0_H_max, abs(first), abs(last))
        self.mu0_H_rate_max = max(self.mu0_H_rate_max, abs(last - first) / (stop - start))


def field_at(magnets: Sequence[Magnet], time: float) -> Vector:
    """Return the vector sum of the magnets' fields (T) at a bench time (s)."""
    x = y = z = 0.0
    for magnet in magnets:
        mu0_H = magnet.mu0_H(time)
        x += mu0_H * magnet.direction[0]
        y += mu0_H * magnet.direction[1]
        z += mu0_H * magnet.direction[2]
    return x, y, z


class HallProbe:
    """The sensitive spot of a gaussmeter's probe: the component of the whole field along one direction."""

    def __init__(self, clock: VirtualClock, magnets: Sequence[Magnet], direction: Vector) -> None:
        self._clock = clock
        self._magnets = magnets
        self._direction = direction

    def __call__(self) -> float:
        """Component of the field (T) now."""
        return self.at(self._clock.now())

    def at(self, time: float) -> float:
        """Component of the field (T) at a bench time (s) at most `MEMORY` ago."""
        field = field_at(self._magnets, time)
        return sum(along * component for along, component in zip(self._direction, field, strict=True))
