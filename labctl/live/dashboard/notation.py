"""Names and units as the field writes them, for HTML: mu0_H_x, shown in Oe, is an italic H with the index x."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from labctl.names import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_LETTERS: Final = {"phi": "φ", "xi": "ξ", "dt": "Δt", "dI": "ΔI"}
_UNITS: Final = {
    "ohm": "Ω",
    "uV": "µV",
    "uA": "µA",
    "us": "µs",
    "um": "µm",
    "deg": "°",
    "A/m2": "A/m²",
    "1": "",
}
_SHORT: Final = 28  # signs


class Symbol(NamedTuple):
    """A symbol: what is printed in italics, and what below it; a name that is none is all `word`."""

    letter: str
    below: str
    word: str


def parts(name: str) -> Symbol:
    """Take a name of the code apart: one letter, then its index; branch or n_resets are words and stay whole."""
    letter, _, index = name.removeprefix("mu0_").partition("_")
    letter = _LETTERS.get(letter, letter)
    is_symbol = len(letter) == 1 or letter in _LETTERS.values()
    if not is_symbol or letter in {"n", "u"}:
        return Symbol("", "", printable(name))
    return Symbol(printable(letter), printable(index.replace("_", ",")), "")


def symbol(name: str) -> Markup:
    """A name of the code as HTML."""
    from markupsafe import Markup, escape

    letter, index, word = parts(name)
    if word:
        return escape(word)
    italic = Markup("<i>{}</i>").format(letter)
    return italic + Markup("<sub>{}</sub>").format(index) if index else italic


def value(text: str) -> str:
    """A value with its unit, which stay on one line where they are short."""
    shown = re.sub(r" ohm\b", " Ω", printable(text))
    return shown.replace(" ", "\N{NO-BREAK SPACE}") if len(shown) <= _SHORT else shown


def headline(text: str) -> Markup:
    """The first results of a run, "I_th 10.75 ± 0.14 mA, R_AHE ...", with symbols for names."""
    from markupsafe import Markup

    pieces = [piece.partition(" ") for piece in text.split(", ")]
    return Markup(", ").join(
        symbol(name) + Markup("\N{NO-BREAK SPACE}{}").format(value(rest)) for name, _, rest in pieces if name
    )


def unit(text: str | None) -> str:
    """A unit as people write it: ohm is Ω, and what has no dimension has none."""
    return printable(_UNITS.get(text or "", text or ""))
