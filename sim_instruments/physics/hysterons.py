"""Two-state patches: thermally activated switching both ways while a drive acts, and the avalanche it starts."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim_instruments.physics.barriers import (
    BarrierScale,
    barrier,
    barrier_of_one,
    strongest_within,
    weakest_favouring,
)
from sim_instruments.physics.coupling import Coupling
from sim_instruments.physics.draws import SMALLEST_DRAW

#: Passes after which an avalanche is taken as it is (our choice; one usually needs 1 to 5).
MOST_PASSES: Final = 300

#: How much higher (k_B T) the way back must be than the way out to change no probability in double precision.
_NO_WAY_BACK: Final = 40.0
#: ln(dt/tau_0) from which on the smallest 1 - v, 2^-53, leaves a bound above no barrier at all: ln(53 ln 2) = 3.6.
_ENOUGH_ATTEMPTS: Final = 4.0
#: Change of the coupling field (T) up to which a step follows only the patches loose at its start (our choice).
_MARGIN: Final = 3e-4
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

    @property
    def margin(self) -> Field:
        """How far (T) the coupling field may move until a step looks again; 2 |J| is all that a mean field can."""
        reach = 2.0 * abs(self.strength)
        return np.minimum(reach, _MARGIN) if isinstance(reach, np.ndarray) else min(reach, _MARGIN)

    def repeated(self, n: float) -> Drive:
        """Return the drive acting `n` times as long."""
        return replace(self, attempts=self.attempts + math.log(n))


class Loose(NamedTuple):
    """Patches of a film: first `n_up` that are up, then the others, which are down, both in ascending order."""

    patches: NDArray[np.intp]
    n_up: int

    @classmethod
    def of(cls, up: NDArray[np.intp], down: NDArray[np.intp]) -> Loose:
        """Put those that are up and those that are down together."""
        return cls(np.concatenate((up, down)) if up.size and down.size else up if up.size else down, up.size)

    def signs(self) -> Floats:
        """Return +1 for those up and -1 for those down, shape of `patches`."""
        signs = np.empty(self.patches.size)
        signs[: self.n_up], signs[self.n_up :] = 1.0, -1.0
        return signs


_NO_STATES: Final = np.empty(0, dtype=np.bool_)
_NOBODY: Final = Loose(_NONE, 0)


class Turn(NamedTuple):
    """One of the drives that take turns, in plain numbers: those of a `BarrierScale`, and of a `Drive` besides."""

    energy_per_field: float
    mu0_H_in: float
    nucleation: float
    mu0_H_z: float
    strength: float
    attempts: float


def in_turns(turns: Sequence[Turn]) -> Drive:
    """Return one drive for several that take turns so quickly that a patch hardly ever switches in one turn.

    Only the sums of the rates count then: dt of each is the sum of its turns. One turn alone is a constant drive.
    """
    values: Any = turns[0] if len(turns) == 1 else np.array(turns).T[:, :, None]
    return Drive(BarrierScale(*values[:3]), *values[3:])


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
        self._ascending: list[float] = mu0_H_k.tolist()
        self.set_state(np.ones(mu0_H_k.size, dtype=np.bool_))

    def set_state(self, up: NDArray[np.bool_]) -> None:
        """Take over the states `up` (shape (N,)), which from now on nobody may change."""
        up.flags.writeable = False
        self.up = up

    def loose(self, drive: Drive) -> Loose:
        """Return the patches that a step has to look at; none when no patch can leave.

        None when (dt/tau_0) exp(-E x^2), summed over the turns, is < 2^-53 for every patch as it stands. Else all
        for which that is not certain while the coupling field changes by no more than a margin.
        """
        field = drive.mu0_H_z + self.coupling.field(drive.strength, self.up)
        loose = self._within_reach(drive, field)
        return loose if loose.patches.size and self._can_leave(drive, field, loose) else _NOBODY

    def _can_leave(self, drive: Drive, field: Field, loose: Loose) -> bool:
        """Return whether any of some patches can leave its state in a field (T, along +z)."""
        patches, n_up = loose
        if isinstance(field, float) and isinstance(drive.attempts, float):
            kinds = ((1.0, 0, n_up), (-1.0, n_up, patches.size))
            for sign, place, end in kinds:  # the weakest one of a kind nearly always can, if anyone
                if place == end:
                    continue
                held = barrier_of_one(self._ascending[patches[place]], drive.scale, sign * field)
                if drive.attempts - held >= _LN_SMALLEST_DRAW:
                    return True
        signs = loose.signs()
        if not isinstance(drive.attempts, float):  # in turns, too
            weakest = [place for place in {0, n_up} if place < patches.size]
            if self._are_expected(drive, field, patches[weakest], signs[weakest]):
                return True
        return self._are_expected(drive, field, patches, signs)

    def _are_expected(self, drive: Drive, field: Field, patches: NDArray[np.intp], signs: Floats) -> bool:
        """Return whether any of some patches, with the signs of their states, can leave in a field (T)."""
        expected = drive.attempts - barrier(self.mu0_H_k[patches], drive.scale, signs * _at(field, patches))
        if expected.ndim > 1:
            expected = np.logaddexp.reduce(expected, axis=0)
        return bool(np.any(expected >= _LN_SMALLEST_DRAW))

    def relax(self, drive: Drive, loose: Loose, draw: Callable[[NDArray[np.intp]], Floats]) -> bool:
        """Let the `loose` patches switch, follow the avalanche, and return whether any state changed.

        Each patch has one number u for the step, which `draw` gives (in a new array) for the patches asked for, and
        ends up where u < P_up says. P_up depends on the magnetization that results, so it is evaluated again, each
        time from the states before the step, until no state changes. For a strength >= 0 each pass only adds to
        what the one before did; a negative one makes passes alternate, and the coupling field is averaged over the
        last two. So it is when the strength is negative in one of several turns.
        """
        margin, has_all = drive.margin, False
        step = _Step(self, drive, margin, loose, draw(loose.patches))
        after = self.up
        centre = latest = own = self.coupling.field(drive.strength, after)
        favouring = step.favouring(drive.mu0_H_z + own)
        if not step.anyone_leaves(favouring):
            return False
        step.focus(favouring)
        opposing = _least(drive.strength) < 0.0
        known: dict[float | bytes, NDArray[np.bool_]] = {}  # alternating passes come back to the same field
        for _ in range(MOST_PASSES):
            if _any_above(own - centre, margin):
                if not has_all:
                    every = Loose.of(self.up.nonzero()[0], (~self.up).nonzero()[0])
                    step, has_all = _Step(self, drive, margin, every, draw(every.patches)), True
                step.focus(step.favouring(drive.mu0_H_z + own))
                centre = own
            previous, earlier = after, latest
            if not opposing:
                after = step.outcome(drive.mu0_H_z + own)
            elif (after := known.get(key := _key(own), _NO_STATES)) is _NO_STATES:
                after = known[key] = step.outcome(drive.mu0_H_z + own)
            if after.tobytes() == previous.tobytes():
                break
            latest = self.coupling.field(drive.strength, after)
            own = 0.5 * (earlier + latest) if opposing else latest
        if after.tobytes() == self.up.tobytes():
            return False
        self.set_state(after)
        return True

    def _within_reach(self, drive: Drive, field: Field) -> Loose:
        least, most = field, field
        if isinstance(field, np.ndarray):
            least, most = field.min(axis=-1, keepdims=True), field.max(axis=-1, keepdims=True)
        ceiling, margin = drive.ceiling, drive.margin
        up = bisect_left(self._ascending, strongest_within(drive.scale, least - margin, ceiling))
        down = bisect_left(self._ascending, strongest_within(drive.scale, -most - margin, ceiling))
        if not up + down:
            return _NOBODY
        return Loose.of(self.up[:up].nonzero()[0], (~self.up[:down]).nonzero()[0])


class _Step:
    """One step's numbers for some patches, each turned into the field in which its patch leaves.

    A patch leaves when v < p_leave, v = 1 - u for a patch that is up and u for one that is down. With R_out the
    attempts times exp(-E x^2), p_leave <= 1 - exp(-R_out), and equal where there is no way back. So it stays in any
    field along its state above a bound known once v is drawn, where E x^2 > ln(dt/tau_0) - ln(-ln(1 - v)), and
    leaves in any below if nothing comes back at the bound itself, for p_leave falls with the field. Rates are
    needed only for the others, and for those near enough for the avalanche (`focus`). With K turns the bound is
    that of a patch to which each gives less than a K-th of -ln(1 - v), and nobody is without a way back.
    """

    def __init__(self, film: Hysterons, drive: Drive, margin: Field, loose: Loose, u: Floats) -> None:
        self._drive = drive
        self._margin = margin
        self._before = film.up
        self._patches, self._n_up = loose
        self._signs = loose.signs()
        self._mu0_H_k = film.mu0_H_k[loose.patches]
        np.subtract(1.0, u[: loose.n_up], out=u[: loose.n_up])
        self._v = u
        self._ceilings = (drive.ceiling + _LN_SMALLEST_DRAW) - np.log(-np.log1p(-u))
        self._bound = weakest_favouring(self._mu0_H_k, drive.scale, self._ceilings)

    def favouring(self, field: Field) -> Floats:
        """Return a field (T, along +z) as each patch has it along its state."""
        return self._signs * _at(field, self._patches)

    def anyone_leaves(self, favouring: Floats) -> bool:
        """Return False where certainly all stay in these fields."""
        return bool(np.logical_or.reduce(favouring <= self._bound, axis=None))

    def focus(self, favouring: Floats) -> None:
        """Look from now on at those only that can leave in fields up to the margin from these."""
        near = favouring - self._margin <= self._bound
        near = (near if near.ndim == 1 else np.logical_or.reduce(near, axis=0)).nonzero()[0]
        self._one_way = self._others = _NONE
        if near.size and isinstance(self._drive.attempts, float) and self._drive.attempts > _ENOUGH_ATTEMPTS:
            back = barrier(self._mu0_H_k[near], self._drive.scale, -self._bound[near])
            is_one_way = back > self._ceilings[near] + _NO_WAY_BACK
            one_way, near = near[is_one_way], near[~is_one_way]
            self._one_way, self._one_way_up = self._patches[one_way], one_way < self._n_up
            self._one_way_signs, self._one_way_bound = self._signs[one_way], self._bound[one_way]
        if near.size:
            self._others, self._others_up = self._patches[near], near < self._n_up
            self._others_mu0_H_k, self._others_v = self._mu0_H_k[near], self._v[near]
            signs = _OUT_AND_BACK * self._signs[near]
            self._out_and_back = signs if isinstance(self._drive.attempts, float) else signs[:, None]

    def outcome(self, field: Field) -> NDArray[np.bool_]:
        """Return the states of all patches after the step in `field` (T, along +z), which is within the focus."""
        after = self._before.copy()
        if self._one_way.size:
            leaves = self._one_way_signs * _at(field, self._one_way) <= self._one_way_bound
            after[self._one_way] = leaves != self._one_way_up
        if self._others.size:
            own = _at(field, self._others)
            barriers = barrier(self._others_mu0_H_k, self._drive.scale, self._out_and_back * own)
            leaves = self._others_v < leaving_probability(self._drive.attempts, barriers)
            after[self._others] = leaves != self._others_up
        return after


def _at(field: Field, patches: NDArray[np.intp]) -> Field:
    return field[..., patches] if isinstance(field, np.ndarray) and field.shape[-1] > 1 else field


def _key(field: Field) -> float | bytes:
    return field.tobytes() if isinstance(field, np.ndarray) else field


def _least(value: Field) -> float:
    return float(value.min()) if isinstance(value, np.ndarray) else value


def _any_above(change: Field, margin: Field) -> bool:
    above = np.abs(change) > margin if isinstance(change, np.ndarray) else abs(change) > margin
    return bool(above if isinstance(above, bool) else np.logical_or.reduce(above, axis=None))
