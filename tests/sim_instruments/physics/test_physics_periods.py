"""Many periods at once: against period by period, against a constant drive, and where the two must differ."""

import math

import numpy as np
import pytest

from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.hysterons import leaving_probability
from sim_instruments.physics.sample import Sample, SampleParameters

Oe, mA, nm = 1e-4, 1e-3, 1e-9
UNCOUPLED = {"mu0_J_0": 0.0, "mu0_J_D": 0.0}


def device(seed=2, **overrides):
    return Sample(SampleParameters.for_thickness(2 * nm, **overrides), 1, ThermalDraws(seed))


def along_x(H_Oe):
    return (float(H_Oe) * Oe, 0.0, 0.0)


def sine(I_mA, frequency, n_steps=8):
    phases = 2 * np.pi * (np.arange(n_steps) + 0.5) / n_steps
    return [(float(I) * mA, 1 / (frequency * n_steps)) for I in I_mA * np.sin(phases)]


def chain(barriers_out, barriers_back, attempts, n):
    """The chance to have left after n periods of exact two-state steps, as a power of a 2 x 2 matrix."""
    period = np.eye(2)
    for out, back in zip(barriers_out, barriers_back, strict=True):
        r_out, r_back = math.exp(attempts - out), math.exp(attempts - back)
        moved = -math.expm1(-(r_out + r_back)) / (r_out + r_back)
        period = period @ np.array([[1 - r_out * moved, r_out * moved], [r_back * moved, 1 - r_back * moved]])
    return np.linalg.matrix_power(period, n)[0, 1]


@pytest.mark.parametrize("n", [1, 100, 10_000, 1_000_000])
def test_slow_switching_is_that_of_all_periods_one_after_the_other(n):
    """With 1e-4 events in a period the summed rates and the chain of steps agree to a few parts in 1e4."""
    out, back = np.array([25.0, 28.0, 40.0]), np.array([40.0, 27.0, 26.0])
    attempts = math.log(1e7)
    together = leaving_probability(
        attempts + math.log(n) * np.ones((3, 1)), np.array([out, back])[:, :, None]
    )
    assert together[0] == pytest.approx(chain(out, back, attempts, n), rel=5e-4)


def test_fast_switching_forgets_the_order_within_a_period():
    """Where both half-waves switch for certain the chain ends as its last step says, the sum half-way."""
    out, back = np.array([10.0, 60.0]), np.array([60.0, 10.0])
    attempts = math.log(1e7)
    together = leaving_probability(attempts * np.ones((2, 1)), np.array([out, back])[:, :, None])
    assert together[0] == pytest.approx(0.5)
    assert chain(out, back, attempts, 1) == pytest.approx(0.0, abs=1e-12)
    assert chain(back, out, attempts, 1) == pytest.approx(1.0, abs=1e-12)


def test_a_stretch_in_two_halves_is_one_stretch():
    """Chapman-Kolmogorov for the sums: exact in the probabilities, both ways counted."""
    barriers = np.array([[30.0, 33.0], [36.0, 31.0]])[:, :, None]
    attempts = np.full((2, 1), math.log(3e13))
    whole = leaving_probability(attempts + math.log(2), barriers)[0]
    out, back = leaving_probability(attempts, barriers)[0], leaving_probability(attempts, barriers[::-1])[0]
    assert whole == pytest.approx((1 - out) * out + out * (1 - back), rel=1e-12)


def test_the_film_switches_as_many_patches_as_period_by_period():
    """Without coupling 300 periods at once, in two parts and one by one, within five standard deviations."""
    wave, field = sine(11.0, 100.0), along_x(-500.0)
    shares = []
    for seed, parts in enumerate(((300,), (100, 200), (1,) * 300)):
        sample = device(seed, n_patches=16384, **UNCOUPLED)
        sample.saturate(-1)
        for n in parts:
            sample.advance_periods(wave, field, n)
        shares.append(np.mean(sample.up))
    stepped = device(9, n_patches=16384, **UNCOUPLED)
    stepped.saturate(-1)
    for _ in range(300):
        for current, dt in wave:
            stepped.advance(current, field, dt)
    assert 0.05 < shares[0] < 0.5
    sigma = math.sqrt(2 * 0.25 / 16384)
    assert shares[1:] == pytest.approx([shares[0]] * 2, abs=5 * sigma)
    # Here a tenth of the patches does switch to and fro within a period; the mean over the phases is the same.
    assert np.mean(stepped.up) == pytest.approx(shares[0], abs=0.06)


def test_the_weakest_patches_go_first_under_a_small_sine():
    """A few periods of 9 mA at -500 Oe switch some patches of a film that is down, the weak ones."""
    sample = device()
    sample.saturate(-1)
    assert sample.advance_periods(sine(9.0, 100.0), along_x(-500.0), 1000)
    assert 0.001 < np.mean(sample.up) < 0.2
    assert sample.mu0_H_k[sample.up].mean() < sample.mu0_H_k.mean()


def test_a_single_step_is_a_constant_drive():
    """n periods of one current are n dt of it, patch for patch; equal currents count together."""
    for wave in ([(12 * mA, 1e-3)], [(12 * mA, 4e-4), (12 * mA, 6e-4)], [(12 * mA, 1e-3), (-30 * mA, 0.0)]):
        one, other = device(), device()
        for sample in (one, other):
            sample.saturate(-1)
        assert one.advance(12 * mA, along_x(-500.0), 0.1)
        assert other.advance_periods(wave, along_x(-500.0), 100)
        np.testing.assert_array_equal(one.up, other.up)


def test_the_order_of_the_steps_does_not_matter():
    """A sine begun at any phase leaves the same patches."""
    wave = sine(14.0, 100.0)
    films = [device() for _ in range(2)]
    films[0].advance_periods(wave, along_x(400.0), 500)
    films[1].advance_periods(wave[3:] + wave[:3], along_x(400.0), 500)
    assert np.mean(films[0].up) < 0.99
    assert np.mean(films[0].up != films[1].up) < 1e-3


def test_a_stretch_counts_one_step_and_a_quiet_one_none():
    """Whatever the number of periods; at 4 mA along x nothing of a lock-in's sine is ever drawn."""
    sample = device()
    assert not sample.advance_periods(sine(4.0, 1000.0), along_x(200.0), 1e6)
    assert sample.steps == 0
    for n in (1, 1e6):
        before = sample.steps
        sample.advance_periods(sine(16.0, 1000.0), along_x(500.0), n)
        assert sample.steps == before + 1


def test_a_large_sine_without_other_fields_leaves_the_film_as_it_is_on_average():
    """40 mA along 500 Oe drives every patch both ways in each period: as many up as down."""
    sample = device()
    sample.advance_periods(sine(40.0, 100.0), along_x(500.0), 1000)
    assert sample.m_z == pytest.approx(0.0, abs=5 / math.sqrt(4096) + 0.02)


@pytest.mark.parametrize("wave", [[], [(40 * mA, 0.0)], sine(40.0, 100.0)])
def test_no_time_no_switching(wave):
    """Neither without periods nor in periods without duration."""
    sample = device()
    assert not sample.advance_periods(wave, along_x(500.0), 0 if len(wave) > 1 else 10)
    assert (sample.m_z, sample.steps) == (1.0, 0)


@pytest.mark.parametrize(
    ("wave", "n"),
    [
        ([(1 * mA, 1e-3)], 0.5),
        ([(1 * mA, 1e-3)], -1),
        ([(1 * mA, 1e-3)], math.inf),
        ([(1 * mA, 1e-3)], math.nan),
        ([(1 * mA, -1e-3)], 1),
        ([(1 * mA, math.inf)], 1),
        ([(math.nan, 1e-3)], 1),
    ],
)
def test_periods_are_whole_and_drives_finite(wave, n):
    """What cannot be is refused before anything changes."""
    sample = device()
    with pytest.raises(ValueError, match=r"finite|forwards|whole"):
        sample.advance_periods(wave, along_x(100.0), n)
    assert (sample.m_z, sample.steps) == (1.0, 0)
