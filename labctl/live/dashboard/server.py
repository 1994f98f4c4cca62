"""`labctl dashboard`: the application behind a socket, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from labctl import tables
from labctl.errors import FaultError, RequestError
from labctl.live.dashboard.app import Dashboard, create
from labctl.live.dashboard.security import Access

_CONNECTIONS: Final = 200
"""Requests under way at once, streams included; more are told to come later (our choice)."""

_GOODBYE: Final = 3
"""Seconds that answers under way have when the server ends (our choice)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A checked request to serve a folder: where it listens already, and who may come in."""

    folder: Path
    access: Access
    line: socket.socket

    @property
    def url(self) -> str:
        """The address to open, with the token where one is needed."""
        host, port = self.line.getsockname()[:2]
        if ipaddress.ip_address(host).is_unspecified:  # every address of this machine, which is none to go to
            host = socket.gethostname()
        name = f"[{host}]" if ":" in host else host
        token = f"?token={self.access.token}" if self.access.token else ""
        return f"http://{name}:{port}/{token}"


def prepare(folder: Path, host: str, port: int) -> Service:
    """Check a request and take the port; RequestError where there is no such folder, FaultError without a port."""
    if not folder.is_dir():
        raise RequestError(f"{folder} must be a folder; there is none of that name. Nothing is served.")
    return Service(folder, Access.at(host), _listening(host, port))


def serve(service: Service, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    with service.line:
        asyncio.run(_serve(service, as_json))


async def _serve(service: Service, as_json: bool) -> None:
    dashboard = Dashboard(service.folder, service.access)
    settings = uvicorn.Config(
        create(dashboard),
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GOODBYE,
    )
    server = _Server(settings)

    def end() -> None:
        server.should_exit = True
        dashboard.hub.close()  # streams have no end of their own

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    _announce(service, as_json)
    await server.serve(sockets=[service.line])


class _Server(uvicorn.Server):
    """A server that leaves the signals to us: uvicorn's own ends the process by the signal it got."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _announce(service: Service, as_json: bool) -> None:
    host, port = service.line.getsockname()[:2]
    if as_json:
        told = {"url": service.url, "host": host, "port": port, "token": service.access.token}
        tables.as_json({**told, "folder": service.folder.absolute()})
        return
    tables.say(f"runs     {service.folder.absolute()}")
    tables.say(f"open     {service.url}")
    if service.access.token:
        tables.say(
            "Whoever has this address can see every run here, and stop one. Nothing is encrypted on the way."
        )
    tables.say("Ctrl-C ends it.")


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        line = socket.socket(family, kind, protocol)
    except OSError as error:
        raise RequestError(
            f"--host must be an address of this machine; got {host!r}: {error.strerror}."
        ) from error
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind(address)
        line.listen(128)
    except OSError as error:
        line.close()
        what = "it is taken by another program" if error.errno == errno.EADDRINUSE else error.strerror
        raise FaultError(
            f"the dashboard must have a free port at {host}; port {port}: {what}. Nothing is served."
        ) from error
    return line
