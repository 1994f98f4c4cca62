"""What a current adds to the Hall voltage of the film: moments turned by its torques, and its heat flowing off."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim_instruments.physics.hall import transverse_resistance
from sim_instruments.physics.macrospin import rest
from sim_instruments.physics.parameters import SampleParameters
from sim_instruments.physics.spin_orbit_torque import current_density, damping_like_field

Floats = NDArray[np.float64]

#: Groups of equally many patches, alike in anisotropy, that are turned as one moment each (our choice).
MOST_GROUPS: Final = 16
_SIGNS: Final = np.array([[1.0], [-1.0]])


class Ensemble:
    """The patches in groups of similar anisotropy, each group with a moment for those up and one for those down.

    `mu0_H_k` (T, ascending, shape (N,)) are the patches' anisotropy fields at T_0: a reading heats nothing (our
    choice). A group has the mean H_k^-2 of its patches, with which the response to small fields and torques goes.
    """

    def __init__(self, mu0_H_k: Floats, parameters: SampleParameters) -> None:
        self._parameters = parameters
        n = mu0_H_k.size
        groups = min(MOST_GROUPS, n)
        self._first = np.arange(groups) * n // groups
        self._sizes = np.diff(self._first, append=n)
        self._mu0_H_k = (np.add.reduceat(mu0_H_k**-2, self._first) / self._sizes) ** -0.5

    def shares(self, up: NDArray[np.bool_]) -> Floats:
        """Return the share of all patches in each moment, shape (2 G,): the groups' patches up, then those down."""
        n_up = np.add.reduceat(up, self._first, dtype=np.intp)
        return np.concatenate([n_up, self._sizes - n_up]) / up.size

    def added_voltages(self, currents: Floats, mu0_H: tuple[float, float, float]) -> Floats:
        """Return what each `current` (A, shape (n,)) adds to I R_xy(0) in a field (T), in V, shape (n, 2 G).

        The columns are the moments of `shares`. A moment adds I [R(I) - R(0)] + I^2 (R_gradT_z m_x + R_gradT_x m_z)
        with R(I) = R_AHE m_z + 2 R_PHE m_x m_y in its equilibrium under the torques of I: the anomalous Nernst
        effect of the heat that flows off along z and x, V along z x m and x x m (Avci et al., Phys. Rev. B 90,
        224427 (2014)).
        """
        p = self._parameters
        with_none = np.concatenate([[0.0], currents])[:, None, None]
        mu0_H_DL = damping_like_field(current_density(with_none, p.area), p.mu0_H_DL_per_J)
        m = rest(self._mu0_H_k, _SIGNS, mu0_H, mu0_H_DL, p.r_FL * mu0_H_DL, p.polarity)
        R = transverse_resistance(m, p.R_AHE, p.R_PHE)
        I = with_none[1:]
        added = I * (R[1:] - R[0]) + I * I * (p.R_gradT_z * m[0, 1:] + p.R_gradT_x * m[2, 1:])
        return added.reshape(currents.size, -1)
