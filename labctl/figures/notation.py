"""Names of the code as the field writes them: mu0_H_x, shown in Oe, is an italic H with the index x."""

from __future__ import annotations

import re
from typing import Final

from labctl.names import as_label

_GREEK: Final = {"phi", "tau", "sigma", "xi", "eta", "kappa", "beta", "theta", "omega"}
_SIGNS: Final = {"plus": "+", "minus": "-"}
_KINDS: Final = {"rms": "rms", "pk": "peak"}  # what is said beside the unit, not in the index
_INDUCTION: Final = {"T", "mT", "uT", "µT", "G", "kG"}  # units of mu0 H; those of H are the others
_POWER: Final = re.compile(r"(?<=[A-Za-z])\^?([23])")
_PLAIN: Final = re.compile(r"[A-Za-z0-9.+-]+")
_HARMONIC: Final = re.compile(r"(\d)w")


def symbol(name: str, unit: str = "Oe") -> str:
    """Return the mathtext of a name whose values are shown in `unit`; what is no symbol stays words.

    Indices that are axes (x, y, z) are italic, all others upright (ISO 80000-1, 7.1.2); "d" before a symbol is
    a difference, "u_" its uncertainty. "rms" and "pk" belong to the unit: see `axis_label`.
    """
    inner = _formula(name, unit)
    return f"${inner}$" if inner else as_label(name.replace("_", " "))


def axis_label(name: str, unit: str) -> str:
    """Return what stands at an axis: the symbol and, in brackets, the unit it is shown in, with "rms" or "peak"."""
    units = [as_label(unit_sign(unit))] if unit not in {"1", ""} else []
    said = ", ".join([*units, *kinds(name)])
    return f"{symbol(name, unit)} ({said})" if said else symbol(name, unit)


def kinds(name: str) -> list[str]:
    """Return what a name says of its values besides the symbol: "rms" or "peak"."""
    return [_KINDS[part] for part in name.split("_")[1:] if part in _KINDS]


def unit_sign(unit: str) -> str:
    """Return a unit as it is printed: Ω for ohm, μ for u, raised powers."""
    words = [re.sub(r"^(k|m|u|n|)ohm$", r"\1Ω", word) for word in unit.replace("deg", "°").split(" ")]
    text = " ".join(re.sub(r"^[uµ](?=(?:[AVTsmΩHJCK]|Hz)\b)", "μ", word) for word in words)
    return _POWER.sub(lambda match: {"2": "²", "3": "³"}[match[1]], text)


def _formula(name: str, unit: str) -> str:
    if name.startswith("u_"):
        inner = _formula(name[2:], unit)
        return f"u({inner})" if inner else ""
    numerator, per, denominator = name.partition("_per_")
    if per:
        above, below = _formula(numerator, unit), _formula(denominator, unit)
        return f"{above}/{below}" if above and below else ""
    rest = name.removeprefix("mu0_")
    before = r"\mu_\mathrm{0}" if rest != name and unit.partition(" ")[0] in _INDUCTION else ""
    if re.match(r"d[A-Zt](_|$)", rest):
        before, rest = before + r"\mathrm{\Delta}", rest[1:]
    base, *index = [part for part in rest.split("_") if part not in _KINDS]
    if not (len(base) == 1 and base.isascii() and base.isalpha()) and base not in _GREEK:
        return ""
    head = f"\\{base}" if base in _GREEK else base
    if not all(_PLAIN.fullmatch(part) for part in index):
        return ""
    below = ",".join(_index(part) for part in index)
    return f"{before}{head}_{{{below}}}" if below else f"{before}{head}"


def _index(part: str) -> str:
    if harmonic := _HARMONIC.fullmatch(part):
        return rf"\mathrm{{{harmonic[1]}}}\omega"
    if part in _SIGNS or re.fullmatch("[xyz]{1,2}", part):
        return _SIGNS.get(part, part)
    return rf"\mathrm{{{part}}}"
