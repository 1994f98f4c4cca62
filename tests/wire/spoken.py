"""What every driver can say and every simulator declares, set beside what the witnesses have, cited or not."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from witness import Exchange, Witness, absolute_headers, load

ROOT = Path(__file__).parents[2]


def offered(group: str) -> dict[str, Any]:
    """Return the classes that pyproject.toml offers as `labctl.<group>`, by instrument name."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for name, place in document["project"]["entry-points"][f"labctl.{group}"].items():
        module, _, kind = place.partition(":")
        found[name] = getattr(importlib.import_module(module), kind)
    return found


DRIVERS = offered("drivers")
SIMULATORS = offered("simulators")
#: Every instrument that has a driver or a simulator.
ALL = sorted(DRIVERS | SIMULATORS)

#: Commands that move a current or a field, or decide how far or how fast: they may not rest on a guess.
MOVING = {
    "keithley_6221": {"SOUR:CURR", "SOUR:CURR:RANG", "SOUR:CURR:COMP", "OUTP", "SOUR:CLE"}
    | {f"SOUR:WAVE:{word}" for word in ("FUNC", "RANG", "AMPL", "OFFS", "FREQ", "DUR:TIME", "DUR:CYCL")}
    | {f"SOUR:WAVE:{word}" for word in ("ARB:DATA", "ARB:APP", "ARM", "INIT", "ABOR")},
    "kepco_bop": {"FUNC:MODE", "CURR", "VOLT", "OUTP"},
    "lakeshore_643": {"SETI", "LIMIT", "RATE", "RSEG", "STOP", "XPGM"},
    "srs_sr830": {"SLVL", "FREQ", "FMOD"},
}

#: Words that the manuals print in brackets, by the word before them: a header means the same without them.
#: The same word may be compulsory elsewhere (SYST:BEEP:STAT, SOUR:WAVE:AMPL, CALC2:IMM).
_OPTIONAL = {
    "CURR": ("LEV", "IMM", "AMPL"),
    "VOLT": ("DC", "CHAN1"),
    "RANG": ("UPP",),
    "UNIT": ("VOLT",),
    "FORM": ("DATA",),
    "DATA": ("LAT",),
    "QUE": ("NEXT",),
    **dict.fromkeys(("CLE", "INIT"), ("IMM",)),
    **dict.fromkeys(("MEAS", "OPER", "QUES"), ("EVEN",)),
    **dict.fromkeys(("OUTP", "FILT", "DFIL", "LPAS", "AZER", "FAZ", "LSYN"), ("STAT",)),
}


def normal(header: str, name: str) -> str:
    """Return a header in one spelling: short words in capitals, optional words left out (622x-901-01 p. 10-14).

    Lake Shore and SRS headers have one form only and are just put in capitals.
    """
    header = header.upper().lstrip(":")
    if header.startswith("*") or name.startswith(("lakeshore", "srs")):
        return header
    mark = "?" if header.endswith("?") else ""
    kept: list[str] = []
    before = ""
    for word in (_short(word) for word in header.removesuffix("?").split(":")):
        if word not in _OPTIONAL.get(before, ()):
            kept.append(word)
            before = word
        elif word in _OPTIONAL:
            before = word  # UNIT[:VOLTage][:DC]: an optional word may have one of its own
    return ":".join(kept) + mark


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
    """Return the entries that witness a header (in normal spelling) being accepted."""
    return [
        entry for entry in witness.exchanges if not entry.error and header in headers_of(entry, witness.name)
    ]


def without_witness(name: str, headers: Iterable[str]) -> list[str]:
    """Return which of the headers that a driver says, in any spelling, no entry has being accepted."""
    witness = load(name)
    return sorted(header for header in headers if not accepted(witness, normal(header, name)))


def declared(kind: Any, header: str) -> str | None:
    """Return the header that a simulator declares and that a spoken one (full path) means, or None."""
    if hasattr(kind, "declared"):
        return kind.declared(header)
    return header.upper() if header.upper() in kind.declared_headers() else None


def declared_without_witness(name: str, kind: Any) -> list[str]:
    """Return the headers that a simulator declares and no entry has being accepted."""
    witnessed = {
        declared(kind, header)
        for entry in load(name).exchanges
        if not entry.error
        for line in entry.say
        for header in absolute_headers(line)
    }
    return sorted(kind.declared_headers() - witnessed)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One instrument's line of the table; headers in normal spelling, a simulator's own as it declares them."""

    name: str
    entries: int
    cited: int
    said: int
    simulated: int
    without_witness: list[str]
    uncited_said: list[str]
    uncited_others: list[str]
    moving_uncited: list[str]


def coverage(name: str) -> Coverage:
    """Compare one instrument's driver and simulator with its witness."""
    witness = load(name)
    said: frozenset[str] = DRIVERS[name].headers() if name in DRIVERS else frozenset()
    kind = SIMULATORS.get(name)
    plain = [entry for entry in witness.exchanges if not entry.error]
    known = {header for entry in plain for header in headers_of(entry, name)}
    cited = {header for entry in plain if entry.status != "uncited" for header in headers_of(entry, name)}
    missing = without_witness(name, said) + (declared_without_witness(name, kind) if kind else [])
    return Coverage(
        name=name,
        entries=len(witness.exchanges),
        cited=sum(entry.status != "uncited" for entry in witness.exchanges),
        said=len(said),
        simulated=len(kind.declared_headers()) if kind else 0,
        without_witness=list(dict.fromkeys(missing)),
        uncited_said=sorted((known - cited) & said),
        uncited_others=sorted(known - cited - said),
        moving_uncited=sorted(MOVING.get(name, set()) - cited),
    )


def table(rows: list[Coverage]) -> str:
    """Return the rows as text: counts, then what is without witness, then what is not cited."""
    titles = ("entries", "cited", "uncited", "driver headers", "simulator headers", "without witness")
    lines = [f"{'instrument':<16}" + "".join(f"{title:>{len(title) + 2}}" for title in titles)]
    for row in rows:
        counts = (row.entries, row.cited, row.entries - row.cited, row.said, row.simulated)
        counts += (len(row.without_witness),)
        lines.append(
            f"{row.name:<16}"
            + "".join(f"{n:>{len(title) + 2}}" for n, title in zip(counts, titles, strict=True))
        )
    for row in rows:
        for what, headers in (
            ("without witness", row.without_witness),
            ("moves, uncited", row.moving_uncited),
            ("said, uncited", row.uncited_said),
            ("other uncited", row.uncited_others),
        ):
            if headers:
                lines.append(f"{row.name}, {what}: {' '.join(headers)}")
    return "\n".join(lines)
