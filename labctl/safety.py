"""Limits are checked before the first byte, and whatever ends a run, the station is parked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labctl import limits
from labctl.errors import RequestError, StoppedError
from labctl.limits import Demand

if TYPE_CHECKING:
    from labctl.config import Sample, Station
    from protocols.vocabulary import Envelope

#: Unit vectors of the magnet roles: x along the current, z the film normal.
ROLE_DIRECTIONS: Final = {
    "magnet_x": (1.0, 0.0, 0.0),
    "magnet_y": (0.0, 1.0, 0.0),
    "magnet_z": (0.0, 0.0, 1.0),
}


def check_envelope(envelope: Envelope, station: Station, sample: Sample) -> None:
    """Refuse a request that would go beyond the limits of station or sample (RequestError, nothing sent)."""
    demand = Demand(
        current=envelope.current,
        compliance=envelope.compliance,
        mu0_H=envelope.mu0_H,
        pulses=envelope.pulses,
    )
    problems = [*limits.missing(station, sample), *limits.broken(demand, station, sample)]
    for role, mu0_H in envelope.mu0_H.items():
        magnet = station.magnets[magnet_for(station, role)]
        problems += limits.broken_by_magnet(role, mu0_H, magnet, station, sample)
    refuse(problems)


def check_demand(demand: Demand, station: Station, sample: Sample) -> None:
    """Refuse a request whose rehearsal goes beyond the limits of station or sample (RequestError, nothing sent)."""
    refuse(list(limits.broken(demand, station, sample)))


def refuse(problems: Sequence[str]) -> None:
    """Raise RequestError with all problems, where there are any."""
    if problems:
        raise RequestError("; ".join(problems) + ". Nothing was sent.")


def check_roles(roles: Sequence[str], station: Station) -> None:
    """Refuse a station that cannot fill the roles, or would use one magnet for two (RequestError, nothing sent)."""
    missing = [role for role in roles if role not in ROLE_DIRECTIONS and role not in station.instruments]
    if missing:
        raise RequestError(
            f"station {station.name} must have instruments.{missing[0]}; it has "
            f"{', '.join(station.instruments)}. Nothing was sent."
        )
    if station.relayed in roles:
        raise RequestError(
            f"station {station.name} must have its {station.relayed} on the bus; cables.relay has it on the serial "
            "port of the source, where only the source's delta modes use it. Nothing was sent."
        )
    magnets = [magnet_for(station, role) for role in roles if role in ROLE_DIRECTIONS]
    for name in magnets:
        if magnets.count(name) > 1:
            raise RequestError(
                f"station {station.name} must have a magnet for each field of the protocol; magnet {name} would "
                "have to point two ways at once. Nothing was sent."
            )


def magnet_for(station: Station, role: str) -> str:
    """Name of the magnet that serves `magnet_x`, `magnet_y` or `magnet_z`; none raises RequestError."""
    wanted = ROLE_DIRECTIONS[role]
    turned = [name for name, magnet in station.magnets.items() if magnet.axis == "manual"]
    for name, magnet in station.magnets.items():
        along = sum(a * b for a, b in zip(magnet.direction, wanted, strict=True))
        if magnet.axis != "manual" and along > 0.99999:
            return name
    if turned:
        return turned[0]
    raise RequestError(
        f"station {station.name} must have a magnet along {role[-1]} for {role}; it has "
        f"{', '.join(station.magnets) or 'none'}. Nothing was sent."
    )


@dataclass(frozen=True, slots=True)
class ParkingStep:
    """One independent step of parking: what it does, in words, and the doing."""

    what: str
    act: Callable[[], None]


def park(steps: Sequence[ParkingStep], note: Callable[[str], None]) -> list[str]:
    """Try every step, in order, whatever the others did; return what was not confirmed (empty: all well)."""
    failed: list[str] = []
    for step in steps:
        try:
            step.act()
        except Exception as error:  # the next step must be tried whatever this one met
            failed.append(f"{step.what}: {error}")
            note(f"parking, {step.what}: NOT confirmed: {error}")
        else:
            note(f"parking, {step.what}: confirmed")
    return failed


class StopFlag:
    """Set by a signal handler, looked at between rows; nothing is ever interrupted in the middle."""

    reason: str = ""


@contextmanager
def stop_requests() -> Generator[StopFlag]:
    """Turn SIGINT, SIGTERM and SIGHUP into a flag while a run goes on (in the main thread only)."""
    flag = StopFlag()
    with _on_signals(flag, lambda: None):
        yield flag


@contextmanager
def stops_at_once() -> Generator[StopFlag]:
    """As `stop_requests` where no instrument is driven: what goes on is given up on the spot, as StoppedError.

    Whoever might catch the first interruption on its way out looks at the flag.
    """

    def interrupt() -> None:
        raise KeyboardInterrupt

    flag = StopFlag()
    try:
        with _on_signals(flag, interrupt):
            yield flag
    except KeyboardInterrupt:
        raise StoppedError(f"{flag.reason or 'stopped by the user'}; no instrument was driven.") from None


@contextmanager
def _on_signals(flag: StopFlag, act: Callable[[], None]) -> Generator[None]:
    """Note in the flag what a signal asks for, and act; in the main thread only, which alone is told."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    causes = {signal.SIGINT: "stopped by the user", signal.SIGTERM: "stopped by SIGTERM"}
    if hasattr(signal, "SIGHUP"):
        causes[signal.SIGHUP] = "stopped because the terminal was closed"

    def request_stop(number: int, _frame: object) -> None:
        flag.reason = flag.reason or causes[signal.Signals(number)]
        act()

    previous = {number: signal.signal(number, request_stop) for number in causes}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
