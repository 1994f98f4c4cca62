"""A lab of ideal instruments that do as told and write down, in order, everything that was asked of them."""

from dataclasses import dataclass, field


@dataclass
class ScriptedLab:
    """Source, voltmeter and magnet_z soldered to one Hall bar with a sharp loop; it is its own instruments' clock.

    The layer switches where |mu0_H| exceeds mu0_H_c; R_xy = R_off +- R_AHE; `emf` (V) is added to every voltage.
    """

    mu0_H_c: float = 200e-4
    R_AHE: float = 0.4
    R_off: float = 0.05
    emf: float = 0.0
    settling_error: float = 0.0
    compliant_rows: int | None = None
    calls: list[tuple] = field(default_factory=list)

    def __post_init__(self):
        self.seconds = 0.0
        self.current = 0.0
        self.mu0_H = 0.0
        self.is_up = False
        self.n_readings = 0
        self.source = _Source(self)
        self.voltmeter = _Voltmeter(self)
        self.magnet_z = _Magnet(self)

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


@dataclass
class _Source:
    lab: ScriptedLab

    def prepare(self, I_max, compliance):
        self.lab.calls.append(("prepare source", I_max, compliance))

    def set_current(self, current):
        self.lab.calls.append(("set_current", current))
        self.lab.current = current

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
        R_xy = self.lab.R_off + (self.lab.R_AHE if self.lab.is_up else -self.lab.R_AHE)
        return R_xy * self.lab.current + self.lab.emf

    def park(self):
        self.lab.calls.append(("park voltmeter",))


@dataclass
class _Magnet:
    lab: ScriptedLab
    mu0_H_max: float = 1.0

    def ramp_to(self, mu0_H):
        self.lab.calls.append(("ramp_to", mu0_H))
        self.lab.mu0_H = mu0_H
        if abs(mu0_H) > self.lab.mu0_H_c:
            self.lab.is_up = mu0_H > 0
        return mu0_H

    def read_field(self):
        self.lab.calls.append(("read_field",))
        return self.lab.mu0_H + self.lab.settling_error

    def park(self):
        self.lab.calls.append(("park magnet_z",))
