"""By hand: parking a station at any time, and stopping a run from another terminal, whatever state it is in."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl import config, parking, running, station
from labctl.clock import WallClock
from labctl.errors import FaultError, RequestError
from labctl.names import slug
from labctl.parking import ParkingStep
from labctl.stopping import GRACE, Watch, stop_requests

if TYPE_CHECKING:
    from labctl.config import Station
    from labctl.heartbeat import Guard
    from labctl.running import Running
    from labctl.station import Visit

#: Seconds (wall; our choice) after which a run that has not begun to park counts as one that does not react.
_REACTION: Final = GRACE + 0.1
_LOOK: Final = 0.02


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a run was stopped: in a sentence, and what was not confirmed of its station."""

    target: str
    how: str
    unparked: Sequence[str]


def park(the_station: Station) -> dict[str, str]:
    """Park every instrument of a station, supplies at their magnets' slew; return what became of each, by name.

    An empty text is a confirmed parking. What does not answer as the right instrument is left alone, and what is
    found on is read and ramped from where it is. A station that a run is using raises RequestError. Where this is
    killed a guard goes on with what is just being parked; it reports into the present folder.
    """
    _check_free(the_station)
    outcome = dict.fromkeys(the_station.instruments, "")
    the_sample, _ = config.load_sample("alox-2.0")  # what lies on a simulated bench; a real one needs none
    with (
        station.visited(the_station, the_sample) as visit,
        stop_requests() as stop,
        _covered(the_station) as cover,
    ):
        watch = Watch()
        watch.stop = stop
        watch.guard = cover and cover.guard
        steps = [
            ParkingStep(name, partial(_park_one, visit, the_station, name, cover), ramp)
            for name, ramp in _ramps(the_station).items()
        ]
        for problem in parking.park(steps, lambda _text: None, watch):
            name, _, reason = problem.partition(": ")
            outcome[name] = reason
    return outcome


def stop(run: str | None, *, now: bool) -> Stopped:
    """Stop a run and wait until its station is parked; RequestError where there is none to be stopped.

    It may finish its point within GRACE seconds, without `now`. One that does not react is ended by its guard,
    which then parks; one that died before is parked by it too, or else by hand.
    """
    entry = running.find(run, "Nothing was stopped.")
    if entry.is_alive:
        return _stop_living(entry, now=now)
    _wait_for_end(entry)
    stopped = _after_death(entry, "it had died before")
    entry.forget()
    return stopped


def _stop_living(entry: Running, *, now: bool) -> Stopped:
    _signal(entry.pid, signal.SIGTERM)
    if now:
        _signal(entry.pid, signal.SIGINT)  # a second request of another kind: equal ones may become one
    if not _reacts(entry):
        if entry.guard:
            _signal(entry.guard, signal.SIGUSR1 if now else signal.SIGUSR2)
        elif now:
            _signal(entry.pid, signal.SIGKILL)  # nothing real is at stake where there is no guard
    _wait_for_end(entry)
    if entry.again() is None:
        return Stopped(entry.target, "it parked its station and ended", ())
    stopped = _after_death(entry, "it did not react and was killed")
    entry.forget()
    return stopped


def _reacts(entry: Running) -> bool:
    clock, deadline = WallClock(), time.monotonic() + _REACTION
    while time.monotonic() < deadline:
        present = entry.again()
        if present is None or present.is_parking:
            return True
        clock.wait(_LOOK)
    return False


def _wait_for_end(entry: Running) -> None:
    """Wait until the run has ended and, where it died, its guard too."""
    clock = WallClock()
    while entry.is_alive or (entry.guard and entry.again() is not None and _is_there(entry.guard)):
        clock.wait(_LOOK)


def _after_death(entry: Running, how: str) -> Stopped:
    """Say what the guard of a dead run did; where it did nothing, or not all, park by hand."""
    unparked = guard_says(entry)
    if unparked == []:
        return Stopped(entry.target, f"{how}; its guard parked the station", ())
    the_station = config.read_station(entry.station, entry.target)
    if the_station.simulated:
        return Stopped(entry.target, f"{how}; its station was simulated", ())
    by_hand = park(the_station)
    problems = [f"{name}: {reason}" for name, reason in by_hand.items() if reason]
    return Stopped(entry.target, f"{how}; its station was parked by hand", problems)


def guard_says(entry: Running) -> list[str] | None:
    """What the guard of a run could not confirm; None where it never ended a parking."""
    try:
        lines = [json.loads(line) for line in entry.report.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return None
    if not lines or lines[-1].get("event") != "ended":
        return None
    parked = [line for line in lines if line["event"] == "parked"]
    return [f"{line['instrument']}: {'; '.join(line['problems'])}" for line in parked if line["problems"]]


class _Cover:
    """A guard that is armed with what is being parked at the moment, step by step; without it parking goes on."""

    def __init__(self, guard: Guard, the_station: Station, target: Path) -> None:
        self.guard = guard
        self._factor = the_station.time_factor
        self._target = target
        self._parts: dict[str, dict[str, Any]] = {}
        self._sockets = 0
        self._is_there = True
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def over(self, part: dict[str, Any], line: int | None) -> Generator[None]:
        """Cover one instrument by its recipe; `line` is its open socket, where it has one."""
        with self._one_at_a_time:
            if line is not None:
                part = {**part, "socket": self._sockets}
                self._sockets += 1
            self._parts[part["name"]] = part
            self._arm([] if line is None else [line])
        try:
            yield
        finally:
            with self._one_at_a_time:
                del self._parts[part["name"]]
                self._arm([])

    def _arm(self, lines: Sequence[int]) -> None:
        if not self._is_there:
            return
        try:
            self.guard.arm(list(self._parts.values()), lines, self._factor, self._target)
        except FaultError:
            self._is_there = False


@contextmanager
def _covered(the_station: Station) -> Generator[_Cover | None]:
    if the_station.simulated:
        yield None
        return
    from labctl.heartbeat import Guard

    guard = Guard()
    try:
        yield _Cover(guard, the_station, Path(slug(f"park {the_station.name} {os.getpid()}")))
    finally:
        guard.stand_down()


def _park_one(visit: Visit, the_station: Station, name: str, cover: _Cover | None) -> None:
    with visit.open(name) as driver:
        driver.connect()
        rate, I_max = _rates(the_station).get(name, (None, 0.0))
        recipe = driver.parking_recipe() if rate is None else driver.ramp_down_recipe(rate, I_max)
        handle = {"visa": the_station.visa, "resource": the_station.instruments[name].resource}
        part = station.part_of(name, driver.identity, recipe, handle)
        with cover.over(part, visit.sockets.get(name)) if cover else nullcontext():
            driver.park() if rate is None else driver.park(rate)


def _rates(the_station: Station) -> dict[str, tuple[float, float]]:
    """Rate (A/s) and largest current (A) of each magnet supply: those of its magnet's slew and field."""
    return {
        one.supply: (one.slew / abs(one.field_per_current), one.mu0_H_max / abs(one.field_per_current))
        for one in the_station.magnets.values()
    }


def _ramps(the_station: Station) -> dict[str, float]:
    """Seconds (wall) that the ramp of each instrument may take, in the order of parking."""
    ramps = {
        one.supply: one.mu0_H_max / one.slew / the_station.time_factor for one in the_station.magnets.values()
    }
    last = [name for name in the_station.instruments if name not in {"source", *ramps}]
    first = [name for name in ("source",) if name in the_station.instruments]
    return {name: ramps.get(name, 0.0) for name in (*first, *ramps, *last)}


def _check_free(the_station: Station) -> None:
    if the_station.simulated:
        return
    wanted = {section.resource for section in the_station.instruments.values()}
    for entry in running.entries():
        if entry.is_alive and wanted & set(entry.resources):
            raise RequestError(
                f"station {the_station.name} must not be in use; process {entry.pid} measures {entry.target} with "
                "it. Nothing was sent: labctl stop ends that run and parks the station."
            )


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_there(pid: int) -> bool:
    return running.is_alive(pid, running.start_of(pid))


def verdict(unparked: Sequence[str], what: str) -> None:
    """Raise FaultError where something was not confirmed."""
    if unparked:
        raise FaultError(f"{what} must be confirmed as parked; NOT PARKED: {'; '.join(unparked)}.")


def outcome_of(parked: dict[str, str]) -> list[dict[str, Any]]:
    """What became of each instrument, for JSON."""
    return [{"instrument": name, "parked": not reason, "reason": reason} for name, reason in parked.items()]
