"""The engine: it owns the loop. Validate, open, one row for each yield, stop between rows, park in the end."""

from __future__ import annotations

import inspect
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labctl import __version__, config, registry, safety
from labctl.errors import FaultError, LabctlError, RequestError, StoppedError
from labctl.record import Quantity, RunHeader, Status
from labctl.request import read_parameters, unit_of
from labctl.store import RunStore
from protocols.vocabulary import MeasurementError

if TYPE_CHECKING:
    from labctl.bench import BlackBox
    from labctl.config import Sample, Station
    from labctl.station import OpenStation
    from protocols.vocabulary import Analysis, MeasurementProtocol, ParameterSet, Row

Advance = Callable[[int], None]
Operator = Callable[[str], None]


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

    @property
    def title(self) -> str:
        """What the progress bar and the file call the run."""
        return f"{self.protocol.name} {self.sample.name}"

    @property
    def roles(self) -> list[str]:
        """The roles that the protocol needs, and the optional ones that the station can fill."""
        optional = self.protocol.optional_roles
        return [*self.protocol.roles, *(role for role in optional if role in self.station.instruments)]

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
    error: LabctlError | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would do: its duration (s), what the sample would see, and the results it would give."""

    request: Request
    duration: float
    rows: int
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
    parameters = read_parameters(protocol, assignments)
    safety.check_roles(protocol.roles, the_station)
    safety.check_envelope(protocol.envelope(parameters), the_station, the_sample)
    uuid, start = str(uuid4()), datetime.now(UTC)
    stamp = f"{start:%Y%m%dT%H%M%SZ}_{protocol.name}_{slug(the_sample.name)}_{uuid[:4]}.h5"
    return Request(
        protocol=protocol,
        parameters=parameters,
        station=the_station,
        sample=the_sample,
        texts={"station": station_text, "sample": sample_text},
        seed=secrets.randbits(32) if seed is None else seed,
        target=output if output.suffix == ".h5" else output / stamp,
        uuid=uuid,
        start=start,
    )


def slug(name: str) -> str:
    """Return a name as it may stand in a file name: letters, digits, dot, dash, underscore, 64 at most."""
    kept = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in ".-_") else "-" for letter in name
    )
    return kept.strip(".-")[:64] or "unnamed"


def run(request: Request, advance: Advance, operator: Operator) -> Outcome:
    """Carry out a request; the station is parked and the data are kept however it ends.

    A fault or a stop is not raised: `Outcome.error` carries it, so that the caller can show what was measured
    first. What cannot be begun raises: RequestError for the request, FaultError for an instrument that cannot
    be opened. `operator` is asked to do what only a person can (turn the sample).
    """
    from labctl import station

    try:
        request.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{request.target.parent} must be a directory: {error.strerror}.") from error
    store = RunStore(request.target)
    store.begin(_header(request))
    outcome = Outcome(request)
    unparked: list[str] = []
    described: dict[str, Any] = {}
    with station.opened(request, store.wire, operator) as lab, safety.stop_requests() as stop:
        lab.on_note(lambda level, text: store.event(lab.now(), level, text))
        try:
            lab.connect()
            described = lab.describe()
            for role, description in described.items():
                store.instrument(role, **description)
            outcome.status, outcome.reason = _take_rows(request, lab, store, stop, advance)
        except (station.InstrumentError, MeasurementError) as error:
            outcome.reason = str(error)
        except Exception as error:
            outcome.reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            unparked = safety.park(lab.parking(), lab.note)
            for role, settings in lab.settings_left(described).items():
                store.settings_after(role, settings)
            outcome.elapsed = lab.now()
            try:
                _finish(outcome, store, unparked)
            except LabctlError as error:
                raise FaultError(f"{error} The run had ended; {_parked(unparked)}.") from error
    outcome.error = _verdict(outcome, unparked)
    return outcome


def rehearse(request: Request) -> Rehearsal:
    """Walk the very same protocol on the simulated bench, whatever the station is; nothing is stored."""
    import numpy as np

    from labctl import station

    with station.rehearsing(request) as (lab, seen):
        lab.connect()
        rows = list(request.protocol.measure(lab, request.parameters))
        unparked = safety.park(lab.parking(), lab.note)
        duration = lab.now()
    if unparked:
        raise FaultError(f"the rehearsal could not be parked: {'; '.join(unparked)}")
    data = {
        column.name: np.array([row[column.name] for row in rows], dtype=column.dtype)
        for column in request.protocol.columns
    }
    return Rehearsal(
        request, duration, len(rows), seen(), data, request.protocol.analyse(data, request.parameters)
    )


def _header(request: Request) -> RunHeader:
    from labctl import bench

    protocol = request.protocol
    parameters = {
        name: Quantity(getattr(request.parameters, name), unit_of(field)[0], field.description or "")
        for name, field in protocol.parameters.model_fields.items()
    }
    return RunHeader(
        title=request.title,
        protocol=protocol.name,
        protocol_version=protocol.version,
        caption=protocol.caption,
        source=inspect.getsource(sys.modules[protocol.measure.__module__]),
        parameters=parameters,
        columns=protocol.columns,
        signal=protocol.signal,
        axis=protocol.axis,
        uuid=request.uuid,
        seed=request.seed,
        start_time=request.start,
        program_version=__version__,
        clock="virtual" if request.station.simulated else "wall",
        sample=config.sample_quantities(request.sample, request.texts["sample"]),
        simulation=bench.model_of(request.sample) if request.station.simulated else None,
    )


def _take_rows(
    request: Request, lab: OpenStation, store: RunStore, stop: safety.StopFlag, advance: Advance
) -> tuple[Status, str]:
    rows: Iterator[Row] = request.protocol.measure(lab, request.parameters)
    for row in rows:
        store.row(row)
        advance(store.rows)
        if stop.reason:
            store.event(lab.now(), "warning", f"stop requested: {stop.reason}")
            return "stopped", stop.reason
    return "complete", ""


def _finish(outcome: Outcome, store: RunStore, unparked: list[str]) -> None:
    request = outcome.request
    if unparked:
        outcome.status = "faulted"
        outcome.reason = "; ".join(filter(None, (outcome.reason, *unparked)))
    outcome.rows, outcome.data = store.rows, store.columns()
    if store.rows:
        try:
            outcome.analysis = request.protocol.analyse(outcome.data, request.parameters)
        except ValueError as error:  # too few rows of a run that was stopped early
            store.event(outcome.elapsed, "warning", f"no analysis: {error}")
    played = request.protocol.waveforms if store.rows else None
    outcome.path = store.finish(
        outcome.status,
        outcome.reason,
        datetime.now(UTC),
        outcome.elapsed,
        outcome.analysis,
        f"{request.protocol.name} {request.protocol.version}, labctl {__version__}",
        played(outcome.data, request.parameters) if played else None,
    )


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
