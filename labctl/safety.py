"""Limits are checked before the first byte, and which magnet plays which part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from labctl import limits
from labctl.errors import RequestError
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


def parts(station: Station, roles: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what an instrument is called on the wire of a run, and in the station file, role by role."""
    for role in roles:
        if not role.startswith("magnet_"):
            yield role, role
            continue
        magnet = station.magnets[magnet_for(station, role)]
        yield f"{role}_supply", magnet.supply
        if magnet.gaussmeter:
            yield f"{role}_gaussmeter", magnet.gaussmeter
