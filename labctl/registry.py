"""What is installed: protocols, evaluations, drivers and simulators, found by their entry points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from io import open_code
from typing import TYPE_CHECKING, Any, Literal

from labctl.errors import RequestError
from labctl.spelling import suggest

if TYPE_CHECKING:
    from protocols.vocabulary import MeasurementProtocol, Method

Group = Literal["protocols", "evaluations", "drivers", "simulators"]


@cache
def installed(group: Group) -> Mapping[str, EntryPoint]:
    """Entry points of a group ("labctl.protocols", ...) by name; third parties add theirs the same way."""
    return {point.name: point for point in sorted(entry_points(group=f"labctl.{group}"))}


def load(group: Group, name: str) -> Any:
    """Import what a name stands for; an unknown name raises RequestError and lists the known ones."""
    points = installed(group)
    if name not in points:
        kind = group.removesuffix("s")
        raise RequestError(
            f"the {kind} must be one of {', '.join(points)}; got {name!r}{suggest(name, points)}. "
            "Nothing was sent."
        )
    return points[name].load()


def captions(group: Group) -> dict[str, str]:
    """The caption of each module that a name stands for, by name, read without importing any of them."""
    return {name: _caption(point) for name, point in installed(group).items()}


def _caption(point: EntryPoint) -> str:
    import ast

    found = find_spec(point.module)
    if found is None or found.origin is None or not found.has_location:
        return point.load().caption  # no source file beside it: a zipped or compiled module
    with open_code(found.origin) as source:
        described = ast.get_docstring(ast.parse(source.read()))
    return (described or "").partition("\n")[0].rstrip(".")


def load_protocol(name: str) -> MeasurementProtocol:
    """Import a measurement protocol by the name that the command line uses."""
    return load("protocols", name)


def load_method(name: str) -> Method:
    """Import what the rows of a stored file mean: the protocol or evaluation that its file names."""
    return load("evaluations" if name in installed("evaluations") else "protocols", name)
