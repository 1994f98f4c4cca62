"""What each driver can say, set beside what the witnesses have: headers in one spelling, cited or not."""

from __future__ import annotations

from dataclasses import dataclass

from witness import Exchange, Witness, absolute_headers, load

from drivers._instrument import Instrument
from drivers.keithley_2182a import Keithley2182A
from drivers.keithley_6221 import Keithley6221
from drivers.lakeshore_475 import LakeShore475
from drivers.lakeshore_643 import LakeShore643

DRIVERS: dict[str, type[Instrument]] = {
    "keithley_2182a": Keithley2182A,
    "keithley_6221": Keithley6221,
    "lakeshore_475": LakeShore475,
    "lakeshore_643": LakeShore643,
}

#: Commands that move a current or a field, or decide how far or how fast: they may not rest on a guess.
MOVING = {
    "keithley_6221": {"SOUR:CURR", "SOUR:CURR:RANG", "SOUR:CURR:COMP", "OUTP", "SOUR:CLE"},
    "lakeshore_643": {"SETI", "LIMIT", "RATE", "RSEG", "STOP", "XPGM"},
}

#: Words that the manuals print in brackets: a header means the same without them.
_OPTIONAL = {"LEV", "IMM", "AMPL", "STAT", "DC", "UPP", "CHAN1"}


def normal(header: str, name: str) -> str:
    """Return a header in one spelling: short words in capitals, optional words left out (622x-901-01 p. 10-14).

    Lake Shore headers have one form only and are just put in capitals.
    """
    header = header.upper().lstrip(":")
    if header.startswith("*") or not name.startswith("keithley"):
        return header
    mark = "?" if header.endswith("?") else ""
    root, *words = (_short(word) for word in header.removesuffix("?").split(":"))
    return ":".join([root, *(word for word in words if word not in _OPTIONAL)]) + mark


def _short(word: str) -> str:
    letters = word.rstrip("0123456789")
    digits = word[len(letters) :]
    if len(letters) > 4:
        letters = letters[:3] if letters[3] in "AEIOU" else letters[:4]
    return letters + digits


def headers_of(exchange: Exchange, name: str) -> set[str]:
    """Return the normal headers of all lines an entry says."""
    return {normal(header, name) for line in exchange.say for header in absolute_headers(line)}


def accepted(witness: Witness, header: str) -> list[Exchange]:
    """Return the entries that witness a header being accepted."""
    return [
        entry for entry in witness.exchanges if not entry.error and header in headers_of(entry, witness.name)
    ]


@dataclass(frozen=True, slots=True)
class Coverage:
    """One instrument's line of the table."""

    name: str
    entries: int
    cited: int
    headers: int
    headers_cited: int
    unwitnessed: list[str]
    moving_uncited: list[str]


def coverage(name: str) -> Coverage:
    """Compare one driver's headers with its witness."""
    witness = load(name)
    by_header = {header: accepted(witness, header) for header in sorted(DRIVERS[name].headers())}
    cited = {header for header, entries in by_header.items() if any(e.status != "uncited" for e in entries)}
    return Coverage(
        name=name,
        entries=len(witness.exchanges),
        cited=sum(entry.status != "uncited" for entry in witness.exchanges),
        headers=len(by_header),
        headers_cited=len(cited),
        unwitnessed=[header for header, entries in by_header.items() if not entries],
        moving_uncited=sorted(MOVING.get(name, set()) - cited),
    )


def table() -> str:
    """Return the table of all instruments as text."""
    lines = [
        f"{'instrument':<16}{'entries':>8}{'cited':>7}{'headers said':>14}{'cited':>7}  without a witness"
    ]
    for name in DRIVERS:
        row = coverage(name)
        missing = ", ".join(row.unwitnessed) or "-"
        lines.append(
            f"{name:<16}{row.entries:>8}{row.cited:>7}{row.headers:>14}{row.headers_cited:>7}  {missing}"
        )
    return "\n".join(lines)
