"""Names, units and values as figures write them, for HTML: mu0_H_x, shown in Oe, is an italic H with index x."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from labctl.figures import notation
from labctl.names import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_SHORT: Final = 28  # signs of a value that stays on one line (our choice)
_LETTERS: Final = {
    "phi": "φ", "tau": "τ", "sigma": "σ", "xi": "ξ", "eta": "η", "kappa": "κ", "beta": "β", "theta": "θ",
    "omega": "ω", "mu": "μ", "Delta": "Δ",
}  # fmt: skip
_FORMULA: Final = re.compile(r"(?<!\\)\$(.*?)(?<!\\)\$")
#: Of the little mathtext that `labctl.figures.notation` writes: an index, upright text, a letter by name, one sign.
_TOKEN: Final = re.compile(
    r"_\\mathrm\{(?P<low>[^}]*)\}|(?P<below>_\{)|(?P<end>\})|\\mathrm\{(?P<upright>\\?[^}]*)\}"
    r"|\\(?P<named>[A-Za-z]+)|(?P<sign>.)"
)


class Piece(NamedTuple):
    """Some letters of a symbol or of the words around it: italic or upright, on the line or below it."""

    text: str
    is_italic: bool = False
    is_below: bool = False


def pieces(text: str) -> list[Piece]:
    """Take a label of a figure apart, as "$H_{x}$ = 200 Oe"; what is no formula is upright."""
    found: list[Piece] = []
    for number, part in enumerate(_FORMULA.split(text)):
        plain = part.replace(r"\$", "$")
        for piece in _set(part) if number % 2 else [Piece(printable(plain))]:
            if found and found[-1][1:] == piece[1:]:
                found[-1] = piece._replace(text=found[-1].text + piece.text)
            elif piece.text:
                found.append(piece)
    return found


def named(name: str, unit: str = "Oe") -> list[Piece]:
    """A name of the code whose values are shown in a unit; what is no symbol stays the word it is."""
    label = notation.symbol(name, unit)
    return pieces(label) if label.startswith("$") else [Piece(printable(name))]


def html(label: list[Piece]) -> Markup:
    """Pieces as HTML."""
    from markupsafe import Markup

    whole = Markup()
    for text, is_italic, is_below in label:
        shown = Markup("<i>{}</i>" if is_italic else "{}").format(text)
        whole += Markup("<sub>{}</sub>").format(shown) if is_below else shown
    return whole


def symbol(name: str) -> Markup:
    """A name of the code as HTML."""
    return html(named(name))


def value(text: str) -> str:
    """A value with its unit, which stay on one line where they are short."""
    number, blank, unit_text = printable(text).rpartition(" ")
    shown = f"{number} {unit(unit_text)}" if blank and number[-1:].isdigit() else printable(text)
    shown = re.sub(r"^-(?=\d)", "−", shown)
    return shown.replace(" ", "\N{NO-BREAK SPACE}") if len(shown) <= _SHORT else shown


def headline(text: str) -> Markup:
    """The first results of a run, "I_th 10.75 ± 0.14 mA, R_AHE ...", with symbols for names."""
    from markupsafe import Markup

    results = [result.partition(" ") for result in text.split(", ")]
    return Markup(", ").join(
        symbol(name) + Markup("\N{NO-BREAK SPACE}{}").format(value(rest)) for name, _, rest in results if name
    )


def unit(text: str | None) -> str:
    """A unit as it is printed: ohm is Ω, and what has no dimension has none."""
    return "" if text in {None, "", "1"} else printable(notation.unit_sign(str(text)))


def _set(formula: str) -> Iterator[Piece]:
    """The pieces of one formula: letters are italic but where they are said to be upright; digits never are."""
    is_below = False
    for token in _TOKEN.finditer(formula):
        if token["low"] is not None:
            yield Piece(printable(token["low"]), False, True)
        elif token["below"] or token["end"]:
            is_below = token["below"] is not None
        elif token["upright"] is not None:
            text = token["upright"]
            yield Piece(printable(_LETTERS.get(text.removeprefix("\\"), text)), False, is_below)
        else:
            text = _LETTERS.get(token["named"] or "", token["sign"] or token["named"] or "")
            yield Piece(printable(text), text.isalpha(), is_below)
