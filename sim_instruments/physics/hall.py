"""Hall readout: where the moments lie in a field, and the transverse resistance they give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def tilt(mu0_H_k: NDArray[np.float64], mu0_H_in: float, mu0_H_along: float) -> NDArray[np.float64]:
    """Return sin^2(theta) of moments pulled aside by an in-plane field, 0 ... 1, shape of `mu0_H_k`.

    sin(theta) = H_in/(H_k + H_along), all in T, `mu0_H_along` the z field taken along the moment; 1 where the
    in-plane field wins. Equilibrium of 1/2 H_k sin^2(theta) - H_in sin(theta) - H_along cos(theta) to first
    order in H_along (our derivation).
    """
    if mu0_H_in == 0.0:
        return np.zeros_like(mu0_H_k)
    stiffness = np.maximum(mu0_H_k + mu0_H_along, mu0_H_in)
    return np.square(mu0_H_in / stiffness)


def sin_2phi(mu0_H_x: float, mu0_H_y: float) -> float:
    """Return sin(2 phi) = 2 H_x H_y/(H_x^2 + H_y^2) of the in-plane field's angle; 0 without a field."""
    square = mu0_H_x * mu0_H_x + mu0_H_y * mu0_H_y
    return 2.0 * mu0_H_x * mu0_H_y / square if square > 0.0 else 0.0


def patch_resistance(
    sign: int, sin2_theta: NDArray[np.float64], sin_2phi: float, R_AHE: float, R_PHE: float
) -> NDArray[np.float64]:
    """Return R = R_AHE cos(theta) + R_PHE sin^2(theta) sin(2 phi) (ohm) of patches magnetized along `sign`.

    Garello et al., Nat. Nanotechnol. 8, 587 (2013); Hayashi et al., Phys. Rev. B 89, 144425 (2014), who write
    half of the loop's height for R_AHE.
    """
    return sign * R_AHE * np.sqrt(1.0 - sin2_theta) + R_PHE * sin_2phi * sin2_theta


def transverse_resistance(m: NDArray[np.float64], R_AHE: float, R_PHE: float) -> NDArray[np.float64]:
    """Return R = R_AHE m_z + 2 R_PHE m_x m_y (ohm) of unit vectors m, shape (3, ...); as `patch_resistance`."""
    return R_AHE * m[2] + 2.0 * R_PHE * m[0] * m[1]
