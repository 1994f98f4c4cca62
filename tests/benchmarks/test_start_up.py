"""Nobody waits for labctl to start: ratios to a bare interpreter, measured side by side."""

import pytest
from start_up import medians

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_help_and_protocols_start_within_their_share_of_interpreter_starts() -> None:
    """--help within 10 bare interpreter starts, protocols within 25: nothing heavy is imported early."""
    seconds = medians(rounds=7)
    bare = seconds["bare interpreter"]
    assert seconds["labctl --help"] <= 10 * bare
    assert seconds["labctl protocols"] <= 25 * bare
