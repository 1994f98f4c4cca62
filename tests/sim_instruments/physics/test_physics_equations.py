"""Single equations against numbers worked out by hand or read in the literature."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_instruments.physics import barriers, hall, heating, hysterons, spin_orbit_torque
from sim_instruments.physics.coupling import MeanField

Oe, mA = 1e-4, 1e-3
SOME_SCALE = barriers.BarrierScale(energy_per_field=3000.0, mu0_H_in=0.05, nucleation=0.1)


def test_a_milliampere_gives_2_232_oersted_of_damping_like_field():
    """25 Oe per 1e7 A/cm2, averaged over 10 um x 11.2 nm; 28 mA are 2.50e7 A/cm2 and 62.5 Oe."""
    J = spin_orbit_torque.current_density(28 * mA, 10e-6 * 11.2e-9)
    assert pytest.approx(2.5e11) == J
    assert spin_orbit_torque.damping_like_field(J, 2.5e-14) / Oe == pytest.approx(62.5)
    assert spin_orbit_torque.damping_like_field(J / 28, 2.5e-14) / Oe == pytest.approx(2.232, abs=5e-4)


def test_the_torque_on_a_wall_follows_the_signs_of_current_and_in_plane_field():
    """pi/2 of the damping-like field for aligned walls, 1/sqrt(2) of it at H_x = H_D, zero without H_x."""
    aligned = [spin_orbit_torque.wall_alignment(H_x * Oe, 100 * Oe) for H_x in (0, 100, -100, 1e6)]
    assert aligned == pytest.approx([0.0, 0.5**0.5, -(0.5**0.5), 1.0], abs=1e-6)
    assert spin_orbit_torque.wall_alignment(0.0, 0.0) == 0.0
    assert spin_orbit_torque.switching_field(10 * Oe, 0.5, math.pi / 2, -1) / Oe == pytest.approx(
        -7.854, abs=1e-3
    )


def test_the_bar_warms_by_78_kelvin_at_28_milliampere():
    """0.10 K/mA2 over 300 K, either direction of the current."""
    assert heating.temperature(28 * mA, 300.0, 1e5) == pytest.approx(378.4)
    assert heating.temperature(-28 * mA, 300.0, 1e5) == pytest.approx(378.4)


def test_anisotropy_falls_to_almost_nothing_at_the_curie_temperature():
    """Linear from 1 at T_0 to 0 at T_c, where a floor of 0.001 takes over."""
    assert heating.softening(300.0, 300.0, 620.0) == 1.0
    assert heating.softening(460.0, 300.0, 620.0) == pytest.approx(0.5)
    assert heating.softening(620.0, 300.0, 620.0) == heating.softening(2000.0, 300.0, 620.0) == 0.001


@pytest.mark.parametrize(
    ("b", "share"), [(0.0, 1.0), (0.1, 0.8479), (0.5, 0.3424), (0.64, 0.2075), (1.0, 0.0)]
)
def test_an_in_plane_field_takes_the_energy_out_of_the_walls(b, share):
    """The wall's energy falls to .848, .342, .21 of its value at b = .1, .5, .64."""
    assert MeanField(40 * Oe, 0.0).strength(b) / (40 * Oe) == pytest.approx(share, abs=1e-4)


def test_stray_fields_oppose_the_walls():
    """At b = 0 the coupling is J_0 - J_D; in-plane magnetization has neither."""
    film = MeanField(10 * Oe, 6 * Oe)
    assert film.strength(0.0) == pytest.approx(4 * Oe)
    assert film.strength(0.5) < 0
    assert film.strength(1.0) == pytest.approx(0.0)


def test_the_mean_field_follows_the_mean_magnetization():
    """J m: three of four patches up are m = 1/2."""
    assert MeanField(1.0, 0.0).field(8 * Oe, np.array([True, True, True, False])) == pytest.approx(4 * Oe)


def test_a_barrier_vanishes_at_the_nucleation_field_and_falls_quadratically_before():
    """E (1 - H/H_n)^2 without in-plane field, E (1 - H_in/H_k)^2 without other field."""
    H_k = np.array([0.2])
    scale = barriers.barrier_scale(300.0, 1.0, 0.0, E_0=600 * 1.380649e-23 * 300, mu0_H_k_E_0=0.2, eta=0.1)
    heights = [barriers.barrier(H_k, scale, -share * 0.02)[0] for share in (0.0, 0.5, 1.0, 2.0, -1.0)]
    assert heights == pytest.approx([600.0, 150.0, 0.0, 0.0, 2400.0], abs=1e-9)
    tilted = barriers.barrier_scale(300.0, 1.0, 0.05, E_0=600 * 1.380649e-23 * 300, mu0_H_k_E_0=0.2, eta=0.1)
    assert barriers.barrier(H_k, tilted, 0.0)[0] == pytest.approx(600 * 0.75**2)


@given(st.floats(1e-3, 1.0), st.floats(-0.5, 0.5), st.floats(0.0, 0.5))
def test_the_barrier_of_one_patch_is_that_of_many_to_the_last_bit(mu0_H_k, favouring, mu0_H_in):
    """A single number takes a shorter way to the same value."""
    scale = barriers.barrier_scale(312.0, 0.96, mu0_H_in, E_0=2.4e-18, mu0_H_k_E_0=0.2, eta=0.1)
    (of_many,) = barriers.barrier(np.array([mu0_H_k]), scale, favouring)
    assert barriers.barrier_of_one(mu0_H_k, scale, favouring) == of_many


def test_heat_lowers_the_barriers_twice():
    """At 460 K the anisotropy has halved and k_B T grown by 460/300."""
    E_0 = 600 * 1.380649e-23 * 300
    scale = barriers.barrier_scale(460.0, 0.5, 0.0, E_0=E_0, mu0_H_k_E_0=0.2, eta=0.1)
    assert barriers.barrier(np.array([0.2]), scale, 0.0)[0] == pytest.approx(600 * 0.5 * 300 / 460)
    assert barriers.barrier(np.array([0.2]), scale, -0.01)[0] == pytest.approx(0.0, abs=1e-9)


@given(st.floats(-0.08, 0.08), st.floats(0.1, 100.0), st.sampled_from([0.0, 0.05, 0.14]))
def test_no_loose_patch_is_stronger_than_the_closed_form_says(favouring, ceiling, mu0_H_in):
    """Every anisotropy field above the limit has a barrier above the ceiling."""
    scale = barriers.BarrierScale(3000.0, mu0_H_in, 0.1)
    H_k = np.linspace(0.05, 0.4, 2001)
    within = H_k[barriers.barrier(H_k, scale, favouring) <= ceiling]
    assert np.all(within <= barriers.strongest_within(scale, favouring, ceiling))


@given(st.floats(0.01, 100.0))
def test_the_weakest_favouring_field_gives_back_its_barrier(ceiling):
    """Solving the barrier for the field and putting the field in again closes the circle."""
    H_k = np.linspace(0.1, 0.3, 7)
    favouring = barriers.weakest_favouring(H_k, SOME_SCALE, np.full(7, ceiling))
    np.testing.assert_allclose(barriers.barrier(H_k, SOME_SCALE, favouring), ceiling, rtol=1e-9)


def test_the_quenched_barriers_are_normal_clipped_and_sorted():
    """Mean and standard deviation of the spread, three sigma at most, ascending, one device per seed."""
    H_k = barriers.draw_anisotropy(1, 100_000, 0.2, 0.1)
    assert H_k.mean() == pytest.approx(0.2, abs=5 * 0.02 / 316)
    assert H_k.std() == pytest.approx(0.02, rel=0.015)
    assert H_k[0] == pytest.approx(0.14)
    assert H_k[-1] == pytest.approx(0.26)
    assert np.all(np.diff(H_k) >= 0)
    assert not np.array_equal(H_k, barriers.draw_anisotropy(2, 100_000, 0.2, 0.1))


@given(st.floats(-10.0, 40.0), st.floats(0.0, 60.0), st.floats(0.0, 60.0))
def test_two_halves_of_a_dwell_make_the_whole(attempts, barrier_up, barrier_down):
    """Chapman-Kolmogorov: the chance to be down after dt is that after dt/2, taken twice, both ways counted."""

    def leaving(attempts, out, back):
        return hysterons.leaving_probability(attempts, np.array([[out], [back]]))[0]

    half = attempts - math.log(2.0)
    down, up = leaving(half, barrier_up, barrier_down), leaving(half, barrier_down, barrier_up)
    twice = (1.0 - down) * down + down * (1.0 - up)
    assert leaving(attempts, barrier_up, barrier_down) == pytest.approx(twice, rel=1e-9, abs=1e-300)


def test_a_long_dwell_ends_in_the_boltzmann_distribution():
    """Barriers of 3 and 1 k_B T: the deeper state holds e^2 times as many."""
    p = hysterons.leaving_probability(hysterons.log_attempts(1.0, 1e-9), np.array([[3.0], [1.0]]))[0]
    assert (1 - p) / p == pytest.approx(math.e**2)


def test_a_short_dwell_is_the_rate_times_the_time():
    """Far below 1 the probability is dt/tau_0 exp(-E)."""
    p = hysterons.leaving_probability(hysterons.log_attempts(1e-3, 1e-9), np.array([[40.0], [80.0]]))[0]
    assert p == pytest.approx(1e6 * math.exp(-40), rel=1e-9)


def test_moments_lie_where_the_in_plane_field_pulls_them():
    """sin(theta) = H_in/(H_k + H_along), 1 where the field wins, 0 without it."""
    H_k = np.array([0.2, 0.1])
    np.testing.assert_allclose(hall.tilt(H_k, 0.1, 0.0), [0.25, 1.0])
    np.testing.assert_allclose(hall.tilt(H_k, 0.1, 0.05), [0.16, 4 / 9])
    np.testing.assert_allclose(hall.tilt(H_k, 0.1, -0.15), [1.0, 1.0])
    np.testing.assert_allclose(hall.tilt(H_k, 0.0, -0.3), [0.0, 0.0])


@pytest.mark.parametrize(("x", "y", "value"), [(1, 0, 0), (1, 1, 1), (0, 1, 0), (-1, 1, -1), (0, 0, 0)])
def test_the_planar_hall_effect_goes_with_twice_the_angle(x, y, value):
    """sin(2 phi) is +-1 on the diagonals and 0 on the axes."""
    assert hall.sin_2phi(x * 0.1, y * 0.1) == pytest.approx(value)


def test_a_patch_contributes_anomalous_and_planar_resistance():
    """R_AHE cos(theta) with the sign of the state, R_PHE sin^2(theta) sin(2 phi) without."""
    sin2 = np.array([0.75])
    assert hall.patch_resistance(1, sin2, 1.0, 0.4, 0.04)[0] == pytest.approx(0.23)
    assert hall.patch_resistance(-1, sin2, 1.0, 0.4, 0.04)[0] == pytest.approx(-0.17)
