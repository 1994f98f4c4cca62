"""Quenched barriers: the patches' anisotropy fields, and the energy that holds a patch in its state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from sim_instruments.physics.constants import K_B

#: The spread of anisotropy is cut at this many standard deviations (our choice).
SPREAD_LIMIT: Final = 3.0
#: Relative margin that makes a range found in closed form safely contain what element-wise arithmetic finds.
_MARGIN: Final = 1e-9


def draw_anisotropy(device_seed: int, n_patches: int, mu0_H_k: float, sigma_K: float) -> NDArray[np.float64]:
    """Return the anisotropy fields mu0 H_k,i = mu0 H_k (1 + sigma_K z_i) (T) at T_0, ascending, shape (N,).

    z_i are normal numbers clipped to +-3, from numpy's default generator seeded with `device_seed`. A normal
    barrier distribution follows Li et al., Chin. Phys. B 31, 117106 (2022). Patches are numbered from the
    weakest to the strongest (our choice; in a mean field a patch has no place).
    """
    z = np.random.default_rng(device_seed).standard_normal(n_patches)
    return np.sort(mu0_H_k * (1.0 + sigma_K * np.clip(z, -SPREAD_LIMIT, SPREAD_LIMIT)))


@dataclass(frozen=True, slots=True)
class BarrierScale:
    """What temperature and in-plane field make of every barrier.

    `energy_per_field` (1/T) is E_i/(k_B T) per tesla of mu0 H_k,i; `mu0_H_in` (T) the in-plane field over the
    thermal softening k; `nucleation` = eta k the nucleation field over H_k,i. H_k,i is always the value at T_0.
    Numbers, or arrays of shape (K, 1) for K scales at once, which makes (K, n) of n patches.
    """

    energy_per_field: float | NDArray[np.float64]
    mu0_H_in: float | NDArray[np.float64]
    nucleation: float | NDArray[np.float64]


def barrier_scale(
    T: float, softening: float, mu0_H_in: float, *, E_0: float, mu0_H_k_E_0: float, eta: float
) -> BarrierScale:
    """Return the scale of the barriers at T (K) with in-plane field `mu0_H_in` (T).

    E_i = E_0 k H_k,i/H_k(E_0) with E_0 in J for a patch of anisotropy field `mu0_H_k_E_0` (T), in units of k_B T;
    H_n,i = eta k H_k,i. Barriers raised by the anisotropy are in Li et al., Chin. Phys. B 31, 117106 (2022), who
    cite Wan et al., Appl. Phys. Lett. 118, 032407 (2021); proportionality is our choice.
    """
    return BarrierScale(
        energy_per_field=E_0 * softening / (mu0_H_k_E_0 * K_B * T),
        mu0_H_in=mu0_H_in / softening,
        nucleation=eta * softening,
    )


def barrier(
    mu0_H_k: NDArray[np.float64], scale: BarrierScale, favouring: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return E_i x_i^2 (units of k_B T) that holds a patch in a state which a field `favouring` (T) favours.

    x_i = max( max(1 - H_in/H_k,i, 0) + H/H_n,i , 0 ): Sharrock's barrier with exponent 2 (J. Appl. Phys. 76,
    6413 (1994)), lowered by the in-plane field as for a single moment, E (1 - H_in/H_k)^2.
    `mu0_H_k` in T at T_0, shape (n,); `favouring` a number, or of shape (n,) or (..., n).
    """
    held = np.maximum(mu0_H_k - scale.mu0_H_in, 0.0) + favouring / scale.nucleation  # x_i H_k,i
    return scale.energy_per_field * np.square(np.maximum(held, 0.0)) / mu0_H_k


def barrier_of_one(mu0_H_k: float, scale: BarrierScale, favouring: float) -> float:
    """Return `barrier` of one patch at one scale, with the same roundings: for a single number arrays are slow."""
    held = max(mu0_H_k - cast("float", scale.mu0_H_in), 0.0) + favouring / cast("float", scale.nucleation)
    held = max(held, 0.0)
    return cast("float", scale.energy_per_field) * (held * held) / mu0_H_k


def weakest_favouring(
    mu0_H_k: NDArray[np.float64], scale: BarrierScale, ceiling: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the field (T, along the state) above which a barrier exceeds `ceiling` (k_B T), shape of `ceiling`.

    `barrier` solved for the field: H_n,i [ sqrt(ceiling/E_i) - max(1 - H_in/H_k,i, 0) ]; a negative ceiling counts
    as 0.
    """
    favouring = np.maximum(ceiling, 0.0)
    favouring *= mu0_H_k
    favouring *= 1.0 / scale.energy_per_field
    np.sqrt(favouring, out=favouring)
    favouring -= np.maximum(mu0_H_k - scale.mu0_H_in, 0.0)
    favouring *= scale.nucleation
    return favouring


def strongest_within(
    scale: BarrierScale, favouring: float | NDArray[np.float64], ceiling: float | NDArray[np.float64]
) -> float:
    """Return an anisotropy field (T, at T_0) above which every barrier exceeds `ceiling` (units of k_B T, > 0).

    Of several scales at once, in each of them.

    With a = H_in - H/(eta k) and c = ceiling/(E per H_k), E x^2 <= ceiling reads (H_k - a)^2 <= c H_k, met up to
    H_k = a + c/2 + sqrt(c^2/4 + a c) and nowhere when the root is not real. Where a patch with H_k < H_in, which
    obeys another law, is within the ceiling, H_in lies between the two roots, so the limit holds for it too. A
    margin of 1e-9 absorbs rounding: the weaker patches contain all that can leave and perhaps a few that cannot.
    """
    a = scale.mu0_H_in - favouring / scale.nucleation
    c = ceiling / scale.energy_per_field
    discriminant = c * (0.25 * c + a)
    if isinstance(discriminant, np.ndarray):
        limits = np.where(discriminant >= 0.0, a + 0.5 * c + np.sqrt(np.maximum(discriminant, 0.0)), 0.0)
        limit = float(np.max(limits))
    else:
        limit = float(a + 0.5 * c + math.sqrt(discriminant)) if discriminant >= 0.0 else 0.0
    return limit * (1.0 + _MARGIN)
