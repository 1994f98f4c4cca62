"""The terminals between instruments and bench: what a simulated instrument drives and what it looks at."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

#: What a meter sees at its terminals now (V for a voltmeter, T for a Hall probe).
Terminals = Callable[[], float]


class _Runs(NamedTuple):
    """One period of a waveform, equal neighbours merged: levels (A), how long each flows (s), when it ends (s).

    `charges` and `squares` are the integrals of |I| (A s) and I^2 (A^2 s) from the period's beginning to the
    beginning of each run.
    """

    levels: list[float]
    holds: list[float]
    ends: list[float]
    charges: list[float]
    squares: list[float]


@dataclass(frozen=True, eq=False)
class Waveform:
    """A current in steps that repeats: from `start` (bench time, s; not in the future) each of `levels` (A)
    flows for its time in `holds` (s), and then again from the first.

    It ends after `cycles` periods, whole or not (infinity: never), and then nothing flows. Places in it are
    told in periods since its start. Levels and times of unequal number or none, a negative or infinite time,
    a period or a number of cycles of zero raise ValueError.

    `sine_peak` (A) says that the steps stand for a sine of this amplitude, without offset, that rises through
    zero at the start; None: they are what flows.
    """

    start: float
    levels: tuple[float, ...]
    holds: tuple[float, ...]
    cycles: float = math.inf
    sine_peak: float | None = None

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.holds):
            raise ValueError(f"each level needs a time; got {len(self.levels)} and {len(self.holds)}")
        if not (all(0 <= hold < math.inf for hold in self.holds) and sum(self.holds) > 0):
            raise ValueError("the times of a waveform must not be negative or infinite, nor all be zero")
        if not self.cycles > 0:
            raise ValueError(f"a waveform must last; got {self.cycles!r} cycles")

    @cached_property
    def period(self) -> float:
        """Time (s) until it repeats."""
        return self._runs.ends[-1]

    @property
    def alternates(self) -> bool:
        """True where a period follows another: a current that an AC instrument can be locked to."""
        return self.cycles > 1

    @cached_property
    def end(self) -> float:
        """Bench time (s) from which nothing flows."""
        return self.start + self.cycles * self.period

    def place(self, time: float) -> float:
        """Return how many periods have passed at a bench time (s); at most all of them."""
        return self.cycles if time >= self.end else min((time - self.start) / self.period, self.cycles)

    def at(self, time: float) -> float:
        """Current (A) at a bench time (s)."""
        if not self.start <= time < self.end:
            return 0.0
        runs, place = self._runs, self.place(time)
        return runs.levels[min(bisect_right(runs.ends, place % 1.0 * self.period), len(runs.levels) - 1)]

    def steps(self, first: float, last: float) -> Iterator[tuple[float, float]]:
        """Yield current (A) and duration (s) of every step between two places in the same period.

        Neighbours that are equal are one step, but not across the end of a period.
        """
        runs, whole = self._runs, math.floor(first)
        now, end = (first - whole) * self.period, (last - whole) * self.period
        for index in range(bisect_right(runs.ends, now), len(runs.ends)):
            edge = runs.ends[index]
            begun = runs.ends[index - 1] if index else 0.0
            if edge > end:
                if end > now:
                    yield runs.levels[index], end - now
                return
            # The very same time in every period, and not the difference of two sums.
            yield runs.levels[index], runs.holds[index] if now == begun else edge - now
            now = edge

    def integrals(self, first: float, last: float) -> tuple[float, float]:
        """Integrals of |I| (A s) and of I^2 (A^2 s) between two places, however many periods apart."""
        (charge, square), (charge_before, square_before) = self._integrals(last), self._integrals(first)
        return charge - charge_before, square - square_before

    def _integrals(self, place: float) -> tuple[float, float]:
        runs, whole = self._runs, math.floor(place)
        time = (place - whole) * self.period
        index = min(bisect_right(runs.ends, time), len(runs.levels) - 1)
        level, rest = runs.levels[index], time - (runs.ends[index] - runs.holds[index])
        return (
            whole * runs.charges[-1] + runs.charges[index] + abs(level) * rest,
            whole * runs.squares[-1] + runs.squares[index] + level * level * rest,
        )

    @cached_property
    def _runs(self) -> _Runs:
        pairs = [pair for pair in zip(self.levels, self.holds, strict=True) if pair[1] > 0]
        merged = [
            (level, sum(hold for _, hold in group))
            for level, group in itertools.groupby(pairs, key=lambda pair: pair[0])
        ]
        return _Runs(
            levels=[level for level, _ in merged],
            holds=[hold for _, hold in merged],
            ends=list(itertools.accumulate(hold for _, hold in merged)),
            charges=list(itertools.accumulate((abs(level) * hold for level, hold in merged), initial=0.0)),
            squares=list(itertools.accumulate((level * level * hold for level, hold in merged), initial=0.0)),
        )


class Load(Protocol):
    """What hangs between the terminals of a current source."""

    @property
    def resistance(self) -> float:
        """Two-terminal resistance now (ohm), for the compliance."""
        ...

    def drive(self, current: float | Waveform) -> None:
        """From now on (bench time) this current flows through the load: so many ampere, or a waveform.

        A waveform whose start is past is joined where it stands now.
        """
        ...


class LockInSignal(Protocol):
    """The voltage at the input of a lock-in amplifier: a fundamental, its harmonics, and whatever else.

    Phases count from the beginning of the fundamental's period, where a sine rises through zero. Whatever
    changes the voltage, the frequency or the reference tells every subscriber first, and with what bench time (s)
    the present state comes to its end; in a slow ramp as often as the change of the voltage matters, maybe
    some time after.
    """

    @property
    def frequency(self) -> float:
        """Frequency of the fundamental now (Hz); 0 where nothing alternates."""
        ...

    @property
    def rms(self) -> float:
        """All that alternates at the input now (V rms): what the dynamic reserve has to stand."""
        ...

    def harmonic(self, order: int) -> complex:
        """Amplitude of a harmonic now (V rms): modulus, and phase (rad) against sin(order w t)."""
        ...

    def subscribe(self, about_to_change: Callable[[float], None]) -> None:
        """From now on call this before every change."""
        ...


class ReferenceInput(Protocol):
    """What is plugged into REF IN: one TTL edge in each period of the signal's source."""

    @property
    def frequency(self) -> float | None:
        """Edges per second now (Hz); None where there are none."""
        ...

    @property
    def phase(self) -> float:
        """Where in the period of the signal's fundamental the edge comes (rad)."""
        ...


class TriggerLine:
    """One line of a trigger link, with the edges that are on it now: a ReferenceInput."""

    def __init__(self) -> None:
        self.frequency: float | None = None
        self.phase = 0.0
        #: Called before the edges change.
        self.about_to_change: Callable[[], None] = lambda: None

    def carry(self, frequency: float | None, phase: float = 0.0) -> None:
        """From now on carry edges at a frequency (Hz), each at a phase (rad) of its source's period; None: none."""
        self.about_to_change()
        self.frequency, self.phase = frequency, phase


class TriggerLink:
    """The six lines of a Trigger Link: single pulses, and the edges that go on and on of a phase marker.

    A pulse is heard by every instrument, the sender included.
    """

    def __init__(self) -> None:
        self._lines = {number: TriggerLine() for number in range(1, 7)}
        self._ears: list[Callable[[int], None]] = []

    def listen(self, hear: Callable[[int], None]) -> None:
        """From now on `hear` is called with the number of every line that is pulsed."""
        self._ears.append(hear)

    def pulse(self, line: int) -> None:
        """Pull a line low for a moment."""
        for hear in self._ears:
            hear(line)

    def line(self, number: int) -> TriggerLine:
        """Return a line by its number, 1 to 6; another number raises ValueError."""
        if number not in self._lines:
            raise ValueError(f"a trigger link has lines 1 to 6; got {number!r}")
        return self._lines[number]


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


class SerialMeter(Protocol):
    """A nanovoltmeter on an RS-232 cable, as the current source at the other end commands it."""

    @property
    def full_scale(self) -> float:
        """The present range (V)."""
        ...

    def receive(self, text: str) -> None:
        """One line of text arrives, without terminator."""
        ...

    def transmitted(self) -> str:
        """Return what it has sent since this was last asked, terminators included."""
        ...

    def take_over(self, aperture: float | None) -> None:
        """From now on each external trigger makes one bare conversion.

        It takes `aperture` seconds; None is the meter's own integration time, with what goes with it.
        """
        ...

    def reading(self) -> float:
        """Return the result of the last such conversion (V)."""
        ...

    def release(self) -> None:
        """Go back to what it was, under its own control."""
        ...


class SerialCable:
    """An RS-232 cable from a current source; `meter` is what is plugged in at its other end."""

    def __init__(self) -> None:
        self.meter: SerialMeter | None = None
