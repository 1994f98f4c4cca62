"""What a run is made of before it is a file: header, instruments, wire, events, outcome (plain data)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from protocols.vocabulary import Analysis, Column, Waveforms

Status = Literal["running", "complete", "stopped", "faulted", "interrupted"]


class Quantity(NamedTuple):
    """A value with its SI unit and a line of meaning.

    A number or a flat list of numbers has a unit ("1" where it has no dimension). Anything else that JSON can
    say (a text, None, a list of texts, a table) has none.
    """

    value: Any
    unit: str | None = None
    help: str = ""


class WireLine(NamedTuple):
    """One line said to an instrument or heard from it, at `time` (s) on the station's clock."""

    time: float
    instrument: str
    direction: str
    text: str


class Recording(NamedTuple):
    """The wire of a run to be followed again: its lines, every reading (s) of its clock, and how closely."""

    lines: Sequence[WireLine]
    readings: Sequence[float]
    mode: Literal["strict", "by-query"]


class Event(NamedTuple):
    """One line of the run's log, at `time` (s) on the station's clock."""

    time: float
    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Who played a role, how it was reached, and its settings before and after the run."""

    identity: str
    resource: str
    driver: str
    settings_before: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    settings_after: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """Everything that is known of a run before its first row.

    `parameters` are the validated parameters, SI, by name; `source` is the text of the protocol's module;
    `simulation` is None on hardware and describes the model on the bench. `clock` says which clock the times
    of rows, wire lines and events were read from;
    `batch` links a run to the batch it belongs to (empty: none). A start time without an offset raises
    ValueError, and so does a default plot whose columns do not exist.
    """

    title: str
    protocol: str
    protocol_version: str
    caption: str
    source: str
    parameters: Mapping[str, Quantity]
    columns: Sequence[Column]
    signal: str
    axis: str
    uuid: str
    seed: int
    start_time: datetime
    program_version: str
    clock: Literal["wall", "virtual"]
    sample: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    simulation: Mapping[str, Quantity] | None = None
    station: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])
    batch: Mapping[str, Quantity] = field(default_factory=dict[str, Quantity])

    def __post_init__(self) -> None:
        if self.start_time.tzinfo is None:
            raise ValueError("a run's start time must carry its UTC offset; got a naive datetime")
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"every column must have its own name; got {names}")
        if self.signal not in names or self.axis not in names:
            raise ValueError(
                f"the default plot must name two of the columns {names}; got {self.signal!r}, {self.axis!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A whole run, ready to become a file.

    `data` holds one buffer for each column of the header, all of one length, 8 bytes an element (float64 or
    int64 as the column says). `wire` may be gone through more than once. `clock` is every reading (s) that
    instruments and protocol took of the station's clock, in order; `elapsed` is the run's length (s) on the
    station's clock. `waveforms` is None where the protocol plays none.
    """

    header: RunHeader
    data: Mapping[str, Sequence[float]]
    wire: Iterable[WireLine]
    clock: Sequence[float]
    events: Sequence[Event]
    instruments: Mapping[str, Instrument]
    status: Status
    reason: str
    end_time: datetime
    elapsed: float
    analysis: Analysis | None
    analysis_version: str
    waveforms: Waveforms | None = None
