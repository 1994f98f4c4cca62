"""The wiring diagram: which simulated instruments stand on the bench, and what their terminals are soldered to."""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np

from sim_instruments.clock import VirtualClock
from sim_instruments.faults import Fault, Schedule
from sim_instruments.hall_arms import HallArms
from sim_instruments.instrument import Instrument
from sim_instruments.line import Line
from sim_instruments.magnets import HallProbe, Magnet, Vector
from sim_instruments.physics.draws import ThermalDraws
from sim_instruments.physics.sample import Sample, SampleParameters
from sim_instruments.ports import SerialCable, TriggerLink, Waveform
from sim_instruments.visa import BenchLibrary
from sim_instruments.wiring import ORDINARY_EMF, Envelope, HallBar, Interval, Moment, ThermalEmf

#: Largest change of a field component in one step of the sample during a ramp (T): 1 Oe, our choice.
FIELD_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """One instrument on the bench: its name in the station, what simulates it, and its VISA resource name.

    `simulator` is a subclass of `Instrument`. What it is wired to follows from the names of its constructor's
    parameters; it gets those it has and no others:

    =================  =========================================================================
    `clock`            the bench's virtual clock
    `load`             for the source: the Hall bar (`ports.Load`)
    `input`            for the voltmeter: the Hall voltage in V (`ports.Terminals`)
    `signal`           for the lock-in: the alternating part of the Hall voltage (`ports.LockInSignal`)
    `reference`        for the lock-in: what is plugged to REF IN (`ports.ReferenceInput`)
    `coil`             for a magnet's supply: the coil (`ports.Coil`)
    `probe`            for a magnet's gaussmeter: the field along the magnet in T (`ports.Terminals`,
                       with `at(time)` for the field a moment ago)
    `rng`              its own stream of noise (`numpy.random.Generator`)
    `relay`            for source and voltmeter: the RS-232 cable between them (`ports.SerialCable`)
    `trigger_link`     for the source, and for the voltmeter where it is linked: the trigger lines
                       (`ports.TriggerLink`)
    `line_frequency`   of the mains, in Hz
    `noise`            False for readings without noise
    `accuracy`         False for a unit without gain and offset errors
    =================  =========================================================================

    `options` are further keyword arguments, as they are.
    """

    name: str
    simulator: type[Instrument]
    resource: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class MagnetSpec:
    """One magnet: its supply and, where there is one, its gaussmeter, by the names of the instruments.

    `direction` is a unit vector (x along the current, z along the film normal), `field_per_current` in T/A,
    `resistance` (ohm) and `inductance` (H) are the winding's. `remanence` (T) is the field that the yoke keeps
    at zero current, `lag` (s) the time constant of its eddy currents: see `physics.yoke`. With neither, the
    field follows the current at once.
    """

    name: str
    supply: str
    gaussmeter: str | None
    direction: Vector
    field_per_current: float
    resistance: float
    inductance: float
    remanence: float = 0.0
    lag: float = 0.0

    def __post_init__(self) -> None:
        if not math.isclose(math.hypot(*self.direction), 1.0, rel_tol=1e-9):
            raise ValueError(f"the direction of {self.name} must be a unit vector; got {self.direction!r}")


@dataclass(frozen=True, slots=True)
class BenchSpec:
    """The whole bench: instruments and magnets, which instruments feed and read the bar, the mains (Hz).

    A lock-in, where there is one, is parallel to the voltmeter, and its REF IN is plugged to the trigger line
    `reference_line` (1 to 6) of the source; 3 is the one that a 6221 has its phase marker on by default.

    With `relay` the voltmeter's port in use is RS-232, and the source is at the other end of the cable: it is
    reached through that, and no longer under its own resource name. `trigger_link` joins their trigger lines. The
    source's delta modes need both.
    A name or a resource used twice, or a wire to an instrument that is not there, raises ValueError.
    """

    instruments: tuple[InstrumentSpec, ...]
    magnets: tuple[MagnetSpec, ...]
    source: str
    voltmeter: str
    line_frequency: float = 50.0
    relay: bool = False
    trigger_link: bool = False
    lockin: str | None = None
    reference_line: int = 3

    def __post_init__(self) -> None:
        names = {one.name for one in self.instruments}
        if not len(self.instruments) == len(names) == len({one.resource for one in self.instruments}):
            raise ValueError("two instruments on a bench must differ in name and in resource name")
        if len(self.magnets) != len({magnet.name for magnet in self.magnets}):
            raise ValueError("two magnets on a bench must differ in name")
        wired = {self.source, self.voltmeter, *(magnet.supply for magnet in self.magnets)}
        if self.lockin is not None:
            wired.add(self.lockin)
        wired |= {magnet.gaussmeter for magnet in self.magnets if magnet.gaussmeter is not None}
        if missing := wired - names:
            raise ValueError(f"the wiring names instruments that are not on the bench: {sorted(missing)}")


class Bench:
    """A room with one sample in it: instruments that answer under their resource names, on one virtual clock.

    Everything that is drawn follows from two seeds: `device_seed` says which device lies on the bench,
    `seed` is the noise of the run: the sample's thermal noise, and one stream for each instrument that
    depends on its name only, so that one instrument more does not change the readings of the others. Same
    specification, same seeds, same messages: same answers, bit for bit.

    `noise` and `accuracy` False take the instruments' noise and their gain and offset errors away, `emf` is
    the thermal voltage in the Hall leads (`wiring.NO_EMF` for none). With `record` True, `history` holds
    every interval as the sample has felt it, so that the bare model can be fed with the same; otherwise it
    stays empty. `field_step` (T) is how finely a ramp is followed.

    A terminal used twice, and a simulator that lacks the terminal it is wired by or has one that is left open,
    raise ValueError.
    """

    def __init__(
        self,
        spec: BenchSpec,
        parameters: SampleParameters,
        *,
        device_seed: int,
        seed: int,
        noise: bool = True,
        accuracy: bool = True,
        emf: ThermalEmf = ORDINARY_EMF,
        record: bool = False,
        field_step: float = FIELD_STEP,
    ) -> None:
        self.spec = spec
        self.clock = VirtualClock()
        self.sample = Sample(parameters, device_seed, ThermalDraws(seed))
        self.magnets = {
            magnet.name: Magnet(
                magnet.name,
                magnet.direction,
                magnet.field_per_current,
                magnet.resistance,
                magnet.inductance,
                remanence=magnet.remanence,
                lag=magnet.lag,
            )
            for magnet in spec.magnets
        }
        self.history: list[Interval] = []
        self._bar = HallBar(
            self.clock,
            self.sample,
            tuple(self.magnets.values()),
            emf,
            field_step,
            self.history if record else None,
        )
        self._common: dict[str, Any] = {
            "clock": self.clock,
            "line_frequency": spec.line_frequency,
            "noise": noise,
            "accuracy": accuracy,
        }
        self._seed = seed
        wires = self._wires()
        self.instruments = {one.name: self._install(one, wires.get(one.name, {})) for one in spec.instruments}
        self.library = BenchLibrary(
            {
                one.resource: self.instruments[one.name]
                for one in spec.instruments
                if one.name in self.reachable
            },
            self.clock,
        )

    @property
    def reachable(self) -> dict[str, Instrument]:
        """The instruments that have an address of their own: all but a voltmeter on the source's serial port."""
        hidden = self.spec.voltmeter if self.spec.relay else None
        return {name: instrument for name, instrument in self.instruments.items() if name != hidden}

    @cached_property
    def lines(self) -> dict[str, Line]:
        """The cables of the reachable instruments, by name: ideal ones, until somebody asks for them."""
        lines = {name: Line(instrument, name) for name, instrument in self.reachable.items()}
        for line in lines.values():
            line.instrument.line = line
        return lines

    def suffer(self, faults: Sequence[Fault]) -> Schedule:
        """Let these things go wrong, each at its moment; ValueError where one cannot happen here."""
        return Schedule(faults, self.lines, self.clock)

    def on_current(self, driven: Callable[[float | Waveform], None]) -> None:
        """Call this with every current that begins to flow through the bar."""
        self._bar.driven = driven

    @property
    def envelope(self) -> Envelope:
        """What the bar and the magnets have gone through so far, whatever the instruments say about it."""
        return self._bar.envelope()

    @property
    def moment(self) -> Moment:
        """What flows and what field there is now, whatever the instruments say about it."""
        now = self.clock.now()
        return Moment(
            now,
            self._bar.current,
            {name: one.current(now) for name, one in self.magnets.items()},
            {name: one.mu0_H(now) for name, one in self.magnets.items()},
        )

    def _wires(self) -> dict[str, dict[str, Any]]:
        """Return by instrument which terminal is soldered to what."""
        magnets = tuple(self.magnets.values())
        joints: list[tuple[str, str, Any]] = [
            (self.spec.source, "load", self._bar),
            (self.spec.voltmeter, "input", self._bar.hall_voltage),
        ]
        link = TriggerLink()
        if self.spec.relay:
            cable = SerialCable()
            joints += [(one, "relay", cable) for one in (self.spec.source, self.spec.voltmeter)]
        if self.spec.trigger_link or self.spec.lockin is not None:
            joints.append((self.spec.source, "trigger_link", link))
        if self.spec.trigger_link:
            joints.append((self.spec.voltmeter, "trigger_link", link))
        if self.spec.lockin is not None:
            reference = link.line(self.spec.reference_line)
            reference.about_to_change = self._bar.announce
            joints += [
                (self.spec.lockin, "signal", HallArms(self._bar, self.sample)),
                (self.spec.lockin, "reference", reference),
            ]
        for magnet in self.spec.magnets:
            joints.append((magnet.supply, "coil", self.magnets[magnet.name]))
            if magnet.gaussmeter is not None:
                joints.append((magnet.gaussmeter, "probe", HallProbe(self.clock, magnets, magnet.direction)))
        wires: dict[str, dict[str, Any]] = {}
        for instrument, terminal, what in joints:
            if terminal in wires.setdefault(instrument, {}):
                raise ValueError(f"the terminal {terminal} of {instrument} is wired twice")
            wires[instrument][terminal] = what
        return wires

    def _install(self, one: InstrumentSpec, wires: Mapping[str, Any]) -> Instrument:
        signature = inspect.signature(one.simulator)
        stream = np.random.default_rng([self._seed, zlib.crc32(one.name.encode())])
        offered = {**self._common, "rng": stream}
        given = {name: thing for name, thing in offered.items() if name in signature.parameters}
        given |= {**wires, **one.options}
        try:
            signature.bind(**given)
        except TypeError as error:
            raise ValueError(f"the simulator of {one.name} cannot be wired like this: {error}") from error
        return cast("Callable[..., Instrument]", one.simulator)(**given)
