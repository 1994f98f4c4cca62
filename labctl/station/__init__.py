"""A station opened: drivers on their wires, roles filled, and everything closed again at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from drivers._wire import Wire
from drivers.errors import InstrumentError, Overload
from drivers.field_source import FieldSource
from labctl import locks, parking, rawsocket, registry, sessions
from labctl.clock import FollowingClock, RecordingClock, ReplayClock, StoppableClock, WallClock
from labctl.safety import magnet_for, parts
from labctl.station.lab import OpenStation, part_of
from labctl.stopping import StopRequests, Watch

if TYPE_CHECKING:
    from pathlib import Path

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


__all__ = ["InstrumentError", "OpenStation", "Overload", "check_drivers", "opened", "part_of", "rehearsing"]

WireLog = Callable[[float, str, str, str], None]


@contextmanager
def opened(request: Request, log: WireLog | None, operator: Operator) -> Generator[OpenStation]:
    """Open the instruments that the request's protocol needs, real or simulated; close them at the end."""
    station = request.station
    _ask_for_turned_magnets(station, request.roles, operator)
    if station.simulated:
        from labctl import bench

        room = bench.build(station, request.sample, request.seed, request.roles)
        with _wired(station, request.roles, room.library, room.clock, log) as lab:
            if request.faults:
                lab.on_row = bench.suffer(room, request.faults)
            _hold(lab, request.station, request.sample, request.roles)
            yield lab
    else:
        with (
            locks.held(station, request.title) as stale,
            _guarded(station, request.roles, request.target, log) as lab,
        ):
            _hold(lab, request.station, request.sample, request.roles)
            lab.found = stale
            yield lab


@contextmanager
def _guarded(
    station: Station, roles: Sequence[str], target: Path, log: WireLog | None
) -> Generator[OpenStation]:
    """Open real or served instruments with a guard beside this process, from before the first set-point on."""
    from labctl.heartbeat import Guard

    watch = Watch()
    watch.guard = guard = Guard()
    sockets: list[int] = []
    try:
        clock = WallClock(station.time_factor, watch)
        with _wired(station, roles, station.visa, clock, log, watch=watch, sockets=sockets) as lab:
            lab.on_known(lambda parts: guard.arm(parts, sockets, station.time_factor, target))
            yield lab
    finally:
        guard.let_go()


def park(lab: OpenStation) -> list[str]:
    """Park a station, and send its guard home; return what was not confirmed.

    What failed, and did not hang, is tried again after the pauses `parking.AGAIN`: a link that comes back is used.
    """
    steps, hanging = lab.parking(), list[str]()
    unparked = parking.park(steps, lab.note, lab.watch)
    for pause in parking.AGAIN:
        hanging += [problem for problem in unparked if parking.HANGS in problem]
        failed = {problem.partition(": ")[0] for problem in unparked if parking.HANGS not in problem}
        steps = [step for step in steps if step.what in failed]
        if not steps:
            break
        lab.wait(pause)
        unparked = parking.park(steps, lab.note, lab.watch)
    unparked = [*hanging, *(problem for problem in unparked if problem not in hanging)]
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
        _hold(lab, request.station, request.sample, request.roles)
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
        for label, name in parts(request.station, request.roles)
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
        yield Visit(station, sample, manager, clock)


class Visit:
    """A station's instruments, to be opened one by one; what one of them does concerns no other."""

    def __init__(
        self, station: Station, sample: Sample, manager: pyvisa.ResourceManager, clock: Clock
    ) -> None:
        self._station = station
        self._sample = sample
        self._manager = manager
        self.clock = clock
        #: The file descriptor of each open LAN instrument, by name.
        self.sockets: dict[str, int] = {}

    @contextmanager
    def open(self, name: str) -> Generator[Any]:
        """Open one instrument by its name in the station file, as its driver; FaultError where it is not there."""
        section = self._station.instruments[name]
        resource = sessions.opened(self._manager, section.resource, name)
        line = rawsocket.descriptor(self._manager, resource)
        if line is not None:
            self.sockets[name] = line
        try:
            yield registry.load("drivers", section.driver)(Wire(resource, self.clock, name))
        finally:
            self.sockets.pop(name, None)
            resource.close()

    @contextmanager
    def open_roles(self, roles: Sequence[str], target: Path) -> Generator[OpenStation]:
        """Open what some roles need, as a run to `target` does: within the limits, guarded unless simulated."""
        station = self._station
        with (
            _wired(station, roles, self._manager.visalib, self.clock, None)
            if station.simulated
            else _guarded(station, roles, target, None)
        ) as lab:
            _hold(lab, station, self._sample, roles)
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
        for label, name in parts(station, roles):
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


def _hold(lab: OpenStation, station: Station, sample: Sample, roles: Sequence[str]) -> None:
    """Hold the instruments that fill some roles to the limits of station and sample."""
    lab.oversight.hold(station, sample, dict(parts(station, roles)))


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
