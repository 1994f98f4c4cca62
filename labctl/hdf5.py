"""HDF5 by the piece: groups with a class, numbers with units, columns with check sums, tables of text."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import h5py
import numpy as np

from labctl.record import Quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

Node = Any
"""An h5py group or dataset: h5py has no type stubs."""

CHUNK = 16384
"""Rows in one chunk of a column: 128 kB, the unit of compression and of the fletcher32 check sum."""

_NUL = "\N{SYMBOL FOR NULL}"
_low_level: Any = h5py  # compiled modules, without type stubs
_TEXT = h5py.string_dtype()
_STORED_TEXT = _low_level.h5t.py_create(_TEXT, logical=True)
_SCALAR = _low_level.h5s.create(_low_level.h5s.SCALAR)
_PLAIN = _low_level.h5p.create(_low_level.h5p.DATASET_CREATE)
_PLAIN.set_obj_track_times(False)
_NUMBERS = "biuf"


def root_entry(file: Node, name: str) -> Node:
    """Make an NXentry under the root of `file`; the first one made is what viewers show."""
    file.attrs["NX_class"] = "NXroot"
    if "default" not in file.attrs:
        file.attrs["default"] = name
    return group(file, name, "NXentry")


def group(parent: Node, name: str, nx_class: str) -> Node:
    """Make a group of a NeXus class; what is put into it keeps its order."""
    made: Node = parent.create_group(link_name(name), track_order=True)
    _note(made, "NX_class", nx_class)
    return made


def text(parent: Node, name: str, value: str) -> Node:
    """Make a UTF-8 text; what HDF5 cannot hold is replaced (see `clean`)."""
    return _single(parent, name, np.array(clean(value), _TEXT), _STORED_TEXT)


def number(parent: Node, name: str, value: Any, unit: str, long_name: str) -> Node:
    """Make a number or a short list of numbers, with its unit and its meaning (its name, where none is given)."""
    values = np.asarray(value)
    if values.shape == () and values.dtype.kind in _NUMBERS:
        made = _single(parent, name, values, _low_level.h5t.py_create(values.dtype, logical=True))
    else:
        made = parent.create_dataset(link_name(name), data=values)
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
    parent: Node, name: str, fields: Sequence[str], rows: Iterable[tuple[Any, ...]], width: int
) -> Node:
    """Make a group with one column for each field of `rows`: a time (s), then texts.

    The last text is cut into pieces of at most `width` bytes (never inside a character), one row each; `more`
    is 1 where the next row goes on with the same text. Fixed length, because texts of variable length are
    neither compressed nor check-summed. `rows` is read once, by blocks.
    """
    table = group(parent, name, "NXcollection")
    rest = iter(rows)
    nothing = [np.empty(0, kind) for kind in (np.float64, *["S1"] * (len(fields) - 1), np.int8)]
    blocks = [[_Packed(values) for values in nothing]]
    while block := list(islice(rest, CHUNK)):
        blocks.append([_Packed(values) for values in _cut(block, width)])
    for field, column in zip((*fields, "more"), zip(*blocks, strict=True), strict=True):
        _unpacked(table, field, column)
    _labelled(table[fields[0]], "s", "time on the station's clock since the start")
    _labelled(table["more"], "1", "1 where the text goes on in the next row")
    share_axis(table, fields[0], [*fields[1:], "more"])
    return table


def stored_bytes(parent: Node) -> int:
    """Return how many bytes the datasets of a group take in the file, compressed as they are."""
    return sum(member.id.get_storage_size() for member in parent.values())


def members(parent: Node) -> Iterator[tuple[str, Node]]:
    """Yield name and node of everything in a group, at half the price of asking h5py for each by its name."""
    kinds = {_low_level.h5g.GroupID: h5py.Group, _low_level.h5d.DatasetID: h5py.Dataset}
    for name in parent:
        opened = _low_level.h5o.open(parent.id, name.encode("utf-8", "surrogateescape"))
        kind = kinds.get(type(opened))
        yield name, parent[name] if kind is None else kind(opened)


def attribute_names(node: Node) -> list[str]:
    """Return the names of a node's attributes."""
    names: list[bytes] = []

    def keep(name: bytes, *_: Any) -> None:
        names.append(name)

    _low_level.h5a.iterate(node.id, keep)
    return [name.decode("utf-8", "surrogateescape") for name in names]


def attribute(node: Node, name: str) -> Any:
    """Return an attribute as h5py gives it, but a single text of variable length, the usual one, as its bytes."""
    opened = _low_level.h5a.open(node.id, name.encode("utf-8", "surrogateescape"))
    kind = opened.get_type()
    if not (isinstance(kind, _low_level.h5t.TypeStringID) and kind.is_variable_str() and opened.shape == ()):
        return node.attrs[name]
    value = np.empty((), _TEXT)
    opened.read(value)
    return value[()]


def content(dataset: Node) -> Any:
    """Return all that a dataset holds; `dataset[()]` for half the time, where it is one number or one text."""
    kind = dataset.dtype
    is_text = kind.kind == "O" and h5py.check_string_dtype(kind) is not None
    if dataset.shape != () or not (is_text or kind.kind in _NUMBERS):
        return dataset[()]
    value = np.empty((), kind)
    dataset.id.read(_low_level.h5s.ALL, _low_level.h5s.ALL, value)
    return value[()]


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


def _single(parent: Node, name: str, value: NDArray[Any], kind: Any) -> Node:
    """Make a dataset of one value, as `parent.create_dataset` does in three times the time."""
    link = link_name(name).encode("utf-8")
    created = _low_level.h5d.create(parent.id, link, kind, _SCALAR, _PLAIN)
    created.write(_low_level.h5s.ALL, _low_level.h5s.ALL, value)
    return h5py.Dataset(created)


def _labelled(made: Node, unit: str, long_name: str) -> Node:
    _note(made, "units", unit)
    _note(made, "long_name", clean(long_name).decode() or made.name.rpartition("/")[2])
    return made


def _note(made: Node, name: str, words: str) -> None:
    """Give a new node an attribute, as `made.attrs[name] = words` does in three times the time."""
    created = _low_level.h5a.create(made.id, name.encode(), _STORED_TEXT, _SCALAR)
    created.write(np.array(words, _TEXT))


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


class _Packed:
    """A block of one column, compressed: how wide a column of texts must be is not known before its end."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.kind = values.dtype
        self.size = len(values)
        self._content = zlib.compress(values.tobytes(), 1)

    def unpack(self) -> NDArray[Any]:
        return np.frombuffer(zlib.decompress(self._content), self.kind)


def _cut(rows: Sequence[tuple[Any, ...]], width: int) -> Iterator[NDArray[Any]]:
    """Yield the columns of some rows, times and texts, the last text cut into pieces, and which of these go on."""
    times, *texts, last = ([row[place] for row in rows] for place in range(len(rows[0])))
    said, more = _cleaned(last), np.zeros(len(rows), np.int8)
    columns = [np.array(times, np.float64), *map(_cleaned, texts)]
    if said.dtype.itemsize > width:
        whole = said.tolist()
        pieces = [(index, *piece) for index, text in enumerate(whole) for piece in _pieces(text, width)]
        of, said, more = map(np.array, zip(*pieces, strict=True))
        columns = [column[of] for column in columns]
    yield from (*columns, said, more.astype(np.int8))


def _cleaned(texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Return some texts as `clean` does, each: numpy encodes ASCII itself, which nearly all are, much faster."""
    whole = "".join(texts)
    if whole.isascii() and "\0" not in whole:
        return np.array(texts, np.bytes_)
    return np.array([clean(text) for text in texts])


def _unpacked(parent: Node, name: str, blocks: Sequence[_Packed]) -> None:
    """Make a column of packed blocks: numbers, or texts as wide as the widest."""
    size, kind = (
        sum(block.size for block in blocks),
        max((block.kind for block in blocks), key=lambda kind: kind.itemsize),
    )
    stored = h5py.string_dtype("utf-8", kind.itemsize) if kind.kind == "S" else kind
    made: Node = parent.create_dataset(name, (size,), stored, **_filters(size))
    start = 0
    for block in blocks:
        made[start : start + block.size] = block.unpack().astype(stored)
        start += block.size


def _pieces(value: bytes, width: int) -> Iterator[tuple[bytes, int]]:
    while len(value) > width:
        cut = width
        while value[cut] & 0xC0 == 0x80:  # a byte inside a UTF-8 character
            cut -= 1
        yield value[:cut], 1
        value = value[cut:]
    yield value, 0
