"""The virtual clock of the simulated bench: waiting takes no time, and everything happens in order."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable


class Event:
    """Something that will happen at a virtual time, unless it is cancelled."""

    __slots__ = ("action", "cancelled", "time")

    def __init__(self, time: float, action: Callable[[], None]) -> None:
        self.time = time
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Make the event never happen (harmless when it already has)."""
        self.cancelled = True


class VirtualClock:
    """Seconds since the bench was switched on; they pass only when somebody waits.

    Events scheduled with `at` happen in the order of their times (first come first served at equal times)
    while the clock is moved past them; during its action the clock shows the event's own time.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._queue: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Virtual seconds since the bench was switched on."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let virtual time pass; a negative or NaN time raises ValueError."""
        if not seconds >= 0:
            raise ValueError(f"a wait must be at least 0 s; got {seconds!r}")
        self.run_until(self._now + seconds)

    def next_due(self) -> float:
        """Time (s) of the next event; infinity where nothing is due."""
        while self._queue and self._queue[0][2].cancelled:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else math.inf

    def run_until(self, time: float) -> None:
        """Move to `time` (s), letting every event due on the way happen; the past is left alone."""
        while self.run_next(time):
            pass
        self._now = max(self._now, time)

    def run_next(self, limit: float) -> bool:
        """Let the next event due by `limit` (s) happen and stop at its time; False where there is none."""
        while self._queue and self._queue[0][0] <= limit:
            due, _, event = heapq.heappop(self._queue)
            if not event.cancelled:
                self._now = max(self._now, due)
                event.action()
                return True
        return False

    def at(self, time: float, action: Callable[[], None]) -> Event:
        """Schedule `action` for a virtual time (s); a time already past happens at the next wait."""
        event = Event(time, action)
        heapq.heappush(self._queue, (time, next(self._order), event))
        return event

    def after(self, seconds: float, action: Callable[[], None]) -> Event:
        """Schedule `action` some virtual seconds from now."""
        return self.at(self._now + seconds, action)
