"""Where one moment comes to rest under anisotropy, field and the torques of a current."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Last step (rad) of the iteration; what is left after it is about its square.
_LAST_STEP: Final = 1e-7
#: Longest step (rad), our choice: a moment that has to turn over goes there in several.
_LONGEST_STEP: Final = 0.3
#: Stiffness over H_k that is left to a moment at the point of turning over.
_LEAST_STIFFNESS: Final = 1e-9
#: Least m_z^2 for which a start is worked out (our choice).
_TILTED: Final = 0.1
#: Steps after which a moment is taken where it is (our choice): beyond the last equilibrium there is none to find.
_MOST_STEPS: Final = 200


def rest(
    mu0_H_k: Floats,
    sign: Floats,
    mu0_H: tuple[float, float, float],
    mu0_H_DL: Floats,
    mu0_H_FL: Floats,
    polarity: int,
) -> Floats:
    """Return the unit vectors m of moments at rest, shape (3, ...), the shape of the arrays broadcast together.

    m is parallel to H + H_k m_z z + c H_DL (m x y) + H_FL y, all mu0 H in T, with x along the current, z along
    the normal and c = `polarity`: with c = -1 a positive H_DL adds H_DL m_z along x and -H_DL m_x along z, so that
    H_DL H_x < 0 favours +z, as it does for the walls (`spin_orbit_torque.switching_field`). Of the damping-like
    and field-like torque as in Garello et al., Nat. Nanotechnol. 8, 587 (2013), and Hayashi et al., Phys. Rev. B
    89, 144425 (2014). `sign` +-1 is the side of z where a moment starts; where it has no rest there (|H_z| > H_k
    against it, or beyond the fold of K.-S. Lee et al., Appl. Phys. Lett. 102, 112410 (2013)) it turns over.

    Newton's method on the sphere, to about 1e-12 except at a fold itself. Where the energy is not convex its least
    curvature is turned over, so that a step goes towards the field, as a damped moment does.
    """
    torque = polarity * mu0_H_DL
    along_y = mu0_H[1] + mu0_H_FL
    x, y, z = _start(mu0_H_k, sign, mu0_H, torque, along_y)
    for _ in range(_MOST_STEPS):
        # Two tangents a and b with a x b = m (Duff et al., J. Comput. Graph. Tech. 6 (1), 1 (2017)).
        side = np.copysign(1.0, z)
        q = -1.0 / (side + z)
        b_x = x * y * q
        a_x, a_y, a_z = 1.0 + side * x * x * q, side * b_x, -side * x
        b_y, b_z = side + y * y * q, -y
        h_x = mu0_H[0] - torque * z
        h_z = mu0_H[2] + torque * x + mu0_H_k * z
        pull = x * h_x + y * along_y + z * h_z
        pull_a = a_x * h_x + a_y * along_y + a_z * h_z
        pull_b = b_x * h_x + b_y * along_y + b_z * h_z
        # How the pulls answer to small turns: -(stiff_a, both + twist; both - twist, stiff_b).
        k_a, twist = mu0_H_k * a_z, torque * y
        stiff_a, stiff_b = pull - k_a * a_z, pull - mu0_H_k * b_z * b_z
        a_by_b, b_by_a = -k_a * b_z - twist, -k_a * b_z + twist
        determinant = stiff_a * stiff_b - a_by_b * b_by_a
        convex = (determinant > 0.0) & (stiff_a + stiff_b > 0.0)
        if not convex.all():  # with the least stiffness turned over, it is a step along the pull
            least = 0.5 * (stiff_a + stiff_b) - np.hypot(0.5 * (stiff_a - stiff_b), k_a * b_z)
            stiffer = np.where(convex, 0.0, _LEAST_STIFFNESS * mu0_H_k - 2.0 * least)
            stiff_a, stiff_b = stiff_a + stiffer, stiff_b + stiffer
            determinant = stiff_a * stiff_b - a_by_b * b_by_a
        turn_a = (stiff_b * pull_a - a_by_b * pull_b) / determinant
        turn_b = (stiff_a * pull_b - b_by_a * pull_a) / determinant
        longest = max(float(np.abs(turn_a).max()), float(np.abs(turn_b).max()))
        if longest > _LONGEST_STEP:
            shorter = _LONGEST_STEP / np.maximum(np.hypot(turn_a, turn_b), _LONGEST_STEP)
            turn_a, turn_b = shorter * turn_a, shorter * turn_b
        x = x + a_x * turn_a + b_x * turn_b
        y = y + a_y * turn_a + b_y * turn_b
        z = z + a_z * turn_a + b_z * turn_b
        length = np.sqrt(1.0 + turn_a * turn_a + turn_b * turn_b)
        x, y, z = x / length, y / length, z / length
        if longest < _LAST_STEP:
            break
    m = np.array(np.broadcast_arrays(x, y, z))
    return m / np.sqrt(np.square(m).sum(axis=0))


def _start(
    mu0_H_k: Floats, sign: Floats, mu0_H: tuple[float, float, float], torque: Floats, along_y: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return x, y and z of m to first order in H_z and the torques; only roughly for a moment near the plane."""
    sign = np.where(mu0_H_k + sign * mu0_H[2] > 0.0, sign, -sign)
    in_plane = mu0_H[0] * mu0_H[0] + mu0_H[1] * mu0_H[1]
    z = sign * np.sqrt(np.maximum(1.0 - in_plane / (mu0_H_k * mu0_H_k), _TILTED))
    h_x = mu0_H[0] - torque * z
    in_plane = h_x * h_x + along_y * along_y
    stiffness = mu0_H_k + (mu0_H[2] + torque * mu0_H[0] / mu0_H_k) / z
    stiffness = np.maximum(stiffness, np.sqrt(in_plane))
    z = sign * np.sqrt(np.maximum(1.0 - in_plane / (stiffness * stiffness), 0.0))
    return h_x / stiffness, along_y / stiffness, z
