"""Thermal draws: SplitMix64 by counter, the same numbers however few are asked for."""

import numpy as np
import pytest
import reference

from sim_instruments.physics.draws import GAMMA, SMALLEST_DRAW, ThermalDraws, mix64


def test_the_generator_is_splitmix64():
    """Seeded with 1234567 it starts with the five numbers of the published test of SplitMix64."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert [mix64((1234567 + i * GAMMA) % 2**64) for i in range(1, 6)] == published


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("step", [0, 3, 10**12])
def test_numbers_follow_the_rule(seed, step):
    """Each number is the one that plain integer arithmetic gives for its seed, step and patch."""
    drawn = ThermalDraws(seed).uniform(step, np.arange(5), 100)
    assert drawn.tolist() == [reference.uniform(seed, step, i, 100) for i in range(5)]


def test_a_part_of_the_patches_gets_the_same_numbers_as_in_a_draw_of_all():
    """A number belongs to its step and patch, not to the order or the amount of drawing."""
    everything = ThermalDraws(9).uniform(4, np.arange(1000), 1000)
    some = np.array([999, 3, 500])
    late = ThermalDraws(9)
    late.uniform(7, np.arange(10), 1000)
    np.testing.assert_array_equal(late.uniform(4, some, 1000), everything[some])


def test_steps_seeds_and_film_sizes_give_different_numbers():
    """No two steps, seeds or patches share their numbers."""
    draws, every = ThermalDraws(1), np.arange(1000)
    sets = [
        draws.uniform(0, every, 1000),
        draws.uniform(1, every, 1000),
        ThermalDraws(2).uniform(0, every, 1000),
    ]
    assert np.unique(np.concatenate(sets)).size == 3000


def test_numbers_are_uniform_and_never_0_or_1():
    """A million numbers fill [2^-53, 1 - 2^-53] evenly: mean, variance and the share of each hundredth."""
    draws = ThermalDraws(3)
    u = np.concatenate([draws.uniform(step, np.arange(10_000), 10_000) for step in range(100)])
    assert SMALLEST_DRAW <= u.min() < 1e-5
    assert 1.0 - 1e-5 < u.max() <= 1.0 - SMALLEST_DRAW
    assert u.mean() == pytest.approx(0.5, abs=5 * 12**-0.5 / 1000)
    counts = np.histogram(u, bins=100, range=(0.0, 1.0))[0]
    assert np.sum((counts - 10_000) ** 2 / 10_000) == pytest.approx(99, abs=5 * np.sqrt(2 * 99))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed):
    """Seeds are 64-bit; another would silently be another run's."""
    with pytest.raises(ValueError, match="thermal seed"):
        ThermalDraws(seed)
