"""SR830 data buffer: both displays at the sample rate or on triggers, and the three ways to read them out.

Source: SR830 manual p. 5-12 to 5-19.
"""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from sim_instruments.clock import Event, VirtualClock
from sim_instruments.srs_sr830_language import OutOfRangeError, code
from sim_instruments.srs_sr830_tables import POINTS_MAX, SAMPLE_RATES

#: What both displays show at a time (s), and the full scale of each.
Shown = Callable[[float], tuple[tuple[float, float], tuple[float, float]]]
EXPONENT_OFFSET = 124
#: Exponent of a point at a full scale of 1: full scale is then 2^14 [a recorded buffer at 1 V has it so].
_EXPONENT_AT_ONE = 110
_MANTISSA_MAX = 32767


@dataclass(frozen=True, slots=True)
class Point:
    """One stored value, mantissa times 2^(exponent - 124), as the instrument stores and TRCL? sends it."""

    mantissa: int
    exponent: int

    @classmethod
    def of(cls, value: float, full_scale: float) -> Point:
        """Store a value with the step that its full scale has; beyond twice full scale it stops."""
        exponent = _EXPONENT_AT_ONE + math.ceil(math.log2(full_scale))
        mantissa = round(math.ldexp(value, EXPONENT_OFFSET - exponent))
        return cls(min(max(mantissa, -_MANTISSA_MAX - 1), _MANTISSA_MAX), exponent)

    @property
    def value(self) -> float:
        """The value in the unit of the display."""
        return math.ldexp(self.mantissa, self.exponent - EXPONENT_OFFSET)


def text(points: list[Point]) -> str:
    """TRCA?: signed numbers of seven digits, a comma after each, exponents of three digits."""
    written: list[str] = []
    for point in points:
        mantissa, _, exponent = f"{point.value:+.6e}".partition("e")
        written.append(f"{mantissa}e{int(exponent):+04d},")
    return "".join(written)


def floats(points: list[Point]) -> bytes:
    """TRCB?: IEEE floats of four bytes, least significant first."""
    return struct.pack(f"<{len(points)}f", *(point.value for point in points))


def pairs(points: list[Point]) -> bytes:
    """TRCL?: mantissa and exponent, two bytes each, least significant first."""
    numbers = (number for point in points for number in (point.mantissa, point.exponent))
    return struct.pack(f"<{2 * len(points)}h", *numbers)


class DataBuffer:
    """Up to 16383 points of both displays.

    Points are taken when somebody looks (`catch_up`), each as of its own time, so that storing costs nothing
    until then; a loop forgets what it would have overwritten without computing it. The first point comes with
    the start, and again with a start after a pause; a new sample rate counts from the last point (our
    choices). Triggers less than 1/512 s apart are ignored.
    """

    def __init__(
        self, clock: VirtualClock, shown: Shown, wake: Callable[[], None], stored: Callable[[float], None]
    ) -> None:
        """`wake` is called when somebody has to look: at the end of a scan that stops by itself, and, while it is
        followed, for each point. `stored` is called with the time (s) of each point.
        """
        self._clock = clock
        self._shown = shown
        self._wake = wake
        self._stored = stored
        self._followed = False
        self._points: deque[tuple[Point, Point]] = deque(maxlen=POINTS_MAX)
        self._alarm: Event | None = None
        self._rate: float | None = 1.0
        self._loop = False
        self._next: float | None = None  # when the next point is due, in a scan at a rate
        self._triggered = -math.inf
        self.running = False

    # --- settings and commands --------------------------------------------------------------------

    def configure(self, rate_code: int, loop: bool, followed: bool) -> None:
        """Sample at the rate of an SRAT code from now on, and go on when full or not.

        Where it is `followed`, every point is taken when it is due.
        """
        self._followed = followed
        rate = SAMPLE_RATES[rate_code] if rate_code < len(SAMPLE_RATES) else None
        if rate != self._rate and self.running:
            self._next = None if rate is None else self._clock.now() + 1 / rate
        self._rate, self._loop = rate, loop
        if self.full:
            self.pause()
        self._plan()

    def start(self, delay: float = 0.0) -> None:
        """Start, or go on after a pause; nothing where it runs already or is full."""
        if self.running or self.full:
            return
        self.running = True
        self._next = None if self._rate is None else self._clock.now() + delay
        self.catch_up(self._clock.now())
        self._plan()

    def trigger(self, starts: bool) -> bool:
        """Take a point, or start a scan at a rate where a trigger `starts` it; False where it does nothing."""
        now = self._clock.now()
        if self._rate is not None:
            begins = starts and not (self.running or self.full)
            if begins:
                self.start()
            return begins
        if not self.running or now - self._triggered < 1 / SAMPLE_RATES[-1]:
            return False
        self._triggered = now
        self._take(now)
        return True

    def pause(self) -> None:
        """Stop storing; the points stay."""
        self.running = False
        self._next = None
        self._plan()

    def reset(self) -> None:
        """Stop storing and forget every point."""
        self.pause()
        self._points.clear()

    # --- points -----------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """True where no point will be stored any more."""
        return not self._loop and len(self._points) == POINTS_MAX

    @property
    def count(self) -> int:
        """Points stored, of each display."""
        return len(self._points)

    def catch_up(self, time: float) -> None:
        """Take every point that is due up to a time (s)."""
        if self._next is None or self._rate is None or self._next > time:
            return
        first, step = self._next, 1 / self._rate
        due = math.floor((time - first) * self._rate + 1e-6) + 1
        wanted = range(max(0, due - POINTS_MAX), due) if self._loop else range(min(due, self._room))
        self._next = first + due * step  # before the first point is taken: taking one looks, too
        for number in wanted:
            self._take(min(first + number * step, time))
        if self.full:
            self.pause()
        elif self._followed:
            self._plan()

    @property
    def _room(self) -> int:
        return POINTS_MAX - len(self._points)

    def _take(self, time: float) -> None:
        values, scales = self._shown(time)
        self._points.append((Point.of(values[0], scales[0]), Point.of(values[1], scales[1])))
        self._stored(time)
        if self.full:
            self.pause()

    def read(self, channel: float, first: float, count: float) -> list[Point]:
        """Points of a channel (1 or 2), the oldest is number 0; OutOfRangeError where there are not so many."""
        number = code(channel, 1, 2) - 1
        start, many = code(first, 0, POINTS_MAX), code(count, 1, POINTS_MAX)
        if start + many > len(self._points):
            raise OutOfRangeError
        return [point[number] for point in islice(self._points, start, start + many)]

    def _plan(self) -> None:
        """Have somebody look at the next point, or when a scan that stops by itself comes to its end."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._next is None or self._rate is None:
            return
        if self._followed:
            self._alarm = self._clock.at(self._next, self._wake)
        elif not self._loop:
            last = self._next + (self._room - 1) / self._rate
            self._alarm = self._clock.at(last, self._wake)
