"""Limits are checked before the first byte, and which magnet plays which part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from labctl import door
from labctl.errors import RequestError

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
    problems: list[str] = []

    def check(what: str, value: float, limit: float | None, unit: str, display: str, whose: str) -> None:
        if limit is not None and not value <= limit:
            problems.append(
                f"{what} must be at most {door.show(limit, unit, display)} ({whose}); "
                f"got {door.show(value, unit, display)}"
            )

    owners = (
        (station.limits, f"limit of station {station.name}"),
        (sample.limits, f"limit of {sample.name}"),
    )
    for limits, whose in owners:
        check("the current", envelope.current, limits.current, "A", "mA", whose)
        check("the compliance", envelope.compliance, limits.compliance, "V", "V", whose)
    for role, mu0_H in envelope.mu0_H.items():
        magnet = station.magnets[magnet_for(station, role)]
        check(f"the field of {role}", mu0_H, magnet.mu0_H_max, "T", "Oe", f"magnet of station {station.name}")
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
