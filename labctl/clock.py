"""Clocks: the wall's, which is the one place where labctl really waits, one that is recorded, one that replays."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

_HEEDFUL = 0.05  # s (wall) between two looks at what goes on while somebody waits


class Clock(Protocol):
    """Seconds since some moment, and waiting."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        ...


class WallClock:
    """Monotonic seconds since the clock was made; `wait` sleeps.

    With a `factor` its seconds pass so many times faster, as they do on a served bench that was told so. In a wait
    `heed` is called every now and then; what it raises breaks the wait off.
    """

    def __init__(self, factor: float = 1.0, heed: Callable[[], None] = lambda: None) -> None:
        self._start = time.monotonic()
        self._factor = factor
        self._heed = heed

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._factor * (time.monotonic() - self._start)

    def wait(self, seconds: float) -> None:
        """Sleep until `seconds` (s) have passed on this clock; negative or NaN raises ValueError."""
        if not seconds >= 0:
            raise ValueError(f"a wait must be at least 0 s; got {seconds!r}")
        end = time.monotonic() + seconds / self._factor
        self._heed()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _HEEDFUL))
            self._heed()


class WallTime:
    """The time of day (UTC), and whether somebody has set the clock that tells it."""

    def __init__(self) -> None:
        self._begun = datetime.now(UTC)
        self._start = self._steady = time.monotonic()
        self._shown = time.time()

    def now(self) -> datetime:
        """The time of day, never earlier than at the beginning with the seconds since then."""
        steady = self._begun + timedelta(seconds=time.monotonic() - self._start)
        return max(datetime.now(UTC), steady)

    def jump(self) -> float:
        """How far (s) the clock was set since it was last asked; 0 below a second, as small corrections are."""
        shown, steady = time.time(), time.monotonic()
        jump = (shown - self._shown) - (steady - self._steady)
        self._shown, self._steady = shown, steady
        return jump if abs(jump) >= 1 else 0.0


class RecordingClock:
    """A clock whose every reading is kept (s, in order), so that a replay can give the same ones again.

    Whoever takes readings away from `readings` empties it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.readings = array("d")

    def now(self) -> float:
        """Seconds on the clock that is recorded."""
        reading = self._clock.now()
        self.readings.append(reading)
        return reading

    def wait(self, seconds: float) -> None:
        """Wait on the clock that is recorded."""
        self._clock.wait(seconds)


class ReplayClock:
    """A clock that gives recorded readings (s) again, one for each time it is asked.

    Where they have run out it goes on by what is waited: whoever waits for a moment that never came in the
    recording must still see it come.
    """

    def __init__(self, readings: Sequence[float]) -> None:
        self._readings = list(readings)
        self._place = 0
        self._now = 0.0

    def now(self) -> float:
        """The next recorded reading."""
        if self._place < len(self._readings):
            self._now = self._readings[self._place]
            self._place += 1
        return self._now

    def wait(self, seconds: float) -> None:
        """Let no time pass while the recording tells what time it is."""
        if self._place >= len(self._readings):
            self._now += seconds

    def glance(self) -> float:
        """The reading that was given last."""
        return self._now


class StoppableClock:
    """Another clock, until somebody gives up what goes on by it: every question is then KeyboardInterrupt."""

    def __init__(self, clock: Clock, given_up: Callable[[], object]) -> None:
        self._clock = clock
        self._given_up = given_up

    def now(self) -> float:
        """Seconds on the other clock."""
        self._look()
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        """Wait on the other clock."""
        self._look()
        self._clock.wait(seconds)

    def _look(self) -> None:
        if self._given_up():
            raise KeyboardInterrupt


class FollowingClock:
    """A clock that shows another time (s), such as that of the line last replayed, and what was waited since."""

    def __init__(self, shown: Callable[[], float]) -> None:
        self._shown = shown
        self._now = 0.0

    def now(self) -> float:
        """The later of the time that is shown and that until which was waited."""
        self._now = max(self._now, self._shown())
        return self._now

    def wait(self, seconds: float) -> None:
        """Let time pass at once."""
        self._now = self.now() + seconds
