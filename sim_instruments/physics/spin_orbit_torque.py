"""Spin-orbit torque: from the current in the bar to the effective field along z on a domain wall."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])


def current_density(current: Number, area: float) -> Number:
    """Return the stack-averaged current density J = I/(w d) (A/m^2): `current` in A, cross-section in m^2.

    Li et al., Chin. Phys. B 31, 117106 (2022), do not say which J their efficiency refers to; the average over
    the whole metal stack is our choice. Only the field per ampere acts on the film.
    """
    return current / area


def damping_like_field(J: Number, mu0_H_DL_per_J: float) -> Number:
    """Return the damping-like effective field mu0 H_DL = (mu0 H_DL / J) J (T): J in A/m^2, efficiency in T m^2/A.

    Li et al., Chin. Phys. B 31, 117106 (2022): 25 Oe per 1e7 A/cm^2.
    """
    return mu0_H_DL_per_J * J


def wall_alignment(mu0_H_x: float, mu0_H_D: float) -> float:
    """Return the mean <cos phi> = H_x/sqrt(H_x^2 + H_D^2) of the walls' moments along the current, -1 ... 1.

    Fields in T. H_D is the Dzyaloshinskii-Moriya field that H_x has to overcome (Pai et al., Phys. Rev. B 93,
    144409 (2016)); the smooth form is our choice. Without H_x the walls cancel: exactly 0.
    """
    if mu0_H_x == 0.0:
        return 0.0
    return mu0_H_x / math.hypot(mu0_H_x, mu0_H_D)


def switching_field(mu0_H_DL: float, alignment: float, beta: float, polarity: int) -> float:
    """Return the field along z that the torque amounts to: mu0 H_s = polarity beta mu0 H_DL <cos phi> (T).

    beta = pi/2 for a wall (Pai et al., Phys. Rev. B 93, 144409 (2016); O. J. Lee et al., arXiv:1312.7301).
    The sign of the current enters through H_DL; polarity -1 means that I H_x < 0 favours +z.
    """
    return polarity * beta * mu0_H_DL * alignment
