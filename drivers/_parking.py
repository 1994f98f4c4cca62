"""Parking as plain data: what makes an instrument safe for somebody who has its open line and nothing else.

A driver's `parking_recipe` is followed by another program when this one has died. It is short on purpose: lines to
say, in their order, and what must be read back. Every `Say` is said, whatever became of the others; a `Settle` or
`Walk` that is not confirmed ends the recipe, since nothing may be switched off that still carries current.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """A line that earns no answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Expect:
    """A question whose whole answer must match the regular expression `form`."""

    ask: str
    form: str


@dataclass(frozen=True, slots=True)
class Settle:
    """A question about a number that must come to less than `below` in magnitude within so many seconds.

    `again` is said each time it has not.
    """

    ask: str
    below: float
    within: float
    again: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk to zero from the number that `ask` answers: `say` formats a set point, one each `interval` (s).

    No step is larger than `rate` times the time since the one before, nor than that of 1.25 intervals. It is
    walked again until it reads back below `below`, for `within` (s) after the first time at most. Where nothing is
    answered zero is said at once.
    """

    ask: str
    say: str
    rate: float
    interval: float
    below: float
    within: float


Step = Say | Expect | Settle | Walk
Recipe = tuple[Step, ...]
