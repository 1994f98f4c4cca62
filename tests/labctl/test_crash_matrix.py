"""The crash matrix: real runs in real processes, killed a hundred times at any instant. `-s` prints the figures."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from killing import PARAMETERS, Fate, Nursery, columns, instant, said, words

from labctl import recovery, runfile
from labctl.journal import journal_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = {protocol: 10 if protocol == "harmonic-hall" else 16 for protocol in PARAMETERS}  # its runs are long


class Undisturbed(NamedTuple):
    """A run that nothing befell: when what happened, and its columns."""

    fate: Fate
    columns: dict[str, bytes]


@pytest.fixture(scope="module")
def figures() -> Iterator[list[tuple[object, ...]]]:
    """What the tests counted; printed at their end."""
    table: list[tuple[object, ...]] = []
    yield table
    heads = (
        "protocol",
        "kills",
        "before",
        "in rows",
        "at end",
        "finished",
        "rows acked",
        "recovered",
        "lost",
    )
    for name, *numbers in (heads, *table):
        print(f"\n{name:15}", *(f"{number:>10}" for number in numbers), end="")
    print()


def undisturbed(nursery: Nursery, folder: Path, protocol: str) -> Undisturbed:
    fate = nursery.run(folder, words(protocol, "undisturbed.h5"))
    assert (fate.code, fate.left["parked"]) == (0, True), fate.left
    return Undisturbed(fate, columns(folder / "undisturbed.h5"))


@pytest.mark.parametrize("protocol", PARAMETERS)
def test_a_run_that_is_killed_loses_no_row_that_was_acknowledged(
    protocol: str, nursery: Nursery, figures: list[tuple[object, ...]], tmp_path: Path
) -> None:
    """SIGKILL at random instants, start and end included: every row is there bit for bit, the file says when."""
    whole = undisturbed(nursery, tmp_path, protocol)
    draw, seen = random.Random(protocol), Counter[str]()
    while seen["kills"] < KILLS[protocol]:
        folder = tmp_path / f"{seen.total()}"
        folder.mkdir()
        fate = nursery.run(folder, words(protocol), instant(draw, whole.fate))
        if fate.code == -9:
            seen["kills"] += 1
            when, rows = left_by_a_kill(folder / "a.h5", fate, whole)
            seen[when] += 1
            seen["rows"] += len(fate.acknowledged)
            seen["recovered"] += rows
            seen["lost"] += max(0, len(fate.acknowledged) - rows)
        else:  # it was quicker than we are
            assert (fate.code, columns(folder / "a.h5")) == (0, whole.columns)
            seen["finished"] += 1
    counted = (
        "kills",
        "before its first row",
        "in its rows",
        "at its end",
        "finished",
        "rows",
        "recovered",
        "lost",
    )
    figures.append((protocol, *(seen[what] for what in counted)))
    assert seen["lost"] == 0


def left_by_a_kill(target: Path, fate: Fate, whole: Undisturbed) -> tuple[str, int]:
    """Check what a killed run left; return when it was killed, and how many rows are there."""
    acknowledged, source = len(fate.acknowledged), journal_of(target)
    if target.exists():  # complete, be the journal still beside it or not
        rows = recovery.recover(target).rows
        assert (columns(target), said(target, "status")) == (whole.columns, "complete")
        assert list(target.parent.glob("a.h5*")) == [target]
        return "at its end", rows
    if not source.exists():
        assert acknowledged == 0
        return "before its first row", 0

    content = source.read_bytes()
    again = target.with_name("again.h5")
    journal_of(again).write_bytes(content)
    recovered, _ = recovery.recover(target), recovery.recover(again)
    assert target.read_bytes() == again.read_bytes()
    assert list(target.parent.glob("a.h5*")) == [target]
    assert (recovered.rows - acknowledged) in {0, 1}
    assert all(whole.columns[name].startswith(found) for name, found in columns(target).items())
    assert {len(found) for found in columns(target).values()} == {8 * recovered.rows}
    if said(target, "status") == "complete":
        assert columns(target) == whole.columns
        return "at its end", recovered.rows
    assert said(target, "status") == "interrupted"
    run = runfile.read_run(target)
    if recovered.rows:  # the time of the last row lies between two acknowledgements, or before the death
        moments = [fate.born, *fate.acknowledged, fate.ended]
        assert moments[recovered.rows - 1] <= run.end_time.timestamp() <= moments[recovered.rows]
        return "in its rows", recovered.rows
    return "before its first row", 0
