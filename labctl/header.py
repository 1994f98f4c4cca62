"""What is known of a run before its first row, from its request."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

from labctl import __version__, config
from labctl.record import Quantity, RunHeader
from labctl.request import quantities

if TYPE_CHECKING:
    from labctl.engine import Request


def header_of(request: Request) -> RunHeader:
    """Everything that is known of a run before its first row."""
    from labctl import bench, mishaps

    protocol = request.protocol
    return RunHeader(
        title=request.title,
        protocol=protocol.name,
        protocol_version=protocol.version,
        caption=protocol.caption,
        source=inspect.getsource(sys.modules[protocol.measure.__module__]),
        parameters=quantities(request.parameters),
        columns=protocol.columns,
        signal=protocol.signal,
        axis=protocol.axis,
        uuid=request.uuid,
        seed=request.seed,
        start_time=request.start,
        program_version=__version__,
        clock="virtual" if request.station.simulated else "wall",
        sample=config.sample_quantities(request.sample, request.texts["sample"]) | _ledger_of(request),
        simulation=bench.model_of(request.sample) | mishaps.quantities(request)
        if request.station.simulated
        else None,
        station=config.station_quantities(request.station, request.texts["station"]),
        batch=request.batch,
    )


def _ledger_of(request: Request) -> dict[str, Quantity]:
    return {} if request.ledger is None else {"life_ledger": Quantity(str(request.ledger.path))}
