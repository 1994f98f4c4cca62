"""Spikes: their shapes, the current of a pair, and curves brought to slots."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.spikes import SHAPES, pair, resampled
from protocols.spikes import spike as any_spike

#: A spike whose tail is as high as its head; the decay time of shape exponential is five slots.
spike = partial(any_spike, tail=1.0, n_tau=5.0)


def test_spike_1_is_a_head_and_a_tail_of_the_other_sign_that_falls_linearly():
    """Two slots of +1, then -7/8, -5/8, -3/8, -1/8: the line from -1 to 0 in the middle of each slot."""
    assert spike("1", 2, 4) == pytest.approx([1, 1, -0.875, -0.625, -0.375, -0.125])


def test_spike_2_falls_exponentially_and_ends_at_zero():
    """The defining formula at the middle of the first and the last of 160 slots, with 5 ms in a tail of 16 ms."""
    tail = spike("2", 20, 160)[20:]
    for k in (0, 80, 159):
        u = (k + 0.5) * 0.1
        g = (math.exp(-u / 5) - math.exp(-3.2)) / (1 - math.exp(-3.2))
        assert tail[k] == pytest.approx(-g)


def test_the_other_shapes():
    """A rectangle keeps its tail, a triangle's head rises, an exponential's head is its tail in reverse."""
    assert spike("rectangle", 2, 3) == [1, 1, -1, -1, -1]
    assert spike("triangle", 2, 4) == pytest.approx([0.25, 0.75, -0.875, -0.625, -0.375, -0.125])
    both = spike("exponential", 160, 160)
    assert both[:160] == pytest.approx([-current for current in both[:159:-1]])
    assert any_spike("exponential", 20, 160, tail=1.0, n_tau=50.0)[20:] == pytest.approx(
        spike("2", 20, 160)[20:]
    )


def test_an_exponential_of_long_decay_is_a_triangle_and_of_short_decay_nothing():
    """Both limits of the decay time are taken without loss."""
    slow = any_spike("exponential", 20, 160, tail=1.0, n_tau=1e9)
    assert slow == pytest.approx(spike("triangle", 20, 160), abs=1e-6)
    fast = any_spike("exponential", 1000, 10000, tail=1.0, n_tau=1.0)
    assert fast[999:1001] == pytest.approx([math.exp(-0.5), -math.exp(-0.5)])
    assert abs(fast[0]) + abs(fast[-1]) < 1e-100


@given(shape=st.sampled_from(SHAPES), tail=st.floats(0, 1), n_tau=st.floats(0.1, 1e4))
def test_no_named_spike_exceeds_its_head_and_the_tail_is_its_share(shape, tail, n_tau):
    """The head lies within 0 ... 1, the tail within -tail ... 0."""
    samples = any_spike(shape, 7, 30, tail=tail, n_tau=n_tau)
    assert all(0 <= sample <= 1 for sample in samples[:7])
    assert all(-tail <= sample <= 0 for sample in samples[7:])


def test_a_pair_is_pre_minus_post_and_ends_at_zero():
    """Post two slots after pre: its head lies on the beginning of pre's tail and is added to it."""
    a, b, c, d = 0.875, 0.625, 0.375, 0.125
    one = [1, 1, -a, -b, -c, -d]
    assert pair(one, one, 2) == pytest.approx([1, 1, -a - 1, -b - 1, a - c, b - d, c, d, 0])


def test_spikes_of_different_lengths_keep_their_beginnings_apart():
    """pre 1 2 3, post 10: at delays of 1, -2 and beyond the end of pre."""
    assert pair([1, 2, 3], [10], 1) == [1, -8, 3, 0]
    assert pair([1, 2, 3], [10], -2) == [-10, 0, 1, 2, 3, 0]
    assert pair([1, 2, 3], [10], 4) == [1, 2, 3, 0, -10, 0]


@given(shape=st.sampled_from(SHAPES), head=st.integers(1, 9), tail=st.integers(1, 30), n=st.integers(0, 50))
def test_exchanging_the_spikes_reverses_the_current_exactly(shape, head, tail, n):
    """A delay of -n drives minus the current of a delay of n, sample by sample; a delay of 0 none at all."""
    one = spike(shape, head, tail)
    forward, backward = pair(one, one, n), pair(one, one, -n)
    assert backward == [-current for current in forward]
    assert len(forward) == head + tail + n + 1
    if n == 0:
        assert not any(forward)


def test_a_curve_is_brought_to_the_mean_over_each_slot():
    """A ramp from 0 to 4 over four slots, starting anywhere: 0.5, 1.5, 2.5, 3.5; two points are enough."""
    assert resampled([10.0, 14.0], [0.0, 4.0], 1.0) == pytest.approx([0.5, 1.5, 2.5, 3.5])


def test_a_curve_that_ends_within_a_slot_is_zero_for_the_rest_of_it():
    """1 for one and a half slots: a whole and a half."""
    assert resampled([0.0, 1.5], [1.0, 1.0], 1.0) == pytest.approx([1.0, 0.5])
    assert resampled([0.0, 0.25], [1.0, 1.0], 1.0) == pytest.approx([0.25])


@given(st.lists(st.tuples(st.floats(0.01, 3), st.floats(-5, 5)), min_size=2, max_size=30))
def test_the_charge_of_any_curve_is_kept(steps):
    """The sum of the samples times the slot is the integral of the curve, however fine it is."""
    times = np.cumsum([step for step, _ in steps])
    values = [value for _, value in steps]
    samples = resampled(times.tolist(), values, 0.5)
    middles = (np.array(values[1:]) + values[:-1]) / 2
    assert 0.5 * sum(samples) == pytest.approx(middles @ np.diff(times), abs=1e-9)
