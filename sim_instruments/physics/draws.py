"""Thermal random numbers by counter: SplitMix64 of (seed, step number, patch), drawn for any subset of patches.

The rule is part of the model. With all arithmetic modulo 2^64,

    key        = mix64(seed + GAMMA)
    z(n, i)    = mix64(key + (n N + i + 1) GAMMA)        step n = 0, 1, ..., patch i = 0 ... N-1
    u(n, i)    = (k + 1/2) 2^-52                         k = the top 52 bits of z

so a number belongs to its step and its patch and not to the order of drawing: a part of the patches gets the
same numbers as if all had been drawn. With 52 bits both u and 1 - u are exact in double precision and lie
in [2^-53, 1 - 2^-53]: a probability below 2^-53 can never be met, and leaving such patches out changes nothing.

Source: SplitMix64 of Steele, Lea and Flood, Proc. OOPSLA 2014, p. 453 (doi 10.1145/2660193.2660195); GAMMA and
the multipliers of mix64 are the variant that they call Mix13. Using it by counter is our choice.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

GAMMA: Final = 0x9E3779B97F4A7C15
_MULTIPLIER_1: Final = 0xBF58476D1CE4E5B9
_MULTIPLIER_2: Final = 0x94D049BB133111EB
_MASK: Final = (1 << 64) - 1
_FIRST_BITS: Final = 52

#: The smallest number that can be drawn: no event less likely than this ever happens.
SMALLEST_DRAW: Final = 2.0 ** -(_FIRST_BITS + 1)

#: The bits of the double 1.0.
_ONE: Final = np.uint64(0x3FF << _FIRST_BITS)

# Made once: numpy needs as long to make an integer of its own as to mix a thousand.
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)
_FACTOR_1, _FACTOR_2 = np.uint64(_MULTIPLIER_1), np.uint64(_MULTIPLIER_2)
_OTHER_BITS: Final = np.uint64(64 - _FIRST_BITS)


def mix64(z: int) -> int:
    """Scramble a 64-bit integer (variant Mix13 of SplitMix64)."""
    z = ((z ^ (z >> 30)) * _MULTIPLIER_1) & _MASK
    z = ((z ^ (z >> 27)) * _MULTIPLIER_2) & _MASK
    return z ^ (z >> 31)


def _mix64_in_place(z: NDArray[np.uint64]) -> None:
    shifted = z >> _30
    z ^= shifted
    z *= _FACTOR_1
    np.right_shift(z, _27, out=shifted)
    z ^= shifted
    z *= _FACTOR_2
    np.right_shift(z, _31, out=shifted)
    z ^= shifted


class ThermalDraws:
    """The thermal noise of one run: uniform numbers in (0, 1) for every step and patch, fixed by `seed`.

    `seed` is an integer 0 <= seed < 2^64; anything else raises ValueError. The object keeps no position: the
    sample counts the steps.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed <= _MASK:
            raise ValueError(f"a thermal seed must be an integer from 0 to 2^64 - 1; got {seed!r}")
        self.seed = seed
        self._key = mix64((seed + GAMMA) & _MASK)
        self._patch_offsets = np.empty(0, dtype=np.uint64)

    def uniform(self, step: int, patches: NDArray[np.intp], n_patches: int) -> NDArray[np.float64]:
        """Return u of `step` (from 0) for some `patches` out of `n_patches`: indices and numbers of shape (k,)."""
        if len(self._patch_offsets) < n_patches:
            self._patch_offsets = np.arange(1, n_patches + 1, dtype=np.uint64) * np.uint64(GAMMA)
        z = self._patch_offsets[patches]
        z += np.uint64((self._key + step * n_patches * GAMMA) & _MASK)
        _mix64_in_place(z)
        z >>= _OTHER_BITS
        z |= _ONE  # the bits of 1 + k 2^-52
        u = z.view(np.float64)
        u -= 1.0 - SMALLEST_DRAW  # exact
        return u
