"""One sweep by bare PyVISA and by labctl's engine, each with the records that it keeps.

A point is one write (a current), one query (a voltage) and one record (set-point, reading, time) in a file with its
metadata. labctl's drivers here say and ask only that: what the real ones ask besides, to verify a row, is a matter
of the instruments and not of the engine.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyvisa
from instruments import QUERY, ROLES, SOURCE, VOLTMETER, Marks, level, room, sessions

from drivers._wire import Wire
from drivers.keithley_2182a import Keithley2182A
from drivers.keithley_6221 import Keithley6221
from labctl import config, engine, rawsocket, tables
from labctl.clock import RecordingClock
from labctl.safety import parts
from labctl.station import OpenStation
from protocols.units import mA
from protocols.vocabulary import (
    Analysis,
    Column,
    Envelope,
    Lab,
    MeasurementProtocol,
    ParameterSet,
    Row,
    parameter,
)


class Parameters(ParameterSet):
    """How many points."""

    N: int = parameter(300, "number of points", low=1, high=10_000_000)


def measure(lab: Lab, p: Parameters) -> Iterator[Row]:
    """One write, one query, one row."""
    for number in range(p.N):
        current = level(number)
        lab.source.set_current(current)
        yield Row(I=current, V=lab.voltmeter.read_voltage(), time=lab.now())


PROTOCOL = MeasurementProtocol(
    name="sweep",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=(
        Column("I", "A", "set-point", display="mA"),
        Column("V", "V", "reading"),
        Column("time", "s", "seconds since the run started"),
    ),
    roles=ROLES,
    signal="V",
    axis="I",
    measure=measure,
    n_rows=lambda p: p.N,
    envelope=lambda _: Envelope(current=1 * mA, compliance=1.0, mu0_H={}),
    analyse=lambda _data, _p: Analysis({}),
    draw=lambda *_args, **_options: None,
)


class Source(Keithley6221):
    """A source that sets a level with one line, and believes it."""

    __slots__ = ()

    def set_current(self, current: float) -> None:
        self.wire.say(self.line("level", current))

    def verify(self) -> None:
        pass


class Meter(Keithley2182A):
    """A meter that gives a reading with one question."""

    __slots__ = ()

    def read_voltage(self) -> float:
        return self.wire.number(QUERY)

    def verify(self) -> None:
        pass


@contextmanager
def opened(request: engine.Request, log: Any, _operator: Any) -> Generator[OpenStation]:
    """As labctl's own station is opened, with the drivers above."""
    built = room()
    clock = built.clock if log is None else RecordingClock(built.clock)
    lab = OpenStation(clock, built.clock.now)
    manager = pyvisa.ResourceManager(built.library)
    for role, kind, name in (("source", Source, SOURCE), ("voltmeter", Meter, VOLTMETER)):
        resource = manager.open_resource(name)
        unread = rawsocket.unread(manager, resource)
        wire = Wire(resource, lab.clock, role, log, unread=unread, note=lab.warn, heed=lab.watch)
        lab.add(role, kind(wire), name, {})
    lab.oversight.hold(request.station, request.sample, dict(parts(request.station, ROLES)))
    yield lab
    manager.close()


def request(target: Path, points: int) -> engine.Request:
    """A checked request for so many points."""
    station, text = config.load_station("sim")
    sample, sample_text = config.load_sample("alox-2.0")
    texts = {"station": text, "sample": sample_text}
    return engine.checked(PROTOCOL, Parameters(N=points), station, sample, texts, seed=1, output=target)


def bare(_folder: Path, points: int, mark: Marks) -> None:
    """Bare PyVISA; nothing is kept."""
    source, meter = sessions(room())
    for number in range(points):
        source.write(f"SOUR:CURR {level(number):.9G}")
        float(meter.query(QUERY))
        mark()


def buffered(folder: Path, points: int, mark: Marks) -> Path:
    """Bare PyVISA; columns in memory, written by h5py at the end."""
    source, meter = sessions(room())
    rows: list[tuple[float, float, float]] = []
    for number in range(points):
        current = level(number)
        source.write(f"SOUR:CURR {current:.9G}")
        rows.append((current, float(meter.query(QUERY)), time.time()))
        mark()
    with h5py.File(folder / "buffered.h5", "w") as file:
        file.attrs["operator"] = "nobody"
        for name, values in zip(("I", "V", "time"), np.array(rows).T, strict=True):
            file.create_dataset(name, data=values)
    return folder / "buffered.h5"


def labctl(
    folder: Path,
    points: int,
    mark: Marks,
    *,
    keep_wire: bool,
    seen: AbstractContextManager[Callable[[int], None]] | None = None,
) -> Path:
    """labctl's engine with limits, watch and durable store; `seen` is shown the number of rows."""
    with seen or nullcontext(lambda _rows: None) as show:

        def advance(rows: int) -> None:
            show(rows)
            mark()

        asked = request(folder / "labctl.h5", points)
        outcome = engine.run(asked, advance, lambda _text: None, opened, keep_wire=keep_wire)
    if outcome.status != "complete" or outcome.rows != points or outcome.path is None:
        raise RuntimeError(f"the sweep must be complete; it is {outcome.status}: {outcome.reason}")
    return outcome.path


def without_wire_log(folder: Path, points: int, mark: Marks) -> Path:
    """labctl, lines of the wire not kept."""
    return labctl(folder, points, mark, keep_wire=False)


def with_wire_log(folder: Path, points: int, mark: Marks) -> Path:
    """labctl, every line of the wire kept."""
    return labctl(folder, points, mark, keep_wire=True)


def with_live_view(folder: Path, points: int, mark: Marks) -> Path:
    """labctl, every line of the wire kept, and the progress of the run shown."""
    return labctl(folder, points, mark, keep_wire=True, seen=tables.progress(points, "sweep", live=True))
