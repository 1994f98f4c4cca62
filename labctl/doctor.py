"""`labctl station check`, the doctor: is everything there, does it answer, would a run be right tonight?

Nothing that moves a current or a field is touched unless it is asked to exercise them. Every finding is one line:
what was looked at, ok, warning or fault, what was seen, and what to do about it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labctl import door, limits, running, station
from labctl.errors import FaultError, LabctlError, StoppedError
from labctl.names import slug
from labctl.safety import ROLE_DIRECTIONS, magnet_for
from labctl.stopping import BrokenOff, stop_requests

if TYPE_CHECKING:
    from labctl.config import MagnetSection, Sample, Station
    from labctl.station import Visit

State = Literal["ok", "warning", "fault"]

#: Identity queries that a latency is told from, and what is slow (s): a run waits for each (our choice).
LATENCY_QUERIES = 20
SLOW = 0.25
#: Free space (bytes) below which a night of measurements may not fit (our choice; a run is about 0.3 MB).
LITTLE_SPACE = 1 << 30
#: Field (T) that a magnet at rest may show: what an iron yoke keeps and a probe's zero is off by (our choice).
REST_FIELD = 50e-4
#: Share of its full field that exercising a magnet goes to, and the current (A) and frequency (Hz) of the source.
EXERCISE_SHARE = 0.02
EXERCISE_CURRENT, EXERCISE_FREQUENCY, EXERCISE_VOLTS = 1e-4, 137.0, 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    seen: str
    advice: str = ""


def examine(
    the_station: Station, sample: Sample, *, exercise: bool, folder: Path, text: str
) -> Iterator[Finding]:
    """Look at the computer, the files, every instrument and, where told to, exercise them; yield as it goes.

    `text` is that of the station file. What is exercised has a guard and can be stopped as a run can:
    StoppedError. The guard reports into `folder`.
    """
    yield from _computer(folder)
    yield from _limits(the_station, sample)
    answering: set[str] = set()
    with station.visited(the_station, sample) as visit:
        for name in the_station.instruments:
            if name == the_station.relayed:
                continue
            for finding in _instrument(visit, the_station, name):
                if finding.what == name and finding.state == "ok":
                    answering.add(name)
                yield finding
        if exercise:
            yield from _exercised(visit, the_station, sample, answering, folder, text)


# --- the computer and the files -----------------------------------------------------------------------


def _computer(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    yield _judged(
        "disk space",
        free >= LITTLE_SPACE,
        f"{free / 1e9:.1f} GB free at {folder}",
        "make room, or choose another folder with -o",
    )
    now, installed = datetime.now(UTC), datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    yield _judged(
        "clock",
        now >= installed,
        f"{now.astimezone().isoformat(timespec='seconds')}",
        f"set the computer's clock: it shows a time before labctl was installed ({installed:%Y-%m-%d})",
    )


def _limits(the_station: Station, sample: Sample) -> Iterator[Finding]:
    currents = [each.current for each in (the_station.limits, sample.limits) if each.current is not None]
    if not currents:
        yield Finding(
            "limits",
            "warning",
            f"neither the station nor {sample.name} limits the current",
            'write [limits] current = "..." into the station or sample file',
        )
        return
    current, compliance = min(currents), the_station.limits.compliance
    if compliance is None:
        yield Finding(
            "limits",
            "warning",
            f"at most {door.show(current, 'A', 'mA')}; no limit of the compliance",
            'write [limits] compliance = "..." into the station file',
        )
    else:
        yield Finding(
            "limits",
            "ok",
            f"at most {door.show(current, 'A', 'mA')} and {door.show(compliance, 'V')}: the full current passes "
            f"through up to {compliance / current:.0f} ohm of bar and leads",
        )


# --- one instrument -----------------------------------------------------------------------------------


def _instrument(visit: Visit, the_station: Station, name: str) -> Iterator[Finding]:
    try:
        with visit.open(name) as driver:
            old_errors = driver.connect()
            yield Finding(name, "ok", driver.identity)
            yield _judged(
                f"{name}: errors",
                not old_errors,
                "; ".join(old_errors) or "none",
                "they are from before and are now cleared; see whether they come again",
            )
            yield _latency(name, driver)
            yield from _health(the_station, name, driver)
    except (LabctlError, station.InstrumentError) as error:
        yield Finding(
            name,
            "fault",
            str(error).partition("\n")[0],
            "is it switched on, the cable in, the address right, and no other program using it?",
        )


def _latency(name: str, driver: Any) -> Finding:
    took: list[float] = []
    for _ in range(LATENCY_QUERIES):
        started = time.perf_counter()
        driver.wire.ask("*IDN?")
        took.append(time.perf_counter() - started)
    took.sort()
    median, worst = took[len(took) // 2], took[-1 - len(took) // 100]
    return _judged(
        f"{name}: latency",
        worst < SLOW,
        f"p50 {1e3 * median:.2f} ms, p99 {1e3 * worst:.2f} ms",
        "a slow bus or network: every reading waits for it",
    )


def _health(the_station: Station, name: str, driver: Any) -> Iterator[Finding]:
    """What this kind of instrument can tell of itself, by what its driver offers."""
    if name == "voltmeter" and hasattr(driver, "line_frequency"):
        mains = driver.line_frequency
        yield _judged(
            f"{name}: line frequency",
            mains == the_station.line_frequency,
            f"{mains:g} Hz, the station file has {the_station.line_frequency:g} Hz",
            "integration over power-line cycles rejects nothing unless both are the mains of this room",
            else_="fault",
        )
    if name == "source":
        yield from _source(the_station, name, driver)
    if name == "lockin":
        locked = driver.reference == "internal" or driver.is_locked()
        yield _judged(
            f"{name}: reference",
            locked,
            f"{driver.reference}, {'locked' if locked else 'unlocked'}",
            "expected while the source is silent; --exercise looks while its sine runs",
        )
    for magnet_name, magnet in the_station.magnets.items():
        if name == magnet.supply:
            yield from _supply(name, driver)
        if name == magnet.gaussmeter:
            yield from _gaussmeter(name, driver, magnet_name)


def _source(the_station: Station, name: str, driver: Any) -> Iterator[Finding]:
    closed = driver.ask(driver.interlock)[1] == "1"
    yield _judged(
        f"{name}: interlock", closed, "closed" if closed else "open", "close the interlock", else_="fault"
    )
    on, level = driver.output, driver.level
    yield _judged(
        f"{name}: output",
        not on,
        f"{'on' if on else 'off'}, level {door.show(level, 'A', 'mA')}",
        "somebody left it on; it was not touched. Park it by hand if nobody is measuring",
    )
    yield from _link(the_station, name, driver.ask(driver.nanovoltmeter_present, timeout=5.0)[1] == "1")


def _link(the_station: Station, name: str, is_there: bool) -> Iterator[Finding]:
    """The cables between source and nanovoltmeter; only the source's own delta modes need them."""
    cables = the_station.cables
    what = f"{name}: nanovoltmeter on its serial port"
    if cables.relay:
        yield _judged(
            what,
            is_there,
            f"{'it answers' if is_there else 'no answer'} (SOUR:DELT:NVPR?)",
            "set the meter's interface to RS-232 and both ends to 19200 baud; the cable is straight-through",
            else_="fault",
        )
        yield _judged(
            f"{name}: trigger link",
            cables.trigger_link,
            f"cables.trigger_link is {str(cables.trigger_link).lower()} in the station file",
            "without it a delta measurement waits for ever: join the TRIGGER LINK sockets, and say so in the file",
        )
    elif is_there:
        yield Finding(
            what,
            "warning",
            "it answers (SOUR:DELT:NVPR?)",
            "then it has no address of its own: write [cables] relay = true into the station file",
        )
    else:
        yield Finding(what, "ok", "none, as the station file has it (SOUR:DELT:NVPR?)")


def _supply(name: str, driver: Any) -> Iterator[Finding]:
    faults = driver.faults()
    yield _judged(
        f"{name}: faults", not faults, "; ".join(faults) or "none", "see the supply's manual", else_="fault"
    )
    current = driver.current
    yield _judged(
        f"{name}: rest current",
        abs(current) < 0.1,
        door.show(current, "A"),
        "the magnet is energised; it was not touched. Park it by hand if nobody is measuring",
    )


def _gaussmeter(name: str, driver: Any, magnet_name: str) -> Iterator[Finding]:
    driver.prepare()
    mu0_H = driver.read_field()
    yield _judged(
        f"{name}: rest field",
        abs(mu0_H) < REST_FIELD,
        door.show(mu0_H, "T", "Oe"),
        f"zero the probe, or is magnet {magnet_name} on?",
    )


# --- with current and field ---------------------------------------------------------------------------


def _exercised(
    visit: Visit, the_station: Station, sample: Sample, answering: set[str], folder: Path, text: str
) -> Iterator[Finding]:
    """Move each magnet a little, and pass a small current, within every limit; what does not answer is left out."""
    roles = [role for role in ("source", "voltmeter", "lockin") if role in answering]
    for role in ROLE_DIRECTIONS:
        magnet = _fixed_magnet(the_station, role)
        if magnet is not None and {magnet.supply, magnet.gaussmeter} - {None} <= answering:
            roles.append(role)
    title = f"station check {the_station.name}"
    target = folder / slug(f"{title} {os.getpid()}")
    with (
        visit.open_roles(roles, target) as lab,
        stop_requests() as stop,
        running.registered(title, target, text, lab.resources, lab.watch.guard) as entry,
    ):
        lab.watch.stop = stop
        try:
            lab.connect()
            for what, act in _exercises(lab, roles, _gentle(the_station, sample)):
                if not stop.reason:
                    yield _tried(what, act)
        except BrokenOff:
            pass  # it is told below
        finally:
            entry.is_parking()
            unparked = station.park(lab)
        yield _judged(
            "parked",
            not unparked,
            "; ".join(unparked) or "everything is off",
            "park it by hand",
            else_="fault",
        )
    if stop.reason:
        state = f"NOT PARKED: {'; '.join(unparked)}" if unparked else "the station was parked"
        raise StoppedError(f"{stop.reason}; {state}.")


def _gentle(the_station: Station, sample: Sample) -> tuple[float, float]:
    """The current (A) and the compliance (V) to exercise with: small ones, and never beyond a limit."""
    largest = limits.largest_current(the_station, sample)
    compliance = limits.smallest("compliance", the_station, sample)
    return (
        EXERCISE_CURRENT if largest is None else min(EXERCISE_CURRENT, largest),
        EXERCISE_VOLTS if compliance is None else min(EXERCISE_VOLTS, compliance),
    )


def _exercises(
    lab: Any, roles: Sequence[str], gentle: tuple[float, float]
) -> Iterator[tuple[str, Callable[[], tuple[bool, str, str]]]]:
    for role in roles:
        if role in ROLE_DIRECTIONS:
            yield f"exercise {role}", lambda role=role: _moved(lab, role)
    if {"source", "voltmeter"} <= set(roles):
        yield "exercise source and voltmeter", lambda: _read(lab, *gentle)
    if {"source", "lockin"} <= set(roles):
        yield "exercise source and lockin", lambda: _locked(lab, *gentle)


def _fixed_magnet(the_station: Station, role: str) -> MagnetSection | None:
    try:
        magnet = the_station.magnets[magnet_for(the_station, role)]
    except LabctlError:
        return None
    return None if magnet.axis == "manual" else magnet


def _tried(what: str, act: Callable[[], tuple[bool, str, str]]) -> Finding:
    try:
        return _judged(what, *act())
    except (LabctlError, station.InstrumentError) as error:
        return Finding(what, "fault", str(error).partition("\n")[0], "see what the instrument says")


def _moved(lab: Any, role: str) -> tuple[bool, str, str]:
    magnet = getattr(lab, role)
    target = EXERCISE_SHARE * magnet.mu0_H_max
    reached = magnet.ramp_to(target)
    back = magnet.ramp_to(0.0)
    asked, got, rest = (door.show(mu0_H, "T", "Oe") for mu0_H in (target, reached, back))
    seen = f"{got} for {asked}, back at {rest}"
    return abs(reached - target) < 0.1 * target + REST_FIELD, seen, "measure field_per_current again"


def _read(lab: Any, current: float, compliance: float) -> tuple[bool, str, str]:
    lab.voltmeter.prepare(10e-3, 1.0)
    lab.source.prepare(current, compliance)
    volts: list[float] = []
    for sign in (+1, -1):
        lab.source.set_current(sign * current)
        lab.wait(0.01)
        volts.append(lab.voltmeter.read_voltage())
    limited = lab.source.in_compliance()
    R_xy = (volts[0] - volts[1]) / (2 * current)
    seen = f"R_xy = {door.show(R_xy, 'ohm')} at {door.show(current, 'A', 'mA')}"
    return not limited, seen + (", in compliance" if limited else ""), "check leads and contacts of the bar"


def _locked(lab: Any, current: float, compliance: float) -> tuple[bool, str, str]:
    lab.lockin.use_external_reference()
    lab.source.prepare(current, compliance)
    lab.source.start_sine(
        current,
        EXERCISE_FREQUENCY,
        compliance=compliance,
        R_load=compliance / current,
    )
    lab.wait(1.0)
    lab.lockin.is_locked()  # what was latched before does not count
    lab.wait(1.0)
    locked = lab.lockin.is_locked()
    lab.source.stop_wave()
    seen = f"{'locked' if locked else 'unlocked'} at {EXERCISE_FREQUENCY:g} Hz"
    return locked, seen, "trigger link line 3 of the source to REF IN of the lock-in"


# --- verdict ------------------------------------------------------------------------------------------


def _judged(what: str, is_well: bool, seen: str, advice: str, *, else_: State = "warning") -> Finding:
    return Finding(what, "ok", seen) if is_well else Finding(what, else_, seen, advice)


def verdict(findings: Sequence[Finding]) -> None:
    """Raise FaultError where something is at fault."""
    faults = [finding.what for finding in findings if finding.state == "fault"]
    if faults:
        raise FaultError(f"a run would fail: {', '.join(faults)}")
