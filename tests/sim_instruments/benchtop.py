"""A bench for tests: plain third-party source and meter, two magnets with Lake Shores or a Kepco, raw messages."""

import dataclasses

from sim_instruments.bench import Bench, BenchSpec, InstrumentSpec, MagnetSpec
from sim_instruments.instrument import Instrument
from sim_instruments.kepco_bop import KepcoBopSim
from sim_instruments.lakeshore_475 import LakeShore475Sim
from sim_instruments.lakeshore_643 import LakeShore643Sim
from sim_instruments.physics.sample import SampleParameters
from sim_instruments.wiring import NO_EMF

OE = 1e-4
NM = 1e-9


class PlainSource(Instrument):
    """A third party's source, as small as can be: every message is a current in ampere."""

    def __init__(self, clock, load):
        super().__init__(clock)
        self.load = load

    def execute(self, message):
        self.load.drive(float(message))


class PlainMeter(Instrument):
    """A third party's voltmeter: every message is answered with the voltage, at most with a little noise."""

    def __init__(self, clock, input, rng, noise=True):
        super().__init__(clock)
        self.input = input
        self.rng = rng
        self.noise = 1e-8 if noise else 0.0

    def execute(self, message):
        self.reply(repr(float(self.input() + self.noise * self.rng.standard_normal())))


INSTRUMENTS = (
    InstrumentSpec("source", PlainSource, "GPIB::1::INSTR"),
    InstrumentSpec("meter", PlainMeter, "GPIB::2::INSTR"),
    InstrumentSpec("supply_x", LakeShore643Sim, "GPIB::3::INSTR"),
    InstrumentSpec("supply_z", LakeShore643Sim, "GPIB::4::INSTR"),
    InstrumentSpec("gauss_x", LakeShore475Sim, "GPIB::5::INSTR"),
    InstrumentSpec("gauss_z", LakeShore475Sim, "GPIB::6::INSTR"),
)
MAGNETS = (
    MagnetSpec("x", "supply_x", "gauss_x", (1.0, 0.0, 0.0), 10e-3, 0.4, 0.05),
    MagnetSpec("z", "supply_z", "gauss_z", (0.0, 0.0, 1.0), 5e-3, 0.4, 0.05),
)
SPEC = BenchSpec(INSTRUMENTS, MAGNETS, source="source", voltmeter="meter")


def iron_spec(remanence, lag, supply=LakeShore643Sim):
    """The same bench with an iron yoke in magnet z, and perhaps another supply on its coil."""
    changed = dataclasses.replace(INSTRUMENTS[3], simulator=supply)
    return dataclasses.replace(
        SPEC,
        instruments=(*INSTRUMENTS[:3], changed, *INSTRUMENTS[4:]),
        magnets=(MAGNETS[0], dataclasses.replace(MAGNETS[1], remanence=remanence, lag=lag)),
    )


KEPCO_SPEC = iron_spec(0.0, 0.0, KepcoBopSim)


class Lab:
    """A bench and somebody who types raw messages at its instruments."""

    def __init__(self, t_AlOx=0.0, spec=SPEC, device_seed=1, seed=1, n_patches=1024, **switches):
        ideal = {"noise": False, "accuracy": False, "emf": NO_EMF}
        self.bench = Bench(
            spec,
            SampleParameters.for_thickness(t_AlOx, n_patches=n_patches),
            device_seed=device_seed,
            seed=seed,
            **(ideal | switches),
        )
        for instrument in self.bench.instruments.values():
            instrument.message_time = 0.0
        self.wait = self.bench.clock.wait
        for name, instrument in self.bench.instruments.items():
            if isinstance(instrument, LakeShore643Sim):
                self.say(name, "RATE 1")
            elif isinstance(instrument, KepcoBopSim):
                self.say(name, "FUNC:MODE CURR;:VOLT 36;:OUTP ON")
            elif name.startswith("gauss"):
                self.say(name, "UNIT 2")

    def say(self, name, line):
        self.bench.instruments[name].write(line.encode() + b"\n")

    def ask(self, name, line="?"):
        self.say(name, line)
        return self.bench.instruments[name].next_reply(self.bench.clock.now() + 1).decode().strip()

    def field(self, name):
        return float(self.ask(name, "RDGFIELD?"))
