"""The third witness: what the manuals say an instrument hears and answers, loaded from tests/wire/*.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

#: Names of all witness files, without the suffix.
ALL = sorted(path.stem for path in FOLDER.glob("*.toml"))

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One entry of a witness file; the heads of the files say how to read the fields."""

    say: tuple[str, ...]
    hear: tuple[str, ...] | None
    hear_pattern: str | None
    hear_bytes: int | None
    means: dict[str, Any]
    after: tuple[str, ...]
    error: str | None
    source: str
    status: str
    note: str

    @property
    def answered(self) -> bool:
        """True where the entry claims a reply."""
        return any(each is not None for each in (self.hear, self.hear_pattern, self.hear_bytes))


@dataclass(frozen=True, slots=True)
class Witness:
    """One instrument's exchanges, and the head of its file."""

    name: str
    instrument: dict[str, Any]
    exchanges: list[Exchange]


def load(name: str) -> Witness:
    """Return the witness `tests/wire/<name>.toml`; FileNotFoundError where there is none."""
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return Witness(name, document["instrument"], [_exchange(entry) for entry in document["exchange"]])


def headers(line: str) -> list[str]:
    """Split a message into its headers: quoted text is skipped, arguments are dropped, `?` and `:` stay.

    The headers stand as they were said: `SOUR:CURR:COMP 5;FILT ON` gives `["SOUR:CURR:COMP", "FILT"]`.
    """
    units = _QUOTED.sub("''", line).split(";")
    return [unit.split(maxsplit=1)[0] for unit in units if unit.strip()]


def absolute_headers(line: str) -> list[str]:
    """Return the headers of a message by the SCPI path rule, from the root and without leading colon.

    `SOUR:CURR:COMP 5;*CLS;FILT ON` gives `["SOUR:CURR:COMP", "*CLS", "SOUR:CURR:FILT"]`.
    """
    path, found = "", list[str]()
    for header in headers(line):
        bare = header.lstrip(":")
        full = bare if bare.startswith("*") or header.startswith(":") else path + bare
        if not bare.startswith("*"):
            path = full[: full.rfind(":") + 1]
        found.append(full)
    return found


def _exchange(entry: dict[str, Any]) -> Exchange:
    return Exchange(
        say=_lines(entry["say"]),
        hear=_lines(entry["hear"]) if "hear" in entry else None,
        hear_pattern=entry.get("hear_pattern"),
        hear_bytes=entry.get("hear_bytes"),
        means=entry.get("means", {}),
        after=_lines(entry.get("after", ())),
        error=entry.get("error"),
        source=entry["source"],
        status=entry["status"],
        note=entry.get("note", ""),
    )


def _lines(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
