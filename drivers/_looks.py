"""Looking at an instrument until it is as it must be: again and again up to a deadline, and once more after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers._wire import Clock


def looks(clock: Clock, deadline: float, pause: float) -> Iterator[bool]:
    """Yield for each look whether it is the last one; `pause` seconds lie between two of them.

    The last begins after `deadline` (s on the clock): on a busy computer an answer itself may come that late, and
    what it says was true when it was asked for.
    """
    is_last = False
    while True:
        yield is_last
        is_last = clock.now() >= deadline
        clock.wait(pause)
