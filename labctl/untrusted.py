"""Opening an HDF5 file that a stranger may have written, without being led out of it or out of memory."""

from __future__ import annotations

import math
import os
import threading
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from labctl import quarantine
from labctl.errors import DataError
from labctl.hdf5 import Node

MAX_OBJECTS: Final = 20_000
MAX_DEPTH: Final = 16
MAX_ATTRIBUTES: Final = 200
MAX_ATTRIBUTE_BYTES: Final = 2**20
MAX_BYTES: Final = 2**31
"""Far above any run; a file of a kilobyte can claim eight terabytes."""

MAX_TEXT: Final = 2**28
"""Bytes of all texts of variable length together: many of them may point at the same place of the file."""

MAX_CLAIM: Final = 2**26
"""Bytes that a file may claim beyond what its own bytes can hold: rows that were never written."""

_REFUSAL: Final = "must hold its data itself, within the size of a run"
_EXPANSION: Final = 1032  # the most that DEFLATE packs into one byte (zlib.net/zlib_tech.html)
_UNPACKED_UNSEEN: Final = 2**16  # a stored chunk up to this size unpacks to 68 MB at most

_low_level: Any = h5py  # compiled modules, without type stubs
_FILTERS: Final = {
    _low_level.h5z.FILTER_DEFLATE,
    _low_level.h5z.FILTER_SHUFFLE,
    _low_level.h5z.FILTER_FLETCHER32,
}
_SCALES: Final = {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"}  # HDF5's own, of dimension scales
_DAMAGED: Final = (
    OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError,
    AssertionError,
)  # fmt: skip

_proven: set[tuple[int, ...]] = set()
_own: set[tuple[int, ...]] = set()


class RefusedError(DataError):
    """A file that can be read, but holds what no run has."""


@contextmanager
def opened(path: Path, *, linked: bool = False) -> Generator[Node]:
    """Open a file for reading after it was checked as a whole; DataError (one line) for what is wrong with it.

    Refused are links to other files, external and virtual storage (HDF5 would read, or write, any file they
    name), filters that load plug-ins, kinds of data that no run has (references, compounds), objects reached
    twice, and sizes beyond any run or beyond what the file can hold. Because a damaged file can crash HDF5
    itself, a child process reads it first, once for each state of the file, where this process has one thread.
    Whatever HDF5 or the caller finds damaged while the file is open is a DataError too. A file that this process
    has written and read back itself (`trust`) is not checked while it is as it was.

    Another program's file is `linked`: it may have soft links, and objects with several names. They stay within
    the file; but whoever walks it must do so with `objects`, which comes to each object once.
    """
    with _told(path):
        _prove(path, linked)
        is_own = _state(path) in _own
        with h5py.File(path, "r", locking="best-effort") as file:
            if not is_own:
                _check(file, linked=linked)
            yield file


@contextmanager
def copied(path: Path) -> Generator[Node]:
    """Open a copy in memory that may be changed, after the same checks; the file itself stays as it is."""
    with _told(path):
        _prove(path)
        with h5py.File(path, "r+", driver="core", backing_store=False) as file:
            _check(file)
            yield file


@contextmanager
def _told(path: Path) -> Generator[None]:
    try:
        if not path.is_file():
            raise DataError(f"{path} must be a file; there is none of that name.")
        yield
    except DataError:
        raise
    except _DAMAGED as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path} must be a whole run file; it is damaged or incomplete: {said[:300]}"
        ) from error


def _prove(path: Path, linked: bool = False) -> None:
    """Let a child process read the file; DataError for what the child met."""
    if not h5py.is_hdf5(path):
        raise DataError(f"{path} must be an HDF5 file; it is not.")
    if _state(path) in _proven or threading.active_count() > 1:  # a fork beside threads may hang
        return
    if complaint := quarantine.complaint_of(lambda: _complaint(path, linked)):
        if complaint.startswith(f"{path} {_REFUSAL}"):
            raise RefusedError(complaint)
        raise DataError(
            complaint
            if complaint.startswith(f"{path} ")
            else f"{path} must be a whole run file; {complaint}."
        )
    _proven.add(_state(path))


def trust(path: Path) -> None:
    """Check no more, as it is now, a file that this process has written itself and read back."""
    _proven.add(_state(path))
    _own.add(_state(path))


def _state(path: Path) -> tuple[int, ...]:
    seen = os.stat(path)
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _complaint(path: Path, linked: bool) -> str:
    """Read all that can crash HDF5: what describes the data, every text, and the data where they are few."""
    try:
        with _told(path), h5py.File(path, "r", locking="best-effort") as file:
            _check(file, with_texts=True, linked=linked)
    except DataError as error:
        return str(error)
    return ""


def _check(file: Node, *, with_texts: bool = False, linked: bool = False) -> None:
    """Refuse a file for what it says of itself, without reading more than that.

    Texts of variable length are read too where they may be too many, or where `with_texts` says so.
    """
    size = os.stat(file.filename).st_size
    claimed = unpacked = texts = 0
    for where, node in objects(file, linked=linked):
        texts += _check_attributes(file, where, node, size)
        if not isinstance(node, h5py.Dataset):
            continue
        _check_storage(file, where, node)
        if _is_text(node.dtype):
            texts += _count(file, where, node.size or 0, size)
        else:
            unpacked += node.nbytes
            claimed += max(node.nbytes - _EXPANSION * min(node.id.get_storage_size(), size), 0)
        if unpacked > MAX_BYTES or claimed > MAX_CLAIM:
            raise _refusal(file, where, f"more data than a run has, or than a file of {size} bytes can hold")
    if with_texts or texts * size > MAX_BYTES:
        _read_texts(file, linked)


def objects(file: Node, *, linked: bool = False) -> Iterator[tuple[str, Node]]:
    """Yield every object of a file once, with its path; too many of them, and links to other files, are refused.

    A second way to an object, and a soft link, are refused too, or passed by where the file is `linked`.
    """
    seen = {_address(file)}
    waiting: list[tuple[str, int, Node]] = [("", 0, file)]
    while waiting:
        path, depth, node = waiting.pop()
        yield path or "/", node
        if not isinstance(node, h5py.Group):
            continue
        if depth == MAX_DEPTH or len(node) + len(seen) > MAX_OBJECTS:
            raise _refusal(file, path, f"deeper than {MAX_DEPTH} groups, or more than {MAX_OBJECTS} objects")
        for name in map(str, node):
            where = f"{path}/{name}"
            if linked and isinstance(node.get(name, getlink=True), h5py.SoftLink):
                continue
            member: Node = _follow(file, node, where, name)
            if _address(member) in seen:
                if linked:
                    continue
                raise _refusal(file, where, "an object that is reached twice")
            seen.add(_address(member))
            waiting.append((where, depth + 1, member))


def _follow(file: Node, group: Node, where: str, name: str) -> Node:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise _refusal(file, where, "a link that leads elsewhere")
    return group[name]


def _check_storage(file: Node, where: str, dataset: Node) -> None:
    """Refuse data that lie elsewhere, foreign filters, and chunks that unpack to more than they say."""
    if dataset.external or dataset.is_virtual:
        raise _refusal(file, where, "data kept in another file")
    if dataset.dtype.kind not in "biufS" and not _is_text(dataset.dtype):
        raise _refusal(file, where, f"data of a kind that no run has ({dataset.dtype})")
    properties = dataset.id.get_create_plist()
    used = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    if not set(used) <= _FILTERS or len(set(used)) < len(used):
        raise _refusal(file, where, "a filter that is not part of HDF5, or one that is there twice")
    if dataset.chunks is None:
        return
    chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if chunk > MAX_CLAIM:
        raise _refusal(file, where, f"a chunk of more than {MAX_CLAIM} bytes")
    large: list[Any] = []

    def keep(stored: Any) -> None:
        if stored.size > _UNPACKED_UNSEEN:
            large.append(stored)

    dataset.id.chunk_iter(keep)
    for stored in large:
        _, packed = dataset.id.read_direct_chunk(stored.chunk_offset)
        if (
            _low_level.h5z.FILTER_DEFLATE in used
            and len(zlib.decompressobj().decompress(packed, chunk + 1)) > chunk
        ):
            raise _refusal(file, where, "a chunk that unpacks to more than it says")


def _check_attributes(file: Node, where: str, node: Node, size: int) -> int:
    """Refuse attributes of odd kinds and sizes; return the number of texts among the rest."""
    attributes = node.attrs
    if len(attributes) > MAX_ATTRIBUTES:
        raise _refusal(file, where, f"more than {MAX_ATTRIBUTES} attributes")
    texts = 0
    for name in attributes:
        attribute = attributes.get_id(name)
        if attribute.get_storage_size() > MAX_ATTRIBUTE_BYTES:
            raise _refusal(file, where, f"an attribute {name!r} of more than {MAX_ATTRIBUTE_BYTES} bytes")
        if name in _SCALES:
            continue
        kind = attribute.dtype
        if _is_text(kind):
            texts += _count(file, where, math.prod(attribute.shape or ()), size)
        elif kind.kind not in "biufS":
            raise _refusal(file, where, f"an attribute {name!r} of a kind that no run has ({kind})")
    return texts


def _count(file: Node, where: str, texts: int, size: int) -> int:
    """Return the number of texts of an object, all of which are read at once; each may be as long as the file."""
    if texts > 1 and texts * size > MAX_BYTES:
        raise _refusal(file, where, "more texts than a run has")
    return texts


def _read_texts(file: Node, linked: bool) -> None:
    length = 0
    for where, node in objects(file, linked=linked):
        held = [node.attrs[name] for name in node.attrs if name not in _SCALES]
        if isinstance(node, h5py.Dataset) and _is_text(node.dtype):
            held.append(node[()])
        length += sum(_length(value) for value in held)
        if length > MAX_TEXT:
            raise _refusal(file, where, f"more than {MAX_TEXT} bytes of texts")


def _length(value: Any) -> int:
    """Bytes of the texts in what was read; 0 for numbers."""
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_length, value.flat)) if getattr(value, "dtype", None) == np.dtype(object) else 0


def _is_text(kind: Any) -> bool:
    """True for texts of variable length."""
    text = h5py.check_string_dtype(kind)
    return text is not None and text.length is None


def _address(node: Node) -> int:
    return _low_level.h5o.get_info(node.id).addr


def _refusal(file: Node, where: str, what: str) -> DataError:
    return RefusedError(f"{file.filename} {_REFUSAL}; {where}: {what}.")
