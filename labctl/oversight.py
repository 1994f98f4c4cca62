"""What limits, ledger and interlocks see of an open station, and do to it; it knows roles and no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labctl import door, limits
from labctl.errors import RequestError
from labctl.limits import Demand
from labctl.safety import magnet_for
from labctl.tally import Broken, MeteredSource, Tally

if TYPE_CHECKING:
    from labctl.config import InstrumentSection, Sample, Station


class Oversight:
    """Limits, count and interlocks of a station, on its `roles` and `instruments` as they are opened.

    `roles` holds who plays which role and is changed here where somebody stands between; `instruments` holds each
    driver with its resource, by what it is called on the wire; `elapsed` tells the time (s), `warn` takes warnings.
    """

    def __init__(
        self,
        roles: dict[str, Any],
        instruments: Mapping[str, tuple[Any, str]],
        elapsed: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self._roles = roles
        self._instruments = instruments
        self._elapsed = elapsed
        self._warn = warn
        self._tally: Tally | None = None
        self._verifications: list[Callable[[], None]] = []

    # --- limits -----------------------------------------------------------------------------------

    def hold(self, station: Station, sample: Sample, parts: Mapping[str, str]) -> None:
        """Narrow every driver to what station and sample allow, so that each set-point is checked again.

        `parts` says what each instrument is called in the station file. RequestError where that cannot be.
        """
        if "source" in self._roles:
            _narrow_source(self._roles["source"], station, sample)
        mu0_H = limits.smallest("mu0_H", station, sample)
        for role, magnet in self._magnets():
            if mu0_H is not None:
                magnet.limit(mu0_H)
            V_max = station.magnets[magnet_for(station, role)].V_max
            supply, _ = self._instruments[f"{role}_supply"]
            if V_max is not None and hasattr(supply, "limit_voltage"):  # not every supply can be told one
                supply.limit_voltage(V_max)
        for label, name in parts.items():
            _narrow(self._instruments[label][0], station.instruments[name], name)

    def meter(self, broken: Broken) -> None:
        """Count from now on what the source is told; what `broken` finds beyond a limit raises, and is not sent."""
        if "source" in self._roles:
            self._tally = Tally(self._elapsed, broken)
            self._roles["source"] = MeteredSource(self._roles["source"], self._tally)

    @property
    def sent(self) -> Demand:
        """What the source was told since it is metered."""
        return Demand() if self._tally is None else self._tally.demand

    def verify(self) -> None:
        """Raise (a driver's error) unless what was set is still so: an instrument that has lost it spoils a row."""
        if not self._verifications:  # all that is there by the first row
            verified = [instrument for instrument, _ in self._instruments.values()]
            verified += [magnet for _, magnet in self._magnets()]
            self._verifications = [one.verify for one in verified if hasattr(one, "verify")]
        for verify in self._verifications:
            verify()

    def overlook(self) -> None:
        """Hold what has happened so far against no later row: it was dealt with."""
        for instrument, _ in self._instruments.values():
            if hasattr(instrument, "overlook"):
                instrument.overlook()
        for _, magnet in self._magnets():
            magnet.overlook()

    # --- interlocks -------------------------------------------------------------------------------

    def in_compliance(self) -> Iterator[str]:
        """Say so where the source is limited by its compliance now."""
        if "source" in self._roles and self._roles["source"].in_compliance():
            yield "the source is in compliance"

    def faults(self) -> Iterator[str]:
        """What source and supplies have to complain about now."""
        for role, (instrument, _) in self._instruments.items():
            if hasattr(instrument, "faults"):
                yield from (f"{role}: {fault}" for fault in instrument.faults())

    def fields_off(self, within: float) -> Iterator[str]:
        """Say which magnet's measured field is more than `within` (T) from the one that was asked for."""
        for role, magnet in self._magnets():
            off = 0.0 if magnet.asked is None else magnet.read_field() - magnet.asked
            if not abs(off) <= within:
                yield f"the field of {role} is {door.show(off, 'T', 'Oe')} from the one asked for"

    def take_again(self, times: int, overload: type[Exception]) -> None:
        """Have readings that raise `overload` taken again, so many times at most."""
        for role in {"voltmeter", "lockin"} & self._roles.keys():
            self._roles[role] = PatientMeter(self._roles[role], times, overload, self._warn)

    def _magnets(self) -> list[tuple[str, Any]]:
        return [(role, magnet) for role, magnet in self._roles.items() if role.startswith("magnet_")]


class PatientMeter:
    """A meter whose reading is taken again where it overflows: as often as it is told, each time with a warning."""

    def __init__(
        self, meter: Any, times: int, overload: type[Exception], warn: Callable[[str], None]
    ) -> None:
        self._meter = meter
        self._times = times
        self._overload = overload
        self._warn = warn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._meter, name)

    def read_voltage(self) -> float:
        """As the meter's own."""
        return self._read(self._meter.read_voltage)

    def read_xy(self) -> tuple[float, float]:
        """As the lock-in's own."""
        return self._read(self._meter.read_xy)

    def _read(self, take: Callable[[], Any]) -> Any:
        for again in range(1, self._times + 1):
            try:
                return take()
            except self._overload as error:
                reason = str(error).partition("\n")[0]
                self._warn(f"a reading is taken again, {again} of {self._times}: {reason}")
        return take()


def _narrow_source(source: Any, station: Station, sample: Sample) -> None:
    """Let a source take no current and no compliance beyond a limit; RequestError where it cannot be told one."""
    bounds = limits.largest_current(station, sample), limits.smallest("compliance", station, sample)
    if bounds == (None, None):
        return
    if not hasattr(source, "limit"):
        raise RequestError(
            f"the driver of source must have limit(current, compliance) on station {station.name}, which has "
            f"limits; {type(source).__name__} has not. Nothing was sent."
        )
    source.limit(*(None if bound is None else bound * (1 + limits.ROUNDING) for bound in bounds))


def _narrow(driver: Any, section: InstrumentSection, name: str) -> None:
    """Let an instrument's settings go no further than the station file says; RequestError for one it has not."""
    for setting, text in section.limits.items():
        entry = getattr(type(driver), setting, None)
        where = f"instruments.{name}.limits.{setting}"
        largest = door.parse(text, getattr(entry, "unit", "1"), where)
        try:
            driver.narrow(setting, -abs(largest), abs(largest))
        except ValueError as error:
            raise RequestError(f"{where}: {error}") from error
