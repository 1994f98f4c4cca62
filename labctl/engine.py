"""The engine: it owns the loop. Validate, open, one row for each yield, stop between rows, park in the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labctl import __version__, config, interlocks, life, registry, running, safety, showing, stopping
from labctl.admission import Permit, admit
from labctl.clock import WallTime
from labctl.errors import EndsEarlyError, FaultError, LabctlError, StoppedError
from labctl.header import header_of
from labctl.names import slug
from labctl.newfile import make_folder
from labctl.record import Quantity, Status
from labctl.request import read_parameters
from labctl.store import RunStore
from labctl.tally import no_limits
from protocols.vocabulary import MeasurementError

if TYPE_CHECKING:
    from labctl.bench import BlackBox, Fault
    from labctl.config import Sample, Station
    from labctl.life import Ledger
    from labctl.limits import Demand
    from labctl.station import OpenStation, WireLog
    from protocols.vocabulary import Analysis, MeasurementProtocol, ParameterSet, Row

#: How the log of a run that was broken off within a point begins to say so.
BROKEN_OFF = "the point was broken off"

Advance = Callable[[int], None]
Operator = Callable[[str], None]
Opened = Callable[["Request", "WireLog | None", Operator], AbstractContextManager["OpenStation"]]


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request: nothing has been opened yet."""

    protocol: MeasurementProtocol
    parameters: ParameterSet
    station: Station
    sample: Sample
    texts: Mapping[str, str]
    seed: int
    target: Path
    uuid: str
    start: datetime
    batch: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    ledger: Ledger | None = None
    faults: Sequence[Fault] = ()
    chaos: int | None = None

    @property
    def title(self) -> str:
        """What the progress bar and the file call the run."""
        return f"{self.protocol.name} {self.sample.name}"

    @property
    def roles(self) -> list[str]:
        """The roles that the request needs, and the optional ones that the station can fill."""
        needed, optional = roles_needed(self.protocol, self.parameters), self.protocol.optional_roles
        return [*needed, *(role for role in optional if role in self.station.instruments)]

    @property
    def rows_expected(self) -> int:
        """Number of rows that the protocol will yield."""
        return self.protocol.n_rows(self.parameters)


@dataclass(slots=True)
class Outcome:
    """How a run ended, with everything that was measured."""

    request: Request
    status: Status = "faulted"
    reason: str = ""
    rows: int = 0
    elapsed: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    analysis: Analysis | None = None
    path: Path | None = None
    is_parked: bool = True
    error: LabctlError | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would do: its duration (s), what it would send, what the sample would see, and the results."""

    request: Request
    duration: float
    rows: int
    demand: Demand
    seen: BlackBox
    data: Mapping[str, Any]
    analysis: Analysis


def prepare(
    name: str, assignments: Iterable[str], *, station: str, sample: str, seed: int | None, output: Path
) -> Request:
    """Check a whole request; whatever is wrong with it raises RequestError before anything is opened."""
    protocol = registry.load_protocol(name)
    the_station, station_text = config.load_station(station)
    the_sample, sample_text = config.load_sample(sample)
    return checked(
        protocol,
        read_parameters(protocol, assignments),
        the_station,
        the_sample,
        {"station": station_text, "sample": sample_text},
        seed=secrets.randbits(32) if seed is None else seed,
        output=output,
        ledger=life.ledger_of(the_sample, sample),
    )


def checked(
    protocol: MeasurementProtocol,
    parameters: ParameterSet,
    station: Station,
    sample: Sample,
    texts: Mapping[str, str],
    *,
    seed: int,
    output: Path,
    batch: Mapping[str, Quantity] | None = None,
    ledger: Ledger | None = None,
) -> Request:
    """Make the request for checked parameters; RequestError where station or sample do not allow it.

    `texts` holds the texts of the files of "station" and "sample"; `batch` is what the file will say of its batch,
    `ledger` where the sample's life is kept.
    """
    safety.check_roles(roles_needed(protocol, parameters), station)
    safety.check_envelope(protocol.envelope(parameters), station, sample)
    uuid, start = str(uuid4()), datetime.now(UTC)
    return Request(
        protocol=protocol,
        parameters=parameters,
        station=station,
        sample=sample,
        texts=texts,
        seed=seed,
        target=target_of(output, protocol.name, sample.name, uuid, start),
        uuid=uuid,
        start=start,
        batch=batch or {},
        ledger=ledger,
    )


def roles_needed(protocol: MeasurementProtocol, parameters: ParameterSet) -> list[str]:
    """The roles of every request to a protocol, and the magnets that only these parameters ask for."""
    asked = protocol.envelope(parameters).mu0_H
    return [*protocol.roles, *(role for role in asked if role not in protocol.roles)]


def target_of(output: Path, method: str, sample: str, uuid: str, start: datetime) -> Path:
    """Return the file that `output` asks for: itself, or in a directory one named by time, method and sample."""
    if output.suffix == ".h5":
        return output
    return output / f"{start:%Y%m%dT%H%M%SZ}_{method}_{slug(sample)}_{uuid[:4]}.h5"


def run(
    request: Request,
    advance: Advance,
    operator: Operator,
    opened: Opened | None = None,
    *,
    keep_wire: bool = True,
    stops: Callable[[], AbstractContextManager[stopping.StopRequests]] = stopping.stop_requests,
    permit: Permit | None = None,
) -> Outcome:
    """Carry out a request; the station is parked and the data are kept however it ends.

    A fault or a stop is not raised: `Outcome.error` carries it, so that the caller can show what was measured
    first. `opened` opens another station than the request's; without `keep_wire` the lines of the wire are not
    stored; `stops` is what a signal does. What cannot be begun raises: RequestError for the request, FaultError for
    an instrument that cannot be opened. `operator` is asked to do what only a person can (turn the sample). Without
    a `permit` the request is checked against every limit first (`admission.admit`).
    """
    permit = permit or admit(request)
    make_folder(request.target.parent)
    store = RunStore(request.target)
    store.begin(header_of(request), request.rows_expected)
    with closing(store):
        return _carry_out(request, store, advance, operator, opened, keep_wire, stops, permit)


def _carry_out(
    request: Request,
    store: RunStore,
    advance: Advance,
    operator: Operator,
    opened: Opened | None,
    keep_wire: bool,
    stops: Callable[[], AbstractContextManager[stopping.StopRequests]],
    permit: Permit,
) -> Outcome:
    from labctl import station

    outcome, wall = Outcome(request), WallTime()
    unparked: list[str] = []
    described: dict[str, Any] = {}
    log = store.wire if keep_wire else None
    with (
        (opened or station.opened)(request, log, operator) as lab,
        stops() as stop,
        running.registered(
            request.title, request.target, request.texts.get("station", ""), lab.resources, lab.watch.guard
        ) as entry,
        permit.charged(lab),
    ):
        lab.watch.stop = stop
        if keep_wire:
            store.clock(lab.readings)
        lab.on_note(lambda level, text: _write_down(lab, store, level, text))
        for warning in (*permit.warnings, *lab.found):
            lab.warn(warning)
        try:
            lab.takes = interlocks.Watch(request, lab, operator).takes
            lab.connect()
            described = lab.describe()
            lab.watch.announce(stopping.DISK)
            for role, description in described.items():
                store.instrument(role, **description)
            outcome.status, outcome.reason = _take_rows(request, lab, store, stop, advance)
        except (station.InstrumentError, MeasurementError, FaultError) as error:
            outcome.reason = str(error)
        except stopping.BrokenOff as broken:
            outcome.status, outcome.reason = "stopped", str(broken)
            lab.note(f"{BROKEN_OFF}: {broken}")
        except Exception as error:
            outcome.reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            entry.is_parking()
            unparked = station.park(lab)
            for role, settings in lab.settings_left(described).items():
                store.settings_after(role, settings)
            outcome.elapsed = lab.elapsed()
            try:
                _finish(outcome, store, unparked, wall.now())
            except LabctlError as error:
                cause = f"{outcome.reason.rstrip('.')}. " if outcome.reason else ""
                raise FaultError(f"{cause}{error} The run had ended; {_parked(unparked)}.") from error
    outcome.error = _verdict(outcome, unparked)
    return outcome


def rehearse(request: Request) -> Rehearsal:
    """Walk the very same protocol on the simulated bench, whatever the station is; nothing is stored.

    What it would send beyond a limit of station or sample raises RequestError, a run that would end early
    EndsEarlyError.
    """
    import numpy as np

    from labctl import station

    with station.rehearsing(request) as (lab, seen):
        lab.oversight.meter(no_limits)
        try:
            lab.connect()
            lab.describe()  # as a run does: the same messages in the same order, hence the same noise
            rows: list[Row] = []
            for row in request.protocol.measure(lab, request.parameters):
                lab.oversight.verify()
                rows.append(row)
        except (station.InstrumentError, MeasurementError) as error:
            raise EndsEarlyError(f"rehearsed on the simulated bench, the run ends early: {error}") from error
        unparked = station.park(lab)
        duration, demand = lab.elapsed(), lab.oversight.sent
    safety.check_demand(demand, request.station, request.sample)
    if unparked:
        raise FaultError(f"the rehearsal could not be parked: {'; '.join(unparked)}")
    data = {
        column.name: np.array([row[column.name] for row in rows], dtype=column.dtype)
        for column in request.protocol.columns
    }
    return Rehearsal(
        request, duration, len(rows), demand, seen(), data, request.protocol.analyse(data, request.parameters)
    )


def _write_down(lab: OpenStation, store: RunStore, level: str, text: str) -> None:
    """Put a line into the run's log; the guard is told that the disk may take its time."""
    lab.watch.announce(stopping.DISK)
    store.event(lab.elapsed(), level, text)
    lab.watch.announce()


def _take_rows(
    request: Request, lab: OpenStation, store: RunStore, stop: stopping.StopRequests, advance: Advance
) -> tuple[Status, str]:
    rows: Iterator[Row] = request.protocol.measure(lab, request.parameters)
    wall, show = WallTime(), showing.harmless(advance, lab.warn)
    with ExitStack() as stack:
        stack.callback(getattr(rows, "close", lambda: None))
        lab.on_row(1)
        for row in rows:
            lab.watch.announce(stopping.DISK)
            if lab.takes(row):
                store.row(row)
                show(store.rows)
                lab.on_row(store.rows + 1)
            if jump := wall.jump():
                _write_down(lab, store, "warning", f"the computer's clock jumped by {jump:+.1f} s")
            lab.watch.announce()
            if stop.reason:
                _write_down(lab, store, "warning", f"stop requested: {stop.reason}")
                return "stopped", stop.reason
    return "complete", ""


def _finish(outcome: Outcome, store: RunStore, unparked: list[str], end_time: datetime) -> None:
    request = outcome.request
    if unparked:
        outcome.status, outcome.is_parked = "faulted", False
        outcome.reason = "; ".join(filter(None, (outcome.reason, *unparked)))
    outcome.rows, outcome.data = store.rows, store.columns()
    bug: Exception | None = None
    if store.rows:
        try:
            outcome.analysis = request.protocol.analyse(outcome.data, request.parameters)
        except ValueError as error:  # too few rows of a run that was stopped early
            store.event(outcome.elapsed, "warning", f"no analysis: {error}")
        except Exception as error:  # the file is made first: a bug of an evaluation costs no data
            store.event(outcome.elapsed, "warning", f"no analysis: {type(error).__name__}: {error}")
            bug = error
    played = request.protocol.waveforms if store.rows else None
    outcome.path = store.finish(
        outcome.status,
        outcome.reason,
        end_time,
        outcome.elapsed,
        outcome.analysis,
        f"{request.protocol.name} {request.protocol.version}, labctl {__version__}",
        played(outcome.data, request.parameters) if played else None,
    )
    if bug is not None:
        raise bug


def _verdict(outcome: Outcome, unparked: list[str]) -> LabctlError | None:
    parked = _parked(unparked)
    if outcome.status == "stopped":
        return StoppedError(f"{outcome.reason}; {parked}; {outcome.rows} rows are in {outcome.path}.")
    if outcome.status == "faulted":
        return FaultError(
            f"{outcome.reason} The run ended; {parked}; {outcome.rows} rows are in {outcome.path}."
        )
    return None


def _parked(unparked: list[str]) -> str:
    return f"NOT PARKED: {'; '.join(unparked)}" if unparked else "the station was parked"
