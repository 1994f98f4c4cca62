"""A bench with a 6221 that plays waves and an SR830 at the Hall arms, in raw messages, for the tests of both."""

import dataclasses

from benchtop import INSTRUMENTS, SPEC, Lab

from sim_instruments.bench import InstrumentSpec
from sim_instruments.keithley_6221 import Keithley6221Sim
from sim_instruments.srs_sr830 import SR830Sim

LOCKIN_SPEC = dataclasses.replace(
    SPEC,
    instruments=(
        InstrumentSpec("source", Keithley6221Sim, "GPIB::12::INSTR"),
        *INSTRUMENTS[1:],
        InstrumentSpec("lockin", SR830Sim, "GPIB::8::INSTR"),
    ),
    lockin="lockin",
)
#: Status bits (LIAS?) of the lock-in.
INPUT_OVERLOAD, UNLOCKED = 1, 8
#: Time constants until four poles have settled to nothing.
SETTLED = 40.0
TIME_CONSTANTS = {0.01: 6, 0.1: 8, 1.0: 10}


class AcLab(Lab):
    """A Lab whose lock-in listens to the trigger link: 24 dB/octave, 5 mV full scale."""

    def __init__(self, *, spec=LOCKIN_SPEC, time_constant=0.1, **switches):
        super().__init__(spec=spec, **switches)
        self.time_constant = time_constant
        self.say("lockin", "FMOD 0;RSLP 1;ISRC 1;SENS 19;RMOD 0;OFSL 3")
        self.say("lockin", f"OFLT {TIME_CONSTANTS[time_constant]}")
        self.say("source", "OUTP ON")

    def start(self, peak=1e-3, frequency=1e3, *set_up, marker="0"):
        """Play a sine, or what `set_up` says, with the phase marker at some degrees, on line 3 by default."""
        for line in (
            "SOUR:WAVE:FUNC SIN;OFFS 0;RANG BEST;DUR:TIME INF;CYCL INF",
            f"SOUR:WAVE:AMPL {peak};FREQ {frequency}",
            f"SOUR:WAVE:PMAR:OLIN 3;STAT ON;:SOUR:WAVE:PMAR {marker}",
            *set_up,
            "SOUR:WAVE:ARM",
        ):
            self.say("source", line)
        self.wait(2.0)
        assert self.ask("source", "SYST:ERR?") == '0,"No error"'
        self.say("source", "SOUR:WAVE:INIT")

    def stop(self):
        self.say("source", "SOUR:WAVE:ABOR")

    def xy(self):
        """X + i Y (V rms) now."""
        return complex(*map(float, self.ask("lockin", "SNAP?1,2").split(",")))

    def settled(self, harmonic=1):
        """X + i Y (V rms) of a harmonic, when the outputs have settled."""
        self.say("lockin", f"HARM {harmonic}")
        self.wait(SETTLED * self.time_constant)
        return self.xy()

    def status(self):
        """What LIAS? has latched since it was last asked."""
        return int(self.ask("lockin", "LIAS?"))

    def to_field(self, supply, amperes, seconds=30.0):
        self.say(supply, f"SETI {amperes}")
        self.wait(seconds)
