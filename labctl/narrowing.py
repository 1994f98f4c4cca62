"""Drivers held to the limits of their station and sample: a second check, where a set-point becomes a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labctl import door, limits
from labctl.errors import RequestError

if TYPE_CHECKING:
    from labctl.config import InstrumentSection, Sample, Station


def narrow_source(driver: Any, station: Station, sample: Sample) -> None:
    """Let a source take no current, and no compliance, that a limit of station or sample forbids."""
    driver.limit(limits.largest_current(station, sample), limits.smallest("compliance", station, sample))


def narrow_magnets(magnets: Mapping[str, Any], station: Station, sample: Sample) -> None:
    """Let the field sources take no field that a limit of station or sample forbids."""
    mu0_H = limits.smallest("mu0_H", station, sample)
    for magnet in magnets.values() if mu0_H is not None else ():
        magnet.limit(mu0_H)


def narrow_supply(driver: Any, V_max: float | None) -> None:
    """Write the largest voltage (V) of a coil into its supply, where that can be told one."""
    if V_max is not None and hasattr(driver, "limit_voltage"):
        driver.limit_voltage(V_max)


def narrow_settings(driver: Any, section: InstrumentSection, name: str) -> None:
    """Let an instrument's settings go no further than the station file says; RequestError for one it has not."""
    for setting, text in section.limits.items():
        entry = getattr(type(driver), setting, None)
        where = f"instruments.{name}.limits.{setting}"
        largest = door.parse(text, getattr(entry, "unit", "1"), where)
        try:
            driver.narrow(setting, -abs(largest), abs(largest))
        except ValueError as error:
            raise RequestError(f"{where}: {error}") from error
