"""A station opened: drivers on their wires, roles filled, and everything closed again at the end."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from drivers._wire import Wire
from drivers.errors import InstrumentError, Overload
from drivers.field_source import FieldSource
from labctl import locks, parking, rawsocket, registry, sessions
from labctl.clock import FollowingClock, RecordingClock, ReplayClock, StoppableClock, WallClock
from labctl.oversight import Oversight
from labctl.parking import ParkingStep
from labctl.record import Quantity
from labctl.safety import magnet_for
from labctl.stopping import StopRequests, Watch

if TYPE_CHECKING:
    import pyvisa

    from drivers._wire import Clock
    from drivers.keithley_2182a import Keithley2182A
    from drivers.keithley_6221 import Keithley6221
    from drivers.srs_sr830 import SR830
    from labctl.bench import BlackBox, Tape
    from labctl.config import Sample, Station
    from labctl.engine import Operator, Request
    from labctl.record import Recording
    from protocols import roles as role_of

    def drivers_fit_their_roles(
        source: Keithley6221, voltmeter: Keithley2182A, lockin: SR830, magnet: FieldSource
    ) -> tuple[role_of.PulseSource, role_of.Voltmeter, role_of.LockIn, role_of.FieldSource]:
        return source, voltmeter, lockin, magnet


__all__ = ["InstrumentError", "OpenStation", "Overload", "check_drivers", "opened", "rehearsing"]

WireLog = Callable[[float, str, str, str], None]


class OpenStation:
    """The lab that a protocol is handed: instruments by role, and the station's clock."""

    def __init__(
        self, clock: Clock, glance: Callable[[], float], watch: Watch | None = None, time_factor: float = 1.0
    ) -> None:
        """Take the station's clock; `glance` tells its time (s) without leaving a reading on it.

        `watch` is looked after before every exchange; a real station's time passes `time_factor` times faster.
        """
        self.watch = watch or Watch()
        self._time_factor = time_factor
        self._clock = clock
        self._glance = glance
        self._start = self._clock.now()
        self._roles: dict[str, Any] = {}
        self._instruments: dict[str, tuple[Any, str]] = {}
        self._known: set[str] = set()
        #: What limits, ledger and interlocks see of the station, and do to it.
        self.oversight = Oversight(self._roles, self._instruments, self.elapsed, self.warn)
        self.found: Sequence[str] = ()  # what there is to say of the station as it was found
        self.takes: Callable[[Mapping[str, float]], bool] = lambda _row: (
            True
        )  # whether a row is one of the data
        self._handles: dict[str, dict[str, Any]] = {}
        self._arm: Callable[[list[dict[str, Any]]], None] = lambda _parts: None
        self._note: Callable[[str, str], None] = lambda _level, _text: None

    # --- what a protocol sees ---------------------------------------------------------------------

    @property
    def source(self) -> role_of.PulseSource:
        """The current source that drives the bar."""
        return self._role("source")

    @property
    def voltmeter(self) -> role_of.Voltmeter:
        """The voltmeter across the Hall arms."""
        return self._role("voltmeter")

    @property
    def lockin(self) -> role_of.LockIn:
        """The lock-in amplifier across the Hall arms."""
        return self._role("lockin")

    @property
    def magnet_x(self) -> role_of.FieldSource:
        """The magnet along the current."""
        return self._role("magnet_x")

    @property
    def magnet_y(self) -> role_of.FieldSource:
        """The magnet across the current."""
        return self._role("magnet_y")

    @property
    def magnet_z(self) -> role_of.FieldSource:
        """The magnet along the film normal."""
        return self._role("magnet_z")

    def has(self, role: str) -> bool:
        """Return True where the station fills a role."""
        return role in self._roles

    def _role(self, name: str) -> Any:
        if name not in self._roles:
            raise LookupError(f"a protocol must name {name!r} among its roles before it uses it")
        return self._roles[name]

    def wait(self, seconds: float) -> None:
        """Let time pass on the station's clock."""
        self._clock.wait(seconds)

    def now(self) -> float:
        """Seconds on the station's clock since it was opened."""
        return self._clock.now() - self._start

    def note(self, text: str) -> None:
        """Write a line into the run's log."""
        self._note("info", text)

    def warn(self, text: str) -> None:
        """Write a warning into the run's log."""
        self._note("warning", text)

    def log(self, level: str, text: str) -> None:
        """Write a line of some level into the run's log."""
        self._note(level, text)

    # --- what the engine sees ---------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The station's clock as instruments and protocol read it."""
        return self._clock

    @property
    def readings(self) -> array[float]:
        """Every reading (s) of the clock since it was looked at last; whoever takes them empties it."""
        return self._clock.readings if isinstance(self._clock, RecordingClock) else array("d")

    def elapsed(self) -> float:
        """As `now`, for the engine's own book-keeping, which no replay has to repeat."""
        return self._glance() - self._start

    @property
    def resources(self) -> list[str]:
        """Where the instruments are."""
        return [resource for _, resource in self._instruments.values()]

    def on_note(self, note: Callable[[str, str], None]) -> None:
        """Say where notes go: a function of level and text."""
        self._note = note

    def on_known(self, arm: Callable[[list[dict[str, Any]]], None]) -> None:
        """Say who is handed the recipe of parking once every instrument is known, before anything is set."""
        self._arm = arm

    def connect(self) -> None:
        """Ask every instrument who it is and empty its error queue; nothing is set, no output jumps."""
        for role, (instrument, _) in self._instruments.items():
            for text in instrument.connect():
                self._note("warning", f"{role}: {text}")
            self._known.add(role)
        self._arm(self.recipe())
        for magnet in self._magnets():
            magnet.prepare()

    def describe(self) -> dict[str, dict[str, Any]]:
        """Identity, resource, driver and present settings of every instrument, by role."""
        return {
            role: {
                "identity": instrument.identity,
                "resource": resource,
                "driver": type(instrument).__name__,
                "settings_before": _quantities(instrument.settings()),
            }
            for role, (instrument, resource) in self._instruments.items()
        }

    def settings_left(self, roles: Iterable[str]) -> dict[str, dict[str, Quantity]]:
        """Present settings of the instruments in these roles, as far as they still answer."""
        left: dict[str, dict[str, Quantity]] = {}
        for role in roles:
            try:
                instrument = self._instruments[role][0]
                left[role] = _quantities(instrument.settings()) | {
                    "repeats": Quantity(instrument.wire.repeats, "1", "queries that had to be asked again")
                }
            except InstrumentError as error:
                self._note("warning", f"{role}: settings after the run are unknown: {error}")
        return left

    def parking(self) -> list[ParkingStep]:
        """The steps of parking, in order: current to zero and output off, then the magnets, then the meters.

        What did not identify itself as the right instrument is left alone: nothing was set there, and nobody
        knows what a command would do to it.
        """
        magnets = [
            role for role in self._roles if role.startswith("magnet_") and f"{role}_supply" in self._known
        ]
        order = ("source", *magnets, "lockin", "voltmeter")
        return [
            ParkingStep(
                role,
                self._roles[role].park,
                self._roles[role].longest_ramp / self._time_factor if role in magnets else 0.0,
            )
            for role in order
            if role in {*magnets, *self._known}
        ]

    def recipe(self) -> list[dict[str, Any]]:
        """The same as plain data, for a guard: each instrument's identity, steps, and the way to it."""
        parts: list[dict[str, Any]] = []
        for step in self.parking():
            is_magnet = step.what.startswith("magnet_")
            label = f"{step.what}_supply" if is_magnet else step.what
            instrument = self._instruments[label][0]
            steps = (self._roles[step.what] if is_magnet else instrument).parking_recipe()
            parts.append(
                {
                    "name": step.what,
                    "identity": instrument.identity,
                    "steps": [(type(one).__name__, asdict(one)) for one in steps],
                    **self._handles[label],
                }
            )
        return parts

    def _magnets(self) -> list[FieldSource]:
        return [magnet for role, magnet in self._roles.items() if role.startswith("magnet_")]

    def add(self, role: str, instrument: Any, resource: str, handle: dict[str, Any]) -> None:
        """Take an instrument that has a wire of its own; `source` and the meters are roles themselves.

        `handle` is the way to it for a guard (`heartbeat.Guard.arm`).
        """
        self._instruments[role] = (instrument, resource)
        self._handles[role] = handle
        if role in {"source", "voltmeter", "lockin"}:
            self._roles[role] = instrument

    def add_magnet(self, role: str, magnet: FieldSource) -> None:
        """Take the field source that plays a magnet's role."""
        self._roles[role] = magnet


@contextmanager
def opened(request: Request, log: WireLog | None, operator: Operator) -> Generator[OpenStation]:
    """Open the instruments that the request's protocol needs, real or simulated; close them at the end."""
    station = request.station
    _ask_for_turned_magnets(station, request.roles, operator)
    if station.simulated:
        from labctl import bench

        room = bench.build(station, request.sample, request.seed, request.roles)
        with _wired(station, request.roles, room.library, room.clock, log) as lab:
            _hold(lab, request)
            yield lab
    else:
        with locks.held(station, request.title) as stale, _guarded(request, log) as lab:
            _hold(lab, request)
            lab.found = stale
            yield lab


@contextmanager
def _guarded(request: Request, log: WireLog | None) -> Generator[OpenStation]:
    """Open real or served instruments with a guard beside this process, from before the first set-point on."""
    from labctl.heartbeat import Guard

    station, watch = request.station, Watch()
    watch.guard = guard = Guard()
    sockets: list[int] = []
    try:
        clock = WallClock(station.time_factor, watch)
        with _wired(station, request.roles, station.visa, clock, log, watch=watch, sockets=sockets) as lab:
            lab.on_known(lambda parts: guard.arm(parts, sockets, station.time_factor, request.target))
            yield lab
    finally:
        guard.let_go()


def park(lab: OpenStation) -> list[str]:
    """Park a station, and send its guard home; return what was not confirmed."""
    unparked = parking.park(lab.parking(), lab.note, lab.watch)
    if lab.watch.guard is not None:
        lab.watch.guard.stand_down()
        lab.watch.guard = None
    return unparked


@contextmanager
def rehearsing(request: Request) -> Generator[tuple[OpenStation, Callable[[], BlackBox]]]:
    """Open the simulated twin of the station, with a function that says what the sample has seen so far."""
    from labctl import bench

    room = bench.build(request.station, request.sample, request.seed, request.roles)
    with _wired(request.station, request.roles, room.library, room.clock, None) as lab:
        _hold(lab, request)
        yield lab, lambda: bench.seen(room)


@contextmanager
def replaying(
    request: Request, recording: Recording, stop: StopRequests
) -> Generator[tuple[OpenStation, Tape]]:
    """Open the request's instruments on a recording of their wire; the tape tells what differed.

    Once somebody wants it stopped, the station's clock interrupts whatever goes on, parking included.
    """
    from labctl import bench

    wires = {
        request.station.instruments[name].resource: label
        for label, name in _parts(request.station, request.roles)
    }
    clock: FollowingClock | ReplayClock
    library, tape = bench.recorded(wires, recording.lines, recording.mode)
    if recording.mode == "strict":
        clock = ReplayClock(recording.readings)
        glance = clock.glance
    else:
        clock = FollowingClock(lambda: tape.now)
        glance = clock.now
    stoppable = StoppableClock(clock, lambda: stop.reason)
    with _wired(request.station, request.roles, library, stoppable, None, glance) as lab:
        yield lab, tape


@contextmanager
def visited(station: Station, sample: Sample) -> Generator[Visit]:
    """Prepare to open a station's instruments one by one, for somebody who wants to know how each of them is."""
    from labctl import bench

    with ExitStack() as stack:
        if station.simulated:
            room = bench.build(station, sample, 0, ())
            library, clock = room.library, room.clock
        else:
            stack.enter_context(locks.held(station, "station check"))
            library, clock = station.visa, WallClock(station.time_factor)
        manager = sessions.manager(library)
        stack.callback(manager.close)
        yield Visit(station, manager, clock)


class Visit:
    """A station's instruments, to be opened one by one; what one of them does concerns no other."""

    def __init__(self, station: Station, manager: pyvisa.ResourceManager, clock: Clock) -> None:
        self._station = station
        self._manager = manager
        self.clock = clock

    @contextmanager
    def open(self, name: str) -> Generator[Any]:
        """Open one instrument by its name in the station file, as its driver; FaultError where it is not there."""
        section = self._station.instruments[name]
        resource = sessions.opened(self._manager, section.resource, name)
        try:
            yield registry.load("drivers", section.driver)(Wire(resource, self.clock, name))
        finally:
            resource.close()

    @contextmanager
    def open_roles(self, roles: Sequence[str]) -> Generator[OpenStation]:
        """Open what some roles need, as a run does."""
        library = self._manager.visalib
        with _wired(self._station, roles, library, self.clock, None) as lab:
            yield lab


@contextmanager
def _wired(
    station: Station,
    roles: Sequence[str],
    library: Any,
    clock: Clock,
    log: WireLog | None,
    glance: Callable[[], float] | None = None,
    watch: Watch | None = None,
    sockets: list[int] | None = None,
) -> Generator[OpenStation]:
    watched = clock if log is None else RecordingClock(clock)
    lab = OpenStation(watched, glance or clock.now, watch, station.time_factor)
    with ExitStack() as stack:
        manager = sessions.manager(library)
        stack.callback(manager.close)

        opened: dict[str, Any] = {}
        for label, name in _parts(station, roles):
            section = station.instruments[name]
            resource = sessions.opened(manager, section.resource, label)
            stack.callback(resource.close)
            wire = Wire(
                resource,
                lab.clock,
                label,
                log,
                unread=rawsocket.unread(manager, resource),
                note=lambda text: lab.warn(text),
                heed=lab.watch,
            )
            driver = registry.load("drivers", section.driver)(wire)
            handle: dict[str, Any] = {"visa": station.visa, "resource": section.resource}
            line = rawsocket.descriptor(manager, resource)
            if line is not None and sockets is not None:
                handle = {"socket": len(sockets)}
                sockets.append(line)
            lab.add(label, driver, section.resource, handle)
            opened[label] = driver

        for role in roles:
            if not role.startswith("magnet_"):
                continue
            magnet = station.magnets[magnet_for(station, role)]
            lab.add_magnet(
                role,
                FieldSource(
                    opened[f"{role}_supply"],
                    opened.get(f"{role}_gaussmeter"),
                    field_per_current=magnet.field_per_current,
                    mu0_H_max=magnet.mu0_H_max,
                    slew=magnet.slew,
                    tolerance=magnet.tolerance,
                    closed_loop=magnet.closed_loop,
                    clock=lab.clock,
                    name=role,
                ),
            )
        yield lab


def _hold(lab: OpenStation, request: Request) -> None:
    """Hold the instruments of a request to the limits of its station and sample."""
    lab.oversight.hold(request.station, request.sample, dict(_parts(request.station, request.roles)))


def _parts(station: Station, roles: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what an instrument is called on the wire of a run, and in the station file, role by role."""
    for role in roles:
        if not role.startswith("magnet_"):
            yield role, role
            continue
        magnet = station.magnets[magnet_for(station, role)]
        yield f"{role}_supply", magnet.supply
        if magnet.gaussmeter:
            yield f"{role}_gaussmeter", magnet.gaussmeter


def _ask_for_turned_magnets(station: Station, roles: Sequence[str], operator: Operator) -> None:
    for role in roles:
        if role.startswith("magnet_") and not station.simulated:
            name = magnet_for(station, role)
            if station.magnets[name].axis == "manual":
                axis = {"x": "along the current", "y": "across the current", "z": "along the film normal"}
                operator(f"Turn the sample so that the field of magnet {name} points {axis[role[-1]]}.")


def check_drivers(station: Station) -> None:
    """Refuse a station whose drivers are not installed (RequestError); touches no instrument."""
    for section in station.instruments.values():
        registry.load("drivers", section.driver)


def _quantities(settings: Mapping[str, tuple[Any, str]]) -> dict[str, Quantity]:
    return {
        name: Quantity(value, None if isinstance(value, str) else unit)
        for name, (value, unit) in settings.items()
    }
