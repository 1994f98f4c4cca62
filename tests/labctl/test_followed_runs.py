"""Runs that go on in another process: readers see what has been taken so far, and the run does not feel them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command
from killing import Nursery, columns, words

from labctl import runfile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROWS = 17
FOLLOWER = """
import json, select, sys
from pathlib import Path
from labctl.live.following import Follower
with Follower(Path(sys.argv[1])) as run:
    while not run.is_over:
        new, columns = run.poll(), run.columns.values()
        for number in range(new.start, new.stop):
            print(json.dumps([number, *(column[number].item() for column in columns)]), flush=True)
        select.select([], [], [], 0.001)
    print(run.status, run.rows_expected, len(run.run.results))
"""


def test_a_run_is_followed_by_other_programs_while_rows_come_in(
    nursery: Nursery, labctl: Command, tmp_path: Path
) -> None:
    """One follows each record, one shows the whole run again and again: no row is wrong or comes twice, and the run
    ends as it would have ended alone.
    """
    assert nursery.run(tmp_path, words("ahe-loop", "alone.h5")).code == 0
    alone, target = columns(tmp_path / "alone.h5"), tmp_path / "a.h5"
    told = nursery.told(tmp_path, words("ahe-loop"), pace=0.25)
    while next(told)[0] != "row":
        pass
    seen: list[int] = []
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(target)], stdout=subprocess.PIPE, text=True
    ) as follower:
        while not target.exists():
            run = runfile.read_run(target)
            seen.append(run.rows)
            assert run.status == ("running" if run.rows < ROWS else run.status)
            assert all(alone[name].startswith(column.tobytes()) for name, column in run.columns.items())
            assert labctl("show", "a.h5").status == 0
        ended = list(told)
        *lines, last = follower.communicate()[0].splitlines()
        followed = [json.loads(line) for line in lines]
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert [number for number, *_ in followed] == list(range(ROWS))
    assert ended[-1] == ["ended", "0"]
    assert columns(target) == alone
    run = runfile.read_run(target)
    stored = zip(*(column.tolist() for column in run.columns.values()), strict=True)
    assert json.dumps([[number, *row] for number, row in enumerate(stored)]) == json.dumps(followed)
    assert last == f"complete {ROWS} {len(run.results)}"
    print(
        f"\nfollowed: {len(seen)} readings of a living run at {len(set(seen))} lengths, 0 wrong, rows lost 0"
    )


def test_a_second_run_to_the_same_file_is_refused_and_the_first_does_not_feel_it(
    nursery: Nursery, labctl: Command, tmp_path: Path
) -> None:
    """Exit 2 and the process that has the name, for a run and for a recovery; the first run is complete."""
    told = nursery.told(tmp_path, words("ahe-loop"), pace=0.1)
    _, pid = next(told)
    while next(told)[0] != "row":
        pass
    for command in (words("ahe-loop"), ["recover", "a.h5"]):
        said = labctl(*command)
        assert (said.status, f"process {pid} is writing it" in said.err) == (2, True), said.err
        assert "Nothing was" in said.err
    assert list(told)[-1] == ["ended", "0"]
    assert runfile.read_run(tmp_path / "a.h5").rows == ROWS
