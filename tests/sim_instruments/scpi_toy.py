"""A small SCPI instrument made for testing the engine, and a controller that talks to it."""

from __future__ import annotations

import math

from sim_instruments.clock import VirtualClock
from sim_instruments.scpi import ScpiInstrument
from sim_instruments.scpi_commands import Group, Pending, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Number, Quoted
from sim_instruments.scpi_status import ScpiError

NO_ERROR = '0,"No error"'


class Lamp(Group):
    """A lamp with a voltage, a colour, and something slow to do."""

    volts = Setting("SOURce:VOLTage[:LEVel][:IMMediate]", Number(-5.0, 5.0, ".3f"), default=1.0)
    limit = Setting("SOURce:LIMit", Number(0.0, 100.0, ".1f", infinite=True), default=math.inf)
    steps = Setting("SOURce:STEPs", Integer(1, 10), default=3.0)
    on = Setting("OUTPut[:STATe]", Boolean(), default=False)
    colour = Setting("LAMP:COLour", Choice("REDdish", "BLUE", "SENSe1"), default="BLUE")
    shape = Setting("LAMP:SHAPe", Quoted("ROUNd[:FLAT]"), default="ROUNd[:FLAT]")
    gain = Setting("CHANnel2:GAIN", Number(0.0, 10.0, ".1f"), default=0.0)
    memory = Setting("LAMP:MEMory", Integer(0, 9), default=0.0, keeps=True)

    def __init__(self, instrument: Toy) -> None:
        super().__init__()
        self.instrument = instrument
        self.heard: list[tuple[float, ...]] = []

    @volts.check
    def fit(self, volts: float) -> float:
        if volts == 3.0:
            raise ScpiError(-221)
        return volts

    @command("SYSTem:BEEPer", Number(0, 1e6), Number(0, 10), optional=1)
    def beep(self, *numbers: float) -> None:
        self.heard.append(numbers)

    @command("LAMP:WARM")
    def warm(self) -> None:
        """Overlapped: takes 2 s."""
        self.instrument.operations.begin()
        self.instrument.clock.after(2.0, self.instrument.operations.end)

    @query("LAMP:BRIGhtness")
    def brightness(self) -> Pending:
        """Answered after 1 s."""
        pending = Pending()
        self.instrument.clock.after(1.0, lambda: pending.settle("7"))
        return pending

    @query("LAMP:FLICker")
    def flicker(self) -> Pending:
        """Refused after 1 s."""
        pending = Pending()
        self.instrument.clock.after(1.0, lambda: pending.refuse(-230))
        return pending


class Toy(ScpiInstrument):
    """The lamp as an instrument; *RST takes half a second."""

    groups = (Lamp,)
    reset_time = 0.5

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock, "TOY")
        self.install(Lamp(self))


class Bus:
    """A controller on GPIB (`raw=False`) or on a socket."""

    def __init__(self, *, raw: bool = False) -> None:
        self.clock = VirtualClock()
        self.toy = Toy(self.clock)
        self.raw = raw

    def say(self, line: str) -> None:
        self.toy.write(line.encode("latin-1") + b"\n", end=not self.raw, message_exchange=not self.raw)

    def hear(self, timeout: float = 5.0) -> str | None:
        reply = self.toy.next_reply(self.clock.now() + timeout, message_exchange=not self.raw)
        return None if reply is None else reply.removesuffix(b"\n").decode()

    def ask(self, line: str) -> str | None:
        self.say(line)
        return self.hear()

    def errors(self) -> list[int]:
        codes: list[int] = []
        while (reply := self.ask("SYST:ERR?") or "") != NO_ERROR:
            codes.append(int(reply.split(",")[0]))
        return codes
