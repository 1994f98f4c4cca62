"""A magnet on a fake clock: a supply that ramps, and probes in its gap with iron of different tempers."""

from __future__ import annotations

import math

from drivers.field_source import FieldSource

FIELD_PER_CURRENT = 0.01  # T/A


class Magnet:
    """A supply that ramps linearly on the clock, ends `offset` amperes off, and counts what it is asked."""

    def __init__(self, clock, offset=0.0, lag=0.0):
        self.clock, self.offset, self.lag = clock, offset, lag
        self.start, self.started, self.target, self.rate = 0.0, 0.0, 0.0, 1.0
        self.calls = []
        self.stuck = False

    def prepare(self, I_max, rate):
        self.calls.append(("prepare", I_max, rate))
        self.rate = rate

    def set_current(self, current):
        self.calls.append(("set", current))
        self.start, self.started, self.target = self.true_current(), self.clock.time, current

    def true_current(self):
        if self.stuck:
            return self.start
        way = self.target - self.start
        done = self.rate * max(self.clock.time - self.started - self.lag, 0.0)
        return self.target if done >= abs(way) else self.start + math.copysign(done, way)

    @property
    def current(self):
        self.calls.append(("read",))
        return self.true_current() + self.offset

    def faults(self):
        return ["over-voltage"]

    def park(self):
        self.calls.append(("park",))


class Probe:
    """A gaussmeter in that magnet's gap, with the true coil constant `k` and a field that lags by `tau`."""

    def __init__(self, magnet, k=FIELD_PER_CURRENT, remanence=0.0, drift=0.0):
        self.magnet, self.k, self.remanence, self.drift = magnet, k, remanence, drift
        self.readings = 0

    def prepare(self):
        self.magnet.calls.append(("tesla",))

    def read_field(self):
        self.readings += 1
        return self.k * self.magnet.true_current() + self.remanence + self.drift * self.magnet.clock.time


def field_source(magnet, probe=None, **changes):
    settings = {
        "field_per_current": FIELD_PER_CURRENT,
        "mu0_H_max": 0.1,
        "slew": 0.005,
        "tolerance": 1e-4,
        "clock": magnet.clock,
        "name": "magnet_z",
    }
    return FieldSource(magnet, probe, **(settings | changes))


class Yoke(Probe):
    """A probe in iron with backlash: the field follows the current only when it is `width` amperes ahead."""

    def __init__(self, magnet, k=FIELD_PER_CURRENT, width=0.05):
        super().__init__(magnet, k)
        self.width, self.follows = width, 0.0
        self.fields = []

    def read_field(self):
        self.readings += 1
        current = self.magnet.true_current()
        self.follows = min(max(self.follows, current - self.width), current + self.width)
        self.fields.append(self.k * self.follows)
        return self.fields[-1]


class Eddy(Probe):
    """A probe whose field lags behind the current with time constant `tau` (s)."""

    def __init__(self, magnet, k=FIELD_PER_CURRENT, tau=0.3):
        super().__init__(magnet, k)
        self.tau, self.field, self.seen = tau, 0.0, 0.0
        self.fields = []

    def read_field(self):
        self.readings += 1
        now, goal = self.magnet.clock.time, self.k * self.magnet.true_current()
        self.field = goal + (self.field - goal) * math.exp(-(now - self.seen) / self.tau)
        self.seen = now
        self.fields.append(self.field)
        return self.field
