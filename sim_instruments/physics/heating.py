"""Joule heating of the bar: quasi-static temperature over current, and what it leaves of the anisotropy."""

from __future__ import annotations

from typing import Final

#: Least share of the anisotropy that the model keeps. At and above the Curie temperature the share would be zero
#: or negative; with this floor every barrier is far below k_B T, and the film (uncoupled there) is left disordered,
#: or ordered along the field that acted on it, as by cooling through T_c (our choice).
_LEAST_SOFTENING: Final = 1e-3


def temperature(current: float, T_0: float, kappa: float) -> float:
    """Return the film's temperature (K) while `current` (A) flows: T = T_0 + kappa I^2, kappa in K/A^2.

    Instantaneous: an oxide of 100-300 nm settles within about 0.1 us, short against the pulses of 1 us and more
    that are studied here. The law is our choice, standard for a current-heated bar on an oxidised wafer; that
    heating decides the switching current is reported for CoTb by Pham et al., arXiv:1711.10790.
    """
    return T_0 + kappa * current * current


def softening(T: float, T_0: float, T_c: float) -> float:
    """Return the anisotropy at temperature T over that at T_0: k = (T_c - T)/(T_c - T_0), at least 0.001.

    Temperatures in K. One linear law for the anisotropy field, the nucleation field and the barrier (our choice).
    """
    return max((T_c - T) / (T_c - T_0), _LEAST_SOFTENING)
