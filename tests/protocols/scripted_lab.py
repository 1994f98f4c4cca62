"""A lab of ideal instruments that do as told and write down, in order, everything that was asked of them."""

import math
from dataclasses import dataclass, field

import numpy as np


def run_protocol(protocol, lab, **parameters):
    """Measure with some parameters, the others at their defaults; return all rows and the parameter set."""
    p = protocol.parameters(**parameters)
    return list(protocol.measure(lab, p)), p


def columns_of(protocol, rows):
    """Rows as the analysis gets them: one array per column."""
    return {column.name: np.array([row[column.name] for row in rows]) for column in protocol.columns}


@dataclass
class ScriptedLab:
    """Source, voltmeter, magnet_x and magnet_z soldered to one Hall bar; it is its own instruments' clock.

    The layer is saturated where |mu0_H_z| exceeds mu0_H_c; R_xy = R_off + R_AHE m, and `emf` (V) is added to every
    voltage. m is the mean of equal patches, one for each of `thresholds` (A): under a field mu0_H_x, a current
    of at least its threshold turns a patch up where polarity * I * mu0_H_x is positive, down where it is negative.
    On ranges above 1 mA the source drives `zero` (A) more than it is asked for.
    """

    mu0_H_c: float = 200e-4
    R_AHE: float = 0.4
    R_off: float = 0.05
    emf: float = 0.0
    settling_error: float = 0.0
    compliant_rows: int | None = None
    zero: float = 0.0
    thresholds: tuple[float, ...] = (math.inf,)
    polarity: int = 1
    calls: list[tuple] = field(default_factory=list)

    def __post_init__(self):
        self.seconds = 0.0
        self.current = 0.0
        self.patches = [-1] * len(self.thresholds)
        self.n_readings = 0
        self.source = _Source(self)
        self.voltmeter = _Voltmeter(self)
        self.magnet_x = _Magnet(self, "x")
        self.magnet_z = _Magnet(self, "z")

    @property
    def m(self):
        return sum(self.patches) / len(self.patches)

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

    def feel(self, current):
        """Let the layer answer to a current and to the fields as they are."""
        if abs(self.magnet_z.mu0_H) > self.mu0_H_c:
            self.patches = [1 if self.magnet_z.mu0_H > 0 else -1] * len(self.patches)
        drive = self.polarity * current * self.magnet_x.mu0_H
        if drive:
            to = 1 if drive > 0 else -1
            self.patches = [
                to if abs(current) >= threshold else state
                for state, threshold in zip(self.patches, self.thresholds, strict=True)
            ]


@dataclass
class _Source:
    lab: ScriptedLab

    def prepare(self, I_max, compliance):
        self.lab.calls.append(("prepare source", I_max, compliance))
        self.lab.current = self.lab.zero if I_max > 1e-3 else 0.0

    def set_current(self, current):
        self.lab.calls.append(("set_current", current))
        self.lab.current = current
        self.lab.feel(current)

    def play(self, samples, slot, *, compliance, R_load):
        self.lab.calls.append(("play", list(samples), slot, compliance, R_load))
        for current in samples:
            self.lab.feel(current + self.lab.zero)
            self.lab.seconds += slot
        self.lab.current = 0.0

    def accuracy(self, level):
        return 3**0.5 * 1e-3 * abs(level)  # so that the standard uncertainty is 0.1 %

    def in_compliance(self):
        self.lab.calls.append(("in_compliance",))
        limit = self.lab.compliant_rows
        return limit is not None and self.lab.n_readings > 2 * limit

    def park(self):
        self.lab.calls.append(("park source",))


@dataclass
class _Voltmeter:
    lab: ScriptedLab

    def prepare(self, V_max, nplc):
        self.lab.calls.append(("prepare voltmeter", V_max, nplc))

    def read_voltage(self):
        self.lab.calls.append(("read_voltage",))
        self.lab.n_readings += 1
        return (self.lab.R_off + self.lab.R_AHE * self.lab.m) * self.lab.current + self.lab.emf

    def park(self):
        self.lab.calls.append(("park voltmeter",))


@dataclass
class _Magnet:
    lab: ScriptedLab
    axis: str
    mu0_H_max: float = 1.0
    mu0_H: float = 0.0

    def ramp_to(self, mu0_H):
        self.lab.calls.append((f"ramp {self.axis}", mu0_H))
        self.mu0_H = mu0_H
        self.lab.feel(self.lab.current)
        return mu0_H

    def read_field(self):
        self.lab.calls.append((f"read {self.axis}",))
        return self.mu0_H + self.lab.settling_error

    def park(self):
        self.lab.calls.append((f"park magnet_{self.axis}",))
        self.mu0_H = 0.0
