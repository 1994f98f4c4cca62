"""The table of faults, in Markdown: what was done, expected and observed (run it to write it anew)."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cases import Case
from invariants import marked
from process_table import PROCESS
from table import CASES, ELSEWHERE
from trial import Trial, carry_out

PATH = Path(__file__).with_name("FAULTS.md")
HEAD = """# What goes wrong, and what labctl does then

Written by `python tests/faults/report.py`; an ordinary test holds it to what its runs observe. Each run is a short
one on the simulated bench, with the faults that its second column has as the user gives them: `--fault "..."`.
Observed are the status of the file, the exit status, the rows kept of those expected, and the beginning of what was
told (in the log, where the run was complete). After every run the simulator is asked, not labctl: nothing flows,
the output is off, every magnet is at 0 A (wherever the link to it works), no ramp was faster than rated, and every
stored voltage is the untouched answer to its own question, read while its current flowed.

"""


class Row(NamedTuple):
    """One row of the table."""

    number: int
    fault: str
    expected: str
    observed: str


@cache
def tried(case: Case) -> Trial:
    """What came of a case; each is carried out once."""
    with TemporaryDirectory() as folder:
        return carry_out(Path(folder), case.faults, protocol=case.protocol)


def observed(trial: Trial) -> str:
    """How a run ended, in one line that is the same each time."""
    told = re.split(r" The session is suspect| The run ended|\n|; \d+ rows are in", marked(trial))[0].strip()
    if "NOT PARKED" in trial.told and "NOT PARKED" not in told:
        told += " ... NOT PARKED: " + trial.told.partition("NOT PARKED: ")[2].partition(":")[0]
    ended = f"{trial.status}, exit {trial.exit_status}, {trial.rows} of {trial.rows_expected} rows"
    return f"{ended}: {told}" if told else ended


def rows() -> list[Row]:
    """Every fault of the table, with what was observed."""
    found = [
        Row(
            case.number,
            f"{case.what}: {', '.join(f'`{fault}`' for fault in case.faults)}",
            case.expected,
            observed(tried(case)),
        )
        for case in CASES
    ]
    found += [
        Row(
            one.number,
            one.what,
            one.expected,
            f"{one.reason}; shown by {', '.join(f'`{node}`' for node in one.nodes)}"
            if one.nodes
            else one.reason,
        )
        for one in (*ELSEWHERE, *PROCESS)
    ]
    return sorted(found, key=lambda row: row.number)


def markdown(table: Iterable[Row]) -> str:
    """The table as Markdown."""
    lines = ["| | fault | expected | observed |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in table]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.write_text(markdown(rows()), encoding="utf-8")
    sys.stdout.write(f"{PATH}\n")
