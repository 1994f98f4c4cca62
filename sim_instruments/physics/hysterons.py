"""Two-state patches: thermally activated switching both ways while a drive acts, and the avalanche it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
#: Change of the coupling field, over its strength, up to which a step follows only the patches loose at its start.
_MARGIN: Final = 0.05
_LN_SMALLEST_DRAW: Final = math.log(SMALLEST_DRAW)

_OUT_AND_BACK: Final = np.array([[1.0], [-1.0]])
_NONE: Final = np.empty(0, dtype=np.intp)

Floats = NDArray[np.float64]
Field = float | Floats


@dataclass(frozen=True, slots=True)
class Drive:
    """What drives the patches for a while: constant barriers, field and coupling.

    `mu0_H_z` (T) is the field along z that acts on all, `strength` (T) the coupling's, `attempts` = ln(dt/tau_0).
    Numbers, or arrays of shape (K, 1) for K drives in quick turns (`in_turns`), each of which has its own dt.
    """

    scale: BarrierScale
    mu0_H_z: Field
    strength: Field
    attempts: Field

    @property
    def ceiling(self) -> Field:
        """The barrier (k_B T) above which certainly nobody leaves in `attempts`, not even in K turns."""
        if isinstance(self.attempts, np.ndarray):
            return self.attempts + (math.log(self.attempts.size) - _LN_SMALLEST_DRAW)
        return self.attempts - _LN_SMALLEST_DRAW

    def repeated(self, n: float) -> Drive:
        """Return the drive acting `n` times as long."""
        return replace(self, attempts=self.attempts + math.log(n))


def in_turns(drives: Sequence[Drive]) -> Drive:
    """Return one drive for several that take turns so quickly that a patch hardly ever switches in one turn.

    Only the sums of the rates count then: dt of each is the sum of its turns.
    """
    if len(drives) == 1:
        return drives[0]

    def column(values: Iterable[Field]) -> Floats:
        return np.array(list(values))[:, None]

    return Drive(
        scale=BarrierScale(
            energy_per_field=column(drive.scale.energy_per_field for drive in drives),
            mu0_H_in=column(drive.scale.mu0_H_in for drive in drives),
            nucleation=column(drive.scale.nucleation for drive in drives),
        ),
        mu0_H_z=column(drive.mu0_H_z for drive in drives),
        strength=column(drive.strength for drive in drives),
        attempts=column(drive.attempts for drive in drives),
    )


def log_attempts(dt: float, tau_0: float) -> float:
    """Return ln(dt/tau_0), the logarithm of the attempts in dt (both in s, positive)."""
    return math.log(dt / tau_0)


def leaving_probability(attempts: Field, barriers: Floats) -> Floats:
    """Return the probability to be found in the other state after a constant drive, 0 ... 1, shape (n,).

    `barriers` (k_B T), shape (2, n): row 0 of the state that is left, row 1 of the other. With the Neel-Arrhenius
    rates r = tau_0^-1 exp(-E/k_B T) out and back and `attempts` = ln(dt/tau_0),
    p = r_out/(r_out + r_back) (1 - exp(-(r_out + r_back) dt)): the exact solution of the two-state rate equation,
    so any subdivision of dt gives the same. Neel, Ann. Geophys. 5, 99 (1949); Brown, Phys. Rev. 130, 1677 (1963).
    Of K drives in quick turns, `attempts` (K, 1) and `barriers` (2, K, n), the rates times dt add up. The two rates
    of a patch must not both underflow.
    """
    rates = np.exp(attempts - barriers)
    if rates.ndim > 2:
        rates = np.add.reduce(rates, axis=1)
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

    def loose(self, drive: Drive) -> NDArray[np.intp]:
        """Return the patches that a step has to look at, ascending; none when no patch can leave.

        None when (dt/tau_0) exp(-E x^2), summed over the turns, is < 2^-53 for every patch as it stands. Else all
        for which that is not certain while the coupling field changes by no more than a margin.
        """
        field = drive.mu0_H_z + self.coupling.field(drive.strength, self.up)
        patches = self._within_reach(drive, field)
        for some in (patches[:1], patches[1:]):  # the weakest one nearly always decides
            if some.size:
                favouring = _signs(self.up[some]) * _at(field, some)
                expected = drive.attempts - barrier(self.mu0_H_k[some], drive.scale, favouring)
                if expected.ndim > 1:
                    expected = np.logaddexp.reduce(expected, axis=0)
                if np.count_nonzero(expected >= _LN_SMALLEST_DRAW):
                    return patches
        return _NONE

    def relax(
        self, drive: Drive, loose: NDArray[np.intp], draw: Callable[[NDArray[np.intp]], Floats]
    ) -> bool:
        """Let the `loose` patches switch, follow the avalanche, and return whether any state changed.

        Each patch has one number u for the step, which `draw` gives for the patches asked for, and ends up where
        u < P_up says. P_up depends on the magnetization that results, so it is evaluated again, always from the
        states before the step, until no state changes. For a strength >= 0 each pass only adds to what the one
        before did; a negative one makes passes alternate, and the coupling field is averaged over the last two.
        So it is when the strength is negative in one of several turns.
        """
        step = _Step(self, drive, loose, draw(loose))
        after, flips = self.up, _NONE
        first = latest = own = self.coupling.field(drive.strength, after)
        passes: dict[bytes, tuple[NDArray[np.intp], NDArray[np.bool_], Field]] = {}
        margin, opposing = _margin(drive), _least(drive.strength) < 0.0
        for _ in range(MOST_PASSES):
            if _any_above(own - first, margin):
                margin, every = math.inf, np.arange(self.up.size)
                step = _Step(self, drive, every, draw(every))
            previous, earlier = flips, latest
            key = np.asarray(own).tobytes() if opposing else b""
            outcome = passes.get(key) if opposing else None  # alternating passes come back to the same field
            if outcome is None:
                outcome = passes[key] = self._pass(step, drive, own)
            flips, after, latest = outcome
            if np.array_equal(flips, previous):
                break
            own = 0.5 * (earlier + latest) if opposing else latest
        if not flips.size:
            return False
        self.set_state(after)
        return True

    def _pass(
        self, step: _Step, drive: Drive, own: Field
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_], Field]:
        """Return who leaves in a coupling field, the states after that, and their coupling field."""
        flips = step.leaving(drive.mu0_H_z + own)
        after = self.up.copy()
        after[flips] ^= True
        return flips, after, self.coupling.field(drive.strength, after)

    def _within_reach(self, drive: Drive, field: Field) -> NDArray[np.intp]:
        least, most = field, field
        if isinstance(field, np.ndarray):
            least, most = field.min(axis=-1, keepdims=True), field.max(axis=-1, keepdims=True)
        ceiling, margin = drive.ceiling, _margin(drive)
        up = self.mu0_H_k.searchsorted(strongest_within(drive.scale, least - margin, ceiling))
        down = self.mu0_H_k.searchsorted(strongest_within(drive.scale, -most - margin, ceiling))
        reached = self.up[:up].copy() if up > down else ~self.up[:down]
        reached[: min(up, down)] = True
        return reached.nonzero()[0]


class _Step:
    """One step's numbers for some `patches`, each turned into the field in which its patch could leave.

    A patch leaves when v < p_leave, v = 1 - u for a patch that is up and u for one that is down. As
    p_leave <= (dt/tau_0) exp(-E x^2), it stays wherever E x^2 > ln(dt/tau_0) - ln v: in any field along its state
    above a bound known once v is drawn. Exponentials are needed only for patches below their bound. With K turns
    it is enough that each gives less than v/K.
    """

    def __init__(self, film: Hysterons, drive: Drive, patches: NDArray[np.intp], u: Floats) -> None:
        up = film.up[patches]
        self._drive = drive
        self._patches = patches
        self._mu0_H_k = film.mu0_H_k[patches]
        self._signs = _signs(up)
        self._v = np.where(up, 1.0 - u, u)
        ceilings = (drive.ceiling + (_LN_SMALLEST_DRAW + _ROUNDING)) - np.log(self._v)
        self._bound = weakest_favouring(self._mu0_H_k, drive.scale, ceilings)

    def leaving(self, field: Field) -> NDArray[np.intp]:
        """Return, ascending, the patches that leave their state in `field` (T, along +z)."""
        favouring = self._signs * _at(field, self._patches)
        near = favouring <= self._bound
        near = (near if near.ndim == 1 else np.logical_or.reduce(near, axis=0)).nonzero()[0]
        if not near.size:
            return _NONE
        out_and_back = _OUT_AND_BACK if favouring.ndim == 1 else _OUT_AND_BACK[:, None]
        barriers = barrier(self._mu0_H_k[near], self._drive.scale, out_and_back * favouring[..., near])
        return self._patches[near[self._v[near] < leaving_probability(self._drive.attempts, barriers)]]


def _margin(drive: Drive) -> Field:
    return _MARGIN * abs(drive.strength)


def _signs(up: NDArray[np.bool_]) -> Floats:
    return np.where(up, 1.0, -1.0)


def _at(field: Field, patches: NDArray[np.intp]) -> Field:
    return field[..., patches] if isinstance(field, np.ndarray) and field.shape[-1] > 1 else field


def _least(value: Field) -> float:
    return float(value.min()) if isinstance(value, np.ndarray) else value


def _any_above(change: Field, margin: Field) -> bool:
    above = np.abs(change) > margin if isinstance(change, np.ndarray) else abs(change) > margin
    return bool(above if isinstance(above, bool) else np.logical_or.reduce(above, axis=None))
