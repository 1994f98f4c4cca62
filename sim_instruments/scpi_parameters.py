"""SCPI parameters as a simulated instrument reads them: numbers, booleans, words, strings and their refusals.

A datum of the wrong kind is refused with -104, a malformed number with -120, a number beyond its limits with
-222, a word or value that is none of those listed with -224 (SCPI-99 volume 2, 21.8; the codes stand in
Keithley 2182A-900-01 table B-1).
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sim_instruments.scpi_status import ScpiError

T = TypeVar("T")

#: A limit is a number, or is asked of the group of commands that the parameter belongs to.
Limit = float | Callable[[Any], float]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DIGITS = re.compile(r"[0-9A-Fa-f]{1,16}", re.ASCII)
_WORD = re.compile(r"[A-Za-z]\w*", re.ASCII)
_PIECES = {
    separator: re.compile(rf"""((?:[^{separator}"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*)(?:{separator}|$)""")
    for separator in ";,"
}
#: SCPI's way to write infinity (SCPI-99 volume 1, 7.2.1.4).
_INFINITY = 9.9e37


def split(text: str, separator: str) -> list[str]:
    """Split at a separator (`;` or `,`) that stands outside quotes; blanks around the pieces go."""
    if '"' not in text and "'" not in text:
        return [piece.strip() for piece in text.split(separator)]
    pieces = [match.group(1).strip() for match in _PIECES[separator].finditer(text)]
    return pieces if text.endswith(separator) else pieces[:-1]


def spellings(word: str, *, numbered: bool = False) -> tuple[str, ...]:
    """Return how a word of the manual may be written, in capitals: `IMMediate` as IMM or IMMEDIATE.

    A trailing 1 may be left out, unless the word is `numbered`; any other number must stand.
    """
    stem = word.rstrip("0123456789")
    number = word[len(stem) :]
    short = "".join(letter for letter in stem if not letter.islower())
    names = dict.fromkeys((short, stem.upper()))
    endings = ("", "1") if number == "1" and not numbered else (number,)
    return tuple(name + ending for name in names for ending in endings)


class Parameter(ABC, Generic[T]):
    """How one datum is read from a message and written into a reply."""

    @abstractmethod
    def parse(self, token: str, owner: Any) -> T:
        """Return the value of a datum; ScpiError where it is refused."""

    @abstractmethod
    def reply(self, value: T) -> str:
        """Return the value as the instrument answers it."""

    def limit(self, word: str, owner: Any) -> T:
        """Return what MINimum or MAXimum stand for; ScpiError -104 where the datum is not a number."""
        raise ScpiError(-104)


class Number(Parameter[float]):
    """A decimal number between limits (SI unit as tabled); `infinite` also takes INFinity and 9.9E37 or more."""

    def __init__(self, low: Limit, high: Limit, style: str = ".6E", *, infinite: bool = False) -> None:
        self.low = low
        self.high = high
        self.style = style
        self.infinite = infinite

    def parse(self, token: str, owner: Any) -> float:
        """Return the number, rounded as the instrument rounds it."""
        value = self._value(token, owner)
        if self.infinite and value >= _INFINITY:
            return math.inf
        if not _bound(self.low, owner) <= value <= _bound(self.high, owner):
            raise ScpiError(-222)
        return value

    def _value(self, token: str, owner: Any) -> float:
        if _NUMBER.fullmatch(token):
            return float(token)
        word = token.upper()
        if word in ("MIN", "MINIMUM", "MAX", "MAXIMUM"):
            return self.limit(word, owner)
        if self.infinite and word in ("INF", "INFINITY"):
            return math.inf
        raise ScpiError(_wrong_kind(token))

    def reply(self, value: float) -> str:
        """Return the number in the instrument's style; infinity as `+9.9e37`."""
        return "+9.9e37" if math.isinf(value) else format(value, self.style)

    def limit(self, word: str, owner: Any) -> float:
        """Return the lower or the upper limit."""
        return _bound(self.low if word.startswith("MIN") else self.high, owner)


class Integer(Number):
    """A whole number between limits; a fraction is rounded, still held as a float."""

    def __init__(self, low: Limit, high: Limit, *, infinite: bool = False) -> None:
        super().__init__(low, high, ".0f", infinite=infinite)

    def _value(self, token: str, owner: Any) -> float:
        value = super()._value(token, owner)
        return value if math.isinf(value) else float(math.floor(value + 0.5))


class Mask(Integer):
    """A whole number that may also be written in binary, octal or hexadecimal (622x-901-01 p. 11-6)."""

    _BASES: Mapping[str, int] = {"B": 2, "Q": 8, "H": 16}

    def _value(self, token: str, owner: Any) -> float:
        base = self._BASES.get(token[1:2].upper()) if token[:1] == "#" else None
        if base is None:
            return super()._value(token, owner)
        if not _DIGITS.fullmatch(token[2:]):
            raise ScpiError(-120)
        try:
            return float(int(token[2:], base))
        except (ValueError, OverflowError):
            raise ScpiError(-120) from None


class Boolean(Parameter[bool]):
    """0, 1, OFF or ON; answered 0 or 1."""

    _VALUES: Mapping[str, bool] = {"0": False, "1": True, "OFF": False, "ON": True}

    def parse(self, token: str, owner: Any) -> bool:
        """Return the state."""
        value = self._VALUES.get(token.upper())
        if value is not None:
            return value
        if _WORD.fullmatch(token):
            raise ScpiError(-224)
        if _NUMBER.fullmatch(token):
            if float(token) in (0.0, 1.0):
                return bool(float(token))
            raise ScpiError(-224)
        raise ScpiError(_wrong_kind(token))

    def reply(self, value: bool) -> str:
        """Return 1 or 0."""
        return "1" if value else "0"


class Choice(Parameter[str]):
    """One of some words, in long or short form; its value is the short form, and so is the answer.

    With `numbered` a number at the end of a word always belongs to it, also a 1.
    """

    def __init__(self, *words: str, numbered: bool = False) -> None:
        forms = [spellings(word, numbered=numbered) for word in words]
        self._short = {name: names[0] for names in forms for name in names}

    def parse(self, token: str, owner: Any) -> str:
        """Return the short form of the word."""
        value = self._short.get(token.upper())
        if value is not None:
            return value
        raise ScpiError(-224 if _WORD.fullmatch(token) else _wrong_kind(token))

    def reply(self, value: str) -> str:
        """Return the short form."""
        return value


class Text(Parameter[str]):
    """Any text in single or double quotes; a quote of the same kind in it is doubled."""

    def parse(self, token: str, owner: Any) -> str:
        """Return the text between the quotes."""
        quote = token[:1]
        if quote not in ("'", '"'):
            raise ScpiError(-104)
        text = token[1:-1]
        if len(token) < 2 or token[-1] != quote or quote in text.replace(quote + quote, ""):
            raise ScpiError(-151)
        return text.replace(quote + quote, quote)

    def reply(self, value: str) -> str:
        """Return the text in double quotes."""
        return '"' + value.replace('"', '""') + '"'


class Quoted(Text):
    """One of some texts in single or double quotes, each in long or short form; answered in double quotes."""

    def __init__(self, *texts: str) -> None:
        self._short = {name: text for text in texts for name in _text_spellings(text)}

    def parse(self, token: str, owner: Any) -> str:
        """Return the text that was meant, as declared."""
        value = self._short.get(super().parse(token, owner).upper())
        if value is None:
            raise ScpiError(-224)
        return value

    def reply(self, value: str) -> str:
        """Return the short form in double quotes."""
        return '"' + ":".join(spellings(word)[0] for word in re.findall(r"\w+", value)) + '"'


def _text_spellings(text: str) -> list[str]:
    names = [""]
    for bracket, word in re.findall(r"(\[?):?(\w+)", text):
        longer = [f"{name}:{form}".lstrip(":") for name in names for form in spellings(word)]
        names = names + longer if bracket else longer
    return names


def _bound(limit: Limit, owner: Any) -> float:
    return limit(owner) if callable(limit) else limit


def _wrong_kind(token: str) -> int:
    """Return the code for a datum that is not of the kind expected."""
    if token[:1] in ("'", '"') or _WORD.fullmatch(token) or _NUMBER.fullmatch(token):
        return -104
    if token[:1] in set("+-.0123456789"):
        return -120
    return -101 if token else -109
