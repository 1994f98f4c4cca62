"""A power cut, modelled: what was written since the last fsync is on the disk in part, in any order.

The writes and syncs of a journal are recorded. Then, a thousand times, the power goes at some moment: of what was
not synced each sector (512 bytes) or page (4096), whichever the draw says, is on the disk with a chance of 1/2,
else as it was before, which is zeros behind the old end; and the file is as long as any of its writes left it.
"""

import os
import random
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from journals import measured

from labctl import journal
from labctl.journal import journal_of, writer

pytestmark = pytest.mark.slow

SAMPLES = 1000
ROWS = 200


class Moment(NamedTuple):
    """After a row was taken: how long the journal was, and how much of it had been synced (bytes)."""

    size: int
    synced: int


class Tape:
    """A run whose rows are `period` (s) apart: the whole journal, and each of its moments."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, period: float) -> None:
        self.moments: list[Moment] = []
        clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, time=lambda: 1e9 + clock.now)
        patch.setattr(writer, "time", clock)
        synced, fsync = 0, os.fsync

        def noted(descriptor: int) -> None:
            nonlocal synced
            fsync(descriptor)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                synced = os.fstat(descriptor).st_size

        patch.setattr(os, "fsync", noted)
        store = measured(folder / "a.h5", rows=[])
        path = journal_of(store.target)
        for row in range(ROWS):
            clock.now += period
            store.wire(clock.now, "voltmeter", "hear", "1" * (40 + row % 7))
            store.row({"mu0_H_z": 0.0, "R_xy": float(row), "branch": 1})
            self.moments.append(Moment(path.stat().st_size, synced))
        store.close()
        self.content = path.read_bytes()

    def durable(self, moment: int) -> int:
        """How many rows had been synced by then."""
        return sum(taken.size <= self.moments[moment].synced for taken in self.moments)

    def cut(self, draw: random.Random, moment: int) -> bytes:
        """What is on the disk when the power has gone right after a row."""
        synced = self.moments[moment].synced
        sizes = [synced, *(taken.size for taken in self.moments[: moment + 1] if taken.size > synced)]
        size, block = draw.choice(sizes), draw.choice([512, 4096])
        disk = bytearray(self.content[:synced].ljust(size, b"\0"))
        for start in range(synced - synced % block, size, block):
            if draw.random() < 0.5:
                disk[start : start + block] = self.content[start : min(start + block, size)]
        return bytes(disk)


@pytest.mark.parametrize(("period", "most_lost"), [(0.025, 0), (0.002, 101)])
def test_a_power_cut_costs_no_row_that_was_synced_and_makes_none_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, period: float, most_lost: int
) -> None:
    """Rows 25 ms apart: none that was acknowledged is lost. Rows of 2 ms: at most those of the last 0.2 s."""
    tape, draw, lost = Tape(tmp_path, monkeypatch, period), random.Random(1), list[int]()
    path = tmp_path / "cut.h5.journal"
    for _ in range(SAMPLES):
        moment = draw.randrange(ROWS)
        path.write_bytes(tape.cut(draw, moment))
        with journal.opened(path) as descriptor:
            rows = journal.read(path, descriptor).data["R_xy"].tolist()
        durable = tape.durable(moment)
        assert rows[:durable] == [float(row) for row in range(durable)]
        assert rows == sorted(set(rows) & {float(row) for row in range(moment + 1)})
        lost.append(moment + 1 - len(rows))
    print(
        f"\npower cut, rows {period} s apart: {SAMPLES} samples, rows lost at most {max(lost)}, unreadable 0"
    )
    assert max(lost) <= most_lost
    assert (max(lost) > 0) == (most_lost > 0)  # the model does bite where nothing was synced
