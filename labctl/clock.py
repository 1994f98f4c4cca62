"""The wall clock: the one place where labctl really waits."""

import time


class WallClock:
    """Monotonic seconds since the clock was made; `wait` sleeps.

    With a `factor` its seconds pass so many times faster, as they do on a served bench that was told so.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._start = time.monotonic()
        self._factor = factor

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._factor * (time.monotonic() - self._start)

    def wait(self, seconds: float) -> None:
        """Sleep until `seconds` (s) have passed on this clock; negative or NaN raises ValueError."""
        if not seconds >= 0:
            raise ValueError(f"a wait must be at least 0 s; got {seconds!r}")
        time.sleep(seconds / self._factor)
