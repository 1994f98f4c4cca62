"""What tells the runs of a figure apart, in words that fit its width."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from labctl.figures.notation import kinds, symbol, unit_sign
from labctl.names import as_label
from labctl.tell import shown

if TYPE_CHECKING:
    from labctl.runfile import Run

_SIGN: Final = re.compile(
    r"\\\$|\$[^$]*\$|.", re.DOTALL
)  # a formula and an escaped dollar are never cut in two


class Line(str):
    """A line of text as it is set, `inches` wide."""

    __slots__ = ("inches",)
    inches: float


def labels(runs: Sequence[Run]) -> list[str]:
    """What tells runs apart: protocols, samples and common parameters that differ, or else the files' names."""
    common = [name for name in runs[0].parameters if all(name in run.parameters for run in runs)]
    facts = [
        {"protocol": as_label(run.protocol), "sample": as_label(run.sample_name)}
        | {name: as_label(shown(run.parameters[name])) for name in common}
        for run in runs
    ]
    differing = [name for name in facts[0] if len({fact[name] for fact in facts}) > 1]
    told = [", ".join(_said(name, fact[name]) for name in differing) for fact in facts]
    if len(runs) == 1:
        return [facts[0]["sample"]]
    times = Counter(told)
    return [
        said if times[said] == 1 else ", ".join([*([said] if said else []), as_label(name)])
        for said, name in zip(told, _names(runs), strict=True)
    ]


def _names(runs: Sequence[Run]) -> list[str]:
    """The files' names, with as many folders before them as it takes to tell one from the other."""
    parts = [(*run.path.absolute().parent.parts, run.path.stem) for run in runs]
    for depth in range(1, max(map(len, parts))):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(run.path) for run in runs]


def _said(name: str, text: str) -> str:
    if name in {"protocol", "sample"}:
        return text
    number, blank, unit = text.partition(" ")
    if blank and number[-1:].isdigit():
        text = " ".join([number.replace("-", "−"), unit_sign(unit), *kinds(name)])
    return f"{symbol(name)} = {text}"


def broken(text: str, inches: float, size: float) -> list[Line]:
    """Break a label into lines of at most `inches` in letters of `size` points, if it can be after commas."""
    lines: list[Line] = []
    for piece in _pieces(text, inches, size):
        joined = f"{lines[-1]} {piece}" if lines else piece
        if lines and _width(joined, size) <= inches:
            lines[-1] = _line(joined, size)
        else:
            lines.append(_line(piece, size))
    return lines


def _pieces(text: str, inches: float, size: float) -> Iterator[str]:
    for piece in re.split(r"(?<=,) ", text):
        if _width(piece, size) <= inches:
            yield piece
            continue
        kept = ""
        for sign in _SIGN.findall(piece):
            if kept and _width(kept + sign, size) > inches:
                yield kept
                kept = ""
            kept += sign
        yield kept


def _line(text: str, size: float) -> Line:
    line = Line(text)
    line.inches = _width(text, size)
    return line


@cache
def _width(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    properties: Any = FontProperties(size=size)
    return TextPath((0, 0), text, prop=properties).get_extents().x1 / 72
