"""Where units come in and go out: text with a unit to SI floats, SI floats to text people read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

from labctl.errors import RequestError
from labctl.spelling import suggest

MU_0: Final = 1.25663706127e-6  # vacuum permeability, T m/A, CODATA 2022

_PREFIXES: Final = {"k": 1e3, "": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9}

#: SI unit -> the units accepted for it, with their factors; the first one or two show in error messages.
_COMMON: Final[dict[str, dict[str, float]]] = {
    "T": {
        "Oe": 1e-4, "mT": 1e-3, "T": 1.0, "kOe": 0.1, "uT": 1e-6, "µT": 1e-6, "G": 1e-4, "kG": 0.1,
        "A/m": MU_0, "kA/m": 1e3 * MU_0,
    },
    "s": {"ms": 1e-3, "s": 1.0, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0},
    "T/s": {"Oe/s": 1e-4, "mT/s": 1e-3, "T/s": 1.0},
    "T/A": {"Oe/A": 1e-4, "mT/A": 1e-3, "T/A": 1.0},
    "rad": {"deg": math.pi / 180, "rad": 1.0},
    "A/m2": {"A/m2": 1.0, "A/m^2": 1.0, "A/cm2": 1e4, "A/cm^2": 1e4},
    "A2 s": {"A2 s": 1.0, "A^2 s": 1.0, "mA2 s": 1e-6, "mA^2 s": 1e-6},
    "1": {"": 1.0, "%": 0.01},
}  # fmt: skip
for _unit in ("A", "V", "ohm", "m", "Hz", "K", "H", "J", "C"):
    _COMMON[_unit] = {prefix + _unit: factor for prefix, factor in _PREFIXES.items()}
_COMMON["ohm"] |= {prefix + "Ω": factor for prefix, factor in _PREFIXES.items()}

_KIND: Final = {
    "T": "a field with its unit, as 400 Oe, 40 mT or 0.04 T",
    "A": "a current with its unit, as 0.1 mA or 1e-4 A",
    "s": "a time with its unit, as 500 ms or 0.5 s",
    "V": "a voltage with its unit, as 10 mV or 10 V",
    "ohm": "a resistance with its unit, as 0.4 ohm",
    "m": "a length with its unit, as 2 nm or 10 um",
    "T/A": "a field per current with its unit, as 15 Oe/A or 1.5 mT/A",
    "T/s": "a field rate with its unit, as 500 Oe/s or 50 mT/s",
    "A/m2": "a current density with its unit, as 5e11 A/m2 or 5e7 A/cm2",
    "A2 s": "a sum of I^2 t with its unit, as 0.5 A2 s or 2000 mA2 s",
    "C": "a charge with its unit, as 100 mC or 0.1 C",
    "J": "an energy with its unit, as 200 mJ or 0.2 J",
    "rad": "an angle with its unit, as 30 deg",
    "1": "a plain number, as 1 or 0.5",
}

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY: Final = re.compile(rf"\s*(?>({_NUMBER}))\s*([^\d\s.+-].*?)?\s*", re.ASCII)
_POWER: Final = re.compile(r"(?<=[A-Za-z])(?=\d)")  # m2, as the columns have it, is m**2 to pint

_EXTREME: Final = re.compile(r"[eE][+-]?\d{3}")  # exact decimals of such a size fill the memory


def kind_of(unit: str) -> str:
    """Say in words what a value of an SI unit must look like ("a field with its unit, as 400 Oe ...")."""
    return _KIND.get(unit, f"a value with its unit, as 1 {unit}")


def parse(text: str, unit: str, name: str) -> float:
    """Read "400 Oe" as a float in the SI unit `unit`; `name` is what the error message calls the value.

    A bare number is refused where `unit` is not "1": 400 may mean oersted, millitesla or tesla. NaN and
    infinity are refused. Units outside the common table are looked up by pint.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise RequestError(f"{name} must be {kind_of(unit)}; got {text!r}. Nothing was sent.")
    number, symbol = match[1], match[2] or ""
    if not math.isfinite(float(number)):
        raise RequestError(f"{name} must be finite; got {text!r}. Nothing was sent.")
    if not symbol and unit != "1":
        raise RequestError(f"{name} must be {kind_of(unit)}; got the bare number {text!r}. Nothing was sent.")
    factor = _COMMON.get(unit, {}).get(symbol)
    if factor is None:
        return _by_pint(float(number), symbol, unit, text, name)
    # Decimal: 90 Oe/A is then the float nearest to 0.009, as a person who writes 0.009 T/A gets it
    return float(Decimal(number) * Decimal(repr(factor)))


def split(text: str, name: str) -> tuple[Decimal, str]:
    """Split "400 Oe" into its number, exact as a decimal, and its unit ("" where it has none)."""
    match = _QUANTITY.fullmatch(text)
    if match is None or _EXTREME.search(match[1]) or not math.isfinite(float(match[1])):
        raise RequestError(f"{name} must be a number with its unit; got {text!r}. Nothing was sent.")
    return Decimal(match[1]), match[2] or ""


def _by_pint(number: float, symbol: str, unit: str, text: str, name: str) -> float:
    import pint

    try:
        return float(pint.UnitRegistry().Quantity(number, symbol).to("" if unit == "1" else unit).magnitude)
    except (pint.PintError, ValueError, TypeError, AttributeError) as error:
        raise RequestError(f"{name} must be {kind_of(unit)}; got {text!r}. Nothing was sent.") from error


def factor_of(unit: str, display: str) -> float:
    """SI value of one `display` unit: `factor_of("T", "Oe")` is 1e-4."""
    if unit == display:
        return 1.0
    return _COMMON[unit][display]


@dataclass(frozen=True, slots=True)
class Scale:
    """How SI values read in another unit, whose 0 and 1 are `zero` and `zero + factor` in SI."""

    unit: str
    factor: float
    zero: float = 0.0

    def of(self, value: Any) -> Any:
        """Return an SI value, or an array of them, in this unit."""
        return self.of_difference(value - self.zero)

    def of_difference(self, value: Any) -> Any:
        """Return a difference of two SI values, as an uncertainty is one, in this unit."""
        whole = round(1 / self.factor)
        # 10 000 is a float and 1e-4 is not: multiplied, 0.0399 T is the float nearest to 399 Oe
        return value * whole if math.isclose(whole * self.factor, 1.0, rel_tol=1e-15) else value / self.factor


def scale_to(unit: str, wanted: str, name: str) -> Scale:
    """Say how values of `name` in the SI unit `unit` read in the unit `wanted`, as "Oe" for "T".

    Units outside the common table are looked up by pint. RequestError where `wanted` is no unit of the same kind.
    """
    if wanted == unit:
        return Scale(unit, 1.0)
    common = {symbol: factor for symbol, factor in _COMMON.get(unit, {unit: 1.0}).items() if symbol}
    scale = Scale(wanted, common[wanted]) if wanted in common else _scale_by_pint(unit, wanted)
    if scale is None:
        raise RequestError(
            f"the unit of {name} must be one for {unit}, as {', '.join(list(common)[:4])}; "
            f"got {wanted!r}{suggest(wanted, common)}. Nothing was written."
        )
    return scale


@cache
def _scale_by_pint(unit: str, wanted: str) -> Scale | None:
    import pint

    registry = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    si, other = (_POWER.sub("**", "" if symbol == "1" else symbol) for symbol in (unit, wanted))
    try:
        zero, one, two = (
            float(registry.Quantity(number, other).to(si).magnitude) for number in (0.0, 1.0, 2.0)
        )
    except (pint.PintError, ValueError, TypeError, AttributeError, AssertionError):
        return None
    linear = one != zero and math.isclose(two - zero, 2 * (one - zero), rel_tol=1e-9)
    return Scale(wanted, one - zero, zero) if linear else None  # a decibel is no unit to divide by


def show(value: float, unit: str, display: str | None = None, digits: int = 6) -> str:
    """Write an SI value for people: `show(0.04, "T", "Oe")` is "400 Oe".

    A number below 0.001 or from 10 000 on in the display unit gets another prefix: `show(1e-9, "A", "mA")` is
    "1 nA".
    """
    shown = display or unit
    number = value / factor_of(unit, shown)
    if number and not 1e-3 <= abs(number) < 1e4:
        shown = fitting(value, unit, shown)
        number = value / factor_of(unit, shown)
    return f"{number:.{digits}g}" if shown == "1" else f"{number:.{digits}g} {shown}"


def fitting(value: float, unit: str, shown: str) -> str:
    """Return `shown` with the prefix in which an SI value lies between 1 and 10 000; as it is where none does."""
    units = _COMMON.get(unit, {})
    base = shown[1:] if shown[1:] in units and shown[0] in _PREFIXES else shown
    for prefix in ("k", "", "m", "u", "n"):
        if prefix + base in units and 1 <= abs(value) / units[prefix + base] < 1e4:
            return prefix + base
    return shown


def show_result(value: float, uncertainty: float, unit: str, display: str | None = None) -> str:
    """Write a value with its standard uncertainty (both SI), rounded to two figures of the uncertainty.

    What is below 1e-5 or from 1e6 on, with its uncertainty, in the display unit is written with a power of ten.
    """
    shown = display or unit
    factor = factor_of(unit, shown)
    value, uncertainty = value / factor, uncertainty / factor
    suffix = "" if shown == "1" else f" {shown}"
    if not math.isfinite(value):
        return "not found"
    if not math.isfinite(uncertainty) or uncertainty <= 0:
        return f"{value:.5g}{suffix}"
    largest = max(abs(value), uncertainty)
    power = 0 if 1e-5 <= largest < 1e6 else math.floor(math.log10(largest))
    value, uncertainty = value / 10.0**power, uncertainty / 10.0**power
    decimals = max(0, 1 - math.floor(math.log10(uncertainty)))
    text = f"{value:.{decimals}f} ± {uncertainty:.{decimals}f}"
    return f"({text})e{power}{suffix}" if power else text + suffix
