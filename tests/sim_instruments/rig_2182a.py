"""A simulated 2182A on a voltage that a test can set."""

from __future__ import annotations

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.keithley_2182a import Keithley2182ASim


class Rig:
    """A 2182A on a voltage that can be set, or made a function of time."""

    def __init__(
        self, *, noise: bool = False, accuracy: bool = False, seed: int = 1, **options: object
    ) -> None:
        self.clock = VirtualClock()
        self.volts = 1e-3
        rng = np.random.default_rng(seed)
        self.meter = Keithley2182ASim(
            self.clock,
            lambda: self.volts,
            rng,
            noise=noise,
            accuracy=accuracy,
            **options,  # type: ignore[arg-type]
        )
        self.meter.message_time = 0.0

    def say(self, *lines: str) -> None:
        for line in lines:
            self.meter.write(line.encode() + b"\n")

    def hear(self, timeout: float = 100.0) -> str:
        reply = self.meter.next_reply(self.clock.now() + timeout)
        assert reply is not None
        return reply.decode().removesuffix("\n")

    def ask(self, line: str) -> str:
        self.say(line)
        return self.hear()

    def read(self) -> float:
        return float(self.ask("READ?"))

    def seconds(self, line: str) -> float:
        start = self.clock.now()
        self.ask(line)
        return self.clock.now() - start

    def error(self) -> int:
        return int(self.ask("SYST:ERR?").split(",")[0])
