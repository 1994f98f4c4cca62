"""The wall clock: the one place where labctl really waits."""

import time


class WallClock:
    """Monotonic seconds since the clock was made; `wait` sleeps."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds` (s); negative or NaN raises ValueError."""
        if not seconds >= 0:
            raise ValueError(f"a wait must be at least 0 s; got {seconds!r}")
        time.sleep(seconds)
