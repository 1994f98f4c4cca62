"""The sample: current and field go in, time passes, and resistances come out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from sim_instruments.physics.barriers import barrier_scale, draw_anisotropy
from sim_instruments.physics.coupling import Coupling, MeanField, mean_magnetization
from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.ensemble import Ensemble
from sim_instruments.physics.hall import patch_resistance, sin_2phi, tilt
from sim_instruments.physics.harmonics import phasors, sine_samples
from sim_instruments.physics.heating import softening, temperature
from sim_instruments.physics.hysterons import Drive, Hysterons, Turn, in_turns, log_attempts
from sim_instruments.physics.parameters import SampleParameters
from sim_instruments.physics.spin_orbit_torque import (
    current_density,
    damping_like_field,
    switching_field,
    wall_alignment,
)

__all__ = ["Sample", "SampleParameters"]

#: A field mu0*H in tesla: x along the current, y across the bar, z along the film normal.
Vector = tuple[float, float, float]

#: Currents that a sample remembers the effect of (our choice): more than any waveform or loop has.
_REMEMBERED = 4096
#: Readings of which it remembers what the current adds (our choice): a source's two signs are no exact opposites.
_ADDED = 16


class _PatchResistances(NamedTuple):
    """The Hall resistance of each patch in one field, if up and if down (ohm, shape (N,))."""

    up: NDArray[np.float64]
    down: NDArray[np.float64]


class _Flowing(NamedTuple):
    """What a current does in any field.

    Of a `BarrierScale` what the temperature makes of it, the share of the anisotropy that is left, the torque's
    field (T) on aligned walls, and whether the film is below its Curie temperature.
    """

    energy_per_field: float
    nucleation: float
    softening: float
    mu0_H_s: float
    is_coupled: bool


class Sample:
    """One device on the bench: its barriers are quenched, its magnetic state moves when `advance` is called.

    `device_seed` fixes the barriers (which device it is), `thermal` the noise of the run. As grown, all patches are
    up, or down with `as_grown=-1` (our choice). `coupling` replaces the mean field of the parameters.

    Steps are numbered for the thermal draws, from 0: `steps` is the number of the next one. It grows by one in each
    call of `advance` in which, at the start, (dt/tau_0) exp(-E x^2) >= 2^-53 for at least one patch in its present
    state; in `advance_periods` this is summed over the periods. In all other calls nothing can switch with any
    number that `thermal` draws, and nothing is drawn.

    Model after Li et al., Chin. Phys. B 31, 117106 (2022): patches with normally distributed barriers, switched by
    field, torque and heat; the functions of this package cite their equations.
    """

    def __init__(
        self,
        parameters: SampleParameters,
        device_seed: int,
        thermal: ThermalDraws,
        *,
        as_grown: Literal[1, -1] = 1,
        coupling: Coupling | None = None,
    ) -> None:
        p = parameters
        self.parameters = p
        self.thermal = thermal
        self.steps = 0
        self._coupling = coupling or MeanField(p.mu0_J_0, p.mu0_J_D)
        self._hysterons = Hysterons(
            draw_anisotropy(device_seed, p.n_patches, p.mu0_H_k, p.sigma_K), self._coupling
        )
        self._flowing: dict[float, _Flowing] = {}
        self._ensemble = Ensemble(self.mu0_H_k, p)
        self._last_drive: tuple[tuple[float, Vector, float], Drive] | None = None
        self._last_period: tuple[tuple[tuple[tuple[float, float], ...], Vector], Drive | None] | None = None
        self._last_field: Vector = (0.0, 0.0, 0.0)
        self._patches = self._patch_resistances(self._last_field)
        self._last_read: tuple[NDArray[np.bool_], float] | None = None
        self._last_shares: tuple[NDArray[np.bool_], NDArray[np.float64]] | None = None
        self._added: dict[tuple[float, Vector], NDArray[np.float64]] = {}
        self._last_phasors: tuple[tuple[float, Vector, int], NDArray[np.complex128]] | None = None
        self.saturate(as_grown)

    # --- state ------------------------------------------------------------------------------------

    @property
    def mu0_H_k(self) -> NDArray[np.float64]:
        """The patches' anisotropy fields at T_0 (T), from the weakest to the strongest, shape (N,)."""
        return self._hysterons.mu0_H_k

    @property
    def up(self) -> NDArray[np.bool_]:
        """The state of each patch, True for +z, shape (N,), numbered as `mu0_H_k`; read-only."""
        return self._hysterons.up

    @property
    def m_z(self) -> float:
        """Mean magnetization of the patches, -1 ... 1: (N_up - N_down)/N, without the tilt by a field."""
        return mean_magnetization(self._hysterons.up)

    def saturate(self, sign: Literal[1, -1]) -> None:
        """Put every patch up (+1) or down (-1), as an ideal field pulse would; anything else raises ValueError."""
        if sign not in (1, -1):
            raise ValueError(f"a saturated state has sign +1 or -1; got {sign!r}")
        self._hysterons.set_state(np.full(self.parameters.n_patches, sign > 0))

    def lies_in_plane(self, mu0_H: Vector) -> bool:
        """Return whether a field (T) lays the moments of all patches into the plane, the hardest one's too."""
        return math.hypot(mu0_H[0], mu0_H[1]) >= self.mu0_H_k[-1]

    # --- time -------------------------------------------------------------------------------------

    def advance(self, current: float, mu0_H: Vector, dt: float) -> bool:
        """Let `dt` seconds pass at constant current (A) and field (T); return whether any patch switched.

        Exact for a constant drive up to the coupling, which is followed to self-consistency at the end of dt.
        No time, no switching; a negative or infinite time, or a drive that is not finite, raises ValueError.
        """
        if dt == 0.0:
            return False
        return self._relax(self._drive(current, mu0_H, dt))

    def advance_periods(self, steps: Sequence[tuple[float, float]], mu0_H: Vector, n: float) -> bool:
        """Let `n` whole periods of a waveform pass in a field (T) at once; return whether any patch switched.

        `steps` are the currents (A) of a period and how long each flows (s). It is one step of the sample, at the
        same cost for any n: with the rates r+- of a patch at each current, R+- = n sum r+-(I_k) dt_k, and as in
        `advance` P = P_inf + (P_0 - P_inf) exp(-(R+ + R-)), P_inf = R-/(R+ + R-), the coupling followed to
        self-consistency at the end. That is the limit of a period short against the time of switching. A patch that
        switches to and fro within a period is left as on average over the period, not as after its last steps
        (decision 11). No periods, no switching; a number that is negative or not whole, a negative or infinite
        time, or a drive that is not finite, raises ValueError.
        """
        if not (0.0 <= n < math.inf and n == math.floor(n)):
            raise ValueError(f"n must be a whole number of periods; got {n!r}")
        key = tuple(steps), mu0_H
        if self._last_period is None or self._last_period[0] != key:
            self._last_period = key, self._new_period(*key)
        period = self._last_period[1]
        return n > 0.0 and period is not None and self._relax(period.repeated(n))

    def _relax(self, drive: Drive) -> bool:
        loose = self._hysterons.loose(drive)
        if not loose.patches.size:
            return False
        step, n_patches = self.steps, self.parameters.n_patches
        self.steps += 1
        return self._hysterons.relax(
            drive, loose, lambda patches: self.thermal.uniform(step, patches, n_patches)
        )

    def can_switch(self, current: float, mu0_H: Vector, dt: float) -> bool:
        """Return whether anything could switch in `advance` with the same arguments; False is certain."""
        return dt != 0.0 and self._hysterons.loose(self._drive(current, mu0_H, dt)).patches.size > 0

    def _drive(self, current: float, mu0_H: Vector, dt: float) -> Drive:
        if not 0.0 < dt < math.inf:
            raise ValueError(f"time must pass forwards and end; got dt = {dt!r} s")
        key = (current, mu0_H, dt)
        if self._last_drive is None or self._last_drive[0] != key:
            self._last_drive = (key, self._new_drive(*key))
        return self._last_drive[1]

    def _new_period(self, steps: tuple[tuple[float, float], ...], mu0_H: Vector) -> Drive | None:
        if not all(0.0 <= dt < math.inf for _, dt in steps):
            raise ValueError(f"time must pass forwards and end; got the steps {steps!r} (A, s)")
        durations: dict[float, float] = {}
        for current, dt in steps:
            durations[current] = durations.get(current, 0.0) + dt
        turns = [self._turn(current, mu0_H, dt) for current, dt in durations.items() if dt > 0.0]
        return in_turns(turns) if turns else None

    def _new_drive(self, current: float, mu0_H: Vector, dt: float) -> Drive:
        return in_turns([self._turn(current, mu0_H, dt)])

    def _turn(self, current: float, mu0_H: Vector, dt: float) -> Turn:
        mu0_H_x, mu0_H_y, mu0_H_z = mu0_H
        if not math.isfinite(current + mu0_H_x + mu0_H_y + mu0_H_z):
            raise ValueError(f"a drive must be finite; got {current!r} A in {mu0_H!r} T")
        flowing = self._flowing.get(current) or self._remember(current)
        p, k = self.parameters, flowing.softening
        mu0_H_in = math.hypot(mu0_H_x, mu0_H_y)
        return Turn(
            flowing.energy_per_field,
            mu0_H_in / k,
            flowing.nucleation,
            mu0_H_z + flowing.mu0_H_s * wall_alignment(mu0_H_x, p.mu0_H_D),
            self._coupling.strength(min(mu0_H_in / (k * p.mu0_H_k), 1.0)) if flowing.is_coupled else 0.0,
            log_attempts(dt, p.tau_0),
        )

    def _remember(self, current: float) -> _Flowing:
        """Find out what a current does whatever the field is, for all the times that it flows again."""
        p = self.parameters
        T = temperature(current, p.T_0, p.kappa)
        k = softening(T, p.T_0, p.T_c)
        mu0_H_DL = damping_like_field(current_density(current, p.area), p.mu0_H_DL_per_J)
        if len(self._flowing) >= _REMEMBERED:
            self._flowing.clear()
        scale = barrier_scale(T, k, 0.0, E_0=p.E_0, mu0_H_k_E_0=p.mu0_H_k_E_0, eta=p.eta)
        self._flowing[current] = flowing = _Flowing(
            cast("float", scale.energy_per_field),
            cast("float", scale.nucleation),
            k,
            switching_field(mu0_H_DL, 1.0, p.beta, p.polarity),
            p.T_c > T,
        )
        return flowing

    # --- reading ----------------------------------------------------------------------------------

    @property
    def resistance(self) -> float:
        """Two-terminal resistance of the bar (ohm); taken as constant (our choice)."""
        return self.parameters.R_xx

    def temperature(self, current: float) -> float:
        """Return the film's temperature (K) while `current` (A) flows."""
        return temperature(current, self.parameters.T_0, self.parameters.kappa)

    def hall_resistance(self, mu0_H: Vector) -> float:
        """Return R_xy (ohm) in a field (T) as the state stands: R_AHE <m_z> + R_PHE <sin^2 sin 2phi> + R_off.

        Positive for +z. The limit of small currents: moments are tilted by the in-plane field alone, at T_0 (a
        reading heats nothing; our choice).
        """
        p = self.parameters
        if mu0_H[0] == 0.0 and mu0_H[1] == 0.0:
            return p.R_AHE * self.m_z + p.R_off
        if self._last_field != mu0_H:
            self._last_field, self._patches = mu0_H, self._patch_resistances(mu0_H)
            self._last_read = None
        if self._last_read is None or self._last_read[0] is not self.up:
            R_patches = np.where(self.up, self._patches.up, self._patches.down)
            self._last_read = (self.up, float(np.add.reduce(R_patches)) / p.n_patches)
        return self._last_read[1] + p.R_off

    def hall_voltage(self, current: float, mu0_H: Vector) -> float:
        """Return the voltage (V) between the Hall arms while a constant `current` (A) flows in a field (T).

        I R_xy of the state as it stands, the moments turned by the torques of the current, and the thermoelectric
        part of the film (`Ensemble.added_voltages`). At T_0, as in `hall_resistance`; the emf of the leads and the
        noise belong to the instruments and are not in it.
        """
        key = abs(current), mu0_H
        if key not in self._added:
            if len(self._added) >= _ADDED:
                self._added.clear()
            self._added[key] = self._ensemble.added_voltages(np.array([key[0], -key[0]]), mu0_H)
        added = self._added[key][1 if current < 0.0 else 0]
        return current * self.hall_resistance(mu0_H) + float(added @ self._shares())

    def hall_harmonics(self, I_ac_pk: float, mu0_H: Vector, highest: int = 4) -> tuple[complex, ...]:
        """Return the harmonics c_1 ... c_highest (V rms) of `hall_voltage` under I_ac_pk sin(w t) in a field (T).

        V(t) = sqrt(2) Im sum_n c_n exp(i n w t), at frequencies low enough for every moment to follow at once: odd
        harmonics are real, even ones imaginary. With dR the change of R_xy at I_ac_pk, c_1 is I_ac_pk R_xy/sqrt(2)
        and c_2 is -i/2 I_ac_pk dR/sqrt(2) to the lowest order (Hayashi et al., Phys. Rev. B 89, 144425 (2014)).
        """
        key = I_ac_pk, mu0_H, highest
        if self._last_phasors is None or self._last_phasors[0] != key:
            added = self._ensemble.added_voltages(I_ac_pk * sine_samples(highest), mu0_H)
            self._last_phasors = key, phasors(added, highest)
        harmonics = (self._last_phasors[1] @ self._shares()).tolist()
        harmonics[0] += I_ac_pk * self.hall_resistance(mu0_H) / math.sqrt(2.0)
        return tuple(harmonics)

    def _shares(self) -> NDArray[np.float64]:
        if self._last_shares is None or self._last_shares[0] is not self.up:
            self._last_shares = self.up, self._ensemble.shares(self.up)
        return self._last_shares[1]

    def _patch_resistances(self, mu0_H: Vector) -> _PatchResistances:
        p = self.parameters
        mu0_H_x, mu0_H_y, mu0_H_z = mu0_H
        mu0_H_in = math.hypot(mu0_H_x, mu0_H_y)
        angle = sin_2phi(mu0_H_x, mu0_H_y)

        def resistances(sign: int) -> NDArray[np.float64]:
            sin2_theta = tilt(self.mu0_H_k, mu0_H_in, sign * mu0_H_z)
            return patch_resistance(sign, sin2_theta, angle, p.R_AHE, p.R_PHE)

        return _PatchResistances(up=resistances(1), down=resistances(-1))
