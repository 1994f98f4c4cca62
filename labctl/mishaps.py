"""What is to go wrong in a run on a simulated bench: given line by line, or drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from labctl import bench, safety
from labctl.errors import RequestError
from labctl.record import Quantity

if TYPE_CHECKING:
    from labctl.engine import Request


def afflicted(request: Request, texts: Sequence[str], chaos: int | None) -> Request:
    """Return the request with what is to go wrong in it; RequestError where that cannot be.

    An instrument may be called as in the station file (supply_z) or as on the wire of the run (magnet_z_supply).
    `chaos` draws further faults from its seed.
    """
    if not texts and chaos is None:
        return request
    station = request.station
    if not station.simulated:
        raise RequestError(
            "--fault and --chaos must go with a simulated station; the instruments of "
            f"{station.name} are real. Nothing was sent."
        )
    names = dict(safety.parts(station, request.roles))
    room = bench.build(station, request.sample, request.seed, request.roles)
    faults = bench.read_faults(texts, names)
    if chaos is not None:
        faults += bench.draw_faults(chaos, room, names.values(), request.rows_expected)
    bench.suffer(room, faults)
    return replace(request, faults=faults, chaos=chaos)


def quantities(request: Request) -> dict[str, Quantity]:
    """What the file says of it: the faults, one in a line, and the seed of the drawn ones."""
    said: dict[str, Quantity] = {}
    if request.faults:
        said["faults"] = Quantity("\n".join(map(str, request.faults)))
    if request.chaos is not None:
        said["chaos_seed"] = Quantity(request.chaos, "1")
    return said
