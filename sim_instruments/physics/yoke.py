"""The iron of an electromagnet: from its current to the field in the gap, with remanence and eddy currents.

Without remanence and lag the field is `field_per_current` times the current and nothing else.

Remanence is rate-independent hysteresis of the Prandtl-Ishlinskii kind (A. Visintin, Differential Models of
Hysteresis, Springer 1994, chapter III) with one stop operator: the strain follows every change of the current
but never leaves +-radius, and the field is field_per_current * (current - BACKLASH * strain). That gives two
parallel branches, return points that are remembered, and a field that follows with the slope 1 - BACKLASH
while the current goes back. Saturation of the iron is not in it.

Lag is a first-order low-pass behind that, tau dB/dt = B_static - B: of the eddy currents in the yoke the mode
that decays most slowly (Landau and Lifshitz, Electrodynamics of Continuous Media, 2nd edition, section 58).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

#: Share of the slope that is missing after the current has been turned round (our choice).
BACKLASH = 0.2
#: How far the field may be from the chord between two neighbouring corners (T): 0.05 Oe, our choice.
CHORD_ERROR = 5e-6
#: A rest of the transient below this (T) counts as nothing: 0.1 mOe, our choice.
SETTLED = 1e-8


class State(NamedTuple):
    """Current through the winding and strain of the iron, both in A."""

    current: float
    strain: float

    @property
    def effective(self) -> float:
        """The current (A) that would make the same static field without hysteresis."""
        return self.current - BACKLASH * self.strain


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time, from `start` to `end` (s), in which the static field goes linearly from one value to another.

    They are given by their effective currents, `first` and `last` (A). The field is `behind` the static one by
    a constant (T), and off it by a `transient` (T, its value at the start) that dies out with `lag` (s).
    """

    field_per_current: float
    lag: float
    start: float
    first: float
    end: float
    last: float
    behind: float
    transient: float

    def mu0_H(self, time: float) -> float:
        """Field (T) at a time (s); before the start that of the start."""
        if time >= self.end:
            effective = self.last
        elif time <= self.start or self.first == self.last:
            effective = self.first
        else:
            effective = self.first + (time - self.start) / (self.end - self.start) * (self.last - self.first)
        static = self.field_per_current * effective
        if not self.lag:
            return static
        left = self.transient * math.exp(min(self.start - time, 0.0) / self.lag)
        return static - self.behind + (left if abs(left) >= SETTLED else 0.0)

    def corners(self) -> list[float]:
        """Return the start and times (s) between which the field is off its chord by at most `CHORD_ERROR`.

        A decaying exponential of amplitude a is off its chord over a time h by at most a (h / lag)^2 / 8. The
        last of the times is that at which nothing is left of the transient.
        """
        times = [self.start]
        left = abs(self.transient)
        while left > CHORD_ERROR and times[-1] < self.end:
            step = math.sqrt(8 * CHORD_ERROR / left)
            left *= math.exp(-step)
            times.append(times[-1] + step * self.lag)
        if left >= SETTLED:  # a little past the moment, rounding or not
            times.append(times[-1] + self.lag * math.log(left / SETTLED) * (1 + 1e-6))
        return [time for time in times if time < self.end]


class Yoke:
    """An iron core that is told the ramps of its winding's current and knows the field (T) in its gap.

    `field_per_current` in T/A. `remanence` (T, at least 0) is what is left at zero current, in the direction of
    the current before, if that made more than 2 remanence / BACKLASH. `lag` (s, at least 0) is the time constant
    of the eddy currents. It begins without current and field. What is longer ago than `memory` (s) is forgotten.
    """

    def __init__(self, field_per_current: float, remanence: float, lag: float, memory: float) -> None:
        if not (0 <= remanence < math.inf and 0 <= lag < math.inf):
            raise ValueError(f"remanence and lag must be at least 0; got {remanence!r} T and {lag!r} s")
        if remanence and not field_per_current:
            raise ValueError("a winding that makes no field leaves no remanence")
        self._field_per_current = field_per_current
        self._radius = remanence / (BACKLASH * abs(field_per_current)) if remanence else 0.0
        self._lag = lag
        self._memory = memory
        self._origin, self._ramp = State(0.0, 0.0), (0.0, 0.0, 0.0)
        self._stretches = deque([self._stretch(0.0, self._origin, math.inf, self._origin, 0.0)])
        self._corners: list[float] = []
        self._still_from, self._still = 0.0, 0.0  # from when (s) on the field stays, and at what (T)

    def follow(self, start: float, start_current: float, end: float, end_current: float) -> None:
        """From `start` (s) on the current goes linearly between two values (A), until `end`, and then stays."""
        mu0_H = self.mu0_H(start)
        state = self._moved(self._state(start), start_current)
        if end <= start:
            state = self._moved(state, end_current)
        self._origin, self._ramp = state, (start, end, end_current)
        self._forget(start)
        self._corners = []
        for stop, current in (*self._pieces(), (math.inf, end_current)):
            moved = self._moved(state, current)
            stretch = self._stretch(start, state, stop, moved, mu0_H)
            self._stretches.append(stretch)
            self._corners += stretch.corners()
            start, state, mu0_H = stop, moved, stretch.mu0_H(stop)
        self._still_from, self._still = self._corners[-1], mu0_H  # the last stretch has no end

    def mu0_H(self, time: float) -> float:
        """Field (T) at a time (s) no longer ago than the memory reaches."""
        if time >= self._still_from:
            return self._still
        for stretch in reversed(self._stretches):
            if stretch.start <= time:
                return stretch.mu0_H(time)
        return self._stretches[0].mu0_H(time)

    def current(self, time: float) -> float:
        """Current (A) through the winding at a time (s) since the last ramp began."""
        return self._state(time).current

    def corners(self, start: float, stop: float) -> list[float]:
        """Times strictly between two others (s, since the last ramp began) that cut the field straight.

        Between neighbours it is linear in time: exactly without lag, within `CHORD_ERROR` with it.
        """
        return [time for time in self._corners if start < time < stop]

    def _state(self, time: float) -> State:
        """Return the state at a time (s) since the last ramp began."""
        start, end, current = self._ramp
        if time < end:
            done = max(time - start, 0.0) / (end - start)
            current = self._origin.current + done * (current - self._origin.current)
        return self._moved(self._origin, current)

    def _moved(self, state: State, current: float) -> State:
        """Return the state after the current has gone straight to another value (A)."""
        if not self._radius:
            return State(current, 0.0)
        strain = state.strain + (current - state.current)
        return State(current, min(max(strain, -self._radius), self._radius))

    def _pieces(self) -> list[tuple[float, float]]:
        """Return end (s) and current (A) of the pieces of the ramp: on its way the strain may reach its bound."""
        start, end, current = self._ramp
        if end <= start:
            return []
        change = current - self._origin.current
        room = math.copysign(self._radius, change) - self._origin.strain
        if self._radius and 0 < abs(room) < abs(change):
            return [(start + room / change * (end - start), self._origin.current + room), (end, current)]
        return [(end, current)]

    def _stretch(self, start: float, first: State, end: float, last: State, mu0_H: float) -> Stretch:
        """Return a stretch that begins with a given field (T)."""
        behind = transient = 0.0
        if self._lag:
            rate = self._field_per_current * (last.effective - first.effective) / (end - start)
            behind = self._lag * rate
            transient = mu0_H - (self._field_per_current * first.effective - behind)
        return Stretch(
            self._field_per_current,
            self._lag,
            start,
            first.effective,
            end,
            last.effective,
            behind,
            transient,
        )

    def _forget(self, now: float) -> None:
        """Drop what a ramp that begins now (s) makes undone, and what is too long ago."""
        while len(self._stretches) > 1 and self._stretches[-1].start > now:
            self._stretches.pop()
        while len(self._stretches) > 1 and self._stretches[1].start <= now - self._memory:
            self._stretches.popleft()
