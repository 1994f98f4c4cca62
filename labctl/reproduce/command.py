"""The command `labctl reproduce`: sections by name, progress, report, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from labctl import tables, tell
from labctl.reproduce import catalogue, conduct, report


def reproduce(
    as_json: bool, *, figures: Sequence[str], output: Path, mnist: Path | None, jobs: int | None, fresh: bool
) -> None:
    """Reproduce these figures (none: all) in the folder `output`; ClaimError where one claim is not shown."""
    sections, skipped = catalogue.chosen(figures, mnist)
    with tables.progress(conduct.n_runs(sections), "runs", sys.stderr.isatty()) as advance:
        found = conduct.reproduce(sections, output, fresh=fresh, jobs=jobs, advance=advance)
    plain = report.write(found, output, skipped)
    if as_json:
        tables.as_json(plain)
    tell.reproduction(plain)
    conduct.require_good(found)
