"""One moment at rest: the torque balance itself, limits worked out by hand, and the last equilibrium."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_instruments.physics.macrospin import rest

H_K = 0.148


def rest_of_one(H, H_DL=0.0, H_FL=0.0, sign=1, polarity=-1, H_k=H_K):
    """One moment in T: (m_x, m_y, m_z)."""
    one = np.array([1.0])
    return rest(H_k * one, sign * one, H, H_DL * one, H_FL * one, polarity)[:, 0]


def field_on(m, H, H_DL, H_FL, c, H_k=H_K):
    """H + H_k m_z z + c H_DL (m x y) + H_FL y, written with vectors."""
    y, z = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    return np.array(H) + H_k * m[2] * z + c * H_DL * np.cross(m, y) + H_FL * y


@given(
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
    st.floats(-0.01, 0.01),
    st.floats(-0.01, 0.01),
    st.sampled_from([1, -1]),
    st.sampled_from([1, -1]),
)
def test_a_moment_at_rest_lies_along_the_field_that_acts_on_it(H, H_DL, H_FL, sign, polarity):
    """Unit length, no torque to 1e-12, and along the field, not against it."""
    m = rest_of_one(H, H_DL, H_FL, sign, polarity)
    h = field_on(m, H, H_DL, H_FL, polarity)
    assert np.linalg.norm(m) == pytest.approx(1.0, abs=1e-15)
    assert np.linalg.norm(np.cross(m, h)) < 1e-12 * H_K
    assert m @ h >= 0.0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi / 2, 2.5])
def test_without_current_the_in_plane_field_tilts_by_its_share_of_the_anisotropy_field(sign, angle):
    """sin(theta) = H_in/H_k on either side of z; flat from H_k on."""
    along = np.array([math.cos(angle), math.sin(angle)])
    for b in (0.1, 0.5, 0.9):
        m = rest_of_one((*(b * H_K * along), 0.0), sign=sign)
        np.testing.assert_allclose(m, [*(b * along), sign * math.sqrt(1 - b * b)], atol=1e-12)
    np.testing.assert_allclose(rest_of_one((*(1.3 * H_K * along), 0.0), sign=sign), [*along, 0.0], atol=1e-12)


def test_a_field_beyond_the_anisotropy_field_turns_a_moment_over():
    """Against it no moment rests; just below it one does."""
    assert rest_of_one((0.0, 0.0, -1.01 * H_K))[2] == pytest.approx(-1.0)
    assert rest_of_one((0.0, 0.0, -0.99 * H_K))[2] == pytest.approx(1.0)
    assert rest_of_one((0.0, 0.0, 0.99 * H_K), sign=-1)[2] == pytest.approx(-1.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_small_torques_turn_the_moment_along_x_and_y(sign):
    """With c = -1: H_DL m_z along x and H_FL along y, each over H_k; the first changes its sign with m."""
    m = rest_of_one((0.0, 0.0, 0.0), H_DL=1e-3 * H_K, H_FL=2e-4 * H_K, sign=sign)
    np.testing.assert_allclose(m[:2], [sign * 1e-3, 2e-4], rtol=1e-5)
    turned = rest_of_one((0.0, 0.0, 0.0), H_DL=1e-3 * H_K, sign=sign, polarity=1)
    assert turned[0] == pytest.approx(-sign * 1e-3, rel=1e-5)


@pytest.mark.parametrize("b", [0.05, 0.1, 0.25, 0.5, 0.7])
def test_the_torque_turns_a_moment_over_at_the_fold_of_the_macrospin(b):
    """h_c = sqrt([8 + 20 b^2 - b^4 - b (8 + b^2)^1.5]/32), Lee et al., Appl. Phys. Lett. 102, 112410 (2013)."""
    h_c = math.sqrt((8 + 20 * b**2 - b**4 - b * (8 + b**2) ** 1.5) / 32)
    H = (b * H_K, 0.0, 0.0)
    assert rest_of_one(H, H_DL=0.9999 * h_c * H_K)[2] > 0.3
    assert rest_of_one(H, H_DL=1.0001 * h_c * H_K)[2] < -0.3
    assert rest_of_one(H, H_DL=-1.0001 * h_c * H_K)[2] > 0.3


def test_the_fold_has_the_published_values():
    """b = .25, .5, .7 turn over between .331 and .3325, .184 and .185, .0870 and .0874 of H_k."""
    for b, below, above in ((0.25, 0.331, 0.3325), (0.5, 0.184, 0.185), (0.7, 0.0870, 0.0874)):
        assert rest_of_one((b * H_K, 0.0, 0.0), H_DL=below * H_K)[2] > 0
        assert rest_of_one((b * H_K, 0.0, 0.0), H_DL=above * H_K)[2] < 0


@pytest.mark.parametrize(("H_x", "H_DL"), [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_a_moment_switches_to_the_side_the_walls_switch_to(H_x, H_DL):
    """Polarity -1: H_DL H_x < 0 favours +z, from either side; polarity +1 the opposite."""
    for polarity in (1, -1):
        for sign in (1, -1):
            H = (0.5 * H_x * H_K, 0.0, 0.0)
            m = rest_of_one(H, H_DL=0.25 * H_DL * H_K, sign=sign, polarity=polarity)
            assert np.sign(m[2]) == polarity * H_x * H_DL


def test_many_moments_are_those_of_each_alone():
    """Arrays of anisotropies, sides and torques broadcast; a neighbour that turns over disturbs nobody."""
    H_k, sign = np.linspace(0.08, 0.2, 7), np.array([[1.0], [-1.0]])
    H_DL = np.array([-0.004, 0.0, 0.004])[:, None, None]
    H = (0.095, 0.02, -0.01)
    m = rest(H_k, sign, H, H_DL, 0.2 * H_DL, -1)
    assert m.shape == (3, 3, 2, 7)
    for i in np.ndindex(3, 2, 7):
        D = float(H_DL[i[0], 0, 0])
        alone = rest_of_one(H, D, 0.2 * D, sign[i[1], 0], H_k=H_k[i[2]])
        np.testing.assert_allclose(m[(slice(None), *i)], alone, atol=1e-11)
