"""What a run stored, read back piece by piece; what is not of its kind is a TypeError, ValueError or KeyError."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from labctl import hdf5
from labctl.record import Quantity
from protocols.vocabulary import Column, Curve, Result

_ANALYSIS: Final = re.compile(r"analysis(?:_([1-9]\d{0,5}))?")

MAX_LINES = 5_000_000
"""Lines of a table of text, wire or log, that are read: ten for each row of the longest run; our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnalysis:
    """One analysis of a run as its file keeps it: the name of its group, which code found it, and what it found.

    The first is of the end of the run, with the run's own parameters; each later one (`labctl analyse --again`) has
    its own `time` and `parameters`.
    """

    name: str
    version: str
    time: datetime
    parameters: Mapping[str, Quantity]
    results: Mapping[str, Result]
    curves: Mapping[str, Curve]
    warnings: Sequence[str]


def newest_analysis(entry: hdf5.Node) -> int:
    """Return the number of the newest analysis of an entry (the first is 1), 0 where there is none."""
    return max(_analysis_numbers(entry), default=0)


def _analysis_numbers(entry: hdf5.Node) -> list[int]:
    found = (_ANALYSIS.fullmatch(name) for name in entry)
    return sorted(int(match[1] or 1) for match in found if match)


def analysis_name(number: int) -> str:
    """Return the name of the group of an analysis: analysis, analysis_2, analysis_3 ..."""
    return "analysis" if number == 1 else f"analysis_{number}"


def analyses(
    entry: hdf5.Node, run_time: datetime, parameters: Mapping[str, Quantity]
) -> list[StoredAnalysis]:
    """Read every analysis of an entry, oldest first; the first is of the run's own time and parameters."""
    groups = [entry[analysis_name(number)] for number in _analysis_numbers(entry)]
    return [_analysis(group, run_time, parameters) for group in groups]


def _analysis(group: hdf5.Node, run_time: datetime, parameters: Mapping[str, Quantity]) -> StoredAnalysis:
    warnings = quantity(group["warnings"]).value
    return StoredAnalysis(
        name=group.name.rpartition("/")[2],
        version=text(group["version"]),
        time=time(group["date"]) if "date" in group else run_time,
        parameters=quantities(group["parameters"]) if "date" in group else parameters,
        results={
            hdf5.name_of(link): result(node) for link, node in group.items() if "uncertainty" in node.attrs
        },
        curves={name: curve(node) for name, node in members(group, "curves")},
        warnings=[str(warning) for warning in warnings],
    )


def column(name: str, dataset: hdf5.Node) -> Column:
    """What a column's own file says of it."""
    return Column(name, note(dataset, "units"), note(dataset, "long_name"), dataset.dtype.name)


def first_axis(group: hdf5.Node) -> str:
    """The link of the first axis of a default plot."""
    axes = group.attrs["axes"]
    return axes if isinstance(axes, str) else str(axes[0])


def members(entry: hdf5.Node, path: str) -> list[tuple[str, hdf5.Node]]:
    """Names and nodes of a group; none where there is no such group."""
    return [(hdf5.name_of(link), node) for link, node in hdf5.members(entry[path])] if path in entry else []


def result(dataset: hdf5.Node) -> Result:
    """A result with its uncertainty; TypeError or ValueError where it is none."""
    return Result(
        value=float(dataset[()]),
        uncertainty=float(dataset.attrs["uncertainty"]),
        unit=note(dataset, "units"),
        help=note(dataset, "long_name"),
        display=note(dataset, "display_units", "") or None,
        limit=_limit(note(dataset, "limit", "")),
        note=note(dataset, "note", ""),
    )


def curve(group: hdf5.Node) -> Curve:
    """A derived curve; ValueError where it is none."""
    x, y = group[first_axis(group)], group[note(group, "signal")]
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"{group.name} is no curve")
    return Curve(
        x=x[()],
        y=y[()],
        x_name=note(x, "long_name"),
        x_unit=note(x, "units"),
        y_name=note(y, "long_name"),
        y_unit=note(y, "units"),
        help=text(group["title"]),
    )


def quantities(group: hdf5.Node) -> dict[str, Quantity]:
    """Every value of a group."""
    return {hdf5.name_of(link): quantity(dataset) for link, dataset in hdf5.members(group)}


def quantity(dataset: hdf5.Node) -> Quantity:
    """A value of any kind: a text, what JSON said, a number or a list of numbers with its unit."""
    if dataset.dtype.kind in "OS":
        words = text(dataset)
        return Quantity(json.loads(words) if note(dataset, "encoding", "") == "json" else words)
    if dataset.ndim > 1:
        raise ValueError(f"{dataset.name} is neither a number nor a list of numbers")
    return Quantity(hdf5.content(dataset).tolist(), note(dataset, "units"), note(dataset, "long_name"))


def text(dataset: hdf5.Node) -> str:
    """A text; TypeError where it is none."""
    words = hdf5.content(dataset)
    if not isinstance(words, bytes):
        raise TypeError(f"{dataset.name} is no text")
    return hdf5.unclean(words)


def note(node: hdf5.Node, name: str, default: str | None = None) -> str:
    """A text kept as an attribute; TypeError where it is none."""
    try:
        words = hdf5.attribute(node, name)
    except KeyError:
        words = default
    if isinstance(words, str):
        return words
    if type(words) is not bytes:  # numpy's bytes are of a text of fixed length, which none of ours has
        raise TypeError(f"the attribute {name} of {node.name} is no text")
    return hdf5.unclean(words)


def _limit(word: str) -> Literal["", "upper", "lower"]:
    if word not in ("", "upper", "lower"):
        raise ValueError(f"{word!r} is no kind of limit")
    return word


def time(dataset: hdf5.Node) -> datetime:
    """A time with its offset from UTC; ValueError where it is none."""
    moment = datetime.fromisoformat(text(dataset))
    if moment.tzinfo is None:
        raise ValueError(f"{dataset.name} has no offset from UTC")
    return moment


def text_table(group: hdf5.Node, fields: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of a table of texts, each whole again; ValueError where it is none, or beyond any run."""
    rows: list[tuple[Any, ...]] = []
    unfinished = b""
    if len(group["more"]) > MAX_LINES:
        raise ValueError(f"{group.name} has more than {MAX_LINES} lines")
    columns = [group[field][()].tolist() for field in (*fields, "more")]
    for *fields_before, piece, more in zip(*columns, strict=True):
        unfinished += piece
        if not more:
            when, *names = fields_before
            rows.append((when, *(hdf5.unclean(name) for name in names), hdf5.unclean(unfinished)))
            unfinished = b""
    return rows
