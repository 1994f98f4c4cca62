"""A 6221 on a resistor that remembers what flowed, for the tests of its waves."""

from __future__ import annotations

import math

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.ports import Waveform

#: An armed, running wave of this set-up lasts for ever.
SQUARE = ("SOUR:WAVE:FUNC SQU", "SOUR:WAVE:AMPL 1e-3", "SOUR:WAVE:FREQ 100")


class Recorder:
    """A resistor that remembers what it was given, and when."""

    def __init__(self, clock: VirtualClock, resistance: float) -> None:
        self.clock = clock
        self.resistance = resistance
        self.given: list[tuple[float, float | Waveform]] = []

    def drive(self, current: float | Waveform) -> None:
        self.given.append((self.clock.now(), current))

    def current(self, time: float) -> float:
        """The current (A) that flowed, or flows, at a time (s)."""
        for since, what in reversed(self.given):
            if since <= time:
                return what.at(time) if isinstance(what, Waveform) else what
        return 0.0


class Rig:
    """A 6221 on a resistor whose messages take no time."""

    def __init__(self, *, resistance: float = 264.0, accuracy: bool = False, serial: str = "1") -> None:
        self.clock = VirtualClock()
        self.load = Recorder(self.clock, resistance)
        self.source = Keithley6221Sim(self.clock, self.load, accuracy=accuracy, serial=serial)
        self.source.message_time = 0.0
        self.started = math.nan

    def say(self, *lines: str) -> None:
        for line in lines:
            self.source.write(line.encode() + b"\n")

    def ask(self, line: str) -> str:
        self.say(line)
        reply = self.source.next_reply(self.clock.now() + 10.0)
        assert reply is not None
        return reply.decode().removesuffix("\n")

    def start(self, *set_up: str, output: bool = True) -> None:
        """Set up, arm, wait until that is done, start."""
        self.say(*set_up)
        if output:
            self.say("OUTP ON")
        self.say("SOUR:WAVE:ARM")
        assert self.ask("SYST:ERR?") == '0,"No error"'
        self.started = self.clock.now()
        self.say("SOUR:WAVE:INIT")

    def now(self) -> float:
        """The current (A) that flows now."""
        return self.load.current(self.clock.now())

    def seen(self, *times: float) -> list[float]:
        """The current (A) at some times (s) since the start; the clock goes there."""
        self.clock.run_until(self.started + max(times))
        return [self.load.current(self.started + time) for time in times]
