"""Parking: whatever ends a run, each step is tried in its turn, none can hold up the next, and the user is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from labctl.stopping import Watch

#: Seconds (wall) that one step may take beyond its ramp before the next is begun, and before it is given up (our
#: choice). The first is a time-out and a read-back; the second is three attempts to bring a lost session into step.
PATIENCE: Final = 10.0
LAST: Final = 45.0
#: Pauses (s) after which a step that failed is tried again: ten seconds for a link to come back (our choice).
AGAIN: Final = (1.0, 3.0, 6.0)
#: What is said of a step that did not come to its end.
HANGS: Final = "it did not end within"
_LOOK: Final = 0.05  # s between two looks at a step


@dataclass(frozen=True, slots=True)
class ParkingStep:
    """One independent step of parking: what it does, in words, the doing, and how long its ramp lasts (wall, s)."""

    what: str
    act: Callable[[], object]
    ramp: float = 0.0


class _Attempt:
    """One step under way in a thread of its own, since nothing else bounds a call that never comes back."""

    def __init__(self, step: ParkingStep) -> None:
        self.step = step
        self.began = time.monotonic()
        self._outcome: str | None = "it was not begun"
        self._thread = threading.Thread(target=self._run, name=f"parking {step.what}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.step.act()
        except BaseException as error:  # the next step must be tried whatever this one met
            self._outcome = str(error) or type(error).__name__
        else:
            self._outcome = None

    def waits_until(self, limit: float, watch: Watch) -> bool:
        """Wait for the end, at most until `limit` (s) after the ramp; return whether it came."""
        while self._thread.is_alive():
            self._thread.join(_LOOK)
            watch()
            if watch.stop is not None:
                watch.stop.answer_impatience()
            if time.monotonic() - self.began > self.step.ramp + limit:
                return not self._thread.is_alive()
        return True

    def problem(self) -> str | None:
        """Return why it is not confirmed; None where it is."""
        if self._thread.is_alive():
            return f"{HANGS} {time.monotonic() - self.began:.3g} s"
        return self._outcome


def park(
    steps: Sequence[ParkingStep],
    note: Callable[[str], None],
    watch: Watch,
    *,
    patience: float = PATIENCE,
    last: float = LAST,
) -> list[str]:
    """Try every step, in order, whatever the others did; return what was not confirmed (empty: all well).

    The next step is begun when the one before has ended, or has taken `patience` (s) beyond its ramp: it is then
    left to itself, and given up `last` (s) after its ramp. Requests to stop are answered, and change nothing.
    """
    watch.is_parking = True
    if watch.stop is not None:
        watch.stop.begin_parking()
    failed: list[str] = []

    def judge(attempt: _Attempt) -> None:
        what, problem = attempt.step.what, attempt.problem()
        if problem is not None:
            failed.append(f"{what}: {problem}")
        note(f"parking, {what}: {'confirmed' if problem is None else f'NOT confirmed: {problem}'}")

    left_alone: list[_Attempt] = []
    for step in steps:
        attempt = _Attempt(step)
        if attempt.waits_until(patience, watch):
            judge(attempt)
        else:
            left_alone.append(attempt)
    for attempt in left_alone:
        attempt.waits_until(last, watch)
        judge(attempt)
    return failed
