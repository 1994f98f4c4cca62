"""A 6221 with a 2182A on its serial port and trigger lines, both on one device whose law a test can choose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rig_6221 import Recorder

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_2182a import Keithley2182ASim
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.ports import SerialCable, TriggerLink

#: What the tests speak of: 1 mA makes 10 mV.
OHMS = 10.0


class Rig:
    """Source and meter whose messages take no time; `law` gives the voltage (V) for current (A) and time (s)."""

    def __init__(
        self,
        law: Callable[[float, float], float] = lambda amperes, time: OHMS * amperes,
        *,
        relay: bool = True,
        link: bool = True,
        line_frequency: float = 60.0,
        noise: bool = False,
    ) -> None:
        self.clock = VirtualClock()
        self.load = Recorder(self.clock, 264.0)
        self.link = TriggerLink()
        cables = {"relay": SerialCable() if relay else None, "trigger_link": self.link if link else None}
        self.meter = Keithley2182ASim(
            self.clock,
            lambda: law(self.current(), self.clock.now()),
            np.random.default_rng(1),
            noise=noise,
            accuracy=False,
            line_frequency=line_frequency,
            **cables,  # type: ignore[arg-type]
        )
        self.source = Keithley6221Sim(
            self.clock,
            self.load,
            accuracy=False,
            line_frequency=line_frequency,
            **cables,  # type: ignore[arg-type]
        )
        self.source.message_time = self.meter.message_time = 0.0

    def current(self) -> float:
        """The current (A) that flows now."""
        return self.load.current(self.clock.now())

    def say(self, *lines: str) -> None:
        for line in lines:
            self.source.write(line.encode() + b"\n")

    def ask(self, line: str, timeout: float = 10.0) -> str:
        self.say(line)
        reply = self.source.next_reply(self.clock.now() + timeout)
        assert reply is not None
        return reply.decode().removesuffix("\n")

    def numbers(self, line: str) -> list[float]:
        return [float(text) for text in self.ask(line).split(",")]

    def error(self) -> int:
        return int(self.ask("SYST:ERR?").split(",")[0])

    def measure(self, mode: str, *set_up: str, seconds: float = 100.0) -> list[float]:
        """Set up, arm and run one mode to its end; return the readings in the buffer."""
        self.run(mode, *set_up, seconds=seconds)
        return self.numbers("TRAC:DATA?")[::2]

    def run(self, mode: str, *set_up: str, seconds: float = 100.0) -> float:
        """Set up, arm, start, and wait; return when it was started (s)."""
        self.say('SYST:COMM:SER:SEND "VOLT:NPLC 1"', *set_up, f"SOUR:{mode}:ARM")
        assert self.error() == 0
        started = self.clock.now()
        self.say("INIT:IMM")
        self.clock.wait(seconds)
        return started

    def levels(self, since: float) -> list[tuple[float, float]]:
        """Every change of the current since a time (s): when it came (from then on), and to what (A)."""
        return [(time - since, what) for time, what in self.load.given if time >= since]  # type: ignore[misc]
