"""Frames: a file that only grows by numbered, check-summed records, read back whatever has befallen it.

frame    = mark, kind, length, number, check sum, payload          (all integers little-endian)
mark     4 bytes FF 52 45 43. FF is in no UTF-8 text: after damage the next mark is where reading goes on
kind     1 byte, a letter
length   4 bytes, unsigned: bytes of the payload
number   8 bytes, unsigned: 0, 1, 2 ... over the whole file, so that a lost or doubled record shows
check    4 bytes, unsigned: CRC-32 (zlib's) of kind, length, number and payload, begun from SEED. Begun from 0,
         as usual, the check sum of nothing would be 0 and a tail of zeros would be a row of empty records
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

MARK: Final = b"\xffREC"
SEED: Final = 0x6C616263
MAX_PAYLOAD: Final = 2**24  # our choice: 16 MiB, above any header; a length beyond it is damage
_TRIES: Final = 1000  # our choice: marks without a record behind them, after which the rest counts as damaged
_BLOCK: Final = 2**18

_HEAD = struct.Struct("<cIQ")
_CHECK = struct.Struct("<I")
_FRAME = struct.Struct("<4scIQI")


class Frame(NamedTuple):
    """One whole record: what kind, which number, what it says, and where in the file it begins and ends."""

    kind: bytes
    number: int
    payload: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes (from `start` up to `end`) that are no record, or records that are missing or came twice (no bytes).

    `records` is how many are known to be lost by their numbers; `tail` is true where nothing whole comes after.
    """

    start: int
    end: int
    what: str
    records: int = 0
    tail: bool = False

    def __str__(self) -> str:
        lost = f"; {self.records} record{'s' * (self.records != 1)} lost" if self.records else ""
        return f"{self.what} at byte {self.start}{lost}"


def pack(kind: bytes, number: int, payload: bytes) -> bytes:
    """Return the bytes of a frame; ValueError where the payload is longer than any reader would take."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a record must be at most {MAX_PAYLOAD} bytes long; got {len(payload)}")
    head = _HEAD.pack(kind, len(payload), number)
    return b"".join((MARK, head, _CHECK.pack(crc32(payload, crc32(head, SEED))), payload))


def scan(descriptor: int, start: int = 0, number: int = 0) -> Iterator[Frame | Damage]:
    """Yield the records of an open file from `start` on, the first of which should be `number`; and all damage.

    A record that came before is left out, and told as damage. Damage is told before the record after it. Bytes
    at the end that are no whole record (yet) are a Damage with `tail`.
    """
    window, base, place = b"", start, 0
    damaged: int | None = None
    tries = 0

    def filled(size: int) -> bool:
        nonlocal window, base, place
        if len(window) - place < size:
            rest = window[place:]
            base, place = base + place, 0
            window = rest + os.pread(descriptor, max(_BLOCK, size - len(rest)), base + len(rest))
        return len(window) >= place + size

    least = _FRAME.size
    while (len(window) - place >= least or filled(least)) and tries < _TRIES:
        mark, kind, length, found, check = _FRAME.unpack_from(window, place)
        size = least + length
        if mark == MARK and length <= MAX_PAYLOAD and (len(window) - place >= size or filled(size)):
            body = place + least
            payload = window[body : body + length]
            if crc32(payload, crc32(window[place + 4 : body - 4], SEED)) == check:
                frame = Frame(kind, found, payload, base + place, base + body + length)
                place = body + length
                missing = found - number
                if damaged is not None or missing > 0:
                    begin = frame.start if damaged is None else damaged
                    what = (
                        "records are missing"
                        if damaged is None
                        else f"{frame.start - begin} bytes are damaged"
                    )
                    yield Damage(begin, frame.start, what, max(missing, 0))
                    damaged = None
                if missing < 0:
                    yield Damage(frame.start, frame.end, f"record {found} came twice, the second is left out")
                    continue
                number = found + 1
                yield frame
                continue
        tries += mark == MARK
        damaged = base + place if damaged is None else damaged
        place += 1
        while (next_mark := window.find(MARK, place)) < 0:
            place = max(place, len(window) - len(MARK) + 1)
            if not filled(len(MARK)):
                break
        place = next_mark if next_mark >= 0 else len(window)

    begin, end = base + place if damaged is None else damaged, os.fstat(descriptor).st_size
    if end > begin:
        yield Damage(begin, end, _tail(descriptor, begin, end), tail=True)


def _tail(descriptor: int, begin: int, end: int) -> str:
    """Say what the bytes after the last whole record are."""
    for place in range(begin, end, _BLOCK):
        if os.pread(descriptor, min(_BLOCK, end - place), place).strip(b"\0"):
            return f"the last {end - begin} bytes are torn or damaged"
    return f"the last {end - begin} bytes are zeros"
