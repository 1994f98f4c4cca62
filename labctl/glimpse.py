"""A look at the small values of an HDF5 file that a stranger may have written, each checked before it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from labctl import hdf5
from labctl.errors import DataError

MAX_MEMBERS = 2000
MAX_BYTES = 2**20
"""Of one group and of one value: far above what a run has (our choice)."""

_low: Any = h5py  # compiled modules, without type stubs
_IN_THE_FILE = {_low.h5d.COMPACT, _low.h5d.CONTIGUOUS}


class Glimpse:
    """What can be asked of a file without reading its columns or checking it as a whole.

    Only what is asked for is looked at, through HDF5's low-level calls: a tenth of the time that reading the run
    takes. Nothing leads out of the file: each link on the way must be a hard one, each value must lie in the
    file unfiltered and be small. What is not so is a DataError.
    """

    def __init__(self, root: Any) -> None:
        self._root = root

    def has(self, path: str) -> bool:
        """Return True where a group or dataset of that path exists."""
        return self._open(path) is not None

    def names(self, path: str) -> list[str]:
        """The members of a group; none where there is no such group."""
        group = self._open(path)
        return [] if group is None else [hdf5.name_of(name.decode()) for name in _names(group)]

    def attribute(self, path: str, name: str, default: Any = None) -> Any:
        """The value of a scalar attribute: text or number."""
        node = self._root if path == "/" else self._open(path)
        return default if node is None else _attribute(node, name.encode(), default)

    def value(self, path: str) -> Any:
        """The value of one dataset: text, number, list, or whatever JSON said; KeyError where there is none."""
        node = self._open(path)
        if node is None:
            raise KeyError(path)
        return _value(node)

    def length(self, path: str) -> int:
        """Number of rows of a dataset, which is not read; KeyError where there is none."""
        node = self._open(path)
        if node is None:
            raise KeyError(path)
        return int(node.get_space().get_simple_extent_dims()[0])

    def values(self, path: str, *attributes: str) -> dict[str, tuple[Any, ...]]:
        """Every value of a group with those attributes of it, None where it lacks one, in the order of the file.

        Empty where there is no such group.
        """
        return {
            hdf5.name_of(name): (
                _value(node),
                *(_attribute(node, each.encode(), None) for each in attributes),
            )
            for name, node in self._datasets(path)
        }

    def _datasets(self, path: str) -> Iterator[tuple[str, Any]]:
        group = self._open(path)
        if group is None:
            return
        for name in _names(group):
            node = _step(group, name)
            if isinstance(node, _low.h5d.DatasetID):
                yield name.decode(), node

    def _open(self, path: str) -> Any:
        node = self._root
        for name in path.encode().strip(b"/").split(b"/"):
            if not isinstance(node, _low.h5g.GroupID) or not node.links.exists(name):
                return None
            node = _step(node, name)
        return node


@contextmanager
def glimpsed(path: Path) -> Generator[Glimpse]:
    """Open a file for a look at its small values; DataError (one line) for what is wrong with it."""
    try:
        if not h5py.is_hdf5(path):
            raise DataError("must be an HDF5 file; it is not")
        with h5py.File(path, "r", locking="best-effort") as file:
            yield Glimpse(_low.h5g.open(file.id, b"/"))
    except DataError as error:
        raise DataError(f"{path} {error}") from error
    except (
        OSError,
        RuntimeError,
        LookupError,
        ArithmeticError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise DataError(f"{path} must be a whole run file; it is damaged or incomplete: {error}") from error


def _names(group: Any) -> list[bytes]:
    if group.get_num_objs() > MAX_MEMBERS:
        raise DataError(f"must have at most {MAX_MEMBERS} members in a group; one has {group.get_num_objs()}")
    return list(group)


def _step(group: Any, name: bytes) -> Any:
    if group.links.get_info(name).type != _low.h5l.TYPE_HARD:
        raise DataError(f"must hold its data itself; {name.decode()!r} is a link that leads elsewhere")
    return _low.h5o.open(group, name)


def _value(dataset: Any) -> Any:
    stored = dataset.get_create_plist()
    if stored.get_layout() not in _IN_THE_FILE or stored.get_external_count():
        raise DataError("must hold its small values itself, unfiltered; one is kept otherwise")
    value = _read(dataset, partial(dataset.read, _low.h5s.ALL, _low.h5s.ALL))
    coded = isinstance(value, str) and _attribute(dataset, b"encoding", "") == "json"
    return json.loads(value) if coded else value


def _attribute(node: Any, name: bytes, default: Any) -> Any:
    if not _low.h5a.exists(node, name):
        return default
    attribute = _low.h5a.open(node, name)
    return _read(attribute, attribute.read)


def _read(node: Any, read: Any) -> Any:
    if node.get_storage_size() > MAX_BYTES:
        raise DataError(f"must have small values of at most {MAX_BYTES} bytes; one is larger")
    kind, shape = node.dtype, node.shape
    if kind.kind == "O" and (h5py.check_string_dtype(kind) is None or shape != ()):
        raise DataError("must have numbers and texts as values; one is neither")
    if math.prod(shape) * kind.itemsize > MAX_BYTES:
        raise DataError(f"must have small values of at most {MAX_BYTES} bytes; one claims more")
    into = np.zeros(shape, kind)
    read(into)
    value = into[()]
    return hdf5.unclean(value) if isinstance(value, bytes) else value.tolist()
