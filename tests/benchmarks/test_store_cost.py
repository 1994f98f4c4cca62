"""A row that cannot be lost costs next to nothing: ratios to plain h5py, measured side by side, and memory."""

import pytest
from store import long_run, medians

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_durable_row_costs_a_small_part_of_a_flushed_row_of_h5py_and_no_more_in_a_long_run() -> None:
    """At most 0.05 of h5py without the wire, 0.1 with four lines, and the same for 30 000 rows as for 3000."""
    costs = medians()
    h5py = costs["h5py, 10 columns, flushed"]
    assert costs["store, 3000 rows"] <= 0.05 * h5py
    assert costs["store, 3000 rows, 4 lines each"] <= 0.1 * h5py
    assert costs["store, 30000 rows"] <= 1.5 * costs["store, 3000 rows"]


def test_a_long_run_stays_small_and_its_end_takes_no_longer_than_a_few_times_its_rows() -> None:
    """1e5 rows and 4e5 lines of the wire: at most 120 MB in all."""
    found = long_run()
    assert found["peak, MB"] <= 120
    assert found["end, s"] <= 4 * found["rows, s"]
