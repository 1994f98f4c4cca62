"""Set-points of a one-way sweep: both ends, multiples of the step between them, and a number known in advance."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.set_points import n_set_points, set_points


def test_a_sweep_holds_both_ends_and_the_multiples_between_them():
    """-5 to 30 in steps of 10: the multiples of 10, and -5 and 30 themselves."""
    assert set_points(-5.0, 30.0, 10.0) == [-5.0, 0.0, 10.0, 20.0, 30.0]


def test_an_end_that_is_no_multiple_makes_the_step_next_to_it_shorter():
    """From -3 to 4.5 in steps of 2."""
    assert set_points(-3.0, 4.5, 2.0) == [-3.0, -2.0, 0.0, 2.0, 4.0, 4.5]


def test_rounding_makes_no_second_point_at_an_end_and_zero_is_exact():
    """-0.7 to 0.7 mA in steps of 0.1 mA, none of which a float holds: 15 levels, the middle one 0."""
    levels = set_points(-0.7e-3, 0.7e-3, 0.1e-3)
    assert len(levels) == 15
    assert levels[7] == 0.0
    assert len(set_points(-3 * 0.1, 3 * 0.1, 0.1)) == 7  # 3 * 0.1 / 0.1 is above 3


def test_a_step_wider_than_the_sweep_leaves_the_ends_and_zero():
    """Nothing but what must be there."""
    assert set_points(-1.0, 2.0, 5.0) == [-1.0, 0.0, 2.0]
    assert set_points(1.0, 2.0, 5.0) == [1.0, 2.0]


@given(
    first=st.floats(-0.1, 0.0499),
    length=st.floats(1e-4, 0.1),
    divisor=st.one_of(st.integers(1, 300), st.floats(0.3, 300)),
)
def test_the_levels_ascend_from_end_to_end_and_are_as_many_as_announced(first, length, divisor):
    """No two are further apart than the step, no two are one, and n_set_points counts them."""
    step = length / divisor
    levels = set_points(first, first + length, step)
    assert len(levels) == n_set_points(first, first + length, step)
    assert (levels[0], levels[-1]) == (first, first + length)
    for low, high in pairwise(levels):
        assert 0 < high - low <= step * (1 + 1e-6)


@pytest.mark.parametrize("step", [1e-3, 2.5e-3])
def test_inner_levels_are_multiples_of_the_step(step):
    """Made by multiplication: the float nearest to k times the step."""
    assert set_points(-0.03, 0.03, step)[1:-1] == [
        k * step for k in range(round(-0.03 / step) + 1, round(0.03 / step))
    ]
