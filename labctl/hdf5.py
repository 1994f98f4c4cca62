"""HDF5 by the piece: groups with a class, numbers with units, columns with check sums, tables of text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

import h5py
import numpy as np

from labctl.record import Quantity

Node = Any
"""An h5py group or dataset: h5py has no type stubs."""

CHUNK = 16384
"""Rows in one chunk of a column: 128 kB, the unit of compression and of the fletcher32 check sum."""

_NUL = "\N{SYMBOL FOR NULL}"


def root_entry(file: Node, name: str) -> Node:
    """Make an NXentry under the root of `file`; the first one made is what viewers show."""
    file.attrs["NX_class"] = "NXroot"
    if "default" not in file.attrs:
        file.attrs["default"] = name
    return group(file, name, "NXentry")


def group(parent: Node, name: str, nx_class: str) -> Node:
    """Make a group of a NeXus class; what is put into it keeps its order."""
    made: Node = parent.create_group(link_name(name), track_order=True)
    made.attrs["NX_class"] = nx_class
    return made


def text(parent: Node, name: str, value: str) -> Node:
    """Make a UTF-8 text; what HDF5 cannot hold is replaced (see `clean`)."""
    kind = h5py.string_dtype("utf-8")
    return parent.create_dataset(link_name(name), data=clean(value).decode(), dtype=kind)


def number(parent: Node, name: str, value: Any, unit: str, long_name: str) -> Node:
    """Make a number or a short list of numbers, with its unit and its meaning (its name, where none is given)."""
    made: Node = parent.create_dataset(link_name(name), data=np.asarray(value))
    return _labelled(made, unit, long_name)


def column(parent: Node, name: str, values: Any, unit: str, long_name: str) -> Node:
    """Make a dataset of rows, compressed and with a fletcher32 check sum on every chunk."""
    array = np.asarray(values)
    made: Node = parent.create_dataset(link_name(name), data=array, **_filters(*array.shape))
    return _labelled(made, unit, long_name)


def quantity(parent: Node, name: str, value: Quantity) -> Node:
    """Make a value of any kind: numbers with their unit, a text as it is, anything else as JSON.

    JSON is marked by the attribute `encoding`.
    """
    if isinstance(value.value, str):
        return text(parent, name, value.value)
    if _is_numeric(value.value):
        return number(parent, name, value.value, value.unit or "1", value.help)
    made = text(parent, name, json.dumps(value.value, ensure_ascii=False, default=str))
    made.attrs["encoding"] = "json"
    return made


def share_axis(parent: Node, axis: str, others: Sequence[str], dimension: int = 0) -> None:
    """Make `axis` the dimension scale of a dimension, the first, of `others`, as netCDF readers want it."""
    scale = parent[link_name(axis)]
    scale.make_scale(link_name(axis))
    for name in others:
        parent[link_name(name)].dims[dimension].attach_scale(scale)


def text_table(
    parent: Node, name: str, fields: Sequence[str], rows: Sequence[tuple[Any, ...]], width: int
) -> Node:
    """Make a group with one column for each field of `rows`: a time (s), then texts.

    The last text is cut into pieces of at most `width` bytes (never inside a character), one row each; `more`
    is 1 where the next row goes on with the same text. Fixed length, because texts of variable length are
    neither compressed nor check-summed.
    """
    table = group(parent, name, "NXcollection")
    pieces = [(*row[:-1], *piece) for row in rows for piece in _pieces(clean(row[-1]), width)]
    columns = list(zip(*pieces, strict=True)) or [()] * (len(fields) + 1)
    column(
        table, fields[0], np.array(columns[0], np.float64), "s", "time on the station's clock since the start"
    )
    for field, texts in zip(fields[1:-1], columns[1:-2], strict=True):
        _fixed_texts(table, field, [clean(text) for text in texts])
    _fixed_texts(table, fields[-1], columns[-2])
    column(table, "more", np.array(columns[-1], np.int8), "1", "1 where the text goes on in the next row")
    share_axis(table, fields[0], [*fields[1:], "more"])
    return table


def stored_bytes(parent: Node) -> int:
    """Return how many bytes the datasets of a group take in the file, compressed as they are."""
    return sum(member.id.get_storage_size() for member in parent.values())


def link_name(name: str) -> str:
    """Return `name` as a link HDF5 can hold: "/", "%", NUL, lone "." percent-encoded, "%" for no name."""
    if name in {"", "."}:
        return "%2E" if name else "%"
    kept = "".join(quote(sign, safe="") if sign in "/%\0" else sign for sign in name)
    return kept.encode("utf-8", "backslashreplace").decode()


def name_of(link: str) -> str:
    """Return the name that `link_name` was given."""
    return "" if link == "%" else unquote(link)


def clean(value: str) -> bytes:
    """Return UTF-8 that HDF5 gives back unchanged: a NUL becomes U+2400, a lone surrogate its escape."""
    return value.replace("\0", _NUL).encode("utf-8", "backslashreplace")


def unclean(value: bytes) -> str:
    """Return the text that `clean` was given (a lone surrogate stays an escape)."""
    return value.decode("utf-8").replace(_NUL, "\0")


def _labelled(made: Node, unit: str, long_name: str) -> Node:
    made.attrs["units"] = unit
    made.attrs["long_name"] = clean(long_name).decode() or made.name.rpartition("/")[2]
    return made


def _is_numeric(value: Any) -> bool:
    if isinstance(value, Sequence):
        return (
            len(value) > 0
            and all(_is_scalar(item) for item in value)
            and np.asarray(value).dtype.kind in "biuf"
        )
    return _is_scalar(value) and np.asarray(value).dtype.kind in "biuf"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.generic)


def _filters(rows: int, *width: int) -> dict[str, Any]:
    if rows == 0:  # HDF5 has no chunk of nothing
        return {}
    return {
        "chunks": (min(rows, max(CHUNK // math.prod(width), 1)), *width),
        "compression": "gzip",
        "compression_opts": 4,
        "shuffle": True,
        "fletcher32": True,
    }


def _fixed_texts(parent: Node, name: str, texts: Sequence[bytes]) -> None:
    width = max(map(len, texts), default=1) or 1
    kind = h5py.string_dtype("utf-8", width)
    made: Node = parent.create_dataset(name, (len(texts),), kind, **_filters(len(texts)))
    for start in range(0, len(texts), CHUNK):  # by the chunk: the whole would be rows times the longest line
        made[start : start + CHUNK] = np.array(texts[start : start + CHUNK], kind)


def _pieces(value: bytes, width: int) -> Iterator[tuple[bytes, int]]:
    while len(value) > width:
        cut = width
        while value[cut] & 0xC0 == 0x80:  # a byte inside a UTF-8 character
            cut -= 1
        yield value[:cut], 1
        value = value[cut:]
    yield value, 0
