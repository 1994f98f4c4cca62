"""Kepco BOP: numbers as the interface card BIT 4886 takes and answers them (manual 243-1303 p. B-2), and levels."""

from __future__ import annotations

import re
from typing import Any

from sim_instruments.scpi_parameters import Parameter
from sim_instruments.scpi_status import ScpiError

#: Numbers other than zero must lie between these (p. B-2).
SMALLEST, LARGEST = 1e-6, 6500.9999

#: RANGe of the quarter range.
QUARTER = 4

_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)


def read_number(token: str) -> float:
    """Return a number as the card takes it (p. B-2); ScpiError -120 where it takes none.

    Of the digits the last 4 before the decimal point and the first 8 behind it count.
    """
    found = _NUMBER.fullmatch(token)
    if found is None or not (found[2] or found[3]):
        raise ScpiError(-120)
    sign, whole, part, exponent = (group or "" for group in found.groups())
    value = float(f"{sign}{whole[-4:] or 0}.{part[:8] or 0}e{exponent or 0}")
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise ScpiError(-120)
    return value


def written(value: float) -> str:
    """Return a number as the card answers it: `1.39997E1`, `4.99E-3`; six digits at most, and zero as `0E0`."""
    mantissa, exponent = f"{round(value, 8) + 0.0:.5E}".split("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent)}"


class Level(Parameter[float]):
    """A voltage (V) or a current (A) that the output's mode and the rating allow; beyond them -222."""

    def __init__(self, quantity: str) -> None:
        self.quantity = quantity

    def parse(self, token: str, owner: Any) -> float:
        """Return the value; MINimum and MAXimum stand for the limits."""
        low, high = owner.span(self.quantity)
        word = token.upper()
        if word in ("MIN", "MINIMUM", "MAX", "MAXIMUM"):
            return low if word.startswith("MIN") else high
        value = read_number(token)
        if not low <= value <= high:
            raise ScpiError(-222)
        return value

    def reply(self, value: float) -> str:
        """Return the value as the card writes it."""
        return written(value)


class Extreme(Level):
    """What may follow the query of a level: MINimum or MAXimum."""

    def parse(self, token: str, owner: Any) -> float:
        """Return the limit that is meant."""
        if not token.upper().startswith(("MIN", "MAX")):
            raise ScpiError(-108)
        return super().parse(token, owner)


class Part(Parameter[int]):
    """Which part of the rating a range is: 1 or 4, as in a quarter; anything else is -222."""

    def parse(self, token: str, owner: Any) -> int:
        """Return the part."""
        value = read_number(token)
        if value not in (1, QUARTER):
            raise ScpiError(-222)
        return int(value)

    def reply(self, value: int) -> str:
        """Return the part as a number."""
        return str(value)
