"""A schedule of faults drawn from a seed: whatever the cables and instruments of a bench can suffer, at any moment.

How many and how likely is our choice: one to three faults in a run, most of them in the middle of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim_instruments.faults import KINDS, Fault

#: Faults in one run, at most.
MOST = 3
#: One fault in so many is not at a row but at a query of its instrument, among the first so many: also before the
#: first row, when instruments are connected and prepared.
SELDOM, FIRST_QUERIES = 4, 60
#: Replies that no instrument would give, and some that only a broken one would.
ANSWERS = ("nan", "inf", "1,2", "+1.0E-06 V", "+9.90000000E+37", "-9.90000000E+37", "199.999E99", "0", "OL")
#: How long (s) a reply is late or a link is out, and how often an altered reply comes.
DELAYS, TIMES = (0.05, 0.5, 2.5, 6.0), (1, 1, 2, 5)


def draw(seed: int, mishaps: Mapping[str, Sequence[str]], rows: int) -> tuple[Fault, ...]:
    """Draw the faults of a run of so many rows; `mishaps` says what can happen to each instrument itself."""
    stream = np.random.default_rng(seed)
    return tuple(_draw_one(stream, mishaps, rows) for _ in range(stream.integers(1, MOST + 1)))


def _draw_one(stream: np.random.Generator, mishaps: Mapping[str, Sequence[str]], rows: int) -> Fault:
    names = list(mishaps)
    name = names[stream.integers(len(names))]
    possible = [
        kind
        for kind, what in KINDS.items()
        if kind in mishaps[name]
        or (what.sort != "state" and kind != "panel" and (kind != "swapped" or len(names) > 1))
    ]
    kind = possible[stream.integers(len(possible))]
    sort = KINDS[kind].sort
    value = KINDS[kind].default
    if kind == "answer":
        value = ANSWERS[stream.integers(len(ANSWERS))]
    elif kind == "swapped":
        others = [other for other in names if other != name]
        value = others[stream.integers(len(others))]
    elif kind in ("late", "split"):
        value = f"{_one_of(stream, DELAYS):g} s"
    at_query = stream.integers(SELDOM) == 0
    place = int(stream.integers(1, FIRST_QUERIES + 1)) if at_query else int(stream.integers(1, rows + 1))
    times = int(_one_of(stream, TIMES)) if sort in ("reply", "command") and kind != "frozen" else None
    passes = sort in ("link", "state") and stream.integers(2) == 0
    seconds = _one_of(stream, DELAYS) if passes else None
    return Fault(name, kind, value, "query" if at_query else "row", place, times, seconds)


def _one_of(stream: np.random.Generator, values: Sequence[float]) -> float:
    return values[int(stream.integers(len(values)))]
