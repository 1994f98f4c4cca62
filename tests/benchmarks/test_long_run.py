"""A long run stays what it was at the beginning: 1e5 rows with all their lines, in a process of its own."""

import pytest
from side_by_side import contestants, sweep

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]


def test_a_run_of_100000_rows_costs_no_more_at_its_end_and_fits_into_120_megabytes() -> None:
    """The last tenth of the rows is as cheap as the first; the file, some megabytes, is made and read in pieces."""
    cost = sweep(contestants()["labctl, wire log"], 100_000)
    assert cost["growth"] <= 1.1
    assert cost["MB"] <= 120
