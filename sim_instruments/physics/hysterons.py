"""Two-state patches: thermally activated switching both ways in a constant drive, and the avalanche it starts."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim_instruments.physics.barriers import BarrierScale, barrier, strongest_within, weakest_favouring
from sim_instruments.physics.coupling import Coupling
from sim_instruments.physics.draws import SMALLEST_DRAW

#: Passes after which an avalanche is taken as it is (our choice; one usually needs 1 to 5).
MOST_PASSES: Final = 300

#: Added to a barrier's bound (k_B T) so that rounding can never exclude a patch that the exact test would let go.
_ROUNDING: Final = 0.01
_LN_SMALLEST_DRAW: Final = math.log(SMALLEST_DRAW)

_OUT_AND_BACK: Final = np.array([[1.0], [-1.0]])
_NONE: Final = np.empty(0, dtype=np.intp)

Floats = NDArray[np.float64]
Field = float | Floats


def log_attempts(dt: float, tau_0: float) -> float:
    """Return ln(dt/tau_0), the logarithm of the attempts in dt (both in s, positive)."""
    return math.log(dt / tau_0)


def leaving_probability(attempts: float, barriers: Floats) -> Floats:
    """Return the probability to be found in the other state after a constant drive, 0 ... 1, shape (n,).

    `barriers` (k_B T), shape (2, n): row 0 of the state that is left, row 1 of the other. With the Neel-Arrhenius
    rates r = tau_0^-1 exp(-E/k_B T) out and back and `attempts` = ln(dt/tau_0),
    p = r_out/(r_out + r_back) (1 - exp(-(r_out + r_back) dt)): the exact solution of the two-state rate equation,
    so any subdivision of dt gives the same. Neel, Ann. Geophys. 5, 99 (1949); Brown, Phys. Rev. 130, 1677 (1963).
    The two rates of a patch must not both underflow.
    """
    rates = np.exp(attempts - barriers)
    both = rates[0] + rates[1]
    return rates[0] * (-np.expm1(-both) / both)


class Hysterons:
    """N two-state patches with quenched barriers, each in the field of the drive and of all the others.

    `mu0_H_k` (T, ascending, shape (N,)) are their anisotropy fields, `up` (bool, shape (N,)) their states: a
    read-only array that is replaced, never changed. They begin up.
    """

    def __init__(self, mu0_H_k: Floats, coupling: Coupling) -> None:
        self.mu0_H_k = mu0_H_k
        self.coupling = coupling
        self.set_state(np.ones(mu0_H_k.size, dtype=np.bool_))

    def set_state(self, up: NDArray[np.bool_]) -> None:
        """Take over the states `up` (shape (N,)), which from now on nobody may change."""
        up.flags.writeable = False
        self.up = up

    def could_leave(self, scale: BarrierScale, mu0_H_z: float, strength: float, attempts: float) -> bool:
        """Return whether any patch may leave: (dt/tau_0) exp(-E x^2) >= 2^-53 for one of them, as they stand.

        `mu0_H_z` (T) is the drive along z without the coupling, `strength` (T) the coupling's.
        """
        field = mu0_H_z + self.coupling.field(strength, self.up)
        ceiling = attempts - _LN_SMALLEST_DRAW
        for state in (True, False):
            favouring = field if state else -field
            least = float(favouring.min()) if isinstance(favouring, np.ndarray) else favouring
            reach = self.mu0_H_k.searchsorted(strongest_within(scale, least, ceiling))
            weak = self.up[:reach] if state else ~self.up[:reach]
            patches = weak.nonzero()[0]
            for some in (patches[:1], patches[1:]):  # the weakest one nearly always decides
                if some.size:
                    local = favouring[some] if isinstance(favouring, np.ndarray) else favouring
                    if np.count_nonzero(barrier(self.mu0_H_k[some], scale, local) <= ceiling):
                        return True
        return False

    def relax(
        self,
        scale: BarrierScale,
        mu0_H_z: float,
        strength: float,
        attempts: float,
        u: Floats,
    ) -> bool:
        """Let the patches switch in a constant drive and follow the avalanche; return whether any state changed.

        Each patch has one number of `u` (shape (N,)) for the step and ends up where u < P_up says. P_up depends on
        the magnetization that results, so it is evaluated again, always from the states before the step, until no
        state changes. For `strength` >= 0 each pass only adds to what the one before did; a negative strength
        makes passes alternate, and the coupling field is then averaged over the last two.
        """
        step = _Step(self.mu0_H_k, self.up, scale, attempts, u)
        after, flips = self.up, _NONE
        own = latest = self.coupling.field(strength, after)
        for _ in range(MOST_PASSES):
            previous, flips = flips, step.leaving(mu0_H_z + own)
            if np.array_equal(flips, previous):
                break
            after = self.up.copy()
            after[flips] ^= True
            earlier, latest = latest, self.coupling.field(strength, after)
            own = 0.5 * (earlier + latest) if strength < 0.0 else latest
        if not flips.size:
            return False
        self.set_state(after)
        return True


class _Step:
    """One step's numbers, each turned into the field in which its patch could leave.

    A patch leaves when v < p_leave, v = 1 - u for a patch that is up and u for one that is down. As
    p_leave <= (dt/tau_0) exp(-E x^2), it stays wherever E x^2 > ln(dt/tau_0) - ln v: in any field along its state
    above a bound known once v is drawn. Exponentials are needed only for patches below their bound.
    """

    def __init__(
        self, mu0_H_k: Floats, up: NDArray[np.bool_], scale: BarrierScale, attempts: float, u: Floats
    ) -> None:
        self._mu0_H_k = mu0_H_k
        self._scale = scale
        self._attempts = attempts
        self._signs = np.where(up, 1.0, -1.0)
        self._v = np.where(up, 1.0 - u, u)
        self._bound = weakest_favouring(mu0_H_k, scale, (attempts + _ROUNDING) - np.log(self._v))

    def leaving(self, field: Field) -> NDArray[np.intp]:
        """Return the patches that leave their state in `field` (T, along +z)."""
        favouring = self._signs * field
        patches = (favouring <= self._bound).nonzero()[0]
        if not patches.size:
            return patches
        barriers = barrier(self._mu0_H_k[patches], self._scale, _OUT_AND_BACK * favouring[patches])
        return patches[self._v[patches] < leaving_probability(self._attempts, barriers)]
