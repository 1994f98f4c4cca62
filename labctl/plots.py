"""The default plot of an HDF5 file, as NeXus viewers look for it, and what keeps them from finding it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from labctl import hdf5


class Finding(NamedTuple):
    """Something in a file that is not what it must be, and where."""

    where: str
    text: str


class Plot(NamedTuple):
    """A default plot in words ("R_xy against mu0_H_z"; "" where there is none), and what is missing for it."""

    text: str
    findings: Sequence[Finding]


def default_plot(file: hdf5.Node) -> Plot:
    """Follow `default` from the root to the data, or take the first group of the class where it is missing.

    Source: NeXus manual, "Find the plottable data", version 3 of the rules (attributes default, signal, axes).
    """
    findings: list[Finding] = []
    node = file
    for wanted in ("NXentry", "NXdata"):
        if _class(node) == "NXdata":
            break  # the root's default may name the data at once
        name = text_of(node.attrs.get("default"))
        if name not in node or not is_group(node[name]):
            got = f"; got {name!r}, which is none" if name else ""
            findings.append(
                Finding(node.name, f"must have the attribute default, the name of its {wanted}{got}")
            )
            name = next((child for child in node if _class(node.get(child)) == wanted), "")
        if not name:
            findings.append(Finding(node.name, f"must have a group of class {wanted}"))
            return Plot("", findings)
        node = node[name]
    signal, axes = _signal(node), _axes(node)
    findings += _check(node)
    return Plot(f"{signal} against {', '.join(axes)}" if axes and signal else signal, findings)


def check_all(nodes: Iterable[hdf5.Node]) -> Iterator[Finding]:
    """Yield what is wrong with every NXdata among groups and datasets."""
    for node in nodes:
        if _class(node) == "NXdata":
            yield from _check(node)


def text_of(value: Any) -> str:
    """An attribute or text as HDF5 programs write it (text, bytes, an array of one); "" for anything else."""
    texts = _texts(value)
    return texts[0] if len(texts) == 1 else ""


def is_group(node: hdf5.Node) -> bool:
    """Tell a group from a dataset."""
    return hasattr(node, "keys")


def _texts(value: Any) -> list[str]:
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace")]
    if isinstance(value, str):
        return [value]
    if hasattr(value, "dtype") and value.dtype.kind in "OSU":
        return [text for part in value.flat for text in _texts(part)]
    return []


def _class(node: hdf5.Node) -> str:
    return text_of(node.attrs.get("NX_class")) if is_group(node) else ""


def _mark(node: hdf5.Node) -> str:
    return str(node.attrs.get("signal"))


def _signal(data: hdf5.Node) -> str:
    named = text_of(data.attrs.get("signal"))
    # before 2014 the dataset itself said signal=1
    marked = (name for name in data if name in data and _mark(data[name]) in {"1", "b'1'"})
    return named or next(marked, "")


def _axes(data: hdf5.Node) -> list[str]:
    return _texts(data.attrs.get("axes"))


def _check(data: hdf5.Node) -> Iterator[Finding]:
    signal, axes = _signal(data), _axes(data)
    if signal not in data or is_group(data[signal]):
        got = f"; got {signal!r}, which is none" if signal else ""
        yield Finding(
            data.name, f"must have the attribute signal, the name of the dataset that is drawn{got}"
        )
        return
    shape = data[signal].shape
    if not axes and shape:
        yield Finding(
            data.name, "must have the attribute axes, the names of what the signal is drawn against"
        )
    placed = [axis for axis in axes if f"{axis}_indices" not in data.attrs]
    if len(placed) == len(axes) != len(shape) and axes:
        yield Finding(data.name, f"must have an axis for each of {len(shape)} dimensions; got {len(axes)}")
        return
    for axis, length in zip(axes, shape, strict=False):
        if axis != "." and (axis not in data or is_group(data[axis])):
            yield Finding(data.name, f"must have the axis {axis!r}, which its attribute axes names")
        elif axis in placed and axis != "." and data[axis].shape not in {(length,), (length + 1,)}:
            yield Finding(
                data[axis].name, f"must have {length} values, as {signal} has; got {data[axis].shape}"
            )
