"""The virtual clock: order of events, cancelling, and what waiting means."""

from __future__ import annotations

import math

import pytest

from sim_instruments.clock import VirtualClock


def test_time_passes_only_when_somebody_waits() -> None:
    """The clock starts at 0 s."""
    clock = VirtualClock()
    assert clock.now() == 0.0
    clock.wait(2.5)
    clock.wait(0.0)
    assert clock.now() == 2.5


@pytest.mark.parametrize("seconds", [-1e-9, math.nan, -math.inf])
def test_a_wait_must_not_go_backwards(seconds: float) -> None:
    """Negative and NaN raise ValueError; the clock stays."""
    clock = VirtualClock()
    with pytest.raises(ValueError, match="at least 0 s"):
        clock.wait(seconds)
    assert clock.now() == 0.0


def test_events_happen_in_the_order_of_their_times_and_at_their_times() -> None:
    """Equal times: first come, first served."""
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []
    for name, time in [("c", 3.0), ("a", 1.0), ("b1", 2.0), ("b2", 2.0), ("late", 9.0)]:
        clock.at(time, lambda name=name: seen.append((name, clock.now())))
    clock.wait(5.0)
    assert seen == [("a", 1.0), ("b1", 2.0), ("b2", 2.0), ("c", 3.0)]
    assert clock.now() == 5.0


def test_an_event_may_schedule_another_within_the_same_wait() -> None:
    """A chain of events runs through as far as the wait goes."""
    clock = VirtualClock()
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(clock.now())
        clock.after(1.0, tick)

    clock.after(1.0, tick)
    clock.wait(3.5)
    assert ticks == [1.0, 2.0, 3.0]


def test_a_cancelled_event_does_not_happen() -> None:
    """Cancelling twice, or after the event, is harmless."""
    clock = VirtualClock()
    seen: list[int] = []
    event = clock.at(1.0, lambda: seen.append(1))
    kept = clock.at(2.0, lambda: seen.append(2))
    event.cancel()
    event.cancel()
    clock.wait(3.0)
    kept.cancel()
    assert seen == [2]


def test_an_event_in_the_past_happens_at_the_next_wait_without_turning_the_clock_back() -> None:
    """It sees the present time."""
    clock = VirtualClock()
    clock.wait(5.0)
    seen: list[float] = []
    clock.at(1.0, lambda: seen.append(clock.now()))
    clock.wait(0.0)
    assert seen == [5.0]


def test_one_event_at_a_time_can_be_let_happen() -> None:
    """`run_next` stops the clock at the event, and says whether there was one within the limit."""
    clock = VirtualClock()
    seen: list[float] = []
    clock.at(1.0, lambda: seen.append(clock.now()))
    clock.at(2.0, lambda: seen.append(clock.now()))
    assert clock.run_next(1.5)
    assert (seen, clock.now()) == ([1.0], 1.0)
    assert not clock.run_next(1.5)
    assert clock.now() == 1.0


def test_the_past_is_left_alone() -> None:
    """Running until a time that is over changes nothing."""
    clock = VirtualClock()
    clock.wait(2.0)
    clock.run_until(1.0)
    assert clock.now() == 2.0
