"""Journals as damage, or somebody who can count check sums, would leave them: seeded, from one real journal."""

import json
import random
from pathlib import Path
from typing import Any

from journals import frames_of

from labctl.journal import frames, records

LARGE = 10**9
"""Rows, bytes or signs that a few bytes can claim."""

VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 2**70, 1e308, float("nan"), float("inf"), "", "x", "\0", "\x1b[2J\r\n", "a/b",
    "../../etc/passwd", ".", "=1+1", "\ud800", "\u202e", "x" * 70_000, [], {}, [[]], [None], ["x", "y"],
    [[1, "V", ""]], {"value": 1}, {"a/b": [1, "V", ""]}, {"\0": ["x", None, ""]}, {"": [1.0, "m", ""]},
    {"x": [float("nan"), None, ""]}, {"x": [[1, [2, "a"]], "V", ""]}, {"x": [{"y": 1}, 5, ""]}, {"x": []},
    {"x": [2**70, "V", ""]}, {"x": [1, 2, 3, 4]}, {"x": ["\ud800", None, "\0"]}, {"x": [True, "V", None]},
    {"name": [5, None, ""]}, {"name": [["a"], None, ""]}, "2026-03-01", "2026-03-01T00:00:00+00:00",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "\u0661",
]  # fmt: skip
"""What stands where something else should."""


def damaged(whole: bytes, seed: int) -> bytes:
    """A journal cut short, or with bytes turned, doubled, moved or set to an extreme; its check sums tell."""
    draw = random.Random(seed)
    content = bytearray(whole)
    at, size = draw.randrange(len(content)), draw.choice([1, 2, 4, 8, 200])
    match draw.randrange(5):
        case 0:
            del content[at:]
        case 1:
            content[at] ^= 1 << draw.randrange(8)
        case 2:
            for _ in range(draw.randrange(1, 60)):
                content[draw.randrange(len(content))] = draw.randrange(256)
        case 3:
            content[at : at + size] = draw.choice([b"\xff", b"\0", b"\x7f", frames.MARK]) * size
        case _:
            content[at:at] = content[draw.randrange(len(content)) :][: size * 20]
    return bytes(content)


def forged(whole: bytes, folder: Path, seed: int) -> bytes:
    """A journal whose check sums are right and whose records say what no run says."""
    draw = random.Random(seed)
    told = [(frame.kind, frame.number, frame.payload) for frame in frames_of(whole, folder)]
    chosen = records.HEADER if draw.random() < 0.6 else draw.choice(told)[0]
    other = _altered(next(payload for kind, _, payload in told if kind == chosen), chosen, draw)
    told = [(kind, number, other if kind == chosen else payload) for kind, number, payload in told]
    if draw.random() < 0.1:
        told.append(
            (draw.choice([b"Z", b"I", b"S", b"E", b"?"]), draw.choice([len(told), LARGE]), b"[" * 50_000)
        )
    return records.FIRST_LINE + b"".join(frames.pack(*one) for one in told)


def _altered(payload: bytes, kind: bytes, draw: random.Random) -> bytes:
    if kind in {records.ROW, records.WIRE}:
        content = bytearray(payload)
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(0, len(content) - 8)
            content[at : at + 8] = draw.choice(
                [
                    b"\xff" * 8,
                    b"\0" * 8,
                    LARGE.to_bytes(8, "little"),
                    b"\0" * 6 + b"\xf8\x7f",
                    draw.randbytes(8),
                ]
            )
        return bytes(content)
    said = json.loads(payload)
    for _ in range(draw.randrange(1, 3)):
        _alter(said, draw)
    return json.dumps(said).encode()


def _alter(said: Any, draw: random.Random) -> None:
    """Go down a random way into what was said, and put something else there, take it away, or give it a name."""
    while True:
        keys = list(said) if isinstance(said, dict) else list(range(len(said)))
        key = draw.choice(keys) if keys else None
        if key is None or not isinstance(said[key], dict | list) or not said[key] or draw.random() < 0.2:
            break
        said = said[key]
    match draw.randrange(6):
        case 0 if isinstance(said, dict) and key is not None:
            del said[key]
        case 1 if isinstance(said, dict):
            said[str(draw.choice(VALUES))] = draw.choice(VALUES)
        case _ if isinstance(said, dict):
            said[key if key is not None else "x"] = draw.choice(VALUES)
        case _ if key is not None:
            said[key] = draw.choice(VALUES)
        case _:
            said.append(draw.choice(VALUES))
