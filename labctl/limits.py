"""What a run sends or would send, against what station and sample allow: strict, and never clipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labctl import door

if TYPE_CHECKING:
    from labctl.config import Limits, MagnetSection, Sample, Station

#: Share by which a magnitude may exceed its limit because of rounding: 3 * 10 mA is not exactly 30 mA.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The largest magnitudes of a run, and its sums (SI).

    `current` (A) and `compliance` (V) of anything the source does; `mu0_H` (T) by the role of the magnet, where it
    is declared (a magnet keeps its own limit, which no set-point passes); `pulses`
    the number of waveforms, `t_pulse` (s) the longest time one is away from 0 A, `duty` the largest share of the
    time from one waveform's start to the next one's for which the first is; `charge` (C, both directions counted
    positive) and `square` (A2 s, the integral of I^2) of everything that flows.
    """

    current: float = 0.0
    compliance: float = 0.0
    mu0_H: Mapping[str, float] = field(default_factory=dict[str, float])
    pulses: int = 0
    t_pulse: float = 0.0
    duty: float = 0.0
    charge: float = 0.0
    square: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rule:
    """One limit: what it is of, how to find it in a demand, and how people write it."""

    what: str
    unit: str
    display: str
    of: Callable[[Demand, Sample], float]


def _across_the_bar(demand: Demand, sample: Sample) -> float:
    return demand.current * (sample.R_xx or 0.0)


#: By the name of the limit. What needs R_xx is refused by `missing` where the sample does not tell it.
_RULES: Mapping[str, _Rule] = {
    "current": _Rule("the current", "A", "mA", lambda d, _: d.current),
    "J": _Rule("the current density", "A/m2", "A/m2", lambda d, s: d.current / s.area if d.current else 0.0),
    "compliance": _Rule("the compliance", "V", "V", lambda d, _: d.compliance),
    "V": _Rule("the voltage across R_xx", "V", "V", _across_the_bar),
    "t_pulse": _Rule("the length of a pulse", "s", "ms", lambda d, _: d.t_pulse),
    "duty": _Rule("the duty of the pulses", "1", "1", lambda d, _: d.duty),
    "charge": _Rule("the charge of the run", "C", "C", lambda d, _: d.charge),
    "energy": _Rule("the energy of the run", "J", "J", lambda d, s: d.square * (s.R_xx or 0.0)),
    "pulses": _Rule("the number of pulses", "1", "1", lambda d, _: d.pulses),
}
_NEEDS_R_XX = ("V", "energy")
#: What only a rehearsal tells of a whole request: a protocol does not declare it.
UNDECLARED = ("t_pulse", "duty", "charge", "energy")


def owners(station: Station, sample: Sample) -> tuple[tuple[str, Limits], tuple[str, Limits]]:
    """The limits of station and sample, each with the words that say whose they are."""
    return (f"limit of station {station.name}", station.limits), (f"limit of {sample.name}", sample.limits)


def smallest(name: str, station: Station, sample: Sample) -> float | None:
    """The smaller one of a limit of station and sample; None where neither has it."""
    values = [getattr(limits, name) for _, limits in owners(station, sample)]
    return min((value for value in values if value is not None), default=None)


def largest_current(station: Station, sample: Sample) -> float | None:
    """The largest current (A) that no limit forbids: of current, of density, of the voltage across R_xx."""
    current, J, V = (smallest(name, station, sample) for name in ("current", "J", "V"))
    bounds = (
        current,
        None if J is None else J * sample.area,
        None if V is None or sample.R_xx is None else V / sample.R_xx,
    )
    return min((bound for bound in bounds if bound is not None), default=None)


def broken(demand: Demand, station: Station, sample: Sample) -> Iterator[str]:
    """Yield in words each limit that a demand goes beyond; what is not a number goes beyond every limit."""
    return judge(station, sample)(demand)


def judge(station: Station, sample: Sample) -> Callable[[Demand], Iterator[str]]:
    """Return `broken` for this station and sample, for whoever asks at every set-point: limits are found once."""
    held = [(whose, limits.mu0_H, list(_set_in(limits))) for whose, limits in owners(station, sample)]

    def broken(demand: Demand) -> Iterator[str]:
        for whose, mu0_H_max, rules in held:
            for rule, limit in rules:
                yield from _beyond(rule.what, rule.of(demand, sample), limit, rule.unit, rule.display, whose)
            if mu0_H_max is None:
                continue
            for role, mu0_H in demand.mu0_H.items():
                yield from _beyond(f"the field of {role}", mu0_H, mu0_H_max, "T", "Oe", whose)

    return broken


def _set_in(limits: Limits) -> Iterator[tuple[_Rule, float]]:
    """Yield each rule whose limit is set, with the limit."""
    for name, rule in _RULES.items():
        limit = getattr(limits, name)
        if limit is not None:
            yield rule, limit


def broken_by_magnet(
    role: str, mu0_H: float, magnet: MagnetSection, station: Station, sample: Sample
) -> Iterator[str]:
    """Yield in words each limit that a magnet goes beyond where it has to reach `mu0_H` (T) at its slew rate."""
    own = f"magnet of station {station.name}"
    yield from _beyond(f"the field of {role}", mu0_H, magnet.mu0_H_max, "T", "Oe", own)
    for whose, limits in owners(station, sample):
        if limits.mu0_H_rate is not None:
            yield from _beyond(f"the slew of {role}", magnet.slew, limits.mu0_H_rate, "T/s", "Oe/s", whose)
    if magnet.V_max is not None:
        yield from _beyond(f"the voltage of {role}", coil_voltage(magnet, mu0_H), magnet.V_max, "V", "V", own)


def coil_voltage(magnet: MagnetSection, mu0_H: float) -> float:
    """The voltage (V) that a coil needs on the way to `mu0_H` (T): |I| R + L |dI/dt| at its slew rate."""
    k = abs(magnet.field_per_current)
    return (mu0_H * magnet.coil_resistance + magnet.slew * magnet.coil_inductance) / k


def told(allowed: Limits) -> Iterator[tuple[str, str]]:
    """Yield the limits that are set, as name and text."""
    for name, rule in _RULES.items():
        limit = getattr(allowed, name)
        if limit is not None:
            yield name, door.show(limit, rule.unit, rule.display)
    if allowed.mu0_H is not None:
        yield "mu0_H", door.show(allowed.mu0_H, "T", "Oe")
    if allowed.mu0_H_rate is not None:
        yield "mu0_H_rate", door.show(allowed.mu0_H_rate, "T/s", "Oe/s")


def beside(
    demand: Demand, station: Station, sample: Sample, names: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield, of the limits in `names` that are set: what is limited, how much a demand has of it, the limit."""
    for name in names:
        limit, rule = smallest(name, station, sample), _RULES[name]
        if limit is not None:
            value = rule.of(demand, sample)
            yield (
                rule.what.removeprefix("the "),
                door.show(value, rule.unit, rule.display),
                f"limit {door.show(limit, rule.unit, rule.display)}",
            )


def missing(station: Station, sample: Sample) -> Iterator[str]:
    """Yield in words each limit that cannot be held because the sample file does not tell R_xx."""
    for whose, limits in owners(station, sample):
        for name in _NEEDS_R_XX:
            if getattr(limits, name) is not None and sample.R_xx is None:
                yield f"sample {sample.name} must tell R_xx where {name} is limited ({whose})"


def _beyond(what: str, value: float, limit: float, unit: str, display: str, whose: str) -> Iterator[str]:
    if not abs(value) <= limit * (1 + ROUNDING):  # in this form, because it is false for NaN
        yield (
            f"{what} must be at most {door.show(limit, unit, display)} ({whose}); "
            f"got {door.show(value, unit, display)}"
        )
