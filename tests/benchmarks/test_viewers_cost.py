"""Whoever looks at a run does not slow it down: processor time per row, side by side, medians of nine rounds."""

import pytest
from viewers import medians

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]


def test_a_row_costs_the_same_whoever_looks() -> None:
    """Within 5 % with a live view, with one and five followers that look ten times a second, or pages that do."""
    for name, cost in medians().items():
        assert cost["ratio"] <= 1.05, name
