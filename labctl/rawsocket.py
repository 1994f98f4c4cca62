"""What PyVISA does not offer on a raw socket: sending at once, and seeing what has come and nobody has read."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyvisa
    from pyvisa.resources import MessageBasedResource


def send_at_once(manager: pyvisa.ResourceManager, resource: MessageBasedResource) -> None:
    """Turn Nagle's algorithm off on a raw socket of pyvisa-py, whose own attribute for it raises.

    Together with the delayed ACK of the other side it costs 44 ms a query that follows a command.
    """
    sessions = getattr(manager.visalib, "sessions", {})
    line = getattr(sessions.get(resource.session), "interface", None)
    if isinstance(line, socket.socket) and line.type == socket.SOCK_STREAM:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def descriptor(manager: pyvisa.ResourceManager, resource: MessageBasedResource) -> int | None:
    """Return the file descriptor of a raw socket's session in pyvisa-py; None where there is no such thing."""
    session: Any = getattr(manager.visalib, "sessions", {}).get(resource.session)
    line = getattr(session, "interface", None)
    return line.fileno() if isinstance(line, socket.socket) and line.type == socket.SOCK_STREAM else None


def unread(manager: pyvisa.ResourceManager, resource: MessageBasedResource) -> Callable[[], bool] | None:
    """Return what tells of bytes that have come and that nobody has read; None where nothing can."""
    library: Any = manager.visalib
    if hasattr(library, "has_unread"):  # the simulated bench
        return lambda: library.has_unread(resource.session)
    session: Any = getattr(library, "sessions", {}).get(resource.session)
    line = getattr(session, "interface", None)
    if not (isinstance(line, socket.socket) and hasattr(session, "_pending_buffer")):
        return None
    return lambda: bool(session._pending_buffer) or bool(select.select([line], [], [], 0)[0])
