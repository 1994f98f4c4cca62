"""A lab around one macrospin: it takes the equilibrium at sixteen moments of a period and knows no expansion."""

import cmath
import math
from dataclasses import dataclass, field

import numpy as np

_SAMPLES = 16
_CURRENTS = np.sin(2 * np.pi * np.arange(_SAMPLES) / _SAMPLES)


@dataclass
class MacrospinLab:
    """Source, lock-in or voltmeter, and three magnets soldered to one uniform layer; it is its own clock.

    m lies along mu0_H + mu0_H_k m_z z + I (torque * (y x m) + field_like * y), torque and field_like in T/A: where
    the layer is up, `torque` is a field along x. The voltage is I (R_off + R_AHE m_z + 2 R_PHE m_x m_y) +
    I^2 (R_dT m_x + R_plane m_z) + emf. The lock-in's reference is late by `phase_error` (rad) and its filter has
    four poles: what it read before a change of harmonic fades. Every voltage has gaussian noise (V; X and Y both).
    In-plane fields above `mu0_H_break` (T) turn a `share` of the layer over.
    """

    mu0_H_k: float = 0.2
    torque: float = 25e-4 / 1e11 / (10e-6 * 11.2e-9)  # T/A: 25 Oe for 1e7 A/cm2 in a bar of 10 um x 11.2 nm
    field_like: float = 0.0
    R_AHE: float = 0.4
    R_PHE: float = 0.04
    R_off: float = 0.05
    R_dT: float = 0.0
    R_plane: float = 0.0
    phase_error: float = 0.0
    noise: float = 0.0
    emf: float = 0.0
    emf_drift: float = 0.0
    source_offset: float = 0.0
    mu0_H_break: float = math.inf
    share: float = 0.1
    has_lockin: bool = True
    is_compliant: bool = False
    seed: int = 1
    calls: list[tuple] = field(default_factory=list)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.seconds = 0.0
        self.state, self.turned = 1, 0.0
        self.known = (None, None)
        self.source = _Source(self)
        self.lockin = _LockIn(self)
        self.voltmeter = _Voltmeter(self)
        self.magnet_x, self.magnet_y, self.magnet_z = (_Magnet(self, axis) for axis in "xyz")

    def has(self, role):
        return role != "lockin" or self.has_lockin

    def wait(self, seconds):
        self.calls.append(("wait", seconds))
        self.seconds += seconds

    def now(self):
        return self.seconds

    def note(self, text):
        self.calls.append(("note", text))

    def of(self, *names):
        """The calls of some names, in order."""
        return [call for call in self.calls if call[0] in names]

    @property
    def mu0_H(self):
        return np.array([magnet.mu0_H for magnet in (self.magnet_x, self.magnet_y, self.magnet_z)])

    def feel(self):
        """Let the layer answer to the fields as they are."""
        H_x, H_y, H_z = self.mu0_H
        if abs(H_z) > 0.02:
            self.state, self.turned = (1 if H_z > 0 else -1), 0.0
        elif math.hypot(H_x, H_y) > self.mu0_H_break:
            self.turned = self.share

    def equilibrium(self, currents, state):
        """m (n, 3) at currents (A, shape (n,)), from the state +1 or -1 of a layer without field."""
        y = np.array([0.0, 1.0, 0.0])
        along = currents[:, None]
        m = np.tile([0.1, 0.0, float(state)], (len(currents), 1))
        for _ in range(5000):
            h = self.mu0_H + along * (self.torque * np.cross(y, m) + self.field_like * y)
            h[:, 2] += self.mu0_H_k * m[:, 2]
            new = h / np.linalg.norm(h, axis=1, keepdims=True)
            if np.max(np.abs(new - m)) < 1e-14:
                return new
            m = new
        raise AssertionError(f"no equilibrium at {self.mu0_H} T")

    def voltage(self, currents):
        """The Hall voltage (V) at currents (A, shape (n,)), without emf and noise."""
        total = np.zeros(len(currents))
        for state, part in ((self.state, 1 - self.turned), (-self.state, self.turned)):
            if part:
                x, y, z = self.equilibrium(currents, state).T
                R = self.R_off + self.R_AHE * z + 2 * self.R_PHE * x * y
                total += part * (currents * R + currents**2 * (self.R_dT * x + self.R_plane * z))
        return total

    def phasor(self, n):
        """X + iY (V rms) of the n-th harmonic, sin(n w t) in X."""
        key = (*self.mu0_H, self.state, self.turned, self.source.I_ac_pk)
        if self.known[0] != key:
            self.known = key, self.voltage(self.source.I_ac_pk * _CURRENTS)
        V = self.known[1]
        at = 2 * np.pi * n * np.arange(_SAMPLES) / _SAMPLES
        sin, cos = (2 / _SAMPLES * float(V @ wave) / math.sqrt(2) for wave in (np.sin(at), np.cos(at)))
        return complex(sin, cos) * cmath.exp(-1j * n * self.phase_error)


@dataclass
class _Source:
    lab: MacrospinLab
    I_ac_pk: float = 0.0
    level: float = 0.0

    def prepare(self, I_max, compliance):
        self.lab.calls.append(("prepare source", I_max, compliance))

    def set_current(self, current):
        self.lab.calls.append(("set_current", current))
        self.level = current

    def start_sine(self, I_ac_pk, frequency, *, compliance, R_load):
        self.lab.calls.append(("start_sine", I_ac_pk, frequency, compliance, R_load))
        self.I_ac_pk = I_ac_pk

    def stop_wave(self):
        self.lab.calls.append(("stop_wave",))
        self.I_ac_pk = 0.0

    def accuracy(self, level):
        return 3**0.5 * 1e-3 * abs(level)  # so that the standard uncertainty is 0.1 %

    def in_compliance(self):
        self.lab.calls.append(("in_compliance",))
        return self.lab.is_compliant


@dataclass
class _LockIn:
    lab: MacrospinLab
    harmonic: int = 0
    time_constant: float = math.nan
    before: complex = 0j
    since: float = 0.0

    def use_external_reference(self):
        self.lab.calls.append(("use_external_reference",))

    def prepare(self, V_max_rms, time_constant, slope=24, harmonic=1, *, reserve="normal", sync_filter=False):
        self.lab.calls.append(("prepare lockin", V_max_rms, time_constant, slope, harmonic, reserve))
        assert self.lab.source.I_ac_pk, "there is no reference yet"
        assert slope == 24
        self.time_constant, self.harmonic = time_constant, harmonic

    def select_harmonic(self, n, V_max_rms=None):
        self.lab.calls.append(("select_harmonic", n, V_max_rms))
        self.before, self.since, self.harmonic = self.lab.phasor(self.harmonic), self.lab.seconds, n

    def settle_time(self):
        return 10 * self.time_constant

    def read_xy(self):
        self.lab.calls.append(("read_xy",))
        age = (self.lab.seconds - self.since) / self.time_constant
        left = math.exp(-age) * sum(age**k / math.factorial(k) for k in range(4))
        now = self.lab.phasor(self.harmonic)
        X, Y = self.lab.noise * self.lab.rng.standard_normal(2)
        seen = now + left * (self.before - now) + complex(X, Y)
        return seen.real, seen.imag


@dataclass
class _Voltmeter:
    lab: MacrospinLab

    def prepare(self, V_max, nplc):
        self.lab.calls.append(("prepare voltmeter", V_max, nplc))

    def read_voltage(self):
        self.lab.calls.append(("read_voltage",))
        self.lab.seconds += 0.3
        level = np.array([self.lab.source.level + self.lab.source_offset])
        emf = self.lab.emf + self.lab.emf_drift * self.lab.seconds
        return float(self.lab.voltage(level)[0]) + emf + self.lab.noise * self.lab.rng.standard_normal()


@dataclass
class _Magnet:
    lab: MacrospinLab
    axis: str
    mu0_H: float = 0.0

    def ramp_to(self, mu0_H):
        self.lab.calls.append((f"ramp {self.axis}", mu0_H))
        self.mu0_H = mu0_H
        self.lab.feel()
        return mu0_H

    def read_field(self):
        self.lab.calls.append((f"read {self.axis}",))
        return self.mu0_H
