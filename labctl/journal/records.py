"""What the records of a journal say: rows and wire lines in binary, everything rare as JSON.

    H  header     JSON {"journal": 1, "pid": process, "run": what is known before its first row}
    R  row        uint64 number of the row (0, 1 ...), float64 wall time (s since 1970, UTC), then one value for
                  each column of the header, float64 or int64 as it declares, then traffic
    W  wire       traffic
    E  event      JSON [time, level, text], one line of the log
    I  instrument JSON {"role", "identity", "resource", "driver", "settings_before"}
    S  settings   JSON {"role", "settings_after"}
    Z  end        JSON {"status", "reason", "end_time", "elapsed"}; without it the run was interrupted

    traffic       uint32 n, uint32 m, n float64 readings of the station's clock (s), then m lines of the wire,
                  each float64 time (s), uint8 0 said or 1 heard, uint16 and uint32 bytes of the name and of the
                  text, name, text. It is everything since the traffic before.

Integers and floats are little-endian, texts UTF-8 (a lone surrogate as Python's "surrogatepass" has it). JSON is
Python's: NaN and Infinity stand for themselves. A quantity is [value, unit, meaning].
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, get_args

from labctl.errors import DataError
from labctl.record import Event, Instrument, Quantity, RunHeader, Status, WireLine

if TYPE_CHECKING:
    from protocols.vocabulary import Column

HEADER: Final = b"H"
ROW: Final = b"R"
WIRE: Final = b"W"
EVENT: Final = b"E"
INSTRUMENT: Final = b"I"
SETTINGS: Final = b"S"
END: Final = b"Z"

VERSION: Final = 1
"""Version of the journal's format; a change that breaks a reader raises it."""

FIRST_LINE: Final = b"labctl journal, version %d\n" % VERSION
"""For people, and for programs of another version; the records follow."""

_CODES: Final = {"float64": "d", "int64": "q"}
_DIRECTIONS: Final = ("say", "hear")
_SIMPLE: Final[dict[Any, type]] = {"str": str, "int": int}
_COUNTS = struct.Struct("<II")
_READING = struct.Struct("<d")
_NO_TRAFFIC: Final = _COUNTS.pack(0, 0)
_LINE = struct.Struct("<dBHI")


class Began(NamedTuple):
    """The header of a run, and the process that writes it."""

    header: RunHeader
    pid: int


class Ended(NamedTuple):
    """How a run ended; `elapsed` is its length (s) on the station's clock."""

    status: Status
    reason: str
    end_time: datetime
    elapsed: float


def row_layout(columns: Sequence[Column]) -> struct.Struct:
    """Return the layout of a row's beginning: number, wall time and a value for each column."""
    return struct.Struct("<Qd" + "".join(_CODES[column.dtype] for column in columns))


def pack_line(time: float, direction: str, name: bytes, text: str) -> bytes:
    """Return one line of the wire; `name` is UTF-8 already, because there are few of them."""
    said = text.encode("utf-8", "surrogatepass")
    return _LINE.pack(time, _DIRECTIONS.index(direction), len(name), len(said)) + name + said


def pack_traffic(readings: Sequence[float], lines: Sequence[bytes]) -> bytes:
    """Return readings of the station's clock (s) and packed lines of the wire as one piece."""
    if not readings and not lines:
        return _NO_TRAFFIC
    counts = _COUNTS.pack(len(readings), len(lines))
    return b"".join((counts, struct.pack(f"<{len(readings)}d", *readings), *lines))


def readings(payload: bytes, start: int = 0) -> tuple[float, ...]:
    """Return the readings (s) in the traffic that begins at `start`."""
    count, _ = _COUNTS.unpack_from(payload, start)
    return struct.unpack_from(f"<{count}d", payload, start + _COUNTS.size)


def last_reading(payload: bytes, start: int = 0) -> float:
    """Return the last reading (s) in the traffic that begins at `start`; 0 where there is none."""
    count, _ = _COUNTS.unpack_from(payload, start)
    return float(_READING.unpack_from(payload, start + _COUNTS.size + 8 * (count - 1))[0]) if count else 0.0


def lines(payload: bytes, start: int = 0) -> list[WireLine]:
    """Return the lines of the wire in the traffic that begins at `start`."""
    count, number = _COUNTS.unpack_from(payload, start)
    place = start + _COUNTS.size + 8 * count
    found: list[WireLine] = []
    for _ in range(number):
        time, direction, name_size, size = _LINE.unpack_from(payload, place)
        begin = place + _LINE.size
        middle, place = begin + name_size, begin + name_size + size
        name = payload[begin:middle].decode("utf-8", "surrogatepass")
        text = payload[middle:place].decode("utf-8", "surrogatepass")
        found.append(WireLine(time, name, _DIRECTIONS[direction], text))
    return found


def pack_json(value: Any) -> bytes:
    """Return JSON as the journal has it; what JSON does not know becomes a list, a number or its text."""
    return json.dumps(value, default=_plain).encode()


def pack_header(header: RunHeader, pid: int) -> bytes:
    """Return the header record of a run that the process `pid` writes."""
    run = {part.name: getattr(header, part.name) for part in fields(header)}
    run["columns"] = [
        [column.name, column.unit, column.help, column.dtype, column.display] for column in header.columns
    ]
    run["start_time"] = header.start_time.isoformat()
    return pack_json({"journal": VERSION, "pid": pid, "run": run})


def unpack_header(payload: bytes) -> Began:
    """Read a header record.

    DataError where a later version wrote it; KeyError, TypeError or ValueError where it is no header.
    """
    from protocols.vocabulary import Column

    told = json.loads(payload)
    if told["journal"] != VERSION:
        raise newer(told["journal"])
    run: dict[str, Any] = told["run"]
    values: dict[str, Any] = {
        name: quantities(value) if isinstance(value, dict) else value for name, value in run.items()
    }
    values["columns"] = [Column(*column) for column in run["columns"]]
    values["start_time"] = datetime.fromisoformat(run["start_time"])
    for part in fields(RunHeader):
        if part.type in _SIMPLE and not isinstance(values.get(part.name), _SIMPLE[part.type]):
            raise TypeError(f"{part.name} must be {part.type}; got {values.get(part.name)!r}")
    row_layout(values["columns"])  # a type that no row has would stop whoever reads the first one
    return Began(RunHeader(**values), int(told["pid"]))


def newer(version: object) -> DataError:
    """Return the error that refuses a journal of another version."""
    return DataError(
        f"the journal must be of version {VERSION}; it is of version {version!r:.40}: update labctl. "
        "Nothing was touched."
    )


def unpack_event(payload: bytes) -> Event:
    """Read an event record."""
    time, level, text = json.loads(payload)
    return Event(float(time), _text(level), _text(text))


def unpack_instrument(payload: bytes) -> tuple[str, Instrument]:
    """Read who plays a role."""
    told = json.loads(payload)
    return _text(told["role"]), Instrument(
        identity=_text(told["identity"]),
        resource=_text(told["resource"]),
        driver=_text(told["driver"]),
        settings_before=quantities(told["settings_before"]),
    )


def unpack_settings(payload: bytes) -> tuple[str, dict[str, Quantity]]:
    """Read the settings that a role was left with."""
    told = json.loads(payload)
    return _text(told["role"]), quantities(told["settings_after"])


def unpack_end(payload: bytes) -> Ended:
    """Read how a run ended."""
    told = json.loads(payload)
    status, time = told["status"], datetime.fromisoformat(told["end_time"])
    if status not in get_args(Status) or time.tzinfo is None:
        raise ValueError(
            f"a run must end with a status, at a time with its offset; got {status!r:.40}, {time}"
        )
    return Ended(cast("Status", status), _text(told["reason"]), time, float(told["elapsed"]))


def quantities(told: Mapping[str, Any]) -> dict[str, Quantity]:
    """Read quantities by name; TypeError where a unit or a meaning is no text."""
    found = {name: Quantity(*quantity) for name, quantity in told.items()}
    for _, unit, meaning in found.values():
        _text("" if unit is None else unit)
        _text(meaning)
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text must be one; got {value!r:.40}")
    return value


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
