"""Names that people gave, as they may stand in a file name, on a terminal, in a figure; as data they stay."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Names of devices that Windows gives to no file, with whatever ending (learn.microsoft.com, "Naming Files").
_RESERVED: Final = {
    "CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10)),
}  # fmt: skip

_UNSEEN: Final = {
    "Cc",
    "Cf",
    "Cs",
    "Zl",
    "Zp",
}  # controls, marks of direction, lone surrogates, separators of lines

_LONGEST_LABEL: Final = 80

#: Where a spreadsheet sees a formula: at the beginning, or, but for a number, after a sign at which it splits.
_FORMULA: Final = re.compile(
    r"(^[\s\"']*)(?=[=+@-])|([,;|][\s\"']*)(?=[=@]|[+-](?![\d.][\d.eE+-]*(?:$|[\s,;)\]])))"
)


def slug(name: str) -> str:
    """Return a name as it may stand in a file name: letters, digits, dot, dash, underscore, 64 at most.

    It begins and ends with neither dot nor dash, and is no name of a device.
    """
    kept = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in ".-_") else "-" for letter in name
    )
    kept = kept.strip(".-")[:64].rstrip(".-")
    return f"_{kept}" if kept.partition(".")[0].upper() in _RESERVED else kept or "unnamed"


def printable(text: str, keep: str = "") -> str:
    """Return a text without what a terminal would obey or not show: that stands as its escape, but for `keep`.

    An escape sequence in the name of a sample can clear a screen or hide what was there.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        sign if sign in keep or unicodedata.category(sign) not in _UNSEEN else _escape(sign) for sign in text
    )


def as_label(text: str) -> str:
    """Return a text as a figure can bear it: printable, 80 signs at most, "$" a sign and no formula."""
    shown = printable(text)
    if len(shown) > _LONGEST_LABEL:
        shown = f"{shown[: _LONGEST_LABEL - 1]}…"
    return shown.replace("$", r"\$")


def as_cell(text: str) -> str:
    """Return a text as the cell of a table that a spreadsheet opens: printable, and no formula.

    What begins with = + - or @ gets an apostrophe before it, which marks a text (OWASP, "CSV Injection"); so does
    what follows a sign at which some spreadsheet splits, unless it is a number.
    """
    return _FORMULA.sub(r"\1\2'", printable(text))


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
