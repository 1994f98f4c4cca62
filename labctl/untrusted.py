"""Opening an HDF5 file that a stranger may have written, without being led out of it or out of memory."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from labctl.errors import DataError
from labctl.hdf5 import Node

MAX_OBJECTS = 20_000
MAX_BYTES = 2**31
MAX_ATTRIBUTE_BYTES = 2**20
"""Far above any run; a file of a kilobyte can claim eight terabytes."""

_low_level: Any = h5py  # compiled modules, without type stubs
_FILTERS = {
    _low_level.h5z.FILTER_DEFLATE,
    _low_level.h5z.FILTER_SHUFFLE,
    _low_level.h5z.FILTER_FLETCHER32,
}


@contextmanager
def opened(path: Path) -> Generator[Node]:
    """Open a file for reading after it was checked as a whole; DataError (one line) for what is wrong with it.

    Refused are links to other files, external and virtual storage (HDF5 would read, or write, any file they
    name), filters that load plug-ins, objects reached twice, and sizes beyond any run. Whatever HDF5 finds
    damaged while the file is open is a DataError too.
    """
    if not path.is_file():
        raise DataError(f"{path} must be a file; there is none of that name.")
    try:
        if not h5py.is_hdf5(path):
            raise DataError(f"{path} must be an HDF5 file; it is not.")
        with h5py.File(path, "r", locking="best-effort") as file:
            _check(file)
            yield file
    except DataError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} must be a whole run file; it is damaged or incomplete: {error}") from error


def _check(file: Node) -> None:
    seen = {_address(file)}
    size = 0
    groups = [file]
    while groups:
        group = groups.pop()
        _check_attributes(group)
        for name in group:
            node: Node = _follow(group, name)
            where = f"{group.name.rstrip('/')}/{name}"
            if _address(node) in seen or len(seen) > MAX_OBJECTS:
                raise _refusal(file, where, "an object reached twice, or more objects than any run has")
            seen.add(_address(node))
            if isinstance(node, h5py.Group):
                groups.append(node)
            elif isinstance(node, h5py.Dataset):
                _check_attributes(node)
                _check_storage(file, node)
                size += node.nbytes
                if size > MAX_BYTES:
                    raise _refusal(file, where, f"more than {MAX_BYTES} bytes of data")


def _follow(group: Node, name: str) -> Node:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise _refusal(group.file, f"{group.name}/{name}", "a link that leads elsewhere")
    return group[name]


def _check_storage(file: Node, dataset: Node) -> None:
    if dataset.external or dataset.is_virtual:
        raise _refusal(file, dataset.name, "data kept in another file")
    filters = dataset.id.get_create_plist()
    used = {filters.get_filter(number)[0] for number in range(filters.get_nfilters())}
    if not used <= _FILTERS:
        raise _refusal(file, dataset.name, "a filter that is not part of HDF5")


def _check_attributes(node: Node) -> None:
    for name in node.attrs:
        kind = node.attrs.get_id(name)
        if kind.get_storage_size() > MAX_ATTRIBUTE_BYTES:
            raise _refusal(
                node.file, node.name, f"an attribute {name!r} of more than {MAX_ATTRIBUTE_BYTES} bytes"
            )


def _address(node: Node) -> int:
    return _low_level.h5o.get_info(node.id).addr


def _refusal(file: Node, where: str, what: str) -> DataError:
    return DataError(f"{file.filename} must hold its data itself, within the size of a run; {where}: {what}.")
