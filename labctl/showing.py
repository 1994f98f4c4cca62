"""Showing how far a run has come, without being able to touch it."""

from __future__ import annotations

from collections.abc import Callable


def harmless(advance: Callable[[int], None], warn: Callable[[str], None]) -> Callable[[int], None]:
    """Return `advance` (told the number of rows) as it cannot fail: what it raises is warned of once.

    After that nothing is shown any more.
    """
    is_shown = True

    def shown(rows: int) -> None:
        nonlocal is_shown
        if not is_shown:
            return
        try:
            advance(rows)
        except Exception as error:  # a terminal that is gone, or a bug of the bar: the run goes on
            is_shown = False
            warn(f"the rows so far could not be shown: {type(error).__name__}: {error}")

    return shown
