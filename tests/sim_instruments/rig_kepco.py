"""A simulated Kepco BOP on a coil that remembers its ramps, for the tests of the supply."""

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.kepco_bop import KepcoBopSim

RESISTANCE, INDUCTANCE = 0.5, 0.1
MODES = {"CURR": "FUNC:MODE CURR;:VOLT 20;:OUTP ON", "VOLT": "FUNC:MODE VOLT;:CURR 10;:OUTP ON"}


class RecordingCoil:
    """A winding that remembers every ramp it was given."""

    def __init__(self, resistance=RESISTANCE, inductance=INDUCTANCE):
        self.resistance = resistance
        self.inductance = inductance
        self.ramps = []

    def drive(self, ramp):
        self.ramps.append(ramp)


class Desk:
    """A supply on a coil, and somebody who types at it; messages take no time unless wanted."""

    def __init__(self, mode=None, coil=None, noise=False, accuracy=False, message_time=0.0, **options):
        self.clock = VirtualClock()
        self.coil = coil or RecordingCoil()
        rng = np.random.default_rng(options.pop("seed", 1))
        self.supply = KepcoBopSim(self.clock, self.coil, rng, noise=noise, accuracy=accuracy, **options)
        if message_time is not None:
            self.supply.message_time = message_time
        if mode is not None:
            self.say(MODES[mode])

    def say(self, line):
        self.supply.write(line.encode("latin-1") + b"\n")

    def ask(self, line):
        self.say(line)
        reply = self.supply.next_reply(self.clock.now() + 5.0)
        return None if reply is None else reply.decode("ascii").removesuffix("\n")

    def current(self):
        """The current (A) that flows now."""
        return self.coil.ramps[-1].at(self.clock.now()) if self.coil.ramps else 0.0

    def settled(self, line):
        """Say a line and return the current (A) long after, and how long it took (s)."""
        self.say(line)
        ramp = self.coil.ramps[-1]
        taken = ramp.end - self.clock.now()
        self.clock.wait(300.0)
        return self.current(), taken

    def errors(self):
        return list(iter(lambda: self.ask("SYST:ERR?"), '0,"No error"'))
