"""SR830 low-pass poles: their response to a turning phasor, and its mean over a period, written down exactly."""

from __future__ import annotations

import cmath
import math
from collections import deque
from dataclasses import dataclass

POLES = 4


@dataclass(frozen=True, slots=True)
class _Piece:
    """The time (s) from `since` on, in which amplitude exp(i turn t) went into the poles.

    `stages` are the outputs of the poles at its beginning, `turn` is in rad/s, `time_constant` in s.
    """

    since: float
    stages: tuple[complex, ...]
    amplitude: complex
    turn: float
    time_constant: float

    def _entering(self, time: float) -> complex:
        return self.amplitude * cmath.exp(1j * self.turn * time)

    def at(self, time: float) -> tuple[complex, ...]:
        """Outputs of the poles at a time (s)."""
        if time <= self.since:
            return self.stages
        before, after = self._entering(self.since), self._entering(time)
        pole = 1 / (1 + 1j * self.turn * self.time_constant)
        ages = (time - self.since) / self.time_constant
        decay = math.exp(-ages)
        weights = [decay * ages**k / math.factorial(k) for k in range(POLES)] if decay else [0.0] * POLES
        rest = [stage - before * pole ** (k + 1) for k, stage in enumerate(self.stages)]
        return tuple(
            after * pole ** (k + 1) + sum(weights[j] * rest[k - j] for j in range(k + 1))
            for k in range(POLES)
        )

    def integral(self, poles: int, first: float, last: float) -> complex:
        """Integral of the output behind so many poles between two times: tau ds/dt = input - s, pole by pole."""
        if self.turn:
            area = (self._entering(last) - self._entering(first)) / (1j * self.turn)
        else:
            area = self.amplitude * (last - first)
        before, after = self.at(first), self.at(last)
        return area - self.time_constant * sum(after[k] - before[k] for k in range(poles))


class Poles:
    """Four equal poles in a row, at rest at first, with as much memory as a mean over the past asks for.

    What goes in between two calls of `advance` is a phasor that turns; equal neighbours are one piece, so
    that the memory grows with the changes and not with the looks.
    """

    def __init__(self, time: float) -> None:
        self._pieces = deque([_Piece(time, (0j,) * POLES, 0j, 0.0, 1.0)])
        self._now = time

    def advance(
        self, time: float, amplitude: complex, turn: float, time_constant: float, kept: float
    ) -> None:
        """Bring the poles up to a time (s), with amplitude exp(i turn t) at the input since the last one.

        The past `kept` seconds are remembered.
        """
        last = self._pieces[-1]
        if (amplitude, turn, time_constant) != (last.amplitude, last.turn, last.time_constant):
            self._pieces.append(_Piece(self._now, last.at(self._now), amplitude, turn, time_constant))
        self._now = time
        while len(self._pieces) > 1 and self._pieces[1].since <= time - kept:
            self._pieces.popleft()

    @property
    def stages(self) -> tuple[complex, ...]:
        """Outputs of the poles now."""
        return self._pieces[-1].at(self._now)

    def mean(self, poles: int, seconds: float) -> complex:
        """Mean output behind so many poles over the past `seconds`, or over what there has been."""
        begin = max(self._now - seconds, self._pieces[0].since)
        if begin >= self._now:
            return self.stages[poles - 1]
        total, end = 0j, self._now
        for piece in reversed(self._pieces):
            first = max(piece.since, begin)
            if first < end:
                total += piece.integral(poles, first, end)
                end = first
        return total / (self._now - begin)
