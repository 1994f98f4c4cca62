"""`labctl simulate`: a simulated station on TCP ports, and a station file that points at its instruments."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import signal
import time
import tomllib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import bench, config, tables
from labctl.errors import FaultError, RequestError
from labctl.newfile import check_writable

if TYPE_CHECKING:
    from labctl.bench import Moment, Served

#: `--time fast`: so many times faster than the wall clock (our choice). A query takes some 0.1 ms of it, so that at
#: this pace the bench's time is still told in the 10 ms that instruments take.
FAST = 100.0

_HEADER = "# Written by labctl simulate; valid while it serves.\n"


@dataclass(frozen=True, slots=True)
class Service:
    """A checked request to serve a bench: the room, its station file, and where both go."""

    served: Served
    moment: Callable[[], Moment]
    trace: Path | None
    content: dict[str, Any]
    host: str
    port_base: int
    output: Path
    drivers: dict[str, str]


def prepare(
    station: str,
    sample: str,
    seed: int | None,
    pace: str,
    host: str,
    port_base: int,
    output: Path,
    trace: Path | None = None,
    faults: Sequence[str] = (),
) -> Service:
    """Check a whole request; whatever is wrong with it raises RequestError before a port is opened."""
    the_station, text = config.load_station(station)
    the_sample, _ = config.load_sample(sample)
    factor = _factor(pace)
    if output.suffix != ".toml":
        raise RequestError(
            f"-o must be a station file ending in .toml; got {output.name!r}. Nothing was served."
        )
    _check_replaceable(output)
    if trace is not None:
        check_writable(trace)
    served, moment = bench.served(
        the_station,
        the_sample,
        secrets.randbits(32) if seed is None else seed,
        factor,
        bench.read_faults(faults, {}),
    )
    content = tomllib.loads(text) | {
        "name": f"{the_station.name} served",
        "visa": "@py",
        "time_factor": factor,
    }
    drivers = {role: section.driver for role, section in the_station.instruments.items()}
    return Service(served, moment, trace, content, host, port_base, output, drivers)


def serve(service: Service, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM; FaultError where a port cannot be had."""
    asyncio.run(_serve(service, as_json))


async def _serve(service: Service, as_json: bool) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        ports = await service.served.open(service.host, service.port_base)
    except OSError as error:
        raise FaultError(
            f"the instruments must have a free port each at {service.host}; {error.strerror or error}. "
            "Nothing is served."
        ) from error
    try:
        with _traced(service):
            _announce(service, ports, as_json)
            await ended.wait()
    finally:
        service.served.close()


def _announce(service: Service, ports: Mapping[str, int], as_json: bool) -> None:
    """Write the station file, and say where the instruments are."""
    resources = {role: f"TCPIP0::{service.host}::{port}::SOCKET" for role, port in ports.items()}
    _write_station(service, resources)
    if as_json:
        instruments = [
            {
                "role": role,
                "model": service.drivers[role],
                "host": service.host,
                "port": port,
                "resource": resources[role],
            }
            for role, port in ports.items()
        ]
        tables.as_json({"instruments": instruments, "station": service.output})
    else:
        rows = [(role, service.drivers[role], resource) for role, resource in resources.items()]
        tables.table(rows, ("role", "model", "resource"), err=True)
        tables.say(
            f"station  {service.output}  (time passes {service.content['time_factor']:g} times as fast)"
        )
        tables.say("Ctrl-C ends it.")


@contextmanager
def _traced(service: Service) -> Generator[None]:
    """Write down, where it is asked for, what the bench goes through: one JSON object every 5 ms.

    `wall` is the system's monotonic clock and `time` the bench's (s), `current` flows through the bar (A),
    `I_magnet` through each magnet (A), and `mu0_H` is each magnet's field (T).
    """
    if service.trace is None:
        yield
        return
    with service.trace.open("x", encoding="utf-8") as file:

        def write_down() -> None:
            line = {"wall": time.monotonic(), **service.moment()._asdict()}
            file.write(json.dumps(line) + "\n")
            file.flush()

        service.served.observe(write_down)
        yield
        service.served.close()


def _factor(pace: str) -> float:
    if pace in {"real", "fast"}:
        return 1.0 if pace == "real" else FAST
    try:
        factor = float(pace)
    except ValueError:
        factor = math.nan
    if not 1 <= factor < math.inf:
        raise RequestError(
            f"--time must be real, fast, or a factor of at least 1; got {pace!r}. Nothing was served."
        )
    return factor


def _check_replaceable(path: Path) -> None:
    """A station file that somebody wrote is never replaced; one that `simulate` wrote is."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            is_ours = file.read(len(_HEADER)) == _HEADER
    except FileNotFoundError:
        return
    except OSError as error:
        raise RequestError(f"-o must be a file that can be written; {path}: {error.strerror}.") from error
    if not is_ours:
        raise RequestError(
            f"-o must be a new file, or one that labctl simulate wrote; {path} is neither. Nothing was served."
        )


def _write_station(service: Service, resources: dict[str, str]) -> None:
    import tomli_w

    content = dict(service.content)
    content["instruments"] = {
        role: section | {"resource": resources.get(role, section["resource"])}
        for role, section in content["instruments"].items()
    }
    try:
        service.output.write_text(_HEADER + tomli_w.dumps(content), encoding="utf-8")
    except OSError as error:
        raise RequestError(
            f"-o must be a file that can be written; {service.output}: {error.strerror}. Nothing is served."
        ) from error
