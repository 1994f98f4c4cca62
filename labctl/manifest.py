"""The manifest: a SHA-256 for every group and dataset of a file, so that any later change shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from labctl import hdf5

PATH = "/entry/manifest"
"""Where the manifest lies; it covers everything but itself."""

_BLOCK = 65536
_BOOKKEEPING = {
    "REFERENCE_LIST",
    "DIMENSION_LIST",
}  # pointers of the dimension scales: addresses, not content


def write(file: hdf5.Node) -> None:
    """Add the manifest of all that `file` holds."""
    digests = json.dumps(digests_of(file))
    made = hdf5.text(hdf5.group(file["entry"], "manifest", "NXnote"), "sha256", digests)
    made.attrs["encoding"] = "json"


def extend(file: hdf5.Node, path: str) -> None:
    """Add the manifest of a group that came later, as a text of its own; what was written before stays."""
    digests = {below: _digest(node) for below, node in walk(file[path], path)}
    name = f"sha256_{path.rpartition('/')[2]}"
    made = hdf5.text(file[PATH], name, json.dumps(digests))
    made.attrs["encoding"] = "json"


def digests_of(file: hdf5.Node) -> dict[str, str]:
    """Return the SHA-256 of every group and dataset of a file but the manifest, by path."""
    return {path: _digest(node) for path, node in walk(file)}


def changes(file: hdf5.Node) -> list[str]:
    """Return the paths that are not what they were when the manifest was written, or are gone.

    What was added since is not looked at. Raises KeyError, TypeError or ValueError where the manifest is
    unreadable.
    """
    digests: dict[str, str] = {}
    for text in (node for name, node in file[PATH].items() if name.startswith("sha256")):
        digests |= dict(json.loads(text[()]))
    if not digests:
        raise KeyError(f"{PATH} holds no digest")
    # one node after the other: HDF5 keeps what was read of a dataset as long as that is held
    whole = {path for path, node in walk(file) if path in digests and _digest(node) == digests[path]}
    return [path for path in digests if path not in whole]


def walk(parent: hdf5.Node, path: str = "/") -> Iterator[tuple[str, hdf5.Node]]:
    """Yield path and node of `parent` and of all that lies under it, but for the manifest."""
    yield path, parent
    if hasattr(parent, "keys"):
        for name, node in hdf5.members(parent):
            below = f"{path.rstrip('/')}/{name}"
            if below != PATH:
                yield from walk(node, below)


def _digest(node: hdf5.Node) -> str:
    digest = hashlib.sha256()
    for name in sorted(set(hdf5.attribute_names(node)) - _BOOKKEEPING):
        digest.update(name.encode() + b"=")
        for part in _canonical(hdf5.attribute(node, name)):
            digest.update(part)
    if hasattr(type(node), "dtype"):  # of the node itself it would be found out each time
        shape = node.shape
        digest.update(repr((shape, node.dtype.str)).encode())
        whole = len(shape) != 1 or 0 < shape[0] <= _BLOCK  # of nothing there is no block
        blocks = (
            (hdf5.content(node),) if whole else (node[i : i + _BLOCK] for i in range(0, shape[0], _BLOCK))
        )
        for block in blocks:
            for part in _canonical(block):
                digest.update(part)
    return digest.hexdigest()


def _canonical(value: Any) -> Iterator[bytes]:
    # Every part is preceded by its kind and length: no two contents have the same bytes.
    if isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        yield b"text %d:" % len(raw) + raw
        return
    array = np.asarray(value)
    if array.dtype.kind == "O":
        yield repr(array.shape).encode()
        for item in array.flat:
            yield from _canonical(item)
    else:
        yield repr((array.shape, array.dtype.str)).encode()
        yield array.tobytes()
