"""A simulated SR830 with a signal and a reference that the test scripts."""

import math

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.srs_sr830 import SR830Sim


class ScriptedSignal:
    """Harmonics by number (V rms, complex); `change` tells the lock-in first, as the wiring has to."""

    def __init__(self, frequency=1e3, rms=None, **harmonics):
        self.frequency = frequency
        self._rms = rms
        self.amplitudes = {}
        self._listeners = []
        self.set(**harmonics)

    def set(self, **harmonics):
        self.amplitudes |= {int(name.removeprefix("c")): value for name, value in harmonics.items()}

    def change(self, frequency=None, **harmonics):
        for about_to_change in self._listeners:
            about_to_change()
        self.frequency = self.frequency if frequency is None else frequency
        self.set(**harmonics)

    @property
    def rms(self):
        return math.hypot(*map(abs, self.amplitudes.values())) if self._rms is None else self._rms

    def harmonic(self, order):
        return complex(self.amplitudes.get(order, 0.0))

    def subscribe(self, about_to_change):
        self._listeners.append(about_to_change)


class ScriptedReference:
    """Edges at a frequency (Hz), at a phase (rad) of the signal's period."""

    def __init__(self, frequency=1e3, phase=0.0):
        self.frequency = frequency
        self.phase = phase


class LockIn:
    """An SR830 that takes no time to listen."""

    def __init__(self, signal=None, seed=1, noise=False, accuracy=False, **options):
        self.clock = VirtualClock()
        self.signal = signal or ScriptedSignal(c1=1e-3)
        rng = np.random.default_rng(seed)
        self.sim = SR830Sim(self.clock, self.signal, rng, noise=noise, accuracy=accuracy, **options)
        self.sim.message_time = 0.0
        self.say("*CLS")

    def say(self, line):
        self.sim.write(line.encode("latin-1") + b"\n")

    def hear(self):
        reply = self.sim.next_reply(self.clock.now())
        return None if reply is None else reply.decode("ascii").removesuffix("\n")

    def ask(self, line):
        self.say(line)
        return self.hear()

    def settled(self, line="SNAP?1,2"):
        """Wait 40 time constants of 100 ms, and return the numbers that a query gives."""
        self.clock.wait(4.0)
        return [float(number) for number in self.ask(line).split(",")]
