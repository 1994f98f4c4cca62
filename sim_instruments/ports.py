"""The terminals between instruments and bench: what a simulated instrument drives and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

#: What a meter sees at its terminals now (V for a voltmeter, T for a Hall probe).
Terminals = Callable[[], float]


class Load(Protocol):
    """What hangs between the terminals of a current source."""

    @property
    def resistance(self) -> float:
        """Two-terminal resistance now (ohm), for the compliance."""
        ...

    def drive(self, current: float) -> None:
        """From now on (bench time) this current (A) flows through the load."""
        ...


@dataclass(frozen=True, slots=True)
class Ramp:
    """A current that goes linearly from `start_current` (A) at `start` (s) to `end_current` at `end` and stays."""

    start: float
    start_current: float
    end: float
    end_current: float

    def at(self, time: float) -> float:
        """Current (A) at a bench time (s)."""
        if time >= self.end:
            return self.end_current
        if time <= self.start:
            return self.start_current
        fraction = (time - self.start) / (self.end - self.start)
        return self.start_current + fraction * (self.end_current - self.start_current)


class Coil(Protocol):
    """The magnet coil on a supply: resistance (ohm) and inductance (H), and the current it is given."""

    @property
    def resistance(self) -> float:
        """Winding resistance (ohm)."""
        ...

    @property
    def inductance(self) -> float:
        """Inductance (H)."""
        ...

    def drive(self, ramp: Ramp) -> None:
        """From now on (bench time) the supply's output follows this ramp."""
        ...
