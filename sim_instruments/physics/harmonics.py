"""Harmonics of a voltage that follows an alternating current at once."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Least number of currents in half a period (our choice).
_LEAST_SAMPLES: Final = 16


def sine_samples(highest: int) -> NDArray[np.float64]:
    """Return sin(w t) at the times in half a period, from trough to crest, at which `phasors` wants the voltage.

    For the harmonics up to `highest`. Shape (M,), M = max(16, 2 `highest`).
    """
    return np.sin(_angles(max(_LEAST_SAMPLES, 2 * highest)))


def phasors(samples: NDArray[np.float64], highest: int) -> NDArray[np.complex128]:
    """Return c_1 ... c_highest (V rms) of V(t) = sqrt(2) Im sum_n c_n exp(i n w t), shape (highest, ...).

    `samples` (V, shape (M, ...)) are V at `sine_samples`. A voltage that follows I_0 sin(w t) at once is the same
    before and after a crest: its odd harmonics are sines (c_n real), its even ones cosines (c_n imaginary). The
    rule is that of Gauss and Chebyshev, exact for V(I) a polynomial of a degree below 2 M - n.
    """
    M = len(samples)
    angles = np.arange(1, highest + 1)[:, None] * _angles(M)
    shape = np.empty(angles.shape, dtype=np.complex128)
    shape[0::2] = np.sin(angles[0::2])
    shape[1::2] = 1j * np.cos(angles[1::2])
    return math.sqrt(2.0) / M * (shape @ samples)


def _angles(M: int) -> NDArray[np.float64]:
    return math.pi * ((np.arange(M) + 0.5) / M - 0.5)
